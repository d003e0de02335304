"""Main text by all engines side by side: word F1, precision and recall by page type, and time as a ratio to resiliparse's.

`python benchmarks/extraction/compare.py [PEERS_PYTHON]` after train.py; writes results/extraction.json. Every page is read by
the model of the fold that left its domain out, so that no figure is of a page that was trained on. PEERS_PYTHON is the Python of
an environment with trafilatura and rs-trafilatura; without it they are left out. Times are processor time, the least of three,
the engines taking turns page by page in one process; those of peers are of their own process, in one go.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from corpus import FOLDS, Annotated, manuals, older, wcxb
from labels import text_f1

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent))

from machine import begin, save  # noqa: E402

from ingest.cleaning import clean  # noqa: E402
from ingest.extraction.extractor import extract  # noqa: E402
from ingest.extraction.model import Model, load  # noqa: E402
from ingest.extraction.trees import Masks  # noqa: E402
from ingest.html import Resiliparse, tamed  # noqa: E402

DATA = HERE.parent / ".data" / "extraction"
TURNS = 3
PEERS = ("trafilatura", "trafilatura-fast", "rs-trafilatura")
#: What was wanted of cross-validation on WCXB: the least F1, at how much of resiliparse's time at most.
GOALS = {"web2shards": (0.880, 1.0), "web2shards-fast": (0.872, 0.5)}
#: Shares of the trees of which the curve of quality against time is made.
SHARES = (0.25, 0.5, 0.75, 1.0)

Engine = Callable[[str], str]
Found = dict[str, tuple[str, float]]


def as_bytes(html: str) -> np.ndarray:
    return np.frombuffer(html.encode("utf-8", "replace"), np.uint8)


def engines(model: Model) -> dict[str, Engine]:
    """The engines that run here, with the model that a page may be read with."""
    resiliparse = Resiliparse()
    return {
        "web2shards": lambda html: extract(as_bytes(html), model=model).text,
        "web2shards-fast": lambda html: extract(as_bytes(html), fast=True, model=model).text,
        "resiliparse": lambda html: resiliparse.extract(tamed(html, 4 << 20), "").text,
    }


def fewer(model: Model, share: float) -> Model:
    """The model with the first trees of each of its three."""

    def part(masks: Masks) -> Masks:
        return masks._replace(ends=masks.ends[: 1 + max(1, round(share * (len(masks.ends) - 1)))])

    return replace(model, first=part(model.first), second=part(model.second), fast=part(model.fast))


def here(pages: Sequence[Annotated], models: Sequence[Model], turns: int) -> dict[str, Found]:
    """By engine of this process and page: the text, and the milliseconds it took."""
    found: dict[str, Found] = {}
    for page in pages:
        for _ in range(turns):
            for name, work in engines(models[page.fold]).items():
                began = time.process_time()
                text = work(page.html)
                ms = 1e3 * (time.process_time() - began)
                row = found.setdefault(name, {})
                row[page.id] = text, min(ms, row.get(page.id, ("", ms))[1])
    return found


def peers(python: str, pages: Sequence[Annotated]) -> dict[str, Found]:
    """By engine of another environment and page."""
    found: dict[str, Found] = {}
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
            found[name] = {page.id: (row["text"], row["ms"]) for page, row in zip(pages, rows, strict=True)}
    return found


def judged(pages: Sequence[Annotated], found: dict[str, Found]) -> dict[str, Any]:
    """By engine: by type of page the means of F1, precision and recall; the milliseconds a page, and the ratio of their means."""
    types = ["all", *sorted({page.type for page in pages})]
    base = np.mean([ms for _, ms in found["resiliparse"].values()])
    result: dict[str, Any] = {}
    for name, rows in found.items():
        marks = {page.id: text_f1(rows[page.id][0], page.text) for page in pages}
        by = {kind: [marks[page.id] for page in pages if kind in ("all", page.type)] for kind in types}
        times = np.array([rows[page.id][1] for page in pages])
        result[name] = {
            "scores": {kind: [round(float(x), 4) for x in np.mean(part, axis=0)] for kind, part in by.items()},
            "ms": round(float(times.mean()), 3), "ratio": round(float(times.mean() / base), 3),
            "ms at 50, 90, 99%": [round(float(x), 2) for x in np.percentile(times, [50, 90, 99])],
        }  # fmt: skip
    return result


def told(result: dict[str, Any]) -> None:
    types = list(next(iter(result.values()))["scores"])[1:]
    kinds = " ".join(f"{kind[:8]:>8s}" for kind in types)
    print(f"{'engine':18s} {'F1':>6s} {'P':>6s} {'R':>6s} {'ms':>7s} {'ratio':>6s}  {kinds}")
    for name, row in result.items():
        f1, precision, recall = row["scores"]["all"]
        kinds = " ".join(f"{row['scores'][kind][0]:8.3f}" for kind in types)
        print(f"{name:18s} {f1:6.4f} {precision:6.3f} {recall:6.3f} {row['ms']:7.2f} {row['ratio']:6.2f}  {kinds}")


def segments(pages: Sequence[Annotated], found: dict[str, Found]) -> dict[str, Any]:
    """By engine: F1, precision and recall of the marked segments, as trafilatura's own evaluation counts them; the share of
    those that belong to the text which is kept, and of those that do not which is left."""
    result: dict[str, Any] = {}
    for name, rows in found.items():
        texts = clean([rows[page.id][0] for page in pages]).to_pylist()
        texts = [" ".join(text.split()) for text in texts]
        wanted = [" ".join(s.split()) in text for page, text in zip(pages, texts, strict=True) for s in page.wanted]
        unwanted = [" ".join(s.split()) in text for page, text in zip(pages, texts, strict=True) for s in page.unwanted]
        kept, left = sum(wanted), sum(unwanted)
        precision, recall = kept / max(kept + left, 1), kept / len(wanted)
        result[name] = {
            "F1": round(2 * precision * recall / (precision + recall), 4), "precision": round(precision, 4),
            "kept": round(recall, 4), "left": round(left / len(unwanted), 4), "segments": [len(wanted), len(unwanted)],
        }  # fmt: skip
        print(f"{name:18s} F1 {result[name]['F1']:.4f}  P {precision:.3f}  kept {recall:.4f}  left {left / len(unwanted):.4f}")
    return result


def curve(pages: Sequence[Annotated], models: Sequence[Model], base: float) -> dict[str, Any]:
    """Quality against time: F1 and ratio to resiliparse's mean of `base` ms, with ever more of the trees."""
    result: dict[str, Any] = {}
    for share in SHARES:
        smaller = [fewer(model, share) for model in models]
        for name in ("web2shards-fast", "web2shards"):
            marks, times = [], []
            for page in pages:
                work = engines(smaller[page.fold])[name]
                began = time.process_time()
                text = work(page.html)
                times.append(1e3 * (time.process_time() - began))
                marks.append(text_f1(text, page.text)[0])
            counts = models[0].fast.ends, models[0].first.ends, models[0].second.ends
            fast, first, second = (max(1, round(share * (len(ends) - 1))) for ends in counts)
            label = f"fast, {fast} trees" if name.endswith("fast") else f"{first} and {second} trees"
            result[label] = {"F1": round(float(np.mean(marks)), 4), "ratio": round(float(np.mean(times)) / base, 3)}
            print(f"{label:24s} {result[label]['F1']:.4f} {result[label]['ratio']:.2f}")
    return result


def main(python: str | None) -> None:
    head = begin()
    models = [load((DATA / f"fold{fold}.npz").read_bytes()) for fold in range(FOLDS)]
    pages, news, books = wcxb(), older(), manuals()
    here(pages[:20], models, 1)
    found = here(pages, models, TURNS)
    of_news, of_books = here(news, models, 1), here(books, models, 1)
    if python:
        found |= peers(python, pages)
        of_news |= peers(python, news)
    result = judged(pages, found)
    told(result)
    print("\nmarked segments of older pages")
    segments_of_news = segments(news, of_news)
    print("\nmarked segments of manuals")
    segments_of_books = segments(books, of_books)
    print("\nquality against time")
    reached = curve(pages, models, result["resiliparse"]["ms"])
    for name, (least, most) in GOALS.items():
        f1, ratio = result[name]["scores"]["all"][0], result[name]["ratio"]
        print(f"{name}: {f1:.4f} at {ratio:.2f}, wanted {least} at {most}: {'met' if f1 >= least and ratio <= most else 'missed'}")
    save("extraction", head | {
        "pages": len(pages), "engines": result, "older": segments_of_news, "manuals": segments_of_books, "curve": reached,
    })  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
