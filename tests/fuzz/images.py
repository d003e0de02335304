"""Runs mutated image files through decoding, resizing, encoding and every scorer of images, in children as `fuzz.py` does.

    python tests/fuzz/images.py --inputs 10000 --seed 1 [--save out/fuzz]
    python tests/fuzz/images.py --seed 1 --case 4711

An image gives pixels within the limits or a reason, the same twice, in bounded time and memory.
"""

from __future__ import annotations

import functools
import io
import sys
import time
from pathlib import Path
from random import Random

ROOT = Path(__file__).resolve().parents[2]
if __package__ in (None, ""):
    sys.path[0] = str(ROOT)

import numpy as np  # noqa: E402
import PIL.Image  # noqa: E402
import PIL.ImageCms  # noqa: E402
import pyarrow as pa  # noqa: E402

from core.images import REASONS, Image, ImageError, Limits, Output, Resize, convert, decode  # noqa: E402
from core.images.columns import decoded  # noqa: E402
from dedup.perceptual import Perceptual  # noqa: E402
from filters.image_origin import ImageOrigin  # noqa: E402
from filters.image_quality import ImageQuality  # noqa: E402
from tests.core.images.samples import encoded, picture  # noqa: E402
from tests.fuzz.fuzz import Fuzz, options, say  # noqa: E402

#: So small that headers which claim more reach them, and that what is within costs little.
LIMITS = Limits(bytes=1 << 22, pixels=1 << 22, profile=1 << 16)
OUTPUTS = [Output(Resize(64), "jpeg", 90), Output(Resize(32, "center_crop", downscale="bicubic"), "png", 1)]
SCORERS = (ImageQuality(), ImageOrigin(), Perceptual(turned="all"))


@functools.cache
def seeds() -> tuple[bytes, ...]:
    """Small images in every format, with profiles, EXIF, animations, palettes and alpha."""
    pixels = picture(61, 43)
    image = PIL.Image.fromarray(pixels)
    alpha = PIL.Image.fromarray(np.dstack([pixels, pixels[:, :, 0]]))
    exif = PIL.Image.Exif()
    exif[274], exif[271] = 6, "maker"
    more = {"exif": exif.tobytes(), "icc_profile": PIL.ImageCms.ImageCmsProfile(PIL.ImageCms.createProfile("sRGB")).tobytes()}
    frames = [PIL.Image.fromarray(picture(61, 43, seed)) for seed in range(1, 4)]
    moving = {"save_all": True, "append_images": frames}
    files = [
        encoded(pixels, "JPEG", quality=75), encoded(pixels, "JPEG", progressive=True, **more), encoded(pixels[:, :, 0], "JPEG"),
        encoded(pixels, "JPEG", restart_marker_blocks=2, subsampling=0), encoded(image.convert("CMYK"), "JPEG"),
        encoded(pixels), encoded(alpha, **more), encoded(image.quantize(20), transparency=3), encoded(pixels[:, :, 0] > 99),
        encoded(PIL.Image.fromarray(pixels[:, :, 0].astype(np.uint16) * 200)), encoded(frames[0], **moving),
        encoded(pixels, "WEBP"), encoded(alpha, "WEBP", lossless=True, **more), encoded(frames[0], "WEBP", **moving),
        encoded(pixels, "GIF"), encoded(frames[0], "GIF", **moving), encoded(pixels, "BMP"), encoded(image.quantize(9), "BMP"),
        encoded(pixels, "AVIF", speed=10), encoded(alpha, "AVIF", speed=10, **more),
        encoded(pixels, "TIFF"), encoded(pixels, "TIFF", compression="tiff_lzw"), encoded(pixels, "TIFF", compression="jpeg"),
        encoded(alpha, "TIFF", compression="tiff_adobe_deflate"), encoded(pixels[:, :, 0] > 99, "TIFF", compression="group4"),
    ]  # fmt: skip
    return tuple(files)


_WORDS = [bytes.fromhex(word) for word in ("00000000", "ffffffff", "7fffffff", "80000000", "00000001", "ffff", "0000", "ffd9")]


def mutated(rng: Random) -> bytes:
    """A file of `seeds` with bytes changed, cut, doubled, exchanged with another's, or cut short."""
    data = bytearray(rng.choice(seeds()))
    if rng.random() < 0.03:
        return rng.randbytes(rng.randrange(300))
    for _ in range(rng.choice((1, 1, 2, 4, 16))):
        # Headers are where most goes wrong.
        at = rng.randrange(min(len(data), 200) if rng.random() < 0.5 else len(data)) if data else 0
        kind = rng.randrange(7)
        if kind == 0:
            data[at : at + 1] = bytes([rng.randrange(256)])
        elif kind == 1:
            data[at : at + 1] = bytes([data[at] ^ 1 << rng.randrange(8)]) if data else b""
        elif kind == 2:
            word = rng.choice(_WORDS)
            data[at : at + len(word)] = word
        elif kind == 3:
            del data[at : at + rng.choice((1, 2, 8, 100))]
        elif kind == 4:
            data[at:at] = data[at : at + rng.choice((1, 4, 64, 1000))]
        elif kind == 5:
            other = rng.choice(seeds())
            there = rng.randrange(len(other))
            data[at : at + 64] = other[there : there + rng.choice((4, 64, 500))]
        else:
            data[at:at] = rng.randbytes(rng.choice((1, 4, 32)))
    if rng.random() < 0.1:
        del data[rng.randrange(len(data) + 1) :]
    return bytes(data)


def check(data: bytes) -> str:
    """Decodes, converts and scores a file; what came of it: its format, or a reason. Raises AssertionError and whatever else."""
    try:
        image = decode(data, limits=LIMITS)
    except ImageError as error:
        reason = error.reason
    else:
        return _checked(data, image)
    assert reason in REASONS
    _scored(data, reason)
    return reason


def _checked(data: bytes, image: Image) -> str:
    high, wide, channels = image.pixels.shape
    assert (wide, high, channels) == (image.width, image.height, 3)
    assert image.pixels.dtype == np.uint8
    assert wide * high <= LIMITS.pixels
    assert (decode(data, limits=LIMITS).pixels == image.pixels).all(), "not the same twice"
    again, files = convert(data, OUTPUTS, limits=LIMITS)
    assert (again.width, again.height) == (wide, high)
    for file, side in zip(files, (64, 32), strict=True):
        assert PIL.Image.open(io.BytesIO(file.data)).size == (side, side) == (file.width, file.height)
    _scored(data, None)
    return image.format


def _scored(data: bytes, reason: str | None) -> None:
    column = decoded(pa.array([data, None], pa.large_binary()), LIMITS)
    assert column.field("error").to_pylist()[0] == reason
    batch = pa.RecordBatch.from_arrays([column, pa.array([data, None], pa.large_binary())], names=["image.decoded", "image.bytes"])
    for scorer in SCORERS:
        result = scorer.score(batch)
        result.validate(full=True)
        assert result.schema.equals(scorer.schema)
        assert len(result) == 2


class ImageFuzz(Fuzz):
    """As `Fuzz`; a case is one file."""

    script = "images.py"

    def prepare(self) -> None:
        for data in seeds():
            check(data)

    def check(self, rng: Random, folder: Path) -> tuple[int, int]:
        data = mutated(rng)
        (folder / "fuzz.image").write_bytes(data)
        check(data)
        return 1, len(data)


def main() -> int:
    """Exit code 1 if anything was found."""
    given = options("Fuzzes decoding and scorers of images.", 10_000).parse_args()
    if given.case is not None:
        data = mutated(Random(f"{given.seed}:{given.case}"))
        say(f"{len(data):,} bytes: {check(data)}")
        return 0
    began = time.monotonic()
    fuzz = ImageFuzz(given.seed, given.inputs, given.first, given.save)
    findings = fuzz.run()
    took = time.monotonic() - began
    say(f"{fuzz.inputs:,} files, {fuzz.bytes:,} bytes, {took:.0f} s: {fuzz.inputs / took:,.0f} files/s, "
        f"memory grew by {fuzz.grown >> 20} MiB at most, {len(findings)} findings (seed {given.seed})")  # fmt: skip
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
