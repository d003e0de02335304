"""Microseconds a document of repeated lines and of decontamination, and of datatrove's sentence dedup and n-gram filter.

`python benchmarks/paragraphs.py [TEXTS.jsonl.gz] [--peers]`. TEXTS has an object with a `text` a line; by default it is
what texts.py takes from the benchmark's crawl. The set has 40 words of every 20th text. Everything that a run does to
texts is measured, but for files: keys, what is repeated, spans and the edited text. Processor time, median of several runs.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from heuristics import BATCH, read_texts
from machine import RESULTS, begin, save_by_texts, versions
from peer import measured
from texts import texts_file

from core.spans import apply_edits, cut_array
from dedup import repeats
from dedup.decontamination import Decontaminate
from dedup.election import NO_DATE
from dedup.paragraphs import Paragraphs

#: Words of a text that are in the evaluation set, and of which texts.
SET_WORDS, SET_EVERY = 40, 20


def write_set(texts: list[str], path: Path) -> None:
    """Some words of some of the texts as an evaluation set."""
    rows = [text.split()[10 : 10 + SET_WORDS] for text in texts[::SET_EVERY]]
    path.write_text("".join(json.dumps({"text": " ".join(row)}) + "\n" for row in rows), encoding="utf-8")


def cutting(scorer: Paragraphs) -> Callable[[list[pa.Array]], int]:
    """Cuts what is repeated in batches of texts; how many lines."""

    def work(batches: list[pa.Array]) -> int:
        scored = [scorer.score(pa.record_batch({"text.edited": batch})).column("units") for batch in batches]
        units = pa.concat_arrays(scored)
        values = units.flatten()
        bounds = np.append(0, np.cumsum(units.value_lengths().to_numpy())).astype(np.int32)
        start, end, characters, key = (np.ascontiguousarray(values.field(i).to_numpy()) for i in range(4))
        n = len(units)
        docs = np.arange(n, dtype=np.uint64)
        rank = repeats.ranks(np.zeros(n, np.int64), np.zeros(n, np.int64), NO_DATE)
        rows = np.repeat(np.arange(n), np.diff(bounds))
        answers = repeats.match(repeats.of_source(key[key != 0], rows[key != 0], docs, rank, scorer.most), scorer.most)
        repeated, first = np.unique(answers.key, return_index=True)
        offsets, starts, ends, counts, _ = repeats.cut(
            bounds, start, end, characters, key, docs, np.ones(n, bool), repeated, answers.doc[first], scorer.span
        )
        cuts = cut_array(offsets, starts, ends)
        at = 0
        for batch in batches:
            apply_edits(batch, [cuts.slice(at, len(batch))])
            at += len(batch)
        return int(counts[:, 0].sum())

    return work


def finding(scorer: Decontaminate) -> Callable[[list[pa.Array]], int]:
    """Looks for the n-grams of the sets; how many texts have some."""

    def work(batches: list[pa.Array]) -> int:
        given = (pa.record_batch({"text.edited": batch, "text.title": pa.nulls(len(batch), pa.string())}) for batch in batches)
        found = (scorer.score(batch).column("matches").to_numpy() for batch in given)
        return int(sum((matches > 0).sum() for matches in found))

    return work


def measure(work: Callable[[list[pa.Array]], int], batches: list[pa.Array], runs: int) -> tuple[list[float], int]:
    """CPU microseconds a document, one figure a run; and what the work found."""
    documents = sum(len(batch) for batch in batches)
    found = work(batches)  # the first warms caches up
    took: list[float] = []
    for _ in range(runs):
        begun = time.process_time()
        work(batches)
        took.append(round(1e6 * (time.process_time() - begun) / documents, 1))
    return took, found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("texts", type=Path, nargs="?")
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--out", type=Path, default=RESULTS / "paragraphs.json")
    options = parser.parse_args()
    path = options.texts or texts_file()
    began = begin()
    texts = read_texts(path, "text")
    batches = [pa.array(texts[i : i + BATCH], pa.string()) for i in range(0, len(texts), BATCH)]
    with tempfile.TemporaryDirectory() as folder:
        sets = Path(folder) / "set.jsonl"
        write_set(texts, sets)
        finder = Decontaminate({"set": str(sets)})
        finder.open()
        ways = {
            "paragraphs: lines": cutting(Paragraphs()),
            "paragraphs: 3 lines in a row": cutting(Paragraphs(span=3)),
            "decontaminate: 13 words": finding(finder),
        }
        taken = {name: measure(work, batches, options.runs) for name, work in ways.items()}
        peer = measured("datatrove", "datatrove_repeats.py", path, 3, str(sets)) if options.peers else None
    result: dict[str, Any] = {
        **began,
        "texts": path.name,
        "documents": len(texts),
        "bytes_a_document": round(sum(len(text.encode()) for text in texts) / len(texts)),
        "median_microseconds_a_document": {name: statistics.median(runs) for name, (runs, _) in taken.items()},
        "runs_microseconds_a_document": {name: runs for name, (runs, _) in taken.items()},
        "found": {name: found for name, (_, found) in taken.items()},
        "versions": versions(("llvmlite", "numba", "numpy", "pyarrow")),
    }
    if options.peers:
        result["peers"] = {"datatrove": peer or {"crashed": True}}
    save_by_texts(options.out, result)
    lines = dict(result["median_microseconds_a_document"])
    lines |= {f"datatrove: {name}": value for name, value in (peer or {}).get("median", {}).items()}
    for name, value in lines.items():
        print(f"{value:9.1f} µs  {name}")
    print(result["found"])


if __name__ == "__main__":
    main()
