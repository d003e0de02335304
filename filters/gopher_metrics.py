"""What the three readings of Gopher's rules share: the places of metrics, symbols and stop words.

`filters.gopher_datatrove`, `gopher_dclm` and `gopher_dolma` fill one row of metrics a text (arXiv 2112.11446, §A.1.1).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit, types

from core.characters import BYTES_TYPE, CLASSES_TYPE, OFFSETS_TYPE, Bytes, Int, Real, Truth
from core.english import EXCEPTIONS_TYPE
from core.kernels import helper
from core.words import Spans, hash_span, mix

Row = npt.NDArray[np.float64]
Table = npt.NDArray[np.uint64]

WORDS, MEAN_LENGTH, MEDIAN_LENGTH = 0, 1, 2
HASHES, ELLIPSES, SYMBOLS = 3, 4, 5
BULLET_LINES, ELLIPSIS_LINES, ALPHA_WORDS, STOP_WORDS = 6, 7, 8, 9
DUP_LINE_FRAC, DUP_PARA_FRAC, DUP_LINE_CHARS, DUP_PARA_CHARS = 10, 11, 12, 13
TOP = 12  # TOP + n is the place of top_<n>gram, n in 2..4
DUP = 12  # DUP + n is the place of dup_<n>gram, n in 5..10
METRICS = 23

LONGEST_STOP_WORD = 64  # bytes; longer words are none

#: A kernel over a batch: offsets, data, CLASSES, EXCEPTIONS, stop words, language of each text, metrics to fill.
STOP_TYPE = types.Array(types.uint64, 1, "C", readonly=True)
SIGNATURE = types.void(OFFSETS_TYPE, BYTES_TYPE, CLASSES_TYPE, EXCEPTIONS_TYPE, STOP_TYPE, types.int32[::1], types.float64[:, ::1])


@helper
def count_pattern(data: Bytes, start: Int, end: Int, b0: Int, b1: Int, b2: Int) -> Int:
    """Occurrences of three bytes that do not overlap, as of str.count."""
    n = 0
    i = start
    while i + 2 < end:
        if data[i] == b0 and data[i + 1] == b1 and data[i + 2] == b2:
            n += 1
            i += 3
        else:
            i += 1
    return n


@helper
def count_byte(data: Bytes, start: Int, end: Int, b: Int) -> Int:
    """Occurrences of a byte."""
    n = 0
    for i in range(start, end):
        n += data[i] == b
    return n


@helper
def ends_with_dots(data: Bytes, start: Int, end: Int) -> Truth:
    """Whether `data[start:end]` ends in three full stops."""
    return end - start >= 3 and data[end - 1] == 0x2E and data[end - 2] == 0x2E and data[end - 3] == 0x2E


@helper
def ends_with_ellipsis(data: Bytes, start: Int, end: Int) -> Truth:
    """Whether `data[start:end]` ends in U+2026."""
    return end - start >= 3 and data[end - 1] == 0xA6 and data[end - 2] == 0x80 and data[end - 3] == 0xE2


@helper
def is_bullet(data: Bytes, start: Int, end: Int) -> Truth:
    """Whether `data[start:end]` starts with U+2022."""
    return end - start >= 3 and data[start] == 0xE2 and data[start + 1] == 0x80 and data[start + 2] == 0xA2


@helper
def stop_key(word: np.uint64, language: Int) -> np.uint64:
    """The key of a word (its `core.words.hash_span`) among the stop words of a language (its number)."""
    return mix(word + np.uint64(language + 1) * np.uint64(0x9E3779B97F4A7C15)) | np.uint64(1)


@njit(
    types.void(OFFSETS_TYPE, BYTES_TYPE, types.int32[::1], types.uint64[::1]),
    error_model="numpy", cache=True, nogil=True,
)  # fmt: skip
def fill_stop_words(offsets: Spans, data: Bytes, languages: Spans, table: Table) -> None:
    """Puts words, each with the number of its language, into a table: a power of two of keys, 0 where empty."""
    mask = len(table) - 1
    for i in range(len(languages)):
        key = stop_key(hash_span(data, np.int64(offsets[i]), np.int64(offsets[i + 1])), np.int64(languages[i]))
        slot = np.int64(key >> np.uint64(8)) & mask
        while table[slot] != 0 and table[slot] != key:
            slot = (slot + 1) & mask
        table[slot] = key


@helper
def find_stop_word(table: Table, key: np.uint64) -> Int:
    """The slot of a key among the stop words, -1 if there is none."""
    mask = len(table) - 1
    slot = np.int64(key >> np.uint64(8)) & mask
    while table[slot] != 0:
        if table[slot] == key:
            return slot
        slot = (slot + 1) & mask
    return -1


@helper
def ratio(part: Real, whole: Real) -> Real:
    """part / whole, and 0 where there is no whole."""
    return part / whole if whole > 0 else 0.0


@helper
def top_gram(found: Spans, n: Int, counts: Spans, highest: Int) -> Int:
    """The index of the n-gram seen most; of several, the one seen first (Counter.most_common)."""
    if highest > 1:
        for k in range(n):
            if counts[found[k]] == highest:
                return np.int64(found[k])
    return 0
