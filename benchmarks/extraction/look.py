"""A page's blocks one below the other, with what the extractor thinks of each: for reading what it keeps beside what it drops.

`python benchmarks/extraction/look.py PAGE.html … [--model fold0.npz] [--fast] [--width 160]`: a line a block with its mark
(`+` kept, `.` dropped), its probability, the way to it through the tree, its words in links and its text.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from ingest.extraction import layout as at
from ingest.extraction.extractor import probabilities, select, title
from ingest.extraction.layout import Tables
from ingest.extraction.model import Model, default_model, load
from ingest.extraction.names import ELEMENTS
from ingest.extraction.scan import scan
from ingest.references import unescape, with_letters

#: Elements of a block's way that are shown, from itself up.
_WAY = 4


def way(tables: Tables, i: int) -> str:
    """The names of the elements that a block stands in, the innermost last."""
    e, names = int(tables.blocks[i, at.B_ELEMENT]), list[str]()
    while e > 0 and len(names) < _WAY:
        names.append(ELEMENTS[tables.elements[e, at.E_NAME]])
        e = int(tables.elements[e, at.E_PARENT])
    return ">".join(reversed(names))


def look(html: bytes, model: Model, *, fast: bool = False, width: int = 160) -> list[str]:
    """The lines of a page; texts are cut to `width` characters."""
    data = np.frombuffer(with_letters(html), np.uint8)
    tables = scan(data)
    probability = probabilities(tables, model, fast=fast)
    kept, confidence = select(tables, probability, title(data), fast=fast)
    lines = [f"# {title(data)}  ({len(kept)} blocks, confidence {confidence:.3f})"]
    for i, (keep, p) in enumerate(zip(kept, probability, strict=True)):
        row = tables.blocks[i]
        raw = tables.text[int(row[at.B_START]) : int(row[at.B_END])].tobytes().decode("utf-8", "replace")
        text = " ".join(unescape(raw).split())
        if len(text) > width:
            text = f"{text[:width]}… ({int(row[at.B_WORDS])} words)"
        lines.append(f"{'+' if keep else '.'} {p:.2f} {way(tables, i):>24s} {int(row[at.B_LINKED]):3d}| {text}")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("pages", nargs="+", type=Path)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--fast", action="store_true")
    parser.add_argument("--width", type=int, default=160)
    given = parser.parse_args()
    model = load(given.model.read_bytes()) if given.model else default_model()
    for page in given.pages:
        print("\n".join(look(page.read_bytes(), model, fast=given.fast, width=given.width)))


if __name__ == "__main__":
    main()
