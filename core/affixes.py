"""What spaCy's tokenizer splits from a string at its start and end, and where it splits it inside.

The rules are those of spaCy 3.8 for English (lang/punctuation.py, lang/en/punctuation.py), each one function.
"""

from __future__ import annotations

from core.characters import (
    AFFIX_ALPHA,
    AFFIX_BEFORE_STOP,
    AFFIX_ICON,
    AFFIX_LOWER,
    AFFIX_PREFIX,
    AFFIX_QUOTE,
    AFFIX_SUFFIX,
    AFFIX_UPPER,
    ALNUM,
    Bytes,
    Classes,
    Int,
    Truth,
    before,
    decode,
)
from core.english_exceptions import Exceptions, is_unit, may_end_with_unit
from core.kernels import helper

_LONGEST_UNIT = 16  # bytes


@helper
def is_digit(b: Int) -> Truth:
    return 48 <= b <= 57


@helper
def may_have_prefix(data: Bytes, a: Int, b: Int, classes: Classes) -> Truth:
    """False for what starts like a word; A$, C$ and US$ are prefixes too."""
    cp, _ = decode(data, a)
    return not classes[cp] & ALNUM or (a + 1 < b and data[a + 1] == 0x24) or (a + 2 < b and data[a + 2] == 0x24)


@helper
def may_have_suffix(data: Bytes, a: Int, b: Int, digits: Truth) -> Truth:
    """False for what ends like a word; 's is a suffix, and so are units behind digits."""
    if a >= b:
        return False
    last = data[b - 1]
    if 0x61 <= last <= 0x7A or 0x41 <= last <= 0x5A:
        return digits or last | 0x20 == 0x73
    return not is_digit(last)


@helper
def find_prefix(data: Bytes, a: Int, b: Int, classes: Classes) -> Int:
    """Bytes of the prefix to split from `data[a:b]`, 0 if there is none."""
    cp, width = decode(data, a)
    if classes[cp] & AFFIX_PREFIX:
        if cp == 0x2B and a + 1 < b and is_digit(data[a + 1]):
            return 0
        return width
    if cp == 0x2E:
        i = a + 1
        while i < b and data[i] == 0x2E:
            i += 1
        return i - a if i - a > 1 else 0
    if (cp == 0x43 or cp == 0x41) and a + 1 < b and data[a + 1] == 0x24:  # C$ A$
        return 2
    if cp == 0x55 and a + 2 < b and data[a + 1] == 0x53 and data[a + 2] == 0x24:  # US$
        return 3
    return 0


@helper
def find_suffix(data: Bytes, a: Int, b: Int, classes: Classes, exceptions: Exceptions) -> Int:
    """Bytes of the longest suffix to split from `data[a:b]`, 0 if there is none."""
    if a >= b:
        return 0
    j = before(data, b)
    cp, width = decode(data, j)
    if cp == 0x2E:
        i = j
        while i > a and data[i - 1] == 0x2E:
            i -= 1
        if b - i > 1:
            return b - i
        return 1 if _stop_is_suffix(data, a, j, classes) else 0
    if (cp == 0x73 or cp == 0x53) and j > a:
        k = before(data, j)
        quote, _ = decode(data, k)
        if quote == 0x27 or quote == 0x2019:
            return b - k
    if cp == 0x2026 and j - 3 >= a and data[j - 3] == 0xE2 and data[j - 2] == 0x80 and data[j - 1] == 0xA6:
        return 6
    if cp == 0x2B:
        return 1 if j > a and is_digit(data[j - 1]) else 0
    if classes[cp] & AFFIX_SUFFIX:
        return width
    if not may_end_with_unit(data[b - 1], exceptions):
        return 0
    i = b - 1
    lowest = max(a, b - _LONGEST_UNIT - 1)
    while i >= lowest and not is_digit(data[i]):
        i -= 1
    if i >= lowest and is_unit(data, i + 1, b, exceptions):
        return b - i - 1
    return 0


@helper
def _stop_is_suffix(data: Bytes, a: Int, j: Int, classes: Classes) -> Truth:
    """Whether the full stop at `j` is split from what stands before it in `data[a:j]`."""
    if j <= a:
        return False
    k = before(data, j)
    cp, _ = decode(data, k)
    if classes[cp] & AFFIX_BEFORE_STOP:
        return True
    if k <= a:
        return False
    earlier, _ = decode(data, before(data, k))
    if classes[cp] & AFFIX_UPPER and classes[earlier] & AFFIX_UPPER:
        return True
    return earlier == 0xB0 and (cp | 0x20 == 0x63 or cp | 0x20 == 0x66 or cp | 0x20 == 0x6B)


@helper
def find_infix(data: Bytes, i: Int, b: Int, previous: Int, classes: Classes) -> Int:
    """Bytes of the infix at `i` of a string that ends at `b`, 0 if there is none."""
    cp, width = decode(data, i)
    if classes[cp] & AFFIX_ICON or cp == 0x2026:
        return width
    if i + width >= b:
        return 0
    if cp == 0x2E:
        k = i + 1
        while k < b and data[k] == 0x2E:
            k += 1
        if k - i > 1:
            return k - i
        following, _ = decode(data, i + 1)
        if classes[previous] & (AFFIX_LOWER | AFFIX_QUOTE) and classes[following] & (AFFIX_UPPER | AFFIX_QUOTE):
            return 1
        return 0
    after_digit = is_digit(previous)
    if not after_digit and not classes[previous] & AFFIX_ALPHA:
        return 0
    following, _ = decode(data, i + width)
    sign = cp == 0x2B or cp == 0x2D or cp == 0x2A or cp == 0x5E  # + - * ^
    if after_digit and sign and (is_digit(following) or following == 0x2D):
        return 1
    if cp == 0x2C:
        return 1 if not after_digit and classes[following] & AFFIX_ALPHA else 0
    if cp == 0x3A or cp == 0x3C or cp == 0x3D or cp == 0x3E or cp == 0x2F:  # : < = > /
        return 1 if classes[following] & AFFIX_ALPHA else 0
    if cp == 0x2D or cp == 0x2013 or cp == 0x2014 or cp == 0x7E:  # - – — ~, and runs: -- --- ——
        longest = 3 if cp == 0x2D else 2 if cp == 0x2014 else 1
        k = i
        for _ in range(longest):
            k += width
            if k >= b:
                return 0
            following, _ = decode(data, k)
            if classes[following] & AFFIX_ALPHA:
                return k - i
            if following != cp:
                return 0
    return 0
