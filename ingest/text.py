"""The layer `text`: a page's title and main text, before any edit.

The engine is this project's own (`ingest.extraction`), or another behind `ingest.html.Extractor`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from core.columns import utf8_view
from core.scorer import column
from ingest.cleaning import clean
from ingest.cut import MAX_HTML, check_max_html, cut, cut_utf8
from ingest.engines import MODULES, RsTrafilatura, Trafilatura, require
from ingest.html import Extracted, Extractor, Resiliparse, tamed

_FAST = "web2shards-fast"
_OWN = ("web2shards", _FAST)
#: Forms of rows that are texts, and no HTML: of tables, and captions that are the words of a file's name.
_PLAIN = ("text", "file_name")
_ENGINES = (*_OWN, "resiliparse", "trafilatura", "rs-trafilatura")


@dataclass(frozen=True)
class Text:
    """Title and main text of a page.

    `engine`: who extracts; web2shards is better, and web2shards-fast faster, than resiliparse; trafilatura and rs-trafilatura
    are installed apart. `format`: plain text, a line a block or a row of a table, or Markdown with headings, lists, tables and
    code, which resiliparse does not make. `main`: only the main content, without navigation and footers; trafilatura and
    rs-trafilatura know no other. `max_html`: characters of HTML that are read; a longer page is cut there, before a tag that is
    not whole, and `cut` says so. A row of a text table or a WET file, and a caption, is
    passed through.
    """

    engine: Literal["web2shards", "web2shards-fast", "resiliparse", "trafilatura", "rs-trafilatura"] = "web2shards"
    format: Literal["text", "markdown"] = "text"
    main: bool = True
    max_html: int = MAX_HTML

    name: ClassVar[str] = "text"
    version: ClassVar[int] = 5
    costly: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.engine not in _ENGINES:
            raise ValueError(f"engine: {self.engine!r} is not there; use {', '.join(map(repr, _ENGINES[:-1]))} or {_ENGINES[-1]!r}")
        if self.format not in ("text", "markdown"):
            raise ValueError(f"format: {self.format!r} is not there; use 'text' or 'markdown'")
        if self.format == "markdown" and self.engine == "resiliparse":
            raise ValueError("format: resiliparse makes no Markdown; use the engine 'web2shards'")
        if self.engine in MODULES:
            if not self.main:
                raise ValueError(f"main: {self.engine} extracts main text alone; use another engine for whole pages")
            require(self.engine)
        check_max_html(self.max_html)

    @property
    def inputs(self) -> tuple[str, ...]:
        return ("page.content", "page.form", "page.url")

    @property
    def schema(self) -> pa.Schema:
        return pa.schema(
            [
                column("title", pa.string(), "the page's <title>, empty if it has none"),
                column("text", pa.string(), "main text: blocks parted by newlines, no trailing spaces"),
                column("characters", pa.int32(), "length of the text", unit="characters", low=0, high=20000),
                column("confidence", pa.float32(), "F1 the engine expects of its text; null if it does not say", bounds=(0, 1)),
                column("cut", pa.bool_(), "the HTML was longer than max_html and was cut"),
            ]
        )

    def weights_digest(self) -> str:
        if self.engine not in _OWN:
            return ""
        from ingest.extraction.model import default_model

        return default_model().digest

    def open(self) -> None:
        if self.engine in _OWN:
            self._own(np.frombuffer(b"<p>", np.uint8))
        else:
            self._extractor().extract("<p>", "")

    def score(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """One row a page; null content gives null columns."""
        extractor = self._extractor()
        content, form, url = (batch.column(name) for name in self.inputs)
        offsets, data = utf8_view(content)
        rows: list[Extracted | None] = []
        for i, valid in enumerate(content.is_valid().to_pylist()):  # one page at a time in memory
            raw = data[offsets[i] : offsets[i + 1]]
            rows.append(self._extract(extractor, raw, form[i].as_py(), url[i].as_py() or "") if valid else None)
        title, text = (clean([None if row is None else getattr(row, name) for row in rows]) for name in ("title", "text"))
        confidence = pa.array([None if row is None else row.confidence for row in rows], pa.float32())
        characters = pc.utf8_length(text).cast(pa.int32())
        longer = pc.greater(pc.utf8_length(content), pa.scalar(self.max_html, pa.int64()))
        was_cut = pc.and_(longer, pc.invert(pc.is_in(form.cast(pa.string()), value_set=pa.array(_PLAIN))))
        return pa.RecordBatch.from_arrays([title, text, characters, confidence, was_cut], schema=self.schema)

    def _extractor(self) -> Extractor:
        markdown = self.format == "markdown"
        if self.engine == "trafilatura":
            return Trafilatura(markdown)
        return RsTrafilatura(markdown) if self.engine == "rs-trafilatura" else Resiliparse(main=self.main)

    def _extract(self, extractor: Extractor, raw: npt.NDArray[np.uint8], form: str | None, url: str) -> Extracted:
        if self.engine in _OWN and form not in _PLAIN:
            return self._own(raw)
        page = raw.tobytes()
        content = page.decode()
        if form in _PLAIN:
            return Extracted("", content)
        if b"\x00" in page:
            html = tamed(cut(content, self.max_html).replace("\x00", ""), self.max_html)
        else:
            html = tamed(content, self.max_html, raw)
        found = extractor.extract(html, url)
        return found if self.engine == "resiliparse" else replace(found, title=self._title(page))

    def _own(self, raw: npt.NDArray[np.uint8]) -> Extracted:
        """What this project's engine finds; it needs no taming, as it keeps limits of its own."""
        from ingest.extraction.extractor import extract  # its kernels are loaded for who uses them

        raw = cut_utf8(raw, self.max_html)
        found = extract(raw, fast=self.engine == _FAST, main=self.main, structure=self.format == "markdown")
        return Extracted(*found)

    def _title(self, page: bytes) -> str:
        from ingest.extraction.extractor import title

        return title(np.frombuffer(page, np.uint8))
