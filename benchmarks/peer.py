"""The peers' environments, which `make bench` makes, and what their scripts in peers/ measure there."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from inputs import DATA, HERE
from machine import versions_in
from memory import CommandFailed

T = TypeVar("T")

PACKAGES = {
    "datatrove": ("datatrove", "fasttext-numpy2-wheel", "lxml", "numpy", "resiliparse", "spacy", "trafilatura", "warcio", "xxhash"),
    "minhash": ("daft", "datasketch", "numpy", "rensa"),
    "datajuicer": ("numpy", "py-data-juicer", "regex"),
    "img2dataset": ("albumentations", "img2dataset", "numpy", "opencv-python-headless", "webdataset"),
}


def python_of(name: str) -> Path:
    """The Python of a peer's environment."""
    python = DATA / "venv" / name / "bin" / "python"
    if not python.exists():
        raise SystemExit(f"{name} is not installed: run `make bench`, or `make benchmarks/.data/venv/{name}.done`")
    return python


def versions_of(name: str) -> dict[str, str]:
    """Versions of what computes in a peer's environment."""
    return versions_in(python_of(name), PACKAGES[name])


def environment() -> dict[str, str]:
    """Keeps the peers from downloading, and their caches among the benchmark's data."""
    return {
        **os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(DATA / "cache"), "DATA_JUICER_CACHE_HOME": str(DATA / "cache"),
        "DAFT_ANALYTICS_ENABLED": "0", "DO_NOT_TRACK": "1",
    }  # fmt: skip


def twice(name: str, work: Callable[[], T]) -> T | None:
    """What a peer's work gives at the first try or the second; None, and a line, if it crashed both times."""
    for attempt in (1, 2):
        try:
            return work()
        except CommandFailed as error:
            print(f"{name} crashed ({attempt} of 2 tries): {error}", flush=True)
    return None


def measured(name: str, script: str, texts: Path, runs: int, *more: str) -> dict[str, Any] | None:
    """What a script of peers/ prints about the texts: microseconds a document by way, every run and the median.

    None if it crashed twice.
    """
    return twice(" ".join((script, *more)), lambda: _measured(name, script, texts, runs, *more))


def _measured(name: str, script: str, texts: Path, runs: int, *more: str) -> dict[str, Any]:
    command = [str(python_of(name)), str(HERE / "peers" / script), str(texts), str(runs), *more]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), check=False)
    if done.returncode:
        raise CommandFailed(f"{script} ended with {done.returncode}:\n{done.stderr[-3000:]}")
    found: dict[str, list[float]] = json.loads(done.stdout.splitlines()[-1])
    return {
        "median": {way: statistics.median(values) for way, values in found.items()}, "runs": found, "versions": versions_of(name),
    }  # fmt: skip
