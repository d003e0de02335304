"""Row groups that depend on the rows alone: batches in, batches out whose borders do not follow the first.

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
    """Collects batches of one schema; a group ends with the row that makes it GROUP_ROWS long or GROUP_BYTES large.

    Memory is one group and one batch.
    """

    rows: int = GROUP_ROWS
    bytes: int = GROUP_BYTES
    _pending: list[pa.RecordBatch] = field(default_factory=list[pa.RecordBatch])
    _pending_rows: int = 0
    _pending_bytes: int = 0

    def add(self, batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        """The groups that this batch completes."""
        sizes = np.cumsum(row_bytes(batch))
        start = 0
        while start < len(batch):
            before = int(sizes[start - 1]) if start else 0
            full = int(np.searchsorted(sizes, before + self.bytes - self._pending_bytes)) + 1
            stop = min(full, start + self.rows - self._pending_rows, len(batch))
            self._pending.append(batch.slice(start, stop - start))
            self._pending_rows += stop - start
            self._pending_bytes += int(sizes[stop - 1]) - before
            if self._pending_rows >= self.rows or self._pending_bytes >= self.bytes:
                yield from self.finish()
            start = stop

    def finish(self) -> Iterator[pa.RecordBatch]:
        """The last group, if rows are left."""
        if self._pending:
            group = pa.concat_batches(self._pending)
            self._pending, self._pending_rows, self._pending_bytes = [], 0, 0
            yield group


def row_bytes(batch: pa.RecordBatch) -> npt.NDArray[np.int64]:
    """About how much memory each row takes, from its values alone: int64 of shape (rows,), at least 1."""
    sizes = np.ones(len(batch), np.int64)
    for column in batch.columns:
        sizes += value_bytes(column)
    return sizes
