"""What an out folder holds that its run no longer needs: layers and parts of earlier plans, strays, leftovers.

Only names that a run writes are ever touched; whatever else lies in the folder stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import InputError, StorageError
from core.files import storage_errors
from core.remote_path import place
from ingest.parts import list_parts
from pipelines.image_layers import FETCHED, SEGMENTS
from pipelines.layers import read_footer
from pipelines.remote_lease import holder_of, lease_for
from pipelines.runfile import RUN, read_run
from pipelines.shard_notes import notes_path
from pipelines.stored_layers import layers_of, part_names_of
from pipelines.survey import MANIFEST
from pipelines.tables import FIRST_LAYERS
from sharding.index import INDEX, read_index

_SHARD = re.compile(r"(?:train|validation)-\d+\.(?:tar|parquet|jsonl\.gz)|\..+\.tmp")


@dataclass(frozen=True)
class Stale:
    """A file that is not needed, and why."""

    path: Path
    bytes: int
    why: str


def prune(out: str, dry_run: bool = False) -> list[Stale]:
    """Deletes what is stale and returns it; with `dry_run` only returns it.

    InputError if there is no run, LeaseError if one is going on.
    """
    if dry_run:
        return list(stale_files(out, with_temporary=holder_of(out) is None))
    _info(out)
    with lease_for(out) as lease:
        found = list(stale_files(out, with_temporary=True))
        for stale in found:
            lease.store.check_lease()
            with storage_errors(stale.path):
                stale.path.unlink(missing_ok=True)
        for folder in sorted({folder for stale in found for folder in _folders(place(out), stale.path)}, reverse=True):
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
    return found


def stale_files(out: str, with_temporary: bool) -> Iterator[Stale]:
    """The files that the run in `out` does not need; those under tmp/ if nobody is writing there."""
    info, root = _info(out), place(out)
    layers = {table: {layer.name for layer in layers_of(info, table)} for table in FIRST_LAYERS}
    parts = _parts(info)
    of_documents = parts
    for table, kept in layers.items():
        parts = {*part_names_of(info, table), *_older(info)} if table == "images" else of_documents
        for folder in _subfolders(root / table):
            if table == "images" and folder.name == SEGMENTS and kept:
                yield from _segments(root, folder, [*part_names_of(info, table), *_older(info)])
                continue
            files = sorted(path for path in folder.glob("*.parquet") if path.is_file())
            if folder.name not in kept:
                yield from (_stale(path, "a layer that the recipe no longer has") for path in files)
                if (folder / MANIFEST).is_file():
                    yield _stale(folder / MANIFEST, "a layer that the recipe no longer has")
            elif parts is not None:
                yield from (_stale(path, "a part that the input no longer has") for path in files if path.stem not in parts)
    for folder, table in (("statistics", "documents"), ("statistics/images", "images")):
        names = {*part_names_of(info, table), *_older(info)} if table == "images" else of_documents
        if names is not None:
            for path in sorted((root / folder).glob("*.json")):
                if path.stem not in names:
                    yield _stale(path, "a part that the input no longer has")
    yield from _shards(root, info["recipe"]["output"])
    if with_temporary and (root / "tmp").is_dir():
        yield from (_stale(path, "left over by a run that ended") for path in sorted((root / "tmp").rglob("*")) if path.is_file())


def _older(info: dict[str, Any]) -> list[str]:
    """Parts of images whose rows the next run carries over."""
    return list(info.get("images", {}).get("older", []))


def _segments(root: Path, folder: Path, parts: Iterable[str]) -> Iterator[Stale]:
    """Files of images that no part points into: what a run that was killed had begun, and images that were taken down."""
    used: set[str] = set()
    for part in parts:
        path = root / "images" / FETCHED / f"{part}.parquet"
        try:
            footer = read_footer(path)
        except StorageError:  # the next run sorts it out
            return
        used.update(footer.extra["segments"] if footer is not None else ())
    yield from (_stale(path, "no image of the run is in it") for path in sorted(folder.glob("*.parquet")) if path.stem not in used)


def _shards(root: Path, outputs: dict[str, Any]) -> Iterator[Stale]:
    for path in sorted((root / "shards").glob("_*.json")):
        if path.name not in {notes_path(root / "shards" / name).name for name in outputs}:
            yield _stale(path, "an output that the recipe no longer has")
    for folder in _subfolders(root / "shards"):
        files = sorted(path for path in folder.iterdir() if path.is_file())
        if folder.name not in outputs:
            ours = (path for path in files if path.name == INDEX or _SHARD.fullmatch(path.name))
            yield from (_stale(path, "an output that the recipe no longer has") for path in ours)
            continue
        try:
            listed = read_index(folder).files
        except StorageError:  # being written, or damaged: the next run sorts it out
            continue
        yield from (
            _stale(path, "the index does not list it")
            for path in files if path.name not in listed and _SHARD.fullmatch(path.name)
        )  # fmt: skip


def _info(out: str) -> dict[str, Any]:
    info = read_run(out)
    if not info:
        raise InputError(f"{out}: there is no run here ({RUN} is missing)", "give the --out of a run")
    return info


def _parts(info: dict[str, Any]) -> set[str] | None:
    """The parts that are needed; None if that cannot be told: after a trial, when its input is not to be seen."""
    last = {part["name"] for part in info["parts"]}
    given: dict[str, Any] = info["recipe"]["input"]
    table: dict[str, Any] = given.get("table") or {}
    if given.get("crawl") or given.get("common_crawl"):
        return last if info["limit"] is None else None  # a trial leaves parts out
    patterns: list[str] = given.get("warcs") or given.get("wets") or table["path"]
    format: str | None = table.get("format") if table else "warc" if given.get("warcs") else "wet"
    try:
        return last | {part.name for part in list_parts(patterns, format=format, part_bytes=given["part"])}
    except InputError:
        return last if info["limit"] is None else None


def _subfolders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []


def _folders(root: Path, path: Path) -> Iterator[Path]:
    """The folders between the out folder and a file."""
    for parent in path.parents:
        if parent == root:
            return
        yield parent


def _stale(path: Path, why: str) -> Stale:
    return Stale(path, path.stat().st_size, why)
