"""The permutations of datasketch 2.0 (github.com/ekzhu/datasketch, minhash.py), and MinHash signatures made with them.

Scheme "affine32" is 2.0's default: MurmurHash3's finaliser, then a·h + b mod 2³² with a odd. Scheme "legacy" is the one
of every version before: (a·h + b) mod 2⁶¹−1 in 64 bits that wrap, of which the lower 32 are kept.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from numba import njit, types

from core.characters import Int
from core.kernels import helper

SCHEMES = ("affine32", "legacy")
MERSENNE_PRIME = (1 << 61) - 1
#: What a signature holds where no hash came, and the highest value of a hash.
MAX_HASH = 0xFFFFFFFF

I64 = npt.NDArray[np.int64]
U32 = npt.NDArray[np.uint32]
U64 = npt.NDArray[np.uint64]


@lru_cache(maxsize=16)
def permutations(scheme: str, number: int, seed: int) -> tuple[U64, U64]:
    """The factors a and summands b of `number` permutations, each uint64 of shape (number,), read-only.

    Equal to datasketch's `MinHash(number, seed, scheme=scheme).permutations`. ValueError for another scheme.
    """
    generator = np.random.RandomState(seed)
    if scheme == "affine32":
        a = generator.randint(0, 1 << 31, number, dtype=np.uint32) * np.uint32(2) + np.uint32(1)
        b = generator.randint(0, 1 << 32, number, dtype=np.uint32)
    elif scheme == "legacy":
        draws = [
            (generator.randint(1, MERSENNE_PRIME, dtype=np.uint64), generator.randint(0, MERSENNE_PRIME, dtype=np.uint64))
            for _ in range(number)
        ]
        a, b = np.array(draws, np.uint64).reshape(number, 2).T
    else:
        raise ValueError(f"scheme: {' or '.join(SCHEMES)}, not {scheme!r}")
    a, b = np.ascontiguousarray(a, np.uint64), np.ascontiguousarray(b, np.uint64)
    a.setflags(write=False)
    b.setflags(write=False)
    return a, b


def sign(offsets: I64, hashes: U32, scheme: str, number: int, seed: int) -> U32:
    """Signatures uint32 of shape (n, number) of n sets of hashes; MAX_HASH throughout for an empty set.

    Set i is `hashes[offsets[i]:offsets[i + 1]]`; what stands in it twice counts once.
    """
    a, b = permutations(scheme, number, seed)
    out = np.full((len(offsets) - 1, number), MAX_HASH, np.uint32)
    if scheme == "affine32":
        _sign_affine(offsets, hashes, a.astype(np.uint32), b.astype(np.uint32), out)
    else:
        _sign_legacy(offsets, hashes, a, b, out)
    return out


@helper
def _fmix32(hashes: U32, i: Int) -> np.uint32:
    """MurmurHash3's finaliser of a hash (github.com/aappleby/smhasher, MurmurHash3.cpp)."""
    h = np.uint32(hashes[i])
    h = np.uint32(h ^ (h >> np.uint32(16)))
    h = np.uint32(h * np.uint32(0x85EBCA6B))
    h = np.uint32(h ^ (h >> np.uint32(13)))
    h = np.uint32(h * np.uint32(0xC2B2AE35))
    return np.uint32(h ^ (h >> np.uint32(16)))


@helper
def _lower32(x: np.uint64) -> np.uint32:
    return np.uint32(x & np.uint64(0xFFFFFFFF))


@helper
def _legacy(a: np.uint64, h: np.uint64, b: np.uint64) -> np.uint32:
    x = a * h + b
    p = np.uint64(MERSENNE_PRIME)
    x = (x & p) + (x >> np.uint64(61))  # at most p + 7
    return _lower32(x - p if x >= p else x)


_OFFSETS = types.Array(types.int64, 1, "C", readonly=True)
_HASHES = types.Array(types.uint32, 1, "C", readonly=True)
_LONG = types.Array(types.uint64, 1, "C", readonly=True)


@njit(types.void(_OFFSETS, _HASHES, _HASHES, _HASHES, types.uint32[:, ::1]), cache=True, nogil=True, error_model="numpy")
def _sign_affine(offsets: I64, hashes: U32, a: U32, b: U32, out: U32) -> None:
    number = len(a)
    for row in range(len(offsets) - 1):
        best = out[row]
        i = offsets[row]
        # Four hashes at once, as the permutations are then read once for all of them.
        while i + 4 <= offsets[row + 1]:
            h0, h1 = _fmix32(hashes, i), _fmix32(hashes, i + 1)
            h2, h3 = _fmix32(hashes, i + 2), _fmix32(hashes, i + 3)
            for k in range(number):
                x = min(np.uint32(a[k] * h0 + b[k]), np.uint32(a[k] * h1 + b[k]))
                y = min(np.uint32(a[k] * h2 + b[k]), np.uint32(a[k] * h3 + b[k]))
                best[k] = min(best[k], min(x, y))
            i += 4
        while i < offsets[row + 1]:
            h0 = _fmix32(hashes, i)
            for k in range(number):
                best[k] = min(best[k], np.uint32(a[k] * h0 + b[k]))
            i += 1


@njit(types.void(_OFFSETS, _HASHES, _LONG, _LONG, types.uint32[:, ::1]), cache=True, nogil=True, error_model="numpy")
def _sign_legacy(offsets: I64, hashes: U32, a: U64, b: U64, out: U32) -> None:
    for row in range(len(offsets) - 1):
        best = out[row]
        for i in range(offsets[row], offsets[row + 1]):
            h = np.uint64(hashes[i])
            for k in range(len(a)):
                best[k] = min(best[k], _legacy(a[k], h, b[k]))


