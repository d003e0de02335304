"""Which tables hold data in rows and columns, and do not just place things on the page."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit, types

from ingest.extraction import layout as at
from ingest.extraction import names as el
from ingest.extraction.layout import TABLES_TYPE, Tables
from ingest.extraction.signs import P_ELEMENT, P_WORDS

#: A table is one of data if it has as many rows and columns, and no cell of more words, or lines.
_ROWS, _COLUMNS, _CELL_WORDS, _CELL_LINES = 2, 2, 60, 6
#: Columns of what find_cells gives: the table, the row, the cell.
C_TABLE, C_ROW, C_CELL = range(3)
_PLACED = el.marked("li pre h1 h2 h3 h4 h5 h6")


def find_cells(tables: Tables, pieces: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Of each piece (signs.pieces) the innermost table, if that is one of data, and its row and cell there, int32 of shape (n, 3);
    0 for what is in none."""
    cells = np.zeros((len(pieces), 3), np.int32)
    if (tables.elements[: int(tables.state[at.N_ELEMENTS]), at.E_NAME] == el.TABLE).any():
        _find_cells(tables, pieces, cells)
    return cells


@njit(types.void(TABLES_TYPE, types.int32[:, ::1], types.int32[:, ::1]), cache=True, nogil=True, error_model="numpy")
def _find_cells(t: Tables, pieces: npt.NDArray[np.int32], cells: npt.NDArray[np.int32]) -> None:
    n = t.state[at.N_ELEMENTS]
    # By element: where it stands in the innermost table, as in `cells`, and whether it is in what data has not.
    around, placed = np.zeros((n, 3), np.int32), np.zeros(n, np.bool_)
    for e in range(1, n):
        name, up = t.elements[e, at.E_NAME], t.elements[e, at.E_PARENT]
        if name == el.TABLE:
            around[e, C_TABLE] = e
            continue
        for k in range(3):
            around[e, k] = around[up, k]
        placed[e] = placed[up] or _PLACED[name]
        if name == el.TR and around[e, C_ROW] == 0:
            around[e, C_ROW] = e
        elif (name == el.TD or name == el.TH) and around[e, C_CELL] == 0:
            around[e, C_CELL] = e
    # By table: its rows, and the most cells of one; the last row, its last cell, how many cells it has, and how many words and
    # lines that cell; whether it places things.
    counts, last, spoiled = np.zeros((n, 2), np.int32), np.zeros((n, 5), np.int32), np.zeros(n, np.bool_)
    for i in range(len(pieces)):
        e = pieces[i, P_ELEMENT]
        table, row, cell = around[e, C_TABLE], around[e, C_ROW], around[e, C_CELL]
        if table == 0:
            continue
        spoiled[table] |= placed[e]
        outer = around[t.elements[table, at.E_PARENT], C_TABLE]
        while outer > 0 and not spoiled[outer]:
            spoiled[outer] = True
            outer = around[t.elements[outer, at.E_PARENT], C_TABLE]
        if row == 0 or cell == 0:
            continue
        if last[table, 0] != row:
            counts[table, 0] += 1
            last[table, 0], last[table, 1], last[table, 2] = row, 0, 0
        if last[table, 1] != cell:
            last[table, 1], last[table, 3], last[table, 4] = cell, 0, 0
            last[table, 2] += 1
            counts[table, 1] = max(counts[table, 1], last[table, 2])
        last[table, 3] += pieces[i, P_WORDS]
        last[table, 4] += 1
        spoiled[table] |= last[table, 3] > _CELL_WORDS or last[table, 4] > _CELL_LINES
    for i in range(len(pieces)):
        of = around[pieces[i, P_ELEMENT]]
        if of[C_TABLE] > 0 and not spoiled[of[C_TABLE]] and counts[of[C_TABLE], 0] >= _ROWS and counts[of[C_TABLE], 1] >= _COLUMNS:
            for k in range(3):
                cells[i, k] = of[k]
            if cells[i, C_ROW] == 0 or cells[i, C_CELL] == 0:  # a caption
                cells[i, C_ROW] = cells[i, C_CELL] = 0
