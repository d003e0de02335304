"""Bytes that the shapes of personal data are made of, and full-width forms of them written as ASCII.

Full-width digits, letters and signs are those of Unicode's block Halfwidth and Fullwidth Forms (U+FF01 to U+FF5E).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit, types

from core.characters import BYTES_TYPE, Bytes, Int, Truth
from core.kernels import helper


@helper
def is_digit(b: Int) -> Truth:
    return 48 <= b <= 57


@helper
def is_word(b: Int) -> Truth:
    """An ASCII letter, a digit or `_`."""
    return 48 <= b <= 57 or 65 <= b <= 90 or 97 <= b <= 122 or b == 95


@helper
def wide_form(data: Bytes, i: Int, end: Int) -> Int:
    """The ASCII character whose full-width form stands at `i`; 0 if none does."""
    if i + 2 >= end or data[i] != 0xEF:
        return 0
    if data[i + 1] == 0xBC and data[i + 2] >= 0x81:
        return np.int64(data[i + 2]) - 0x60
    if data[i + 1] == 0xBD and data[i + 2] <= 0x9E:
        return np.int64(data[i + 2]) - 0x20
    return 0


@helper
def is_wide(data: Bytes, i: Int, end: Int) -> Truth:
    """Whether a full-width digit or letter stands at `i`."""
    c = wide_form(data, i, end)
    return c != 95 and is_word(c)


@helper
def is_wide_at(data: Bytes, i: Int, start: Int, end: Int) -> Truth:
    """Whether a full-width @ stands at `i`, or a full-width full stop, between two letters or digits of whatever width."""
    c = wide_form(data, i, end)
    if (c != 64 and c != 46) or i == start or i + 3 >= end:
        return False
    before = is_word(data[i - 1]) or (i >= start + 3 and is_wide(data, i - 3, end))
    return before and (is_word(data[i + 3]) or is_wide(data, i + 3, end))


@helper
def _between(data: Bytes, i: Int, end: Int) -> Int:
    """The hyphen or space that a sign at `i` of three bytes stands for among full-width digits; 0 for none."""
    if i + 2 >= end or i < 3 or not (is_wide(data, i - 3, end) and is_wide(data, i + 3, end)):
        return 0
    a, b, c = data[i], data[i + 1], data[i + 2]
    if (a == 0xE2 and b == 0x88 and c == 0x92) or (a == 0xE3 and b == 0x83 and c == 0xBC):  # minus, long vowel
        return 45
    return 32 if a == 0xE3 and b == 0x80 and c == 0x80 else 0


@njit(
    types.Tuple((types.uint8[::1], types.int32[::1]))(BYTES_TYPE), cache=True, nogil=True, error_model="numpy"
)  # fmt: skip
def narrowed(data: Bytes) -> tuple[Bytes, npt.NDArray[np.int32]]:
    """A text with its full-width digits and letters, and the signs that addresses and numbers have beside those, in ASCII.

    The second array says by byte where it stands in the text, and one more where the text ends.
    """
    end = np.int64(len(data))
    out, places = np.empty(end, np.uint8), np.empty(end + 1, np.int32)
    n = np.int64(0)
    i = np.int64(0)
    while i < end:
        b = np.int64(data[i])
        width = 1
        if b == 0xEF:
            c = wide_form(data, i, end)
            sign = c == 64 or c == 43 or c == 45 or c == 46 or c == 40 or c == 41 or c == 47 or c == 95  # @ + - . ( ) / _
            beside = (i >= 3 and is_wide(data, i - 3, end)) or is_wide(data, i + 3, end)
            if is_wide(data, i, end) or is_wide_at(data, i, 0, end) or (sign and beside):
                b, width = c, 3
        elif b >= 0xE2:
            c = _between(data, i, end)
            if c > 0:
                b, width = c, 3
        out[n], places[n] = b, i
        n += 1
        i += width
    places[n] = end
    return out[:n].copy(), places[: n + 1].copy()
