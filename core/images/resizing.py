"""The sizes and shapes that images get in shards: img2dataset's modes, by area, Lanczos or antialiased bicubic.

Modes and sizes are those of rom1504/img2dataset 1.47, resizer.py (with albumentations' rounding); bicubic as "An Inverse
Scaling Law for CLIP Training" (Li et al. 2023, arXiv 2305.07017) shrinks images, which is Pillow's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

import numpy as np
import numpy.typing as npt
import PIL.Image

from core.images.area import shrink
from core.images.decoding import Image
from core.images.limits import LIMITS, Limits

Pixels = npt.NDArray[np.uint8]

Mode = Literal["no", "border", "keep_ratio", "keep_ratio_largest", "center_crop"]
Downscale = Literal["area", "lanczos", "bicubic"]
Upscale = Literal["lanczos", "bicubic"]

_FILTERS: Final = {"lanczos": PIL.Image.Resampling.LANCZOS, "bicubic": PIL.Image.Resampling.BICUBIC}
#: A scaled decoding leaves at least so many pixels for each that is wanted, on a side: what a decoder leaves out of a
#: block is not what the mean of an area has.
MARGIN: Final = 1.5


@dataclass(frozen=True)
class Resize:
    """One size of an image.

    `mode`: "no" leaves it; "keep_ratio" brings its shorter side to `size`; "center_crop" does so, and cuts the middle to a
    square; "keep_ratio_largest" brings its longer side to `size`; "border" does so, and puts it on a white square.
    With `only_if_bigger` an image whose side is at most `size` stays as it is: neither enlarged, nor cut, nor framed.
    `downscale` and `upscale` say how it is made smaller or larger; both are antialiased.
    """

    size: int = 256
    mode: Mode = "border"
    only_if_bigger: bool = False
    downscale: Downscale = "area"
    upscale: Upscale = "lanczos"

    def __post_init__(self) -> None:
        for field, choices in (("mode", get_args(Mode)), ("downscale", get_args(Downscale)), ("upscale", get_args(Upscale))):
            if getattr(self, field) not in choices:
                raise ValueError(f"{field}: {', '.join(choices)}, not {getattr(self, field)!r}")
        if isinstance(self.size, bool) or not 1 <= self.size <= 16_384:
            raise ValueError(f"size: 1 to 16,384, not {self.size}")

    def scaled(self, width: int, height: int) -> tuple[int, int]:
        """Width and height that an image is brought to, before anything is cut or framed."""
        side = self._side(width, height)
        if not side:
            return width, height
        scale = self.size / side
        return max(1, round(width * scale)), max(1, round(height * scale))

    def shape(self, width: int, height: int) -> tuple[int, int]:
        """Width and height that come out."""
        square = self.mode in ("center_crop", "border") and self._side(width, height)
        return (self.size, self.size) if square else self.scaled(width, height)

    def at_least(self, width: int, height: int) -> tuple[int, int]:
        """What a decoder has to give of an image of this size: see `core.images.decode`."""
        wide, high = self.scaled(width, height)
        if wide >= width or high >= height:
            return width, height
        return min(width, round(wide * MARGIN)), min(height, round(high * MARGIN))

    def _side(self, width: int, height: int) -> int:
        """The side that is brought to `size`; 0 if none is."""
        if self.mode == "no":
            return 0
        side = min(width, height) if self.mode in ("keep_ratio", "center_crop") else max(width, height)
        return 0 if self.only_if_bigger and side <= self.size else side


def resize(image: Image, how: Resize, limits: Limits = LIMITS) -> Pixels:
    """The pixels of an image, uint8 (h, w, 3), at one size, contiguous.

    Raises ImageError: `too_many_pixels` where a long image would become larger than the limits allow.
    """
    wide, high = how.scaled(image.width, image.height)
    if wide > image.width or high > image.height:
        limits.check_size(wide, high)
    scaled = _scaled(image, wide, high, how)
    if (wide, high) == how.shape(image.width, image.height):
        return scaled
    if how.mode == "center_crop":
        left, top = (wide - how.size) // 2, (high - how.size) // 2
        return np.ascontiguousarray(scaled[top : top + how.size, left : left + how.size])
    framed = np.full((how.size, how.size, 3), 255, np.uint8)
    left, top = (how.size - wide) // 2, (how.size - high) // 2
    framed[top : top + high, left : left + wide] = scaled
    return framed


def _scaled(image: Image, width: int, height: int, how: Resize) -> Pixels:
    high, wide = image.pixels.shape[:2]
    if (width, height) == (wide, high):
        return image.pixels
    smaller = width <= wide and height <= high
    if smaller and how.downscale == "area":
        return shrink(image.pixels, width, height, image.extent)
    kernel = _FILTERS[how.downscale if smaller else how.upscale]
    return np.asarray(PIL.Image.fromarray(image.pixels).resize((width, height), kernel, box=(0, 0, *image.extent)))
