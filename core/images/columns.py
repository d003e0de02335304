"""A column of image files decoded once for all that look at their pixels: the special input `image.decoded` of scorers.

The pass that runs scorers over images makes `image.decoded` of `image.bytes` (the bytes of each file) with `decoded`, hands
it to every scorer that reads it, and stores it nowhere, as `page.content` is neither.
"""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from core.images.area import shrink
from core.images.decoding import decode
from core.images.errors import ImageError
from core.images.limits import LIMITS, Limits

Pixels = npt.NDArray[np.uint8]

#: The pixels of a larger image are brought to this many, by area: what a 512 × 512 image has.
PIXELS: Final = 1 << 18

#: A row of `image.decoded`; null where there are no bytes. Where `error` is not null there are no pixels, and nothing else
#: is known but `size`.
DECODED: Final = pa.struct([
    pa.field("error", pa.string()),  # one of core.images.REASONS
    pa.field("detail", pa.string()),  # what was found
    pa.field("size", pa.int64()),  # bytes of the file
    pa.field("width", pa.int32()),  # of the file, upright
    pa.field("height", pa.int32()),
    pa.field("format", pa.string()),
    pa.field("mode", pa.string()),
    pa.field("animated", pa.bool_()),
    pa.field("orientation", pa.int8()),
    pa.field("had_alpha", pa.bool_()),
    pa.field("profile", pa.string()),
    pa.field("warning", pa.string()),
    pa.field("rows", pa.int32()),  # shape of the pixels
    pa.field("columns", pa.int32()),
    pa.field("pixels", pa.large_binary()),  # uint8 (rows, columns, 3), sRGB
])  # fmt: skip


def decoded(files: pa.Array, limits: Limits = LIMITS) -> pa.StructArray:
    """A column of files (binary or large_binary) decoded to at most `PIXELS` pixels each, as DECODED. Never raises for a file."""
    rows = [None if file is None else _row(file, limits) for file in files.to_pylist()]
    return pa.array(rows, DECODED)


def pixels_of(images: pa.StructArray) -> list[Pixels | None]:
    """The pixels of each row of `image.decoded`, uint8 (rows, columns, 3), read-only views; None where there are none."""
    pixels = images.field("pixels")
    valid = np.asarray(images.is_valid()) & np.asarray(pixels.is_valid())
    rows, columns = (images.field(name).fill_null(0).to_numpy() for name in ("rows", "columns"))
    _, offsets, data = pixels.buffers()
    if data is None:
        return [None] * len(images)
    starts = np.frombuffer(offsets, np.int64)[pixels.offset : pixels.offset + len(pixels) + 1].tolist()
    raw = np.frombuffer(data, np.uint8)
    return [
        raw[starts[i] : starts[i + 1]].reshape(int(rows[i]), int(columns[i]), 3) if valid[i] else None for i in range(len(images))
    ]


def working_size(width: int, height: int) -> tuple[int, int]:
    """Width and height at which the pixels of an image are looked at."""
    scale = math.sqrt(PIXELS / (width * height))
    if scale >= 1:
        return width, height
    wide, high = max(1, int(width * scale)), max(1, int(height * scale))
    return min(wide, PIXELS), min(high, PIXELS)


def _row(file: bytes, limits: Limits) -> dict[str, Any]:
    try:
        image = decode(file, limits=limits, at_least=working_size)
    except ImageError as error:
        return {"error": error.reason, "detail": error.detail, "size": len(file)}
    wide, high = working_size(image.width, image.height)
    pixels = shrink(image.pixels, wide, high, image.extent)
    names = ("width", "height", "format", "mode", "animated", "orientation", "had_alpha", "profile", "warning")
    values = {name: getattr(image, name) for name in names}
    return {**values, "size": len(file), "rows": high, "columns": wide, "pixels": pixels.tobytes()}
