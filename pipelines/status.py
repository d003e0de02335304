"""How far a run is, told from the files it has committed: parts and rows by layer, shards, and who holds the lease.

The numbers are the same on any runner, since no runner's counters are asked (docs/design.md, section 1).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.errors import InputError, StorageError
from core.remote_path import place
from ingest.parts import Part
from pipelines.got_input import FOLDER, WARCS
from pipelines.layers import layer_path, read_footer
from pipelines.remote_lease import holder_of
from pipelines.runfile import RUN, read_run
from pipelines.store import Store
from pipelines.stored_layers import layers_of, part_names_of
from pipelines.tables import FIRST_LAYERS


@dataclass(frozen=True)
class LayerState:
    """A layer: how many of the parts have a file of the plan, their rows, the rows scored, and bytes on disk."""

    table: str
    layer: str
    done: int
    parts: int
    rows: int
    scored: int
    bytes: int


@dataclass(frozen=True)
class OutputState:
    """An output: its shards and samples if the index is there."""

    name: str
    format: str
    shards: int | None
    samples: int | None
    bytes: int | None


@dataclass(frozen=True)
class Status:
    """The state of an out folder. `holder` is the lease of a run that is going on, else None."""

    out: str
    name: str
    started: str
    finished: str | None
    limit: int | None
    parts: int
    bytes: int
    layers: tuple[LayerState, ...]
    outputs: tuple[OutputState, ...]
    report: str | None
    holder: Mapping[str, Any] | None
    #: What the crawl of the input has come to, if it is one; or the WARCs that were copied.
    crawl: Mapping[str, Any] | None = None
    copied: int | None = None


def status_of(out: str) -> Status:
    """The state of an out folder. InputError if there is no run."""
    info = read_run(out)
    if not info:
        raise InputError(f"{out}: there is no run here ({RUN} is missing)", "give the --out of a run")
    parts = [Part.from_json(part) for part in info["parts"]]
    store = Store(out)
    layers = [_layer(store, *layer, part_names_of(info, layer.table)) for layer in layers_of(info)]
    report = place(out) / "report" / "index.html"
    return Status(
        out, info["recipe"]["name"], info["started"], info["finished"], info["limit"], len(parts),
        sum(part.size for part in parts), tuple(layers),
        tuple(_output(store, name, settings["format"]) for name, settings in info["recipe"]["output"].items()),
        str(report) if report.is_file() else None, holder_of(out), *_got(store, info["recipe"]["input"]),
    )  # fmt: skip


def _got(store: Store, given: Mapping[str, Any]) -> tuple[Mapping[str, Any] | None, int | None]:
    """What was got of an input from the web."""
    if given.get("crawl"):
        from pipelines.crawled_group import STATE, outcomes_of, path_of, read_state

        folder = path_of(store, STATE)
        states = [read_state(store, path.stem) for path in sorted(folder.glob("*.json"))] if folder.is_dir() else []
        return outcomes_of([state for state in states if state is not None], {}), None
    if given.get("common_crawl"):
        folder = store.path(FOLDER, WARCS)
        return None, sum(1 for _ in folder.glob("*.warc.gz")) if folder.is_dir() else 0
    return None, None


def _layer(store: Store, table: str, layer: str, method: str, parts: list[str]) -> LayerState:
    first = FIRST_LAYERS[table]
    done = rows = scored = bytes_ = 0
    for part in parts:
        path = layer_path(store, table, layer, part)
        try:
            footer = read_footer(path)
            of_rows = footer if layer == first else read_footer(layer_path(store, table, first, part))
        except StorageError:
            continue
        if footer is None or of_rows is None or footer.rows_digest != of_rows.rows_digest:
            continue
        if method and footer.method != method:
            continue
        done, rows, scored = done + 1, rows + footer.rows, scored + footer.scored
        bytes_ += path.stat().st_size
    return LayerState(table, layer, done, len(parts), rows, scored, bytes_)


def _output(store: Store, name: str, format: str) -> OutputState:
    from sharding.index import read_index

    try:
        totals = read_index(store.path("shards", name)).totals.values()
    except StorageError:
        return OutputState(name, format, None, None, None)
    return OutputState(
        name, format, sum(t["shards"] for t in totals), sum(t["samples"] for t in totals), sum(t["bytes"] for t in totals)
    )
