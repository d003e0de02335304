"""Main text of HTML pages without a tree: one pass to blocks, features, boosted trees, a choice by expected F1.

`scan` (with tags, blocks, characters, hints over the tables of layout) → `measures`, `pages`, `relations` → `features` →
`trees` → `context` → `trees` → `choice`; weights and their card are in data/.
"""

from __future__ import annotations

import numpy as np

__all__ = ["extract_text"]


def extract_text(html: str) -> str:
    """The main text of a page, a line a block; empty if there is none. It never raises on what a page may hold."""
    from ingest.extraction.extractor import extract  # loads kernels and weights

    return extract(np.frombuffer(html.encode("utf-8", "replace"), np.uint8)).text
