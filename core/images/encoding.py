"""Pixels to the bytes of a JPEG, WebP or PNG: the same pixels give the same bytes, and nothing else goes in.

JPEG by simplejpeg, WebP and PNG by Pillow; the defaults are img2dataset's (rom1504/img2dataset 1.47, main.py).
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal, get_args

import numpy as np
import numpy.typing as npt
import PIL.Image
import simplejpeg

from core.images.blurring import Box, blurred
from core.images.decoding import Image, decode
from core.images.limits import LIMITS, Limits
from core.images.resizing import Resize, resize

Pixels = npt.NDArray[np.uint8]
Format = Literal["jpeg", "webp", "png"]

#: The best quality of a format: for PNG the strongest compression.
_BEST: Final = {"jpeg": 100, "webp": 100, "png": 9}
_WEBP_EFFORT: Final = 4  # libwebp's default


@dataclass(frozen=True)
class Output:
    """A file to be made of an image: its size, format and quality.

    `quality` is 1 to 100 for JPEG and WebP; for PNG, whose pixels are always kept, it is the compression, 0 to 9.
    """

    resize: Resize = field(default_factory=Resize)
    format: Format = "jpeg"
    quality: int = 95

    def __post_init__(self) -> None:
        if self.format not in get_args(Format):
            raise ValueError(f"format: {', '.join(get_args(Format))}, not {self.format!r}")
        least, most = 0 if self.format == "png" else 1, _BEST[self.format]
        if isinstance(self.quality, bool) or not least <= self.quality <= most:
            raise ValueError(f"quality: {least} to {most} for {self.format}, not {self.quality}")


@dataclass(frozen=True)
class Encoded:
    """A file and the width and height of its image."""

    data: bytes
    width: int
    height: int


def encode(pixels: Pixels, format: Format = "jpeg", quality: int = 95) -> bytes:
    """The file of an image, uint8 (h, w, 3) in sRGB; JPEG with colours at half the resolution (4:2:0)."""
    if format == "jpeg":
        return simplejpeg.encode_jpeg(np.ascontiguousarray(pixels), quality=quality, colorspace="RGB", colorsubsampling="420")
    out = io.BytesIO()
    image = PIL.Image.fromarray(pixels)
    if format == "webp":
        image.save(out, "WEBP", quality=quality, method=_WEBP_EFFORT)
    else:
        image.save(out, "PNG", compress_level=quality)
    return out.getvalue()


def convert(
    data: bytes, outputs: Sequence[Output], *, blur: Sequence[Box] = (), limits: Limits = LIMITS
) -> tuple[Image, list[Encoded]]:
    """Decodes an image once, at the scale that the largest of the outputs needs, and makes each of them of it, with the boxes
    `blur` (`core.images.blurring`) blurred in all.

    Raises ImageError, as `decode` and `resize` do.
    """
    image = decode(data, limits=limits, at_least=lambda width, height: needed([o.resize for o in outputs], width, height))
    image = replace(image, pixels=blurred(image.pixels, blur))
    files: list[Encoded] = []
    for output in outputs:
        made = resize(image, output.resize, limits)
        files.append(Encoded(encode(made, output.format, output.quality), made.shape[1], made.shape[0]))
    return image, files


def needed(sizes: Sequence[Resize], width: int, height: int) -> tuple[int, int]:
    """Of an image of this size the smallest (width, height) that all of the sizes can be made from."""
    each = [size.at_least(width, height) for size in sizes]
    return max(wide for wide, _ in each), max(high for _, high in each)
