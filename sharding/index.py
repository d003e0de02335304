"""The index of an output: `index.json` lists every shard with its samples, bytes and sha256, and is written last.

So an output with an index is whole, and a file that the index does not list belongs to none: it is removed.
"""

from __future__ import annotations

import hashlib
import json
import re
import stat
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from core.errors import StorageError
from core.files import Beside, Place, storage_errors
from core.remote_path import Stats
from sharding.shard import FORMATS, ShardInfo

INDEX = "index.json"
FORMAT_VERSION = 1
#: An index past this is not ours: a million shards take a third of it.
LARGEST_INDEX = 1 << 30
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Index:
    """The shards of an output, sorted by name.

    `samples` is how many a full shard holds, `seed` what the order was made with, `features` the types of a sample
    for Hugging Face datasets (`sharding.features`), `about` what the caller adds (recipe, run), as JSON values.
    """

    format: str
    samples: int
    seed: int
    shards: tuple[ShardInfo, ...]
    features: dict[str, Any]
    about: dict[str, Any]

    @property
    def totals(self) -> dict[str, dict[str, int]]:
        """Shards, samples and bytes (sidecars not counted) of each split."""
        totals: dict[str, dict[str, int]] = {}
        for shard in self.shards:
            total = totals.setdefault(shard.split, {"shards": 0, "samples": 0, "bytes": 0})
            total["shards"] += 1
            total["samples"] += shard.samples
            total["bytes"] += shard.bytes
        return totals

    @property
    def files(self) -> set[str]:
        """The names of all files of the output, the index among them."""
        return {INDEX, *(s.name for s in self.shards), *(s.sidecar for s in self.shards if s.sidecar)}

    @property
    def sha256(self) -> str:
        """Hex sha256 of the values, by which a damaged index is known."""
        values = asdict(self)
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()

    def to_json(self) -> str:
        """The text of `index.json`, one line a shard."""
        head = {
            "format_version": FORMAT_VERSION, "format": self.format, "samples_per_shard": self.samples,
            "seed": self.seed, "totals": self.totals, "features": self.features, "about": self.about,
            "sha256": self.sha256,
        }  # fmt: skip
        lines = [f'  "{key}": {json.dumps(value, sort_keys=True, ensure_ascii=False)},' for key, value in head.items()]
        shards = ",\n".join(f"    {json.dumps(asdict(shard))}" for shard in self.shards)
        return "\n".join(["{", *lines, '  "shards": [', *([shards] if shards else []), "  ]", "}", ""])


def make_index(
    format: str, samples: int, seed: int, shards: Iterable[ShardInfo], *,
    features: dict[str, Any] | None = None, about: dict[str, Any] | None = None,
) -> Index:  # fmt: skip
    """The index of finished shards, given in any order. ValueError if a name stands twice."""
    ordered = tuple(sorted(shards, key=lambda shard: shard.name))
    index = Index(format, samples, seed, ordered, features or {}, about or {})
    if len(index.files) != 1 + len(ordered) + sum(bool(s.sidecar) for s in ordered):
        raise ValueError("two shards have one file name")
    return index


def index_method(folder: Path) -> str | None:
    """The method that an index says its shards were made by; empty if it says none, None if there is no index to read."""
    try:
        return str(read_index(folder).about.get("method", ""))
    except StorageError:
        return None


def retract_index(folder: Path) -> None:
    """Removes the index before the first shard of an output changes: from here on the output counts as unfinished."""
    path = folder / INDEX
    with storage_errors(path):
        path.unlink(missing_ok=True)


def write_index(folder: Path, index: Index, place: Place | None = None) -> list[str]:
    """Writes `index.json`, then removes every file of the folder that it does not list; returns their names, sorted.

    StorageError if a shard that it lists is not there in the stated size, or the folder cannot be written.
    """
    stats = Stats(folder)
    for shard in index.shards:
        for name, size in ((shard.name, shard.bytes), (shard.sidecar, shard.sidecar_bytes)):
            path = folder / name
            if name and _size(stats, name) != size:
                raise StorageError(f"{path}: missing, or not of {size:,} bytes", "run the same command again")
    place = place if place is not None else Beside(folder)
    final = folder / INDEX
    draft = place.temporary(INDEX)
    try:
        with storage_errors(final):
            draft.write_text(index.to_json(), encoding="utf-8")
        place.commit(draft, final)
    finally:
        draft.unlink(missing_ok=True)
    strays = unlisted(folder, index)
    place.check_lease()  # what is not listed may be of a run that took over since
    for name in strays:
        with storage_errors(folder / name):
            (folder / name).unlink(missing_ok=True)
    return strays


def _size(stats: Stats, name: str) -> int:
    """The bytes of a file; -1 if there is none, or something else."""
    try:
        told = stats[name]
    except FileNotFoundError:
        return -1
    return told.st_size if stat.S_ISREG(told.st_mode) else -1


def unlisted(folder: Path, index: Index) -> list[str]:
    """Names of the folder's files that are not of the output, sorted; folders in it are left alone."""
    listed = index.files
    return sorted(path.name for path in folder.iterdir() if path.name not in listed and not path.is_dir())


def read_index(folder: Path) -> Index:
    """The index of an output. StorageError if there is none or it is damaged."""
    path = folder / INDEX
    try:
        if path.stat().st_size > LARGEST_INDEX:
            raise ValueError("it is larger than any index")
        return _parse(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise StorageError(
            f"{path}: there is no index", "it is written last, so the run did not finish: run the same command again"
        ) from error
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        why = " ".join(str(error).split())[:200]
        raise StorageError(f"{path}: the index is damaged ({why})", "run the same command again") from error


def _parse(value: Any) -> Index:
    if value["format_version"] != FORMAT_VERSION:
        raise ValueError(f"format version {value['format_version']!r}, and this release reads {FORMAT_VERSION}")
    index = make_index(
        value["format"], value["samples_per_shard"], value["seed"], map(_shard, value["shards"]),
        features=value["features"], about=value["about"],
    )  # fmt: skip
    if index.format not in FORMATS:
        raise ValueError(f"format {index.format!r}")
    if value["totals"] != index.totals:
        raise ValueError("its totals are not the sums of its shards")
    if value["sha256"] != index.sha256:
        raise ValueError("its sha256 is not that of its values")
    return index


def _shard(entry: Any) -> ShardInfo:
    for field in fields(ShardInfo):
        kind = int if field.name in ("samples", "bytes", "sidecar_bytes") else str
        if type(entry[field.name]) is not kind or (kind is int and entry[field.name] < 0):
            raise ValueError(f"{field.name}: {entry[field.name]!r}")
    shard = ShardInfo(**entry)
    for name, sha256 in ((shard.name, shard.sha256), (shard.sidecar, shard.sidecar_sha256)):
        # A name with a slash or .. would send a reader, or the removal of strays, out of the folder.
        if (name or sha256) and not (_NAME.fullmatch(name) and _SHA256.fullmatch(sha256)):
            raise ValueError(f"shard {name!r} with sha256 {sha256!r}")
    return shard
