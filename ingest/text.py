"""The main text of a page, by resiliparse (github.com/chatnoir-eu/chatnoir-resiliparse).

Texts that are no HTML pass through.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa
import pyarrow.compute as pc
from resiliparse.extract.html2text import extract_plain_text

from core.scorer import column


@dataclass(frozen=True)
class Text:
    """Extracts the main text."""

    main: bool = True

    name: ClassVar[str] = "text"
    version: ClassVar[int] = 1
    costly: ClassVar[bool] = False

    @property
    def inputs(self) -> tuple[str, ...]:
        return ("page.content", "page.form")

    @property
    def schema(self) -> pa.Schema:
        return pa.schema([
            column("title", pa.string(), "the page's title"),
            column("text", pa.string(), "the main text"),
            column("characters", pa.int32(), "length of the text", unit="characters", low=0, high=20000),
            column("confidence", pa.float32(), "of the extraction; null where the engine gives none", low=0, high=1),
        ])

    def weights_digest(self) -> str:
        return ""

    def open(self) -> None:
        return None

    def score(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        texts = [
            content if form != "html" or content is None
            else extract_plain_text(content, main_content=self.main, alt_texts=False, list_bullets=False, preserve_formatting=True)
            for content, form in zip(batch.column(0).to_pylist(), batch.column(1).to_pylist())
        ]
        text = pa.array(texts, pa.string())
        return pa.RecordBatch.from_arrays(
            [pa.nulls(len(batch), pa.string()), text, pc.utf8_length(text), pa.nulls(len(batch), pa.float32())], schema=self.schema
        )
