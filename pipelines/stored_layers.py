"""Which tables and layers an out folder has, as its run.json says: the one list that looking, checking and pruning go by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from pipelines.plan import DUPLICATES, FATE, IDENTITY


class PlannedLayer(NamedTuple):
    """A layer of a table; `method` is the plan's, empty where it follows from the data."""

    table: str
    name: str
    method: str


def layers_of(info: Mapping[str, Any], table: str | None = None) -> list[PlannedLayer]:
    """The layers of the plan in a run.json, tables and layers in their order; those of one table if it is named."""
    plan = info["plan"]
    found = [PlannedLayer("records", "record", plan["ingest"]), PlannedLayer("documents", "page", plan["ingest"])]
    found += [PlannedLayer("documents", entry["layer"], entry["method"]) for entry in plan["layers"]]
    elects = any(entry["dedup"] for entry in plan["layers"])
    found += [PlannedLayer("documents", name, "") for name in (IDENTITY, *([DUPLICATES] if elects else []), FATE)]
    if plan.get("references"):
        found.append(PlannedLayer("references", "reference", plan["references"]))
    return [layer for layer in found if table in (None, layer.table)]
