"""Format and size of an image, told by its header: nothing is decoded."""

from __future__ import annotations

from typing import NamedTuple

from core.images import jpeg, pillow
from core.images.errors import ImageError
from core.images.formats import sniff
from core.images.limits import LIMITS, Limits
from core.images.orientation import swaps_sides


class Measured(NamedTuple):
    """Format, and width and height in pixels, upright."""

    format: str
    width: int
    height: int


def measure(data: bytes, limits: Limits = LIMITS) -> Measured:
    """What the header of an image file says. Raises ImageError, as `decode` does for what can be known without decoding."""
    if len(data) > limits.bytes:
        raise ImageError("too_many_bytes", f"{len(data):,} bytes")
    format = sniff(data)
    if format == "jpeg":
        header = jpeg.read_header(data, limits.profile)
        limits.check_size(header.width, header.height)
        width, height, orientation = header.width, header.height, header.orientation
    else:
        opened = pillow.open_image(data, format, limits)
        width, height, orientation = opened.width, opened.height, 1 if opened.upright else opened.orientation
    return Measured(format, height, width) if swaps_sides(orientation) else Measured(format, width, height)
