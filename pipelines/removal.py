"""Takedowns: which URLs, hosts and ids are out of a run for good, in `removed.jsonl` beside its run.json.

The list only grows. A record on it keeps its row, id and URL, so that layers stay aligned; its text and all that was
computed of it is null, its reason is `removed`, and no later run of the out folder scores or writes it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from core.addresses import canonical_url, url_host
from core.errors import InputError, StorageError
from core.hashing import ID_TYPE, digest
from core.remote_path import place
from pipelines.store import Store

REMOVED_FILE = "removed.jsonl"
KINDS = ("url", "host", "id", "name")
_ID = re.compile(r"[0-9a-f]{32}")
_HOST = re.compile(r"[a-z0-9_\-.:\[\]]+")

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, order=True)
class Takedown:
    """What is removed: a page by its canonical URL, a host with its subdomains, a document by its id in hex, or an image of the
    input by the name of its file, relative to the prefix, or of its shard and member."""

    kind: str
    value: str

    @staticmethod
    def of(kind: str, value: str) -> Takedown:
        """A takedown as a user names it. InputError if the value is none of its kind."""
        value = value.strip()
        if kind == "url" and "://" in value:
            return Takedown("url", canonical_url(value))
        if kind == "id" and _ID.fullmatch(value.lower()):
            return Takedown("id", value.lower())
        if kind == "host":
            host = url_host(f"https://{value}/")
            if host and "/" not in value and _HOST.fullmatch(host):
                return Takedown("host", host)
        if kind == "name" and value and "://" not in value:
            return Takedown("name", value)
        forms = {"url": "https://host/path", "id": "32 hex digits", "host": "host.example", "name": "folder/file.jpg"}
        needed = forms[kind]
        raise InputError(f"{value[:200]!r} is no {kind} that can be removed", f"write it as {needed}")

    @staticmethod
    def guess(value: str) -> Takedown:
        """A line of a file: a URL if it has ://, an id if it is 32 hex digits, else a host."""
        value = value.strip()
        kind = "url" if "://" in value else "id" if _ID.fullmatch(value.lower()) else "host"
        return Takedown.of(kind, value)


@dataclass(frozen=True)
class Removals:
    """The takedowns of an out folder. `settled` says whether its layers and shards are clean of all of them."""

    takedowns: frozenset[Takedown] = frozenset()
    settled: bool = True
    lines: tuple[Mapping[str, Any], ...] = field(default=(), repr=False, compare=False)

    def __bool__(self) -> bool:
        return bool(self.takedowns)

    @cached_property
    def digest(self) -> str:
        """Of the list; empty if it is empty."""
        return digest(json.dumps(sorted((t.kind, t.value) for t in self.takedowns))).hex() if self else ""

    @cached_property
    def _urls(self) -> frozenset[str]:
        return frozenset(t.value for t in self.takedowns if t.kind == "url")

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(t.value for t in self.takedowns if t.kind == "name")

    @cached_property
    def _hosts(self) -> frozenset[str]:
        return frozenset(t.value for t in self.takedowns if t.kind == "host")

    @cached_property
    def _ids(self) -> pa.Array:
        return pa.array(sorted(bytes.fromhex(t.value) for t in self.takedowns if t.kind == "id"), ID_TYPE)

    def mask(self, ids: pa.Array, urls: pa.Array) -> Bools:
        """Which records are removed, by their ids (binary(16)) and URLs (string, null for none), of one length."""
        gone = np.zeros(len(ids), bool)
        if not self:
            return gone
        if len(self._ids):
            gone |= np.asarray(pc.is_in(ids, value_set=self._ids).to_numpy(zero_copy_only=False), bool)
        if self._urls or self._hosts or self._names:
            for row, url in enumerate(urls.to_pylist()):
                if url and not gone[row]:
                    gone[row] = self._hits(url)
        return gone

    def _hits(self, url: str) -> bool:
        if url in self._names or (self._urls and canonical_url(url) in self._urls):
            return True
        if not self._hosts:
            return False
        labels = url_host(url).split(".")
        return any(".".join(labels[i:]) in self._hosts for i in range(len(labels)))


def read_removals(root: str) -> Removals:
    """The takedowns of an out folder. StorageError if the list is damaged: then nothing may be computed."""
    path = place(root) / REMOVED_FILE
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return Removals()
    takedowns: set[Takedown] = set()
    lines: list[Mapping[str, Any]] = []
    settled = ""
    for number, line in enumerate(raw.splitlines(), 1):
        try:
            entry = json.loads(line)
            lines.append(entry)
            if "settled" in entry:
                settled = str(entry["settled"])
            else:
                takedowns.add(Takedown.of(entry["kind"], entry["value"]))
        except (ValueError, KeyError, TypeError, InputError) as error:
            raise StorageError(
                f"{path}:{number}: is no line of a list of takedowns ({error})",
                "put the file right by hand, or from a copy: without it, what was taken down would come back",
            ) from error
    found = Removals(frozenset(takedowns), True, tuple(lines))
    return found if found.digest == settled else Removals(found.takedowns, False, found.lines)


def add_takedowns(store: Store, takedowns: Iterable[Takedown], note: str = "") -> Removals:
    """Writes takedowns that are not there yet into the list; the lease must be held."""
    before = read_removals(store.root)
    new = [t for t in dict.fromkeys(takedowns) if t not in before.takedowns]
    told = {"at": _now(), **({"note": note} if note else {})}
    _write(store, [*before.lines, *({"kind": t.kind, "value": t.value, **told} for t in new)])
    return read_removals(store.root)


def note_settled(store: Store, removals: Removals, done: Mapping[str, int]) -> None:
    """Logs that layers and shards are clean of all takedowns, and what was done for it."""
    _write(store, [*removals.lines, {"settled": removals.digest, "at": _now(), **done}])


def _write(store: Store, lines: Sequence[Mapping[str, Any]]) -> None:
    data = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    store.write_bytes(store.path(REMOVED_FILE), data.encode())


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
