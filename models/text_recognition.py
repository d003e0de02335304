"""Reads lines of text: PP-OCRv4's recogniser of Chinese and English, with digits and punctuation.

SVTR (Du et al. 2022, arXiv 2205.00159) with CTC; weights inside rapidocr-onnxruntime 1.4.4 (Apache-2.0, PaddleOCR's
ch_PP-OCRv4_rec), letters by its rules (ch_ppocr_rec/utils.py), here without OpenCV.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt
import PIL.Image

from models.onnx_session import session
from models.packages import PackagedFile
from models.text_detection import Line, shown

Pixels = npt.NDArray[np.uint8]

MODEL: Final = PackagedFile("rapidocr_onnxruntime", "models/ch_PP-OCRv4_rec_infer.onnx", "ocr")
#: A line is read at this height, and padded to the least of these widths that it fits into; a longer one is squeezed.
_HEIGHT, _WIDTHS = 48, (320, 640, 960)
#: A line that is so much higher than long is read from top to bottom, turned.
_UPRIGHT: Final = 1.5
#: A line is cut out at most so long.
_LONGEST: Final = 2048


def read(pixels: Pixels, line: Line, scale: float) -> tuple[str, float]:
    """What a line of an image, uint8 (h, w, 3), says, and how sure that is, 0 to 1; `scale` is the canvas's of the line."""
    strip = _cut_out(pixels, line, scale)
    wide = min(max(1, round(_HEIGHT * strip.width / strip.height)), _WIDTHS[-1])
    width = next(w for w in _WIDTHS if w >= wide)
    given = np.zeros((1, 3, _HEIGHT, width), np.float32)
    given[:, :, :, :wide] = shown(np.asarray(strip.resize((wide, _HEIGHT), PIL.Image.Resampling.BILINEAR)))
    (letters,) = session(MODEL).run(given)
    best = letters[0].argmax(axis=1)
    said = (best != 0) & np.append(True, best[1:] != best[:-1])
    if not said.any():
        return "", 0.0
    alphabet = _alphabet(MODEL.digest())
    return "".join(alphabet[i] for i in best[said].tolist()), float(letters[0].max(axis=1)[said].mean(dtype=np.float64))


def _cut_out(pixels: Pixels, line: Line, scale: float) -> PIL.Image.Image:
    """The line as an image of its own, from left to right."""
    top_left, top_right, bottom_right, bottom_left = line.corners / scale
    if line.height >= _UPRIGHT * line.length:
        top_left, top_right, bottom_left = top_right, bottom_right, top_left
    wide = int(np.clip(round(float(np.hypot(*(top_right - top_left)))), 1, _LONGEST))
    high = int(np.clip(round(float(np.hypot(*(bottom_left - top_left)))), 1, _LONGEST))
    x, y = (top_right - top_left) / wide, (bottom_left - top_left) / high
    affine = (x[0], y[0], top_left[0], x[1], y[1], top_left[1])
    return PIL.Image.fromarray(pixels).transform((wide, high), PIL.Image.Transform.AFFINE, affine, PIL.Image.Resampling.BICUBIC)


@lru_cache(maxsize=1)
def _alphabet(digest: str) -> list[str]:
    """What each output stands for: nothing, the letters that the model's file lists, a space. `digest` is there for the cache."""
    return ["", *session(MODEL).metadata["character"].splitlines(), " "]
