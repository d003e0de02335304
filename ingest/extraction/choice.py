"""Which blocks to keep: the set with the highest expected F1, given each block's probability of being main text.

The best set is a prefix of the blocks by falling probability (Lewis, SIGIR 1995; Ye et al., ICML 2012), with F1 over words
and its expectation taken as the ratio of expectations.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit, types

from core.characters import Int
from core.kernels import helper
from ingest.extraction import layout as at
from ingest.extraction.layout import TABLES_TYPE, Tables
from ingest.extraction.names import BLOCK, FLAGS
from ingest.extraction.pages import level_of

#: A page whose best block is less probable has no main text; WCXB has 21 such among 1,497. With two models
#: four of the five pages between the bounds have none, of the small one's two of nine.
LEAST, LEAST_FAST = 0.4, 0.25
#: Probabilities are taken to this power first: where models are less sure, they are too sure (WCXB, +.001).
SHARPENED = 1.15
#: A text reads better with its headings, and one that is so probable costs no F1: half of them belong to it.
HEADING = 0.2
#: Headings whose section is dropped go with it if they are so few of those kept, and no more probable than that.
ORPHANS, ORPHAN = 0.2, 0.8
#: Of the words of articles and products in JSON-LD so many are main text (252 pages of WCXB that have such).
LINKED = 0.9


@njit(
    types.float64(TABLES_TYPE, types.float32[::1], types.float64, types.boolean[::1]), cache=True, nogil=True, error_model="numpy"
)
def choose(t: Tables, probability: npt.NDArray[np.float32], least: float, kept: npt.NDArray[np.bool_]) -> float:
    """Marks the blocks to keep in `kept` (m,), by `probability` (m,), none if all are below `least`; the expected F1 of the choice,
    0 to 1."""
    n = len(probability)
    order = np.argsort(-probability, kind="mergesort")
    sharp = np.empty(n)
    expected = 0.0
    for i in range(n):
        kept[i] = False
        sharp[i] = np.float64(probability[i]) ** SHARPENED
        expected += sharp[i] * t.blocks[i, at.B_WORDS]
    if n == 0 or probability[order[0]] < least:
        return 0.0
    shared = words = best = 0.0
    last = 0
    for j in range(n):
        i = order[j]
        shared += sharp[i] * t.blocks[i, at.B_WORDS]
        words += t.blocks[i, at.B_WORDS]
        f1 = 2 * shared / (words + expected)
        if f1 > best:
            best = f1
            last = j
    for j in range(last + 1):
        kept[order[j]] = True
    return min(best, 1.0)


def expected_f1(tables: Tables, probability: npt.NDArray[np.float32], kept: npt.NDArray[np.bool_], linked: int) -> float:
    """The F1 that is expected of the kept blocks together with `linked` words that the page says to machines alone."""
    words = tables.blocks[: len(kept), at.B_WORDS].astype(np.float64)
    likely = words * probability.astype(np.float64) ** SHARPENED
    right = LINKED * linked
    shared, ours, theirs = likely[kept].sum() + right, words[kept].sum() + linked, likely.sum() + right
    return min(2 * shared / (ours + theirs), 1.0)


@helper
def heading_level(i: Int, t: Tables) -> Int:
    """The level of the heading that a block is; 0 if it is none."""
    e = t.blocks[i, at.B_ELEMENT]
    while e > 0 and FLAGS[t.elements[e, at.E_NAME]] & BLOCK == 0:
        e = t.elements[e, at.E_PARENT]
    return level_of(t.elements[e, at.E_NAME])


@njit(types.void(TABLES_TYPE, types.float32[::1], types.boolean[::1]), cache=True, nogil=True, error_model="numpy")
def keep_headings(t: Tables, probability: npt.NDArray[np.float32], kept: npt.NDArray[np.bool_]) -> None:
    """Marks in `kept` (m,) the headings under the page's own that stand right before a kept block, unless they are improbable."""
    for i in range(len(kept) - 2, -1, -1):
        if kept[i + 1] and not kept[i] and probability[i] >= HEADING:
            kept[i] = heading_level(i, t) > 1


@njit(types.void(TABLES_TYPE, types.float32[::1], types.boolean[::1]), cache=True, nogil=True, error_model="numpy")
def drop_orphans(t: Tables, probability: npt.NDArray[np.float32], kept: npt.NDArray[np.bool_]) -> None:
    """Unmarks in `kept` (m,) headings under the page's own of whose sections nothing is kept; where they are many they are items
    of a list, and stay."""
    n = len(kept)
    orphans = np.zeros(n, np.bool_)
    next_kept, next_level, headings, found = n, 1, 0, 0
    for i in range(n - 1, -1, -1):
        if not kept[i]:
            continue
        level = heading_level(i, t)
        if level > 0:
            headings += 1
            if level > 1 and probability[i] < ORPHAN and next_kept > i + 1 and 0 < next_level <= level:
                orphans[i] = True
                found += 1
        next_kept, next_level = i, level
    if found <= ORPHANS * headings:
        for i in range(n):
            if orphans[i]:
                kept[i] = False
