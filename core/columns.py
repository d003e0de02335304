"""Views of Arrow columns as NumPy arrays for kernels, without a copy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa


def utf8_view(array: pa.Array) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.uint8]]:
    """Offsets int32 of shape (n + 1,) and the bytes uint8 of a string column; nulls read as empty.

    Text i is `data[offsets[i]:offsets[i + 1]]`. The offsets of a slice start where the slice does.
    """
    if array.type == pa.large_string():
        array = array.cast(pa.string())
    if array.type != pa.string():
        raise TypeError(f"a string column was expected, not {array.type}")
    if array.null_count:
        array = array.fill_null("")
    _, offsets, data = array.buffers()
    n = len(array)
    if n == 0 or offsets is None:
        return np.zeros(n + 1, np.int32), np.zeros(0, np.uint8)
    starts = np.frombuffer(offsets, np.int32)[array.offset : array.offset + n + 1]
    raw = np.frombuffer(data, np.uint8) if data is not None else np.zeros(0, np.uint8)
    return starts, raw


def with_nulls(values: npt.NDArray[np.generic], source: pa.Array, type: pa.DataType | None = None) -> pa.Array:
    """`values` as an Arrow column that is null where `source` is null."""
    mask = np.asarray(source.is_null()) if source.null_count else None
    return pa.array(values, type=type, mask=mask)
