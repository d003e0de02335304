"""Main text by all engines side by side: word F1, precision and recall by page type, and time as a ratio to resiliparse's.

`python benchmarks/extraction/compare.py [PEERS_PYTHON]` after train.py: every page of WCXB's development set is read by the
model of the fold that left its domain out, so that no figure is of a page that was trained on. PEERS_PYTHON is the Python
of an environment with trafilatura and rs-trafilatura; without it they are left out. Times are processor time, the least of
three, the engines taking turns page by page in one process; those of peers are of their own process, in one go.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from corpus import FOLDS, Annotated, corpora, wcxb
from labels import text_f1

from ingest.cleaning import clean
from ingest.extraction.extractor import extract
from ingest.extraction.model import Model, load
from ingest.html import Resiliparse

HERE = Path(__file__).resolve().parent
DATA = HERE.parent / ".data" / "extraction"
TURNS = 3
PEERS = ("trafilatura", "trafilatura-fast", "rs-trafilatura")

Engine = Callable[[str], str]
Figures = dict[str, list[Any]]


def engines(model: Model) -> dict[str, Engine]:
    """The engines that run here, with the model that a page may be read with."""
    resiliparse = Resiliparse()

    def own(html: str, *, fast: bool) -> str:
        return extract(np.frombuffer(html.encode("utf-8", "replace"), np.uint8), fast=fast, model=model).text

    return {
        "web2shards": lambda html: own(html, fast=False),
        "web2shards-fast": lambda html: own(html, fast=True),
        "resiliparse": lambda html: resiliparse.extract(html, "").text,
    }


def here(pages: Sequence[Annotated], models: Sequence[Model], turns: int) -> dict[str, Figures]:
    """What the engines of this process find, page by page, and the milliseconds they take."""
    found: dict[str, Figures] = {}
    for page in pages:
        for _ in range(turns):
            for name, work in engines(models[page.fold]).items():
                began = time.process_time()
                text = work(page.html)
                ms = 1e3 * (time.process_time() - began)
                row = found.setdefault(name, {}).setdefault(page.id, [text, ms])
                row[1] = min(row[1], ms)
    return found


def peers(python: str, pages: Sequence[Annotated]) -> dict[str, Figures]:
    """What the engines of another environment find."""
    found: dict[str, Figures] = {}
    with tempfile.TemporaryDirectory() as folder:
        given = Path(folder, "pages.jsonl")
        given.write_text("".join(json.dumps({"html": page.html}) + "\n" for page in pages), encoding="utf-8")
        for name in PEERS:
            out = Path(folder, name)
            script = HERE.parent / "peers" / "extraction_job.py"
            done = subprocess.run([python, str(script), name, str(given), str(out)], capture_output=True, text=True, check=False)
            if done.returncode:
                print(f"{name} failed: {done.stderr[-500:]}")
                continue
            rows = map(json.loads, out.read_text("utf-8").splitlines())
            found[name] = {page.id: [row["text"], row["ms"]] for page, row in zip(pages, rows, strict=True)}
    return found


def table(pages: Sequence[Annotated], found: dict[str, Figures]) -> dict[str, Any]:
    """Prints the table; returns its figures: by engine and type the means of F1, precision, recall, and ms a page."""
    types = ["all", *sorted({page.type for page in pages})]
    result: dict[str, Any] = {}
    for name, rows in found.items():
        marks = {page.id: (*text_f1(rows[page.id][0], page.text), rows[page.id][1]) for page in pages}
        result[name] = {
            kind: [float(x) for x in np.mean([marks[p.id] for p in pages if kind in ("all", p.type)], axis=0)] for kind in types
        }
    base = result["resiliparse"]["all"][3]
    kinds = " ".join(f"{kind[:8]:>8s}" for kind in types[1:])
    print(f"{'engine':18s} {'F1':>6s} {'P':>6s} {'R':>6s} {'ms':>7s} {'ratio':>6s}  {kinds}")
    for name, by in result.items():
        f1, precision, recall, ms = by["all"]
        kinds = " ".join(f"{by[kind][0]:8.3f}" for kind in types[1:])
        print(f"{name:18s} {f1:6.4f} {precision:6.3f} {recall:6.3f} {ms:7.2f} {ms / base:6.2f}  {kinds}")
    return result


def segments(model: Model) -> None:
    """F1 on the older pages by the marked segments found, as trafilatura's own evaluation counts them."""
    import gzip

    path = corpora() / "extraction" / "dev-extraction.jsonl.gz"
    counts: dict[str, list[int]] = {}
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for row in map(json.loads, lines):
            for name, work in engines(model).items():
                text = clean([work(row["html"])])[0].as_py()
                kept = sum(s in text for s in row["with"])
                wrong = sum(s in text for s in row["without"])
                for k, x in enumerate((kept, wrong, len(row["with"]) - kept)):
                    counts.setdefault(name, [0, 0, 0])[k] += x
    for name, (kept, wrong, lost) in counts.items():
        precision, recall = kept / (kept + wrong), kept / (kept + lost)
        print(f"{name:18s} {2 * precision * recall / (precision + recall):6.4f} {precision:6.3f} {recall:6.3f}")


def main(python: str | None) -> None:
    pages = wcxb()
    models = [load((DATA / f"fold{fold}.npz").read_bytes()) for fold in range(FOLDS)]
    here(pages[:20], models, 1)
    found = here(pages, models, TURNS)
    if python:
        found |= peers(python, pages)
    result = table(pages, found)
    (DATA / "extraction.json").write_text(json.dumps(result, indent=1) + "\n")
    print("\nsegments of the older pages, none of which was trained on")
    segments(load((DATA / "weights.npz").read_bytes()))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
