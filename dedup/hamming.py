"""All pairs of hashes within a Hamming radius, by multi-index hashing, in arrays that can be dealt out by key.

Norouzi, Punjani, Fleet, "Fast Exact Search in Hamming Space with Multi-Index Hashing" (arXiv 1307.2982): of two hashes
within a radius, cut into bands, one band is within radius // bands. Here both sides' bands are spread, so that they meet.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Final

import numpy as np
import numpy.typing as npt
from numba import njit, types

from core.hashing import mixed
from core.kernels import helper

I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]
U8 = npt.NDArray[np.uint8]
Int = int | np.int64

#: A row number has so many bits of its word; above are how far its key is from its band, and whether it is a view.
ROW_BITS: Final = 56
_VIEW = np.uint64(1) << np.uint64(63)
_ROW_MASK = (np.uint64(1) << np.uint64(ROW_BITS)) - np.uint64(1)
#: In a bucket a row is compared with at most so many that follow it in an order by hash of bucket and digest …
COMPARED: Final = 4_096
#: … and paired with at most so many of them: what is alike stays connected, and a bucket of copies stays small.
PARTNERS: Final = 24
#: More keys than this a row are refused: the radius is too large for the bands.
_MOST_KEYS: Final = 4_096


@dataclass(frozen=True)
class Bands:
    """How hashes of `bits` bits (64 or 256) are cut into bands so that all pairs within `radius` meet in a bucket.

    Few bands are long: their buckets are small, but each hash is in more of them. For a million hashes of 64 bits and a
    radius of 6 three bands are right (67 keys a hash), for 256 bits and a radius of 31 eleven (268 keys).
    """

    bits: int = 64
    radius: int = 6
    bands: int = 3

    def __post_init__(self) -> None:
        if self.bits not in (64, 256):
            raise ValueError(f"bits: 64 or 256, not {self.bits}")
        if isinstance(self.radius, bool) or not 0 <= self.radius < self.bits // 2:
            raise ValueError(f"radius: 0 to {self.bits // 2 - 1}, not {self.radius}")
        if isinstance(self.bands, bool) or not -(-self.bits // 64) <= self.bands <= self.bits:
            raise ValueError(f"bands: {-(-self.bits // 64)} to {self.bits}, not {self.bands}")
        if self.keys > _MOST_KEYS:
            raise ValueError(f"bands: more of them; {self.bands} for a radius of {self.radius} take {self.keys:,} keys a hash")

    @property
    def within(self) -> int:
        """How far apart two hashes may be in the band that they share."""
        return self.radius // self.bands

    @property
    def edges(self) -> list[int]:
        """Where bands begin and end, in bits."""
        return [round(i * self.bits / self.bands) for i in range(self.bands + 1)]

    @property
    def keys(self) -> int:
        """Keys of a hash."""
        return sum(len(_flips(end - start, self.spread)) for start, end in pairwise(self.edges))

    @property
    def spread(self) -> int:
        """A hash is in the buckets of all bands that differ from its own by at most so many bits."""
        return -(-self.within // 2)


def as_words(hashes: npt.NDArray[np.uint8]) -> U64:
    """Hashes as bytes, uint8 (n, 8 or 32), as words, uint64 (n, 1 or 4)."""
    return np.ascontiguousarray(hashes).view("<u8").astype(np.uint64, copy=False)


def bucket_keys(hashes: U64, bands: Bands) -> tuple[U64, U8]:
    """The keys of each hash, uint64 (n, bands.keys), and how far each is from the hash's own band, uint8 (bands.keys,).

    Keys are spread over all 64 bits, so that their first bits choose a partition.
    """
    if hashes.ndim != 2 or hashes.shape[1] * 64 != bands.bits:
        raise ValueError(f"hashes of shape (n, {bands.bits // 64}) were expected, not {hashes.shape}")
    keys = np.empty((len(hashes), bands.keys), np.uint64)
    tags = np.empty(bands.keys, np.uint8)
    at = 0
    for band, (start, end) in enumerate(pairwise(bands.edges)):
        value = _cut(hashes, start, end)
        salt = mixed(np.array([band + 1], np.uint64) * np.uint64(0x9E3779B97F4A7C15))[0]
        for flip, distance in _flips(end - start, bands.spread):
            keys[:, at] = mixed(mixed(value ^ np.uint64(flip)) ^ salt)
            tags[at] = distance
            at += 1
    return keys, tags


def pack_rows(rows: U64, views: npt.NDArray[np.bool_]) -> U64:
    """Row numbers (below 2**56) with a mark on those whose hash is of a view: of the image cut, mirrored or turned."""
    return rows | np.where(views, _VIEW, np.uint64(0))


def scatter(hashes: U64, digests: U64, rows: U64, bands: Bands, partition_bits: int) -> tuple[I64, U64, U64, U64, U64]:
    """Records of all keys of all hashes by partition, the first `partition_bits` bits of their keys.

    `digests` (n,) are equal for images that are the same to the last pixel, `rows` (n,) come from `pack_rows`. Returns the
    partitions' bounds, int64 (2**partition_bits + 1,), and of each record key, digest, row and hash (words).
    """
    keys, tags = bucket_keys(hashes, bands)
    owners = np.repeat(np.arange(len(hashes)), bands.keys)
    packed = rows[owners] | (np.tile(tags, len(hashes)).astype(np.uint64) << np.uint64(ROW_BITS))
    flat = keys.reshape(-1)
    place = (flat >> np.uint64(64 - partition_bits)).astype(np.int64) if partition_bits else np.zeros(len(flat), np.int64)
    order = np.argsort(place, kind="stable")
    bounds = np.zeros((1 << partition_bits) + 1, np.int64)
    np.cumsum(np.bincount(place, minlength=1 << partition_bits), out=bounds[1:])
    return bounds, flat[order], digests[owners[order]], packed[order], hashes[owners[order]]


def match(keys: U64, digests: U64, rows: U64, hashes: U64, bands: Bands) -> tuple[U64, U64, U8]:
    """Pairs of rows (a, b), a < b, whose hashes are within the radius, and their distance, among the records of a partition.

    Records come as `scatter` makes them, of any number of sources, in any order. A pair may come several times. Two views
    make no pair. Rows of one digest are compared as one, for which the smallest stands: they are to be joined by their
    digests. In a bucket of more than `COMPARED` different digests not all are compared, and none is paired with more than
    `PARTNERS` that follow it, in an order by hash of bucket and digest, so that the choice follows from content.
    """
    order = np.argsort(keys)
    sorted_keys = keys[order]
    shared = np.zeros(len(keys), np.bool_)
    same = sorted_keys[1:] == sorted_keys[:-1]
    shared[1:] |= same
    shared[:-1] |= same
    order = order[shared]
    ranks = mixed(keys[order] ^ digests[order])
    order = order[np.lexsort((rows[order] & _ROW_MASK, digests[order], ranks, keys[order]))]
    arguments = keys[order], digests[order], rows[order], np.ascontiguousarray(hashes[order]), bands.radius, bands.within
    sizes = np.zeros(1, np.int64)
    _match(*arguments, np.zeros(0, np.uint64), np.zeros(0, np.uint64), np.zeros(0, np.uint8), sizes)
    a, b, distances = np.empty(sizes[0], np.uint64), np.empty(sizes[0], np.uint64), np.empty(sizes[0], np.uint8)
    _match(*arguments, a, b, distances, sizes)
    return a, b, distances


def _flips(width: int, most: int) -> list[tuple[int, int]]:
    """Words of `width` bits with at most so many set, and how many those are."""
    return [(sum(1 << bit for bit in bits), size) for size in range(most + 1) for bits in combinations(range(width), size)]


def _cut(hashes: U64, start: int, end: int) -> U64:
    """Bits start to end of each hash; a band may lie across two words."""
    first, shift = divmod(start, 64)
    value = hashes[:, first] >> np.uint64(shift)
    if end > 64 * (first + 1):
        value = value | (hashes[:, first + 1] << np.uint64(64 - shift))
    return value & np.uint64((1 << (end - start)) - 1)


@helper
def _ones(word: np.uint64) -> np.int64:
    """How many bits of a word are set."""
    x = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    x = (x & np.uint64(0x3333333333333333)) + ((x >> np.uint64(2)) & np.uint64(0x3333333333333333))
    x = (x + (x >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((x * np.uint64(0x0101010101010101)) >> np.uint64(56))


@helper
def _nearest(rows: U64, hashes: U64, x: int, some: int, y: int, others: int, radius: int, within: int) -> Int:
    """The least distance of two groups of records, of those that may be compared; radius + 1 if none is near enough."""
    best = radius + 1
    for i in range(x, x + some):
        for j in range(y, y + others):
            if rows[i] & rows[j] & _VIEW:
                continue
            tags = ((rows[i] & ~_VIEW) >> np.uint64(ROW_BITS)) + ((rows[j] & ~_VIEW) >> np.uint64(ROW_BITS))
            if tags > np.uint64(within):
                continue
            distance = 0
            for word in range(hashes.shape[1]):
                distance += _ones(hashes[i, word] ^ hashes[j, word])
            best = min(best, distance)
    return best


_U = types.Array(types.uint64, 1, "C", readonly=True)
_OUT = types.Array(types.uint64, 1, "C")


@njit(
    types.void(_U, _U, _U, types.Array(types.uint64, 2, "C", readonly=True), types.int64, types.int64, _OUT, _OUT,
               types.uint8[::1], types.int64[::1]),
    cache=True, nogil=True, error_model="numpy",
)  # fmt: skip
def _match(
    keys: U64, digests: U64, rows: U64, hashes: U64, radius: int, within: int, a: U64, b: U64, distances: U8, sizes: I64
) -> None:
    """Counts pairs if `a` has no room for them, writes them otherwise."""
    pairs = 0
    group, count = np.empty(len(keys), np.int64), np.empty(len(keys), np.int64)
    start = 0
    while start < len(keys):
        stop, groups = start, 0
        while stop < len(keys) and keys[stop] == keys[start]:
            if stop == start or digests[stop] != digests[stop - 1]:
                group[groups], count[groups] = stop, 1
                groups += 1
            elif (rows[stop] & _ROW_MASK) == (rows[group[groups - 1]] & _ROW_MASK):
                count[groups - 1] += 1
            stop += 1
        for x in range(groups):
            found = 0
            for y in range(x + 1, min(groups, x + 1 + COMPARED)):
                distance = _nearest(rows, hashes, group[x], count[x], group[y], count[y], radius, within)
                if distance > radius:
                    continue
                if len(a):
                    left, right = rows[group[x]] & _ROW_MASK, rows[group[y]] & _ROW_MASK
                    a[pairs], b[pairs], distances[pairs] = min(left, right), max(left, right), distance
                pairs += 1
                found += 1
                if found == PARTNERS:
                    break
        start = stop
    sizes[0] = pairs
