"""What a page says twice is kept once: a heading above its own text, slides of a carousel, a post and the quotation of it.

Word F1 of what WCXB's annotators marked rises by .005 when copies go; lines that a writer repeats, as in songs, stay.
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
from ingest.extraction.pages import level_of

#: A card whose every kept block stands elsewhere is a copy if it has so many words: fields that cards share have fewer.
COPIED_WORDS = 12
#: Of fewer words in a row, what stands beside other text is part of that: what a reference says of two functions under their names.
#: On WCXB such copies are as often main text as not, those that stand apart seldom.
BESIDE_WORDS = 60
#: Text is beside a line if it is in the element so many above the line's own.
_BESIDE = 2
#: Elements that hold a line and no card: a paragraph that stands twice is not enough, all that is beside it must.
_LINES = el.marked("p li dt dd h1 h2 h3 h4 h5 h6 figcaption caption center")


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
    """Whether a block may be a copy of another: not in a cell or code, where values repeat, nor beside it, where a writer repeats
    a line; and no heading is a copy of its entry in a table of contents."""
    a, b = _holder(i, t), _holder(j, t)
    if a == b or t.elements[a, at.E_PARENT] == t.elements[b, at.E_PARENT]:
        return False
    if level_of(t.elements[a, at.E_NAME]) > 0 and level_of(t.elements[b, at.E_NAME]) == 0:
        return False
    e = np.int64(t.blocks[i, at.B_ELEMENT])
    while e > 0:
        name = t.elements[e, at.E_NAME]
        if name == el.TD or name == el.TH or name == el.PRE or name == el.CODED:
            return False
        e = np.int64(t.elements[e, at.E_PARENT])
    return True


@helper
def _find_copies(
    blocks: npt.NDArray[np.int64], originals: npt.NDArray[np.int64], keys: npt.NDArray[np.int64], firsts: npt.NDArray[np.int64],
    t: Tables,
) -> Int:  # fmt: skip
    """Notes in `originals` (-1: none), by place in `blocks`, the earlier block that each may be a copy of; how many may be one.
    `keys` are zeros, by slot, and `firsts` -1."""
    count = np.int64(0)
    for x in range(len(blocks)):
        i = np.int64(blocks[x])
        text = np.int64(t.blocks[i, at.B_WORDS])
        for j in range(t.blocks[i, at.B_WORD], t.blocks[i, at.B_WORD_END]):
            text = text * 1000003 + np.int64(t.words[j])
        k = slot_of(text, keys)
        if firsts[k] < 0:
            firsts[k] = i
        elif _same(i, firsts[k], t) and _may_be_copy(i, firsts[k], t):
            originals[x] = firsts[k]
            count += 1
    return count


@helper
def _is_beside(i: Int, j: Int, original: Int, t: Tables) -> Truth:
    """Whether a line stands beside the block before it, and nearer to it than to its original, or as a <dd> to its <dt>."""
    e, f = _holder(i, t), _holder(j, t)
    own, other = np.int64(-1), np.int64(-1)  # below what holds both
    for _ in range(_BESIDE + 1):
        while f > e:
            other, f = f, np.int64(t.elements[f, at.E_PARENT])
        if f == e:
            break
        own, e = e, max(np.int64(t.elements[e, at.E_PARENT]), np.int64(0))
    if f != e:
        return False
    first = np.int64(t.blocks[original, at.B_ELEMENT])
    while first > e:
        first = np.int64(t.elements[first, at.E_PARENT])
    return first != e or (own >= 0 and other >= 0 and t.elements[own, at.E_NAME] != t.elements[other, at.E_NAME])


@njit(types.void(TABLES_TYPE, types.boolean[::1]), cache=True, nogil=True, error_model="numpy")
def drop_copies(t: Tables, kept: npt.NDArray[np.bool_]) -> None:
    """Unmarks in `kept` (m,) the blocks of each card that says again, in COPIED_WORDS words or more, what stands before it; those
    that stand beside other text if they are BESIDE_WORDS in a row."""
    blocks = np.flatnonzero(kept).astype(np.int64)
    originals = np.full(len(blocks), -1, np.int64)
    slots = 16
    while slots < 2 * len(blocks) + 2:
        slots *= 2
    if _find_copies(blocks, originals, np.zeros(slots, np.int64), np.full(slots, -1, np.int64), t) == 0:
        return
    n = t.state[at.N_ELEMENTS]
    words, new = np.zeros(n, np.int64), np.zeros(n, np.int64)  # of kept blocks, by element; and of those that are no copies
    for x in range(len(blocks)):
        e = _holder(np.int64(blocks[x]), t)
        words[e] += t.blocks[blocks[x], at.B_WORDS]
        new[e] += 0 if originals[x] >= 0 else t.blocks[blocks[x], at.B_WORDS]
    for e in range(n - 1, 0, -1):
        words[t.elements[e, at.E_PARENT]] += words[e]
        new[t.elements[e, at.E_PARENT]] += new[e]
    for e in range(1, n):  # from here on the words of the widest card around an element
        up = t.elements[e, at.E_PARENT]
        if up > 0 and new[up] == 0:
            words[e] = words[up]
    copied = np.zeros(len(blocks), np.bool_)
    for x in range(len(blocks)):
        e = _holder(np.int64(blocks[x]), t)
        alone = not _LINES[t.elements[e, at.E_NAME]] or new[t.elements[e, at.E_PARENT]] == 0
        copied[x] = alone and new[e] == 0 and words[e] >= COPIED_WORDS
    first = 0
    while first < len(blocks):
        last, said = first, 0
        while last < len(blocks) and copied[last]:
            said += t.blocks[blocks[last], at.B_WORDS]
            last += 1
        if last > first and (said >= BESIDE_WORDS or not _is_beside(blocks[first], blocks[first - 1], originals[first], t)):
            for x in range(first, last):
                kept[blocks[x]] = False
        first = last + 1
