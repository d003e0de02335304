"""The kept blocks of a page as plain text: a line each, and a line a row of a table, its cells parted by tabs."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit, types

from ingest.extraction import layout as at
from ingest.extraction.cells import C_CELL, C_ROW, find_cells
from ingest.extraction.layout import TABLES_TYPE, Tables
from ingest.extraction.signs import P_END, P_START
from ingest.references import unescape


def plain(tables: Tables, pieces: npt.NDArray[np.int32]) -> str:
    """What is written of a scanned page (signs.pieces) as plain text."""
    out = np.empty(int(tables.state[at.N_TEXT]) + len(pieces), np.uint8)
    text = out[: _write(tables, pieces, find_cells(tables, pieces), out)].tobytes().decode("utf-8", "replace")
    return unescape(text) if "&" in text else text


@njit(
    types.int64(TABLES_TYPE, types.int32[:, ::1], types.int32[:, ::1], types.uint8[::1]), cache=True, nogil=True,
    error_model="numpy",
)  # fmt: skip
def _write(t: Tables, pieces: npt.NDArray[np.int32], cells: npt.NDArray[np.int32], out: npt.NDArray[np.uint8]) -> int:
    """Writes `pieces` into `out`, which has room for the page's text and a byte a piece; how many bytes."""
    n = 0
    for i in range(len(pieces)):
        if i > 0:
            out[n] = 10
            if cells[i, C_ROW] > 0 and cells[i, C_ROW] == cells[i - 1, C_ROW]:
                out[n] = 32 if cells[i, C_CELL] == cells[i - 1, C_CELL] else 9
            n += 1
        for k in range(pieces[i, P_START], pieces[i, P_END]):
            out[n] = t.text[k]
            n += 1
    return n
