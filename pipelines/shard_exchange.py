"""Sends samples to their shards and writes the shards, as tasks: texts move by claim check (docs/design.md, section 1).

They take two hops where there are many: a sender writes slabs by run of shards to its own disk, puts those of a run together,
and a run's receiver gets them from there; so a dump's pieces are megabytes, not one of each slab.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from core.hashing import digest
from pipelines import image_samples
from pipelines.chunks import chunk_schema, in_order, merge_samples, with_order
from pipelines.context import Context
from pipelines.exchange import Draft, Made, Mapped, Pointer, read_chunks
from pipelines.memory import give_back
from pipelines.shard_plan import Sender
from pipelines.shards import members_of, metadata_columns, short_name
from pipelines.slabs import chosen_rows, in_slabs
from pipelines.tables import DOCUMENTS
from pipelines.view import Columns
from sharding.order import Orders, shard_slices
from sharding.shard import TEXT, ShardInfo, ShardWriter
from sharding.split import SPLITS

I64 = npt.NDArray[np.int64]
#: A sender holds about this much of its texts at a time, and more where there are many runs of shards, so that what it
#: sends to each is worth the overhead of a chunk.
SLAB_BYTES, MOST_SLAB_BYTES = 8 << 20, 64 << 20
CHUNK_BYTES = 64 << 10
#: More slabs of a sender are put together, as many as give chunks of about so many bytes.
MOST_SLABS, MERGED_BYTES = 8, 4 << 20
_ROW = "\0row"
#: A run of shards of a split as one number.
_SPLIT_BITS = 40


def send(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """Writes a sender's samples, in order, into exchange files; emits ["shard", output, split, first of the run] → pointer."""
    (value,) = args["values"]
    sender = Sender.from_json(value)
    name = args["key"][2]
    by_code = {code: (orders, rows) for code, orders, rows in sender.samples_of(context)}
    cuts = {code: sender.cuts_of(code) for code in by_code}
    wanted = np.unique(np.concatenate([rows for _, rows in by_code.values()]))
    runs = max(1, sum(sender.runs))
    slabs: dict[str, list[Draft]] = {output: [] for output in sender.outputs}
    try:
        slab = min(max(SLAB_BYTES, CHUNK_BYTES * runs), MOST_SLAB_BYTES)
        if context.table is DOCUMENTS:
            tables = ((sender.outputs[0], table) for table in _payload(context, sender.parts, wanted, slab))
        else:
            metadata = metadata_columns(context.plan)
            tables = image_samples.payload(context, sender.outputs, sender.parts, wanted, slab, _ROW, metadata)
        for output, table in tables:
            places = table.column(_ROW).to_numpy()
            table = table.drop_columns([_ROW])
            chunks, mine = _by_run(table, places, by_code, cuts), slabs[output]
            draft = f"{_prefix(output, name)}-{len(mine):06d}-payload.arrow"
            mine.append(Draft(context.store, draft, chunks, chunk_schema(table.schema)))
            del table, chunks
            give_back()
        for output, mine in slabs.items():
            if len(mine) > MOST_SLABS:
                slabs[output] = _put_together(context, _prefix(output, name), mine, runs)
        pointers = [(output, slab.commit()) for output, mine in slabs.items() for slab in mine]
    except BaseException:
        for slab in (slab for mine in slabs.values() for slab in mine):
            slab.discard()
        raise
    emit: list[list[Any]] = []
    for output, found in pointers:
        for number, pointer in found.items():
            code, of_split = number >> _SPLIT_BITS, number & ((1 << _SPLIT_BITS) - 1)
            emit.append([["shard", output, SPLITS[code], of_split * sender.run], pointer.to_json()])
    return {"emit": emit}


def _prefix(output: str, sender: str) -> str:
    return f"{output}-{digest(sender).hex()}"


def receive(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """Merges the chunks of a run of shards and writes those; returns their entries of the index."""
    _, name, split, number = args["key"]
    output = context.recipe.output[name]
    chunks = Mapped(context.store, map(Pointer.from_json, args["values"]))
    rows = sum(map(len, chunks.batches))
    pieces = _Pieces(merge_samples(chunks.batches, chunks.forget))
    folder = context.store.path("shards", name)
    shards: list[ShardInfo] = []
    for first in range(0, rows, output.samples):
        with ShardWriter(
            folder, split, number + len(shards), output.format, members=members_of(context, name), place=context.store,
            keyed=context.table is not DOCUMENTS, sparse=len(members_of(context, name)) > len(TEXT) + 1,
        ) as writer:  # fmt: skip
            for piece in pieces.take(min(output.samples, rows - first)):
                writer.write(piece)
                give_back()
        shards.append(writer.info)
    return {"output": name, "written": [asdict(info) for info in shards]}


class _Pieces:
    """Batches one after the other, cut where whoever takes them wants it."""

    def __init__(self, batches: Iterator[pa.RecordBatch]) -> None:
        self._batches = batches
        self._rest: pa.RecordBatch | None = None

    def take(self, rows: int) -> Iterator[pa.RecordBatch]:
        """The next `rows` rows."""
        while rows:
            batch = next(self._batches) if self._rest is None else self._rest
            self._rest = batch.slice(rows) if len(batch) > rows else None
            batch = batch.slice(0, rows)
            rows -= len(batch)
            yield batch
            del batch


def _by_run(
    table: pa.Table, places: I64, by_code: Mapping[int, tuple[Orders, I64]], cuts: Mapping[int, Orders]
) -> Mapping[int, pa.RecordBatch]:  # fmt: skip
    """The samples whose texts are in `table`, which stand at `places` among the sender's rows, by run of shards."""
    samples: dict[int, tuple[I64, Orders]] = {}
    for code, (all_orders, all_rows) in by_code.items():
        here = (all_rows >= places[0]) & (all_rows <= places[-1])
        orders, rows = all_orders[here], all_rows[here]
        slices = shard_slices(orders, cuts[code])
        for run in np.flatnonzero(np.diff(slices)):
            low, high = int(slices[run]), int(slices[run + 1])
            samples[(code << _SPLIT_BITS) + int(run)] = np.searchsorted(places, rows[low:high]), orders[low:high]
    # Not compressed: `receive` maps them, and holds in memory no more than what it is writing.
    return Made(samples, lambda number: with_order(table, *samples[number]))


def _put_together(context: Context, prefix: str, slabs: Sequence[Draft], runs: int) -> list[Draft]:
    """The first hop: fewer drafts with the chunks of several slabs each, in order, one run at a time in memory."""
    together = max(2, MERGED_BYTES * runs * len(slabs) // max(1, sum(slab.size for slab in slabs)))
    merged: list[Draft] = []
    try:
        for number, first in enumerate(range(0, len(slabs), together)):
            some = slabs[first : first + together]
            merged.append(_merged(context, f"{prefix}-{number:06d}-merged-payload.arrow", some))
            for slab in some:
                slab.discard()
    except BaseException:
        for draft in merged:
            draft.discard()
        raise
    return merged


def _merged(context: Context, name: str, slabs: Sequence[Draft]) -> Draft:
    pointers = [slab.pointers() for slab in slabs]
    numbers = sorted({number for found in pointers for number in found})

    def chunk(number: int) -> pa.RecordBatch:
        return in_order(read_chunks(found[number] for found in pointers if number in found))

    return Draft(context.store, name, Made(numbers, chunk), slabs[0].schema)


def _payload(context: Context, parts: Sequence[str], rows: I64, slab: int) -> Iterator[pa.Table]:
    """Text and metadata of the rows (sorted) of parts, with their places in `\\0row`, `slab` bytes or so at a time."""
    plan = context.plan
    metadata = metadata_columns(plan)
    edits = [layer for layer in plan.layers if layer.edits]
    text = "text.edited" if edits else "text.text"
    names = ["text", "id", *(short_name(name) for name, _ in metadata), _ROW]
    chosen = chosen_rows(context, parts, [text, *(name for name, _ in metadata)], rows, edits)
    return in_slabs((_take(columns, text, metadata, wanted, start, names) for columns, wanted, start in chosen), slab)


def _take(
    columns: Columns, text: str, metadata: Sequence[tuple[str, pa.DataType]], wanted: I64, start: int, names: Sequence[str]
) -> pa.RecordBatch:  # fmt: skip
    index = pa.array(wanted)
    arrays = [columns[text].take(index), columns["id"].take(index)]
    arrays += [columns[name].take(index) for name, _ in metadata]
    return pa.RecordBatch.from_arrays([*arrays, pa.array(wanted + start)], names=list(names))
