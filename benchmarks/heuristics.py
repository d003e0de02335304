"""Microseconds a document of the heuristic scorers, each with its dialects, and of datatrove's and Data-Juicer's filters.

`python benchmarks/heuristics.py [TEXTS.jsonl.gz] [--field text] [--peers]`. TEXTS has an object with a text a line,
compressed or not; by default it is what texts.py takes from the benchmark's crawl. Kernels are warm, batches are of 512;
FineWeb's C4 cuts the text that FineWeb reads. Processor time, median of several runs. The peers run in environments of
their own, on the same texts (peers/).
"""

from __future__ import annotations

import argparse
import gzip
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow as pa

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from machine import RESULTS, begin, save_by_texts, tell, versions
from peer import measured
from texts import texts_file

from core.scorer import CUT
from core.spans import apply_edits
from filters.c4 import C4
from filters.fineweb import FineWeb
from filters.fineweb2 import FineWeb2
from filters.gopher import Gopher
from filters.vocabulary import Vocabulary

BATCH = 512
#: The name of each line, and the scorer. The first three are what recipes/fineweb.yaml runs.
FINEWEB_C4 = C4(dialect="datatrove", terminal_punctuation=False, bad_words="")
SCORERS: dict[str, Any] = {
    "gopher (datatrove)": Gopher(),
    "c4 (as FineWeb)": FINEWEB_C4,
    "fineweb": FineWeb(),
    "gopher (dclm)": Gopher(dialect="dclm"),
    "gopher (dolma)": Gopher(dialect="dolma"),
    "c4 (tfds)": C4(dialect="tfds"),
    "c4 (datatrove)": C4(dialect="datatrove"),
    "fineweb2": FineWeb2(),
    "vocabulary": Vocabulary(),
}
TOGETHER = ("gopher (datatrove)", "c4 (as FineWeb)", "fineweb")


def read_texts(path: Path, field: str) -> list[str]:
    """The texts of a JSON-lines file."""
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return [json.loads(line)[field] for line in raw.splitlines() if line]


def batches_of(texts: list[str]) -> list[pa.RecordBatch]:
    """Batches of what the scorers read."""
    batches: list[pa.RecordBatch] = []
    for start in range(0, len(texts), BATCH):
        text = pa.array(texts[start : start + BATCH], pa.string())
        columns = {"text.text": text, "text.title": pa.nulls(len(text), pa.string())}
        columns["language.label"] = pa.array(["en"] * len(text))
        columns["page.host"] = pa.array(["host.example"] * len(text))
        scores = FINEWEB_C4.score(pa.record_batch(columns))
        cuts = [scores.column(i) for i, field in enumerate(scores.schema) if field.type == CUT]
        batches.append(pa.record_batch({**columns, "text.edited": apply_edits(text, cuts)}))
    return batches


def measure(scorer: Any, batches: list[pa.RecordBatch], runs: int) -> list[float]:
    """CPU microseconds a document, one figure a run."""
    documents = sum(len(batch) for batch in batches)
    found: list[float] = []
    for run in range(runs + 1):
        begun = time.process_time()
        for batch in batches:
            scorer.score(batch)
        if run:  # the first warms caches up
            found.append(1e6 * (time.process_time() - begun) / documents)
    return found


def peers(texts: Path) -> dict[str, Any]:
    """The peers' filters on the same texts; `crashed` of what crashed twice."""
    datatrove = measured("datatrove", "datatrove_filters.py", texts, 1, "filters")
    datajuicer = measured("datajuicer", "datajuicer_filters.py", texts, 3)
    if datatrove:
        datatrove["median"]["all"] = round(sum(datatrove["median"].values()), 1)
    return {"datatrove": datatrove or {"crashed": True}, "Data-Juicer": datajuicer or {"crashed": True}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("texts", type=Path, nargs="?")
    parser.add_argument("--field", default="text")
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--out", type=Path, default=RESULTS / "heuristics.json")
    options = parser.parse_args()
    path = options.texts or texts_file()
    began = begin()
    texts = read_texts(path, options.field)
    batches = batches_of(texts)
    size = sum(len(text.encode()) for text in texts) / len(texts)
    micros: dict[str, list[float]] = {}
    for name, scorer in SCORERS.items():
        scorer.open()
        micros[name] = [round(value, 1) for value in measure(scorer, batches, options.runs)]
    medians = {name: statistics.median(values) for name, values in micros.items()}
    medians["gopher, c4 and fineweb as in recipes/fineweb.yaml"] = round(sum(medians[name] for name in TOGETHER), 1)
    result: dict[str, Any] = {
        **began,
        "texts": path.name,
        "documents": len(texts),
        "bytes_a_document": round(size),
        "batch": BATCH,
        "median_microseconds_a_document": medians,
        "runs_microseconds_a_document": micros,
        "versions": versions(("llvmlite", "numba", "numpy", "pyarrow")),
    }
    if options.peers:
        result["peers"] = peers(path)
    save_by_texts(options.out, result)
    tell(result, size, options.runs)


if __name__ == "__main__":
    main()
