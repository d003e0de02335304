"""From keys to edges and candidate pairs as tasks: collect what a source knows of its rows, match what is equal.

Only ids, hashes and row numbers travel, packed as arrays (docs/design.md, section 4). What a task emits goes to the
next step by its key: ["edges"] to the end, where clusters are made of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from core.hashing import ID_TYPE, splitmix64
from dedup import buckets
from dedup.election import edges_from_keys, keys_of
from dedup.large_buckets import match_in_pieces
from dedup.minhash import MinHash, band_hashes, group_salts, signature_words
from pipelines.chunks import flat
from pipelines.context import Context
from pipelines.exchange import Mapped, Pointer, read_only_chunk, write_chunks
from pipelines.looks import columns_of, look_layers, match_keys, send_keys
from pipelines.partitions import chunks_by, in_partitions, partition_of
from pipelines.plan import Layer
from pipelines.source_rows import Reader, Rows
from pipelines.sources import EARLIER, PART, SHIFT, Source, near_layers, near_scorer

Step = Callable[[Context, dict[str, Any]], dict[str, Any]]
U64 = npt.NDArray[np.uint64]
I64 = npt.NDArray[np.int64]

#: Pairs of a group that are sent at a time, at 16 bytes each: few files, whatever the number of its partitions.
_HELD_PAIRS = 1 << 22

KEYS = pa.schema([("way", pa.uint8()), ("k0", pa.uint64()), ("k1", pa.uint64()), ("row", pa.uint64())])
BANDS = pa.schema([("key", pa.uint64()), ("digest", pa.uint64()), ("row", pa.uint64())])
ROWS = pa.schema([("date", pa.int64()), ("length", pa.int64()), ("alive", pa.bool_()), ("id", ID_TYPE)])
EDGES = pa.schema([("a", pa.uint64()), ("b", pa.uint64())])
EDGE = ["edges"]
_SOURCE = b"source"
#: The way of keys that are ids: rows of one id are one record.
IDENTITY_WAY = 0
#: Set in the number of a row that takes no part, so that it comes after those that do and joins no two of them.
_DEAD = np.uint64(1 << 63)


def _rows_name(ordinal: int) -> str:
    return f"election-{ordinal:08d}-rows.arrow"


def read_rows(context: Context, ordinal: int) -> tuple[Source, pa.RecordBatch]:
    """A source that was collected, and what the order of the election looks at (ROWS)."""
    batch = read_only_chunk(context.store.scratch("exchange", _rows_name(ordinal)))
    return Source.from_json(json.loads((batch.schema.metadata or {})[_SOURCE])), batch


def collect(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """Packs the keys of one source by partition, and what the order of the election looks at.

    `args` has `ordinal`, `source`, `partitions` (of keys, of bands by layer; powers of two) and `groups` of them. Emits
    ["exact", group] → pointer, ["bands", layer, group] and ["looks", layer, group] → pointer, and ["edges"] → the source.
    """
    plan, source, ordinal = context.plan, Source.from_json(args["source"]), int(args["ordinal"])
    ways = [f"{layer.name}.{f.name}" for layer in plan.dedup_layers for f in layer.scorer.schema if f.type == ID_TYPE]
    near, looks = near_layers(plan), look_layers(plan)
    columns = [*ways, *(column for layer in near for column in _columns(layer)), *(c for layer in looks for c in columns_of(layer))]
    base = np.uint64(ordinal) << SHIFT
    keys: list[pa.RecordBatch] = []
    described: list[pa.RecordBatch] = []
    banded: dict[str, list[tuple[U64, U64, U64]]] = {layer.name: [] for layer in near}
    emit: list[list[Any]] = []
    start = 0
    for rows in Reader(context, source).rows(columns):
        numbers = base + np.arange(start, start + len(rows.ids), dtype=np.uint64)
        start += len(rows.ids)
        alive = pa.array(rows.alive)
        described.append(pa.RecordBatch.from_arrays([rows.date, rows.length, alive, rows.ids], schema=ROWS))
        if source.kind == PART:
            keys.append(_keys(IDENTITY_WAY, rows.ids, np.where(rows.alive, numbers, numbers | _DEAD)))
        elif source.kind == EARLIER:
            keys.append(_keys(IDENTITY_WAY, pc.if_else(alive, rows.ids, None), numbers))
        for way, name in enumerate(ways):
            if name in rows.columns:
                keys.append(_keys(way + 1, pc.if_else(alive, rows.columns[name], None), numbers))
        for layer in near:
            banded[layer.name].append(_banded(layer, rows, numbers))
        for layer in looks:
            name = f"election-{ordinal:08d}-{layer.name}-{start:012d}"
            emit += send_keys(context, name, layer, rows, numbers, _split(args, layer.name))
    schema = ROWS.with_metadata({_SOURCE: json.dumps(args["source"])})
    write_chunks(context.store, _rows_name(ordinal), {0: _one(described, ROWS).replace_schema_metadata(schema.metadata)}, schema)
    emit += [[EDGE, {"source": args["source"], "ordinal": ordinal, "rows": start}]]
    name = f"election-{ordinal:08d}"
    joins, packed = _first_of_each(_one(keys, KEYS))
    emit += edges_of(context, f"{ordinal:08d}-keys", joins)
    partitions = int(args["partitions"]["exact"])
    partition = partition_of(packed.column("k0").to_numpy(), partitions)
    emit += send(context, f"{name}-keys", ["exact"], chunks_by(packed, partition, partitions // int(args["groups"]["exact"])), KEYS)
    for layer in near:
        joins, keys_, digests, numbers = _combined(near_scorer(layer), banded.pop(layer.name))
        emit += edges_of(context, f"{ordinal:08d}-{layer.name}", joins)
        emit += _send_bands(context, f"{name}-{layer.name}-bands", layer, keys_, digests, numbers, args)
    return {"emit": emit}


def hands_on_edges(step: Step) -> Step:
    """A step that hands on the edges that were found before it, and does the rest."""

    def handed(context: Context, args: dict[str, Any]) -> dict[str, Any]:
        if args["key"] == EDGE:
            return {"emit": [[EDGE, value] for value in args["values"]]}
        return step(context, args)

    return handed


@hands_on_edges
def match(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """Joins rows of equal keys inside a group of partitions, one after the other.

    Emits ["edges"] → pointer, and for bands ["pairs", layer, partition] → pointer to candidate pairs.
    """
    kind, *rest = args["key"]
    if kind == "exact":
        return {"emit": _match_exact(context, args, int(rest[0]))}
    if kind == "looks":
        return {"emit": _match_looks(context, args, context.plan.by_name[rest[0]], int(rest[1]))}
    return {"emit": _match_bands(context, args, context.plan.by_name[rest[0]], int(rest[1]))}


def distinct(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The different values, sorted: np.unique by a sort, which is faster than its hash table for much data."""
    ranked = np.sort(values)
    first = np.ones(len(ranked), bool)
    first[1:] = ranked[1:] != ranked[:-1]
    return ranked[first]


def edges(a: U64, b: U64) -> pa.RecordBatch:
    """Edges or pairs, as they travel."""
    return pa.RecordBatch.from_arrays([pa.array(a), pa.array(b)], schema=EDGES)


def edges_of(context: Context, name: str, batch: pa.RecordBatch) -> list[list[Any]]:
    """Writes edges as an exchange file; what a task emits for them."""
    pointers = write_chunks(context.store, f"election-{name}-edges.arrow", {0: batch} if len(batch) else {}, EDGES)
    return [[EDGE, pointer.to_json()] for pointer in pointers.values()]


def send(
    context: Context, name: str, key: list[Any], chunks: Mapping[int, pa.RecordBatch], schema: pa.Schema
) -> list[list[Any]]:  # fmt: skip
    """Writes chunks as an exchange file; what a task emits for them: [*key, destination] → pointer."""
    pointers = write_chunks(context.store, f"{name}.arrow", chunks, schema)
    return [[[*key, destination], pointer.to_json()] for destination, pointer in pointers.items()]


def _match_exact(context: Context, args: dict[str, Any], group: int) -> list[list[Any]]:
    found = Mapped(context.store, map(Pointer.from_json, args["values"]))
    emit: list[list[Any]] = []
    for i, batches in enumerate(in_partitions(found.batches, "k0", *_split(args, "exact"), group)):
        joins, _ = _first_of_each(_one(batches, KEYS))
        emit += edges_of(context, f"keys-{group:08d}-{i:04d}", joins)
        found.forget()
    return emit


def _first_of_each(packed: pa.RecordBatch) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """Edges between the rows of one key (KEYS), and the keys without those that are joined: copies travel as one."""
    way, k0, k1, rows = (packed.column(name).to_numpy() for name in KEYS.names)
    first = np.ones(len(way), bool)
    found: list[tuple[U64, U64]] = [(np.zeros(0, np.uint64), np.zeros(0, np.uint64))]
    for w in np.unique(way):
        mine = np.flatnonzero(way == w)
        heads, others = edges_from_keys(np.stack([k0[mine], k1[mine]], axis=1), rows[mine])
        found.append((heads.astype(np.uint64, copy=False), others.astype(np.uint64, copy=False)))
        if len(others):
            first[mine] = ~np.isin(rows[mine], others)
    a, b = (np.concatenate([one[side] for one in found]) for side in (0, 1))
    return edges(a & ~_DEAD, b & ~_DEAD), packed if first.all() else packed.filter(pa.array(first))


def _match_bands(context: Context, args: dict[str, Any], layer: Layer, group: int) -> list[list[Any]]:
    verified = near_scorer(layer).verify != "none"
    found = Mapped(context.store, map(Pointer.from_json, args["values"]))
    emit: list[list[Any]] = []
    held: list[tuple[U64, U64, U64, U64]] = []

    def give(number: int) -> None:
        name = f"bands-{layer.name}-{group:08d}-{number:06d}"
        a, b, c, d = (np.concatenate([piece[side] for piece in held]) for side in range(4))
        held.clear()
        if not verified:
            emit.extend(edges_of(context, name, edges(np.concatenate([a, c]), np.concatenate([b, d]))))
            return
        emit.extend(edges_of(context, name, edges(a, b)))
        chunks = chunks_by(edges(c, d), partition_of(splitmix64(c), int(args["pair_partitions"][layer.name])))
        emit.extend(send(context, f"election-{name}-pairs", ["pairs", layer.name], chunks, EDGES))

    number = 0
    for batches in in_partitions(found.batches, "key", *_split(args, layer.name), group):
        table = pa.Table.from_batches(batches, BANDS)
        arrays = [np.ascontiguousarray(table.column(name).to_numpy()) for name in BANDS.names]
        del table
        found.forget()
        for piece in match_in_pieces(arrays[0], arrays[1], arrays[2], stars=not verified):
            held.append(piece)
            if sum(len(a) + len(c) for a, _, c, _ in held) > _HELD_PAIRS:
                give(number)
                number += 1
    if held:
        give(number)
    return emit


def _match_looks(context: Context, args: dict[str, Any], layer: Layer, group: int) -> list[list[Any]]:
    emit: list[list[Any]] = []
    for number, (a, b) in enumerate(match_keys(context, layer, args["values"], group, _split(args, layer.name))):
        chunks = chunks_by(edges(a, b), partition_of(splitmix64(a), int(args["pair_partitions"][layer.name])))
        emit += send(context, f"election-looks-{layer.name}-{group:08d}-{number:06d}-pairs", ["pairs", layer.name], chunks, EDGES)
    return emit


def _columns(layer: Layer) -> list[str]:
    within = near_scorer(layer).within
    return [f"{layer.name}.signature", f"{layer.name}.digest", *([within] if within else [])]


def _banded(layer: Layer, rows: Rows, numbers: U64) -> tuple[U64, U64, U64]:
    """Band keys (n, bands), digests and numbers of the living rows that have a signature."""
    scorer = near_scorer(layer)
    column = pc.if_else(pa.array(rows.alive), rows.columns[f"{layer.name}.signature"], None)
    words, positions = signature_words(column)
    salts = group_salts(rows.columns[scorer.within])[0][positions] if scorer.within else None
    keys = band_hashes(words, scorer.bands, scorer.rows, salts)
    digests = rows.columns[f"{layer.name}.digest"].fill_null(0).to_numpy(zero_copy_only=False).astype(np.uint64)[positions]
    return keys, digests, numbers[positions]


def _combined(scorer: MinHash, pieces: list[tuple[U64, U64, U64]]) -> tuple[pa.RecordBatch, U64, U64, U64]:
    """Edges between the rows of one digest; and keys, digests and numbers of the first of each, as copies travel as one."""
    keys = np.concatenate([np.zeros((0, scorer.bands), np.uint64), *(piece[0] for piece in pieces)])
    digests = np.concatenate([np.zeros(0, np.uint64), *(piece[1] for piece in pieces)])
    rows = np.concatenate([np.zeros(0, np.uint64), *(piece[2] for piece in pieces)])
    order = np.argsort(digests)
    starts = np.ones(len(order), bool)
    starts[1:] = digests[order[1:]] != digests[order[:-1]]
    at = np.flatnonzero(starts)
    heads = np.minimum.reduceat(rows[order], at) if len(at) else rows
    group = np.cumsum(starts) - 1
    others = rows[order] != heads[group]
    joins = edges(heads[group][others], rows[order][others])
    if not len(joins):
        return joins, keys, digests, rows
    first = np.sort(order[~others])
    return joins, keys[first], digests[first], rows[first]


def _split(args: dict[str, Any], name: str) -> tuple[int, int]:
    """The partitions of keys or of a layer's bands, and their groups."""
    return int(args["partitions"][name]), int(args["groups"][name])


def _send_bands(
    context: Context, name: str, layer: Layer, keys: U64, digests: U64, rows: U64, args: dict[str, Any]
) -> list[list[Any]]:  # fmt: skip
    partitions, groups = _split(args, layer.name)
    bounds, *arrays = buckets.scatter(keys, digests, rows, partitions.bit_length() - 1)
    bounds = bounds[:: partitions // groups]
    batch = pa.RecordBatch.from_arrays([pa.array(array) for array in arrays], schema=BANDS)
    chunks = {g: batch.slice(bounds[g], bounds[g + 1] - bounds[g]) for g in range(groups) if bounds[g + 1] > bounds[g]}
    return send(context, name, ["bands", layer.name], chunks, BANDS)


def _keys(way: int, hashes: pa.Array, rows: U64) -> pa.RecordBatch:
    keys, positions = keys_of(flat(hashes))
    arrays = [
        pa.array(np.full(len(positions), way, np.uint8)), pa.array(keys[:, 0]), pa.array(keys[:, 1]), pa.array(rows[positions]),
    ]  # fmt: skip
    return pa.RecordBatch.from_arrays(arrays, schema=KEYS)


def _one(batches: list[pa.RecordBatch], schema: pa.Schema) -> pa.RecordBatch:
    """Batches as one."""
    found = pa.Table.from_batches(batches, schema).combine_chunks().to_batches()
    return found[0] if found else pa.RecordBatch.from_pylist([], schema=schema)
