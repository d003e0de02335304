"""Where a page's text has its centre, how far from it each block stands, and what the section and the list around it are of.

The centre is the element whose paragraphs have the most words of their own, as in readability.js (Arc90; Mozilla); here it
decides nothing, and a block's way to it through the tree is what the models read.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit, types

from core.characters import Int
from core.kernels import helper
from ingest.extraction import layout as at
from ingest.extraction import measures as me
from ingest.extraction import names as el
from ingest.extraction.layout import TABLES_TYPE, Tables
from ingest.extraction.measures import MEASURES_TYPE, Measures
from ingest.extraction.pages import level_of

#: Levels of the tree up to what the block and the centre both stand in, from the block and from the centre; -1, 0 or 1 for
#: before, in and after. Of the section that a heading begins: words, share in links, share in long blocks, blocks. Of the
#: nearest list or table: share in links, blocks, words. The block's words in links into this page.
CENTRE = (
    "centre_up", "centre_above", "centre_side", "section_words", "section_linked", "section_long", "section_blocks",
    "list_linked", "list_blocks", "list_words", "inner",
)  # fmt: skip
#: A block of so many words, at most a third of them in links, counts for the centre; past so many they count no more.
_LEAST_WORDS, _MOST_WORDS = 8, 100
_LONG_WORDS = 20
#: What holds a paragraph and no more.
_LEAVES = el.marked("p pre li td th dd dt h1 h2 h3 h4 h5 h6 blockquote figcaption")


def find_centre(tables: Tables, measures: Measures, rows: npt.NDArray[np.float32]) -> None:
    """Fills `rows`, float32 of shape (blocks, len(CENTRE)) or a slice of columns of a wider array."""
    _find_centre(tables, measures, rows)


@helper
def _centre(t: Tables, m: Measures, score: npt.NDArray[np.float32]) -> Int:
    """The element at the centre, 0 if the page has no paragraph; `score` by element, at first zeros."""
    for i in range(len(m.terms)):
        words = np.int64(t.blocks[i, at.B_WORDS])
        if words < _LEAST_WORDS or t.blocks[i, at.B_LINKED] * 3 >= words:
            continue
        e = np.int64(m.container[i])
        if _LEAVES[t.elements[e, at.E_NAME]] and e > 0:
            e = np.int64(t.elements[e, at.E_PARENT])
        value = np.float32(min(words, _MOST_WORDS))
        score[e] += value
        if e > 0:
            score[t.elements[e, at.E_PARENT]] += value * np.float32(0.5)
    best, most = np.int64(0), np.float32(0)
    for e in range(1, len(m.sums)):
        if score[e] > 0:
            own = score[e] * (1 - m.sums[e, me.LINKED] / max(m.sums[e, me.WORDS], np.float32(1)))
            if own > most:
                best, most = np.int64(e), own
    return best


@helper
def _write_sections(t: Tables, m: Measures, rows: npt.NDArray[np.float32], k: Int) -> None:
    """Words, links and long blocks of each section, into columns from `k` on."""
    n = len(m.terms)
    first = 0
    while first < n:
        last = first + 1
        words, linked, long = np.float32(0), np.float32(0), np.float32(0)
        heads = level_of(t.elements[m.container[first], at.E_NAME]) > 0
        if not heads:
            last = first
        while last < n and level_of(t.elements[m.container[last], at.E_NAME]) == 0:
            w = np.int64(t.blocks[last, at.B_WORDS])
            words += np.float32(w)
            linked += np.float32(t.blocks[last, at.B_LINKED])
            if w >= _LONG_WORDS and t.blocks[last, at.B_LINKED] * 3 < w:
                long += np.float32(w)
            last += 1
        per_word = np.float32(1) / max(words, np.float32(1))
        for i in range(first, last):
            rows[i, k] = np.log1p(words)
            rows[i, k + 1] = linked * per_word
            rows[i, k + 2] = long * per_word
            rows[i, k + 3] = last - first
        first = last


@njit(types.void(TABLES_TYPE, MEASURES_TYPE, types.Array(types.float32, 2, "A")), cache=True, nogil=True, error_model="numpy")
def _find_centre(t: Tables, m: Measures, rows: Any) -> None:
    n, n_elements = len(m.terms), len(m.sums)
    centre = _centre(t, m, np.zeros(n_elements, np.float32))
    # By element: levels up to what the centre stands in, and how far above the centre that is; the nearest list.
    up, above, lists = np.zeros(n_elements, np.int32), np.full(n_elements, -1, np.int32), np.zeros(n_elements, np.int32)
    e, height = centre, 0
    while e >= 0:
        above[e] = height
        height += 1
        e = np.int64(t.elements[e, at.E_PARENT])
    for e in range(1, n_elements):
        parent = t.elements[e, at.E_PARENT]
        if above[e] < 0:
            above[e] = above[parent]
            up[e] = up[parent] + 1
        name = t.elements[e, at.E_NAME]
        held = name == el.UL or name == el.OL or name == el.DL or name == el.TABLE or name == el.MENU
        lists[e] = e if held else lists[parent]
    begins = np.int64(m.first[centre])
    ends = begins + np.int64(m.sums[centre, me.BLOCKS])
    for i in range(n):
        r = rows[i]
        e = np.int64(t.blocks[i, at.B_ELEMENT])
        r[0] = up[e]
        r[1] = above[e] if centre > 0 else -1
        r[2] = -1 if i < begins else 1 if i >= ends else 0
        of = lists[e]
        if of > 0:
            r[7] = m.sums[of, me.LINKED] / max(m.sums[of, me.WORDS], np.float32(1))
            r[8] = m.sums[of, me.BLOCKS]
            r[9] = np.log1p(m.sums[of, me.WORDS])
        else:
            r[7] = r[8] = r[9] = -1
        r[10] = np.float32(t.blocks[i, at.B_INNER]) / np.float32(t.blocks[i, at.B_WORDS])
    _write_sections(t, m, rows, np.int64(3))
