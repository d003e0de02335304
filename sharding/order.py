"""The order of samples over a whole output, and which shard each goes to.

Samples stand in the order of a seeded hash of their id (as in docs/design.md, section 4), so that a shard mixes
hosts and parts. Ranks come from counts by hash prefix, so that no process needs all ids: two small exchanges
(counts, then the samples of the few prefixes that a shard border falls into) give shards of exactly N.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from core.hashing import ID_TYPE, seeded_keys

I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]

PREFIX_BITS = 16
BUCKETS = 1 << PREFIX_BITS

#: What samples are ordered by: the seeded hash, then the id as its bytes compare, then the copy.
ORDER = np.dtype([("key", "<u8"), ("high", "<u8"), ("low", "<u8"), ("copy", "<u4")])
Orders = npt.NDArray[np.void]


@dataclass(frozen=True, eq=False)
class Samples:
    """Samples of one part in the order of the output: `rows` int64 (position in the part), `orders` ORDER."""

    rows: I64
    orders: Orders

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def keys(self) -> list[str]:
        """The name of each sample in its shard: its id as 32 hex digits, with -1, -2, … for further copies."""
        words = np.empty((len(self), 2), ">u8")
        words[:, 0], words[:, 1] = self.orders["high"], self.orders["low"]
        digits = words.tobytes().hex()
        copies = self.orders["copy"].tolist()
        return [digits[32 * i : 32 * i + 32] + (f"-{copy}" if copy else "") for i, copy in enumerate(copies)]


def samples_of(ids: pa.Array, repeats: npt.NDArray[np.integer] | None, seed: int) -> Samples:
    """The samples of a part: row i gives `repeats[i]` (0: none; None for the column: one each), sorted.

    `ids` are binary(16) without nulls, all different in the output. Each copy has a place of its own in the
    order, so that repeats of a document lie apart.
    """
    n = len(ids)
    counts = np.ones(n, np.int64) if repeats is None else np.asarray(repeats, np.int64)
    if len(counts) != n:
        raise ValueError(f"{n} ids and {len(counts)} repeats")
    if n and (counts.min() < 0 or counts.max() > 1_000_000):
        raise ValueError(f"repeats: 0 to 1,000,000, not {counts.min()} to {counts.max()}")
    high, low = _big_endian(ids)
    rows: list[I64] = []
    orders: list[Orders] = []
    chosen = np.flatnonzero(counts > 0)
    for copy in range(int(counts.max()) if n else 0):
        chosen = chosen[counts[chosen] > copy]
        order = np.empty(len(chosen), ORDER)
        order["key"] = seeded_keys(ids.take(pa.array(chosen)), seed, f"order{copy}")
        order["high"], order["low"], order["copy"] = high[chosen], low[chosen], copy
        rows.append(chosen)
        orders.append(order)
    if not rows:
        return Samples(np.zeros(0, np.int64), np.zeros(0, ORDER))
    all_rows, all_orders = np.concatenate(rows), np.concatenate(orders)
    sorting = argsort(all_orders)
    return Samples(all_rows[sorting], all_orders[sorting])


def argsort(orders: Orders) -> I64:
    """The positions that sort samples: by key, then id, then copy."""
    by_key = np.argsort(orders["key"], kind="stable")
    key = orders["key"][by_key]
    if (key[1:] != key[:-1]).all():
        return by_key
    return np.lexsort((orders["copy"], orders["low"], orders["high"], orders["key"]))


def prefixes(orders: Orders) -> I64:
    """The bucket of each sample, the first PREFIX_BITS bits of its key: 0..BUCKETS-1."""
    return (orders["key"] >> np.uint64(64 - PREFIX_BITS)).astype(np.int64)


def prefix_counts(orders: Orders) -> I64:
    """How many samples fall in each bucket, shape (BUCKETS,). Counts of parts are added up."""
    return np.bincount(prefixes(orders), minlength=BUCKETS).astype(np.int64, copy=False)


@dataclass(frozen=True, eq=False)
class RankPlan:
    """Shards of `samples` each out of `counts`, the samples by bucket over all parts.

    Ranks run from 0; shard s holds the ranks s · samples up to (s + 1) · samples, the last one fewer.
    """

    counts: I64
    samples: int

    def __post_init__(self) -> None:
        if self.samples < 1:
            raise ValueError(f"samples: at least 1 a shard, not {self.samples}")
        if self.counts.shape != (BUCKETS,):
            raise ValueError(f"counts of shape ({BUCKETS},) were expected, not {self.counts.shape}")

    @property
    def total(self) -> int:
        return int(self.counts.sum())

    @property
    def shards(self) -> int:
        return -(-self.total // self.samples)

    def size(self, shard: int) -> int:
        """How many samples shard `shard` holds."""
        return min(self.samples, self.total - shard * self.samples)

    @property
    def borders(self) -> tuple[I64, I64]:
        """Of shards 1, 2, …: the bucket that holds their first sample, and its rank inside that bucket."""
        first = np.arange(1, max(self.shards, 1), dtype=np.int64) * self.samples
        ends = np.cumsum(self.counts)
        buckets = np.searchsorted(ends, first, side="right")
        return buckets.astype(np.int64), first - (ends - self.counts)[buckets]

    def in_borders(self, orders: Orders) -> npt.NDArray[np.bool_]:
        """Which samples lie in a bucket that a shard begins inside of; `cuts` needs these of all parts."""
        buckets, ranks = self.borders
        wanted = np.zeros(BUCKETS, bool)
        wanted[buckets[ranks > 0]] = True
        return wanted[prefixes(orders)]

    def cuts(self, border_orders: Iterable[Orders]) -> Orders:
        """The first sample of shards 1, 2, …, ORDER of shape (shards - 1,), from `orders[in_borders(orders)]` of all.

        ValueError if samples are missing or doubled. A shard that begins with a bucket gets a cut below all
        samples of the bucket.
        """
        buckets, ranks = self.borders
        given = np.concatenate([np.zeros(0, ORDER), *border_orders])
        given = given[argsort(given)]
        counts = np.bincount(prefixes(given), minlength=BUCKETS)
        inside = ranks > 0
        wrong = inside & (counts[buckets] != self.counts[buckets])
        if wrong.any():
            bucket = int(buckets[wrong][0])
            raise ValueError(f"bucket {bucket}: {counts[bucket]} samples given, {self.counts[bucket]} counted")
        result = np.zeros(len(buckets), ORDER)
        result["key"] = buckets.astype(np.uint64) << np.uint64(64 - PREFIX_BITS)
        starts = np.cumsum(counts) - counts
        result[inside] = given[starts[buckets[inside]] + ranks[inside]]
        return result


def shard_slices(orders: Orders, cuts: Orders) -> I64:
    """Where shards' samples lie in a part's sorted `orders`: shard s is `[out[s]:out[s + 1]]`, shape (shards + 1,)."""
    starts = np.searchsorted(orders["key"], cuts["key"], side="left")
    ends = np.searchsorted(orders["key"], cuts["key"], side="right")
    for i in np.flatnonzero(ends > starts):
        cut = tuple(cuts[i].tolist())
        while starts[i] < ends[i] and tuple(orders[starts[i]].tolist()) < cut:
            starts[i] += 1
    return np.concatenate([[0], starts, [len(orders)]]).astype(np.int64)


def _big_endian(ids: pa.Array) -> tuple[U64, U64]:
    if ids.type != ID_TYPE or ids.null_count:
        raise ValueError(f"ids: {ID_TYPE} without nulls, not {ids.type} with {ids.null_count} nulls")
    if len(ids) == 0:
        return np.zeros(0, np.uint64), np.zeros(0, np.uint64)
    words = np.frombuffer(ids.buffers()[1], ">u8").reshape(-1, 2)[ids.offset : ids.offset + len(ids)]
    return words[:, 0].astype(np.uint64), words[:, 1].astype(np.uint64)
