"""Microseconds a document of MinHash signatures: web2shards' scorer, datasketch, rensa, Daft and datatrove, on the same texts.

`python benchmarks/signatures.py`: 112 permutations, 5-grams of words, shingles included; processor time of all threads,
median of several runs after one that warms up. The peers run in environments of their own (peers/); of those that get their
shingles from plain Python the signing alone is measured too.
"""

from __future__ import annotations

import gzip
import json
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import pyarrow as pa
from machine import begin, save, versions
from peer import measured
from texts import texts_file

from dedup.minhash import MinHash

BATCH, RUNS = 512, 5
#: The peers' processes: environment, script, its arguments after the texts.
PEERS: dict[str, tuple[str, str, int, str]] = {
    "shingles": ("minhash", "minhash_job.py", 3, "shingles"),
    "datasketch": ("minhash", "minhash_job.py", 3, "datasketch"),
    "rensa": ("minhash", "minhash_job.py", 3, "rensa"),
    "Daft": ("minhash", "minhash_job.py", 3, "daft"),
    "datatrove": ("datatrove", "datatrove_filters.py", 1, "signatures"),
}
ALONE = ", signing alone"
#: FineWeb's bands, in datasketch's two schemes, and the scorer's defaults.
WAYS = {
    "web2shards, 112 permutations": MinHash(bands=14, rows=8),
    "web2shards, 112 permutations, scheme legacy": MinHash(bands=14, rows=8, scheme="legacy"),
    "web2shards, 112 permutations, sha1": MinHash(bands=14, rows=8, hash="sha1"),
    f"web2shards, defaults ({MinHash().bands} x {MinHash().rows})": MinHash(),
}


def ours(texts: list[str], runs: int) -> dict[str, list[float]]:
    """Every run of every way, through the scorer as a run calls it."""
    batches = [pa.record_batch({"text.edited": texts[at : at + BATCH]}) for at in range(0, len(texts), BATCH)]
    found: dict[str, list[float]] = {}
    for name, scorer in WAYS.items():
        scorer.open()
        for run in range(runs + 1):
            began = time.process_time()
            for batch in batches:
                scorer.score(batch)
            if run:
                found.setdefault(name, []).append(round(1e6 * (time.process_time() - began) / len(texts), 1))
    return found


def main() -> None:
    path = texts_file()
    began = begin()
    texts: list[str] = [json.loads(line)["text"] for line in gzip.decompress(path.read_bytes()).splitlines()]
    runs: dict[str, list[float]] = ours(texts, RUNS)
    crashed: list[str] = []
    installed: dict[str, str] = {}
    for name, (venv, script, number, way) in PEERS.items():
        found = measured(venv, script, path, number, way)
        if found is None:
            crashed.append(name)
            continue
        runs |= {("datatrove, " if name == "datatrove" else "") + label: values for label, values in found["runs"].items()}
        installed |= found["versions"]
    medians = {name: statistics.median(values) for name, values in runs.items()}
    save("signatures", {
        **began,
        "documents": len(texts), "bytes_a_document": round(sum(len(text.encode()) for text in texts) / len(texts)),
        "permutations": 112,
        "median_microseconds_a_document": {name: value for name, value in medians.items() if not name.endswith(ALONE)},
        "signing_alone_microseconds_a_document": {
            name.removesuffix(ALONE): value for name, value in medians.items() if name.endswith(ALONE)
        },
        "runs_microseconds_a_document": runs, "crashed": crashed,
        "versions": {**versions(("numba", "numpy", "pyarrow")), "peers": installed},
    })  # fmt: skip
    for name, value in medians.items():
        print(f"{value:9.1f} µs  {name}")


if __name__ == "__main__":
    main()
