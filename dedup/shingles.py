"""Shingles of a text: n-grams of its words or characters (Broder, "On the resemblance and containment of documents", 1997).

`shingles` is the definition, in plain Python; the kernel behind `shingle_sets` makes the hashes of the same strings.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit, types

from core.characters import (
    ALNUM,
    BYTES_TYPE,
    CLASSES,
    CLASSES_TYPE,
    OFFSETS_TYPE,
    UNSPACED,
    WORD_BREAK_SHIFT,
    Bytes,
    Classes,
    Int,
    Truth,
    decode,
)
from core.columns import utf8_view
from core.kernels import helper
from core.lower_case import LOWER, Lower, encode
from core.unspaced import is_cut
from core.words import Spans, longest_text, max_spans
from dedup.shingle_hashes import LANES, WORK, sha1, xxh64

By = Literal["word", "character"]
Hash = Literal["xxh64", "sha1"]
I64 = npt.NDArray[np.int64]
U32 = npt.NDArray[np.uint32]

#: Word_Break values by their place in data/character_classes.tsv.
_EXTEND, _ZWJ, _FORMAT = 4, 5, 7
_SPACE = 32
_RADIX = 256
_DIGITS = 4


def normalise(text: str, by: By = "word") -> str:
    """The words of a text, lower case, joined by one space: what its shingles are made of.

    A word is a run of letters and digits (str.isalnum) and the marks that follow them. Scripts without spaces (Han,
    kana, Thai, Lao, Khmer, Burmese, …) are cut as core.unspaced does, into pieces about as long as words, unless `by` is
    "character". Format characters (soft hyphen, byte order mark, direction marks) are as if absent.
    """
    words: list[str] = []
    previous = -1
    for character in text:
        cp = ord(character)
        bits = int(CLASSES[cp])
        kind = (bits >> WORD_BREAK_SHIFT) & 31
        if bits & ALNUM:
            if previous < 0 or (by == "word" and _cuts(previous, cp)):
                words.append("")
            words[-1] += chr(LOWER[cp]) if cp < len(LOWER) else character
            previous = cp
        elif kind in (_EXTEND, _ZWJ):
            if previous >= 0:
                words[-1] += character
                previous = cp
        elif kind != _FORMAT:
            previous = -1
    return " ".join(words)


def _cuts(previous: int, cp: int) -> bool:
    with np.errstate(over="ignore"):
        return bool(is_cut(previous, cp, CLASSES))


def shingles(text: str, ngram: int = 5, by: By = "word") -> list[bytes]:
    """The n-grams of a text's words, joined by one space, or of its normalised characters, as UTF-8, in their order.

    One that stands twice is listed twice. A text of fewer words (characters) than `ngram` has none.
    """
    normalised = normalise(text, by)
    pieces = normalised.split(" ") if by == "word" and normalised else list(normalised)
    glue = " " if by == "word" else ""
    return [glue.join(pieces[i : i + ngram]).encode() for i in range(len(pieces) - ngram + 1)]


def shingle_sets(texts: pa.Array, ngram: int = 5, by: By = "word", hash: Hash = "xxh64") -> tuple[I64, U32]:
    """The distinct hashes of each text's shingles: offsets int64 (n + 1,), and hashes uint32, ascending in each text.

    `hash` "xxh64" is the lower half of XXH64, "sha1" datasketch's sha1_hash32. Nulls have none.
    """
    offsets, data = utf8_view(texts)
    out_offsets = np.zeros(len(texts) + 1, np.int64)
    # A text has fewer shingles than bytes; what is not written to takes no memory.
    out = np.empty(int(offsets[-1]) - int(offsets[0]), np.uint32)
    _hash_shingles(offsets, data, CLASSES, LOWER, ngram, by == "character", hash == "sha1", out_offsets, out)
    return out_offsets, out[: out_offsets[-1]]


@helper
def _normalise(
    data: Bytes, start: Int, end: Int, classes: Classes, lower: Lower, by_character: Truth, out: Bytes, starts: Spans
) -> Int:
    """Fills `out` as `normalise` and `starts` with where each word (character) begins; how many there are.

    One more start follows, as if there was another.
    """
    n, o = 0, 0
    previous = np.int64(-1)  # the code point that the word at hand ends with so far, -1 between words
    i = start
    while i < end:
        cp, width = decode(data, i)
        i += width
        bits = classes[cp]
        if bits & ALNUM:
            if previous < 0 or (
                (bits | classes[previous]) & UNSPACED and not by_character and is_cut(previous, cp, classes)
            ):
                if o > 0:
                    if by_character:
                        starts[n] = o
                        n += 1
                    out[o] = _SPACE
                    o += 1
                if not by_character:
                    starts[n] = o
                    n += 1
        else:
            kind = (bits >> WORD_BREAK_SHIFT) & 31
            if kind == _FORMAT:
                continue
            if previous < 0 or (kind != _EXTEND and kind != _ZWJ):
                previous = np.int64(-1)
                continue
        previous = np.int64(cp)
        if by_character:
            starts[n] = o
            n += 1
        o = encode(np.int64(lower[cp]) if cp < len(lower) else cp, out, o)
    starts[n] = o if by_character else o + 1
    return n


@helper
def _sort_distinct(hashes: U32, at: Int, n: Int, room: U32, counts: Spans) -> Int:
    """Sorts `hashes[at:at + n]` by radix, each value once; how many are left. Linear, whatever the values."""
    for j in range(_DIGITS * _RADIX):
        counts[j] = 0
    for i in range(at, at + n):
        h = np.int64(hashes[i])
        counts[h & 255] += 1
        counts[256 + ((h >> 8) & 255)] += 1
        counts[512 + ((h >> 16) & 255)] += 1
        counts[768 + ((h >> 24) & 255)] += 1
    for digit in range(_DIGITS):
        total = 0
        for j in range(digit * _RADIX, (digit + 1) * _RADIX):
            count = np.int64(counts[j])
            counts[j] = total
            total += count
        shift = np.uint32(8 * digit)
        for i in range(n):
            h = room[i] if digit & 1 else hashes[at + i]
            slot = digit * _RADIX + np.int64((h >> shift) & np.uint32(255))
            to = np.int64(counts[slot])
            counts[slot] += 1
            if digit & 1:
                hashes[at + to] = h
            else:
                room[to] = h
    left = min(n, 1)
    for i in range(1, n):
        if hashes[at + i] != hashes[at + left - 1]:
            hashes[at + left] = hashes[at + i]
            left += 1
    return left


@njit(
    types.void(OFFSETS_TYPE, BYTES_TYPE, CLASSES_TYPE, CLASSES_TYPE, types.int64, types.boolean, types.boolean,
               types.int64[::1], types.uint32[::1]),
    cache=True, nogil=True, error_model="numpy",
)  # fmt: skip
def _hash_shingles(
    offsets: Spans, data: Bytes, classes: Classes, lower: Lower, ngram: int, by_character: bool, use_sha1: bool,
    out_offsets: I64, out: U32,
) -> None:  # fmt: skip
    longest = longest_text(offsets)
    # A character of two bytes may become one of three, and each in a script without spaces is followed by one.
    normalised = np.empty(2 * longest + 2, np.uint8)
    starts = np.empty(max_spans(longest) + 1, np.int32)
    room = np.empty(longest, np.uint32)
    work = np.empty(WORK, np.uint32)
    counts = np.empty(_DIGITS * _RADIX, np.int32)
    gap = 0 if by_character else 1
    at = np.int64(0)
    for row in range(len(offsets) - 1):
        start, end = np.int64(offsets[row]), np.int64(offsets[row + 1])
        n = _normalise(data, start, end, classes, lower, by_character, normalised, starts) - ngram + 1
        if use_sha1:
            for i in range(0, n, LANES):
                sha1(normalised, starts, i, min(LANES, n - i), ngram, gap, work, out, at + i)
        else:
            for i in range(n):
                h = xxh64(normalised, np.int64(starts[i]), np.int64(starts[i + ngram]) - gap)
                out[at + i] = np.uint32(h & np.uint64(0xFFFFFFFF))
        if n > 0:
            at += _sort_distinct(out, at, n, room, counts)
        out_offsets[row + 1] = at
