"""Whether an image can be decoded: what is asked of every image before anything else is.

The reasons are those of `core.images` (`core.images.REASONS`), which decodes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from core.scorer import column


@dataclass(frozen=True)
class Readable:
    """Why an image cannot be used, of `image.decoded` (`core.images.columns`); empty if it can."""

    name: ClassVar[str] = "readable"
    version: ClassVar[int] = 1
    costly: ClassVar[bool] = False

    @property
    def inputs(self) -> tuple[str, ...]:
        return ("image.decoded",)

    @property
    def schema(self) -> pa.Schema:
        return pa.schema([column("problem", pa.string(), "why it cannot be decoded; empty if it can")])

    def weights_digest(self) -> str:
        return ""

    def open(self) -> None:
        return

    def score(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        images = batch.column(0)
        problem = pc.if_else(images.is_valid(), pc.struct_field(images, "error").fill_null(""), pa.scalar(None, pa.string()))
        return pa.RecordBatch.from_arrays([problem], schema=self.schema)
