"""All pairs of hashes within a Hamming radius, by multi-index hashing, in arrays that can be dealt out by key.

Norouzi, Punjani, Fleet, "Fast Exact Search in Hamming Space with Multi-Index Hashing" (arXiv 1307.2982): of two hashes
within a radius, cut into bands, one band is within radius // bands. Here both sides' bands are spread, so that they meet.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, pairwise
from typing import Final

import numpy as np
import numpy.typing as npt
from numba import njit, types

from core.kernels import helper
from core.words import mix

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
_FEW = 24  # so many are sorted by insertion
_SPREAD = np.uint64(0x9E3779B97F4A7C15)  # 2**64 / φ


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
    flips = [
        (start, end - start, flip, distance)
        for start, end in pairwise(bands.edges)
        for flip, distance in _flips(end - start, bands.spread)
    ]
    starts, widths, words, tags = (np.array(values, np.uint64) for values in zip(*flips, strict=True))
    keys = np.empty((len(hashes), bands.keys), np.uint64)
    _keys(np.ascontiguousarray(hashes), starts, widths, words, keys)
    return keys, tags.astype(np.uint8)


def pack_rows(rows: U64, views: npt.NDArray[np.bool_]) -> U64:
    """Row numbers (below 2**56) with a mark on those whose hash is of a view: of the image cut, mirrored or turned."""
    return rows | np.where(views, _VIEW, np.uint64(0))


def scatter(hashes: U64, digests: U64, rows: U64, bands: Bands, partition_bits: int) -> tuple[I64, U64, U64, U64, U64]:
    """Records of all keys of all hashes by partition, the first `partition_bits` bits of their keys.

    `digests` (n,) are equal for images that are the same to the last pixel, `rows` (n,) come from `pack_rows`. Returns the
    partitions' bounds, int64 (2**partition_bits + 1,), and of each record key, digest, row and hash (words).
    """
    keys, tags = bucket_keys(hashes, bands)
    bounds = np.zeros((1 << partition_bits) + 1, np.int64)
    k, d, r = np.empty(keys.size, np.uint64), np.empty(keys.size, np.uint64), np.empty(keys.size, np.uint64)
    h = np.empty((keys.size, hashes.shape[1]), np.uint64)
    _scatter(keys, tags, digests, rows, np.ascontiguousarray(hashes), partition_bits, bounds, k, d, r, h)
    return bounds, k, d, r, h


def match(keys: U64, digests: U64, rows: U64, hashes: U64, bands: Bands) -> tuple[U64, U64, U8]:
    """Pairs of rows (a, b), a < b, whose hashes are within the radius, and their distance, among the records of a partition.

    Records come as `scatter` makes them, of any number of sources, in any order. A pair may come several times. Two views
    make no pair. Rows of one digest are compared as one, for which the smallest stands: they are to be joined by their
    digests. In a bucket of more than `COMPARED` different digests not all are compared, and none is paired with more than
    `PARTNERS` that follow it, in an order by hash of bucket and digest, so that the choice follows from content.
    """
    order = np.argsort(keys)
    arguments = keys[order], digests[order], rows[order], np.ascontiguousarray(hashes[order]), bands.radius, bands.within
    sizes = np.zeros(1, np.int64)
    _match(*arguments, np.zeros(0, np.uint64), np.zeros(0, np.uint64), np.zeros(0, np.uint8), sizes)
    a, b, distances = np.empty(sizes[0], np.uint64), np.empty(sizes[0], np.uint64), np.empty(sizes[0], np.uint8)
    _match(*arguments, a, b, distances, sizes)
    return a, b, distances


@lru_cache(maxsize=64)
def _flips(width: int, most: int) -> list[tuple[int, int]]:
    """Words of `width` bits with at most so many set, and how many those are."""
    return [(sum(1 << bit for bit in bits), size) for size in range(most + 1) for bits in combinations(range(width), size)]


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
_WORDS = types.Array(types.uint64, 2, "C", readonly=True)
_OUT = types.Array(types.uint64, 1, "C")


@njit(types.void(_WORDS, _U, _U, _U, types.uint64[:, ::1]), cache=True, nogil=True, error_model="numpy")
def _keys(hashes: U64, starts: U64, widths: U64, words: U64, keys: U64) -> None:
    """Of each hash bits start to start + width, some of them flipped, with where they stand, as hashes of 64 bits."""
    for row in range(len(hashes)):
        for key in range(len(starts)):
            word, shift = np.int64(starts[key] >> np.uint64(6)), starts[key] & np.uint64(63)
            value = hashes[row, word] >> shift
            if shift + widths[key] > np.uint64(64):
                value |= hashes[row, word + 1] << (np.uint64(64) - shift)
            value = (value << (np.uint64(64) - widths[key])) >> (np.uint64(64) - widths[key])
            keys[row, key] = mix(mix(value ^ words[key]) + (starts[key] + np.uint64(1)) * _SPREAD)


@njit(
    types.void(types.Array(types.uint64, 2, "C", readonly=True), types.Array(types.uint8, 1, "C", readonly=True), _U, _U, _WORDS,
               types.int64, types.int64[::1], _OUT, _OUT, _OUT, types.uint64[:, ::1]),
    cache=True, nogil=True, error_model="numpy",
)  # fmt: skip
def _scatter(
    keys: U64, tags: U8, digests: U64, rows: U64, hashes: U64, bits: int, bounds: I64, k: U64, d: U64, r: U64, h: U64
) -> None:
    shift = np.uint64(64 - bits)
    for i in range(keys.shape[0]):
        for j in range(keys.shape[1]):
            bounds[1 + (np.int64(keys[i, j] >> shift) if bits else 0)] += 1
    for p in range(1, len(bounds)):
        bounds[p] += bounds[p - 1]
    at = bounds.copy()
    for i in range(keys.shape[0]):
        for j in range(keys.shape[1]):
            p = np.int64(keys[i, j] >> shift) if bits else 0
            k[at[p]], d[at[p]] = keys[i, j], digests[i]
            r[at[p]] = rows[i] | (np.uint64(tags[j]) << np.uint64(ROW_BITS))
            for word in range(hashes.shape[1]):
                h[at[p], word] = hashes[i, word]
            at[p] += 1


@helper
def _groups(digests: U64, rows: U64, hashes: U64, group: I64, count: I64, start: int, stop: int) -> Int:
    """Groups the records of a bucket by digest: of each where it begins, and how many of its first records are of its
    smallest row, which are moved there."""
    groups = 0
    i = start
    while i < stop:
        end, smallest = i, rows[i] & _ROW_MASK
        while end < stop and digests[end] == digests[i]:
            smallest = min(smallest, rows[end] & _ROW_MASK)
            end += 1
        group[groups], count[groups] = i, 0
        for j in range(i, end):
            if rows[j] & _ROW_MASK == smallest:
                to = i + count[groups]
                rows[to], rows[j] = rows[j], rows[to]
                for word in range(hashes.shape[1]):
                    hashes[to, word], hashes[j, word] = hashes[j, word], hashes[to, word]
                count[groups] += 1
        groups += 1
        i = end
    return groups


@helper
def _sort_bucket(keys: U64, digests: U64, rows: U64, hashes: U64, start: int, stop: int) -> None:
    """Sorts a small bucket by rank, in place."""
    for i in range(start + 1, stop):
        j = i
        while j > start and mix(keys[j] ^ digests[j - 1]) > mix(keys[j] ^ digests[j]):
            digests[j - 1], digests[j] = digests[j], digests[j - 1]
            rows[j - 1], rows[j] = rows[j], rows[j - 1]
            for word in range(hashes.shape[1]):
                hashes[j - 1, word], hashes[j, word] = hashes[j, word], hashes[j - 1, word]
            j -= 1


@njit(
    types.void(_OUT, _OUT, _OUT, types.uint64[:, ::1], types.int64, types.int64, _OUT, _OUT, types.uint8[::1], types.int64[::1]),
    cache=True, nogil=True, error_model="numpy",
)  # fmt: skip
def _match(
    keys: U64, digests: U64, rows: U64, hashes: U64, radius: int, within: int, a: U64, b: U64, distances: U8, sizes: I64
) -> None:
    """Counts pairs if `a` has no room for them, writes them otherwise. Sorts the records of each bucket by rank."""
    pairs = 0
    group, count = np.empty(len(keys), np.int64), np.empty(len(keys), np.int64)
    start = 0
    while start < len(keys):
        stop = start + 1
        while stop < len(keys) and keys[stop] == keys[start]:
            stop += 1
        if len(a) == 0 and stop - start > _FEW:
            ranks = np.empty(stop - start, np.uint64)
            for i in range(len(ranks)):
                ranks[i] = mix(keys[start] ^ digests[start + i])
            order = np.argsort(ranks)
            digests[start:stop] = digests[start:stop][order]
            rows[start:stop] = rows[start:stop][order]
            hashes[start:stop] = hashes[start:stop][order]
        elif len(a) == 0:
            _sort_bucket(keys, digests, rows, hashes, start, stop)
        groups = _groups(digests, rows, hashes, group, count, start, stop)
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
