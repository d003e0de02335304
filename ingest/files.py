"""Files by path or URI: globs, sizes, and a random-access byte source that hashes a slice as it is read.

Only folders that a pattern can match are listed: a crawl's bucket holds more than one run reads.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol, TypeVar

import pyarrow.fs as pafs
import xxhash

from core.errors import InputError
from core.remote import SCHEME, asked, file_system, look
from core.remote_file import RemoteFile, unreadable

T = TypeVar("T")

#: Bytes after a slice that its digest covers too: the record that starts last in a slice ends past it.
OVERLAP = 1 << 20
BLOCK = 1 << 20

_WILD = re.compile(r"[*?\[]")


class BinaryFile(Protocol):
    def read(self, size: int = ..., /) -> bytes: ...
    def seek(self, position: int, /) -> object: ...
    def close(self) -> None: ...
    def __enter__(self) -> BinaryFile: ...
    def __exit__(self, kind: Any, value: Any, tb: Any, /) -> Any: ...


@dataclass(frozen=True)
class FoundFile:
    """A file of the input: `name` relative to its pattern's static prefix, `uri` to open it, `size` in bytes."""

    name: str
    uri: str
    size: int


def open_file(uri: str) -> BinaryFile:
    """Open for reading; InputError when there is no such file or it cannot be read."""
    store, path = file_system(uri)
    try:
        return open(path, "rb", buffering=0) if isinstance(store, pafs.LocalFileSystem) else RemoteFile(uri)
    except OSError as error:
        raise unreadable(uri, error) from None


def parquet_source(uri: str) -> RemoteFile | str:
    """What a reader of Parquet takes for a URI or path."""
    store, path = file_system(uri)
    if isinstance(store, pafs.LocalFileSystem):
        return path
    try:
        return RemoteFile(uri)
    except OSError as error:
        raise unreadable(uri, error) from None


def change_stamp(uri: str) -> tuple[int, int | str | None]:
    """A file's size, and what differs when it was written anew: its time of change, or a store's ETag; None if none is told."""
    store, path = file_system(uri)
    if isinstance(store, pafs.LocalFileSystem):
        info = store.get_file_info(path)
        return info.size, info.mtime_ns
    try:
        found = look(uri)
    except OSError as error:
        raise unreadable(uri, error) from error
    if found is None:
        raise unreadable(uri, FileNotFoundError("there is no such file"))
    return found.size, found.stamp or None


@lru_cache(maxsize=256)
def _matcher(pattern: str) -> re.Pattern[str]:
    out = ""
    i = 0
    while i < len(pattern):
        if pattern.startswith("**/", i):
            out, i = out + r"(?:[^/]+/)*", i + 3
        elif pattern.startswith("**", i):
            out, i = out + r".*", i + 2
        elif pattern[i] == "*":
            out, i = out + r"[^/]*", i + 1
        elif pattern[i] == "?":
            out, i = out + r"[^/]", i + 1
        elif pattern[i] == "[" and (end := pattern.find("]", i + 2)) > 0:
            inner = pattern[i + 1 : end].replace("\\", "\\\\")
            out, i = out + "[" + ("^" + inner[1:] if inner[0] == "!" else inner) + "]", end + 1
        else:
            out, i = out + re.escape(pattern[i]), i + 1
    return re.compile(out)


def find_files(pattern: str) -> list[FoundFile]:
    """Files that a path, URI or glob (`*`, `?`, `[...]`, `**`) names, sorted by name; empty if there is none."""
    scheme = SCHEME.match(pattern)
    start = scheme.group(0) if scheme else ""
    rest = pattern[len(start) :]
    store, whole = file_system(pattern if not _WILD.search(rest) or not scheme else start + _WILD.split(rest)[0])
    if not _WILD.search(rest) or (not scheme and os.path.isfile(whole)):
        info = _info(store, whole, pattern)
        if info.type == pafs.FileType.Directory:
            raise InputError(f"{pattern} is a folder", f"name its files, for instance {pattern.rstrip('/')}/*.warc.gz")
        if info.type == pafs.FileType.NotFound:
            return []
        return [FoundFile(info.base_name, whole if not scheme else pattern, info.size)]
    components = rest.split("/")
    first = next(i for i, component in enumerate(components) if _WILD.search(component))
    prefix = "/".join(components[:first])
    if not scheme and not prefix:
        prefix = "/" if rest.startswith("/") else "."
    store, root = file_system(start + prefix)
    found: list[FoundFile] = []
    for info in _matching(store, root, components[first:], pattern):
        name = info.path[len(root) :].lstrip("/")
        found.append(FoundFile(name, info.path if not scheme else f"{start}{prefix}/{name}", info.size))
    return sorted(found, key=lambda f: f.name)


@dataclass(frozen=True)
class Pattern:
    """A pattern taken apart: `text` as written, the folder `root` that its files' names are relative to, and the components
    behind it, which are a name where it has no wildcard."""

    text: str
    scheme: str
    store: pafs.FileSystem
    root: str
    components: tuple[str, ...]

    @classmethod
    def of(cls, pattern: str) -> Pattern:
        scheme = SCHEME.match(pattern)
        start = scheme.group(0) if scheme else ""
        components = pattern[len(start) :].split("/")
        first = next((i for i, component in enumerate(components) if _WILD.search(component)), len(components) - 1)
        prefix = "/".join(components[:first])
        if not scheme and not prefix:
            prefix = "/" if pattern.startswith("/") else "."
        store, root = file_system(start + prefix)
        return cls(pattern, f"{start}{prefix}" if scheme else "", store, root, tuple(components[first:]))

    def uri(self, name: str) -> str:
        """Where a file lies, by its name relative to the prefix."""
        return f"{self.scheme or self.root.rstrip('/')}/{name}"

    def names(self, name: str) -> bool:
        """Whether it names the file of this name."""
        return _matcher("/".join(self.components)).fullmatch(name) is not None

    def may_hold(self, name: str) -> bool:
        """Whether it may name something in the folder of this name."""
        parts = name.split("/")
        for i, part in enumerate(parts):
            if i >= len(self.components) - 1 or "**" in self.components[i]:
                return i < len(self.components) and "**" in self.components[i]
            if not _matcher(self.components[i]).fullmatch(part):
                return False
        return True


def uris_of(patterns: Sequence[str], name: str) -> list[str]:
    """Where the file of a name, relative to a pattern's prefix, may lie: one place a pattern."""
    return list(dict.fromkeys(Pattern.of(pattern).uri(name) for pattern in patterns))


def _matching(store: pafs.FileSystem, folder: str, components: Sequence[str], pattern: str) -> Iterator[pafs.FileInfo]:
    """The files below a folder that the components of a pattern name; only folders that match are listed."""
    for i, component in enumerate(components):
        if not _WILD.search(component):
            folder = f"{folder.rstrip('/')}/{component}"
            continue
        deep = "**" in component
        wanted = _matcher("/".join(components[i:]) if deep else component)
        for info in listed(store, folder, deep, pattern):
            matches = wanted.fullmatch(info.path[len(folder) :].lstrip("/")) is not None
            if not matches:
                continue
            if deep or i == len(components) - 1:
                if info.type == pafs.FileType.File:
                    yield info
            elif info.type == pafs.FileType.Directory:
                yield from _matching(store, info.path, components[i + 1 :], pattern)
        return
    info = _info(store, folder, pattern)
    if info.type == pafs.FileType.File:
        yield info


def listed(store: pafs.FileSystem, folder: str, deep: bool, pattern: str) -> Sequence[pafs.FileInfo]:
    """What lies in a folder, or (`deep`) below it; nothing if there is none."""
    selector = pafs.FileSelector(folder, recursive=deep, allow_not_found=True)

    def call() -> Sequence[pafs.FileInfo]:
        return store.get_file_info(selector)

    return _asked(store, f"{pattern}: list {folder}", call, pattern)


def _info(store: pafs.FileSystem, path: str, pattern: str) -> pafs.FileInfo:
    def call() -> pafs.FileInfo:
        return store.get_file_info(path)

    return _asked(store, f"{pattern}: look", call, pattern)


def _asked(store: pafs.FileSystem, what: str, call: Callable[[], T], pattern: str) -> T:
    try:
        return call() if isinstance(store, pafs.LocalFileSystem) else asked(what, call)
    except OSError as error:
        raise InputError(f"{pattern}: {error}", "check that the folder is there and that you may read it") from None


class ByteSource:
    """Random access to a file through one block of buffer, made for reading forward.

    The bytes of `[start, stop + OVERLAP)` go through xxh3-128 as they are read, each once and in order;
    `digest` reads what was not needed.
    """

    def __init__(self, uri: str, start: int, stop: int, *, block: int = BLOCK) -> None:
        self.file = open_file(uri)
        self.size = _size(self.file)
        self._block = block
        self._data = b""
        self._base = 0
        self._hash = xxhash.xxh3_128()
        self._hashed = start
        self._limit = min(stop + OVERLAP, self.size)

    def at(self, offset: int, n: int) -> memoryview:
        """Up to `n` bytes from `offset`; fewer only at the end of the file."""
        if offset >= self.size:
            return memoryview(b"")
        i = offset - self._base
        if i < 0 or (i + n > len(self._data) and self._base + len(self._data) < self.size):
            self._load(offset, max(n, self._block))
            i = 0
        return memoryview(self._data)[i : i + n]

    def digest(self) -> str:
        """xxh3-128 of the slice and its overlap, 32 hex digits. InputError if a remote file changed since it was opened."""
        self._catch_up(self._limit)
        if isinstance(self.file, RemoteFile):
            self.file.require_unchanged()
        return self._hash.hexdigest()

    def close(self) -> None:
        self.file.close()

    def _load(self, offset: int, n: int) -> None:
        if self._hashed < offset:
            self._catch_up(min(offset, self._limit))
        self._data = read_exactly(self.file, offset, n)
        self._base = offset
        end = min(offset + len(self._data), self._limit)
        if offset <= self._hashed < end:
            self._hash.update(memoryview(self._data)[self._hashed - offset : end - offset])
            self._hashed = end

    def _catch_up(self, to: int) -> None:
        while self._hashed < to:
            data = read_exactly(self.file, self._hashed, min(BLOCK, to - self._hashed))
            if not data:
                break
            self._hash.update(data)
            self._hashed += len(data)


def read_exactly(file: BinaryFile, offset: int, n: int) -> bytes:
    """`n` bytes from `offset`; fewer only at the end of the file."""
    file.seek(offset)
    data = file.read(n)
    if len(data) < n:
        parts = [data]
        missing = n - len(data)
        while missing and (more := file.read(missing)):
            parts.append(more)
            missing -= len(more)
        data = b"".join(parts)
    return data


def _size(file: BinaryFile) -> int:
    size: Callable[[], int] | None = getattr(file, "size", None)
    if size is not None:
        return size()
    seek: Callable[[int, int], int] = file.seek  # pyright: ignore[reportAssignmentType]
    return seek(0, os.SEEK_END)
