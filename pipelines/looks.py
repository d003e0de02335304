"""Near-duplicate images in an election: hashes in packed shuffles, and thumbnails that settle each candidate pair.

Keys, candidates and verdicts are those of `dedup.hamming` and `dedup.perceptual`; here is how they travel.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dedup import hamming
from dedup.hamming import Bands
from dedup.perceptual import Perceptual
from dedup.perceptual_pairs import packed_hashes
from pipelines.chunks import flat
from pipelines.context import Context
from pipelines.exchange import Mapped, Pointer, write_chunks
from pipelines.partitions import in_partitions
from pipelines.plan import Layer, Plan

if TYPE_CHECKING:
    from pipelines.source_rows import Rows

U64 = npt.NDArray[np.uint64]
I64 = npt.NDArray[np.int64]
#: Images whose keys are made at a time, at 30 bytes for each of some 200 keys.
_ROWS = 1 << 13
#: Pairs whose thumbnails are laid over each other at a time, at 6 kB each.
_PAIRS = 1 << 13


#: What is sent of an image that is among the candidates.
LOOKS = ["thumbnail", "ratio"]


def is_look(layer: Layer) -> bool:
    """Whether a layer holds hashes of images."""
    return isinstance(layer.scorer, Perceptual)


def look_layers(plan: Plan) -> list[Layer]:
    """The layers whose hashes make candidate pairs of images."""
    return [layer for layer in plan.dedup_layers if is_look(layer)]


def look_scorer(layer: Layer) -> Perceptual:
    """The scorer of a layer of hashes."""
    assert isinstance(layer.scorer, Perceptual)
    return layer.scorer


def columns_of(layer: Layer) -> list[str]:
    """What keys are made of."""
    hashes = ("phash", "pdq") if look_scorer(layer).by == "phash" else ("pdq",)
    return [f"{layer.name}.{name}" for name in (*hashes, "views", "uniform", "pixels")]


def keys_a_row(layer: Layer) -> int:
    """About how many keys an image has: of its hash, of half its PDQ beside a pHash, and of as many views."""
    scorer = look_scorer(layer)
    views = {"no": 1, "mirrored": 2, "all": 8}[scorer.turned] * (2 if scorer.crop else 1)
    return scorer.plan.keys * (views + (scorer.by == "phash"))


def _schema(bands: Bands) -> pa.Schema:
    return pa.schema([
        ("key", pa.uint64()), ("digest", pa.uint64()), ("row", pa.uint64()), ("hash", pa.binary(bands.bits // 8)),
    ])  # fmt: skip


def send_keys(context: Context, name: str, layer: Layer, rows: Rows, numbers: U64, split: tuple[int, int]) -> list[list[Any]]:
    """Sends the keys of the living rows of a batch, of which `numbers` are the rows' numbers, to groups of partitions
    (`split`: how many partitions, and groups); emits ["looks", layer, group] → pointer."""
    scorer = look_scorer(layer)
    partitions, groups = split
    emit: list[list[Any]] = []
    names = [column.partition(".")[2] for column in columns_of(layer)]
    hashed = pa.RecordBatch.from_arrays([rows.columns[column] for column in columns_of(layer)], names=names)
    for start in range(0, len(hashed), _ROWS):
        alive = np.flatnonzero(rows.alive[start : start + _ROWS]) + start
        hashes, digests, places = packed_hashes(hashed.take(pa.array(alive)), scorer.by)
        views = (places >> np.uint64(63)).astype(bool)
        packed = hamming.pack_rows(numbers[alive[(places & np.uint64(0xFFFFFFFF)).astype(np.int64)]], views)
        bounds, *arrays, words = hamming.scatter(hashes, digests, packed, scorer.plan, partitions.bit_length() - 1)
        bounds = bounds[:: partitions // groups]
        whole = pa.FixedSizeBinaryArray.from_buffers(
            pa.binary(scorer.plan.bits // 8), len(words), [None, pa.py_buffer(np.ascontiguousarray(words).astype("<u8"))]
        )
        batch = pa.RecordBatch.from_arrays([*(pa.array(array) for array in arrays), whole], schema=_schema(scorer.plan))
        chunks = {g: batch.slice(bounds[g], bounds[g + 1] - bounds[g]) for g in range(groups) if bounds[g + 1] > bounds[g]}
        pointers = write_chunks(context.store, f"{name}-{start:012d}.arrow", chunks, batch.schema)
        emit += [[["looks", layer.name, group], pointer.to_json()] for group, pointer in pointers.items()]
    return emit


def match_keys(
    context: Context, layer: Layer, values: Sequence[Any], group: int, split: tuple[int, int]
) -> Iterator[tuple[U64, U64]]:  # fmt: skip
    """Candidate pairs among the keys of a group of partitions, each partition's at a time."""
    bands = look_scorer(layer).plan
    found = Mapped(context.store, map(Pointer.from_json, values))
    for batches in in_partitions(found.batches, "key", *split, group):
        table = pa.Table.from_batches(batches, _schema(bands))
        keys, digests, rows = (np.ascontiguousarray(table.column(name).to_numpy()) for name in ("key", "digest", "row"))
        hashes = _words(flat(table.column("hash")), bands)
        del table
        found.forget()
        a, b, _ = hamming.match(keys, digests, rows, hashes, bands)
        yield a, b


def same(layer: Layer, looks: Sequence[pa.Array], left: I64, right: I64) -> npt.NDArray[np.bool_]:
    """Whether the pairs of looks (structs of thumbnail and ratio), at these places of all arrays, are one picture."""
    scorer = look_scorer(layer)
    whole = pa.chunked_array(looks)
    near = np.empty(len(left), bool)
    for low in range(0, len(left), _PAIRS):
        sides = [pa.RecordBatch.from_struct_array(flat(whole.take(pa.array(side[low : low + _PAIRS])))) for side in (left, right)]
        near[low : low + _PAIRS] = scorer.same(*sides)
    return near


def _words(hashes: pa.Array, bands: Bands) -> U64:
    width = bands.bits // 64
    raw = np.frombuffer(hashes.buffers()[1], "<u8").reshape(-1, width)[hashes.offset : hashes.offset + len(hashes)]
    return np.ascontiguousarray(raw, np.uint64)
