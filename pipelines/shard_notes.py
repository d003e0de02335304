"""Whether the shards of an output are as they were written: told by sizes and times of change, else by their sha256.

The index of an output says nothing of times, so that equal outputs have equal bytes; they are noted beside its folder.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core.errors import StorageError
from core.remote_path import Stats
from pipelines.store import Store
from sharding.index import Index, read_index

_PIECE = 1 << 20


def whole_index(folder: Path, store: Store | None = None) -> Index | None:
    """The index of an output if it can be read and every shard is as it says.

    A file that was changed since it was noted is read whole; what that tells is noted if a `store` is given.
    """
    try:
        index = read_index(folder)
        noted = _read_notes(folder)
        known, stats = True, Stats(folder)
        for name, size, sha256 in _files(index):
            stat = stats[name]
            if stat.st_size != size:
                return None
            if noted.get(name) != [size, stat.st_mtime_ns, sha256]:
                known = False
                if _sha256(folder / name) != sha256:
                    return None
    except (StorageError, OSError):
        return None
    if store is not None and not known:
        note_shards(store, folder, index)
    return index


def note_shards(store: Store, folder: Path, index: Index) -> None:
    """Notes sizes and times of change of an output's files, which are known to be sound."""
    stats = Stats(folder)
    notes = {name: [size, stats[name].st_mtime_ns, sha256] for name, size, sha256 in _files(index)}
    store.write_bytes(notes_path(folder), json.dumps(notes, indent=1, sort_keys=True).encode())


def notes_path(folder: Path) -> Path:
    """Where the notes of an output lie."""
    return folder.parent / f"_{folder.name}.json"


def _files(index: Index) -> Iterator[tuple[str, int, str]]:
    for shard in index.shards:
        yield shard.name, shard.bytes, shard.sha256
        if shard.sidecar:
            yield shard.sidecar, shard.sidecar_bytes, shard.sidecar_sha256


def _read_notes(folder: Path) -> dict[str, Any]:
    try:
        notes = json.loads(notes_path(folder).read_bytes())
        return notes if isinstance(notes, dict) else {}
    except (OSError, ValueError):
        return {}


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()
