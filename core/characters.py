"""Classes of Unicode code points, as bits in one table that kernels take as an argument.

Python's str methods (Unicode 14.0), datatrove's punctuation, spaCy's regex classes and UAX #29's word breaks (Unicode
16.0) are frozen in data/character_classes.tsv, so that no result depends on the version of Python.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import types

from core.kernels import helper

SPACE = 1 << 0  # str.isspace
ALPHA = 1 << 1  # str.isalpha
ALNUM = 1 << 2  # str.isalnum
LINE_BREAK = 1 << 3  # what str.splitlines splits at
PUNCTUATION = 1 << 4  # datatrove.utils.text.PUNCTUATION_SET
TERMINAL = 1 << 5  # datatrove.utils.text.TERMINAL_PUNCTUATION
UNSPACED = 1 << 6  # letters and marks of scripts without spaces: Han, kana, Thai, Lao, Khmer, Burmese, Tibetan, …
AFFIX_PREFIX = 1 << 7  # spaCy: a prefix of one character
AFFIX_SUFFIX = 1 << 8  # spaCy: a suffix of one character
AFFIX_ALPHA = 1 << 9  # spaCy: ALPHA
AFFIX_LOWER = 1 << 10  # spaCy: ALPHA_LOWER
AFFIX_UPPER = 1 << 11  # spaCy: ALPHA_UPPER
AFFIX_ICON = 1 << 12  # spaCy: LIST_ICONS
AFFIX_QUOTE = 1 << 13  # spaCy: CONCAT_QUOTES
AFFIX_BEFORE_STOP = 1 << 14  # spaCy: what a full stop is split from
PICTOGRAPHIC = 1 << 15  # Extended_Pictographic
WORD_BREAK_SHIFT = 16  # bits 16–20: Word_Break, in the order of the table's first line

Classes = npt.NDArray[np.uint32]
Bytes = npt.NDArray[np.uint8]

#: Numbers in kernels: Python's where they were literals, NumPy's where they came from an array.
Int = int | np.integer[Any]
Real = float | np.floating[Any] | Int
Truth = bool | np.bool_

#: For the explicit signatures of kernels: the bytes of an Arrow column and CLASSES are read-only arrays.
BYTES_TYPE = types.Array(types.uint8, 1, "C", readonly=True)
CLASSES_TYPE = types.Array(types.uint32, 1, "C", readonly=True)
OFFSETS_TYPE = types.Array(types.int32, 1, "C", readonly=True)


def _load() -> Classes:
    table = np.zeros(0x110000, np.uint32)
    for line in (Path(__file__).parent / "data" / "character_classes.tsv").read_text("utf-8").splitlines()[1:]:
        first, last, bits = line.split("\t")
        table[int(first, 16) : int(last, 16) + 1] = int(bits, 16)
    table.setflags(write=False)
    return table


#: The bits of every code point, uint32 of shape (0x110000,), read-only. Pass it to kernels; it is no numba constant,
#: as numba's cache would keep the table of the day it was compiled.
CLASSES: Classes = _load()


@helper
def decode(data: Bytes, i: Int) -> tuple[Int, Int]:
    """The code point at byte `i` of valid UTF-8, and the number of bytes it takes."""
    b = np.int64(data[i])
    if b < 0x80:
        return b, 1
    if b < 0xE0:
        return ((b & 0x1F) << 6) | (np.int64(data[i + 1]) & 0x3F), 2
    if b < 0xF0:
        return ((b & 0x0F) << 12) | ((np.int64(data[i + 1]) & 0x3F) << 6) | (np.int64(data[i + 2]) & 0x3F), 3
    return (
        ((b & 0x07) << 18)
        | ((np.int64(data[i + 1]) & 0x3F) << 12)
        | ((np.int64(data[i + 2]) & 0x3F) << 6)
        | (np.int64(data[i + 3]) & 0x3F)
    ), 4


@helper
def before(data: Bytes, i: Int) -> Int:
    """The first byte of the code point that ends at byte `i` (exclusive)."""
    i -= 1
    while data[i] & 0xC0 == 0x80:
        i -= 1
    return i


@helper
def char_length(data: Bytes, start: Int, end: Int) -> Int:
    """The number of code points in `data[start:end]`."""
    n = 0
    for i in range(start, end):
        n += (data[i] & 0xC0) != 0x80
    return n


@helper
def rstrip(data: Bytes, start: Int, end: Int, classes: Classes) -> Int:
    """The end of the span that str.rstrip leaves."""
    while end > start:
        i = before(data, end)
        cp, _ = decode(data, i)
        if not classes[cp] & SPACE:
            break
        end = i
    return end


@helper
def strip(data: Bytes, start: Int, end: Int, classes: Classes) -> tuple[Int, Int]:
    """The span that str.strip leaves."""
    while start < end:
        cp, width = decode(data, start)
        if not classes[cp] & SPACE:
            break
        start += width
    return start, rstrip(data, start, end, classes)
