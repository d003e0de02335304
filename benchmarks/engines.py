"""What Flink and Spark cost over DirectRunner: processor and wall seconds by 5 and by 20 times the demo's input.

    make bench-engines

The slope between the two sizes is what a page costs, apart from what a pipeline costs to start. Both engines run in the
job server's own process, as many tasks at once as DirectRunner has workers. Seconds of the processor are those of the command
and all that it started, job server too, as the system counted them. Results: benchmarks/results/engines.json.
"""

from __future__ import annotations

import argparse
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
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from copies import altered, words  # noqa: E402
from crawls import is_html  # noqa: E402
from machine import begin, joined, load, save  # noqa: E402
from web_corpus import members  # noqa: E402

from tests.engines.clusters import Profile, local_flink, local_spark  # noqa: E402
from tests.engines.processes import Processes  # noqa: E402
from tests.engines.runs import Job, shards  # noqa: E402

SIZES = (5, 20)
PART = "1MB"
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


def inputs(folder: Path) -> dict[int, Path]:
    """A folder of WARCs of each size."""
    source = ROOT / "examples" / "web.warc.gz"
    found: dict[int, Path] = {}
    for size in SIZES:
        (folder / str(size)).mkdir()
        found[size] = folder / str(size)
    for number in range(max(SIZES)):
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
    _reap()
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


def _reap() -> None:
    """Waits for what a command left to this process, so that its seconds are counted."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                time.sleep(0.1)
        except ChildProcessError:
            return


def slope(rows: dict[int, list[Row]], name: str) -> float:
    """Seconds for each copy of the demo more."""
    low, high = (statistics.median(row[name] for row in rows[size]) for size in SIZES)
    return (high - low) / (SIZES[1] - SIZES[0])


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Measures Flink and Spark against DirectRunner.")
    parser.add_argument("--repeat", type=int, default=1)
    given = parser.parse_args(arguments)
    cases = {
        "direct, 1 worker": (None, 1),
        "direct": (None, 2),
        "flink": (local_flink(), 2),
        "spark": (local_spark(), 2),
    }
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER: orphans are this process's
    head = begin()
    found: dict[str, dict[int, list[Row]]] = {name: {size: [] for size in SIZES} for name in cases}
    with tempfile.TemporaryDirectory(prefix="engines-") as name:
        folder = Path(name)
        (folder / "in").mkdir()
        warcs = inputs(folder / "in")
        for _ in range(given.repeat):
            for case, (profile, workers) in cases.items():
                for size in SIZES:
                    with Processes(folder / "run") as processes:
                        row = measured(processes, warcs[size], folder / "run" / "out", profile, workers)
                    shutil.rmtree(folder / "run")
                    found[case][size].append(row)
                    print(f"{case:<18}{size:>4} × demo: {row['wall']:7.1f} s wall, {row['cpu']:7.1f} s processor", flush=True)
    for size in SIZES:
        digests = {json.dumps(row["shards"], sort_keys=True) for rows in found.values() for row in rows[size]}
        if len(digests) != 1:
            raise SystemExit(f"{size} × demo: not the same bytes on all engines")
    told: Row = {**head, "sizes": SIZES, "part": PART, "seconds_a_copy": {}}
    for case, rows in found.items():
        told["seconds_a_copy"][case] = {kind: round(slope(rows, kind), 3) for kind in ("wall", "cpu")}
    base = told["seconds_a_copy"]["direct"]
    told["cpu_over_direct"] = {case: round(told["seconds_a_copy"][case]["cpu"] / base["cpu"], 2) for case in ("flink", "spark")}
    told["two_workers_over_one"] = round(told["seconds_a_copy"]["direct, 1 worker"]["wall"] / base["wall"], 2)
    told["runs"] = {case: {size: [_short(row) for row in of] for size, of in rows.items()} for case, rows in found.items()}
    save("engines", joined(load("engines") or {}, "overhead", told))
    print(json.dumps({key: told[key] for key in ("seconds_a_copy", "cpu_over_direct", "two_workers_over_one")}, indent=1))
    return 0


def _short(row: Row) -> Row:
    return {key: value for key, value in row.items() if key != "shards"}


if __name__ == "__main__":
    sys.exit(main())
