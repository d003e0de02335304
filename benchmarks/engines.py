"""What Flink and Spark cost over DirectRunner: processor and wall seconds by 5 and by 20 times the demo's input.

    make bench-engines
    python benchmarks/engines.py --sizes 1 2     # tries it; nothing is kept

The slope between the two sizes is what a copy of the demo costs, apart from what a pipeline costs to start. Both engines run
in the job server's own process, with one and with two tasks at a time, as DirectRunner has workers. Seconds of the processor
are those of the command and all that it started, job server too, as the system counted them; what a second task gives is told
of the pass over the documents, which computes and hardly waits. Results: benchmarks/results/engines.json.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import gzip
import json
import os
import re
import resource
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

import psutil  # noqa: E402
from copies import altered, words  # noqa: E402
from crawls import is_html  # noqa: E402
from machine import begin, joined, load, save  # noqa: E402
from web_corpus import members  # noqa: E402

from tests.engines.clusters import Profile, local_flink, local_spark  # noqa: E402
from tests.engines.processes import Processes  # noqa: E402
from tests.engines.runs import Job, shards  # noqa: E402

SIZES = (5, 20)
PART = "1MB"
#: The pass that computes: pages to text and scores.
MAP = "extract and score"
Row = dict[str, Any]


def copy_of(warc: Path, number: int) -> bytes:
    """The demo's WARC with pages of its own: other addresses, and words that have changed places."""
    content, found = warc.read_bytes(), list(members(warc))
    ends = [member.offset for member in found[1:]] + [len(content)]
    made = bytearray()
    for member, end in zip(found, ends, strict=True):
        record = content[member.offset : end]
        if member.type == "response" and member.whole and is_html(member.block):
            head, _, block = gzip.decompress(record).partition(b"\r\n\r\n")
            http, _, body = block.removesuffix(b"\r\n\r\n").partition(b"\r\n\r\n")
            if b"content-encoding" not in http.lower() and b"transfer-encoding" not in http.lower():
                block = http + b"\r\n\r\n" + altered(body, words(body), f"{number}-{member.offset}")
                head = re.sub(rb"(?m)^Content-Length: \d+", b"Content-Length: %d" % len(block), head)
                head = re.sub(rb"(?m)^WARC-(Block|Payload)-Digest: .*\r\n", b"", head + b"\r\n").removesuffix(b"\r\n")
            head = re.sub(rb"(?m)^(WARC-Target-URI: <?https?://)", rb"\g<1>copy%d." % number, head)
            record = gzip.compress(head + b"\r\n\r\n" + block + b"\r\n\r\n", mtime=0)
        made += record
    return bytes(made)


def inputs(folder: Path, sizes: Sequence[int]) -> dict[int, Path]:
    """A folder of WARCs of each size."""
    source = ROOT / "examples" / "web.warc.gz"
    found: dict[int, Path] = {}
    for size in sizes:
        (folder / str(size)).mkdir()
        found[size] = folder / str(size)
    for number in range(max(sizes)):
        content = copy_of(source, number)
        for size, place in found.items():
            if number < size:
                (place / f"{number:02}.warc.gz").write_bytes(content)
    return found


def measured(processes: Processes, warcs: Path, out: Path, profile: Profile | None, workers: int) -> Row:
    """One run: wall and processor seconds, seconds by pass, and the shards' hashes."""
    job = Job("recipes/demo.yaml", (f"input.warcs={warcs}/*.warc.gz", f"input.part={PART}"))
    before, began = _children(), time.monotonic()
    done = job.run(processes, out, profile, workers=workers, seconds=3600)
    wall = time.monotonic() - began
    _reap(processes)
    if done.code:
        raise SystemExit(done.said)
    stats = json.loads((out / "report" / "stats.json").read_text())
    passes = {told["name"]: told["seconds"] for told in stats["timing"]["passes"]}
    return {
        "wall": round(wall, 2), "cpu": round(_children() - before, 2), "passes": passes,
        "documents": stats["records"]["pages"], "shards": shards(out),
    }  # fmt: skip


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _reap(processes: Processes) -> None:
    """Waits for what a command left to this process, so that its seconds are counted."""
    until = time.monotonic() + 5
    while time.monotonic() < until and [p for p in psutil.Process().children() if p.pid != processes.watcher]:
        with contextlib.suppress(ChildProcessError):
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                time.sleep(0.05)


def slope(rows: dict[int, list[Row]], value: Callable[[Row], float]) -> float:
    """Seconds for each copy of the demo more."""
    (few, low), (many, high) = sorted((size, statistics.median(map(value, of))) for size, of in rows.items())
    return (high - low) / (many - few)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Measures Flink and Spark against DirectRunner.")
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--sizes", type=int, nargs=2, default=SIZES)
    given = parser.parse_args(arguments)
    cases: dict[tuple[str, int], Profile | None] = {
        (engine, count): of and of(count)
        for engine, of in (("direct", None), ("flink", local_flink), ("spark", local_spark))
        for count in (1, 2)
    }
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER: orphans are this process's
    head = begin()
    found: dict[tuple[str, int], dict[int, list[Row]]] = {case: {size: [] for size in given.sizes} for case in cases}
    with tempfile.TemporaryDirectory(prefix="engines-") as name:
        folder = Path(name)
        (folder / "in").mkdir()
        warcs = inputs(folder / "in", given.sizes)
        for _ in range(given.repeat):
            for (engine, count), profile in cases.items():
                for size in given.sizes:
                    with Processes(folder / "run") as processes:
                        row = measured(processes, warcs[size], folder / "run" / "out", profile, count)
                    shutil.rmtree(folder / "run")
                    found[engine, count][size].append(row)
                    print(f"{engine:<7}{count} at a time, {size:>3} × demo: {row['wall']:6.1f} s wall, {row['cpu']:6.1f} s "
                          f"processor, {row['passes'][MAP]:6.1f} s {MAP}", flush=True)  # fmt: skip
    for size in given.sizes:
        digests = {json.dumps(row["shards"], sort_keys=True) for rows in found.values() for row in rows[size]}
        if len(digests) != 1:
            raise SystemExit(f"{size} × demo: not the same bytes on all engines")
    told = {**head, "sizes": list(given.sizes), "part": PART, "repeat": given.repeat, **compared(found)}
    print(json.dumps({key: told[key] for key in ("seconds_a_copy", "cpu_over_direct", "two_over_one")}, indent=1))
    if tuple(given.sizes) == SIZES:
        save("engines", joined(load("engines") or {}, "overhead", told))
    return 0


def compared(found: dict[tuple[str, int], dict[int, list[Row]]]) -> Row:
    """The slopes of every case, an engine's processor seconds over DirectRunner's, one at a time over two, and all runs."""
    slopes = {
        case: {
            "wall": slope(rows, lambda row: row["wall"]), "cpu": slope(rows, lambda row: row["cpu"]),
            "map": slope(rows, lambda row: row["passes"][MAP]),
        }
        for case, rows in found.items()
    }  # fmt: skip
    engines = sorted({engine for engine, _ in found})
    base = slopes["direct", 2]["cpu"]
    return {
        "seconds_a_copy": {f"{e}, {n}": {kind: round(s, 3) for kind, s in of.items()} for (e, n), of in slopes.items()},
        "cpu_over_direct": {engine: round(slopes[engine, 2]["cpu"] / base, 2) for engine in engines if engine != "direct"},
        "two_over_one": {engine: round(slopes[engine, 1]["map"] / slopes[engine, 2]["map"], 2) for engine in engines},
        "runs": {
            f"{e}, {n}": {size: [{k: v for k, v in row.items() if k != "shards"} for row in of] for size, of in rows.items()}
            for (e, n), rows in found.items()
        },
    }  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
