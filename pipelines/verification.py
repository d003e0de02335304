"""Verification of candidate pairs as tasks: agreement of signatures settles what is clear, shingles the rest.

A partition of pairs asks the sources for the signatures of its rows; where they leave a pair in doubt, for the
shingles of the two texts. Only candidates' signatures and shingles travel, by claim check.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from core.hashing import splitmix64
from dedup.minhash import agreement, clear, jaccard, signature_words
from pipelines.chunks import flat
from pipelines.context import Context
from pipelines.exchange import Made, Mapped, Pointer, read_chunks, read_only_chunk, write_chunks
from pipelines.looks import is_look, same
from pipelines.matching import EDGES, distinct, edges, edges_of, hands_on_edges, read_rows, send
from pipelines.plan import Layer
from pipelines.source_rows import Reader
from pipelines.sources import SHIFT, by_source, dense_places, near_scorer, ordinals_of, places_of

U64 = npt.NDArray[np.uint64]
I64 = npt.NDArray[np.int64]
#: So many shingles, or about, are in memory at a time.
_SHINGLES = 8_000_000
#: So many signatures, or about, are in memory at a time.
_SIGNATURES = 1 << 18
#: A table of so many places is made without looking at how many of them are asked for, at 4 bytes each.
_TABLE_ROWS = 1 << 22
_WANTED = pa.schema([("row", pa.uint64())])


@hands_on_edges
def gather(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """Writes down the distinct pairs of a partition, and asks for their rows' signatures.

    Emits ["signatures", ordinal] → [layer, partition, pointer to rows].
    """
    _, *rest = args["key"]
    layer, partition = str(rest[0]), int(rest[1])
    table = pa.Table.from_batches(read_chunks(map(Pointer.from_json, args["values"])), EDGES)
    a, b = _distinct(table.column("a").to_numpy(), table.column("b").to_numpy())
    return {"emit": _ask(context, "signatures", layer, partition, a, b)}


@hands_on_edges
def send_signatures(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """Sends the signatures that partitions asked a source for; emits ["verify", layer, partition] → [pointer, text],
    where `text` says whether the source's texts are at hand."""
    _, *rest = args["key"]
    ordinal = int(rest[0])
    reader = Reader(context, read_rows(context, ordinal)[0])
    emit: list[list[Any]] = []
    for layer, asked in _by_layer(context, args):
        places = distinct(np.concatenate([rows for _, rows in asked]))
        signatures = reader.signatures(layer, places)
        schema = pa.schema([("row", pa.uint64()), ("signature", signatures.type)])
        by_partition = dict(asked)

        chunks = Made(by_partition, partial(_signatures_of, ordinal, by_partition, places, signatures, schema))
        pointers = write_chunks(context.store, f"election-{ordinal:08d}-{layer.name}-signatures.arrow", chunks, schema)
        emit += [[["verify", layer.name, p], [pointer.to_json(), ordinal, reader.text]] for p, pointer in pointers.items()]
    return {"emit": emit}


def _signatures_of(
    ordinal: int, by_partition: Mapping[int, I64], places: I64, signatures: pa.Array, schema: pa.Schema, partition: int
) -> pa.RecordBatch:  # fmt: skip
    """What a partition asked a source for: rows, and their signatures of those at `places`."""
    rows = by_partition[partition]
    taken = signatures.take(pa.array(np.searchsorted(places, rows)))
    return pa.RecordBatch.from_arrays([_numbers(ordinal, rows), taken], schema=schema)


@hands_on_edges
def verify(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """Settles by signatures what they settle, and by thumbnails pairs of images; emits edges, and ["shingles", ordinal]
    requests for what is in doubt.

    A pair in doubt of which a text is not at hand is judged by its signatures alone.
    """
    _, *rest = args["key"]
    layer, partition = context.plan.by_name[rest[0]], int(rest[1])
    a, b = _pairs(context, "signatures", layer.name, partition)
    found = Mapped(context.store, (Pointer.from_json(pointer) for pointer, _, _ in args["values"]))
    rows = np.concatenate([batch.column("row").to_numpy() for batch in found.batches])
    signatures = [batch.column("signature") for batch in found.batches]
    if is_look(layer):
        near = same(layer, signatures, *_places(rows, a, b))
        return {"emit": edges_of(context, f"{layer.name}-{partition:08d}-verified", edges(a[near], b[near]))}
    scorer = near_scorer(layer)
    if len(rows) > _SIGNATURES:
        order = np.argsort(a)  # so that a slab of pairs asks for few rows
        a, b = a[order], b[order]
    equal = _agreement(found, signatures, *_places(rows, a, b))
    verdict = clear(equal, scorer.permutations, scorer.threshold)
    near = verdict > 0
    doubt = verdict == 0
    with_text = np.array(sorted(ordinal for _, ordinal, text in args["values"] if text), np.uint64)
    by_text = np.isin(a >> SHIFT, with_text) & np.isin(b >> SHIFT, with_text) & (scorer.verify == "jaccard")
    near |= doubt & ~by_text & (equal / scorer.permutations >= scorer.threshold)
    doubt &= by_text
    emit = edges_of(context, f"{layer.name}-{partition:08d}-verified", edges(a[near], b[near]))
    if doubt.any():
        emit += _ask(context, "shingles", layer.name, partition, a[doubt], b[doubt])
    return {"emit": emit}


def _agreement(found: Mapped, signatures: Sequence[pa.Array], left: I64, right: I64) -> npt.NDArray[np.integer]:
    """How many values of the signatures at `left` and `right` are equal; not more of them in memory than _SIGNATURES."""
    if sum(map(len, signatures)) <= _SIGNATURES:
        words, _ = signature_words(flat(pa.chunked_array(signatures)))
        return agreement(words, left, right)
    equal: list[npt.NDArray[np.integer]] = []
    for low in range(0, len(left), _SIGNATURES // 2):
        sides = [side[low : low + _SIGNATURES // 2] for side in (left, right)]
        wanted = distinct(np.concatenate(sides))
        words, _ = signature_words(flat(pa.chunked_array(_taken(signatures, wanted))))
        equal.append(agreement(words, *(np.searchsorted(wanted, side) for side in sides)))
        found.forget()
    return np.concatenate(equal)


@hands_on_edges
def send_shingles(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """Sends the shingles of the texts that partitions asked a source for; emits ["settle", layer, partition] → pointer."""
    _, *rest = args["key"]
    ordinal = int(rest[0])
    reader = Reader(context, read_rows(context, ordinal)[0])
    emit: list[list[Any]] = []
    schema = pa.schema([("row", pa.uint64()), ("shingles", pa.large_list(pa.uint32()))])
    for layer, asked in _by_layer(context, args):
        places = distinct(np.concatenate([rows for _, rows in asked]))
        for slab, (found, sets) in enumerate(_slabs(reader, layer, places)):
            chunks: dict[int, pa.RecordBatch] = {}
            for p, rows in asked:
                mine = rows[np.isin(rows, found)]
                if len(mine):
                    taken = sets.take(pa.array(np.searchsorted(found, mine)))
                    chunks[p] = pa.RecordBatch.from_arrays([_numbers(ordinal, mine), taken], schema=schema)
            name = f"election-{ordinal:08d}-{layer.name}-{slab:06d}-shingles"
            emit += send(context, name, ["settle", layer.name], chunks, schema)
    return {"emit": emit}


@hands_on_edges
def settle(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """Settles by the exact Jaccard index of the shingles what signatures left in doubt; emits edges."""
    _, *rest = args["key"]
    layer, partition = context.plan.by_name[rest[0]], int(rest[1])
    a, b = _pairs(context, "shingles", layer.name, partition)
    found = Mapped(context.store, map(Pointer.from_json, args["values"]))
    rows = np.concatenate([batch.column("row").to_numpy() for batch in found.batches])
    sets = [batch.column("shingles") for batch in found.batches]
    sizes = np.concatenate([pc.list_value_length(one).to_numpy() for one in sets])
    left, right = _places(rows, a, b)
    threshold = near_scorer(layer).threshold
    near = np.empty(len(a), bool)
    for low, high in _slabs_of(sizes[left] + sizes[right]):
        wanted = distinct(np.concatenate([left[low:high], right[low:high]]))
        offsets, hashes = _sets(sets, wanted)
        places = (np.searchsorted(wanted, side[low:high]) for side in (left, right))
        near[low:high] = jaccard(offsets, hashes, *places) >= threshold
        found.forget()
    return {"emit": edges_of(context, f"{layer.name}-{partition:08d}-settled", edges(a[near], b[near]))}


def _slabs_of(sizes: I64) -> Iterator[tuple[int, int]]:
    """Runs of pairs of about _SHINGLES in all, given those of each."""
    ends = np.flatnonzero(np.diff(np.cumsum(sizes) // _SHINGLES)) + 1
    yield from pairwise([0, *ends.tolist(), len(sizes)] if len(sizes) else [])


def _sets(arrays: Sequence[pa.Array], wanted: I64) -> tuple[I64, npt.NDArray[np.uint32]]:
    """The sets at places (ascending) in several arrays that are taken for one: offsets and values."""
    lists = pa.concat_arrays(_taken(arrays, wanted))
    return np.ascontiguousarray(lists.offsets.to_numpy()), np.ascontiguousarray(lists.values.to_numpy())


def _taken(arrays: Sequence[pa.Array], wanted: I64) -> list[pa.Array]:
    """The values at places (ascending) in several arrays that are taken for one."""
    bounds = np.cumsum([0, *map(len, arrays)])
    cuts = np.searchsorted(wanted, bounds)
    spans = [(i, wanted[cuts[i] : cuts[i + 1]] - bounds[i]) for i in range(len(arrays)) if cuts[i] < cuts[i + 1]]
    return [arrays[i] if len(at) == len(arrays[i]) else arrays[i].take(pa.array(at)) for i, at in spans]


def _ask(context: Context, kind: str, layer: str, partition: int, a: U64, b: U64) -> list[list[Any]]:
    """Writes the pairs of a partition down, and asks each source for its rows among them."""
    write_chunks(context.store, _pairs_name(kind, layer, partition), {0: edges(a, b)}, EDGES)
    rows = distinct(np.concatenate([a, b]))
    wanted = pa.RecordBatch.from_arrays([pa.array(rows)], schema=_WANTED)
    chunks = {ordinal: wanted.slice(at.start, at.stop - at.start) for ordinal, at in by_source(rows)}
    pointers = write_chunks(context.store, f"election-{layer}-{partition:08d}-{kind}-asked.arrow", chunks, _WANTED)
    return [[[kind, ordinal], [layer, partition, pointer.to_json()]] for ordinal, pointer in pointers.items()]


def _pairs_name(kind: str, layer: str, partition: int) -> str:
    return f"election-{layer}-{partition:08d}-{kind}-pairs.arrow"


def _pairs(context: Context, kind: str, layer: str, partition: int) -> tuple[U64, U64]:
    """The pairs that `_ask` wrote down."""
    batch = read_only_chunk(context.store.scratch("exchange", _pairs_name(kind, layer, partition)))
    return batch.column("a").to_numpy(), batch.column("b").to_numpy()


def _by_layer(context: Context, args: dict[str, Any]) -> Iterator[tuple[Layer, list[tuple[int, I64]]]]:
    """The places that partitions ask a source for, by layer."""
    asked: dict[str, list[tuple[int, I64]]] = {}
    for layer, partition, pointer in args["values"]:
        (batch,) = read_chunks([Pointer.from_json(pointer)])
        asked.setdefault(layer, []).append((int(partition), places_of(batch.column("row").to_numpy())))
    for name in sorted(asked):
        yield context.plan.by_name[name], sorted(asked[name], key=lambda pair: pair[0])


def _slabs(reader: Reader, layer: Layer, places: I64) -> Iterator[tuple[I64, pa.Array]]:
    """The shingle sets of the rows at `places`, as lists, _SHINGLES or so at a time."""
    found: list[I64] = []
    pieces: list[pa.Array] = []
    held = 0
    for mine, offsets, hashes in reader.shingles(layer, places):
        found.append(mine)
        pieces.append(pa.LargeListArray.from_arrays(pa.array(offsets.astype(np.int64)), pa.array(hashes)))
        held += len(hashes)
        if held > _SHINGLES:
            yield np.concatenate(found), pa.concat_arrays(pieces)
            found, pieces, held = [], [], 0
    if found:
        yield np.concatenate(found), pa.concat_arrays(pieces)


def _numbers(ordinal: int, places: I64) -> pa.Array:
    return pa.array((np.uint64(ordinal) << SHIFT) + places.astype(np.uint64))


def _places(rows: U64, *wanted: U64) -> list[I64]:
    """Where in `rows` (ascending) each of the wanted rows stands.

    By a table over the places of every source that is among them, several times faster than a search, if that is small.
    """
    ordinals, places = ordinals_of(rows), places_of(rows)
    sizes = np.zeros(int(ordinals.max(initial=0)) + 1, np.int64)
    np.maximum.at(sizes, ordinals, places + 1)
    if sizes.sum() > _TABLE_ROWS + 8 * len(rows):
        return [np.searchsorted(rows, w) for w in wanted]
    bases = np.cumsum(sizes) - sizes
    table = np.zeros(int(sizes.sum()), np.int32)
    table[bases[ordinals] + places] = np.arange(len(rows), dtype=np.int32)
    return [table[dense_places(w, bases)].astype(np.int64) for w in wanted]


def _distinct(a: U64, b: U64) -> tuple[U64, U64]:
    """Pairs without repetition, in the order of a hash."""
    key = splitmix64(splitmix64(a) ^ b)  # one word sorts several times faster than two
    order = np.argsort(key)
    a, b = a[order], b[order]
    first = np.ones(len(a), bool)
    first[1:] = (a[1:] != a[:-1]) | (b[1:] != b[:-1])
    return a[first], b[first]
