"""Extracted text made plain: without NULs, carriage returns, trailing spaces and more than one blank line in a row.

White space is what Python's str.isspace says, as in core.characters.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit, types

from core.characters import BYTES_TYPE, CLASSES, CLASSES_TYPE, Bytes, Classes, Int, rstrip
from core.kernels import helper

_OFFSETS = types.Array(types.int64, 1, "C", readonly=True)


def clean(texts: Sequence[str | None]) -> pa.Array:
    """Each text without NULs, lone surrogates, carriage returns and trailing spaces; at most one blank line in a row."""
    raw = [_encoded(text) if text else b"" for text in texts]
    offsets = np.zeros(len(raw) + 1, np.int64)
    np.cumsum([len(text) for text in raw], out=offsets[1:])
    out, ends = np.empty(offsets[-1], np.uint8), np.zeros(len(raw) + 1, np.int32)
    _clean(offsets, np.frombuffer(b"".join(raw), np.uint8), CLASSES, ends, out)
    missing = np.array([text is None for text in texts], bool)
    validity = pa.py_buffer(np.packbits(~missing, bitorder="little")) if missing.any() else None
    buffers = [validity, pa.py_buffer(ends), pa.py_buffer(out[: ends[-1]].tobytes())]
    return pa.Array.from_buffers(pa.string(), len(raw), buffers, int(missing.sum()))


def _encoded(text: str) -> bytes:
    return (text.replace("\x00", "") if "\x00" in text else text).encode("utf-8", "ignore")


@helper
def _line_end(data: Bytes, start: Int, end: Int) -> Int:
    """Where the line that begins at `start` ends: before CR, LF or both."""
    while start < end and data[start] != 10 and data[start] != 13:
        start += 1
    return start


@njit(types.void(_OFFSETS, BYTES_TYPE, CLASSES_TYPE, types.int32[::1], types.uint8[::1]), cache=True, nogil=True,
      error_model="numpy")  # fmt: skip
def _clean(
    offsets: npt.NDArray[np.int64], data: Bytes, classes: Classes, ends: npt.NDArray[np.int32], out: Bytes
) -> None:
    at = 0
    for row in range(len(offsets) - 1):
        line, end = offsets[row], offsets[row + 1]
        first, blank = at, False
        while line < end:
            line_end = _line_end(data, line, end)
            stop = rstrip(data, line, line_end, classes)
            if stop == line:
                blank = at > first
            else:
                for _ in range((at > first) + blank):
                    out[at] = 10
                    at += 1
                for i in range(line, stop):
                    out[at] = data[i]
                    at += 1
                blank = False
            line = line_end + 1
            if line < end and data[line_end] == 13 and data[line] == 10:
                line += 1
        ends[row + 1] = at
