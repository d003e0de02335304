"""What is known of a page's elements, and of each block by itself, before blocks are compared with their surroundings.

Sums over subtrees, learned scores of class words (after Yao & Zuo, boilerplate by class and id; and readability.js's
lists of class words, here learned), counts of what is alike.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit, types

from ingest.extraction import layout as at
from ingest.extraction import names as el
from ingest.extraction.counting import path_key, slot_of
from ingest.extraction.layout import TABLES_TYPE, Tables
from ingest.extraction.lookup import SCORES_TYPE, Scores, find
from ingest.extraction.names import FLAGS, NUMBER

#: Columns of `sums`, over an element's subtree.
WORDS, LINKED, BLOCKS, FUNCTION, COMMAS = range(5)
#: Columns of `scores`: of an element's own class words, the mean; the least and the most up to the root; the sum up to
#: the root, fading by FADE a level.
OWN, LEAST, MOST, FADED = range(4)
FADE = np.float32(0.8)
#: Columns of `terms`: mean, least, most, of the first word, of the last word, how many words are known.
T_MEAN, T_LEAST, T_MOST, T_FIRST, T_LAST, T_KNOWN = range(6)
#: Of a long block, words that are looked up: at its beginning, and at its end.
_HEAD_WORDS, _TAIL_WORDS = 40, 8
#: Elements that a block may stand in, by bit; names in brackets share one.
WITHIN = (
    "nav", "header", "footer", "aside", "article", "main", "form", "li", "td th", "a", "button", "h1", "h2", "h3", "h4", "h5",
    "h6", "p", "pre code", "blockquote", "figure figcaption", "dl dt", "ul ol", "table", "label", "section", "div", "span",
)  # fmt: skip
_BITS = np.zeros(len(el.ELEMENTS), np.int64)
for _bit, _names in enumerate(WITHIN):
    for _name in _names.split():
        _BITS[NUMBER[_name]] = 1 << _bit


class Measures(NamedTuple):
    """By element (n) and by block (m)."""

    sums: npt.NDArray[np.float32]  # (n, 5)
    scores: npt.NDArray[np.float32]  # (n, 4)
    within: npt.NDArray[np.int64]  # (n,): bits of WITHIN
    marks: npt.NDArray[np.int32]  # (n,): marks of the element and of all it stands in
    lists: npt.NDArray[np.int32]  # (n, 2): how many li, and ul or ol, it stands in, itself included
    first: npt.NDArray[np.int32]  # (n,): the first block in it
    alike: npt.NDArray[np.int32]  # (n,): siblings of its name and class, itself included
    terms: npt.NDArray[np.float32]  # (m, 6)
    container: npt.NDArray[np.int32]  # (m,): the nearest element that begins a line
    path: npt.NDArray[np.int32]  # (m,): the slot of its path of names and classes
    path_sums: npt.NDArray[np.float32]  # (slots, 3): blocks, words, words in links


MEASURES_TYPE = types.NamedTuple(
    (
        types.float32[:, ::1], types.float32[:, ::1], types.int64[::1], types.int32[::1], types.int32[:, ::1],
        types.int32[::1], types.int32[::1], types.float32[:, ::1], types.int32[::1], types.int32[::1],
        types.float32[:, ::1],
    ),
    Measures,
)  # fmt: skip


def measure(tables: Tables, words: Scores, names: Scores) -> Measures:
    """Measures of a scanned page, with the learned scores of words and of class words."""
    n, m = int(tables.state[at.N_ELEMENTS]), int(tables.state[at.N_BLOCKS])
    slots = 1 << (2 * m + 2).bit_length()
    result = Measures(
        sums=np.zeros((n, 5), np.float32), scores=np.zeros((n, 4), np.float32), within=np.zeros(n, np.int64),
        marks=np.zeros(n, np.int32), lists=np.zeros((n, 2), np.int32), first=np.full(n, 1 << 30, np.int32),
        alike=np.zeros(n, np.int32), terms=np.zeros((m, 6), np.float32), container=np.zeros(m, np.int32),
        path=np.zeros(m, np.int32), path_sums=np.zeros((slots, 3), np.float32),
    )  # fmt: skip
    _measure_elements(tables, names, result)
    _measure_blocks(tables, words, result)
    return result


@njit(types.void(TABLES_TYPE, SCORES_TYPE, MEASURES_TYPE), cache=True, nogil=True, error_model="numpy")
def _measure_elements(t: Tables, names: Scores, m: Measures) -> None:
    n = len(m.sums)
    slots = 1
    while slots < 2 * n:
        slots *= 2
    keys, counts, slot = np.zeros(slots, np.int64), np.zeros(slots, np.int32), np.zeros(n, np.int32)
    for e in range(n):
        total, least, most, known = np.float32(0), np.float32(0), np.float32(0), 0
        for j in range(t.elements[e, at.E_WORDS], t.elements[e + 1, at.E_WORDS]):
            found, score = find(names, t.names[j])
            if found:
                total += score
                known += 1
                least = min(least, score)
                most = max(most, score)
        if known > 0:
            total /= np.float32(known)
        m.scores[e, OWN] = total
        up = t.elements[e, at.E_PARENT]
        if up < 0:
            continue
        name = t.elements[e, at.E_NAME]
        m.scores[e, LEAST] = min(m.scores[up, LEAST], least)
        m.scores[e, MOST] = max(m.scores[up, MOST], most)
        m.scores[e, FADED] = m.scores[up, FADED] * FADE + total
        m.within[e] = m.within[up] | _BITS[name]
        m.marks[e] = m.marks[up] | t.elements[e, at.E_MARKS]
        m.lists[e, 0] = m.lists[up, 0] + (name == el.LI)
        m.lists[e, 1] = m.lists[up, 1] + (name == el.UL or name == el.OL)
        k = slot_of(((np.int64(up) * 131 + name) * 1000003) ^ t.classes[e], keys)
        counts[k] += 1
        slot[e] = k
    for i in range(t.state[at.N_BLOCKS]):
        e, row = t.blocks[i, at.B_ELEMENT], t.blocks[i]
        m.sums[e, WORDS] += row[at.B_WORDS]
        m.sums[e, LINKED] += row[at.B_LINKED]
        m.sums[e, BLOCKS] += 1
        m.sums[e, FUNCTION] += row[at.B_FUNCTION]
        m.sums[e, COMMAS] += row[at.B_COMMAS]
        m.first[e] = min(m.first[e], np.int32(i))
    for e in range(n - 1, 0, -1):
        up = t.elements[e, at.E_PARENT]
        for k in range(5):
            m.sums[up, k] += m.sums[e, k]
        m.first[up] = min(m.first[up], m.first[e])
        m.alike[e] = counts[slot[e]]


@njit(types.void(TABLES_TYPE, SCORES_TYPE, MEASURES_TYPE), cache=True, nogil=True, error_model="numpy")
def _measure_blocks(t: Tables, words: Scores, m: Measures) -> None:
    keys = np.zeros(len(m.path_sums), np.int64)
    for i in range(len(m.terms)):
        row = t.blocks[i]
        e = row[at.B_ELEMENT]
        k = slot_of(path_key(e, t.elements, t.classes), keys)
        m.path[i] = k
        m.path_sums[k, 0] += 1
        m.path_sums[k, 1] += row[at.B_WORDS]
        m.path_sums[k, 2] += row[at.B_LINKED]
        terms = m.terms[i]
        start, end = row[at.B_WORD], row[at.B_WORD_END]
        for j in range(start, end):
            if j - start >= _HEAD_WORDS and end - j > _TAIL_WORDS:
                continue
            found, score = find(words, t.words[j])
            if found:
                terms[T_MEAN] += score
                terms[T_KNOWN] += 1
                terms[T_LEAST] = min(terms[T_LEAST], score)
                terms[T_MOST] = max(terms[T_MOST], score)
                if j == start:
                    terms[T_FIRST] = score
                if j == end - 1:
                    terms[T_LAST] = score
        if terms[T_KNOWN] > 0:
            terms[T_MEAN] /= terms[T_KNOWN]
        while e > 0 and FLAGS[t.elements[e, at.E_NAME]] & el.BLOCK == 0:
            e = t.elements[e, at.E_PARENT]
        m.container[i] = e
