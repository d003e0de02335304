"""Files by path or URI: globs, sizes, and a random-access byte source that hashes a slice as it is read.

Remote stores go through pyarrow.fs, or fsspec where pyarrow does not know the scheme.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.fs as pafs
import xxhash

from core.errors import InputError

#: Bytes after a slice that its digest covers too: the record that starts last in a slice ends past it.
OVERLAP = 1 << 20
BLOCK = 1 << 20

_SCHEME = re.compile(r"^[a-zA-Z][a-zA-Z0-9+.-]+://")
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


def file_system(uri: str) -> tuple[pafs.FileSystem, str]:
    """The store of a URI or path, and the path inside it."""
    if not _SCHEME.match(uri):
        return pafs.LocalFileSystem(), os.path.abspath(uri)
    try:
        found: tuple[pafs.FileSystem, str] = pafs.FileSystem.from_uri(uri)
        return found
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError, OSError) as error:
        scheme, _, path = uri.partition("://")
        try:
            import fsspec  # pyright: ignore[reportMissingImports]

            handler = pafs.FSSpecHandler(fsspec.filesystem(scheme))
            return pafs.PyFileSystem(handler), path
        except (ImportError, ValueError):
            raise InputError(f"{uri}: {error}", "use a local path, or a store that pyarrow or fsspec can open") from None


def open_file(uri: str) -> BinaryFile:
    """Open for reading; InputError when there is no such file or it cannot be read."""
    store, path = file_system(uri)
    try:
        if isinstance(store, pafs.LocalFileSystem):
            return open(path, "rb", buffering=0)
        return store.open_input_file(path)
    except OSError as error:
        raise InputError(f"{uri} cannot be read: {error}", "check that the file is there and that you may read it") from None


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
    scheme = _SCHEME.match(pattern)
    start = scheme.group(0) if scheme else ""
    rest = pattern[len(start) :]
    store, whole = file_system(pattern if not _WILD.search(rest) or not scheme else start + _WILD.split(rest)[0])
    if not _WILD.search(rest) or (not scheme and os.path.isfile(whole)):
        info = store.get_file_info(whole)
        if info.type == pafs.FileType.Directory:
            raise InputError(f"{pattern} is a folder", f"name its files, for instance {pattern.rstrip('/')}/*.warc.gz")
        if info.type == pafs.FileType.NotFound:
            return []
        return [FoundFile(info.base_name, whole if not scheme else pattern, info.size)]
    components = rest.split("/")
    first = next(i for i, component in enumerate(components) if _WILD.search(component))
    prefix, tail = "/".join(components[:first]), "/".join(components[first:])
    if not scheme and not prefix:
        prefix = "/" if rest.startswith("/") else "."
    store, root = file_system(start + prefix)
    deep = "/" in tail or "**" in tail
    wanted = _matcher(tail)
    try:
        infos = store.get_file_info(pafs.FileSelector(root, recursive=deep, allow_not_found=True))
    except OSError as error:
        raise InputError(f"{pattern}: {error}", "check that the folder is there and that you may read it") from None
    found: list[FoundFile] = []
    for info in infos:
        name = info.path[len(root) :].lstrip("/")
        if info.type == pafs.FileType.File and wanted.fullmatch(name):
            uri = info.path if not scheme else f"{start}{prefix}/{name}"
            found.append(FoundFile(name, uri, info.size))
    return sorted(found, key=lambda f: f.name)


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
        """xxh3-128 of the slice and its overlap, 32 hex digits."""
        self._catch_up(self._limit)
        return self._hash.hexdigest()

    def close(self) -> None:
        self.file.close()

    def _load(self, offset: int, n: int) -> None:
        if self._hashed < offset:
            self._catch_up(min(offset, self._limit))
        self._data = _read_exactly(self.file, offset, n)
        self._base = offset
        end = min(offset + len(self._data), self._limit)
        if offset <= self._hashed < end:
            self._hash.update(memoryview(self._data)[self._hashed - offset : end - offset])
            self._hashed = end

    def _catch_up(self, to: int) -> None:
        while self._hashed < to:
            data = _read_exactly(self.file, self._hashed, min(BLOCK, to - self._hashed))
            if not data:
                break
            self._hash.update(data)
            self._hashed += len(data)


def _read_exactly(file: BinaryFile, offset: int, n: int) -> bytes:
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
