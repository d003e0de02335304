"""Text without a word, in cells, items and code: `+` in a table of operators is kept where what stands beside it is.

No model sees it. In a table it goes with its row, in a list with its neighbours, in code with the lines around; what parts items
of a list or rows of a table, such as `|` or `»`, says nothing.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit, types

from core.characters import Int, Truth
from core.kernels import helper
from ingest.extraction import layout as at
from ingest.extraction import names as el
from ingest.extraction.layout import TABLES_TYPE, Tables
from ingest.extraction.marks import sign_at

#: `/`, `|`, and the dots, arrows and dashes that part items.
_SEPARATORS = (0x2F, 0x7C, 0xAB, 0xB7, 0xBB, 0x2022, 0x2026, 0x2039, 0x203A)
#: The soft hyphen, the word joiner, the byte order mark: with spaces they are what no reader sees.
_INVISIBLE = (0xAD, 0x2060, 0xFEFF)
#: A row of signs alone is one of data if it has so many.
_ROW = 2
#: Columns of pieces: the element of a text; the text from, to; its words, 0 for signs; whether it goes on after the one before, as
#: one <br> alone is between them.
P_ELEMENT, P_START, P_END, P_WORDS, P_BROKEN = range(5)


_HOLDERS, _LISTS, _CODE = el.marked("td th li dt dd"), el.marked("ul ol dl menu"), el.marked("pre code kbd samp tt")


def pieces(tables: Tables, kept: npt.NDArray[np.bool_]) -> npt.NDArray[np.int32]:
    """What is written of a page, int32 of shape (n, 5), in its order: the blocks that `kept` (bool, (blocks,)) marks, and signs."""
    count = int(tables.state[at.N_SIGNS])
    blocks = tables.blocks[: len(kept)][kept][:, [at.B_ELEMENT, at.B_START, at.B_END, at.B_WORDS, at.B_BROKEN]]
    blocks[:, P_BROKEN] &= np.concatenate([[False], kept])[:-1][kept]
    if count == 0:
        return np.ascontiguousarray(blocks)
    chosen = np.zeros(count, np.bool_)
    _keep_signs(tables, kept, chosen)
    signs = np.zeros((int(chosen.sum()), 5), np.int32)
    signs[:, :3] = tables.signs[:count][chosen]
    both = np.concatenate([blocks, signs])
    return both[np.argsort(both[:, P_START], kind="stable")]


@helper
def _says(sign: npt.NDArray[np.int32], t: Tables) -> tuple[Truth, Truth]:
    """Whether a sign can be seen, and whether it is more than a separator."""
    seen = more = False
    i, end = np.int64(sign[at.S_START]), np.int64(sign[at.S_END])
    while i < end:
        c, width = sign_at(t.text, i, end)
        i += width
        if (c <= 32 and c > 0) or 0x7F <= c <= 0xA0 or 0x2000 <= c <= 0x200F or 0x2028 <= c <= 0x202F or c in _INVISIBLE:
            continue
        seen = True
        if c not in _SEPARATORS:
            more = True
    return seen, more


@helper
def _beside(e: Int, b: Int, first: npt.NDArray[np.int32], last: npt.NDArray[np.int32], kept: npt.NDArray[np.bool_]) -> Int:
    """Of the blocks of an element that stand right before and after a sign, `b` being that after: 1 if all are kept, 0 if one is
    not, -1 if there is none."""
    before = b - 1 >= first[e] and b - 1 <= last[e]
    after = b >= first[e] and b <= last[e]
    if not before and not after:
        return -1
    return (not before or kept[b - 1]) and (not after or kept[b])


@njit(types.void(TABLES_TYPE, types.boolean[::1], types.boolean[::1]), cache=True, nogil=True, error_model="numpy")
def _keep_signs(t: Tables, kept: npt.NDArray[np.bool_], chosen: npt.NDArray[np.bool_]) -> None:
    n, m = t.state[at.N_ELEMENTS], len(kept)
    # By element: the first and the last block in it, and how many signs.
    first, last, signs = np.full(n, 1 << 30, np.int32), np.full(n, -1, np.int32), np.zeros(n, np.int32)
    for i in range(m):
        e = t.blocks[i, at.B_ELEMENT]
        first[e], last[e] = min(first[e], i), i
    for k in range(len(chosen)):
        signs[t.signs[k, at.S_ELEMENT]] += 1
    for e in range(n - 1, 0, -1):
        up = t.elements[e, at.E_PARENT]
        first[up], last[up] = min(first[up], first[e]), max(last[up], last[e])
        signs[up] += signs[e]
    b = 0
    for k in range(len(chosen)):
        while b < m and t.blocks[b, at.B_START] < t.signs[k, at.S_START]:
            b += 1
        seen, more = _says(t.signs[k], t)
        if not seen:
            continue
        e = np.int64(t.signs[k, at.S_ELEMENT])
        code = False
        while e > 0:
            name = t.elements[e, at.E_NAME]
            code |= _CODE[name]
            how = np.int64(-1)
            if name == el.TR:
                if last[e] >= 0 or signs[e] >= _ROW:
                    how = _beside(e, np.int64(b), first, last, kept)
                elif not code:
                    break
            elif name == el.TABLE or name == el.PRE:
                how = _beside(e, np.int64(b), first, last, kept)
            elif _LISTS[name]:
                how = _beside(e, np.int64(b), first, last, kept)
                if not (more or code):
                    break
            elif _HOLDERS[name] and last[e] >= 0 and not code:  # beside text it is an ornament
                break
            if how >= 0:
                chosen[k] = how > 0
                break
            e = np.int64(t.elements[e, at.E_PARENT])
        if e <= 0 and code:
            chosen[k] = _beside(np.int64(0), np.int64(b), first, last, kept) > 0
