"""Which tables and layers an out folder has, as its run.json says: the one list that looking, checking and pruning go by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pipelines.image_layers import FETCHED, REACHED, part_names
from pipelines.plan import DUPLICATES, FATE, IDENTITY, fetched_method


class PlannedLayer(NamedTuple):
    """A layer of a table; `method` is the plan's, empty where it follows from the data."""

    table: str
    name: str
    method: str


def layers_of(info: Mapping[str, Any], table: str | None = None) -> list[PlannedLayer]:
    """The layers of the plan in a run.json, tables and layers in their order; those of one table if it is named."""
    plan = info["plan"]
    found = [PlannedLayer("records", "record", plan["ingest"]), PlannedLayer("documents", "page", plan["ingest"])]
    found += _scored("documents", plan["layers"])
    if plan.get("references"):
        found.append(PlannedLayer("references", "reference", plan["references"]))
    if "images" in plan and "images" in info:
        images = plan["images"]
        found += [PlannedLayer("images", "image", images["ingest"]), PlannedLayer("images", REACHED, "")]
        found.append(PlannedLayer("images", FETCHED, fetched_method()))
        found += _scored("images", images["layers"])
    return [layer for layer in found if table in (None, layer.table)]


def _scored(table: str, layers: Sequence[Mapping[str, Any]]) -> list[PlannedLayer]:
    """The layers of scorers, and what is decided after them."""
    elects = any(entry["dedup"] for entry in layers)
    decided = (IDENTITY, *([DUPLICATES] if elects else []), FATE)
    scored = [PlannedLayer(table, entry["layer"], entry["method"]) for entry in layers]
    return scored + [PlannedLayer(table, name, "") for name in decided]


def part_names_of(info: Mapping[str, Any], table: str) -> list[str]:
    """The parts of a table, in the order in which they are read."""
    if table != "images":
        return [str(part["name"]) for part in info["parts"]]
    groups: Mapping[str, int] = info.get("images", {}).get("parts", {})
    return [name for group, parts in sorted(groups.items()) for name in part_names(group, parts)]
