"""The election among duplicates as tasks: collect keys by part, group by partition, resolve, write layers.

Only ids, hashes and row numbers travel, packed as arrays (docs/design.md, section 4). A row is the part's place
among the sorted part names, shifted by 32 bits, plus the place in the part.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from core.hashing import ID_TYPE
from dedup.election import DUPLICATES as DUPLICATES_SCHEMA
from dedup.election import NO_DATE, Candidates, duplicates, edges_from_keys, elect, keys_of, same_records
from pipelines.chunks import flat
from pipelines.context import Context
from pipelines.exchange import Pointer, read_chunks, write_chunks
from pipelines.fates import judge
from pipelines.layers import LayerWriter
from pipelines.plan import DUPLICATES, IDENTITY, IDENTITY_SCHEMA
from pipelines.view import Joined

U64 = npt.NDArray[np.uint64]
#: Rows that one partition of keys should hold, at 25 bytes each.
PARTITION_ROWS = 4_000_000
_KEYS = pa.schema([("way", pa.uint8()), ("k0", pa.uint64()), ("k1", pa.uint64()), ("row", pa.uint64())])
_ROWS = pa.schema([("date", pa.int64()), ("length", pa.int64()), ("alive", pa.bool_()), ("id", ID_TYPE)])
_EDGES = pa.schema([("identity", pa.bool_()), ("a", pa.uint64()), ("b", pa.uint64())])
_RESULTS = pa.schema([
    ("row", pa.int64()), ("same_record", pa.bool_()), ("cluster", ID_TYPE), ("size", pa.int64()), ("kept", pa.bool_()),
])  # fmt: skip
_SHIFT = np.uint64(32)


def collect(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """Packs the keys of one part by partition, and what the order of the election looks at.

    Emits (partition, pointer) for keys and (-1, pointer) for the rows.
    """
    plan, partitions = context.plan, int(args["partitions"])
    steps = plan.steps_before(plan.duplicates_position) if plan.dedup_layers else ()
    ways = [f"{layer.name}.{f.name}" for layer in plan.dedup_layers for f in layer.scorer.schema if f.type == ID_TYPE]
    columns = {"page.date", "page.url", "text.characters", *ways, *(c for step in steps for c in step.columns)}
    base = np.uint64(args["ordinal"]) << _SHIFT
    keys: list[pa.RecordBatch] = []
    rows: list[pa.RecordBatch] = []
    start = 0
    with Joined(context.store, args["part"], columns, plan.edits_before(plan.duplicates_position)) as view:
        for batch in view.batches():
            ids = batch["id"]
            verdicts = judge(steps, batch, len(ids), removed=context.removals.mask(ids, batch["page.url"]))
            numbers = base + np.arange(start, start + len(ids), dtype=np.uint64)
            start += len(ids)
            dates = batch["page.date"].cast(pa.int64()).fill_null(NO_DATE)
            lengths = batch["text.characters"].cast(pa.int64()).fill_null(0)
            rows.append(pa.RecordBatch.from_arrays([dates, lengths, pa.array(verdicts.kept), ids], schema=_ROWS))
            keys.append(_keys(0, ids, numbers))
            alive = pa.array(verdicts.kept)
            keys += [_keys(way + 1, pc.if_else(alive, batch[name], None), numbers) for way, name in enumerate(ways)]
    table = pa.Table.from_batches(keys, _KEYS).combine_chunks()
    chunks: dict[int, pa.RecordBatch] = {}
    if len(table):
        partition = _partition(table.column("k0").to_numpy(), partitions)
        order = np.argsort(partition, kind="stable")
        bounds = np.searchsorted(partition[order], np.arange(partitions + 1))
        table = table.take(pa.array(order)).combine_chunks()
        batch = table.to_batches()[0]
        chunks = {p: batch.slice(bounds[p], bounds[p + 1] - bounds[p]) for p in range(partitions) if bounds[p + 1] > bounds[p]}
    prefix = f"election-{args['ordinal']:08d}"
    pointers = write_chunks(context.store, f"{prefix}-keys.arrow", chunks, _KEYS)
    described = pa.Table.from_batches(rows, _ROWS).combine_chunks().to_batches()
    described = described or [pa.RecordBatch.from_pylist([], schema=_ROWS)]
    place = write_chunks(context.store, f"{prefix}-rows.arrow", {0: described[0]}, _ROWS)[0]
    return {
        "emit": [[p, pointer.to_json()] for p, pointer in pointers.items()],
        "ordinal": args["ordinal"], "described": place.to_json(),
    }  # fmt: skip


def group(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """Joins rows of equal keys inside one partition; returns pointers to its edges."""
    table = pa.Table.from_batches(read_chunks(map(Pointer.from_json, args["values"])), _KEYS)
    way = table.column("way").to_numpy()
    keys = np.stack([table.column("k0").to_numpy(), table.column("k1").to_numpy()], axis=1)
    rows = table.column("row").to_numpy()
    batches: list[pa.RecordBatch] = []
    for w in np.unique(way):
        chosen = way == w
        a, b = edges_from_keys(keys[chosen], rows[chosen])
        batches.append(pa.RecordBatch.from_arrays([pa.array(np.full(len(a), w == 0)), pa.array(a), pa.array(b)], schema=_EDGES))
    edges = pa.Table.from_batches(batches, _EDGES).combine_chunks().to_batches()
    pointers = write_chunks(
        context.store, f"election-edges-{int(args['key']):08d}.arrow", {0: edges[0]} if edges else {}, _EDGES
    )
    return {"edges": [p.to_json() for p in pointers.values()]}


def resolve(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """Clusters and elections over all edges, in one process; returns (ordinal, pointer) to the rows that have company.

    `args["rows"]` has each part's pointer to what the order looks at, by ordinal.
    """
    table = pa.Table.from_batches(read_chunks(map(Pointer.from_json, args["values"])), _EDGES)
    identity = table.column("identity").to_numpy()
    a, b = table.column("a").to_numpy(), table.column("b").to_numpy()
    members = np.unique(np.concatenate([a, b]))
    candidates, alive = _describe(members, args["rows"])
    ia, ib = np.searchsorted(members, a), np.searchsorted(members, b)
    same = np.zeros(len(members), bool)
    if identity.any():
        # A copy that an earlier rule dropped must not stand for one that passed.
        preferred = Candidates(
            candidates.ids, np.where(alive, candidates.date, NO_DATE), candidates.length,
            np.where(alive, 0, len(members)) + candidates.place,
        )  # fmt: skip
        same = same_records(preferred)
        # A copy of a record stands behind the one that counts, so that no cluster falls apart without it.
        keeper = _keepers(candidates, same)
        ia, ib = keeper[ia], keeper[ib]
    election = elect(candidates, ia[~identity], ib[~identity], alive & ~same)
    rows = pa.array((members & np.uint64(0xFFFFFFFF)).astype(np.int64))
    elected = duplicates(candidates, election)
    result = pa.RecordBatch.from_arrays([rows, pa.array(same), *elected.columns], schema=_RESULTS)
    ordinals = (members >> _SHIFT).astype(np.int64)
    present, starts = np.unique(ordinals, return_index=True)
    bounds = [*starts.tolist(), len(members)]
    chunks = {int(o): result.slice(bounds[i], bounds[i + 1] - bounds[i]) for i, o in enumerate(present)}
    pointers = write_chunks(context.store, "election-results.arrow", chunks, _RESULTS)
    return {"results": [[o, p.to_json()] for o, p in pointers.items()]}


def write(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """Writes `identity`, and `duplicates` if the recipe has an election, of one part."""
    (described,) = read_chunks([Pointer.from_json(args["rows"])])
    results = pa.Table.from_batches(read_chunks(map(Pointer.from_json, args["values"])), _RESULTS).combine_chunks()
    rows = len(described)
    ids, alive = described.column("id"), described.column("alive").to_numpy(zero_copy_only=False)
    places = results.column("row").to_numpy()
    same = np.zeros(rows, bool)
    same[places] = results.column("same_record").to_numpy()
    source = {"part": args["part"]}
    with LayerWriter(context.store, "documents", IDENTITY, args["part"], IDENTITY_SCHEMA) as writer:
        writer.write(ids, pa.RecordBatch.from_arrays([pa.array(same)], schema=IDENTITY_SCHEMA))
        writer.commit(args["method"], source=source)
    if not context.plan.dedup_layers:
        return {"part": args["part"]}
    out = ~alive | same
    # Rows without company stand for themselves; the others take what the election said.
    take = np.arange(rows, dtype=np.int64)
    take[places] = rows + np.arange(len(places))
    index = pa.array(take)
    own = {"cluster": ids, "size": pa.array(np.ones(rows, np.int64)), "kept": pa.array(np.ones(rows, bool))}
    arrays: list[pa.Array] = []
    for f in DUPLICATES_SCHEMA:
        elected = flat(results.column(f.name))
        pieces = [own[f.name], elected] if len(places) else [own[f.name]]
        arrays.append(pc.if_else(pa.array(out), pa.scalar(None, f.type), pa.concat_arrays(pieces).take(index)))
    with LayerWriter(context.store, "documents", DUPLICATES, args["part"], DUPLICATES_SCHEMA) as writer:
        writer.write(ids, pa.RecordBatch.from_arrays(arrays, schema=DUPLICATES_SCHEMA))
        writer.commit(args["method"], source=source)
    return {"part": args["part"]}


def _keys(way: int, hashes: pa.Array, rows: U64) -> pa.RecordBatch:
    keys, positions = keys_of(flat(hashes))
    arrays = [
        pa.array(np.full(len(positions), way, np.uint8)), pa.array(keys[:, 0]), pa.array(keys[:, 1]), pa.array(rows[positions]),
    ]  # fmt: skip
    return pa.RecordBatch.from_arrays(arrays, schema=_KEYS)


def _partition(k0: U64, partitions: int) -> npt.NDArray[np.int64]:
    """Partition by the top bits of the key; `partitions` is a power of two."""
    bits = partitions.bit_length() - 1
    return (k0 >> np.uint64(64 - bits)).astype(np.int64) if bits else np.zeros(len(k0), np.int64)


def _describe(members: U64, rows: list[list[Any]]) -> tuple[Candidates, npt.NDArray[np.bool_]]:
    """What the order looks at, for the rows in `members` (sorted), taken from each part's file."""
    pieces: list[pa.Table] = []
    ordinals = (members >> _SHIFT).astype(np.int64)
    for ordinal in np.unique(ordinals):
        (batch,) = read_chunks([Pointer.from_json(rows[ordinal])])
        places = (members[ordinals == ordinal] & np.uint64(0xFFFFFFFF)).astype(np.int64)
        pieces.append(pa.Table.from_batches([batch]).take(pa.array(places)))
    table = pa.concat_tables(pieces).combine_chunks() if pieces else _ROWS.empty_table()
    candidates = Candidates(
        flat(table.column("id")), table.column("date").to_numpy(), table.column("length").to_numpy(),
        np.arange(len(members), dtype=np.int64),
    )  # fmt: skip
    return candidates, table.column("alive").to_numpy()


def _keepers(candidates: Candidates, same: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """For each row the row of its id that is not `same`."""
    keys, _ = keys_of(candidates.ids)
    _, groups = np.unique(keys, axis=0, return_inverse=True)
    groups = groups.reshape(-1)
    keeper_of_group = np.zeros(groups.max(initial=-1) + 1, np.int64)
    keeper_of_group[groups[~same]] = np.flatnonzero(~same)
    return keeper_of_group[groups]
