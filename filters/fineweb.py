"""FineWeb's metrics of lines (Penedo et al. 2024, arXiv 2406.17557), as datatrove computes them.

Source: huggingface/datatrove 0.10, pipeline/filters/fineweb_quality_filter.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit, types

from core.characters import BYTES_TYPE, CLASSES, CLASSES_TYPE, OFFSETS_TYPE, Bytes, Classes, Int, char_length
from core.columns import utf8_view, with_nulls
from core.english import EXCEPTIONS, EXCEPTIONS_TYPE, Exceptions, split_english
from core.scorer import column
from core.words import Spans, longest_text, max_spans
from filters.line_metrics import count_newlines, measure_lines
from filters.ngrams import sieve_size, table_size

_LINES, _PUNCT, _SHORT, _DUP_CHARS, _NEWLINES = range(5)
_COLUMNS = 5


@dataclass(frozen=True)
class FineWeb:
    """FineWeb's metrics; its thresholds are in recipes/fineweb.yaml. An empty text has 0 throughout.

    Blank lines count as newlines alone. Words are those of spaCy's English tokenizer, which datatrove uses.
    """

    name: ClassVar[str] = "fineweb"
    version: ClassVar[int] = 1
    costly: ClassVar[bool] = False

    short_line_length: int = 30
    read: Literal["edited", "extracted"] = "edited"

    def __post_init__(self) -> None:
        if not 0 <= self.short_line_length <= 10_000:
            raise ValueError(f"short_line_length: {self.short_line_length} is not in 0..10000")
        if self.read not in ("edited", "extracted"):
            raise ValueError(f"read: {self.read!r} is neither 'edited' nor 'extracted'")

    @property
    def inputs(self) -> tuple[str, ...]:
        return ("text.edited",) if self.read == "edited" else ("text.text",)

    @property
    def schema(self) -> pa.Schema:
        short = f"lines of at most {self.short_line_length} characters, of all"
        repeated = "characters of lines that occurred before, of all characters but newlines"
        return pa.schema([
            column("lines", pa.int32(), "lines that are not blank", unit="lines", low=0, high=1000),
            column("line_punct", pa.float64(), "lines that end in terminal punctuation, of all", bounds=(0, 1)),
            column("short_lines", pa.float64(), short, bounds=(0, 1)),
            column("dup_line_chars", pa.float64(), repeated, low=0, high=1),
            column("newlines", pa.float64(), "newlines a word", low=0, high=1),
        ])  # fmt: skip

    def weights_digest(self) -> str:
        return ""

    def open(self) -> None:
        return None

    def score(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        text = batch.column(self.inputs[0])
        offsets, data = utf8_view(text)
        out = np.zeros((len(text), _COLUMNS))
        _score(offsets, data, CLASSES, EXCEPTIONS, self.short_line_length, out)
        columns = [with_nulls(out[:, _LINES].astype(np.int32), text)]
        columns += [with_nulls(out[:, i], text) for i in range(1, _COLUMNS)]
        return pa.RecordBatch.from_arrays(columns, schema=self.schema)


@njit(types.void(OFFSETS_TYPE, BYTES_TYPE, CLASSES_TYPE, EXCEPTIONS_TYPE, types.int64, types.float64[:, ::1]),
      cache=True, nogil=True, error_model="numpy")  # fmt: skip
def _score(
    offsets: Spans, data: Bytes, classes: Classes, exceptions: Exceptions, short: Int, out: npt.NDArray[np.float64]
) -> None:
    room = max_spans(longest_text(offsets))
    starts, ends, found = np.empty(room, np.int32), np.empty(room, np.int32), np.empty(room, np.int32)
    keys = np.empty(room, np.uint64)
    table, sieve = np.empty(table_size(room), np.int32), np.empty(sieve_size(room), np.uint8)
    for row in range(len(offsets) - 1):
        start, end = np.int64(offsets[row]), np.int64(offsets[row + 1])
        lines, terminal, few, _, repeated = measure_lines(
            data, start, end, classes, short, starts, ends, keys, found, sieve, table
        )
        if lines == 0:
            continue
        newlines, _ = count_newlines(data, start, end)
        out[row, _LINES] = lines
        out[row, _PUNCT] = terminal / lines
        out[row, _SHORT] = few / lines
        out[row, _DUP_CHARS] = repeated / (char_length(data, start, end) - newlines)
        words = split_english(data, start, end, classes, exceptions, starts, ends)
        out[row, _NEWLINES] = newlines / max(words, 1)
