"""The words of a column by name of the splitter: whitespace, english (spaCy's) and boundaries (UAX #29's).

For scorers that need counts alone, and for tests; kernels call the splitters of core.words, english and boundaries.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit, types

from core.boundaries import split_boundaries
from core.characters import BYTES_TYPE, CLASSES, CLASSES_TYPE, OFFSETS_TYPE, Bytes, Classes
from core.columns import utf8_view
from core.english import EXCEPTIONS, EXCEPTIONS_TYPE, Exceptions, split_english
from core.words import Spans, max_spans, split_whitespace

Splitter = Literal["whitespace", "english", "boundaries"]

_SPLITTERS: dict[str, int] = {"whitespace": 0, "english": 1, "boundaries": 2}
_SPANS = types.int32[::1]


@njit(
    types.int64(types.int64, BYTES_TYPE, types.int64, types.int64, CLASSES_TYPE, EXCEPTIONS_TYPE, _SPANS, _SPANS),
    error_model="numpy", cache=True, nogil=True,
)  # fmt: skip
def _split(
    splitter: int, data: Bytes, start: int, end: int, classes: Classes, exceptions: Exceptions, starts: Spans,
    ends: Spans,
) -> int:  # fmt: skip
    if splitter == 0:
        return split_whitespace(data, start, end, classes, starts, ends)
    if splitter == 1:
        return split_english(data, start, end, classes, exceptions, starts, ends)
    return split_boundaries(data, start, end, classes, starts, ends)


@njit(
    types.void(types.int64, OFFSETS_TYPE, BYTES_TYPE, CLASSES_TYPE, EXCEPTIONS_TYPE, _SPANS),
    error_model="numpy", cache=True, nogil=True,
)  # fmt: skip
def _count(
    splitter: int, offsets: Spans, data: Bytes, classes: Classes, exceptions: Exceptions, counts: Spans
) -> None:
    longest = 0
    for row in range(len(counts)):
        longest = max(longest, offsets[row + 1] - offsets[row])
    starts, ends = np.empty(max_spans(longest), np.int32), np.empty(max_spans(longest), np.int32)
    for row in range(len(counts)):
        start, end = np.int64(offsets[row]), np.int64(offsets[row + 1])
        counts[row] = _split(splitter, data, start, end, classes, exceptions, starts, ends)


def count_words(texts: pa.Array, splitter: Splitter) -> npt.NDArray[np.int32]:
    """The number of words of each text of a string column, int32 of shape (n,); 0 for null."""
    offsets, data = utf8_view(texts)
    counts = np.zeros(len(texts), np.int32)
    _count(_SPLITTERS[splitter], offsets, data, CLASSES, EXCEPTIONS, counts)
    return counts


def words_of(text: str, splitter: Splitter) -> list[str]:
    """The words of one text."""
    raw = text.encode()
    room = max_spans(len(raw))
    starts, ends = np.empty(room, np.int32), np.empty(room, np.int32)
    data = np.frombuffer(raw, np.uint8)
    n = _split(_SPLITTERS[splitter], data, 0, len(raw), CLASSES, EXCEPTIONS, starts, ends)
    return [raw[a:b].decode() for a, b in zip(starts[:n].tolist(), ends[:n].tolist(), strict=True)]
