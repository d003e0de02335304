"""Lists of words in one array that kernels search: the words of each list are grouped by their first byte.

Lists are short (tens to hundreds of words), so that comparing the few words with the same first byte beats a hash.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import types

from core.characters import Bytes, Int
from core.kernels import helper

#: Word w is `lexicon[lexicon[w]:lexicon[w + 1]]`, a byte a number. Those of list g that start with byte b are w =
#: `lexicon[STRIDE * g + b]` to `lexicon[STRIDE * g + b + 1]`, exclusive. Behind these, 4,096 bits a list: whether a
#: word's first three bytes have that hash, which spares most positions of a text any comparison.
Lexicon = npt.NDArray[np.int32]
STRIDE = 257 + 128
LEXICON_TYPE = types.Array(types.int32, 1, "C", readonly=True)


def make_lexicon(lists: Sequence[Iterable[str]]) -> Lexicon:
    """A Lexicon of the lists; empty words and repeats within a list are left out."""
    listed = [sorted({entry.encode() for entry in entries if entry}) for entries in lists]
    words = [word for entries in listed for word in entries]
    base = STRIDE * len(lists)
    head = np.zeros((len(lists), STRIDE), np.int32)
    before = base
    for g, entries in enumerate(listed):
        firsts = np.array([word[0] for word in entries], np.int64)
        head[g, :257] = before + np.searchsorted(firsts, np.arange(257))
        before += len(entries)
        possible = np.zeros(4096, bool)
        for word in entries:
            seconds = np.arange(256) if len(word) < 2 else np.array([word[1]])
            thirds = np.arange(256) if len(word) < 3 else np.array([word[2]])
            possible[_prefix_hash(word[0], seconds[:, None], thirds)] = True
        head[g, 257:] = np.packbits(possible, bitorder="little").view("<i4")
    lengths = [len(word) for word in words]
    places = base + len(words) + 1 + np.cumsum([0, *lengths])
    lexicon = np.concatenate([head.ravel(), places, np.frombuffer(b"".join(words), np.uint8)]).astype(np.int32)
    lexicon.setflags(write=False)
    return lexicon


def _prefix_hash(a: Any, b: Any, c: Any) -> Any:
    return (a * 97 + b * 11 + c) & 4095


_njit_prefix_hash = helper(_prefix_hash)


@helper
def ascii_lower(b: Int) -> Int:
    return b + 32 if 65 <= b <= 90 else b


@helper
def may_match(lexicon: Lexicon, group: Int, data: Bytes, start: Int, end: Int) -> bool:
    """Whether a word of list `group` may stand at `start`: False for sure, True for one place in ten."""
    if start + 3 > end:
        return True
    a, b, c = np.int64(data[start]), np.int64(data[start + 1]), np.int64(data[start + 2])
    h = _njit_prefix_hash(ascii_lower(a), ascii_lower(b), ascii_lower(c))
    return (lexicon[STRIDE * group + 257 + (h >> 5)] >> (h & 31)) & 1 != 0


@helper
def match(lexicon: Lexicon, word: Int, data: Bytes, start: Int, end: Int) -> Int:
    """The length of word `word` if it stands at `start`, before `end`, whatever the case of ASCII letters; else 0."""
    first = lexicon[word]
    length = lexicon[word + 1] - first
    if start + length > end:
        return 0
    for k in range(length):
        if lexicon[first + k] != ascii_lower(np.int64(data[start + k])):
            return 0
    return length


@helper
def find_word(lexicon: Lexicon, group: Int, data: Bytes, start: Int, end: Int) -> Int:
    """The word of list `group` that is `data[start:end]`, whatever the case of ASCII letters; -1 if there is none."""
    if start >= end:
        return -1
    at = STRIDE * group + ascii_lower(np.int64(data[start]))
    for word in range(lexicon[at], lexicon[at + 1]):
        if lexicon[word + 1] - lexicon[word] == end - start and match(lexicon, word, data, start, end) > 0:
            return np.int64(word)
    return -1
