"""The table of what every engine wrote, in the results of the benchmarks: seconds, shards, their sha256, and whether it is sound.

It is written where $WEB2SHARDS_SAME_BYTES names a file of results; rows that are there already are kept until they are run again.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.engines.runs import digest


def record(job: str, engine: str, seconds: float, found: dict[str, str], same: bool) -> None:
    """Adds a run of `job` on `engine`; `found` are the sha256 of its shards, `same` whether all it wrote is DirectRunner's."""
    if not (name := os.environ.get("WEB2SHARDS_SAME_BYTES")):
        return
    from machine import commit, joined, machine  # of benchmarks

    path = Path(name)
    known: dict[str, Any] = json.loads(path.read_text()) if path.is_file() else {}
    part = {"machine": machine(), "runs": known.get("same_bytes", {}).get("runs", {})}
    part["runs"].setdefault(job, {})[engine] = {
        "seconds": round(seconds, 1), "shards": len(found), "sha256": digest(found), "same": same,
        "commit": commit(), "date": datetime.now(UTC).date().isoformat(),
    }  # fmt: skip
    path.write_text(json.dumps(joined(known, "same_bytes", part), indent=2, ensure_ascii=False) + "\n")
