"""Images that tests make: a picture with edges, gradients and colours, in any format."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image

Pixels = npt.NDArray[np.uint8]


def picture(width: int = 120, height: int = 80, seed: int = 0) -> Pixels:
    """Smooth colours with a few rectangles on them, all different for each seed; nothing in it is symmetric."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    slopes = random.uniform(-1, 1, (3, 2))
    planes = [128 + 100 * np.sin(3 * (a * x / width + b * y / height) + k) for k, (a, b) in enumerate(slopes)]
    pixels = np.clip(np.stack(planes, axis=-1), 0, 255).astype(np.uint8)
    for _ in range(6):
        left, top = random.integers(0, max(1, width * 3 // 4)), random.integers(0, max(1, height * 3 // 4))
        wide, high = random.integers(2, width // 4 + 3), random.integers(2, height // 4 + 3)
        pixels[top : top + high, left : left + wide] = random.integers(0, 256, 3)
    return pixels


def encoded(pixels: Pixels | PIL.Image.Image, format: str = "PNG", **options: Any) -> bytes:
    """A file of an image by Pillow."""
    image = pixels if isinstance(pixels, PIL.Image.Image) else PIL.Image.fromarray(pixels)
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def psnr(one: Pixels, other: Pixels) -> float:
    """Peak signal-to-noise ratio of two images of one shape, in dB; infinite for equal ones."""
    error = np.mean((one.astype(np.float64) - other) ** 2)
    return float("inf") if error == 0 else float(10 * np.log10(255**2 / error))
