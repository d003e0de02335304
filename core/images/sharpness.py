"""How sharp an image is: the variance of its Laplacian, over its grey levels at one scale.

Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy" (ICPR 2000), with the kernel 0 1 0, 1 −4 1, 0 1 0 that
OpenCV's `Laplacian` has. The scale is ours: an image is looked at with its longer side at 256 pixels, or its own if that is less.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from core.images.area import shrink

Pixels = npt.NDArray[np.uint8]
#: Of a larger image the longer side is brought to this, by area.
SIDE: Final = 256
#: ITU-R BT.601, of 1.
RED, GREEN, BLUE = np.float32(0.299), np.float32(0.587), np.float32(0.114)


def at_scale(pixels: Pixels) -> Pixels:
    """The image, uint8 (h, w, 3), as its sharpness is looked at: with at most 256 pixels on its longer side."""
    high, wide = pixels.shape[:2]
    scale = SIDE / max(high, wide)
    if scale >= 1:
        return pixels
    return shrink(pixels, max(1, round(wide * scale)), max(1, round(high * scale)))


def luma(pixels: Pixels) -> npt.NDArray[np.float32]:
    """Grey levels, float32 (h, w), 0 to 255."""
    return (pixels[:, :, 0] * RED + pixels[:, :, 1] * GREEN + pixels[:, :, 2] * BLUE).astype(np.float32, copy=False)


def sharpness(pixels: Pixels) -> float:
    """The variance of the Laplacian of an image, uint8 (h, w, 3); 0 for one of fewer than 3 × 3 pixels.

    A photograph that is in focus has some hundreds, a blurred one less than a hundred, a drawing or a screenshot thousands.
    """
    grey = luma(at_scale(pixels))
    if min(grey.shape) < 3:
        return 0.0
    inner = grey[1:-1, 1:-1]
    return float(np.var(grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * inner, dtype=np.float64))
