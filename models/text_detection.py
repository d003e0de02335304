"""Finds lines of text in images: PP-OCRv4's detector, which says of each pixel how probable it is that it is text.

Differentiable Binarization (Liao et al. 2019, arXiv 1911.08947); weights inside rapidocr-onnxruntime 1.4.4 (Apache-2.0, PaddleOCR's
ch_PP-OCRv4_det), boxes by its settings (config.yaml) and rules (ch_ppocr_det/utils.py), here without OpenCV.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from core.components import connected_components
from models.canvas import Canvas
from models.onnx_session import F32, session
from models.packages import PackagedFile

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
Pixels = npt.NDArray[np.uint8]

MODEL: Final = PackagedFile("rapidocr_onnxruntime", "models/ch_PP-OCRv4_det_infer.onnx", "ocr")
#: A pixel is text above this probability; a box is, whose pixels have this in the mean; boxes are grown, as the model marks
#: the middle of a line alone; sides are at least so long before and after, in pixels.
_PIXEL, _REGION, _GROWN, _LEAST, _LEAST_GROWN = 0.3, 0.5, 1.6, 3.0, 5.0
#: So many regions are looked at, the largest first.
MOST: Final = 256


@dataclass(frozen=True, eq=False)
class Line:
    """A line of text on a canvas: its `middle` (x, y), the unit vector `along` it (x, y) to the right, its length and height, all
    float64 in pixels of the canvas."""

    middle: F64
    along: F64
    length: float
    height: float

    @property
    def corners(self) -> F64:
        """Top left, top right, bottom right, bottom left: float64 (4, 2)."""
        across = np.array([-self.along[1], self.along[0]])
        half = self.along * self.length / 2, across * self.height / 2
        return self.middle + np.array([-half[0] - half[1], half[0] - half[1], half[0] + half[1], half[1] - half[0]])


def shown(pixels: Pixels) -> F32:
    """What the models for text are shown of pixels, uint8 (h, w, 3): float32 (1, 3, h, w), blue first, -1 to 1."""
    levels = pixels[:, :, ::-1].transpose(2, 0, 1)[None].astype(np.float32)
    return np.ascontiguousarray((levels / 255 - 0.5) / 0.5, np.float32)


def find(image: Canvas) -> list[Line]:
    """The lines of text on a canvas, the largest regions first, at most `MOST`."""
    probability = session(MODEL).run(shown(image.pixels))[0][0, 0, : image.height, : image.width]
    lines: list[Line] = []
    for rows, starts, ends in _regions(_widened(probability > _PIXEL)):
        points = np.concatenate([np.stack([starts, rows], axis=1), np.stack([ends - 1, rows], axis=1)]).astype(np.float64)
        line = _smallest_box(_hull(points))
        if min(line.length, line.height) < _LEAST or _mean_in(probability, line) < _REGION:
            continue
        grown = _GROWN * line.length * line.height / (line.length + line.height)  # area × ratio / perimeter, on both sides
        if min(line.length, line.height) + grown >= _LEAST_GROWN:
            lines.append(Line(line.middle, line.along, line.length + grown, line.height + grown))
    return lines


def _mean_in(probability: F32, line: Line) -> float:
    """The mean probability in a box."""
    high, wide = probability.shape
    low, up = np.floor(line.corners.min(axis=0)), np.ceil(line.corners.max(axis=0)) + 1
    (x0, y0), (x1, y1) = np.maximum(low, 0).astype(int).tolist(), np.minimum(up, (wide, high)).astype(int).tolist()
    x, y = np.arange(x0, x1)[None, :] - line.middle[0], np.arange(y0, y1)[:, None] - line.middle[1]
    along, across = x * line.along[0] + y * line.along[1], y * line.along[0] - x * line.along[1]
    inside = (np.abs(along) <= line.length / 2 + 1e-6) & (np.abs(across) <= line.height / 2 + 1e-6)
    return float(probability[y0:y1, x0:x1][inside].mean(dtype=np.float64)) if inside.any() else 0.0


def _widened(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Each pixel and those right and below of one that is set."""
    out = mask.copy()
    out[1:] |= mask[:-1]
    out[:, 1:] |= out[:, :-1].copy()
    return out


def _regions(mask: npt.NDArray[np.bool_]) -> list[tuple[I64, I64, I64]]:
    """The regions of a mask, whose pixels touch by sides or corners, as runs: rows, starts and ends; the largest first."""
    edges = np.diff(np.pad(mask, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    rows, starts = np.nonzero(edges == 1)
    ends = np.nonzero(edges == -1)[1]
    # The runs of the row above whose columns touch: those from the first that ends late enough to the last that begins in time.
    stride = mask.shape[1] + 2
    first = np.searchsorted(rows * stride + ends, (rows - 1) * stride + starts, side="left")
    last = np.searchsorted(rows * stride + starts, (rows - 1) * stride + ends, side="right")
    many = np.maximum(last - first, 0)
    ours = np.repeat(np.arange(len(rows)), many)
    theirs = np.arange(len(ours)) - np.repeat(np.cumsum(many) - many, many) + np.repeat(first, many)
    labels = connected_components(ours, theirs, len(rows))
    sizes = np.zeros(len(rows), np.int64)
    np.add.at(sizes, labels, ends - starts)
    roots = np.flatnonzero(sizes)
    largest = roots[np.argsort(-sizes[roots], kind="stable")][:MOST]
    order = np.argsort(labels, kind="stable")
    bounds = np.searchsorted(labels[order], np.stack([largest, largest + 1]))
    return [(rows[some], starts[some], ends[some]) for some in (order[a:b] for a, b in bounds.T.tolist())]


def _hull(points: F64) -> F64:
    """The corners of the convex hull, float64 (n, 2), by Andrew's monotone chain."""
    ordered = sorted({(x, y) for x, y in points.tolist()})
    chains: list[list[tuple[float, float]]] = []
    for way in (ordered, ordered[::-1]):
        chain: list[tuple[float, float]] = []
        for point in way:
            while len(chain) > 1 and _turn(chain[-2], chain[-1], point) <= 0:
                chain.pop()
            chain.append(point)
        chains.append(chain[:-1] or chain)
    return np.array(chains[0] + chains[1])


def _turn(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _smallest_box(hull: F64) -> Line:
    """The rectangle of the smallest area around a hull: one of its sides lies on one of the hull's (Freeman and Shapira 1975)."""
    sides = np.roll(hull, -1, axis=0) - hull
    lengths = np.hypot(sides[:, 0], sides[:, 1])
    along = sides[lengths > 0] / lengths[lengths > 0, None] if lengths.any() else np.array([[1.0, 0.0]])
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    by, up = hull @ along.T, hull @ across.T
    wide, high = np.ptp(by, axis=0), np.ptp(up, axis=0)
    best = int(np.argmin(np.round(wide * high, 6)))
    middle = (by[:, best].max() + by[:, best].min()) / 2 * along[best] + (up[:, best].max() + up[:, best].min()) / 2 * across[best]
    direction, length, height = along[best], float(wide[best]), float(high[best])
    if abs(direction[1]) > abs(direction[0]):  # of two perpendicular ways along it the one that goes rather across the image
        direction, length, height = across[best], height, length
    return Line(middle, direction if direction[0] >= 0 else -direction, length, height)
