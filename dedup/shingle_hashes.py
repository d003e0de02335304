"""Hashes of a shingle to 32 bits, for kernels: SHA-1 as datasketch takes it, and the lower half of XXH64.

SHA-1: FIPS 180-4; datasketch.hashfunc.sha1_hash32 reads its first four bytes as a little-endian number. XXH64:
github.com/Cyan4973/xxHash, doc/xxhash_spec.md, seed 0.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from core.characters import Bytes, Int
from core.kernels import helper
from core.words import Spans

U32 = npt.NDArray[np.uint32]

_P1 = np.uint64(0x9E3779B185EBCA87)
_P2 = np.uint64(0xC2B2AE3D27D4EB4F)
_P3 = np.uint64(0x165667B19E3779F9)
_P4 = np.uint64(0x85EBCA77C2B2AE63)
_P5 = np.uint64(0x27D4EB2F165667C5)

#: Messages that SHA-1 takes side by side: the 32-bit lanes of a vector of 512 bits.
LANES = 16
# What `sha1` works in: the schedule of 80 words, the sequence of 85 variables, of which _X is the fifth, and the state.
_X = 84 * LANES
_STATE = 165 * LANES
WORK = 170 * LANES


@helper
def _load32(data: Bytes, i: Int) -> np.uint64:
    return (
        np.uint64(data[i])
        | (np.uint64(data[i + 1]) << np.uint64(8))
        | (np.uint64(data[i + 2]) << np.uint64(16))
        | (np.uint64(data[i + 3]) << np.uint64(24))
    )


@helper
def _load64(data: Bytes, i: Int) -> np.uint64:
    return (
        np.uint64(data[i])
        | (np.uint64(data[i + 1]) << np.uint64(8))
        | (np.uint64(data[i + 2]) << np.uint64(16))
        | (np.uint64(data[i + 3]) << np.uint64(24))
        | (np.uint64(data[i + 4]) << np.uint64(32))
        | (np.uint64(data[i + 5]) << np.uint64(40))
        | (np.uint64(data[i + 6]) << np.uint64(48))
        | (np.uint64(data[i + 7]) << np.uint64(56))
    )


@helper
def _rotate64(x: np.uint64, bits: int) -> np.uint64:
    return (x << np.uint64(bits)) | (x >> np.uint64(64 - bits))


@helper
def _round(state: np.uint64, lane: np.uint64) -> np.uint64:
    return _rotate64(state + lane * _P2, 31) * _P1


@helper
def _merge(h: np.uint64, state: np.uint64) -> np.uint64:
    return (h ^ _round(np.uint64(0), state)) * _P1 + _P4


@helper
def xxh64(data: Bytes, start: Int, end: Int) -> np.uint64:
    """XXH64 of `data[start:end]`, seed 0."""
    i = start
    if end - start >= 32:
        s1, s2, s3, s4 = _P1 + _P2, _P2, np.uint64(0), np.uint64(0) - _P1
        while i + 32 <= end:
            s1 = _round(s1, _load64(data, i))
            s2 = _round(s2, _load64(data, i + 8))
            s3 = _round(s3, _load64(data, i + 16))
            s4 = _round(s4, _load64(data, i + 24))
            i += 32
        h = _rotate64(s1, 1) + _rotate64(s2, 7) + _rotate64(s3, 12) + _rotate64(s4, 18)
        h = _merge(_merge(_merge(_merge(h, s1), s2), s3), s4)
    else:
        h = _P5
    h += np.uint64(end - start)
    while i + 8 <= end:
        h = _rotate64(h ^ _round(np.uint64(0), _load64(data, i)), 27) * _P1 + _P4
        i += 8
    if i + 4 <= end:
        h = _rotate64(h ^ (_load32(data, i) * _P1), 23) * _P2 + _P3
        i += 4
    while i < end:
        h = _rotate64(h ^ (np.uint64(data[i]) * _P5), 11) * _P1
        i += 1
    h = (h ^ (h >> np.uint64(33))) * _P2
    h = (h ^ (h >> np.uint64(29))) * _P3
    return h ^ (h >> np.uint64(32))


@helper
def _rotate32(x: np.uint32, bits: int) -> np.uint32:
    return np.uint32((x << np.uint32(bits)) | (x >> np.uint32(32 - bits)))


@helper
def _blocks(size: Int) -> Int:
    """Blocks of 64 bytes of a message of `size` bytes: behind it come a 1 bit, zeros and its length, 8 bytes."""
    return (size + 8) // 64 + 1


@helper
def _fill(data: Bytes, start: Int, size: Int, block: Int, work: U32, lane: Int) -> None:
    """Puts a block of a message into a lane of the schedule, padded if the message ends in it or before."""
    at = block * 64
    for t in range(16):
        word = np.uint32(0)
        if at + 4 <= size:
            word = _big_endian(data, start + at)
        elif at <= size:
            for i in range(4):
                byte = data[start + at + i] if at + i < size else 0x80 if at + i == size else 0
                word = np.uint32((word << np.uint32(8)) | np.uint32(byte))
        work[t * LANES + lane] = word
        at += 4
    if block == _blocks(size) - 1:
        work[14 * LANES + lane] = np.uint32((np.uint64(size) >> np.uint64(29)) & np.uint64(0xFFFFFFFF))
        work[15 * LANES + lane] = np.uint32((np.uint64(size) << np.uint64(3)) & np.uint64(0xFFFFFFFF))


@helper
def _big_endian(data: Bytes, i: Int) -> np.uint32:
    return np.uint32(
        (np.uint32(data[i]) << np.uint32(24))
        | (np.uint32(data[i + 1]) << np.uint32(16))
        | (np.uint32(data[i + 2]) << np.uint32(8))
        | np.uint32(data[i + 3])
    )


@helper
def _rounds(work: U32, first: Int, kind: int, constant: int) -> None:
    """Twenty rounds. The five variables are one sequence: of x(t), x(t−1) and, rotated by 30, the three before."""
    for t in range(first, first + 20):
        x = _X + t * LANES
        for j in range(LANES):
            b = work[x - LANES + j]
            c = _rotate32(work[x - 2 * LANES + j], 30)
            d = _rotate32(work[x - 3 * LANES + j], 30)
            e = _rotate32(work[x - 4 * LANES + j], 30)
            if kind == 0:
                f = np.uint32(d ^ (b & (c ^ d)))
            elif kind == 1:
                f = np.uint32(b ^ c ^ d)
            else:
                f = np.uint32((b & c) | (d & (b | c)))
            total = np.uint32(_rotate32(work[x + j], 5) + f + e)
            work[x + LANES + j] = np.uint32(total + np.uint32(constant) + work[t * LANES + j])


@helper
def sha1(data: Bytes, starts: Spans, first: Int, count: Int, step: Int, gap: Int, work: U32, out: U32, at: Int) -> None:
    """`out[at + j]`, for j < `count` <= LANES, becomes the first four bytes, little-endian, of the SHA-1 of a span.

    Span j is `data[starts[first + j]:starts[first + j + step] - gap]`. All are hashed side by side, in vectors; `work`
    has room for WORK words.
    """
    most = np.int64(0)
    for j in range(count):
        most = max(most, _blocks(np.int64(starts[first + j + step]) - np.int64(starts[first + j]) - gap))
    for k in range(5):
        for j in range(LANES):
            work[_STATE + k * LANES + j] = _initial(k)
    for block in range(most):
        for j in range(count):
            start = np.int64(starts[first + j])
            _fill(data, start, np.int64(starts[first + j + step]) - gap - start, block, work, j)
        for t in range(16 * LANES, 80 * LANES):
            word = work[t - 3 * LANES] ^ work[t - 8 * LANES] ^ work[t - 14 * LANES] ^ work[t - 16 * LANES]
            work[t] = _rotate32(np.uint32(word), 1)
        for k in range(5):
            for j in range(LANES):
                h = work[_STATE + k * LANES + j]
                work[_X - k * LANES + j] = h if k < 2 else _rotate32(h, 2)
        _rounds(work, 0, 0, 0x5A827999)
        _rounds(work, 20, 1, 0x6ED9EBA1)
        _rounds(work, 40, 2, 0x8F1BBCDC)
        _rounds(work, 60, 1, 0xCA62C1D6)
        for j in range(count):
            if block < _blocks(np.int64(starts[first + j + step]) - np.int64(starts[first + j]) - gap):
                for k in range(5):
                    x = work[_X + (80 - k) * LANES + j]
                    x = x if k < 2 else _rotate32(x, 30)
                    work[_STATE + k * LANES + j] = np.uint32(work[_STATE + k * LANES + j] + x)
    for j in range(count):
        h = work[_STATE + j]
        swapped = (h >> np.uint32(24)) | ((h >> np.uint32(8)) & np.uint32(0xFF00)) | (h << np.uint32(24))
        out[at + j] = np.uint32(swapped | ((h << np.uint32(8)) & np.uint32(0xFF0000)))


@helper
def _initial(k: Int) -> np.uint32:
    if k == 0:
        return np.uint32(0x67452301)
    if k == 1:
        return np.uint32(0xEFCDAB89)
    if k == 2:
        return np.uint32(0x98BADCFE)
    return np.uint32(0x10325476) if k == 3 else np.uint32(0xC3D2E1F0)
