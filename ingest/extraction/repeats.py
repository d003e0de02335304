"""What a page says twice is kept once: a heading above its own text, slides of a carousel, a post and the quotation of it.

Word F1 of what WCXB's annotators marked rises by .006 when copies go; lines that a writer repeats, as in songs, stay.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit, types

from core.characters import Int, Truth
from core.kernels import helper
from ingest.extraction import layout as at
from ingest.extraction import names as el
from ingest.extraction.choice import heading_level
from ingest.extraction.counting import slot_of
from ingest.extraction.layout import TABLES_TYPE, Tables
from ingest.extraction.names import BLOCK, FLAGS

#: A run of blocks that stand elsewhere in the same order is a copy if it has so many words: fields that cards share have fewer.
COPIED_WORDS = 12


@helper
def _same(i: Int, j: Int, t: Tables) -> Truth:
    """Whether two blocks have the same words."""
    n = t.blocks[i, at.B_WORDS]
    if t.blocks[j, at.B_WORDS] != n:
        return False
    a, b = t.blocks[i, at.B_WORD], t.blocks[j, at.B_WORD]
    for k in range(n):
        if t.words[a + k] != t.words[b + k]:
            return False
    return True


@njit(types.void(TABLES_TYPE, types.boolean[::1]), cache=True, nogil=True, error_model="numpy")
def drop_repeats(t: Tables, kept: npt.NDArray[np.bool_]) -> None:
    """Of two kept blocks in a row that say the same, one of them a heading, unmarks the other, or the first of two headings."""
    last = -1
    for i in range(len(kept)):
        if not kept[i]:
            continue
        if last >= 0 and _same(i, last, t):
            if heading_level(i, t) > 0:
                kept[last] = False
            elif heading_level(last, t) > 0:
                kept[i] = False
                continue
        last = i


@helper
def _holder(i: Int, t: Tables) -> Int:
    """The element whose child the block's own line is."""
    e = np.int64(t.blocks[i, at.B_ELEMENT])
    while e > 0 and FLAGS[t.elements[e, at.E_NAME]] & BLOCK == 0:
        e = np.int64(t.elements[e, at.E_PARENT])
    return e


@helper
def _may_be_copy(i: Int, j: Int, t: Tables) -> Truth:
    """Whether a block may be a copy of another: not in a cell or code, where values repeat, and not beside it."""
    a, b = _holder(i, t), _holder(j, t)
    if a == b or t.elements[a, at.E_PARENT] == t.elements[b, at.E_PARENT]:
        return False
    e = np.int64(t.blocks[i, at.B_ELEMENT])
    while e > 0:
        name = t.elements[e, at.E_NAME]
        if name == el.TD or name == el.TH or name == el.PRE or name == el.CODED:
            return False
        e = np.int64(t.elements[e, at.E_PARENT])
    return True


@njit(types.void(TABLES_TYPE, types.boolean[::1]), cache=True, nogil=True, error_model="numpy")
def drop_copies(t: Tables, kept: npt.NDArray[np.bool_]) -> None:
    """Unmarks in `kept` (m,) each run of kept blocks that says what an earlier run did, in COPIED_WORDS words or more."""
    blocks = np.flatnonzero(kept)
    n = len(blocks)
    slots = 16
    while slots < 2 * n + 2:
        slots *= 2
    keys, firsts, first = np.zeros(slots, np.int64), np.full(slots, -1, np.int64), np.full(n, -1, np.int64)
    for x in range(n):  # where among the kept blocks the same text stands first
        i = np.int64(blocks[x])
        text = np.int64(t.blocks[i, at.B_WORDS])
        for k in range(t.blocks[i, at.B_WORD], t.blocks[i, at.B_WORD_END]):
            text = text * 1000003 + np.int64(t.words[k])
        k = slot_of(text, keys)
        if firsts[k] < 0:
            firsts[k] = x
        else:
            j = np.int64(blocks[firsts[k]])
            if _same(i, j, t) and _may_be_copy(i, j, t):
                first[x] = firsts[k]
    x = 0
    while x < n:
        end = x
        words = 0
        while end < n and first[end] >= 0 and (end == x or first[end] == first[end - 1] + 1):
            words += t.blocks[blocks[end], at.B_WORDS]
            end += 1
        if words >= COPIED_WORDS:
            for y in range(x, end):
                kept[blocks[y]] = False
        x = max(end, x + 1)
