"""Time and disk that a run may take, scaled up from what the last run of the same out folder took.

Map passes grow with the bytes of input they read, the others with the bytes of all parts. A trial of few parts
pays start-up that a long run pays once, so the estimate is rather too high than too low.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.remote import is_remote
from core.remote_cache import cache_folder
from core.remote_path import place
from ingest.parts import Part
from pipelines.layers import Footer
from pipelines.tables import FIRST_LAYERS

if TYPE_CHECKING:
    from pipelines.preview import PassWork


@dataclass(frozen=True)
class Estimate:
    """`seconds` and `disk` bytes that a run would take beyond what is there; None without a run to scale from.

    `from_parts` is how many parts the figures come from, `there` how many of the run's parts are read already; `free` the
    bytes free where the out folder is or will be.
    """

    seconds: float | None
    disk: int | None
    from_parts: int
    free: int
    input_bytes: int
    there: int = 0

    @property
    def warning(self) -> str:
        """What to say of the disk; empty if it looks large enough."""
        if self.disk is not None and self.disk > self.free:
            return "the disk is too small for this run"
        if self.disk is None and self.free < self.input_bytes:
            return "the disk has less free space than the input has bytes"
        return ""


def estimate(
    out: str, history: Mapping[str, Any], parts: Sequence[Part], passes: Sequence[PassWork],
    pages: Mapping[str, Footer | None], method: str,
) -> Estimate:  # fmt: skip
    """The estimate for `passes` over `parts`; `pages` tells which parts are there, and which of them were read by `method`."""
    total = sum(part.size for part in parts)
    before = [Part.from_json(part) for part in history.get("parts", [])] if history.get("finished") else []
    then = sum(part.size for part in before)
    missing = sum(part.size for part in parts if pages.get(part.name) is None)
    there = sum(footer is not None and footer.method == method for footer in (pages.get(part.name) for part in parts))
    free = free_bytes(out)
    if not then:
        return Estimate(None, None, 0, free, missing, there)
    work: Mapping[str, Any] = history.get("work", {})
    seconds: float | None = 0.0
    for planned in passes:
        if planned.todo == 0 or seconds is None:
            continue
        told = _work_of(work, planned.name)
        if told is None:
            seconds = None
        elif planned.layers:
            seconds += told["seconds"] * planned.bytes / told["bytes"] if told["bytes"] else 0.0
        else:
            seconds += told["seconds"] * total / then
    layers, shards = disk_use(out, before)
    disk = round(layers * missing / then)
    if any(planned.todo and planned.name.startswith("write ") for planned in passes):
        # The old shards stay until the new ones are there, and texts on their way to a shard take their size again.
        disk += round(shards * (2 * total / then - 1)) if shards else 0
    return Estimate(seconds, max(0, disk), len(before), free, missing, there)


def _work_of(work: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    """What a pass took the last time; of many rows the search for duplicates is several pipelines, and several outputs
    are written by one pass."""
    found = [(taken, 1) for key, taken in work.items() if key == name or key.startswith(f"{name}: ")]
    for key, taken in work.items():
        outputs = key.removeprefix("write ").split(", ")
        if len(outputs) > 1 and name.removeprefix("write ") in outputs:
            found.append((taken, len(outputs)))
    return {"seconds": sum(w["seconds"] / n for w, n in found), "bytes": sum(w["bytes"] for w, _ in found)} if found else None


def disk_use(out: str, parts: Sequence[Part]) -> tuple[int, int]:
    """Bytes of the layer files of parts, and of all shards."""
    names = {f"{part.name}.parquet" for part in parts}
    layers = shards = 0
    for table in FIRST_LAYERS:
        for path in (place(out) / table).glob("*/*.parquet"):
            layers += path.stat().st_size if path.name in names else 0
    for path in (place(out) / "shards").glob("*/*"):
        shards += path.stat().st_size
    return layers, shards


def free_bytes(out: str) -> int:
    """Bytes free on the disk of a folder that may not be there yet; of an object store, where copies and drafts lie here."""
    folder = cache_folder() if is_remote(out) else place(out).resolve()
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free
