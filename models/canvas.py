"""Images brought to a square of one size, as models that look for places in them are shown: scaled down to fit, and padded.

A model that is shown one shape alone gives the same for an image whatever else it has seen. The size is ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import PIL.Image

Pixels = npt.NDArray[np.uint8]
#: Pixels of a side. An image of 2¹⁸ pixels, the most that scorers see, fits as it is up to 8:5, and is scaled from there on.
SIDE: Final = 640


@dataclass(frozen=True, eq=False)
class Canvas:
    """`pixels` uint8 (640, 640, 3) with the image at the top left, black beside it; `width` and `height` are what it takes of
    them, `scale` is how many of them one of its pixels takes."""

    pixels: Pixels
    width: int
    height: int
    scale: float


def canvas(pixels: Pixels, largest: float = 1.0) -> Canvas:
    """An image, uint8 (h, w, 3), on a canvas: as it is, smaller where it has to be, or up to `largest` times larger."""
    high, wide = pixels.shape[:2]
    scale = min(largest, SIDE / wide, SIDE / high)
    width, height = max(1, round(wide * scale)), max(1, round(high * scale))
    scaled = pixels
    if (width, height) != (wide, high):
        scaled = np.asarray(PIL.Image.fromarray(pixels).resize((width, height), PIL.Image.Resampling.BILINEAR))
    out = np.zeros((SIDE, SIDE, 3), np.uint8)
    out[:height, :width] = scaled
    return Canvas(out, width, height, scale)
