"""Stand-ins for words in scripts without spaces (Han, kana, Thai, Lao, Khmer, Burmese, …), with no dictionary.

A cut is made between two characters where a hash of the two says so (content-defined chunking, as in rsync and LBFS), so
that what is repeated is cut alike wherever it stands, and pieces are about as long as words. On manuals in Japanese,
Gopher's repetition rules then decide as with SudachiPy's words on 98% of pages; by characters, on 40%.
"""

from __future__ import annotations

import numpy as np

from core.characters import ALNUM, UNSPACED, WORD_BREAK_SHIFT, Bytes, Classes, Int, Truth, decode
from core.kernels import helper
from core.words import Spans, mix

# Odds of a cut, in 1024ths, that give as many words as jieba and SudachiPy do (of manuals), and PyThaiNLP (of the
# Universal Declaration of Human Rights: 5.0 characters a word).
_CUT_EAST = 573
_CUT_SOUTHEAST = 246
_EAST = 0x2E80  # the first code point of the blocks of Han and kana
_EXTEND = 4  # Word_Break of marks


@helper
def _is_katakana(cp: Int) -> Truth:
    return 0x30A1 <= cp <= 0x30FF or 0x31F0 <= cp <= 0x31FF or 0xFF66 <= cp <= 0xFF9F


@helper
def _is_wide_punctuation(cp: Int, classes: Classes) -> Truth:
    return (0x3000 <= cp <= 0x303F or 0xFF00 <= cp <= 0xFF65) and not classes[cp] & ALNUM


@helper
def is_cut(previous: Int, cp: Int, classes: Classes) -> Truth:
    """Whether one piece ends with the code point `previous` and the next starts with `cp`."""
    if (classes[previous] ^ classes[cp]) & UNSPACED:
        return True
    if _is_wide_punctuation(previous, classes) != _is_wide_punctuation(cp, classes):
        return True
    if not classes[cp] & UNSPACED or (classes[cp] >> WORD_BREAK_SHIFT) & 31 == _EXTEND or cp == 0x30FC:
        return False
    if cp < _EAST:
        if 0x0E40 <= previous <= 0x0E44 or 0x0EC0 <= previous <= 0x0EC4:  # vowels written before their consonant
            return False
        odds = _CUT_SOUTHEAST
    else:
        katakana = _is_katakana(cp)
        if katakana or _is_katakana(previous):
            return not (katakana and _is_katakana(previous))
        if 0x3041 <= previous <= 0x309F and not 0x3041 <= cp <= 0x309F:  # an ending, then a new word
            return True
        odds = _CUT_EAST
    return np.int64(mix((np.uint64(previous) << np.uint64(21)) | np.uint64(cp)) >> np.uint64(54)) < odds


@helper
def split_unspaced(data: Bytes, first: Int, n: Int, classes: Classes, starts: Spans, ends: Spans) -> Int:
    """Cuts the words from index `first` on wherever they hold such a script; the new number of words."""
    moved = len(starts) - n  # to the arrays' far end, as there will be more of them
    for i in range(n - 1, first - 1, -1):
        starts[moved + i] = starts[i]
        ends[moved + i] = ends[i]
    out = first
    for word in range(moved + first, len(starts)):
        a, end = np.int64(starts[word]), np.int64(ends[word])
        previous, width = decode(data, a)
        i = a + width
        while i < end:
            cp, width = decode(data, i)
            if is_cut(previous, cp, classes):
                starts[out], ends[out] = a, i
                out += 1
                a = i
            previous = cp
            i += width
        starts[out], ends[out] = a, end
        out += 1
    return out
