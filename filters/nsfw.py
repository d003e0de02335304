"""How probable it is that an image is pornographic, by Yahoo's Open NSFW (`models.open_nsfw`).

DataComp and LAION use classifiers over CLIP's embeddings instead; this one needs an image alone, and runs on one core.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa

from core.images.columns import pixels_of
from core.scorer import column
from models import open_nsfw
from models.onnx_session import session, weights_digest


@dataclass(frozen=True)
class NSFW:
    """`score` is a probability, 0 to 1; null where an image could not be decoded.

    Yahoo calls images below 0.2 safe, and above 0.8 not; between them a person should look. A rule: `nsfw.score <= 0.2`. The model
    knows photographs, and little of drawings or violence. Needs `pip install 'web2shards[nsfw]'`.
    """

    name: ClassVar[str] = "nsfw"
    version: ClassVar[int] = 1
    costly: ClassVar[bool] = True

    @property
    def inputs(self) -> tuple[str, ...]:
        return ("image.decoded",)

    @property
    def schema(self) -> pa.Schema:
        return pa.schema([column("score", pa.float32(), "probability that the image is pornographic", low=0, high=1)])

    def weights_digest(self) -> str:
        return weights_digest(open_nsfw.MODEL)

    def open(self) -> None:
        session(open_nsfw.MODEL)

    def score(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        scores = [None if pixels is None else open_nsfw.score(pixels) for pixels in pixels_of(batch.column("image.decoded"))]
        return pa.RecordBatch.from_arrays([pa.array(scores, pa.float32())], schema=self.schema)
