"""From band hashes to pairs worth a look: rows that share a bucket of an LSH table are candidates.

Banding is Broder's and Indyk and Motwani's (Leskovec, Rajaraman, Ullman, Mining of Massive Datasets, §3.4). A bucket
of many different documents is not compared pair by pair, but by a bounded number of partners for each.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit, types

from core.hashing import mixed
from core.kernels import helper
from core.words import mix

I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]

#: In a bucket of at most this many different documents, every pair is a candidate.
ALL_PAIRS = 24
#: In a larger one, each document is paired with this many that a hash picks for the bucket, and with this many that
#: follow it in the order of that hash: candidates stay connected, and the work stays linear. What lies near the threshold in
#: a family of thousands may not be compared (runbooks/deduplication.md).
PARTNERS = 12
#: In a bucket of more documents than this, each is paired with LEADERS alone, which a hash picks for the bucket: the
#: work on a document does not grow with its cluster, nor what has to be at hand to verify its pairs.
HUGE = 5_000
LEADERS = 2
#: So few are sorted by insertion.
_FEW = 16

_U = types.Array(types.uint64, 1, "C", readonly=True)
_OUT = types.Array(types.uint64, 1, "C")
_DIGEST_SALT = np.uint64(0x5D1E57C0FFEE1234)
#: At most this many bits choose a slot, of one byte.
_SLOT_BITS = 26
#: 2**64 / φ: spreads keys over slots, as all of a partition begin alike.
_SPREAD = np.uint64(0x9E3779B97F4A7C15)


def signature_digests(signatures: pa.Array) -> pa.Array:
    """One uint64 a signature (fixed-size binary, a multiple of 4 bytes), null where there is none: for signatures that
    come without the digest of their shingles."""
    width = signatures.type.byte_width
    raw = np.frombuffer(signatures.buffers()[1] or b"", "<u4").reshape(-1, width // 4)
    words = raw[signatures.offset : signatures.offset + len(signatures)]
    return pa.array(_row_digests(np.ascontiguousarray(words)), mask=np.asarray(signatures.is_null()))


def scatter(keys: U64, digests: U64, rows: U64, bits: int) -> tuple[I64, U64, U64, U64]:
    """The buckets of documents by partition, the first `bits` bits of their keys.

    `keys` are those of the bands, shape (n, bands); each document is in the bucket of its digest as well. `digests` and
    `rows` are the documents'. Returns the partitions' bounds, shape (2**bits + 1,), and keys, digests and rows by partition.
    """
    bounds = np.zeros((1 << bits) + 1, np.int64)
    size = keys.shape[0] * (keys.shape[1] + 1)
    scattered = np.empty(size, np.uint64), np.empty(size, np.uint64), np.empty(size, np.uint64)
    _scatter(np.ascontiguousarray(keys), digests, rows, bits, bounds, *scattered)
    return bounds, *scattered


def match(keys: U64, digests: U64, rows: U64, stars: bool = False) -> tuple[U64, U64, U64, U64]:
    """What the buckets of one partition join: certain edges (a, b), and candidate pairs (c, d).

    `keys` are buckets (of bands, and of digests, as `scatter` makes them), `digests` say which rows are equal and are
    compared as one, `rows` are row numbers; all of shape (n,), in any order. With `stars` (no pair is to be verified) the
    candidates of a bucket are its first row with each other. The answer does not depend on the order or on row numbers but by
    which of the rows of one digest, the smallest, stands for it. Pairs that share several buckets come several times,
    as (smaller, larger) but for huge buckets, where `d` is one of the few leaders.
    """
    some = np.flatnonzero(_maybe_shared(keys, min(len(keys).bit_length() + 1, _SLOT_BITS)))
    order = some[np.argsort(keys[some])]
    sizes = np.zeros(2, np.int64)
    arguments = (keys[order], digests[order], rows[order], stars)
    nothing = np.zeros(0, np.uint64)
    _match(*arguments, nothing, nothing, nothing, nothing, sizes)
    edges, pairs = (int(size) for size in sizes)
    a, b = np.empty(edges, np.uint64), np.empty(edges, np.uint64)
    c, d = np.empty(pairs, np.uint64), np.empty(pairs, np.uint64)
    _match(*arguments, a, b, c, d, sizes)
    return a, b, c, d


def digest_keys(digests: U64) -> U64:
    """The bucket that all documents of each digest are in, beside those of the bands."""
    return mixed(digests ^ _DIGEST_SALT)


@helper
def _digest_key(digest: np.uint64) -> np.uint64:
    """The bucket of all documents of one digest, beside those of the bands."""
    return mix(np.uint64(digest) ^ _DIGEST_SALT)


@helper
def _pair(words: npt.NDArray[np.uint32], i: int, j: int) -> np.uint64:
    return np.uint64(words[i, j]) | (np.uint64(words[i, j + 1]) << np.uint64(32))


@njit(_OUT(types.Array(types.uint32, 2, "C", readonly=True)), cache=True, nogil=True, error_model="numpy")
def _row_digests(words: npt.NDArray[np.uint32]) -> U64:
    digests = np.empty(words.shape[0], np.uint64)
    width = words.shape[1]
    for i in range(words.shape[0]):
        # Two lanes of two values: a chain of one value after the other waits for each multiplication.
        even, odd = np.uint64(_DIGEST_SALT), mix(np.uint64(_DIGEST_SALT))
        for j in range(0, width - 3, 4):
            even = mix(even ^ _pair(words, i, j))
            odd = mix(odd ^ _pair(words, i, j + 2))
        for j in range(width - width % 4, width):
            even = mix(even ^ np.uint64(words[i, j]))
        digests[i] = mix(even ^ mix(odd + np.uint64(width)))
    return digests


@njit(
    types.void(types.Array(types.uint64, 2, "C", readonly=True), _U, _U, types.int64, types.Array(types.int64, 1, "C"),
               _OUT, _OUT, _OUT),
    cache=True, nogil=True, error_model="numpy",
)  # fmt: skip
def _scatter(keys: U64, digests: U64, rows: U64, bits: int, bounds: I64, k: U64, d: U64, r: U64) -> None:
    shift = np.uint64(64 - bits)
    for i in range(keys.shape[0]):
        bounds[1 + (np.int64(_digest_key(digests[i]) >> shift) if bits else 0)] += 1
        for j in range(keys.shape[1]):
            bounds[1 + (np.int64(keys[i, j] >> shift) if bits else 0)] += 1
    for p in range(1, len(bounds)):
        bounds[p] += bounds[p - 1]
    at = bounds.copy()
    for i in range(keys.shape[0]):
        for j in range(-1, keys.shape[1]):
            key = keys[i, j] if j >= 0 else _digest_key(digests[i])
            p = np.int64(key >> shift) if bits else 0
            k[at[p]], d[at[p]], r[at[p]] = key, digests[i], rows[i]
            at[p] += 1


@njit(types.Array(types.boolean, 1, "C")(_U, types.int64), cache=True, nogil=True, error_model="numpy")
def _maybe_shared(keys: U64, bits: int) -> npt.NDArray[np.bool_]:
    """Whether another of the keys falls into the same of 2**bits slots: most keys are alone, and need no sorting."""
    seen = np.zeros(1 << bits, np.uint8)
    shift = np.uint64(64 - bits)
    for i in range(len(keys)):
        slot = np.int64((keys[i] * _SPREAD) >> shift)
        if seen[slot] < 2:
            seen[slot] += 1
    shared = np.empty(len(keys), np.bool_)
    for i in range(len(keys)):
        shared[i] = seen[np.int64((keys[i] * _SPREAD) >> shift)] > 1
    return shared


@helper
def _sort_few(ranks: U64, by: I64) -> None:
    """Makes of `by`, 0 to n - 1, np.argsort of the ranks, without its cost for the few members that most buckets have."""
    for i in range(1, len(by)):
        j = i
        while j > 0 and ranks[by[j - 1]] > ranks[by[j]]:
            by[j - 1], by[j] = by[j], by[j - 1]
            j -= 1


@njit(
    types.void(_U, _U, _U, types.boolean, _OUT, _OUT, _OUT, _OUT, types.Array(types.int64, 1, "C")),
    cache=True, nogil=True, error_model="numpy",
)  # fmt: skip
def _match(keys: U64, digests: U64, rows: U64, stars: bool, a: U64, b: U64, c: U64, d: U64, sizes: I64) -> None:
    """Of sorted keys. Counts what there is into `sizes` when the arrays are empty, and fills them when they have that size."""
    edges = 0
    pairs = 0
    n = len(keys)
    start = 0
    while start < n:
        key = keys[start]
        stop = start + 1
        while stop < n and keys[stop] == key:
            stop += 1
        if stop - start == 2 and digests[start] != digests[start + 1]:  # most buckets
            if len(c):
                c[pairs], d[pairs] = min(rows[start], rows[start + 1]), max(rows[start], rows[start + 1])
            pairs += 1
        elif stop - start > 1:
            # One of each digest, the smallest row, in the order of a hash that differs from bucket to bucket.
            whole = _digest_key(digests[start]) == key
            ranks = np.empty(stop - start, np.uint64)
            for i in range(len(ranks)):
                ranks[i] = mix(np.uint64(digests[start + i]) ^ np.uint64(key))
            if len(ranks) > _FEW:
                by = np.argsort(ranks)
            else:
                by = np.arange(len(ranks))
                _sort_few(ranks, by)
            distinct = np.empty(len(ranks), np.int64)
            m = 0
            i = 0
            while i < len(by):
                best = start + by[i]
                j = i + 1
                while j < len(by) and ranks[by[j]] == ranks[by[i]]:
                    if rows[start + by[j]] < rows[best]:
                        best = start + by[j]
                    j += 1
                if whole:
                    for k in range(i, j):
                        other = start + by[k]
                        if other != best:
                            if len(a):
                                a[edges], b[edges] = rows[best], rows[other]
                            edges += 1
                distinct[m] = best
                m += 1
                i = j
            huge = m > HUGE
            first = m if m <= ALL_PAIRS else LEADERS if huge else PARTNERS
            if stars:
                first = 1
            for x in range(first if stars or huge else m):
                last = m if x < first else min(m, x + 1 + PARTNERS)
                for y in range(x + 1, last):
                    if len(c):
                        left, right = rows[distinct[x]], rows[distinct[y]]
                        c[pairs], d[pairs] = (right, left) if huge else (min(left, right), max(left, right))
                    pairs += 1
        start = stop
    sizes[0], sizes[1] = edges, pairs
