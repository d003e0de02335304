"""The bytes and pixels of images as columns of a batch: read and decoded for the rows that a scorer needs, and for no other.

What was scored before is carried over by id, so that its bytes are not read again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from core.scorer import Scorer
from pipelines.context import Context
from pipelines.image_bytes import LYING, ImageBytes
from pipelines.image_layers import FETCHED
from pipelines.made_images import MadeWriter
from pipelines.tables import BYTES, DECODED
from pipelines.view import Columns, Joined

Bools = npt.NDArray[np.bool_]
#: Where the bytes of an image are, and how many.
PLACES = frozenset({f"{FETCHED}.status", f"{FETCHED}.size", *LYING})
#: Images that are decoded at a time, at 0.8 MB each, and bytes of their files.
ROWS, FILE_BYTES = 32, 32 << 20
#: Rows whose places are read at a time.
_PLACED = 1 << 12


class Pictures:
    """Makes `image.bytes` and `image.decoded` of a part, batch by batch."""

    def __init__(self, context: Context, made: MadeWriter | None = None) -> None:
        """`made`: who makes an output's images of them, where nobody else looks at their pixels."""
        self._files = ImageBytes(context)
        self._made = made
        self._batch: Columns = {}
        self._held: dict[str, _Held] = {}

    def batches(self, view: Joined) -> Iterator[Columns]:
        """The rows of a view with PLACES, as few at a time as their images take memory."""
        for columns in view.batches(_PLACED):
            sizes = columns[f"{FETCHED}.size"].fill_null(0).to_numpy(zero_copy_only=False)
            start = 0
            while start < len(sizes):
                many = int(np.searchsorted(np.cumsum(sizes[start : start + ROWS]), FILE_BYTES, side="right"))
                stop = min(start + max(1, many), len(sizes))
                yield {name: column.slice(start, stop - start) for name, column in columns.items()}
                start = stop

    def column(self, name: str, columns: Columns, needed: Bools) -> pa.Array:
        """`image.bytes` or `image.decoded` of the rows that are needed; what was made is held until the next batch."""
        if columns is not self._batch:
            self._batch, self._held = columns, {}
        held = self._held.setdefault(name, _Held(len(needed)))
        missing = needed & (held.place < 0)
        if missing.any():
            held.add(missing, self._bytes(columns, missing) if name == BYTES else self._pixels(columns, missing))
        return held.values.take(pa.array(held.place[needed]))

    def _bytes(self, columns: Columns, rows: Bools) -> pa.Array:
        wanted = pa.array(rows)
        ids, *places = (columns[n].filter(wanted).to_pylist() for n in ("id", *LYING))
        return self._files.read(ids, list(zip(*places, strict=True)))

    def _pixels(self, columns: Columns, rows: Bools) -> pa.Array:
        from core.images.columns import decoded

        if self._made is None:
            return decoded(self.column(BYTES, columns, rows))
        ids = columns["id"].filter(pa.array(rows))
        new = rows.copy()
        new[rows] = [not self._made.known(id) for id in ids.to_pylist()]
        files = iter(self.column(BYTES, columns, new).to_pylist() if new.any() else ())
        return self._made.decoded(ids, [next(files) if fresh else None for fresh in new[rows].tolist()])


class _Held:
    """Values of some rows of a batch; `place` is where a row's is among them, -1 if it is not."""

    def __init__(self, rows: int) -> None:
        self.place = np.full(rows, -1, np.int64)
        self.values: Any = None

    def add(self, rows: Bools, values: pa.Array) -> None:
        start = 0 if self.values is None else len(self.values)
        self.place[rows] = start + np.arange(int(rows.sum()))
        self.values = values if self.values is None else pa.concat_arrays([self.values, values])


@dataclass(frozen=True)
class Decoding:
    """A scorer that reads `image.decoded`, decoding by itself: for a process that may die of an image."""

    inner: Scorer

    @property
    def name(self) -> str:
        return self.inner.name

    @property
    def inputs(self) -> tuple[str, ...]:
        return tuple(BYTES if name == DECODED else name for name in self.inner.inputs)

    @property
    def schema(self) -> pa.Schema:
        return self.inner.schema

    def score(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        from core.images.columns import decoded

        arrays = [
            decoded(column) if name == DECODED else column
            for name, column in zip(self.inner.inputs, batch.columns, strict=True)
        ]  # fmt: skip
        return self.inner.score(pa.RecordBatch.from_arrays(arrays, names=list(self.inner.inputs)))
