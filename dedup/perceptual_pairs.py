"""From a table of `perceptual` to candidate pairs in one process, and the order in which one of a cluster is kept.

What is too large for one process goes through `dedup.hamming.scatter` and `match`, partition by partition, which is what this
does in one go. The order is ours: the largest, then the sharpest, then the smallest id.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dedup.election import Candidates
from dedup.hamming import Bands, as_words, match, pack_rows, scatter
from dedup.perceptual_hashes import pdq_low

I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]


def packed_hashes(rows: pa.RecordBatch, by: str, first: int = 0) -> tuple[U64, U64, U64]:
    """What `dedup.hamming.scatter` wants of rows of `perceptual`: hashes (words), digests, and packed row numbers.

    One for each image that has pixels and is not of one colour, beside a pHash the low half of its PDQ (`pdq_low`), and one for
    each of its views; row 0 has the number `first`.
    """
    width = rows.schema.field(by).type.byte_width
    chosen = np.flatnonzero(np.asarray(rows.column(by).is_valid()) & ~np.asarray(rows.column("uniform").fill_null(True)))
    some = rows.take(pa.array(chosen))
    hashes = np.frombuffer(b"".join(some.column(by).to_pylist()), np.uint8).reshape(-1, width)
    views = some.column("views").to_pylist()
    counts = np.array([len(view) // width for view in views], np.int64)
    others = np.frombuffer(b"".join(views), np.uint8).reshape(-1, width)
    each = [np.arange(len(chosen))]
    if by == "phash":
        wide = np.frombuffer(b"".join(some.column("pdq").to_pylist()), np.uint8).reshape(-1, 32)
        hashes = np.concatenate([hashes, pdq_low(wide)])
        each *= 2
    owners = np.concatenate([*each, np.repeat(np.arange(len(chosen)), counts)])
    digests = np.array([int.from_bytes(pixels[:8], "little") for pixels in some.column("pixels").to_pylist()], np.uint64)
    numbers = (chosen[owners] + first).astype(np.uint64)
    return as_words(np.concatenate([hashes, others])), digests[owners], pack_rows(numbers, np.arange(len(owners)) >= len(hashes))


def candidates(rows: pa.RecordBatch, bands: Bands, by: str) -> tuple[I64, I64]:
    """Pairs of rows (a, b), a < b, each once, whose hashes or views are within the radius; of copies the first alone."""
    hashes, digests, numbers = packed_hashes(rows, by)
    _, keys, each_digest, each_row, each_hash = scatter(hashes, digests, numbers, bands, 0)
    a, b, _ = match(keys, each_digest, each_row, each_hash, bands)
    pairs = np.unique(np.stack([a, b], axis=1), axis=0).astype(np.int64)
    return pairs[:, 0], pairs[:, 1]


def order_of_images(ids: pa.Array, area: pa.Array, sharpness: pa.Array, place: I64) -> Candidates:
    """What `dedup.election.elect` needs to keep the largest image of a cluster, then the sharpest, then the smallest id.

    `ids` binary(16) without nulls; `area` and `sharpness` are columns of `perceptual`, where null is the least. Sharpness counts
    to a thousandth.
    """
    areas = area.fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    return Candidates(ids, -areas, thousandths(sharpness), place)


def thousandths(sharpness: pa.Array) -> I64:
    """Sharpness as an order compares it, int64 (n,); null is the least."""
    sharp = sharpness.fill_null(0).to_numpy(zero_copy_only=False).astype(np.float64)
    return np.minimum(sharp * 1000, 2.0**62).astype(np.int64)
