"""Words as UAX #29's default word boundaries make them, without those that are whitespace or punctuation.

Rules: unicode.org/reports/tr29 (Unicode 16.0), as in uniseg 0.10, which DCLM counts n-grams with.
"""

from __future__ import annotations

import numpy as np

from core.characters import ALNUM, PICTOGRAPHIC, WORD_BREAK_SHIFT, Bytes, Classes, Int, Truth, decode
from core.kernels import helper
from core.words import Spans

# Word_Break values by their place in data/character_classes.tsv
_CR, _NEWLINE, _EXTEND, _ZWJ, _FORMAT, _KATAKANA = 1, 3, 4, 5, 7, 8
_HEBREW, _ALETTER, _SINGLE_QUOTE, _DOUBLE_QUOTE = 9, 10, 11, 12
_MIDNUMLET, _MIDLETTER, _MIDNUM, _NUMERIC, _EXTENDNUMLET = 13, 14, 15, 16, 17


@helper
def _word_break(classes: Classes, cp: Int) -> Int:
    return np.int64((classes[cp] >> WORD_BREAK_SHIFT) & 31)


@helper
def _is_letter(value: Int) -> Truth:
    return value in (_ALETTER, _HEBREW)


@helper
def _is_skipped(value: Int) -> Truth:
    return value in (_EXTEND, _ZWJ, _FORMAT)


@helper
def _next_value(data: Bytes, i: Int, end: Int, classes: Classes) -> Int:
    """Word_Break of the first code point from byte `i` on that WB4 does not skip, -1 at the end."""
    while i < end:
        cp, width = decode(data, i)
        value = _word_break(classes, cp)
        if not _is_skipped(value):
            return value
        i += width
    return -1


@helper
def _joins_next(previous: Int, value: Int, following: Int) -> Truth:
    """WB6, WB7b and WB12: a mark that stays with what is before it for the sake of what follows it."""
    if _is_letter(previous) and value in (_MIDLETTER, _MIDNUMLET, _SINGLE_QUOTE) and _is_letter(following):
        return True
    if previous == _HEBREW and value == _DOUBLE_QUOTE and following == _HEBREW:
        return True
    return previous == _NUMERIC and value in (_MIDNUM, _MIDNUMLET, _SINGLE_QUOTE) and following == _NUMERIC


@helper
def _joins(earlier: Int, previous: Int, value: Int) -> Truth:
    """WB5, WB7, WB7a, WB7c, WB8–WB11, WB13–WB13b: no boundary between `previous` and `value`."""
    letter = _is_letter(value)
    if letter:
        if _is_letter(previous) or previous in (_NUMERIC, _EXTENDNUMLET):
            return True
        if _is_letter(earlier) and previous in (_MIDLETTER, _MIDNUMLET, _SINGLE_QUOTE):
            return True
        return value == _HEBREW and earlier == _HEBREW and previous == _DOUBLE_QUOTE
    if value == _NUMERIC:
        if previous in (_NUMERIC, _EXTENDNUMLET) or _is_letter(previous):
            return True
        return earlier == _NUMERIC and previous in (_MIDNUM, _MIDNUMLET, _SINGLE_QUOTE)
    if value == _KATAKANA:
        return previous in (_KATAKANA, _EXTENDNUMLET)
    if value == _EXTENDNUMLET:
        return _is_letter(previous) or previous in (_NUMERIC, _KATAKANA, _EXTENDNUMLET)
    return value == _SINGLE_QUOTE and previous == _HEBREW


@helper
def split_boundaries(data: Bytes, start: Int, end: Int, classes: Classes, starts: Spans, ends: Spans) -> Int:
    """Words between UAX #29 boundaries whose first character is a letter or digit (str.isalnum).

    As the rules have no dictionary, each character of Han, hiragana, Thai, … is a word.
    """
    n = 0
    word = start
    kept = False  # whether the word that began at `word` starts with a letter or digit
    earlier, previous, raw = -1, -1, -1
    i = start
    while i < end:
        cp, width = decode(data, i)
        value = _word_break(classes, cp)
        if raw < 0 or _CR <= raw <= _NEWLINE or _CR <= value <= _NEWLINE:
            joined = False
        elif (raw == _ZWJ and classes[cp] & PICTOGRAPHIC) or _is_skipped(value):
            joined = True
        else:
            joined = _joins(earlier, previous, value)
            if not joined and _SINGLE_QUOTE <= value <= _MIDNUM and previous >= _HEBREW:
                joined = _joins_next(previous, value, _next_value(data, i + width, end, classes))
        if not joined:
            if kept:
                starts[n] = word
                ends[n] = i
                n += 1
            word = i
            kept = (classes[cp] & ALNUM) != 0
        raw = value
        if not _is_skipped(value):
            earlier, previous = previous, value
        i += width
    if kept:
        starts[n] = word
        ends[n] = end
        n += 1
    return n
