"""Whether two images are one picture: thumbnails are laid over each other, and then no place may differ.

The registration is Lucas and Kanade's (IJCAI 1981) in Gauss–Newton steps (Baker and Matthews, "Lucas–Kanade 20 Years On",
IJCV 2004), here of shift, scale, brightness and contrast. What counts as a difference, and where it begins, is ours.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import PIL.Image
from numba import njit, types

from core.kernels import helper

Pixels = npt.NDArray[np.uint8]
F64 = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

#: A thumbnail has so many pixels on a side, whatever the image's shape: 3 kB.
SIDE: Final = 32
THUMBNAIL: Final = SIDE * SIDE * 3
#: Two thumbnails differ at a place by what their colours do, measured in what a place of its steepness may: so many levels of
#: 255, and so much of the steepness around it in levels a pixel. Above `SAME` images are two pictures. On pairs of a corpus
#: (benchmarks/image_duplicates.py) copies have up to 0.93, what differs in a detail 0.96 and more.
LEVELS, STEEPNESS = 8.0, 0.4
SAME: Final = 0.95
#: Sides of images of one picture may differ in their ratio by this factor.
RATIO: Final = 1.1
#: Where the search begins: as they are, one cut by a pixel of the thumbnail on each side, or the other.
_ZOOMS: Final = np.array([0.0, 1.0, -1.0])
_STEPS, _MOST, _RIDGE = 10, 1.8, 100.0
#: Contrast and brightness may differ by a factor and by levels of 255.
_CONTRAST, _BRIGHTNESS = 1.43, 40.0
#: Levels this near to black or white may have been cut off, and say nothing of brightness.
_CLIPPED = 4.0
#: What differs by more than this where the search begins first differs wherever it begins.
_HOPELESS = 3.0
_HALF = (SIDE - 1) / 2


def thumbnail(pixels: Pixels) -> Pixels:
    """An image, uint8 (h, w, 3), as it is compared: uint8 (32, 32, 3), smooth enough to be moved by parts of a pixel."""
    small = PIL.Image.fromarray(pixels).resize((2 * SIDE, 2 * SIDE), PIL.Image.Resampling.BILINEAR)
    out = np.empty((SIDE, SIDE, 3), np.uint8)
    _smooth(np.asarray(small).astype(np.float64), _gaussian(1.0), np.empty((2 * SIDE, 2 * SIDE, 3)), out)
    return out


def differences(one: Pixels, other: Pixels, ways: int = 1) -> F64:
    """How much the two images of each pair differ where they differ most: 0 for copies, above `SAME` for two pictures.

    `one` and `other` are thumbnails, uint8 (n, 3072), and float64 (n,) comes back. With `ways` 2 the other may be mirrored,
    with 8 turned as well; the way in which they are nearest counts. The search ends where a difference is below `SAME`.
    """
    shape = (-1, SIDE, SIDE, 3)
    a, b = one.reshape(shape), _turned(one.reshape(shape), other.reshape(shape), ways)
    found = np.empty(len(a))
    _differences(np.ascontiguousarray(a), np.ascontiguousarray(b), _ZOOMS, found)
    return found


def _turned(one: Pixels, other: Pixels, ways: int) -> Pixels:
    if ways not in (1, 2, 8):
        raise ValueError(f"ways: 1, 2 or 8, not {ways}")
    if ways == 1:
        return other
    seen = [other, other[:, :, ::-1]]
    if ways == 8:
        seen += [way[:, ::-1] for way in seen]
        seen += [way.transpose(0, 2, 1, 3) for way in seen]
    distance = [np.abs(one.astype(np.int16) - way).sum(axis=(1, 2, 3)) for way in seen]
    return np.stack(seen)[np.argmin(distance, axis=0), np.arange(len(other))]


def _gaussian(sigma: float) -> F64:
    weights = np.exp(-0.5 * (np.arange(-4, 5) / sigma) ** 2)
    return weights / weights.sum()


_IN = types.Array(types.float64, 3, "C", readonly=True)
_CUBE = types.Array(types.float64, 3, "C")
_LINE = types.Array(types.float64, 1, "C", readonly=True)
_THUMBNAILS = types.Array(types.uint8, 4, "C", readonly=True)


@njit(types.void(_IN, _LINE, _CUBE, types.uint8[:, :, ::1]), cache=True, nogil=True, error_model="numpy")
def _smooth(small: F64, weights: F64, between: F64, out: Pixels) -> None:
    """Blurs by a Gaussian of one pixel, whose edges repeat, and takes the mean of each four."""
    size, reach = small.shape[0], len(weights) // 2
    for y in range(size):
        for x in range(size):
            for c in range(3):
                total = 0.0
                for k in range(len(weights)):
                    total += weights[k] * small[y, min(max(x + k - reach, 0), size - 1), c]
                between[y, x, c] = total
    for y in range(SIDE):
        for x in range(SIDE):
            for c in range(3):
                total = 0.0
                for dy in range(2):
                    for dx in range(2):
                        for k in range(len(weights)):
                            total += weights[k] * between[min(max(2 * y + dy + k - reach, 0), size - 1), 2 * x + dx, c]
                out[y, x, c] = np.uint8(total / 4 + 0.5)


@helper
def _cubic(before: float, a: float, b: float, after: float, t: float) -> float:
    """Catmull and Rom's spline between a (t = 0) and b (t = 1): bilinear means would blur thin lines."""
    return a + 0.5 * t * (b - before + t * (2 * before - 5 * a + 4 * b - after + t * (3 * (a - b) + after - before)))


@helper
def _warp(image: F64, at: F64, across: F64, warped: F64, inside: Mask) -> None:
    """The image moved by at[0] and at[2] pixels and stretched by at[1] and at[3] of them at the edges."""
    last = SIDE - 1
    for x in range(SIDE):
        source = x + at[0] + at[1] * (x - _HALF) / (SIDE / 2)
        inside[:, x] = -0.5 <= source <= last + 0.5
        near = min(max(source, 0.0), last * 1.0)
        x0 = min(np.int64(near), last - 1)
        for y in range(SIDE):
            for c in range(3):
                before, after = image[y, max(x0 - 1, 0), c], image[y, min(x0 + 2, last), c]
                across[y, x, c] = _cubic(before, image[y, x0, c], image[y, x0 + 1, c], after, near - x0)
    for y in range(SIDE):
        source = y + at[2] + at[3] * (y - _HALF) / (SIDE / 2)
        if not -0.5 <= source <= last + 0.5:
            inside[y] = False
        near = min(max(source, 0.0), last * 1.0)
        y0 = min(np.int64(near), last - 1)
        for x in range(SIDE):
            for c in range(3):
                before, after = across[max(y0 - 1, 0), x, c], across[min(y0 + 2, last), x, c]
                warped[y, x, c] = _cubic(before, across[y0, x, c], across[y0 + 1, x, c], after, near - y0)


@helper
def _light(warped: F64, inside: Mask, other: F64) -> tuple[float, float]:
    """Contrast and brightness that bring the one to the other, by least squares."""
    count, sum_a, sum_b, sum_aa, sum_ab = 0, 0.0, 0.0, 0.0, 0.0
    for y in range(SIDE):
        for x in range(SIDE):
            for c in range(3):
                a, b = warped[y, x, c], other[y, x, c]
                if inside[y, x] and _CLIPPED < b < 255 - _CLIPPED:
                    count += 1
                    sum_a += a
                    sum_b += b
                    sum_aa += a * a
                    sum_ab += a * b
    if count < 60:
        return 1.0, 0.0
    spread = sum_aa - sum_a * sum_a / count
    contrast = 1.0
    if spread > 9 * count:
        contrast = min(max((sum_ab - sum_a * sum_b / count) / spread, 1 / _CONTRAST), _CONTRAST)
    return contrast, min(max((sum_b - contrast * sum_a) / count, -_BRIGHTNESS), _BRIGHTNESS)


@helper
def _slopes(warped: F64, slopes: F64, steep: F64) -> None:
    """Of each pixel the slopes of its three colours across and down, and the square of the steepest."""
    for y in range(SIDE):
        top, bottom = max(y - 1, 0), min(y + 1, SIDE - 1)
        for x in range(SIDE):
            left, right = max(x - 1, 0), min(x + 1, SIDE - 1)
            steep[y, x] = 0.0
            for c in range(3):
                across = (warped[y, right, c] - warped[y, left, c]) / (right - left)
                down = (warped[bottom, x, c] - warped[top, x, c]) / (bottom - top)
                slopes[y, x, c], slopes[y, x, 3 + c] = across, down
                steep[y, x] = max(steep[y, x], across * across + down * down)


@helper
def _compare(
    warped: F64, inside: Mask, other: F64, slopes: F64, steep: F64, contrast: float, brightness: float, matrix: F64, right: F64
) -> float:
    """The largest difference of all places; and the equations of the next step."""
    matrix[:] = 0.0
    right[:] = 0.0
    largest = 0.0
    for y in range(SIDE):
        v = (y - _HALF) / (SIDE / 2)
        for x in range(SIDE):
            if not inside[y, x]:
                continue
            u = (x - _HALF) / (SIDE / 2)
            apart = 0.0
            for c in range(3):
                wanted = contrast * warped[y, x, c] + brightness
                seen = min(max(wanted, 0.0), 255.0)
                rest = other[y, x, c] - seen
                apart = max(apart, abs(rest))
                if seen == wanted:
                    across, down = contrast * slopes[y, x, c], contrast * slopes[y, x, 3 + c]
                    for i in range(4):
                        a = (across if i < 2 else down) * (1.0 if i % 2 == 0 else (u if i < 2 else v))
                        right[i] += a * rest
                        for j in range(i + 1):
                            matrix[i, j] += a * (across if j < 2 else down) * (1.0 if j % 2 == 0 else (u if j < 2 else v))
            around = 0.0
            for near_y in range(max(y - 1, 0), min(y + 2, SIDE)):
                for near_x in range(max(x - 1, 0), min(x + 2, SIDE)):
                    around = max(around, steep[near_y, near_x])
            largest = max(largest, apart / (LEVELS + STEEPNESS * contrast * np.sqrt(around)))
    return largest


@helper
def _step(matrix: F64, right: F64, at: F64) -> None:
    """Solves the equations by Cholesky's decomposition, with a ridge, and goes there; no further than `_MOST`."""
    for i in range(4):
        matrix[i, i] += _RIDGE
        for j in range(i + 1):
            total = matrix[i, j]
            for k in range(j):
                total -= matrix[i, k] * matrix[j, k]
            matrix[i, j] = np.sqrt(total) if i == j else total / matrix[j, j]
    for i in range(4):
        for k in range(i):
            right[i] -= matrix[i, k] * right[k]
        right[i] /= matrix[i, i]
    for i in range(3, -1, -1):
        for k in range(i + 1, 4):
            right[i] -= matrix[k, i] * right[k]
        right[i] /= matrix[i, i]
        at[i] = min(max(at[i] + right[i], -_MOST), _MOST)


@njit(types.void(_THUMBNAILS, _THUMBNAILS, _LINE, types.float64[::1]), cache=True, nogil=True, error_model="numpy")
def _differences(one: Pixels, other: Pixels, zooms: F64, found: F64) -> None:
    warped, slopes, steep = np.empty((SIDE, SIDE, 3)), np.empty((SIDE, SIDE, 6)), np.empty((SIDE, SIDE))
    across, inside = np.empty((SIDE, SIDE, 3)), np.empty((SIDE, SIDE), np.bool_)
    matrix, right, at = np.empty((4, 4)), np.empty(4), np.empty(4)
    for row in range(len(one)):
        best = np.inf
        for zoom in zooms:
            if zoom != 0 and best > _HOPELESS:
                break
            for turn in range(2):
                a = (one[row] if turn == 0 else other[row]).astype(np.float64)
                b = (other[row] if turn == 0 else one[row]).astype(np.float64)
                at[:] = 0.0
                at[1], at[3] = zoom, zoom
                for _ in range(_STEPS):
                    if best < SAME:
                        break
                    _warp(a, at, across, warped, inside)
                    contrast, brightness = _light(warped, inside, b)
                    _slopes(warped, slopes, steep)
                    best = min(best, _compare(warped, inside, b, slopes, steep, contrast, brightness, matrix, right))
                    _step(matrix, right, at)
        found[row] = best
