"""What C4 looks for within a line: citations, phrases that give away boilerplate, and bad words.

Sources: tensorflow/datasets, text/c4_utils.py; huggingface/datatrove, pipeline/filters/c4_filters.py.
"""

from __future__ import annotations

import numpy as np

from core.characters import ALNUM, Bytes, Classes, Int, decode
from core.kernels import helper
from filters.lexicon import Lexicon, ascii_lower, match, may_match

LOREM, JAVASCRIPT, POLICY = 1, 2, 4
_RARE = (1 << 22) | (1 << 11) | (1 << 6) | (1 << 16) | (1 << 27)  # v k f p {, as the low five bits


@helper
def citation_length(data: Bytes, i: Int, end: Int) -> Int:
    """The bytes of a citation at `i` (re: \\[\\d*\\]|\\[edit\\]|\\[citation needed\\]), 0 if there is none."""
    j = i + 1
    while j < end and 48 <= data[j] <= 57:
        j += 1
    if j < end and data[j] == 93:
        return j + 1 - i
    for phrase in (b"[edit]", b"[citation needed]"):
        k = 0
        while k < len(phrase) and i + k < end and data[i + k] == phrase[k]:
            k += 1
        if k == len(phrase):
            return k
    return 0


@helper
def _stands(data: Bytes, at: Int, start: Int, end: Int, phrase: bytes) -> bool:
    """Whether a phrase in small letters stands at `at`, whatever the case of the text."""
    if at < start or at + len(phrase) > end:
        return False
    for k in range(len(phrase)):
        if ascii_lower(np.int64(data[at + k])) != phrase[k]:
            return False
    return True


@helper
def find_phrases(data: Bytes, start: Int, end: Int) -> tuple[Int, bool]:
    """Which kinds of phrases are in a line, as bits, and whether it has a curly brace.

    A phrase is looked for where its rarest letter is: v, k, f and p are one letter in twenty.
    """
    found = 0
    brace = False
    for i in range(start, end):
        b = np.int64(data[i]) | 32
        if b & 0xE0 != 96 or not (_RARE >> (b & 31)) & 1:
            continue
        if b == 118:
            found |= JAVASCRIPT * _stands(data, i - 2, start, end, b"javascript")
            found |= POLICY * _stands(data, i - 3, start, end, b"privacy policy")
        elif b == 107:
            found |= POLICY * _stands(data, i - 3, start, end, b"cookie policy")
            if _stands(data, i - 3, start, end, b"cookies"):
                found |= POLICY * _stands(data, i - 7, start, end, b"use ")
                found |= POLICY * _stands(data, i - 8, start, end, b"uses ")
                found |= POLICY * _stands(data, i - 10, start, end, b"use of ")
        elif b == 102:
            found |= POLICY * _stands(data, i - 7, start, end, b"terms of use")
        elif b == 112:
            found |= LOREM * _stands(data, i - 7, start, end, b"lorem ipsum")
        elif data[i] == 123:
            brace = True
    return found, brace


@helper
def _is_edge(data: Bytes, i: Int, classes: Classes, open_edges: bool) -> bool:
    """Whether the code point at `i` bounds a bad word: it is no ASCII letter, with `open_edges` no word character."""
    if not open_edges:
        return not 97 <= data[i] | 32 <= 122
    cp, _ = decode(data, i)
    return cp != 95 and not classes[cp] & ALNUM


@helper
def count_bad_words(data: Bytes, start: Int, end: Int, classes: Classes, bad: Lexicon, open_edges: bool) -> Int:
    """How many places of a line have a bad word."""
    n = 0
    if bad[0] == bad[256]:  # an empty list
        return n
    edge = open_edges
    i = start
    while i < end:
        b = ascii_lower(np.int64(data[i]))
        if edge and may_match(bad, 0, data, i, end):
            for word in range(bad[b], bad[b + 1]):
                stop = i + match(bad, word, data, i, end)
                if stop > i and (open_edges if stop == end else _is_edge(data, stop, classes, open_edges)):
                    n += 1
                    break
        if b < 128:
            edge = not (97 <= b <= 122 or (open_edges and (48 <= b <= 57 or b == 95)))
            i += 1
        else:
            edge = _is_edge(data, i, classes, open_edges)
            _, width = decode(data, i)
            i += width
    return n
