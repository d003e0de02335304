"""Microseconds a document of the masks of personal data and of flagged words, and of the peers'; and lists of hosts at size.

`python benchmarks/pii.py [TEXTS.jsonl.gz] [--peers]`: the same texts, batches and clock as heuristics.py. Hosts: how long a list
of four million made-up hosts takes to be read, and a look-up of a URL in it.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pyarrow as pa

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from heuristics import BATCH, batches_of, measure, read_texts
from machine import RESULTS, begin, save_by_texts, tell, versions
from peer import measured
from texts import texts_file

from core.addresses import url_hosts
from filters.flagged_words import FlaggedWords
from filters.hosts import Hosts
from filters.pii import PII
from filters.word_lists import list_path

SCORERS: dict[str, Any] = {
    "pii": PII(),
    "pii, emails and ips as FineWeb": PII(kinds=("emails", "ips")),
    "flagged_words": FlaggedWords(lists={"en": "en"}),
}
HOSTS, URLS = 4_000_000, 50_000


def hosts(runs: int) -> dict[str, float]:
    """Seconds to read a list of HOSTS hosts, without and with its digest; microseconds to look up a URL, its host given."""
    chance = random.Random(1)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "domains.txt")
        ends = ("com", "net", "example", "co.uk")
        path.write_text("".join(f"{chance.getrandbits(48):x}.{chance.choice(ends)}\n" for _ in range(HOSTS)))
        scorer = Hosts(lists=(str(path),))
        began = time.process_time()
        scorer.open()
        opened = time.process_time() - began
        began = time.process_time()
        scorer.weights_digest()
        digested = time.process_time() - began
        urls = pa.array([f"http://sub.{chance.getrandbits(48):x}.com/a/page{i}.html?x={i}" for i in range(URLS)])
        names = url_hosts(urls)
        batches = [
            pa.record_batch({"page.host": names.slice(start, BATCH), "page.url": urls.slice(start, BATCH)})
            for start in range(0, URLS, BATCH)
        ]  # fmt: skip
        return {
            "seconds_to_read": round(opened, 2), "seconds_of_digest": round(digested, 2),
            "microseconds_a_url": round(statistics.median(measure(scorer, batches, runs)), 2),
        }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("texts", type=Path, nargs="?")
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--peers", action="store_true")
    parser.add_argument("--out", type=Path, default=RESULTS / "pii.json")
    options = parser.parse_args()
    path = options.texts or texts_file()
    began = begin()
    texts = read_texts(path, "text")
    batches = batches_of(texts)
    size = sum(len(text.encode()) for text in texts) / len(texts)
    micros: dict[str, list[float]] = {}
    found: dict[str, dict[str, int]] = {}
    for name, scorer in SCORERS.items():
        scorer.open()
        micros[name] = [round(value, 1) for value in measure(scorer, batches, options.runs)]
        tables = [scorer.score(batch) for batch in batches]
        counts = [field.name for field in scorer.schema if field.type == pa.int32()]
        found[name] = {count: sum(sum(filter(None, table.column(count).to_pylist())) for table in tables) for count in counts}
    medians = {name: statistics.median(values) for name, values in micros.items()}
    result: dict[str, Any] = {
        **began,
        "texts": path.name,
        "documents": len(texts),
        "bytes_a_document": round(size),
        "batch": BATCH,
        "median_microseconds_a_document": medians,
        "runs_microseconds_a_document": micros,
        "found": found,
        "hosts": {"entries": HOSTS, **hosts(options.runs)},
        "versions": versions(("llvmlite", "numba", "numpy", "phonenumberslite", "pyarrow")),
    }
    if options.peers:
        words = str(list_path("en"))
        result["peers"] = {
            "datatrove": measured("datatrove", "datatrove_pii.py", path, 5) or {"crashed": True},
            "Data-Juicer": measured("datajuicer", "datajuicer_pii.py", path, 5, words) or {"crashed": True},
        }
    save_by_texts(options.out, result)
    tell(result, size, options.runs)
    print(f"{HOSTS:,} hosts: {json.dumps(result['hosts'])}")


if __name__ == "__main__":
    main()
