"""The election among duplicates as tasks: edges to clusters, one of each elected, layers written.

A partition of clusters is elected at a time, by what the order looks at of its members; documents without company
are elected where their layer is written.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from core.components import Components
from core.files import storage_errors
from core.hashing import ID_TYPE, splitmix64
from core.scorer import column
from dedup.election import DUPLICATES as DUPLICATES_SCHEMA
from dedup.election import EARLIER, NO_DATE, Candidates, duplicates, elect_labels, same_records
from pipelines.chunks import flat
from pipelines.context import Context
from pipelines.exchange import Pointer, read_chunks, write_chunks
from pipelines.matching import EDGES, ROWS, read_rows, send
from pipelines.partitions import chunks_by, power
from pipelines.plan import DUPLICATES, EDITED, IDENTITY, IDENTITY_SCHEMA
from pipelines.source_rows import Reader
from pipelines.sources import PART, SHIFT, TABLE, Source, by_source, dense_places, places_of
from pipelines.tables import IMAGES

U64 = npt.NDArray[np.uint64]
I64 = npt.NDArray[np.int64]
#: Members of clusters that a partition of the election should hold; a larger cluster is taken whole.
ELECT_ROWS = 1_000_000
#: Edges that are read at a time.
_EDGE_ROWS = 1 << 20
MEMBERS = pa.schema([("row", pa.uint64()), ("cluster", pa.uint64())])
#: Members with what the order looks at, whether they take part, whether they are of this run, and of its parts: records of
#: one id are one record there, while a table of signatures may name its rows as it likes.
_DESCRIBED = pa.schema([*MEMBERS, *ROWS, ("own", pa.bool_()), ("named", pa.bool_()), ("caption", pa.string())])
#: Of images that are kept: what else is said of their cluster, at most so many captions.
ALTERNATES = column("alternates", pa.list_(pa.string()), "captions of the other images of its cluster, the best first")
MOST_ALTERNATES = 16
#: What `dedup cluster` writes, beside the `id` of the table: rows are counted over all files in their order.
CLUSTERS = pa.schema([("row", pa.int64()), ("cluster", pa.int64()), ("size", pa.int64()), ("kept", pa.bool_())])
#: A scratch file with the number of each source's first row.
BASES = "bases.json"
_RESULTS = pa.schema([
    ("row", pa.int64()), ("same_record", pa.bool_()), ("cluster", ID_TYPE), ("size", pa.int64()), ("kept", pa.bool_()),
    ("earlier", pa.bool_()), ("winner", pa.uint64()), ("alternates", pa.list_(pa.string())),
])  # fmt: skip


def join(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """Clusters by union-find over all edges, in one process: 9 bytes a row, 28 for one that has company, none for an edge.

    Emits ["describe", ordinal] → the members of clusters among a source's rows, for every source.
    """
    values = args["values"]
    told = {int(value["ordinal"]): value for value in values if isinstance(value, dict)}
    sources = [told[ordinal] for ordinal in sorted(told)]
    bases = np.cumsum([0, *(value["rows"] for value in sources)])
    components = Components(int(bases[-1]))
    for batch in _edges(value for value in values if not isinstance(value, dict)):
        components.join(*(dense_places(batch.column(name).to_numpy(), bases) for name in EDGES.names))
    labels = components.labels()
    joined = labels != np.arange(len(labels), dtype=labels.dtype)
    joined[labels[joined]] = True
    members = np.flatnonzero(joined)
    clusters = labels[members]
    del labels, joined, components
    partitions = power(len(members), ELECT_ROWS)
    rows = pa.array(_rows(members, bases))
    batch = pa.RecordBatch.from_arrays([rows, pa.array(clusters.astype(np.uint64))], schema=MEMBERS)
    return {"emit": to_describe(sources) + send_members(context, "election-members", batch, partitions)}


def to_describe(sources: Sequence[dict[str, Any]]) -> list[list[Any]]:
    """What has every source that was collected take part in what follows, though it may have no member of a cluster."""
    return [[["describe", source["ordinal"]], None] for source in sources]


def send_members(context: Context, name: str, members: pa.RecordBatch, partitions: int) -> list[list[Any]]:
    """Members of clusters (MEMBERS, sorted by row) on their way to their sources; what a task emits for them."""
    bounds = by_source(members.column("row").to_numpy())
    chunks = {ordinal: members.slice(at.start, at.stop - at.start) for ordinal, at in bounds}
    pointers = write_chunks(context.store, f"{name}.arrow", chunks, MEMBERS)
    return [[["describe", ordinal], [partitions, pointer.to_json()]] for ordinal, pointer in pointers.items()]


def describe(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """Adds what the order looks at to a source's members of clusters; emits ["elect", partition] → pointer, by cluster,
    and ["write", ordinal] → null if the source is to be written."""
    ordinal = int(args["key"][1])
    source, described = read_rows(context, ordinal)
    emit: list[list[Any]] = [[["write", ordinal], None]] if source.own else []
    given = [value for value in args["values"] if value is not None]
    if not given:
        return {"emit": emit}
    table = pa.Table.from_batches(read_chunks(Pointer.from_json(pointer) for _, pointer in given), MEMBERS)
    rows, first = np.unique(table.column("row").to_numpy(), return_index=True)
    clusters = table.column("cluster").to_numpy()[first]
    told = described.take(pa.array(places_of(rows)))
    told = _emptied_last(told, Reader(context, source).emptied(places_of(rows)))
    flags = (pa.array(np.full(len(rows), flag)) for flag in (source.own, source.kind == PART))
    captions = pa.nulls(len(rows), pa.string())
    if context.table is IMAGES:
        captions = Reader(context, source).column(EDITED, places_of(rows))
    batch = pa.RecordBatch.from_arrays([pa.array(rows), pa.array(clusters), *told.columns, *flags, captions], schema=_DESCRIBED)
    partition = (splitmix64(clusters) % np.uint64(given[0][0])).astype(np.int64)
    return {"emit": emit + send(context, f"election-{ordinal:08d}-members", ["elect"], chunks_by(batch, partition), _DESCRIBED)}


def _emptied_last(told: pa.RecordBatch, emptied: npt.NDArray[np.bool_]) -> pa.RecordBatch:
    """Rows (ROWS) such that what edits leave empty comes behind all else: no sample is made of it."""
    if not emptied.any():
        return told
    date, length = told.column("date").to_numpy(), told.column("length").to_numpy()
    last = emptied & (date != EARLIER)
    arrays = {"date": pa.array(np.where(last, NO_DATE, date)), "length": pa.array(np.where(last, -1, length))}
    return pa.RecordBatch.from_arrays([arrays.get(f.name, told.column(f.name)) for f in told.schema], schema=told.schema)


def elect(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """Elects one of each cluster of a partition; emits ["write", ordinal] → pointer, and hands on what goes there."""
    if args["key"][0] == "write":
        return {"emit": [[args["key"], None]]}
    table = pa.Table.from_batches(read_chunks(map(Pointer.from_json, args["values"])), _DESCRIBED).combine_chunks()
    rows = table.column("row").to_numpy()
    order = np.argsort(rows, kind="stable")
    rows, table = rows[order], table.take(pa.array(order))
    captions = flat(table.column("caption"))
    own, named, alive = (table.column(name).to_numpy() for name in ("own", "named", "alive"))
    candidates = Candidates(
        flat(table.column("id")), table.column("date").to_numpy(), table.column("length").to_numpy(),
        np.arange(len(rows), dtype=np.int64),
    )  # fmt: skip
    same = np.zeros(len(rows), bool)
    same[named] = same_records(_preferred(candidates, alive, named))
    _, labels = np.unique(table.column("cluster").to_numpy(), return_inverse=True)
    del table
    election = elect_labels(candidates, labels.reshape(-1), alive & ~same)
    elected = duplicates(candidates, election)
    winners = rows[np.maximum(election.winner, 0)]
    others = alternates(candidates, election.winner, captions) if context.table is IMAGES else pa.nulls(len(rows), ALTERNATES.type)
    arrays = [pa.array(places_of(rows)), pa.array(same), *elected.columns, pa.array(winners), others]
    result = pa.RecordBatch.from_arrays(arrays, schema=_RESULTS)
    chunks = {o: result.slice(at.start, at.stop - at.start) for o, at in by_source(rows) if own[at.start]}
    return {"emit": send(context, f"election-results-{args['key'][1]:08d}", ["write"], chunks, _RESULTS)}


def write(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """Writes `identity`, and `duplicates` if the recipe has an election, of a source's parts; emits ["fates", part]."""
    ordinal = int(args["key"][1])
    source, described = read_rows(context, ordinal)
    pointers = [Pointer.from_json(value) for value in args["values"] if value is not None]
    results = pa.Table.from_batches(read_chunks(pointers), _RESULTS).combine_chunks()
    if source.kind == TABLE:
        return write_clusters(context, ordinal, source, results)
    start = 0
    for part, rows in source.of_parts:
        places = results.column("row")
        mine = results.filter(pc.and_(pc.greater_equal(places, start), pc.less(places, start + rows)))
        mine = mine.set_column(0, "row", pc.subtract(mine.column("row"), start))
        _write_part(context, source, part, described.slice(start, rows), mine, str(args["method"]))
        start += rows
    return {"parts": len(source.of_parts), "emit": [[["fates", part], None] for part, _ in source.of_parts]}


def _write_part(
    context: Context, source: Source, part: str, described: pa.RecordBatch, results: pa.Table, method: str
) -> None:  # fmt: skip
    rows = len(described)
    ids, alive = described.column("id"), described.column("alive").to_numpy(zero_copy_only=False)
    places = results.column("row").to_numpy()
    same = np.zeros(rows, bool)
    same[places] = results.column("same_record").to_numpy()
    told = {"part": part}
    with context.writer(IDENTITY, part, IDENTITY_SCHEMA) as writer:
        writer.write(ids, pa.RecordBatch.from_arrays([pa.array(same)], schema=IDENTITY_SCHEMA))
        writer.commit(method, source=told)
    if not context.plan.dedup_layers:
        return
    arrays, schema = _elected(described, results, ~alive | same), DUPLICATES_SCHEMA
    if source.decided:
        arrays = _as_decided(context, part, described, arrays)
    if context.table is IMAGES:
        arrays, schema = [*arrays, _alternates(results, rows)], schema.append(ALTERNATES)
    with context.writer(DUPLICATES, part, schema) as writer:
        writer.write(ids, pa.RecordBatch.from_arrays(arrays, schema=schema))
        writer.commit(method, source=told)


def alternates(candidates: Candidates, winner: I64, captions: pa.Array) -> pa.Array:
    """Of each winner the captions of the others in its cluster, those of the better first, each once and without its own; null
    for other rows (-1: was not in the election)."""
    losers = np.flatnonzero((winner >= 0) & (winner != np.arange(len(winner))))
    ids = candidates.ids.take(pa.array(losers)).to_pylist()
    order = sorted(range(len(losers)), key=lambda i: (candidates.date[losers[i]], -candidates.length[losers[i]], ids[i]))
    found: dict[int, dict[str, None]] = {}
    for i in order:
        told = captions[losers[i]].as_py()
        mine = found.setdefault(int(winner[losers[i]]), {})
        if told and len(mine) < MOST_ALTERNATES and told != captions[int(winner[losers[i]])].as_py():
            mine[told] = None
    return pa.array([list(found[row]) if row in found else None for row in range(len(winner))], ALTERNATES.type)


def _alternates(results: pa.Table, rows: int) -> pa.Array:
    """The alternates of a part's rows; empty where there are none."""
    take = np.full(rows, -1, np.int64)
    take[results.column("row").to_numpy()] = np.arange(len(results))
    taken = flat(results.column("alternates")).take(pa.array(take, mask=take < 0))
    return pc.coalesce(taken, pa.scalar([], ALTERNATES.type))


def write_clusters(context: Context, ordinal: int, source: Source, results: pa.Table) -> dict[str, Any]:
    """Writes the clusters of some rows of a table of signatures (CLUSTERS), and counts them."""
    bases = np.array(json.loads(context.store.scratch(BASES).read_bytes()), np.int64)
    rows = source.rows
    numbers = bases[ordinal] + np.arange(rows)
    winners, sizes, kept = numbers.copy(), np.ones(rows, np.int64), np.ones(rows, bool)
    places = results.column("row").to_numpy()
    winners[places] = dense_places(results.column("winner").to_numpy(), bases)
    sizes[places] = results.column("size").fill_null(1).to_numpy()
    kept[places] = results.column("kept").fill_null(False).to_numpy()
    made = pa.Table.from_arrays([pa.array(numbers), pa.array(winners), pa.array(sizes), pa.array(kept)], schema=CLUSTERS)
    ids = Reader(context, source).given_ids()
    if ids is not None:
        made = made.add_column(1, "id", ids)
    path = context.store.path("clusters", f"{source.name}.parquet")
    draft = context.store.temporary(path.name)
    with storage_errors(path):
        pq.write_table(made, draft, compression="zstd", compression_level=1)
    context.store.commit(draft, path)
    clustered = sizes[kept] > 1
    return {
        "rows": rows, "kept": int(kept.sum()), "clusters": int(clustered.sum()),
        "largest": int(sizes[kept].max(initial=0)), "source": source.name,
    }  # fmt: skip


def write_no_clusters(context: Context) -> None:
    """Writes a file without rows, so that empty tables have clusters that can be read."""
    path = context.store.path("clusters", "none.parquet")
    draft = context.store.temporary(path.name)
    with storage_errors(path):
        pq.write_table(CLUSTERS.empty_table(), draft)
    context.store.commit(draft, path)


def _elected(described: pa.RecordBatch, results: pa.Table, out: npt.NDArray[np.bool_]) -> list[pa.Array]:
    """The columns of `duplicates`: what the election said; rows without company stand for themselves."""
    rows = len(described)
    places = results.column("row").to_numpy()
    take = np.arange(rows, dtype=np.int64)
    take[places] = rows + np.arange(len(places))
    own = {
        "cluster": described.column("id"), "size": pa.array(np.ones(rows, np.int64)), "kept": pa.array(np.ones(rows, bool)),
        "earlier": pa.array(np.zeros(rows, bool)),
    }  # fmt: skip
    arrays: list[pa.Array] = []
    for f in DUPLICATES_SCHEMA:
        pieces = [own[f.name], flat(results.column(f.name))] if len(places) else [own[f.name]]
        arrays.append(pc.if_else(pa.array(out), pa.scalar(None, f.type), pa.concat_arrays(pieces).take(pa.array(take))))
    return arrays


def _as_decided(context: Context, part: str, described: pa.RecordBatch, arrays: list[pa.Array]) -> list[pa.Array]:
    """The columns of `duplicates` with those of the last election in the rows that earlier runs kept out.

    Sizes too: how many an earlier run has of a cluster is not known without it.
    """
    with context.joined(part, [f"{DUPLICATES}.{f.name}" for f in DUPLICATES_SCHEMA]) as view:
        batches = list(view.batches())
    if not batches:
        return arrays
    stays = pc.equal(described.column("date"), EARLIER)
    last = (pa.concat_arrays([batch[f"{DUPLICATES}.{f.name}"] for batch in batches]) for f in DUPLICATES_SCHEMA)
    return [pc.if_else(pc.and_(stays, array.is_valid()), old, array) for old, array in zip(last, arrays, strict=True)]


def _edges(pointers: Any) -> Any:
    """The edges at the pointers, some at a time."""
    for pointer in pointers:
        (batch,) = read_chunks([Pointer.from_json(pointer)])
        for start in range(0, len(batch), _EDGE_ROWS):
            yield batch.slice(start, _EDGE_ROWS)


def _rows(dense: I64, bases: I64) -> U64:
    """The inverse of `dense_places`."""
    ordinals = np.searchsorted(bases, dense, side="right") - 1
    return (ordinals.astype(np.uint64) << SHIFT) + (dense - bases[ordinals]).astype(np.uint64)


def _preferred(candidates: Candidates, alive: npt.NDArray[np.bool_], own: npt.NDArray[np.bool_]) -> Candidates:
    """This run's rows, in an order in which a copy that an earlier rule dropped does not stand for one that passed."""
    places = np.where(alive, 0, len(alive)) + candidates.place
    return Candidates(
        candidates.ids.filter(pa.array(own)), np.where(alive, candidates.date, NO_DATE)[own], candidates.length[own], places[own]
    )
