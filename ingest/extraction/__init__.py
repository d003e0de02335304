"""Main text of HTML pages without a tree: one pass to blocks, features, boosted trees, a choice by expected F1.

`scan` (with tags, attributes, marks, formulas, blocks, characters, hints over the tables of layout) → `measures`, `pages`,
`relations`, `centre` → `features` → `trees` → `context` → `trees` → `agreement` → `unseen` → `choice` → `examples` → `languages`,
`contents`, `titles` → `repeats` → `signs` → `plain`, or `markdown` (with inline, grid), both with `cells`; with `linked_data` where
a page says more to machines. `images` are of the same scan.
Weights and their card are in data/.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from ingest.extraction.images import ImageReference
    from ingest.image_addresses import ImageOptions

__all__ = ["extract_images", "extract_text"]


def extract_text(
    html: str, *, engine: Literal["web2shards", "web2shards-fast"] = "web2shards", format: Literal["text", "markdown"] = "text"
) -> str:
    """The main text of a page, empty if there is none: a line a block or a row of a table, or Markdown with headings, lists,
    tables and code.

    It never raises on what a page may hold; TypeError for what is no str, ValueError for an engine or a format that is not there.
    """
    _check(html)
    if engine not in ("web2shards", "web2shards-fast"):
        raise ValueError(f"engine: {engine!r} is not there; use 'web2shards' or 'web2shards-fast'")
    if format not in ("text", "markdown"):
        raise ValueError(f"format: {format!r} is not there; use 'text' or 'markdown'")
    from ingest.extraction.extractor import extract  # loads kernels and weights

    return extract(_bytes(html), fast=engine == "web2shards-fast", structure=format == "markdown").text


def extract_images(html: str, url: str = "", options: ImageOptions | None = None) -> list[ImageReference]:
    """The images that a page shows, in their order, with alternative text, caption, title and the text around; addresses are
    absolute where the page's own, `url`, or its <base> is. Those with a `reason` are not to be fetched; TypeError for what is no
    str."""
    _check(html)
    from ingest.cut import cut_utf8
    from ingest.extraction.images import references
    from ingest.extraction.scan import scan
    from ingest.image_addresses import ImageOptions

    options = options or ImageOptions()
    data = cut_utf8(_bytes(html), options.max_html)
    return references(data, scan(data), url, options)


def _check(html: object) -> None:
    if isinstance(html, bytes | bytearray | memoryview):
        raise TypeError(
            f"html: a str, not {type(html).__name__}; ingest.charset.decode(html).text finds its charset and decodes it"
        )
    if not isinstance(html, str):
        raise TypeError(f"html: a str, not {type(html).__name__}")


def _bytes(html: str) -> np.ndarray:
    return np.frombuffer(html.encode("utf-8", "replace"), np.uint8)
