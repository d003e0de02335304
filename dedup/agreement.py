"""How alike two texts are: by their signatures, and by their sets of shingles.

Each of a signature's values agrees with the odds of the Jaccard similarity (Broder 1997), so that how many do follows a
binomial distribution: its tails tell when a signature leaves no doubt on which side of a threshold the similarity is.
"""

from __future__ import annotations

from functools import lru_cache
from math import exp, lgamma, log

import numpy as np
import numpy.typing as npt
from numba import njit, types

I8 = npt.NDArray[np.int8]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
U32 = npt.NDArray[np.uint32]
F64 = npt.NDArray[np.float64]
Rows = npt.NDArray[np.integer]

#: Odds of a wrong verdict of `clear` for a pair that is as alike as the threshold says.
WRONG = 1e-9


def agreement(signatures: U32, a: Rows, b: Rows) -> I32:
    """How many values of the signatures (uint32 of shape (n, permutations)) of rows a[i] and b[i] are equal, int32."""
    first, second = _pairs(a, b, len(signatures))
    out = np.empty(len(first), np.int32)
    _agreement(np.ascontiguousarray(signatures), first, second, out)
    return out


def jaccard(offsets: I64, hashes: U32, a: Rows, b: Rows) -> F64:
    """The Jaccard similarity of sets a[i] and b[i], float64 in 0..1; 0 if one is empty.

    Set j is `hashes[offsets[j]:offsets[j + 1]]`, ascending and distinct.
    """
    first, second = _pairs(a, b, len(offsets) - 1)
    out = np.empty(len(first), np.float64)
    _jaccard(np.ascontiguousarray(offsets, np.int64), np.ascontiguousarray(hashes, np.uint32), first, second, out)
    return out


def clear(agreement: Rows, permutations: int, threshold: float) -> I8:
    """+1 where the similarity is surely at least `threshold`, −1 where it is surely below, 0 in doubt; int8.

    `agreement` is how many of `permutations` values are equal. A pair at the threshold itself is judged wrongly with
    odds of at most `WRONG`, either way.
    """
    return _verdicts(permutations, threshold)[agreement]


@lru_cache(maxsize=16)
def _verdicts(permutations: int, threshold: float) -> I8:
    """The verdict on each agreement 0..permutations."""
    n = permutations
    if threshold == 1:
        odds = [0.0] * n + [1.0]
    else:
        high, low = log(threshold), log(1 - threshold)
        odds = [
            exp(lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) + k * high + (n - k) * low) for k in range(n + 1)
        ]
    verdicts = np.zeros(n + 1, np.int8)
    verdicts[np.cumsum(odds) <= WRONG] = -1
    verdicts[np.cumsum(odds[::-1])[::-1] <= WRONG] = 1
    verdicts.setflags(write=False)
    return verdicts


def _pairs(a: Rows, b: Rows, n: int) -> tuple[I64, I64]:
    if len(a) != len(b):
        raise ValueError(f"pairs have {len(a)} first rows and {len(b)} second rows")
    for side in (a, b):
        if len(side) and (side.min() < 0 or side.max() >= n):
            raise ValueError(f"a pair names row {side.min()} or {side.max()}, outside 0..{n - 1}")
    return np.ascontiguousarray(a, np.int64), np.ascontiguousarray(b, np.int64)


_ROWS = types.Array(types.int64, 1, "C", readonly=True)
_HASHES = types.Array(types.uint32, 1, "C", readonly=True)
_SIGNATURES = types.Array(types.uint32, 2, "C", readonly=True)


@njit(types.void(_SIGNATURES, _ROWS, _ROWS, types.int32[::1]), cache=True, nogil=True, error_model="numpy")
def _agreement(signatures: U32, a: I64, b: I64, out: I32) -> None:
    for i in range(len(a)):
        x, y = signatures[a[i]], signatures[b[i]]
        count = np.int32(0)
        for k in range(len(x)):
            count += np.int32(x[k] == y[k])
        out[i] = count


@njit(types.void(_ROWS, _HASHES, _ROWS, _ROWS, types.float64[::1]), cache=True, nogil=True, error_model="numpy")
def _jaccard(offsets: I64, hashes: U32, a: I64, b: I64, out: F64) -> None:
    for i in range(len(a)):
        j, j_end = offsets[a[i]], offsets[a[i] + 1]
        k, k_end = offsets[b[i]], offsets[b[i] + 1]
        total = (j_end - j) + (k_end - k)
        common = np.int64(0)
        while j < j_end and k < k_end:
            x, y = hashes[j], hashes[k]
            common += x == y
            j += x <= y
            k += y <= x
        out[i] = common / (total - common) if common else 0.0
