"""Images a second and core from a 1.5-megapixel JPEG to one of 256 pixels: web2shards, Pillow and OpenCV, on the same files.

`python benchmarks/image_resize.py`: decoding, area (Pillow: box) to a longer side of 256, encoding at quality 95; median of
several runs of processor time, one thread each. The files are mosaics of two photographs that come with scikit-learn, coded by
Pillow as baseline and as progressive JPEG. OpenCV is measured where it is installed.
"""

from __future__ import annotations

import io
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import numpy.typing as npt
import PIL.Image
from machine import begin, save, versions

from core.images import Output, Resize, convert, decode, encode, resize
from core.images.encoding import needed

Pixels = npt.NDArray[np.uint8]

WIDTH, HEIGHT, NUMBER, RUNS = 1_500, 1_000, 12, 5
SIZE, QUALITY = 256, 95
#: How the files are coded: quality, progressive.
CODINGS = {"baseline, quality 75": (75, False), "baseline, quality 90": (90, False), "progressive, quality 90": (90, True)}
HOW = Resize(SIZE, "keep_ratio_largest")


def mosaic(seed: int) -> Pixels:
    """Photographs side by side, mirrored and turned as the seed has it, so that every file is as detailed as they are."""
    from sklearn.datasets import load_sample_images

    photographs = load_sample_images().images
    random = np.random.default_rng(seed)
    high, wide = photographs[0].shape[:2]
    rows = [
        np.concatenate([_turned(photographs[random.integers(2)], random) for _ in range(-(-WIDTH // wide))], axis=1)
        for _ in range(-(-HEIGHT // high))
    ]
    return np.concatenate(rows)[:HEIGHT, :WIDTH]


def _turned(photograph: Pixels, random: np.random.Generator) -> Pixels:
    return photograph[:: random.choice([-1, 1]), :: random.choice([-1, 1])]


def files(quality: int, progressive: bool) -> list[bytes]:
    made: list[bytes] = []
    for seed in range(NUMBER):
        out = io.BytesIO()
        PIL.Image.fromarray(mosaic(seed)).save(out, "JPEG", quality=quality, progressive=progressive)
        made.append(out.getvalue())
    return made


def ours(data: bytes) -> bytes:
    return convert(data, [Output(HOW, "jpeg", QUALITY)])[1][0].data


def whole(data: bytes) -> bytes:
    return encode(resize(decode(data), HOW), "jpeg", QUALITY)


def pillow(data: bytes, draft: bool = False) -> bytes:
    image = PIL.Image.open(io.BytesIO(data))
    size = HOW.scaled(*image.size)
    if draft:
        image.draft("RGB", size)
    out = io.BytesIO()
    image.convert("RGB").resize(size, PIL.Image.Resampling.BOX).save(out, "JPEG", quality=QUALITY)
    return out.getvalue()


def ways() -> dict[str, Callable[[bytes], bytes]]:
    found: dict[str, Callable[[bytes], bytes]] = {
        "web2shards": ours,
        "web2shards, whole decoding": whole,
        "Pillow": pillow,
        "Pillow, draft": lambda data: pillow(data, draft=True),
    }
    try:
        import cv2
    except ImportError:
        return found
    cv2.setNumThreads(1)

    def opencv(data: bytes, flag: int = cv2.IMREAD_COLOR, scale: int = 1) -> bytes:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flag)
        size = HOW.scaled(image.shape[1] * scale, image.shape[0] * scale)
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        return cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()

    found["OpenCV (as img2dataset)"] = opencv
    found["OpenCV, reduced by 2"] = lambda data: opencv(data, cv2.IMREAD_REDUCED_COLOR_2, 2)
    return found


def psnr(data: bytes) -> float:
    """Of the resized pixels, those of a scaled decoding against those of a whole one, dB."""
    scaled = decode(data, at_least=lambda width, height: needed([HOW], width, height))
    one, other = (resize(image, HOW).astype(np.float64) for image in (scaled, decode(data)))
    return float(10 * np.log10(255**2 / np.mean((one - other) ** 2)))


def measure(way: Callable[[bytes], bytes], inputs: list[bytes]) -> float:
    began = time.process_time()
    for data in inputs:
        way(data)
    return len(inputs) / (time.process_time() - began)


def main() -> None:
    began = begin()
    result: dict[str, Any] = {
        **began, "pixels": WIDTH * HEIGHT, "files": NUMBER, "size": SIZE, "quality": QUALITY,
        "versions": versions(("numpy", "pillow", "simplejpeg", "opencv-python-headless", "scikit-learn")), "codings": {},
    }  # fmt: skip
    for coding, (quality, progressive) in CODINGS.items():
        inputs = files(quality, progressive)
        rates: dict[str, list[float]] = {name: [] for name in ways()}
        for run in range(RUNS + 1):
            for name, way in ways().items():
                rate = measure(way, inputs)
                if run:
                    rates[name].append(round(rate, 1))
        result["codings"][coding] = {
            "bytes_a_file": round(sum(map(len, inputs)) / len(inputs)),
            "psnr_db": round(statistics.mean(map(psnr, inputs)), 1),
            "images_a_second": {name: statistics.median(values) for name, values in rates.items()},
            "runs": rates,
        }
        print(f"{coding}: {result['codings'][coding]['bytes_a_file']:,} bytes, PSNR {result['codings'][coding]['psnr_db']} dB")
        for name, rate in result["codings"][coding]["images_a_second"].items():
            print(f"{rate:8.1f} images/s  {name}")
    save("image_resize", result)


if __name__ == "__main__":
    main()
