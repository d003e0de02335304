"""What an image looks like, as hashes that near-duplicates share and a thumbnail that decides.

Candidates are images whose pHash (imagehash's), with half a PDQ beside it, or whose PDQ (Meta's) are within a Hamming distance;
`dedup.perceptual_check` lays their thumbnails over each other. Hashes of the image with its edges cut off find copies that were
cropped a little.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Final, Literal, get_args

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xxhash

from core.hashing import ID_TYPE
from core.images.columns import pixels_of
from core.images.sharpness import sharpness
from core.scorer import column
from dedup.hamming import Bands
from dedup.perceptual_check import RATIO, SAME, THUMBNAIL, differences, thumbnail
from dedup.perceptual_hashes import VARIANTS, pdq, phash

Pixels = npt.NDArray[np.uint8]
U8 = npt.NDArray[np.uint8]

By = Literal["phash", "pdq"]
Turned = Literal["no", "mirrored", "all"]

#: How many of the eight ways to see an image count as the same one; perceptual_hashes has them in this order.
_WAYS: Final = {"no": 1, "mirrored": 2, "all": VARIANTS}
_BYTES: Final = {"phash": 8, "pdq": 32}
#: An image whose thumbnail has no two levels further apart than this, of 255, is of one colour, and like nothing.
_UNIFORM: Final = 8


@dataclass(frozen=True)
class Perceptual:
    """Hashes and a thumbnail of each image; two images are near-duplicates when their hashes are near and no place differs.

    `by` is the hash that finds candidates: "phash" (64 bits, and 64 of PDQ's beside it) or "pdq" (256). `radius` is how many bits
    may differ, `bands` how the hashes are cut to find those (see `dedup.hamming.Bands`); 0 takes what suits the hash: 6 and 3, or
    31 and 11. Each image is also looked for without `crop` of its width and height on each side (0 for not), and `turned`:
    "mirrored", or "all" eight ways. `threshold` is how much two thumbnails may differ where they differ most (1 is what noise
    does).

    Images of equal `pixels` are copies: the same to the last pixel, or all of one colour, whatever their size. What is of one
    colour (`uniform`) is not to be compared otherwise: its hashes say nothing. Nor is what could not be decoded.
    """

    by: By = "phash"
    radius: int = 0
    bands: int = 0
    crop: float = 0.03
    turned: Turned = "no"
    threshold: float = SAME

    name: ClassVar[str] = "perceptual"
    version: ClassVar[int] = 2
    costly: ClassVar[bool] = False
    dedup: ClassVar[bool] = True

    def __post_init__(self) -> None:
        for field, choices in (("by", get_args(By)), ("turned", get_args(Turned))):
            if getattr(self, field) not in choices:
                raise ValueError(f"{field}: {' or '.join(choices)}, not {getattr(self, field)!r}")
        for field, most in (("crop", 0.25), ("threshold", 10)):
            value = getattr(self, field)
            if isinstance(value, bool) or not 0 <= value <= most:
                raise ValueError(f"{field}: 0 to {most}, not {value}")
        if bool(self.radius) != bool(self.bands):
            raise ValueError("bands: radius and bands are given together")
        _ = self.plan

    @property
    def plan(self) -> Bands:
        """How the hashes are matched."""
        radius, bands = (self.radius, self.bands) if self.bands else {"phash": (6, 3), "pdq": (31, 11)}[self.by]
        return Bands(8 * _BYTES[self.by], radius, bands)

    @property
    def column_parameters(self) -> dict[str, str | float]:
        """What the columns follow from: another radius or threshold hashes nothing anew."""
        return {"by": self.by, "crop": self.crop, "turned": self.turned}

    @property
    def inputs(self) -> tuple[str, ...]:
        return ("image.decoded",)

    @property
    def schema(self) -> pa.Schema:
        return pa.schema([
            column("phash", pa.binary(8), "pHash; its hexadecimal form is imagehash's"),
            column("pdq", pa.binary(32), "PDQ hash; its hexadecimal form is the reference's"),
            column("pdq_quality", pa.int32(), "PDQ's quality; below 50 its hash says little", unit="%", bounds=(0, 100)),
            column("views", pa.binary(), f"{self.by} of the image cut, mirrored and turned, one behind the other"),
            column("uniform", pa.bool_(), "of one colour"),
            column("pixels", ID_TYPE, "xxh3-128 of width, height and pixels, equal for exact copies; of the colour where uniform"),
            column("thumbnail", pa.binary(THUMBNAIL), "32 × 32 colours (uint8 RGB)"),
            column("area", pa.int64(), "width × height of the file", unit="pixels", low=0, high=4_000_000),
            column("ratio", pa.float32(), "width of the file by its height", low=0, high=5),
            column("sharpness", pa.float32(), "variance of the Laplacian: see image_quality.blur", low=0, high=5_000),
        ])  # fmt: skip

    def weights_digest(self) -> str:
        return ""

    def open(self) -> None:
        return None

    def score(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Null in all columns where an image has no pixels."""
        images = batch.column("image.decoded")
        sizes = zip(images.field("width").to_pylist(), images.field("height").to_pylist(), strict=True)
        rows = [
            dict.fromkeys(self.schema.names) if pixels is None else self._row(pixels, *size)
            for pixels, size in zip(pixels_of(images), sizes, strict=True)
        ]
        return pa.RecordBatch.from_pylist(rows, schema=self.schema)

    def _row(self, pixels: Pixels, width: int, height: int) -> dict[str, Any]:
        looks = phash(pixels)
        prints, quality = pdq(pixels)
        small = thumbnail(pixels)
        colours = small.reshape(-1, 3).astype(np.int64)
        uniform = bool((colours.max(axis=0) - colours.min(axis=0)).max() <= _UNIFORM)
        look = f"colour {(colours.mean(axis=0) / _UNIFORM).round()}".encode()
        if not uniform:
            look = f"{width} {height} ".encode() + pixels.tobytes()
        return {
            "phash": looks[0].tobytes(),
            "pdq": prints[0].tobytes(),
            "pdq_quality": quality,
            "views": self._views(pixels, looks if self.by == "phash" else prints),
            "uniform": uniform,
            "pixels": xxhash.xxh3_128_digest(look),
            "thumbnail": small.tobytes(),
            "area": width * height,
            "ratio": width / height,
            "sharpness": sharpness(pixels),
        }

    def _views(self, pixels: Pixels, hashes: U8) -> bytes:
        ways = _WAYS[self.turned]
        views = hashes[1:ways].tobytes()
        high, wide = (round(side * self.crop) for side in pixels.shape[:2])
        if not high and not wide:
            return views
        inner = np.ascontiguousarray(pixels[high : pixels.shape[0] - high, wide : pixels.shape[1] - wide])
        cut = phash(inner) if self.by == "phash" else pdq(inner)[0]
        return views + cut[:ways].tobytes()

    def same(self, one: pa.RecordBatch, other: pa.RecordBatch) -> npt.NDArray[np.bool_]:
        """Of candidate pairs, row i of `one` and of `other` (columns thumbnail and ratio, no nulls), which are one picture."""
        ratios = [rows.column("ratio").to_numpy().astype(np.float64) for rows in (one, other)]
        apart = np.abs(np.log(ratios[0] / ratios[1]))
        if self.turned == "all":
            apart = np.minimum(apart, np.abs(np.log(ratios[0] * ratios[1])))
        alike = apart <= np.log(RATIO) + 1e-9
        ours, theirs = (_matrix(rows.column("thumbnail"))[alike] for rows in (one, other))
        alike[alike] = differences(ours, theirs, _WAYS[self.turned]) <= self.threshold
        return alike


def _matrix(thumbnails: pa.Array) -> U8:
    raw = np.frombuffer(thumbnails.buffers()[1] or b"", np.uint8).reshape(-1, THUMBNAIL)
    return raw[thumbnails.offset : thumbnails.offset + len(thumbnails)]
