"""Bytes of an image file to pixels in sRGB, as a browser would show them on a white page.

JPEG comes at the smallest scale that is large enough (libjpeg-turbo), the rest whole (Pillow); limits hold before a pixel
is decoded. The same bytes give the same pixels with the same versions of Pillow and simplejpeg.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import PIL.Image

from core.images import jpeg, pillow
from core.images.colour import Profile, changes_colours, over_white, to_srgb
from core.images.errors import ImageError
from core.images.formats import sniff
from core.images.limits import LIMITS, Limits
from core.images.orientation import oriented, swaps_sides

Pixels = npt.NDArray[np.uint8]
#: From width and height of an image to those that are needed of it.
AtLeast = Callable[[int, int], tuple[int, int]]


@dataclass(frozen=True, eq=False)
class Image:
    """A decoded image: `pixels` uint8 (h, w, 3) in sRGB, upright, contiguous.

    `width` and `height` are those of the file, upright; the pixels may be fewer (`decode` says when). `mode` is how the
    file stores colours: rgb, grey, palette, cmyk, bilevel, rgb16, grey16. `orientation` is EXIF's, which was applied.
    `had_alpha`: something was not opaque, and lies over white now. `profile`: what became of the ICC profile.
    `warning`: what the decoder complained of and went on, empty for nothing. `scale`: eighths of the file's size that the
    pixels have.
    """

    pixels: Pixels
    width: int
    height: int
    format: str
    mode: str
    animated: bool = False
    orientation: int = 1
    had_alpha: bool = False
    profile: Profile = ""
    warning: str = ""
    scale: int = 8

    @property
    def extent(self) -> tuple[float, float]:
        """How much of `pixels` is image, in pixels of theirs, across and down: at 3/8 of 1,500 the last column is half one."""
        high, wide = self.pixels.shape[:2]
        if self.scale == 8 or self.orientation != 1:
            return float(wide), float(high)
        return self.width * self.scale / 8, self.height * self.scale / 8


def decode(data: bytes, *, limits: Limits = LIMITS, at_least: AtLeast | None = None) -> Image:
    """Decodes an image; of an animation its first frame, of a TIFF its first page.

    With `at_least` a JPEG may come smaller than it is, by a scale of 1/8, 1/4 or 1/2 that leaves at least as many pixels on both
    sides: it is given width and height of the image, upright, and says how many are needed. All other formats come whole.

    Raises ImageError, whose `reason` says why there are no pixels.
    """
    if len(data) > limits.bytes:
        raise ImageError("too_many_bytes", f"{len(data):,} bytes")
    format = sniff(data)
    if format == "jpeg":
        return _decode_jpeg(data, limits, at_least)
    opened = pillow.open_image(data, format, limits)
    image, alpha = pillow.load(opened, format)
    image, profile = to_srgb(image, opened.profile)
    if alpha is not None:
        image = over_white(image, alpha)
    turn = 1 if opened.upright else opened.orientation
    pixels = oriented(np.asarray(image), turn)
    width, height = _upright(opened.width, opened.height, turn)
    return Image(
        np.ascontiguousarray(pixels), width, height, format, opened.mode, opened.animated, opened.orientation,
        alpha is not None, profile,
    )  # fmt: skip


def _decode_jpeg(data: bytes, limits: Limits, at_least: AtLeast | None) -> Image:
    header = jpeg.read_header(data, limits.profile)
    limits.check_size(header.width, header.height)
    width, height = _upright(header.width, header.height, header.orientation)
    enough = _upright(*at_least(width, height), header.orientation) if at_least else None
    pixels, scale, warning = jpeg.decode_jpeg(data, header, at_least=enough, max_scans=limits.scans)
    profile: Profile = ""
    if header.channels == 4:
        image, profile = to_srgb(_cmyk(255 - pixels), header.profile)
        pixels = np.asarray(image)
    elif header.channels == 1:
        profile = changes_colours(header.profile, "L")
        if profile == "converted":
            pixels = np.asarray(to_srgb(PIL.Image.fromarray(pixels[:, :, 0]), header.profile)[0])
        else:
            pixels = np.repeat(pixels, 3, axis=2)
    elif (profile := changes_colours(header.profile, "RGB")) == "converted":
        pixels = np.asarray(to_srgb(PIL.Image.fromarray(pixels), header.profile)[0])
    mode = {1: "grey", 3: "rgb", 4: "cmyk"}[header.channels]
    turned = np.ascontiguousarray(oriented(pixels, header.orientation))
    return Image(turned, width, height, "jpeg", mode, False, header.orientation, False, profile, warning, scale)


def _cmyk(pixels: Pixels) -> PIL.Image.Image:
    height, width, _ = pixels.shape
    return PIL.Image.frombuffer("CMYK", (width, height), pixels, "raw", "CMYK", 0, 1)


def _upright(width: int, height: int, orientation: int) -> tuple[int, int]:
    return (height, width) if swaps_sides(orientation) else (width, height)
