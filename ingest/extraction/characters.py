"""Letters, spaces and signs by their bytes in UTF-8, and where words end in scripts that put no space between them.

Only what text on pages is made of is told apart: any other character past ASCII is a letter.
"""

from __future__ import annotations

from core.characters import Bytes, Int, Truth
from core.kernels import helper

LETTER, SPACE, SIGN = range(3)
#: Bytes after which a word ends where no space would: two characters of Chinese and Japanese, four of Thai, Lao, Khmer and
#: Burmese, which is about what their words take on average.
_HAN_WORD, _THAI_WORD, _LONGEST_WORD = 6, 12, 1 << 40


@helper
def is_letter(c: Int) -> Truth:
    """An ASCII letter, digit or underscore."""
    return 97 <= c <= 122 or 65 <= c <= 90 or 48 <= c <= 57 or c == 95


@helper
def is_space(c: Int) -> Truth:
    """White space as HTML has it, and the vertical tab."""
    return c == 32 or 9 <= c <= 13


@helper
def kind_of(data: Bytes, i: Int) -> tuple[Int, Int]:
    """Whether the character past ASCII at `i` is a letter, a space or a sign, and its bytes (no more than are there)."""
    n = len(data)
    c = data[i]
    width = 1 if c < 0xC2 else 2 if c < 0xE0 else 3 if c < 0xF0 else 4
    if i + width > n:
        return LETTER, n - i
    if c == 0xC2:
        d = data[i + 1]
        return SPACE if d == 0xA0 else SIGN if d < 0xB5 and d != 0xAA else LETTER, 2
    if c == 0xE2 and 0x80 <= data[i + 1] <= 0xAF:
        # Joiners and non-joiners stand within words of Persian, and in emoji.
        return SPACE if data[i + 1] == 0x80 and data[i + 2] <= 0x8B else SIGN, 3
    if c == 0xEF and data[i + 1] == 0xBB and data[i + 2] == 0xBF:  # the byte order mark
        return SPACE, 3
    if c == 0xE3 and data[i + 1] == 0x80:
        return SPACE if data[i + 2] == 0x80 else SIGN, 3
    return SIGN if ascii_of(data, i, width) > 0 else LETTER, width


@helper
def ascii_of(data: Bytes, i: Int, width: Int) -> Int:
    """46 for the full stop, exclamation or question mark of another script, 44 for its comma, 59 for other full-width
    punctuation; else 0."""
    c, d = data[i], data[i + 1] if width > 1 else 0
    if width == 2 and c == 0xD8:  # Arabic
        return 44 if d == 0x8C else 46 if d == 0x9F else 44 if d == 0x9B else 0
    if width != 3:
        return 0
    e = data[i + 2]
    if c == 0xE3 and d == 0x80:
        return 46 if e == 0x82 else 44 if e == 0x81 else 0
    if c == 0xE0 and d == 0xA5:  # danda
        return 46 if e == 0xA4 or e == 0xA5 else 0
    if c == 0xEF and d == 0xBC:
        if e == 0x81 or e == 0x8E or e == 0x9F:
            return 46
        return 44 if e == 0x8C else 59 if 0x82 <= e <= 0x8F or 0x9A <= e <= 0xA0 or e >= 0xBB else 0
    if c == 0xEF and d == 0xBD:
        return 46 if e == 0xA1 else 59 if 0x9B <= e <= 0xA5 else 0
    return 0


@helper
def unspaced_word(data: Bytes, i: Int, width: Int) -> Int:
    """After how many bytes a word ends at the letter at `i`, if no sign or space ends it before."""
    if width == 3:
        c, d = data[i], data[i + 1]
        if 0xE3 <= c <= 0xE9 and not (c == 0xE3 and d == 0x80):
            return _HAN_WORD
        if (c == 0xE0 and 0xB8 <= d <= 0xBB) or (c == 0xE1 and ((0x80 <= d <= 0x81) or (0x9E <= d <= 0x9F))):
            return _THAI_WORD
    return _LONGEST_WORD
