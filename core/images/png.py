"""PNG without what is not pixels: only the chunks that a decoder needs go on, so that no text or profile can unpack to much.

PNG (third edition, W3C 2025), sections 5 and 11; animations are those of APNG, whose still image is what is decoded.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Final

from core.images.errors import ImageError
from core.images.orientation import exif_orientation

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_PIXELS: Final = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")


@dataclass(frozen=True)
class Header:
    """Size in pixels, bits a sample, animation, EXIF orientation and ICC profile, of chunks before or behind the pixels;
    `stripped` is the file with what a decoder needs of it."""

    width: int
    height: int
    bits: int
    animated: bool
    orientation: int
    profile: bytes
    stripped: bytes


def read_png(data: bytes, max_profile: int) -> Header:
    """The header of a PNG; a profile that is damaged or unpacks to more than `max_profile` bytes reads as damaged (b"?").

    Raises ImageError: `truncated` where a chunk ends behind the file or pixels are missing, `damaged`.
    """
    kept = [_SIGNATURE]
    animated, orientation, profile, ended = False, 1, b"", False
    at, first = 8, True
    while at + 12 <= len(data) and not ended:
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        end = at + 12 + length
        if first and (kind != b"IHDR" or length != 13):
            raise ImageError("damaged", f"begins with {kind!r}")
        first = False
        if end > len(data):
            break
        if kind in _PIXELS:
            kept.append(data[at:end])
            ended = kind == b"IEND"
        elif kind == b"acTL":
            animated = int.from_bytes(data[at + 8 : at + 12], "big") > 1
        elif kind == b"eXIf":
            orientation = exif_orientation(data[at + 8 : end - 4])
        elif kind == b"iCCP" and not profile:
            profile = _unpacked(data[at + 8 : end - 4], max_profile)
        at = end
    if len(data) < 33:
        raise ImageError("truncated", "no header")
    if not ended:
        raise ImageError("truncated", "no end")
    width, height = int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    return Header(width, height, data[24], animated, orientation, profile, b"".join(kept))


def _unpacked(chunk: bytes, most: int) -> bytes:
    _, _, rest = chunk.partition(b"\0")
    unpacker = zlib.decompressobj()
    try:
        profile = unpacker.decompress(rest[1:], most + 1)
    except zlib.error:
        return b"?"
    return profile if unpacker.eof and len(profile) <= most else b"?"
