"""What an image is like before any model looks at it: size, sharpness, contrast, colours, borders.

Sizes and aspect as DataComp's basic filter has them (Gadre et al. 2023, arXiv 2304.14108; mlfoundations/datacomp,
baselines/apply_filter.py), blur as OpenCV's users measure it (`core.images.sharpness`); the other measures are ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from core.images.columns import pixels_of
from core.images.sharpness import at_scale, luma, sharpness
from core.scorer import column

Pixels = npt.NDArray[np.uint8]

#: A pixel is grey if its channels are no further apart than this, of 255: what JPEG makes of grey.
_GREY: Final = 12
#: Of a border all pixels are so near to the corner's colour.
_BORDER: Final = 12
#: Levels that a colour may be apart from the most frequent one to count with it.
_SAME: Final = 8


@dataclass(frozen=True)
class ImageQuality:
    """Columns of an image's file and of its pixels.

    Reads `image.decoded`, which `core.images.columns.decoded` makes of the bytes once for all scorers of a pass: pixels in
    sRGB, upright, over white, brought to 2¹⁸ at most. `width` and `height` are the file's. Where decoding failed `error` says
    why, and all else but `bytes` is null; where there are no bytes all is null.
    """

    name: ClassVar[str] = "image_quality"
    version: ClassVar[int] = 2
    costly: ClassVar[bool] = False

    @property
    def inputs(self) -> tuple[str, ...]:
        return ("image.decoded",)

    @property
    def schema(self) -> pa.Schema:
        return pa.schema([
            column("reason", pa.string(), "why there are no pixels: a reason of core.images; empty if there are"),
            column("bytes", pa.int64(), "size of the file", unit="bytes", low=0, high=1_000_000),
            column("width", pa.int32(), "width, upright", unit="pixels", low=0, high=4_000),
            column("height", pa.int32(), "height, upright", unit="pixels", low=0, high=4_000),
            column("min_side", pa.int32(), "the shorter of the two", unit="pixels", low=0, high=2_000),
            column("aspect", pa.float32(), "longer side by the shorter", low=1, high=6),
            column("format", pa.string(), "jpeg, png, webp, gif, avif, bmp or tiff"),
            column("mode", pa.string(), "how colours are stored: rgb, grey, palette, cmyk, bilevel, rgb16, grey16"),
            column("animated", pa.bool_(), "more frames than the first, which is what is looked at"),
            column("had_alpha", pa.bool_(), "something was not opaque"),
            column("profile", pa.string(), "ICC profile: empty, srgb, converted or broken"),
            column("warning", pa.string(), "what the decoder complained of"),
            column("blur", pa.float32(), "variance of the Laplacian, longer side at 256; low is blurred", low=0, high=5_000),
            column("entropy", pa.float32(), "of the grey levels", unit="bits", low=0, high=8),
            column("contrast", pa.float32(), "standard deviation of the grey levels, of 255", low=0, high=128),
            column("brightness", pa.float32(), "mean of the grey levels, of 255", low=0, high=255),
            column("grey", pa.float32(), "pixels without colour, of all", bounds=(0, 1)),
            column("border", pa.float32(), "rows and columns of one colour at the edges, of the image's area", bounds=(0, 1)),
            column("plain", pa.float32(), "pixels of the most frequent colour, of all; near 1 is near uniform", bounds=(0, 1)),
        ])  # fmt: skip

    def weights_digest(self) -> str:
        return ""

    def open(self) -> None:
        return None

    def score(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        images = batch.column("image.decoded")
        rows = [self._row(image, pixels) for image, pixels in zip(_described(images), pixels_of(images), strict=True)]
        return pa.RecordBatch.from_pylist(rows, schema=self.schema)

    def _row(self, image: dict[str, Any] | None, pixels: Pixels | None) -> dict[str, Any]:
        row: dict[str, Any] = dict.fromkeys(self.schema.names)
        if image is None:
            return row
        row |= {"reason": image["error"] or "", "bytes": image["size"]}
        if pixels is None:
            return row
        width, height = image["width"], image["height"]
        names = ("width", "height", "format", "mode", "animated", "had_alpha", "profile", "warning")
        row |= {name: image[name] for name in names}
        row |= {"min_side": min(width, height), "aspect": max(width, height) / min(width, height), "blur": sharpness(pixels)}
        return row | measures(pixels)


def measures(pixels: Pixels) -> dict[str, float]:
    """Entropy, contrast, brightness, grey, border and plain of an image, uint8 (h, w, 3), with its longer side at 256."""
    small = at_scale(pixels)
    grey = luma(small)
    shares = np.bincount(np.rint(grey).astype(np.int64).ravel(), minlength=256) / grey.size
    some = shares[shares > 0]
    return {
        "entropy": float(max(0.0, -(some * np.log2(some)).sum())),
        "contrast": float(np.std(grey, dtype=np.float64)),
        "brightness": float(np.mean(grey, dtype=np.float64)),
        "grey": float(np.mean(_apart(small) <= _GREY)),
        "border": _border(small),
        "plain": _plain(small),
    }


def _described(images: pa.StructArray) -> list[dict[str, Any] | None]:
    """The rows of `image.decoded` without their pixels."""
    fields = [field for field in images.type if field.name != "pixels"]
    columns = {field.name: images.field(field.name).to_pylist() for field in fields}
    valid = images.is_valid().to_pylist()
    return [{name: values[i] for name, values in columns.items()} if valid[i] else None for i in range(len(images))]


def _apart(pixels: Pixels) -> Pixels:
    """How far the channels of each pixel are apart."""
    red, green, blue = (pixels[:, :, c] for c in range(3))
    return np.maximum(np.maximum(red, green), blue) - np.minimum(np.minimum(red, green), blue)


def _border(pixels: Pixels) -> float:
    """The share of the area outside the box that is left when rows and columns of one colour at each edge are cut off."""
    high, wide = pixels.shape[:2]
    top, bottom = _run(pixels), _run(pixels[::-1])
    if top + bottom >= high:
        return 1.0
    inner = pixels[top : high - bottom].transpose(1, 0, 2)
    left, right = _run(inner), _run(inner[::-1])
    return 1 - (high - top - bottom) * max(0, wide - left - right) / (high * wide)


def _run(lines: Pixels) -> int:
    """How many lines, from the first, have the first pixel's colour everywhere."""
    first = lines[0, 0].astype(np.int16)
    for i, line in enumerate(lines):
        if np.abs(line - first).max() > _BORDER:
            return i
    return len(lines)


def _plain(pixels: Pixels) -> float:
    """The share of pixels near the most frequent of the colours cut to 5 bits a channel, by its mean."""
    flat = pixels.reshape(-1, 3)
    codes = (flat >> 3).astype(np.int32) @ np.array([1 << 10, 1 << 5, 1], np.int32)
    frequent = codes == np.bincount(codes, minlength=1 << 15).argmax()
    colour = np.rint(flat[frequent].mean(axis=0)).astype(np.int16)
    return float(np.mean(np.abs(flat - colour).max(axis=1) <= _SAME))
