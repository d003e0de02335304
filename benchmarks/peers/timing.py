"""Microseconds of processor time a document, all threads together: what every peer is measured by. Standard library only."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

WARMING = 50


def read_texts(path: str) -> list[str]:
    """The `text` of each line of a gzipped JSON-lines file."""
    return [json.loads(line)["text"] for line in gzip.decompress(Path(path).read_bytes()).splitlines()]


def microseconds(work: Callable[[list[str]], Any], texts: list[str], runs: int) -> list[float]:
    """One figure a run, after some texts that are not counted."""
    work(texts[:WARMING])
    found: list[float] = []
    for _ in range(runs):
        began = time.process_time()
        work(texts)
        found.append(round(1e6 * (time.process_time() - began) / len(texts), 1))
    return found
