"""What an image may have before it is decoded; the defaults are ours, and hold for photographs of 60 megapixels.

An image that has more is refused by what its header says, so that it costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from core.images.errors import ImageError


@dataclass(frozen=True)
class Limits:
    """Bytes of the file, pixels (told by its header), scans of a progressive JPEG, bytes of an ICC profile (a longer one is
    ignored). With the defaults an image takes at most 0.8 GB while it is decoded."""

    bytes: int = 64 << 20
    pixels: int = 1 << 26
    scans: int = 100
    profile: int = 4 << 20

    def __post_init__(self) -> None:
        for name in ("bytes", "pixels", "scans", "profile"):
            value = getattr(self, name)
            if isinstance(value, bool) or value < 1:
                raise ValueError(f"{name}: at least 1, not {value}")

    def check_size(self, width: int, height: int) -> None:
        """Raises ImageError: `damaged` for no pixels, `too_many_pixels`."""
        if width < 1 or height < 1:
            raise ImageError("damaged", f"{width} × {height} pixels")
        if width * height > self.pixels:
            raise ImageError("too_many_pixels", f"{width:,} × {height:,} pixels")


LIMITS = Limits()
