"""Two hashes of how an image looks, with those of the image mirrored and turned: pHash (64 bits) and PDQ (256 bits).

pHash as JohannesBuchner/imagehash 4.3 defines it (`phash`), PDQ as Meta's ThreatExchange does (github.com/facebook/
ThreatExchange, pdq/cpp/hashing; "The TMK+PDQF Video-Hashing Algorithm and the PDQ Image-Hashing Algorithm", 2019).
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import PIL.Image
from numba import njit, types

from core.kernels import helper

Pixels = npt.NDArray[np.uint8]
U8 = npt.NDArray[np.uint8]
F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]

#: The eight ways to see an image, in the order of the hashes: as it is, mirrored (left for right), upside down, turned by
#: 180°; and the same after rows became columns.
VARIANTS: Final = 8
_PHASH_SIDE, _PHASH_LOW = 32, 8
_PDQ_SIDE, _PDQ_LOW = 64, 16
_PASSES: Final = 2  # PDQ_NUM_JAROSZ_XY_PASSES
#: What is left of a coefficient of DCT that is 0: rounding, which would be hashed to bits by chance.
_NOTHING: Final = 1e-6


def _cosines(size: int, first: int, low: int) -> F64:
    """Rows `first` to `first + low` of the DCT-II of so many values, without its factors."""
    frequency = np.arange(first, first + low)[:, None]
    return np.cos(np.pi / (2 * size) * frequency * (2 * np.arange(size) + 1))


_PHASH_COSINES: Final = np.ascontiguousarray(_cosines(_PHASH_SIDE, 0, _PHASH_LOW))
_PDQ_COSINES: Final = np.ascontiguousarray((np.sqrt(2 / _PDQ_SIDE) * _cosines(_PDQ_SIDE, 1, _PDQ_LOW)).astype(np.float32))


def phash(pixels: Pixels) -> U8:
    """The pHash of an image, uint8 (h, w, 3), and of the seven others that it is when mirrored or turned: uint8 (8, 8).

    Row 0 is imagehash's `phash`, its hexadecimal form these bytes. An image of one colour has a single bit set.
    """
    grey = PIL.Image.fromarray(pixels).convert("L")
    small = np.asarray(grey.resize((_PHASH_SIDE, _PHASH_SIDE), PIL.Image.Resampling.LANCZOS)).astype(np.float64)
    coefficients = np.empty((_PHASH_LOW, _PHASH_LOW))
    _transform64(small, _PHASH_COSINES, coefficients)
    coefficients[np.abs(coefficients) < _NOTHING] = 0
    seen = _all_variants(coefficients, odd=1)
    bits = seen > np.median(seen.reshape(VARIANTS, -1), axis=1)[:, None, None]
    return np.packbits(bits.reshape(VARIANTS, -1), axis=1)


def pdq(pixels: Pixels) -> tuple[U8, int]:
    """The PDQ hash of an image, uint8 (h, w, 3), and of the seven others: uint8 (8, 32); and its quality, 0 to 100.

    Row 0 is the reference's, its hexadecimal form these bytes. Meta uses no hash of a quality under 50: there is too little
    to see. Larger images are to be brought to 512 × 512 pixels or so first.
    """
    small = np.empty((_PDQ_SIDE, _PDQ_SIDE), np.float32)
    high, wide = pixels.shape[:2]
    one, other = np.empty((high, wide), np.float32), np.empty((high, wide), np.float32)
    _blur_and_pick(np.ascontiguousarray(pixels), one, other, np.empty(wide, np.float32), small)
    coefficients = np.empty((_PDQ_LOW, _PDQ_LOW), np.float32)
    _transform32(small, _PDQ_COSINES, coefficients)
    seen = _all_variants(coefficients, odd=0).reshape(VARIANTS, -1)
    middle = np.partition(seen, seen.shape[1] // 2 - 1, axis=1)[:, seen.shape[1] // 2 - 1]  # the lower median, as torben.cpp's
    return np.packbits((seen > middle[:, None])[:, ::-1], axis=1), int(_quality(small))


def pdq_low(hashes: U8) -> U8:
    """Of PDQ hashes, uint8 (n, 32), the bits of the lowest eight frequencies across and down: uint8 (n, 8).

    They say of an image what pHash says, by other frequencies of another reduction, so that where many coefficients of the one
    lie at their median, as in symmetric pictures, those of the other need not.
    """
    bits = np.unpackbits(hashes, axis=1).reshape(-1, _PDQ_LOW, _PDQ_LOW)  # the highest come first
    half = _PDQ_LOW // 2
    return np.packbits(bits[:, half:, half:].reshape(-1, half * half), axis=1)


def _all_variants(coefficients: npt.NDArray[np.floating], odd: int) -> npt.NDArray[np.floating]:
    """The coefficients of the image as it is seen in each of the eight ways, shape (8, n, n).

    What is mirrored has the coefficients of odd frequencies with the other sign; `odd` is the first index of such a one.
    """
    flip = np.ones(coefficients.shape[0], coefficients.dtype)
    flip[odd::2] = -1
    ways: list[npt.NDArray[np.floating]] = []
    for base in (coefficients, coefficients.T):
        ways += [base, base * flip[None, :], base * flip[:, None], base * flip[None, :] * flip[:, None]]
    return np.stack(ways)


@helper
def _window(size: int) -> int:
    """computeJaroszFilterWindowSize."""
    return (size + 2 * _PDQ_SIDE - 1) // (2 * _PDQ_SIDE)


@helper
def _blur_rows(source: F32, out: F32, window: int) -> None:
    """box1DFloat along each row: means of a window, which is smaller at the ends. Sums run on, as there."""
    half = (window + 2) // 2
    wide = source.shape[1]
    for y in range(source.shape[0]):
        total, count, left, right = np.float32(0), np.float32(0), 0, 0
        for _ in range(half - 1):
            total += source[y, right]
            count += np.float32(1)
            right += 1
        for x in range(wide):
            if right < wide:
                total += source[y, right]
                right += 1
                if x > window - half:
                    total -= source[y, left]
                    left += 1
                else:
                    count += np.float32(1)
            else:
                total -= source[y, left]
                count -= np.float32(1)
                left += 1
            out[y, x] = total / count


@helper
def _blur_columns(source: F32, out: F32, total: F32, window: int) -> None:
    """The same down each column; all columns side by side."""
    half = (window + 2) // 2
    high = source.shape[0]
    total[:] = np.float32(0)
    count, top, bottom = np.float32(0), 0, 0
    for _ in range(half - 1):
        for x in range(len(total)):
            total[x] += source[bottom, x]
        count += np.float32(1)
        bottom += 1
    for y in range(high):
        if bottom < high:
            for x in range(len(total)):
                total[x] += source[bottom, x]
            bottom += 1
            if y > window - half:
                for x in range(len(total)):
                    total[x] -= source[top, x]
                top += 1
            else:
                count += np.float32(1)
        else:
            for x in range(len(total)):
                total[x] -= source[top, x]
            count -= np.float32(1)
            top += 1
        for x in range(len(total)):
            out[y, x] = total[x] / count


_PLANE = types.Array(types.float32, 2, "C")


@njit(
    types.void(types.Array(types.uint8, 3, "C", readonly=True), _PLANE, _PLANE, types.Array(types.float32, 1, "C"), _PLANE),
    cache=True, nogil=True, error_model="numpy",
)  # fmt: skip
def _blur_and_pick(pixels: Pixels, one: F32, other: F32, total: F32, small: F32) -> None:
    """The luma, blurred by two passes of Jarosz's filter, at 64 × 64 places."""
    high, wide = one.shape
    for y in range(high):
        for x in range(wide):
            one[y, x] = np.float32(0.299 * pixels[y, x, 0] + 0.587 * pixels[y, x, 1] + 0.114 * pixels[y, x, 2])
    for _ in range(_PASSES):
        _blur_rows(one, other, _window(wide))
        _blur_columns(other, one, total, _window(high))
    for i in range(_PDQ_SIDE):
        for j in range(_PDQ_SIDE):
            small[i, j] = one[np.int64((i + 0.5) * high / _PDQ_SIDE), np.int64((j + 0.5) * wide / _PDQ_SIDE)]


@njit(types.int64(types.Array(types.float32, 2, "C", readonly=True)), cache=True, nogil=True, error_model="numpy")
def _quality(small: F32) -> int | np.int64:
    """pdqImageDomainQualityMetric: how much neighbours differ, in whole percents of 255."""
    total = 0
    for i in range(_PDQ_SIDE):
        for j in range(_PDQ_SIDE):
            if i + 1 < _PDQ_SIDE:
                total += abs(np.int64((small[i, j] - small[i + 1, j]) * np.float32(100) / np.float32(255)))
            if j + 1 < _PDQ_SIDE:
                total += abs(np.int64((small[i, j] - small[i, j + 1]) * np.float32(100) / np.float32(255)))
    return min(total // 90, 100)


@njit(
    types.void(
        types.Array(types.float32, 2, "C", readonly=True), types.Array(types.float32, 2, "C", readonly=True), _PLANE,
    ),
    cache=True, nogil=True, error_model="numpy",
)  # fmt: skip
def _transform32(small: F32, cosines: F32, out: F32) -> None:
    """cosines · small · cosinesᵀ with sums from left to right, so that every machine makes the same bits of them."""
    low, size = cosines.shape
    row = np.empty(size, np.float32)
    for i in range(low):
        for x in range(size):
            total = np.float32(0)
            for k in range(size):
                total += cosines[i, k] * small[k, x]
            row[x] = total
        for j in range(low):
            total = np.float32(0)
            for k in range(size):
                total += row[k] * cosines[j, k]
            out[i, j] = total


@njit(
    types.void(
        types.Array(types.float64, 2, "C", readonly=True), types.Array(types.float64, 2, "C", readonly=True),
        types.Array(types.float64, 2, "C"),
    ),
    cache=True, nogil=True, error_model="numpy",
)  # fmt: skip
def _transform64(small: F64, cosines: F64, out: F64) -> None:
    """The same in double precision."""
    low, size = cosines.shape
    row = np.empty(size)
    for i in range(low):
        for x in range(size):
            total = 0.0
            for k in range(size):
                total += cosines[i, k] * small[k, x]
            row[x] = total
        for j in range(low):
            total = 0.0
            for k in range(size):
                total += row[k] * cosines[j, k]
            out[i, j] = total
