"""Samples on their way to a shard: batches in the order of the output, merged by the process that writes the shard."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.ipc as ipc

from core.files import Beside, storage_errors
from core.hashing import digest
from sharding.order import ORDER, Orders, Samples, argsort, samples_of

I64 = npt.NDArray[np.int64]
#: A shard is written in runs of about this many bytes of text.
RUN_BYTES = 4 << 20
#: Before the names of the order's columns, so that they cannot be a sample's own.
PREFIX = "\0order."
ORDERED = pa.schema([
    (PREFIX + "key", pa.uint64()), (PREFIX + "high", pa.uint64()), (PREFIX + "low", pa.uint64()), (PREFIX + "copy", pa.uint32()),
])  # fmt: skip


def with_order(payload: pa.Table, rows: I64, orders: Orders) -> pa.RecordBatch:
    """Rows of `payload` (any columns, `text` among them), with their keys and orders before them."""
    taken = payload.take(pa.array(rows))
    arrays = [pa.array(Samples(rows, orders).keys, pa.string())]
    arrays += [pa.array(np.ascontiguousarray(orders[name])) for name in ORDER.names or ()]
    arrays += [flat(column) for column in taken.columns]
    return pa.RecordBatch.from_arrays(arrays, schema=chunk_schema(payload.schema))


def chunk_schema(payload: pa.Schema) -> pa.Schema:
    """The schema of `with_order` for a payload of this schema."""
    return pa.schema([("key", pa.string()), *ORDERED, *payload])


def orders_of(batch: pa.RecordBatch, prefix: str = PREFIX) -> Orders:
    """The orders of a batch made by `with_order`."""
    orders = np.empty(len(batch), ORDER)
    for name in ORDER.names or ():
        orders[name] = batch.column(prefix + name).to_numpy()
    return orders


def merge_samples(batches: Sequence[pa.RecordBatch], done: Callable[[], None] = lambda: None) -> Iterator[pa.RecordBatch]:
    """The rows of batches made by `with_order`, merged, without their orders, about RUN_BYTES of texts and images at a time.

    Each batch is read from its first row to its last; `done` is called after each piece, when no other holds its rows.
    """
    order = argsort(np.concatenate([orders_of(batch) for batch in batches]))
    owner = np.repeat(np.arange(len(batches)), [len(batch) for batch in batches])
    starts = np.cumsum([0, *(len(batch) for batch in batches)])
    for piece in _runs(order, batches):
        rows = _rows(batches, owner[piece], piece - starts[owner[piece]])
        done()
        yield rows


def in_order(batches: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    """The rows of batches made by `with_order` as one batch, in order, with their orders."""
    order = argsort(np.concatenate([orders_of(batch) for batch in batches]))
    return pa.concat_batches(batches).take(pa.array(order))


def write_samples(folder: Path, payload: pa.Table, seed: int) -> str:
    """Writes a table with columns `id` and `text` in the order of the output; returns the path.

    The file is named by its content: attempts of one batch meet, and names sort alike in every run.
    """
    samples = samples_of(flat(payload.column("id")), None, seed)
    batch = with_order(payload, samples.rows, samples.orders)
    sink = pa.BufferOutputStream()
    with ipc.new_file(sink, batch.schema) as writer:
        writer.write_batch(batch)
    data = sink.getvalue()
    place = Beside(folder)
    path = folder / f"{digest(data).hex()}.arrow"
    draft = place.temporary(path.name)
    with storage_errors(path):
        draft.write_bytes(data)
    place.commit(draft, path)
    return str(path)


def read_orders(path: str) -> Orders:
    """The orders in a file of `write_samples`; the texts are not read."""
    with pa.memory_map(path) as source:
        return orders_of(ipc.open_file(source).get_batch(0))


def flat(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """A column in one piece."""
    return column if isinstance(column, pa.Array) else column.combine_chunks()


def _runs(order: I64, batches: Sequence[pa.RecordBatch]) -> Iterator[I64]:
    lengths = [_sizes(batch) for batch in batches]
    run = np.cumsum(np.concatenate(lengths)[order] + 256) // RUN_BYTES
    yield from np.split(order, np.flatnonzero(np.diff(run)) + 1)


def _sizes(batch: pa.RecordBatch) -> I64:
    """The bytes of each sample's members."""
    names = [name for name in ("text", "image") if name in batch.schema.names]
    sizes = (pc.binary_length(batch.column(name)).fill_null(0).to_numpy(zero_copy_only=False) for name in names)
    return np.add.reduce([size.astype(np.int64) for size in sizes])


def _rows(batches: Sequence[pa.RecordBatch], owner: I64, rows: I64) -> pa.RecordBatch:
    """Rows of several batches in the order given."""
    pieces: list[pa.RecordBatch] = []
    back = np.empty(len(rows), np.int64)
    at = 0
    for i in np.unique(owner):
        mine = np.flatnonzero(owner == i)
        pieces.append(batches[i].slice(rows[mine[0]], len(mine)))  # in order and without gaps, as merges are
        back[mine] = at + np.arange(len(mine))
        at += len(mine)
    merged = pa.concat_batches(pieces).take(pa.array(back))
    return merged.select([name for name in merged.schema.names if name not in ORDERED.names])
