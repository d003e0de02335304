"""Text that stands in an image: how much of it that covers, and what it says (`models.text_detection`, `text_recognition`).

T-MARS (Maini et al. 2023, arXiv 2307.03132) finds that 40% of LAION's images have text that overlaps with their captions;
`filters.repeated_caption` compares the two.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Final

import numpy as np
import numpy.typing as npt
import PIL.Image
import PIL.ImageDraw
import pyarrow as pa

from core.images.columns import pixels_of
from core.scorer import column
from models import text_detection, text_recognition
from models.canvas import Canvas, canvas
from models.onnx_session import session, weights_digest
from models.text_detection import Line

Pixels = npt.NDArray[np.uint8]
#: What is read less surely than this is not told (rapidocr's text_score).
_SURE: Final = 0.5
#: Small images are enlarged by this at most, as letters of a few pixels are not found.
_LARGER: Final = 2.0
#: Lines on one height, in pixels of the canvas, are read from left to right (rapidocr's sorted_boxes).
_LEVEL: Final = 10.0


@dataclass(frozen=True)
class OverlaidText:
    """Columns of the text in an image; null where it could not be decoded. Letters are those of Chinese and English.

    The `most` largest places that look like a line are read, at 12 to 35 ms each: those that say something count, and all that
    are not read (with 0 what looks like a line is one). An image is looked at with at most 640 pixels a side: print of
    fewer than about 8 of those is missed. A rule: `overlaid_text.share <= 0.2`. Needs `pip install 'web2shards[ocr]'`, which
    has Python 3.11 and 3.12.
    """

    most: int = 16

    name: ClassVar[str] = "overlaid_text"
    version: ClassVar[int] = 1
    costly: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if isinstance(self.most, bool) or not 0 <= self.most <= text_detection.MOST:
            raise ValueError(f"most: 0 to {text_detection.MOST}, not {self.most}")

    @property
    def inputs(self) -> tuple[str, ...]:
        return ("image.decoded",)

    @property
    def schema(self) -> pa.Schema:
        return pa.schema([
            column("share", pa.float32(), "area that lines of text cover, of the image's", low=0, high=1),
            column("lines", pa.int32(), "lines of text", low=0, high=50),
            column("text", pa.string(), "what they say, a line each; empty where nothing could be read"),
            column("characters", pa.int32(), "characters of that", unit="characters", low=0, high=500),
        ])  # fmt: skip

    def weights_digest(self) -> str:
        return weights_digest(text_detection.MODEL, text_recognition.MODEL)

    def open(self) -> None:
        session(text_detection.MODEL)
        session(text_recognition.MODEL)

    def score(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        images = pixels_of(batch.column("image.decoded"))
        rows = [dict.fromkeys(self.schema.names) if pixels is None else self._row(pixels) for pixels in images]
        return pa.RecordBatch.from_pylist(rows, schema=self.schema)

    def _row(self, pixels: Pixels) -> dict[str, Any]:
        shown = canvas(pixels, _LARGER)
        lines = sorted(text_detection.find(shown), key=lambda line: -line.length * line.height)
        read = [(line, *text_recognition.read(pixels, line, shown.scale)) for line in _in_order(lines[: self.most])]
        said = [(line, text.strip()) for line, text, sure in read if sure >= _SURE and text.strip()]
        found = [*(line for line, _ in said), *lines[self.most :]]
        text = "\n".join(text for _, text in said)
        return {"share": _share(shown, found), "lines": len(found), "text": text, "characters": len(text)}


def _share(shown: Canvas, lines: list[Line]) -> float:
    mask = PIL.Image.new("1", (shown.width, shown.height))
    draw = PIL.ImageDraw.Draw(mask)
    for line in lines:
        draw.polygon([(x, y) for x, y in line.corners.tolist()], fill=1)
    return float(np.asarray(mask).mean(dtype=np.float64))


def _in_order(lines: list[Line]) -> list[Line]:
    """From top to bottom, and from left to right where lines begin on one height."""
    begins = {id(line): line.corners[0].tolist() for line in lines}
    rest = sorted(lines, key=lambda line: (begins[id(line)][1], begins[id(line)][0]))
    found: list[Line] = []
    while rest:
        level = begins[id(rest[0])][1]
        row = [line for line in rest if begins[id(line)][1] - level < _LEVEL]
        found += sorted(row, key=lambda line: begins[id(line)][0])
        rest = rest[len(row) :]
    return found
