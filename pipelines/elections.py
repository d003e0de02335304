"""The election among duplicates as tasks: edges to clusters, one of each elected, layers written.

A partition of clusters is elected at a time, by what the order looks at of its members; documents without company
are elected where their layer is written.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from core.components import Components
from core.files import storage_errors
from core.hashing import ID_TYPE
from dedup.election import DUPLICATES as DUPLICATES_SCHEMA
from dedup.election import EARLIER, NO_DATE, Candidates, duplicates, elect_labels, same_records
from pipelines.chunks import flat
from pipelines.context import Context
from pipelines.exchange import Pointer, read_chunks, write_chunks
from pipelines.layers import LayerWriter
from pipelines.matching import EDGES, read_rows, send
from pipelines.plan import DUPLICATES, IDENTITY, IDENTITY_SCHEMA
from pipelines.source_rows import Reader
from pipelines.sources import PART, SHIFT, TABLE, Source, by_source, dense_places, places_of
from pipelines.view import Joined

U64 = npt.NDArray[np.uint64]
I64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
#: Members of clusters that are elected at a time; a larger cluster is taken whole.
ELECT_ROWS = 1_000_000
#: Edges that are read at a time.
_EDGE_ROWS = 1 << 20
MEMBERS = pa.schema([("row", pa.uint64()), ("cluster", pa.uint64())])
#: What `dedup cluster` writes, beside the `id` of the table: rows are counted over all files in their order.
CLUSTERS = pa.schema([("row", pa.int64()), ("cluster", pa.int64()), ("size", pa.int64()), ("kept", pa.bool_())])
#: A scratch file with the number of each source's first row.
BASES = "bases.json"
_RESULTS = pa.schema([
    ("row", pa.int64()), ("same_record", pa.bool_()), ("cluster", ID_TYPE), ("size", pa.int64()), ("kept", pa.bool_()),
    ("earlier", pa.bool_()), ("winner", pa.uint64()),
])  # fmt: skip


def join(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """Clusters by union-find over all edges, in one process: 9 bytes a row, 28 for one that has company, none for an edge.

    Emits ["elect", n] → pointer to the members of some clusters, and to ["elect", 0] every source as well.
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
    order = np.argsort(clusters, kind="stable")
    members, clusters = members[order], clusters[order]
    del order
    emit: list[list[Any]] = [[["elect", 0], {"sources": [[v["ordinal"], v["source"]] for v in sources]}]]
    for number, (low, high) in enumerate(_slabs(clusters)):
        batch = pa.RecordBatch.from_arrays(
            [pa.array(_rows(members[low:high], bases)), pa.array(clusters[low:high].astype(np.uint64))], schema=MEMBERS
        )
        pointers = write_chunks(context.store, f"election-members-{number:08d}.arrow", {0: batch}, MEMBERS)
        emit.append([["elect", number], pointers[0].to_json()])
    return {"emit": emit}


def elect(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """Elects one of each cluster of a partition; emits ["write", ordinal] → pointer, and for each source → null."""
    pointers = [value for value in args["values"] if isinstance(value, list)]
    told = [value for value in args["values"] if isinstance(value, dict)]
    emit: list[list[Any]] = [
        [["write", ordinal], None] for value in told for ordinal, source in value["sources"] if Source.from_json(source).own
    ]
    if not pointers:
        return {"emit": emit}
    table = pa.Table.from_batches(read_chunks(map(Pointer.from_json, pointers)), MEMBERS)
    rows, clusters = table.column("row").to_numpy(), table.column("cluster").to_numpy()
    del table
    rows, first = np.unique(rows, return_index=True)
    clusters = clusters[first]
    candidates, alive, own, named = _describe(context, rows)
    same = np.zeros(len(rows), bool)
    same[named] = same_records(_preferred(candidates, alive, named))
    _, labels = np.unique(clusters, return_inverse=True)
    election = elect_labels(candidates, labels.reshape(-1), alive & ~same)
    elected = duplicates(candidates, election)
    winners = rows[np.maximum(election.winner, 0)]
    arrays = [pa.array(places_of(rows)), pa.array(same), *elected.columns, pa.array(winners)]
    result = pa.RecordBatch.from_arrays(arrays, schema=_RESULTS)
    chunks = {o: result.slice(at.start, at.stop - at.start) for o, at in by_source(rows) if own[at.start]}
    return {"emit": emit + send(context, f"election-results-{args['key'][1]}", ["write"], chunks, _RESULTS)}


def write(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """Writes `identity`, and `duplicates` if the recipe has an election, of one part; emits ["fates", ordinal] → part."""
    ordinal = int(args["key"][1])
    source, described = read_rows(context, ordinal)
    pointers = [Pointer.from_json(value) for value in args["values"] if value is not None]
    results = pa.Table.from_batches(read_chunks(pointers), _RESULTS).combine_chunks()
    if source.kind == TABLE:
        return write_clusters(context, ordinal, source, results)
    part = source.name
    rows = len(described)
    ids, alive = described.column("id"), described.column("alive").to_numpy(zero_copy_only=False)
    places = results.column("row").to_numpy()
    same = np.zeros(rows, bool)
    same[places] = results.column("same_record").to_numpy()
    told = {"part": part}
    result: dict[str, Any] = {**told, "emit": [[["fates", ordinal], part]]}
    with LayerWriter(context.store, "documents", IDENTITY, part, IDENTITY_SCHEMA) as writer:
        writer.write(ids, pa.RecordBatch.from_arrays([pa.array(same)], schema=IDENTITY_SCHEMA))
        writer.commit(args["method"], source=told)
    if not context.plan.dedup_layers:
        return result
    arrays = _elected(described, results, ~alive | same)
    if source.decided:
        arrays = _as_decided(context, part, described, arrays)
    with LayerWriter(context.store, "documents", DUPLICATES, part, DUPLICATES_SCHEMA) as writer:
        writer.write(ids, pa.RecordBatch.from_arrays(arrays, schema=DUPLICATES_SCHEMA))
        writer.commit(args["method"], source=told)
    return result


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
    with Joined(context.store, part, [f"{DUPLICATES}.{f.name}" for f in DUPLICATES_SCHEMA]) as view:
        batches = list(view.batches())
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


def _slabs(clusters: npt.NDArray[np.integer]) -> list[tuple[int, int]]:
    """Runs of whole clusters (sorted), of about ELECT_ROWS members each."""
    slabs: list[tuple[int, int]] = []
    low = 0
    while low < len(clusters):
        high = min(low + ELECT_ROWS, len(clusters))
        high = int(np.searchsorted(clusters, clusters[high - 1], side="right"))
        slabs.append((low, high))
        low = high
    return slabs


def _describe(context: Context, rows: U64) -> tuple[Candidates, Mask, Mask, Mask]:
    """What the order looks at, for `rows` (sorted), who takes part, which are of this run, and of its parts: records
    of one id are one record there, while a table of signatures may name its rows as it likes."""
    pieces: list[pa.Table] = []
    own, named = np.zeros(len(rows), bool), np.zeros(len(rows), bool)
    for ordinal, at in by_source(rows):
        source, batch = read_rows(context, ordinal)
        pieces.append(pa.Table.from_batches([batch.replace_schema_metadata()]).take(pa.array(places_of(rows[at]))))
        own[at] = source.own
        named[at] = source.kind == PART
    table = pa.concat_tables(pieces).combine_chunks()
    candidates = Candidates(
        flat(table.column("id")), table.column("date").to_numpy(), table.column("length").to_numpy(),
        np.arange(len(rows), dtype=np.int64),
    )  # fmt: skip
    return candidates, table.column("alive").to_numpy(), own, named


def _preferred(candidates: Candidates, alive: npt.NDArray[np.bool_], own: npt.NDArray[np.bool_]) -> Candidates:
    """This run's rows, in an order in which a copy that an earlier rule dropped does not stand for one that passed."""
    places = np.where(alive, 0, len(alive)) + candidates.place
    return Candidates(
        candidates.ids.filter(pa.array(own)), np.where(alive, candidates.date, NO_DATE)[own], candidates.length[own], places[own]
    )
