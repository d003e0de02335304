"""Lists of words in one array that kernels search: the words of each list are grouped by their first byte.

Lists are short (tens to hundreds of words), so that comparing the few words with the same first byte beats a hash.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
from numba import njit, types

from core.characters import Bytes

#: Word w is `lexicon[lexicon[w]:lexicon[w + 1]]`, a byte a number. Those of list g that start with byte b are w =
#: `lexicon[257 * g + b]` to `lexicon[257 * g + b + 1]`, exclusive.
Lexicon = npt.NDArray[np.int32]
LEXICON_TYPE = types.Array(types.int32, 1, "C", readonly=True)


def make_lexicon(lists: Sequence[Iterable[str]]) -> Lexicon:
    """A Lexicon of the lists; empty words and repeats within a list are left out."""
    listed = [sorted({entry.encode() for entry in entries if entry}) for entries in lists]
    words = [word for entries in listed for word in entries]
    base = 257 * len(lists)
    groups: list[int] = []
    before = base
    for entries in listed:
        firsts = np.array([word[0] for word in entries], np.int64)
        groups.extend(before + np.searchsorted(firsts, np.arange(257)))
        before += len(entries)
    lengths = [len(word) for word in words]
    places = base + len(words) + 1 + np.cumsum([0, *lengths])
    lexicon = np.concatenate([groups, places, np.frombuffer(b"".join(words), np.uint8)]).astype(np.int32)
    lexicon.setflags(write=False)
    return lexicon


@njit(error_model="numpy")
def ascii_lower(b: int) -> int:
    return b + 32 if 65 <= b <= 90 else b


@njit(error_model="numpy")
def match(lexicon: Lexicon, word: int, data: Bytes, start: int, end: int) -> int:
    """The length of word `word` if it stands at `start`, before `end`, whatever the case of ASCII letters; else 0."""
    first = lexicon[word]
    length = lexicon[word + 1] - first
    if start + length > end:
        return 0
    for k in range(length):
        if lexicon[first + k] != ascii_lower(np.int64(data[start + k])):
            return 0
    return length


@njit(error_model="numpy")
def has_word(lexicon: Lexicon, group: int, data: Bytes, start: int, end: int) -> bool:
    """Whether list `group` has `data[start:end]`, whatever the case of ASCII letters."""
    if start >= end:
        return False
    at = 257 * group + ascii_lower(np.int64(data[start]))
    for word in range(lexicon[at], lexicon[at + 1]):
        if lexicon[word + 1] - lexicon[word] == end - start and match(lexicon, word, data, start, end) > 0:
            return True
    return False
