"""Chosen rows of several parts, and what is made of them put together to tables that a sender holds one at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.context import Context
from pipelines.plan import Layer
from pipelines.view import Columns

I64 = npt.NDArray[np.int64]


def rows_in(batches: Iterable[Columns], rows: I64) -> Iterator[tuple[Columns, I64, int]]:
    """The batches that hold some of `rows` (sorted, counted over all batches): columns, which of the batch's rows are meant, and
    the number of its first."""
    start = 0
    for batch in batches:
        stop = start + len(next(iter(batch.values())))
        low, high = np.searchsorted(rows, [start, stop])
        if high > low:
            yield batch, rows[low:high] - start, start
        start = stop


def chosen_rows(
    context: Context, parts: Sequence[str], columns: Sequence[str], rows: I64, edits: Sequence[Layer] = ()
) -> Iterator[tuple[Columns, I64, int]]:  # fmt: skip
    """As `rows_in`, of parts, whose rows are counted one part after the other."""

    def batches() -> Iterator[Columns]:
        for part in parts:
            with context.joined(part, columns, edits) as view:
                yield from view.batches()

    return rows_in(batches(), rows)


def in_slabs(batches: Iterable[pa.RecordBatch], size: int) -> Iterator[pa.Table]:
    """The batches as tables, each of the first that are more than `size` bytes together."""
    some: list[pa.RecordBatch] = []
    held = 0
    for batch in batches:
        some.append(batch)
        held += batch.get_total_buffer_size()
        del batch
        if held > size:
            table = pa.Table.from_batches(some).combine_chunks()
            some, held = [], 0
            yield table
            del table
    if some:
        yield pa.Table.from_batches(some).combine_chunks()
