"""Counts the sentences of a line, close to what nltk's English Punkt model finds (Kiss and Strunk, 2006).

Punkt's rules for full stops are kept; what it learned from a corpus (abbreviations, words that start sentences) is
replaced by two short lists.
"""

from __future__ import annotations

import numpy as np

from core.characters import AFFIX_LOWER, AFFIX_UPPER, ALNUM, SPACE, Bytes, Classes, Int, before, decode
from core.kernels import helper
from filters.lexicon import Lexicon, find_word, make_lexicon

ABBREVIATIONS = (  # noqa: SIM905
    "mr mrs ms dr prof rev hon st jr sr lt col gen sgt capt cmdr adm gov sen rep pres supt vs etc inc ltd co corp bros "
    "llc dept univ assn ave blvd rd hwy jan feb mar apr jun jul aug sep sept oct nov dec mon tue tues wed thu thur "
    "thurs fri sat sun fig figs eq eqs ed eds vol vols pp cf al approx resp ca esp est ext messrs mme mlle "
    "tel mt ft oz lb lbs hr hrs min yr yrs ph phd"
).split()
STARTERS = (  # noqa: SIM905
    "the a an this that these those it its he she we you they i his her our your their my in on at by for from with to "
    "as if when while where after before because although though since once until and but or so yet however "
    "therefore thus then there here now also moreover furthermore instead meanwhile finally first second most many some "
    "all both each every no not one two what why how who which click see please use note is are do does did can let "
    "such other another according during"
).split()
LEXICON = make_lexicon([ABBREVIATIONS, STARTERS])

_MARKS = (1 << 33) | (1 << 46) | (1 << 63)  # ! . ?


@helper
def _is_closer(b: Int) -> bool:
    return b == 34 or b == 39 or b == 41 or b == 42 or b == 93 or b == 125  # " ' ) * ] }


@helper
def _is_opener(b: Int) -> bool:
    return b == 34 or b == 39 or b == 40 or b == 42 or b == 91 or b == 123  # " ' ( * [ {


@helper
def _is_abbreviation(data: Bytes, start: Int, end: Int, lexicon: Lexicon) -> bool:
    """Whether a word before a full stop is listed, or is letters between stops (e.g, U.S)."""
    for i in range(start, end):
        if data[i] == 45:
            start = i + 1
    if find_word(lexicon, 0, data, start, end) >= 0:
        return True
    if end - start < 3:
        return False
    for i in range(start, end):
        b = data[i] | 32
        if (i - start) % 2 == 1 and data[i] != 46:
            return False
        if (i - start) % 2 == 0 and not 97 <= b <= 122:
            return False
    return bool((end - start) % 2 == 1)


@helper
def _starts_sentence(data: Bytes, start: Int, end: Int, lexicon: Lexicon) -> bool:
    while end > start and not (48 <= data[end - 1] <= 57 or 97 <= data[end - 1] | 32 <= 122):
        end -= 1
    return bool(find_word(lexicon, 1, data, start, end) >= 0)


@helper
def _is_break(data: Bytes, a: Int, b: Int, next_a: Int, next_b: Int, classes: Classes, lexicon: Lexicon) -> bool:
    """Whether a sentence ends with the token `a:b`, which `next_a:next_b` follows."""
    while b > a and _is_closer(data[b - 1]):
        b -= 1
    if b == a:
        return False
    if data[b - 1] == 63 or data[b - 1] == 33:
        return True
    if data[b - 1] != 46:
        return False
    while a < b and _is_opener(data[a]):
        a += 1
    while next_a < next_b and _is_opener(data[next_a]):
        next_a += 1
    if next_a == next_b:
        return True
    cp, _ = decode(data, next_a)
    upper = classes[cp] & AFFIX_UPPER != 0
    lower = classes[cp] & AFFIX_LOWER != 0
    if b - a >= 2 and data[b - 2] == 46:
        return upper and _starts_sentence(data, next_a, next_b, lexicon)
    if b - a == 2 and classes[data[a]] & ALNUM and not 48 <= data[a] <= 57:
        return upper and _starts_sentence(data, next_a, next_b, lexicon)
    if _is_abbreviation(data, a, b - 1, lexicon):
        return upper and _starts_sentence(data, next_a, next_b, lexicon)
    if lower:
        number = True
        for i in range(a, b - 1):
            number = number and (48 <= data[i] <= 57 or data[i] == 44 or data[i] == 46 or data[i] == 45)
        return not number
    return True


@helper
def _is_space(data: Bytes, i: Int, classes: Classes) -> Int:
    """The width of the white space at `i`, 0 if there is none."""
    cp, width = decode(data, i)
    return width if classes[cp] & SPACE else 0


@helper
def count_sentences(data: Bytes, start: Int, end: Int, classes: Classes, lexicon: Lexicon) -> Int:
    """The sentences of `data[start:end]`, one line without white space at its ends; 0 if it is empty.

    `lexicon` is LEXICON. Only tokens that end in a mark are looked at, so that most bytes cost one comparison.
    """
    if start >= end:
        return 0
    sentences = 1
    i = start
    while i < end:
        b = data[i]
        i += 1
        if b > 63 or not (_MARKS >> np.int64(b)) & 1:
            continue
        while i < end and _is_closer(data[i]):
            i += 1
        if i == end:
            break
        token_end = i
        width = _is_space(data, i, classes)
        if width == 0:
            continue
        while i < end and width > 0:
            i += width
            width = _is_space(data, i, classes) if i < end else 0
        if i >= end:
            break
        next_end = i
        while next_end < end and data[next_end] > 32 and (data[next_end] < 128 or not _is_space(data, next_end, classes)):
            next_end += decode(data, next_end)[1]
        token = token_end
        while token > start:
            at = before(data, token)
            if _is_space(data, at, classes) > 0:
                break
            token = at
        sentences += _is_break(data, token, token_end, i, next_end, classes, lexicon)
    return sentences
