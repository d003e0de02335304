"""The words of one text by name of the splitter: whitespace (str.split), english (spaCy's) and boundaries (UAX #29's).

To look at what a scorer counted; kernels call the splitters of core.words, core.english and core.boundaries themselves.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numba import njit, types

from core.boundaries import split_boundaries
from core.characters import BYTES_TYPE, CLASSES, CLASSES_TYPE, Bytes, Classes, Int
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
    splitter: Int, data: Bytes, start: Int, end: Int, classes: Classes, exceptions: Exceptions, starts: Spans,
    ends: Spans,
) -> Int:  # fmt: skip
    if splitter == 0:
        return split_whitespace(data, start, end, classes, starts, ends)
    if splitter == 1:
        return split_english(data, start, end, classes, exceptions, starts, ends)
    return split_boundaries(data, start, end, classes, starts, ends)


def words_of(text: str, splitter: Splitter) -> list[str]:
    """The words of one text."""
    raw = text.encode()
    room = max_spans(len(raw))
    starts, ends = np.empty(room, np.int32), np.empty(room, np.int32)
    data = np.frombuffer(raw, np.uint8)
    n = _split(_SPLITTERS[splitter], data, 0, len(raw), CLASSES, EXCEPTIONS, starts, ends)
    return [raw[a:b].decode() for a, b in zip(starts[:n].tolist(), ends[:n].tolist(), strict=True)]
