"""What a benchmark ran on and when: processor, memory, system, versions, commit, load; nothing that names the machine.

Results of one file are kept together only if they are of one machine.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import subprocess
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

RESULTS = Path(__file__).resolve().parent / "results"
ROOT = RESULTS.parent.parent
#: What benchmarks write themselves.
WRITTEN = ("benchmarks/results", "benchmarks/RESULTS.md", "README.md")
#: Share of the cores that others may keep busy, by the load average of the last minute, and how long it is waited for, seconds.
QUIET, PATIENCE, PAUSE = 0.5, 120.0, 5.0
#: What makes two machines one, for figures to stand in one table.
SAME = ("processor", "cores", "memory_gb")

Row = dict[str, Any]


def processor() -> str:
    """The processor's model, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    fields = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if "model name" not in fields:
        return platform.processor()
    numbers = [f"{word} {fields[name]}" for name, word in (("cpu family", "family"), ("model", "model")) if name in fields]
    return ", ".join([fields["model name"], *numbers])


def machine() -> dict[str, Any]:
    """Processor, cores, memory in GB of 10^9, system and Python."""
    return {
        "processor": processor(),
        "architecture": platform.machine(),
        "cores": os.cpu_count(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "system": platform.freedesktop_os_release().get("PRETTY_NAME", platform.system()),
        "kernel": platform.release().split("-")[0],
        "python": platform.python_version(),
    }


def busy() -> bool:
    """Whether the load average of the last minute is that of other work."""
    return os.getloadavg()[0] >= QUIET * (os.cpu_count() or 1)


def begin(wait: bool = True) -> Row:
    """What stands at the head of a part of the results: commit, date, load before, whether other work ran, machine.

    Waits for the load to fall, two minutes at most; `loaded` tells that it did not. Without `wait` no time is measured, and
    the load is only told.
    """
    until = time.monotonic() + PATIENCE
    if wait and busy():
        print(f"waiting for the load ({os.getloadavg()[0]:.1f}) to fall", flush=True)
        while busy() and time.monotonic() < until:
            time.sleep(PAUSE)
    return {
        "commit": commit(), "date": datetime.now(UTC).date().isoformat(),
        "load_before": round(os.getloadavg()[0], 2), "loaded": busy(), "machine": machine(),
    }  # fmt: skip


def commit() -> str:
    """The short hash of the checkout, with + if its files are others, the results and the pages that they go into aside."""
    try:
        found = _git("rev-parse", "--short", "HEAD")
        changed = _git("status", "--porcelain", "--untracked-files=no", "--", ".", *(f":!{path}" for path in WRITTEN))
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return found + ("+" if changed else "")


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def identity(part: Row) -> tuple[Any, ...]:
    """Of the machine that a part of the results was measured on what tells it from others; memory in whole GB."""
    found = part.get("machine")
    if not isinstance(found, dict):
        return (found,)
    return tuple(round(found[name]) if name == "memory_gb" else found.get(name) for name in SAME)


def joined(known: Row, name: str, part: Row) -> Row:
    """The parts of a file of results with one exchanged; those that were measured on another machine are dropped."""
    return {**{other: old for other, old in known.items() if identity(old) == identity(part)}, name: part}


def save_by_texts(path: Path, result: Row) -> None:
    """Writes a result beside those of other texts; the earlier one of the same texts goes, and those of other machines."""
    known: list[Row] = json.loads(path.read_text()) if path.exists() else []
    kept = [entry for entry in known if entry["texts"] != result["texts"] and identity(entry) == identity(result)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([*kept, result], indent=2, ensure_ascii=False) + "\n")


def tell(result: Row, size: float, runs: int) -> None:
    """Prints the medians of a result, those of its peers behind; `size` is that of a text in bytes."""
    print(f"{result['documents']} texts of {size:.0f} bytes; median of {runs} runs")
    lines = dict(result["median_microseconds_a_document"])
    for tool, peer in result.get("peers", {}).items():
        lines |= {f"{tool}: {name}": value for name, value in peer.get("median", {}).items()}
    for name, value in lines.items():
        print(f"{value:9.1f} µs  {1e3 * value / size:6.1f} ns a byte  {name}")


def versions(names: Iterable[str]) -> dict[str, str]:
    """Versions of installed distributions; those that are not installed are left out."""
    found: dict[str, str] = {}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def versions_in(python: Path, names: Iterable[str]) -> dict[str, str]:
    """Versions of distributions in the environment of another Python."""
    code = (
        "import importlib.metadata as m, json, sys\n"
        "print(json.dumps({d.metadata['Name']: d.version for d in m.distributions() if d.metadata['Name'] in sys.argv[1:]}))"
    )
    done = subprocess.run([str(python), "-c", code, *names], capture_output=True, text=True, check=True)
    return dict(sorted(json.loads(done.stdout).items()))


def save(name: str, result: Any) -> None:
    """Writes results/NAME.json."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")


def load(name: str) -> Any:
    """What results/NAME.json holds; None if it is not there."""
    path = RESULTS / f"{name}.json"
    return json.loads(path.read_text()) if path.is_file() else None
