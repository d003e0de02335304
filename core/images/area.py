"""Resizing by area: each pixel is the mean of what it covers, with parts of pixels where its edges fall inside them.

The method is that of OpenCV's INTER_AREA (opencv, modules/imgproc/src/resize.cpp), which img2dataset uses to shrink.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from numba import njit, types

from core.kernels import helper

Pixels = npt.NDArray[np.uint8]
I32 = npt.NDArray[np.int32]
F32 = npt.NDArray[np.float32]

_U8_IN = types.Array(types.uint8, 2, "C", readonly=True)
_I32 = types.Array(types.int32, 1, "C", readonly=True)
_F32 = types.Array(types.float32, 1, "C", readonly=True)


def shrink(pixels: Pixels, width: int, height: int, extent: tuple[float, float] | None = None) -> Pixels:
    """The image, uint8 (h, w, 3), at a smaller size, or at the same on one side; the same array at its own size.

    `extent` (width, height) says how much of the last column and row is image, where that is not all.
    """
    high, wide = pixels.shape[:2]
    if not (1 <= width <= wide and 1 <= height <= high):
        raise ValueError(f"at most {wide} × {high} and at least 1 × 1 pixels, not {width} × {height}")
    if (width, height) == (wide, high):
        return pixels
    x, y = extent or (wide, high)
    out = np.empty((height, width * 3), np.uint8)
    flat = np.ascontiguousarray(pixels).reshape(high, wide * 3)
    _shrink(flat, *_cover(y, height), *_cover(x, width), np.empty(wide * 3, np.float32), out)
    return out.reshape(height, width, 3)


@lru_cache(maxsize=64)
def _cover(old: float, new: int) -> tuple[I32, I32, F32]:
    """Of each new pixel the first old one that it covers, where its weights begin, and all weights (their sum is 1 a pixel)."""
    edges = np.arange(new + 1) * (old / new)
    first = np.floor(edges[:-1] + 1e-9).astype(np.int32)
    last = np.minimum(np.ceil(edges[1:] - 1e-9).astype(np.int32), np.int32(np.ceil(old)))
    starts = np.zeros(new + 1, np.int32)
    np.cumsum(last - first, out=starts[1:])
    owner = np.repeat(np.arange(new), last - first)
    place = np.arange(starts[-1]) - starts[owner] + first[owner]
    covered = np.minimum(place + 1, edges[owner + 1]) - np.maximum(place, edges[owner])
    weights = covered / np.add.reduceat(covered, starts[:-1])[owner]
    return first, starts, weights.astype(np.float32)


@helper
def _rounded(value: np.float32) -> np.uint8:
    """To the nearest; weights are at least 0 and sum to 1 to a few parts in 10⁷, so that 255 does not become 256."""
    return np.uint8(value + np.float32(0.5))


@njit(
    types.void(_U8_IN, _I32, _I32, _F32, _I32, _I32, _F32, types.float32[::1], types.uint8[:, ::1]),
    cache=True, nogil=True, error_model="numpy",
)  # fmt: skip
def _shrink(
    pixels: Pixels, top: I32, rows: I32, down: F32, left: I32, columns: I32, across: F32, line: F32, out: Pixels
) -> None:
    for y in range(out.shape[0]):
        line[:] = np.float32(0)
        for k in range(rows[y], rows[y + 1]):
            source, weight = pixels[top[y] + k - rows[y]], down[k]
            for x in range(len(line)):
                line[x] += np.float32(source[x]) * weight
        for x in range(len(left)):
            red, green, blue = np.float32(0), np.float32(0), np.float32(0)
            at = 3 * left[x]
            for k in range(columns[x], columns[x + 1]):
                weight = across[k]
                red += line[at] * weight
                green += line[at + 1] * weight
                blue += line[at + 2] * weight
                at += 3
            out[y, 3 * x] = _rounded(red)
            out[y, 3 * x + 1] = _rounded(green)
            out[y, 3 * x + 2] = _rounded(blue)
