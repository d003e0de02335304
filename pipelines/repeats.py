"""Lines, paragraphs and captions that stand often, found over all texts as tasks: collect keys → match them → cut, or count.

Only keys and what decides which document comes first travel, 32 bytes a key and source, packed as arrays
(docs/design.md, section 4); `dedup.repeats` says what is cut.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from core.hashing import ID_TYPE
from core.spans import cut_array
from dedup import repeats
from dedup.election import NO_DATE
from dedup.paragraphs import MOST_SHOWN, Paragraphs
from dedup.repeats import Keys
from dedup.same_caption import SameCaption
from pipelines.chunks import flat
from pipelines.context import Context
from pipelines.exchange import Mapped, Pointer, read_chunks, read_only_chunk, write_chunks
from pipelines.fates import judge
from pipelines.layers import id_bytes
from pipelines.matching import send
from pipelines.partitions import chunks_by, in_partitions, most_groups, partition_of, power
from pipelines.passes import Passes
from pipelines.plan import Layer
from pipelines.progress import Pass
from pipelines.recipe_section import OVER_ALL, repeated_layer
from pipelines.sources import Source, part_sources
from pipelines.view import Columns

Json = dict[str, Any]
I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]
#: Keys that one partition should hold, and that a source or a group of partitions holds before it sends them on.
PARTITION_KEYS, HELD_KEYS = 2_000_000, 1 << 22
#: Lines that a page has, where nobody has counted them: it decides how many partitions there are, and nothing else.
LINES_A_ROW = 32
#: Rows that are read at a time.
_ROWS = 2048
KEYS = pa.schema([
    ("key", pa.uint64()), ("doc", pa.uint64()), ("rank", pa.uint64()), ("times", pa.uint32()), ("source", pa.uint32()),
])  # fmt: skip
#: Of a key that stands too often the document that comes first, or of a caption how often it stands.
ANSWERS = pa.schema([("key", pa.uint64()), ("told", pa.uint64())])
_ALIVE = pa.schema([("alive", pa.bool_())])
CUT = "cut"


def name_of(layer: Layer) -> str:
    """What the pass that makes a `repeated` layer is called."""
    return f"find repeated {layer.name.removesuffix(repeated_layer(''))}"


def find_repeats(
    passes: Passes, context: Context, layer: Layer, rows: Mapping[str, int], made: str, then: Sequence[Pass] = ()
) -> list[Json]:  # fmt: skip
    """Writes a `repeated` layer of the parts with so many rows, under this fingerprint, and runs the passes `then` in the
    same pipeline, from ["fates", part] on; returns what the tasks came to."""
    sources = part_sources(rows, False)
    if not sources:
        return []
    lines = sum(rows.values()) * (1 if _counts(context, layer) else LINES_A_ROW)
    partitions = power(lines, PARTITION_KEYS)
    split = {"partitions": partitions, "groups": min(partitions, most_groups(len(sources), passes.workers)), "layer": layer.name}
    tasks = [
        {"kind": "collect_lines", "args": {"ordinal": i, "source": source.to_json(), **split}} for i, source in enumerate(sources)
    ]
    steps = (("collect_lines", {}), ("match_lines", split), ("cut_lines", {"layer": layer.name, "method": made}))
    results = passes.run(Pass(name_of(layer), "collect_lines", len(tasks), steps=steps), tasks, then)
    if not context.store.remote:  # where each file would be a request: they go with the run's scratch
        for path in context.store.scratch("exchange").glob("lines-*"):
            path.unlink(missing_ok=True)
    return results


def collect(context: Context, args: Json) -> Json:
    """Sends the keys of the lines of a source's living rows by group of partitions; emits ["match", group] → pointer, and
    ["cut", ordinal] → source."""
    source, ordinal = Source.from_json(args["source"]), int(args["ordinal"])
    layer = context.plan.by_name[args["layer"]]
    keys = _Captions(context, layer) if _counts(context, layer) else _Lines(context, layer)
    steps = context.plan.steps_before(layer.position)
    wanted = {context.table.url, *keys.columns, *(c for step in steps for c in step.columns)}
    emit: list[list[Any]] = [[[CUT, ordinal], args["source"]]]
    living: list[npt.NDArray[np.bool_]] = [np.zeros(0, bool)]
    held = _Held(context, layer, args)
    for part, _ in source.of_parts:
        with context.joined(part, wanted, context.plan.edits_before(layer.position)) as view:
            for batch in view.batches(_ROWS):
                ids = batch["id"]
                alive = judge(steps, batch, len(ids), removed=context.removed(batch)).kept
                living.append(alive)
                found, rows = keys.of(batch)
                taken = (found != 0) & alive[rows]
                held.add(found[taken], rows[taken], _documents(ids), keys.ranks(batch))
                emit += held.sent(whole=False)
    emit += held.sent(whole=True)
    alive = pa.RecordBatch.from_arrays([pa.array(np.concatenate(living))], schema=_ALIVE)
    write_chunks(context.store, _alive_name(layer, ordinal), {0: alive}, _ALIVE)
    return {"emit": emit}


def match(context: Context, args: Json) -> Json:
    """Finds the keys of a group of partitions that stand too often; emits ["cut", ordinal] → pointer to each source that has
    some of them."""
    kind, number = args["key"]
    if kind == CUT:
        return {"emit": [[args["key"], value] for value in args["values"]]}
    layer = context.plan.by_name[args["layer"]]
    found = Mapped(context.store, map(Pointer.from_json, args["values"]))
    emit: list[list[Any]] = []
    held: list[tuple[npt.NDArray[np.uint32], U64, U64]] = []

    def give() -> None:
        sources, *columns = (np.concatenate([one[i] for one in held]) for i in range(3))
        held.clear()
        batch = pa.RecordBatch.from_arrays([pa.array(column) for column in columns], schema=ANSWERS)
        name = f"lines-{layer.name}-answers-{int(number):08d}-{len(emit):08d}"
        emit.extend(send(context, name, [CUT], chunks_by(batch, sources.astype(np.int64)), ANSWERS))

    for batches in in_partitions(found.batches, "key", int(args["partitions"]), int(args["groups"]), int(number)):
        table = pa.Table.from_batches(batches, KEYS)
        key, doc, rank, times = (np.ascontiguousarray(table.column(name).to_numpy()) for name in KEYS.names[:4])
        asked = Keys(key, doc, rank, times)
        sources = table.column("source").to_numpy()
        del table
        found.forget()
        if _counts(context, layer):
            at, told = repeats.count(asked)
        else:
            answers = repeats.match(asked, _scorer(context, layer).most)
            at, told = answers.at, answers.doc
        if len(at):
            held.append((sources[at], key[at], told))
        if sum(len(source) for source, *_ in held) > HELD_KEYS:
            give()
    if held:
        give()
    return {"emit": emit}


def cut(context: Context, args: Json) -> Json:
    """Writes the layer of a source's parts; emits ["fates", part]."""
    ordinal = int(args["key"][1])
    source = next(Source.from_json(value) for value in args["values"] if _is_source(value))
    answers = [Pointer.from_json(value) for value in args["values"] if not _is_source(value)]
    layer = context.plan.by_name[args["layer"]]
    table = pa.Table.from_batches(read_chunks(answers), ANSWERS)
    repeated, first = np.unique(table.column("key").to_numpy(), return_index=True)
    told_of = table.column("told").to_numpy()[first]
    del table
    alive = read_only_chunk(context.store.scratch("exchange", _alive_name(layer, ordinal))).column(0)
    start = 0
    told = np.zeros(3, np.int64)
    for part, rows in source.of_parts:
        write = _write_counts if _counts(context, layer) else _write_part
        told += write(context, layer, part, alive.slice(start, rows), repeated, told_of, str(args["method"]))
        start += rows
    return {
        "parts": len(source.of_parts), "lines": told[0].item(), "characters": told[1].item(),
        "emit": [[["fates", part], None] for part, _ in source.of_parts],
    }  # fmt: skip


class _Held:
    """Keys of a source on their way; sent when there are many, whatever the source's size."""

    def __init__(self, context: Context, layer: Layer, args: Json) -> None:
        self._context, self._layer, self._args = context, layer, args
        self._pieces: list[tuple[U64, I64]] = []
        self._rows: list[tuple[U64, U64]] = []
        self._lines = self._count = self._number = 0

    def add(self, keys: U64, rows: I64, docs: U64, ranks: U64) -> None:
        """Keys with their rows, and the rows' documents and ranks."""
        self._pieces.append((keys, rows + self._count))
        self._rows.append((docs, ranks))
        self._lines += len(keys)
        self._count += len(docs)

    def sent(self, whole: bool) -> list[list[Any]]:
        """Sends what is held, if it is much or `whole`; what a task emits for it."""
        if self._lines == 0 or not (whole or self._lines > HELD_KEYS):
            return []
        keys, rows = np.concatenate([keys for keys, _ in self._pieces]), np.concatenate([rows for _, rows in self._pieces])
        docs, ranks = np.concatenate([docs for docs, _ in self._rows]), np.concatenate([ranks for _, ranks in self._rows])
        self._pieces, self._rows, self._lines, self._count = [], [], 0, 0
        ordinal, partitions = int(self._args["ordinal"]), int(self._args["partitions"])
        of = repeats.of_source(keys, rows, docs, ranks, _source(self._context, self._layer).most)
        arrays = [of.key, of.doc, of.rank, of.times, np.full(len(of), ordinal, np.uint32)]
        batch = pa.RecordBatch.from_arrays([pa.array(array) for array in arrays], schema=KEYS)
        chunks = chunks_by(batch, partition_of(of.key, partitions), partitions // int(self._args["groups"]))
        name = f"lines-{self._layer.name}-{ordinal:08d}-{self._number:04d}"
        self._number += 1
        return send(self._context, name, ["match"], chunks, KEYS)


class _Lines:
    """What is asked of the rows of a batch: the keys of their lines."""

    def __init__(self, context: Context, layer: Layer) -> None:
        self._units = f"{context.plan.source_of(layer).name}.units"
        self.columns = (self._units, "page.date", "text.characters")

    def of(self, batch: Columns) -> tuple[U64, I64]:
        """Keys, and the row of each."""
        units = batch[self._units]
        return units.flatten().field("key").to_numpy(), np.asarray(pc.list_parent_indices(units)).astype(np.int64)

    def ranks(self, batch: Columns) -> U64:
        """What the rows are ordered by."""
        dates = batch["page.date"].cast(pa.int64()).fill_null(NO_DATE).to_numpy(zero_copy_only=False)
        lengths = batch["text.characters"].cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
        return repeats.ranks(dates, lengths, NO_DATE)


class _Captions:
    """What is asked of the rows of a batch: the key of the caption of each."""

    def __init__(self, context: Context, layer: Layer) -> None:
        self._key = f"{context.plan.source_of(layer).name}.key"
        self.columns = (self._key,)

    def of(self, batch: Columns) -> tuple[U64, I64]:
        """Keys, and the row of each."""
        keys = batch[self._key].fill_null(0).to_numpy(zero_copy_only=False)
        return keys, np.arange(len(keys), dtype=np.int64)

    def ranks(self, batch: Columns) -> U64:
        """None comes before another."""
        return np.zeros(len(batch[self._key]), np.uint64)


def _write_counts(context: Context, layer: Layer, part: str, alive: pa.Array, repeated: U64, times: U64, made: str) -> I64:
    """Writes the layer of a part: how often the caption of each living row stands."""
    keys, start = _Captions(context, layer), 0
    with context.joined(part, keys.columns) as view, context.writer(layer.name, part, layer.schema) as writer:
        for batch in view.batches(_ROWS):
            found, _ = keys.of(batch)
            counts = (found != 0).astype(np.int64)
            if len(repeated):
                at = np.minimum(np.searchsorted(repeated, found), len(repeated) - 1)
                counts = np.where(repeated[at] == found, times[at].astype(np.int64), counts)
            out = ~alive.slice(start, len(found)).to_numpy(zero_copy_only=False)
            start += len(found)
            arrays = [pa.array(counts, mask=out), pa.nulls(len(found), pa.string())]
            writer.write(batch["id"], pa.RecordBatch.from_arrays(arrays, schema=layer.schema))
        writer.commit(layer.method, extra={"reads": made})
    return np.zeros(3, np.int64)


def _write_part(
    context: Context, layer: Layer, part: str, alive: pa.Array, repeated: U64, first: U64, made: str
) -> I64:  # fmt: skip
    """Writes the layer of a part; lines and characters that are cut, and all characters."""
    scorer = _scorer(context, layer)
    winners = first if scorer.keep == "first" else None
    units = f"{context.plan.source_of(layer).name}.units"
    told = np.zeros(3, np.int64)
    start = 0
    with (
        context.joined(part, [units, "text.text"]) as view,
        context.writer(layer.name, part, layer.schema) as writer,
    ):
        for batch in view.batches(_ROWS):
            ids, column = batch["id"], batch[units]
            rows = len(ids)
            mine = alive.slice(start, rows)
            start += rows
            values = column.flatten()
            lengths = pc.list_value_length(column).fill_null(0).to_numpy(zero_copy_only=False)
            bounds = np.zeros(rows + 1, np.int32)
            np.cumsum(lengths, out=bounds[1:])
            unit_starts, unit_ends, characters, keys = (
                np.ascontiguousarray(values.field(name).to_numpy()) for name in ("start", "end", "characters", "key")
            )
            offsets, starts, ends, counts, longest = repeats.cut(
                bounds, unit_starts, unit_ends, characters, keys, _documents(ids), mine.to_numpy(zero_copy_only=False), repeated,
                winners, scorer.span,
            )  # fmt: skip
            told += counts.sum(axis=0)
            scored = pc.if_else(mine, pa.scalar(0), None)
            out = np.asarray(scored.is_null())
            share = (counts[:, 1] / np.maximum(counts[:, 2], 1)).astype(np.float32)
            arrays = [
                cut_array(offsets, starts, ends, scored), *(pa.array(counts[:, i], mask=out) for i in (0, 1)),
                pa.array(share, mask=out), _lines(batch["text.text"], unit_starts, unit_ends, longest),
                pa.nulls(rows, pa.string()),
            ]  # fmt: skip
            writer.write(ids, pa.RecordBatch.from_arrays(arrays, schema=layer.schema))
        writer.commit(layer.method, extra={"reads": made})
    return told


def _lines(
    texts: pa.Array, starts: npt.NDArray[np.int32], ends: npt.NDArray[np.int32], which: npt.NDArray[np.int32]
) -> pa.Array:  # fmt: skip
    """The beginnings of lines of texts, null where `which` is negative."""
    lines: list[str | None] = [None] * len(texts)
    for row in np.flatnonzero(which >= 0).tolist():
        start, end = int(starts[which[row]]), int(ends[which[row]])
        raw = memoryview(texts[row].as_buffer())[start : min(end, start + 4 * MOST_SHOWN)]
        lines[row] = bytes(raw).decode("utf-8", "ignore").strip()[:MOST_SHOWN]
    return pa.array(lines, pa.string())


def _source(context: Context, layer: Layer) -> Paragraphs | SameCaption:
    scorer = context.plan.source_of(layer).scorer
    assert isinstance(scorer, OVER_ALL)
    return scorer


def _counts(context: Context, layer: Layer) -> bool:
    """Whether captions are counted, and nothing is cut."""
    return isinstance(_source(context, layer), SameCaption)


def _scorer(context: Context, layer: Layer) -> Paragraphs:
    scorer = _source(context, layer)
    assert isinstance(scorer, Paragraphs)
    return scorer


def _documents(ids: pa.Array) -> U64:
    ids = flat(ids) if isinstance(ids, pa.ChunkedArray) else ids
    assert ids.type == ID_TYPE
    return repeats.documents_of(np.frombuffer(id_bytes(ids), np.uint8).reshape(-1, 16))


def _alive_name(layer: Layer, ordinal: int) -> str:
    return f"lines-{layer.name}-{ordinal:08d}-alive.arrow"


def _is_source(value: Any) -> bool:
    """What is sent on to `cut` is the source itself, and pointers to answers."""
    return len(value) != 4
