"""Row groups that depend on the rows alone: where they end follows from the rows, not from the batches they come in.

Parquet pages and row groups begin where writes do, so equal rows give equal files only when they are cut alike.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sharding.cells import value_bytes

GROUP_ROWS = 16_384
GROUP_BYTES = 32 << 20


@dataclass
class Groups:
    """Cuts batches of one schema; a group ends with the row that makes it GROUP_ROWS long or GROUP_BYTES large."""

    rows: int = GROUP_ROWS
    bytes: int = GROUP_BYTES
    _pending_rows: int = 0
    _pending_bytes: int = 0

    def cut(self, batch: pa.RecordBatch) -> Iterator[tuple[pa.RecordBatch, bool]]:
        """The pieces of a batch, and whether a group ends with each."""
        sizes = np.cumsum(row_bytes(batch))
        start = 0
        while start < len(batch):
            before = int(sizes[start - 1]) if start else 0
            full = int(np.searchsorted(sizes, before + self.bytes - self._pending_bytes)) + 1
            stop = min(full, start + self.rows - self._pending_rows, len(batch))
            self._pending_rows += stop - start
            self._pending_bytes += int(sizes[stop - 1]) - before
            ends = self._pending_rows >= self.rows or self._pending_bytes >= self.bytes
            if ends:
                self._pending_rows = self._pending_bytes = 0
            yield batch.slice(start, stop - start), ends
            start = stop


@dataclass
class Group:
    """The pieces of one group, in memory until it ends."""

    _pieces: list[pa.RecordBatch] = field(default_factory=list[pa.RecordBatch])

    def add(self, piece: pa.RecordBatch) -> None:
        self._pieces.append(piece)

    def take(self) -> pa.RecordBatch | None:
        """The group as one batch, None if it has no rows; the next one begins."""
        pieces, self._pieces = self._pieces, []
        return pa.concat_batches(pieces) if pieces else None


def row_bytes(batch: pa.RecordBatch) -> npt.NDArray[np.int64]:
    """About how much memory each row takes, from its values alone: int64 of shape (rows,), at least 1."""
    sizes = np.ones(len(batch), np.int64)
    for column in batch.columns:
        sizes += value_bytes(column)
    return sizes
