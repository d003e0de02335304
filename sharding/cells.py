"""The cells of Arrow columns as bytes and as sizes, where a column may be larger than 2 GiB or hold binary values.

Layouts: Arrow columnar format, arrow.apache.org/docs/format/Columnar.html.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

I64 = npt.NDArray[np.int64]


def cells(column: pa.Array) -> tuple[I64, npt.NDArray[np.uint8]]:
    """Offsets int64 of shape (n + 1,) and the bytes uint8 of a string or binary column; nulls may have any length."""
    large = pa.types.is_large_string(column.type) or pa.types.is_large_binary(column.type)
    if not large and column.type not in (pa.string(), pa.binary()):
        raise TypeError(f"a string or binary column was expected, not {column.type}")
    _, offsets, data = column.buffers()
    starts = np.frombuffer(offsets, np.int64 if large else np.int32)[column.offset : column.offset + len(column) + 1]
    return starts.astype(np.int64), np.frombuffer(data, np.uint8) if data is not None else np.zeros(0, np.uint8)


def list_lengths(column: pa.Array) -> I64:
    """How many values each list of a list column holds, int64 of shape (n,); 0 for null."""
    return np.asarray(column.value_lengths().fill_null(0)).astype(np.int64)


def value_bytes(column: pa.Array) -> I64:
    """About how many bytes each value takes, int64 of shape (n,), from the values alone: 8 for a number."""
    kind = column.type
    if kind in (pa.string(), pa.large_string(), pa.binary(), pa.large_binary()):
        return np.diff(cells(column)[0]) * np.asarray(column.is_valid())
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        ends = np.cumsum(list_lengths(column))
        inside = np.concatenate([[0], np.cumsum(value_bytes(column.flatten()))])
        return np.diff(inside[np.concatenate([[0], ends])])
    if pa.types.is_struct(kind):
        sizes = np.zeros(len(column), np.int64)
        for part in column.flatten():
            sizes += value_bytes(part)
        return sizes
    return np.full(len(column), 8, np.int64)
