"""Shards as tasks: count samples by part, plan the cuts, send texts by claim check, write each shard.

Samples stand in the order of a seeded hash of their id over the whole output (`sharding.order`), and every shard
but the last of a split holds exactly `samples`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from core.addresses import url_hosts
from core.hashing import ID_TYPE, digest
from core.scorer import CUT, MASK
from ingest.parts import Part
from pipelines.chunks import chunk_schema, flat, merge_samples, orders_of, with_order
from pipelines.context import Context
from pipelines.exchange import Mapped, Pointer, read_chunks, write_chunks
from pipelines.memory import give_back
from pipelines.plan import DUPLICATES, FATE, Plan, fingerprint
from pipelines.recipe import Output
from pipelines.view import Columns, Joined
from sharding.order import BUCKETS, ORDER, Orders, RankPlan, Samples, prefixes, samples_of, shard_slices
from sharding.shard import ShardWriter
from sharding.split import SPLITS, is_validation

Bools = npt.NDArray[np.bool_]
I64 = npt.NDArray[np.int64]
#: A sender holds about this much of a part's texts at a time, and more where there are many shards, so that what it
#: sends to each is worth the overhead of a chunk.
SLAB_BYTES, MOST_SLAB_BYTES = 8 << 20, 64 << 20
CHUNK_BYTES = 64 << 10

_ORDERED = pa.schema([
    ("row", pa.int64()), ("key", pa.uint64()), ("high", pa.uint64()), ("low", pa.uint64()), ("copy", pa.uint32()),
])  # fmt: skip
_COUNTS = pa.schema([("split", pa.uint8()), ("bucket", pa.int64()), ("count", pa.int64())])
_CLUSTERS = pa.schema([("cluster", ID_TYPE), ("validation", pa.bool_()), ("bucket", pa.int64())])
_CUTS = pa.schema([("split", pa.uint8()), ("key", pa.uint64()), ("high", pa.uint64()), ("low", pa.uint64()), ("copy", pa.uint32())])


def metadata_columns(plan: Plan) -> list[tuple[str, pa.DataType]]:
    """What a sample tells of itself beside its text: where it is from, and every score that is one value."""
    columns: list[tuple[str, pa.DataType]] = [("page.url", pa.string()), ("page.date", pa.timestamp("us", "UTC"))]
    for layer in plan.layers:
        for f in layer.scorer.schema:
            if f"{layer.name}.{f.name}" == "text.text" or f.type in (CUT, MASK) or pa.types.is_nested(f.type):
                continue
            if pa.types.is_fixed_size_binary(f.type) or pa.types.is_binary(f.type):
                continue
            columns.append((f"{layer.name}.{f.name}", f.type))
    if plan.dedup_layers:
        columns.append((f"{DUPLICATES}.size", pa.int64()))
    return columns


def shards_fingerprint(context: Context, name: str, fates: str, parts: Sequence[Part]) -> str:
    """The fingerprint of an output's shards: the fates, the output's settings, the columns, the parts."""
    settings = context.recipe.output[name].model_dump(mode="json")
    columns = [column for column, _ in metadata_columns(context.plan)]
    return fingerprint("shards", 1, fates, settings, context.recipe.seed, columns, [part.name for part in parts])


def sample_schema(plan: Plan) -> pa.Schema:
    """The columns of the batches that a shard is written from."""
    return pa.schema([
        ("key", pa.string()), ("text", pa.string()), ("id", ID_TYPE),
        *((_short(name), kind) for name, kind in metadata_columns(plan)),
    ])  # fmt: skip


def count(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """The samples of a part in their order, by split, in an exchange file; emits ["plan", output] → pointers.

    Counts are by bucket of the order; clusters that have samples in more than one place go along, so that
    `plan_shards` can leave out what would stand on both sides of the validation split.
    """
    _, name, part = args["key"]
    output = context.recipe.output[name]
    spread = _clusters_may_spread(context.plan, output)
    columns = [f"{FATE}.kept", f"{FATE}.repeat", "page.url", *([f"{DUPLICATES}.cluster", f"{DUPLICATES}.size"] if spread else [])]
    ids: list[pa.Array] = []
    repeats: list[npt.NDArray[np.int64]] = []
    sides: list[Bools] = []
    clusters: list[pa.Array] = []
    with Joined(context.store, part, columns) as view:
        for batch in view.batches():
            kept = np.asarray(batch[f"{FATE}.kept"].to_numpy(zero_copy_only=False), bool)
            repeats.append(np.where(kept, batch[f"{FATE}.repeat"].to_numpy(zero_copy_only=False), 0).astype(np.int64))
            hosts = url_hosts(pc.if_else(pa.array(kept), batch["page.url"], None))
            sides.append(is_validation(hosts, batch["id"], output.validation, context.recipe.seed))
            ids.append(batch["id"])
            if spread:
                many = pc.greater(batch[f"{DUPLICATES}.size"].fill_null(1), 1)
                clusters.append(pc.if_else(many, batch[f"{DUPLICATES}.cluster"], None))
    all_ids = pa.concat_arrays(ids) if ids else pa.array([], ID_TYPE)
    repeat = np.concatenate([np.zeros(0, np.int64), *repeats])
    validation = np.concatenate([np.zeros(0, bool), *sides])
    samples = samples_of(all_ids, repeat, context.recipe.seed)
    chunks: dict[int, pa.RecordBatch] = {}
    counted: list[pa.RecordBatch] = []
    for code in range(len(SPLITS)):
        mine = validation[samples.rows] == bool(code)
        if not mine.any():
            continue
        chunks[code] = _ordered(samples, mine)
        buckets, numbers = np.unique(prefixes(samples.orders[mine]), return_counts=True)
        counted.append(pa.RecordBatch.from_arrays(
            [pa.array(np.full(len(buckets), code, np.uint8)), pa.array(buckets), pa.array(numbers.astype(np.int64))], schema=_COUNTS
        ))  # fmt: skip
    prefix = f"{name}-{digest(part).hex()}"
    pointers = write_chunks(context.store, f"{prefix}-samples.arrow", chunks, _ORDERED)
    counts = pa.Table.from_batches(counted, _COUNTS).combine_chunks().to_batches()
    counts_at = write_chunks(context.store, f"{prefix}-counts.arrow", {0: counts[0]} if counts else {}, _COUNTS, "zstd")
    shared: dict[int, Pointer] = {}
    if clusters and len(samples):
        of_samples = pa.concat_arrays(clusters).take(pa.array(samples.rows))
        known = np.asarray(of_samples.is_valid())
        batch = pa.RecordBatch.from_arrays(
            [of_samples.drop_null(), pa.array(validation[samples.rows][known]), pa.array(prefixes(samples.orders)[known])],
            schema=_CLUSTERS,
        )
        shared = write_chunks(context.store, f"{prefix}-clusters.arrow", {0: batch} if len(batch) else {}, _CLUSTERS)
    return {"emit": [[["plan", name], {
        "part": part, "samples": {str(k): p.to_json() for k, p in pointers.items()},
        "counts": [p.to_json() for p in counts_at.values()], "clusters": [p.to_json() for p in shared.values()],
    }]]}  # fmt: skip


def plan_shards(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """From all parts' counts, the first sample of every shard; emits ["send", output, part] → what `send` needs."""
    name = args["key"][1]
    output = context.recipe.output[name]
    parts = sorted(args["values"], key=lambda value: value["part"])
    counts = np.zeros((len(SPLITS), BUCKETS), np.int64)
    for batch in read_chunks(Pointer.from_json(p) for value in parts for p in value["counts"]):
        np.add.at(counts, (batch.column("split").to_numpy(), batch.column("bucket").to_numpy()), batch.column("count").to_numpy())
    left_out, buckets = _overlap(read_chunks(Pointer.from_json(p) for value in parts for p in value["clusters"]))
    np.subtract.at(counts[1], buckets, 1)
    plans = [RankPlan(c, output.samples) for c in counts]
    excluded = left_out if len(left_out) else None
    cuts: list[pa.RecordBatch] = []
    for code, ranks in enumerate(plans):
        border: list[Orders] = []
        for value in parts:
            if str(code) in value["samples"]:
                orders, _ = _orders_of(context, value, code, excluded, ranks)
                border.append(orders)
        found = ranks.cuts(border)
        cuts.append(pa.RecordBatch.from_arrays(
            [pa.array(np.full(len(found), code, np.uint8)), *(pa.array(found[n]) for n in ORDER.names or ())], schema=_CUTS
        ))  # fmt: skip
    chunks = {0: pa.Table.from_batches(cuts, _CUTS).combine_chunks()}
    planned = {k: (t.to_batches() or [pa.RecordBatch.from_pylist([], schema=_CUTS)])[0] for k, t in chunks.items()}
    where = write_chunks(context.store, f"{name}-cuts.arrow", planned, _CUTS)[0]
    shards = [ranks.shards for ranks in plans]
    overlap = {}
    if len(left_out):
        schema = pa.schema([("cluster", ID_TYPE)])
        batch = pa.RecordBatch.from_arrays([left_out], schema=schema)
        overlap = {"overlap": write_chunks(context.store, f"{name}-overlap.arrow", {0: batch}, schema)[0].to_json()}
    return {
        "emit": [
            [["send", name, value["part"]], {
                "part": value["part"], "samples": value["samples"], "cuts": where.to_json(), "shards": shards, **overlap,
            }]
            for value in parts if value["samples"]
        ],
        "output": name, "shards": shards, "samples": [ranks.total for ranks in plans], "left_out": len(buckets),
    }  # fmt: skip


def send(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """Writes a part's samples, in order, into one exchange file; emits ["shard", output, split, number] → pointer."""
    (value,) = args["values"]
    (cuts,) = read_chunks([Pointer.from_json(value["cuts"])])
    excluded = None
    if "overlap" in value:
        (overlap,) = read_chunks([Pointer.from_json(value["overlap"])])
        excluded = overlap.column("cluster")
    by_code: dict[int, tuple[Orders, npt.NDArray[np.int64]]] = {}
    for code in range(len(SPLITS)):
        if str(code) in value["samples"]:
            by_code[code] = _orders_of(context, value, code, excluded if code == 1 else None, None)
    wanted = np.unique(np.concatenate([rows for _, rows in by_code.values()]))
    emitted: list[list[Any]] = []
    size = min(max(SLAB_BYTES, CHUNK_BYTES * sum(value["shards"])), MOST_SLAB_BYTES)
    for slab, table in enumerate(_payload(context, value["part"], wanted, size)):
        emitted += _send_slab(context, args, slab, table, by_code, cuts)
    return {"emit": emitted}


def _send_slab(
    context: Context, args: dict[str, Any], slab: int, table: pa.Table, by_code: Mapping[int, tuple[Orders, I64]],
    cuts: pa.RecordBatch,
) -> list[list[Any]]:  # fmt: skip
    """Writes the samples whose texts are in `table`, a run of a part's rows, as one exchange file."""
    places = table.column("\0row").to_numpy()
    table = table.drop_columns(["\0row"])
    samples: dict[int, tuple[I64, Orders]] = {}
    keys: dict[int, list[Any]] = {}
    _, output, part = args["key"]
    for code, (all_orders, all_rows) in by_code.items():
        here = (all_rows >= places[0]) & (all_rows <= places[-1])
        orders, rows = all_orders[here], all_rows[here]
        split_cuts = cuts.filter(pc.equal(cuts.column("split"), code))
        slices = shard_slices(orders, orders_of(split_cuts, ""))
        for shard in range(len(slices) - 1):
            low, high = int(slices[shard]), int(slices[shard + 1])
            if low == high:
                continue
            number = code * (1 << 40) + shard
            samples[number] = np.searchsorted(places, rows[low:high]), orders[low:high]
            keys[number] = ["shard", output, SPLITS[code], shard]
    name = f"{output}-{digest(part).hex()}-{slab:06d}-payload.arrow"
    # Not compressed: `receive` maps them, and holds in memory no more than what it is writing.
    pointers = write_chunks(context.store, name, _Chunks(table, samples), chunk_schema(table.schema))
    return [[keys[number], pointer.to_json()] for number, pointer in pointers.items()]


def receive(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """Merges the chunks of one shard and writes it; returns its entry of the index."""
    _, name, split, number = args["key"]
    chunks = Mapped(map(Pointer.from_json, args["values"]))
    folder, format = context.store.path("shards", name), context.recipe.output[name].format
    with ShardWriter(folder, split, number, format, place=context.store) as writer:
        for piece in merge_samples(chunks.batches, chunks.forget):
            writer.write(piece)
            give_back()
    return {"output": name, "shard": asdict(writer.info)}


class _Chunks(Mapping[int, pa.RecordBatch]):
    """What a slab sends to each shard, made when it is asked for: a copy of one chunk, not of all."""

    def __init__(self, table: pa.Table, samples: Mapping[int, tuple[I64, Orders]]) -> None:
        self._table, self._samples = table, samples

    def __getitem__(self, number: int) -> pa.RecordBatch:
        rows, orders = self._samples[number]
        return with_order(self._table, rows, orders)

    def __iter__(self) -> Iterator[int]:
        return iter(self._samples)

    def __len__(self) -> int:
        return len(self._samples)


def _payload(context: Context, part: str, rows: I64, slab: int) -> Iterator[pa.Table]:
    """Text and metadata of the rows (sorted) of a part, with their places in `\\0row`, `slab` bytes or so at a time."""
    plan = context.plan
    metadata = metadata_columns(plan)
    edits = [layer for layer in plan.layers if layer.edits]
    text = "text.edited" if edits else "text.text"
    batches: list[pa.RecordBatch] = []
    start = held = 0
    names = ["text", "id", *(_short(name) for name, _ in metadata), "\0row"]
    with Joined(context.store, part, [text, *(name for name, _ in metadata)], edits) as view:
        for columns in view.batches():
            count_ = len(columns["id"])
            low, high = np.searchsorted(rows, [start, start + count_])
            wanted = rows[low:high] - start
            if len(wanted):
                batches.append(_take(columns, text, metadata, wanted, start, names))
                held += batches[-1].get_total_buffer_size()
            if held > slab:
                table = pa.Table.from_batches(batches).combine_chunks()
                batches, held = [], 0
                yield table
                del table
                give_back()
            start += count_
    if batches:
        yield pa.Table.from_batches(batches).combine_chunks()


def _take(
    columns: Columns, text: str, metadata: Sequence[tuple[str, pa.DataType]], wanted: npt.NDArray[np.int64], start: int,
    names: Sequence[str],
) -> pa.RecordBatch:  # fmt: skip
    index = pa.array(wanted)
    arrays = [columns[text].take(index), columns["id"].take(index)]
    arrays += [columns[name].take(index) for name, _ in metadata]
    return pa.RecordBatch.from_arrays([*arrays, pa.array(wanted + start)], names=list(names))


def _short(name: str) -> str:
    """`page.url` is `url` and `text.title` is `title` in a sample; scores keep their layer's name."""
    layer, _, column = name.partition(".")
    return column if layer == "page" or name == "text.title" else name


def _orders_of(
    context: Context, value: dict[str, Any], code: int, excluded: pa.Array | None, ranks: RankPlan | None
) -> tuple[Orders, npt.NDArray[np.int64]]:  # fmt: skip
    """A part's samples of one split: their orders and rows; those of excluded clusters left out; near borders only if
    `ranks` is given."""
    (batch,) = read_chunks([Pointer.from_json(value["samples"][str(code)])])
    orders, rows = orders_of(batch, ""), batch.column("row").to_numpy()
    keep = np.ones(len(orders), bool)
    if excluded is not None and code == 1:
        with Joined(context.store, value["part"], [f"{DUPLICATES}.cluster"]) as view:
            clusters = pa.concat_arrays([c[f"{DUPLICATES}.cluster"] for c in view.batches()])
        keep &= ~np.asarray(pc.is_in(clusters.take(pa.array(rows)), value_set=excluded).to_numpy(zero_copy_only=False), bool)
    if ranks is not None:
        keep &= ranks.in_borders(orders)
    return orders[keep], rows[keep]


def _overlap(batches: Sequence[pa.RecordBatch]) -> tuple[pa.Array, npt.NDArray[np.int64]]:
    """Clusters that have samples on both sides, and the buckets of their validation samples."""
    if not batches:
        return pa.array([], ID_TYPE), np.zeros(0, np.int64)
    table = pa.Table.from_batches(batches).combine_chunks()
    validation = table.filter(table.column("validation"))
    train = table.filter(pc.invert(table.column("validation")))
    both = validation.filter(pc.is_in(validation.column("cluster"), value_set=flat(train.column("cluster").unique())))
    return flat(both.column("cluster").unique()), both.column("bucket").to_numpy()


def _clusters_may_spread(plan: Plan, output: Output) -> bool:
    """Whether several members of a cluster can be samples: there is an election, and no rule that keeps one only."""
    only_one = any(rule.text == f"{DUPLICATES}.kept" for rule in plan.rules)
    return bool(plan.dedup_layers) and output.validation > 0 and not only_one


def _ordered(samples: Samples, mine: Bools) -> pa.RecordBatch:
    orders = samples.orders[mine]
    return pa.RecordBatch.from_arrays(
        [pa.array(samples.rows[mine]), *(pa.array(np.ascontiguousarray(orders[n])) for n in ORDER.names or ())], schema=_ORDERED
    )
