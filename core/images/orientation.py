"""How an image is to be turned before it is looked at: EXIF's tag 274, read without reading the rest.

Exif 2.32 (CIPA DC-008), section 4.6.4; what browsers do by default (CSS Images 3, `image-orientation: from-image`).
"""

from __future__ import annotations

import struct

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]

_ORIENTATION, _SHORT = 0x0112, 3


def exif_orientation(exif: bytes) -> int:
    """1 to 8 from a block of EXIF (with or without its `Exif\\0\\0`); 1 where there is none or it is damaged."""
    exif = exif.removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    if order is None or len(exif) < 8:
        return 1
    (start,) = struct.unpack_from(order + "I", exif, 4)
    if start + 2 > len(exif):
        return 1
    (entries,) = struct.unpack_from(order + "H", exif, start)
    for at in range(start + 2, min(start + 2 + 12 * entries, len(exif) - 11), 12):
        tag, kind, count, value = struct.unpack_from(order + "HHIH", exif, at)
        if tag == _ORIENTATION:
            return value if kind == _SHORT and count == 1 and 1 <= value <= 8 else 1
    return 1


def swaps_sides(orientation: int) -> bool:
    """Whether an image of this orientation is as wide as it was high."""
    return orientation >= 5


def oriented(pixels: Pixels, orientation: int) -> Pixels:
    """The pixels as they are to be seen, shape (h, w, 3) or (w, h, 3), contiguous; the same array for orientation 1."""
    if orientation == 1:
        return pixels
    turned = pixels.transpose(1, 0, 2) if swaps_sides(orientation) else pixels
    if orientation in (2, 3, 6, 7):
        turned = turned[:, ::-1]
    if orientation in (3, 4, 7, 8):
        turned = turned[::-1]
    return np.ascontiguousarray(turned)
