"""Where a phone number, a card or a bank account may stand in a text, from the byte at which it begins.

The shapes are those of ITU-T E.123 (phone numbers), ISO 7812 (cards) and ISO 13616 (IBAN); filters.pii_phones and
filters.pii_checks decide.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from core.characters import Bytes, Int, Truth
from core.kernels import helper
from filters.lexicon import STRIDE, Lexicon, ascii_lower, match, may_match
from filters.pii_bytes import is_digit, is_word

Groups = npt.NDArray[np.int64]

#: Groups of the lexicon: what keys begin with, what announces a phone number, and what hints at one.
PREFIXES, CUES, HINTS = 0, 1, 2
#: Whether digits may be a phone number, and whether a word such as `call` stands before them, or one such as `tel`, or a sign.
NEITHER, PLAIN, HINTED, ANNOUNCED = -1, 0, 1, 2

_CUE_REACH = 24  # characters
_HINT_REACH = 8  # characters between a hint and digits without separators: ` us at `
_MIN_CALLED, _MIN_HINTED, _MIN_PHONE, _MAX_PHONE, _MAX_DIGITS = 6, 7, 8, 15, 24  # E.164 has 15 digits at most; with 00 17
_MAX_GAP = 4  # characters between two groups of digits, as in ` - (`
MAX_GROUPS = 16
#: Digits of a number beside another, and of one without a country code in groups of two that is written again in the same.
_MIN_BESIDE, _MIN_AGAIN = 7, 9
MIN_CARD, _MAX_CARD = 14, 19


@helper
def _separator(data: Bytes, j: Int, end: Int) -> Int:
    """The bytes of a character that may stand between two digits of a phone number; 0 if it is none."""
    b = data[j]
    if b == 32 or b == 45 or b == 46 or b == 47 or b == 40 or b == 41:  # space - . / ( )
        return 1
    if b == 0xC2 and j + 1 < end and data[j + 1] == 0xA0:  # no-break space
        return 2
    if b == 0xE2 and j + 2 < end and data[j + 1] == 0x80 and (0x90 <= data[j + 2] <= 0x95 or data[j + 2] == 0xAF):
        return 3  # hyphens and dashes; narrow no-break space
    return 0


@helper
def _digits(data: Bytes, i: Int, end: Int, groups: Groups) -> tuple[Int, Int, Int]:
    """Groups of digits with separators between from `i` on: where the last group ends, and how many digits and groups.

    Fills `groups` with how many digits the first groups have, where they begin and where they end.
    """
    j = i
    last = i
    total = count = run = 0
    while j < end:
        if is_digit(data[j]):
            run = 0
            while j < end and is_digit(data[j]):
                run += 1
                j += 1
            if count < MAX_GROUPS:
                groups[count], groups[MAX_GROUPS + count], groups[2 * MAX_GROUPS + count] = run, j - run, j
            count += 1
            total += run
            last = j
            if total > _MAX_DIGITS:
                break
            continue
        gap = 0
        while j < end and gap < _MAX_GAP:
            width = _separator(data, j, end)
            if width == 0:
                break
            j += width
            gap += 1
        if gap == 0 or j >= end or not is_digit(data[j]):
            break
    return last, total, count


@helper
def _again(data: Bytes, groups: Groups, k: Int) -> bool:
    """Whether as many groups follow group `k` as stand before it, of the same sizes, with the same first digit."""
    if data[groups[MAX_GROUPS]] != data[groups[MAX_GROUPS + k]]:
        return False
    for m in range(k):
        if groups[m] != groups[k + m]:
            return False
    return True


@helper
def _beside(data: Bytes, groups: Groups, total: Int, count: Int) -> Int:
    """At which group another number begins, as in `030 1234567 / 030 7654321` and `0151 23456789 0160 98765432`; 0 if none
    does."""
    count = min(count, MAX_GROUPS)
    before = 0
    for k in range(1, count):
        before += groups[k - 1]
        if before < _MIN_BESIDE or total - before < _MIN_CALLED:
            continue
        start, stop = groups[2 * MAX_GROUPS + k - 1], groups[MAX_GROUPS + k]
        slash = spaces = 0
        for j in range(start, stop):
            slash += data[j] == 47
            spaces += data[j] == 32
        zero = data[stop] == 48
        if slash == 1 and (spaces == 2 or (zero and total > _MAX_PHONE)):
            return k
        if total <= _MAX_PHONE + 2:
            continue
        if (2 * k == count or (before >= _MIN_AGAIN and 2 * k <= count)) and _again(data, groups, k):
            return k
        if zero and groups[k] > 2 and before >= _MIN_AGAIN:
            return k
    return 0


@helper
def _characters(data: Bytes, start: Int, end: Int) -> Int:
    count = 0
    for k in range(start, end):
        count += (data[k] & 0xC0) != 0x80
    return count


@helper
def _announced(data: Bytes, i: Int, start: Int, lexicon: Lexicon, group: Int, reach: Int) -> bool:
    """Whether a word or sign of a group ends shortly before `i`, `reach` characters at most, or at the end of the line before."""
    first = i
    passed = 0
    while first > start and passed < _CUE_REACH:
        first -= 1
        passed += (data[first] & 0xC0) != 0x80
    inside = first > start and (is_word(data[first - 1]) or data[first - 1] >= 0x80)
    for k in range(first, i):
        b = data[k]
        if b & 0xC0 == 0x80:
            continue
        letter = 97 <= b | 32 <= 122
        if (not inside or b >= 0xE0) and may_match(lexicon, group, data, k, i):  # signs, and scripts without spaces
            at = STRIDE * group + ascii_lower(np.int64(b))
            for word in range(lexicon[at], lexicon[at + 1]):
                length = match(lexicon, word, data, k, i)
                if (
                    length > 0
                    and _characters(data, k + length, i) <= reach
                    and (b >= 0x80 or k + length == i or not 97 <= (data[k + length] | 32) <= 122)
                ):
                    return True
        inside = letter or b >= 0x80
    return False


@helper
def phone(data: Bytes, i: Int, start: Int, end: Int, lexicon: Lexicon, groups: Groups) -> tuple[Int, Int]:
    """Where the digits from `i` on end that may be a phone number; and PLAIN, ANNOUNCED or NEITHER. `i` may be at + or (.

    Of two numbers side by side it is the first.
    """
    j = i
    while j < end and (data[j] == 43 or data[j] == 40):
        j += 1
    plus = j > i and (data[i] == 43 or (j > i + 1 and data[j - 1] == 43))
    if j == end or not is_digit(data[j]):
        return j, NEITHER
    last, total, count = _digits(data, j, end, groups)
    if total >= _MIN_BESIDE + _MIN_CALLED:
        other = _beside(data, groups, total, count)
        if other > 0:
            last, count, total = groups[2 * MAX_GROUPS + other - 1], other, 0
            for k in range(other):
                total += groups[k]
    if last < end and (is_word(data[last]) and (data[last] | 32) != 120):  # an x is an extension
        return last, NEITHER
    if total < _MIN_CALLED or total > _MAX_PHONE + 2:
        return last, NEITHER
    if plus:
        return last, PLAIN if total >= _MIN_PHONE else NEITHER
    if _announced(data, i, start, lexicon, CUES, _CUE_REACH):
        return last, ANNOUNCED
    if total >= _MIN_HINTED and _announced(data, i, start, lexicon, HINTS, _CUE_REACH if count > 1 else _HINT_REACH):
        return last, HINTED
    bracket = i < j
    if data[j] == 48 and total >= _MIN_PHONE and (count > 1 or bracket) and (groups[0] > 1 or bracket):
        return last, PLAIN
    if _has_shape(groups, count, total, data[j], bracket and groups[0] + 1 < last - j and data[j + groups[0]] == 41):
        return last, PLAIN
    return last, NEITHER


@helper
def _has_shape(groups: Groups, count: Int, total: Int, first: Int, bracket: Truth) -> Truth:
    """Whether groups of digits are as those of a plan that is written in one way; `bracket` stands around the first."""
    g = 1 if count > 3 and groups[0] == 1 else 0  # the prefix of long distance: 1 in America, 8 in Russia, 0 in Turkey and Ukraine
    if count == 3 + g and (g == 0 or first == 49) and groups[g] == 3 and groups[g + 1] == 3 and groups[g + 2] == 4:
        return True  # North America
    if g == 1 and first == 48 and total >= 10 and groups[1] == 3 and groups[2] > 1 and groups[3] > 1:
        return True
    if (g == 1 and first == 56 and count == 5) or (bracket and count == 4):
        return groups[g] == 3 and groups[g + 1] == 3 and groups[g + 2] == 2 and groups[g + 3] == 2
    return bracket and count == 3 and groups[0] == 2 and (groups[1] == 4 or groups[1] == 5) and groups[2] == 4  # Brazil


@helper
def card(data: Bytes, i: Int, end: Int) -> Int:
    """Where 14 to 19 digits end that pass Luhn's check: in one, or as cards are printed, 4 4 4 4, 4 6 5 or 4 6 4."""
    j = i
    run = total = groups = 0
    mark = np.int64(0)
    even = odd = 0
    while j < end and total <= _MAX_CARD:
        b = np.int64(data[j])
        if is_digit(b):
            d = b - 48
            doubled = 2 * d - 9 if d > 4 else 2 * d
            # Which digits count double is known at the last: both sums are kept.
            even, odd = odd + d, even + doubled
            run += 1
            total += 1
            j += 1
            continue
        if (b != 32 and b != 45) or (groups > 0 and b != mark) or j + 1 == end or not is_digit(data[j + 1]):
            break
        if run != 4 and not (groups == 1 and run == 6):
            break
        mark = b
        groups += 1
        run = 0
        j += 1
    if j < end and (is_word(data[j]) or (data[j] == 46 and j + 1 < end and is_digit(data[j + 1]))):
        return i
    if total < MIN_CARD or total > _MAX_CARD or even % 10 != 0:
        return i
    return j


@helper
def _group_space(data: Bytes, j: Int, end: Int) -> Int:
    """The bytes of a space that may part the groups of an IBAN; 0 if it is none."""
    if data[j] == 32:
        return 1
    if data[j] == 0xC2 and j + 1 < end and data[j + 1] == 0xA0:  # no-break
        return 2
    if data[j] == 0xE2 and j + 2 < end and data[j + 1] == 0x80 and (0x87 <= data[j + 2] <= 0x8A or data[j + 2] == 0xAF):
        return 3  # figure, punctuation, thin, hair; narrow no-break
    return 0


@helper
def iban(data: Bytes, i: Int, end: Int, lengths: Bytes) -> Int:
    """Where the characters of an IBAN end that begins at `i`, as many as its country has, all in capitals or all in small
    letters; `i` if there are others."""
    small = np.int64(data[i] & 32)
    first, second = np.int64(data[i]) - small, np.int64(data[i + 1]) - small if i + 1 < end else 0
    if i + 4 > end or not (65 <= second <= 90 and is_digit(data[i + 2]) and is_digit(data[i + 3])):
        return i
    wanted = np.int64(lengths[26 * (first - 65) + second - 65])
    if wanted == 0:
        return i
    j = i
    count = 0
    parted = True
    while j < end and count < wanted:
        b = np.int64(data[j])
        if is_digit(b) or 65 <= b - small <= 90:
            count += 1
            parted = False
            j += 1
            continue
        width = _group_space(data, j, end)
        if width == 0 or parted or count % 4 != 0:
            return i
        parted = True
        j += width
    if count < wanted or (j < end and is_word(data[j])):
        return i
    return j
