"""TIFF's tags are looked at before they are read: each may name the same bytes of the file, and Pillow holds all of them.

TIFF 6.0 (Adobe, 1992), section 2, and BigTIFF (libtiff).
"""

from __future__ import annotations

import struct
from typing import Final

from core.images.errors import ImageError

#: Bytes of a value by its type; types that are not there count as one.
_SIZES: Final = {3: 2, 4: 4, 5: 8, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
#: A few tags may share a value.
_SHARED: Final = 1 << 16


def check_tags(data: bytes) -> None:
    """Raises ImageError `damaged` where the values of the first page's tags take more than the file, `truncated` without a page."""
    order = "<" if data[:2] == b"II" else ">"
    large = data[2:4] in (b"+\x00", b"\x00+")
    head, count, entry = (16, "Q", "HHQQ") if large else (8, "H", "HHII")
    size = struct.calcsize(order + entry)
    if len(data) < head:
        raise ImageError("truncated", "TIFF without a page")
    (start,) = struct.unpack_from(order + ("Q" if large else "I"), data, head - (8 if large else 4))
    first = start + struct.calcsize(order + count)
    if first > len(data):
        raise ImageError("truncated", "TIFF without a page")
    (entries,) = struct.unpack_from(order + count, data, start)
    total = 0
    for at in range(first, min(first + entries * size, len(data) - size + 1), size):
        _, kind, values, place = struct.unpack_from(order + entry, data, at)
        held = values * _SIZES.get(kind, 1)
        total += held if held <= (8 if large else 4) or place + held <= len(data) else 0  # what lies beyond is not read
        if total > len(data) + _SHARED:
            raise ImageError("damaged", "TIFF whose tags take more than the file")
