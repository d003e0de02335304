"""Code goes with the prose that it stands in, as a heading goes with its section: examples, and signatures above what they are of.

Models of words know little of code, and what they say of many blocks that are alike hangs on the page's length. On WCXB and the
manuals of the development crawl, 522 of the 538 blocks of <pre> that models drop are main text.
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
from ingest.extraction.layout import TABLES_TYPE, Tables

#: Prose has so many words, at most half of them in links.
_LEAST_WORDS = 3
#: Less probable blocks stay where they are: those of a dialog, or what is not shown.
_LEAST = 0.05


@helper
def _span(picked: npt.NDArray[np.bool_], t: Tables, spans: npt.NDArray[np.int32]) -> None:
    """Fills `spans` (n, 2): by element the first and the last of the picked blocks (m,) in it; m and -1 if there is none."""
    spans[:, 0], spans[:, 1] = len(picked), -1
    for i in range(len(picked)):
        if picked[i]:
            e = t.blocks[i, at.B_ELEMENT]
            spans[e, 0], spans[e, 1] = min(spans[e, 0], i), i
    for e in range(len(spans) - 1, 0, -1):
        up = t.elements[e, at.E_PARENT]
        spans[up, 0], spans[up, 1] = min(spans[up, 0], spans[e, 0]), max(spans[up, 1], spans[e, 1])


@helper
def _keep_whole(code: npt.NDArray[np.int32], t: Tables, kept: npt.NDArray[np.bool_]) -> None:
    """Marks all blocks of a <pre> of whose words half are kept; `code` (m,): the <pre> of each block, 0 for none."""
    first = 0
    while first < len(kept):
        last, ours, words = first, 0, 0
        while last < len(kept) and code[last] == code[first]:
            words += t.blocks[last, at.B_WORDS]
            ours += t.blocks[last, at.B_WORDS] * kept[last]
            last += 1
        if code[first] > 0 and 2 * ours >= words:
            kept[first:last] = True
        first = last


@helper
def _box(i: Int, spans: npt.NDArray[np.int32], t: Tables) -> Int:
    """The smallest element around a block that has any prose."""
    e = np.int64(t.blocks[i, at.B_ELEMENT])
    while e > 0 and spans[e, 1] < 0:
        e = np.int64(t.elements[e, at.E_PARENT])
    return e


@helper
def _between(e: Int, prose: npt.NDArray[np.int32], ours: npt.NDArray[np.int32], t: Tables) -> Truth:
    """Whether the box with prose around this one has kept prose before and after it."""
    up = e
    while up > 0 and prose[up, 0] == prose[e, 0] and prose[up, 1] == prose[e, 1]:
        up = np.int64(t.elements[up, at.E_PARENT])
    return ours[up, 0] < prose[e, 0] and ours[up, 1] > prose[e, 1]


@njit(types.void(TABLES_TYPE, types.float32[::1], types.boolean[::1]), cache=True, nogil=True, error_model="numpy")
def keep_code(t: Tables, probability: npt.NDArray[np.float32], kept: npt.NDArray[np.bool_]) -> None:
    """Marks in `kept` (m,) the blocks of <pre> beside kept prose: the nearest before or after in the smallest box that has any.
    A box with code between kept prose is kept whole, and so is a <pre>."""
    n, n_elements = len(kept), t.state[at.N_ELEMENTS]
    pre, code = np.zeros(n_elements, np.int32), np.empty(n, np.int32)
    for e in range(1, n_elements):
        up = pre[t.elements[e, at.E_PARENT]]
        pre[e] = up if up > 0 else e if t.elements[e, at.E_NAME] == el.PRE else 0
    dropped = False
    for i in range(n):
        code[i] = pre[t.blocks[i, at.B_ELEMENT]]
        dropped |= code[i] > 0 and not kept[i] and probability[i] >= _LEAST
    if not dropped:
        return
    everything, prose = np.ones(n, np.bool_), np.zeros(n, np.bool_)
    before, after = np.full(n, -1, np.int32), np.full(n, n, np.int32)
    nearest = -1
    for i in range(n):
        words = t.blocks[i, at.B_WORDS]
        before[i] = nearest
        if code[i] == 0 and words >= _LEAST_WORDS and 2 * t.blocks[i, at.B_LINKED] <= words and heading_level(i, t) == 0:
            prose[i] = True
            nearest = i
    nearest = n
    for i in range(n - 1, -1, -1):
        after[i] = nearest
        if prose[i]:
            nearest = i
    spans, all_spans, our_spans = np.empty((3, n_elements, 2), np.int32)
    _span(prose, t, spans)
    _span(everything, t, all_spans)
    _span(prose & kept, t, our_spans)
    done = np.zeros(n_elements, np.bool_)
    for i in range(n):
        if code[i] == 0 or kept[i] or probability[i] < _LEAST:
            continue
        e = _box(np.int64(i), spans, t)
        if (before[i] >= spans[e, 0] and kept[before[i]]) or (after[i] <= spans[e, 1] and kept[after[i]]):
            kept[i] = True
        elif not done[e] and _between(e, spans, our_spans, t):
            for k in range(all_spans[e, 0], all_spans[e, 1] + 1):
                kept[k] |= probability[k] >= _LEAST and 2 * t.blocks[k, at.B_LINKED] <= t.blocks[k, at.B_WORDS]
        done[e] = True
    _keep_whole(code, t, kept)
