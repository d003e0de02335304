"""Paths on an object store that are used like local ones: looked at, listed, read and deleted; `place` makes them.

Who opens one, or hands it to a reader of files, gets a copy on this machine (`core.remote_cache`). Objects are written
whole by `upload` and `put`, which no rename is needed for.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path, PosixPath
from typing import IO, Any, TypeVar

import pyarrow.fs as pafs

from core.errors import StorageError
from core.remote import SCHEME, Look, asked, file_system, opened, refused
from core.remote_cache import cached
from core.remote_cache import keep as remember

T = TypeVar("T")
PIECE = 8 << 20
#: Stores whose objects are seen whole or not at all, and listed as soon as they are written.
WRITABLE = ("s3://", "gs://")
_DEEPEST = 8


def place(path: str) -> Path:
    """The path of an out folder or of what is in it: local, or of a store that WRITABLE names; StorageError for others."""
    scheme = SCHEME.match(path)
    if scheme is None:
        return Path(path)
    if scheme.group(0) not in WRITABLE:
        raise StorageError(
            f"{path}: an out folder is a local path, or a URI that begins with {' or '.join(WRITABLE)}",
            "choose such an --out; on other stores a file could be seen before it is whole",
        )
    return RemotePath(path.rstrip("/"))


@dataclass(frozen=True)
class Stat:
    """What there is to know of an object without reading it; folders have no time."""

    st_mode: int
    st_size: int
    st_mtime_ns: int
    #: Objects have none.
    st_ino: int = 0

    @property
    def st_mtime(self) -> float:
        return self.st_mtime_ns / 1e9


class RemotePath(PosixPath):
    """A path on an object store, made by `place`; as text it is a URI.

    Folders are what names have in common: they are not made, and vanish with what is in them. UnreachableError when the
    store stays away, StorageError when it refuses.
    """

    def __str__(self) -> str:
        return super().__str__().replace(":/", "://", 1)

    def __repr__(self) -> str:
        return f"RemotePath({str(self)!r})"

    def __fspath__(self) -> str:
        return str(cached(str(self)))

    def __reduce__(self) -> tuple[Callable[[str], Path], tuple[str]]:
        return place, (str(self),)

    _listed: pafs.FileInfo | None = None

    def stat(self, *, follow_symlinks: bool = True) -> Any:
        """What the store tells now; of a path that a listing gave, what the listing told."""
        return _stat(str(self), self._info())

    def exists(self, *, follow_symlinks: bool = True) -> bool:
        return self._info().type != pafs.FileType.NotFound

    def is_file(self, *, follow_symlinks: bool = True) -> bool:  # pyright: ignore[reportIncompatibleMethodOverride]
        return self._info().type == pafs.FileType.File

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:  # pyright: ignore[reportIncompatibleMethodOverride]
        return self._info().type == pafs.FileType.Directory

    def iterdir(self) -> Generator[Any]:
        yield from self._below(False)

    def glob(self, pattern: str, **options: Any) -> Iterator[Path]:  # pyright: ignore[reportIncompatibleMethodOverride]
        depth = pattern.count("/") + 1
        for path in self._below(depth > 1):
            inner = PosixPath(*path.parts[len(self.parts) :])
            if len(inner.parts) == depth and inner.match(pattern):
                yield path

    def rglob(self, pattern: str, **options: Any) -> Iterator[Path]:  # pyright: ignore[reportIncompatibleMethodOverride]
        yield from (path for path in self._below(True) if path.match(pattern))

    def open(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, mode: str = "r", *args: Any, **options: Any
    ) -> IO[Any]:  # fmt: skip
        if mode not in ("r", "rb", "rt"):
            raise ValueError(f"{self}: objects are written whole, not opened for writing")
        return open(os.fspath(self), mode, *args, **options)

    def read_bytes(self) -> bytes:
        def call(store: pafs.FileSystem, path: str) -> bytes:
            with store.open_input_file(path) as file:
                return file.read()

        return _asked(str(self), "read", call)

    def read_text(self, encoding: str | None = None, errors: str | None = None, newline: str | None = None) -> str:
        return self.read_bytes().decode(encoding or "utf-8", errors or "strict")

    def unlink(self, missing_ok: bool = False) -> None:
        try:
            _asked(str(self), "delete", _delete)
        except FileNotFoundError:
            if not missing_ok:
                raise

    def mkdir(self, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
        """Nothing: an object store has no folders of its own."""

    def rmdir(self) -> None:
        """Removes what a store put in place of a folder that became empty."""
        if any(self._below(False)):
            raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY), str(self))
        remove_tree(self)

    def _below(self, deep: bool) -> list[Path]:
        def call(store: pafs.FileSystem, path: str) -> list[Path]:
            found: list[Path] = []
            for info in store.get_file_info(pafs.FileSelector(path, recursive=deep, allow_not_found=True)):
                one = self / info.path[len(path) :].strip("/")
                one._listed = info  # pyright: ignore[reportAttributeAccessIssue]
                found.append(one)
            return found

        return _asked(str(self), "list", call)

    def _info(self) -> pafs.FileInfo:
        def call(store: pafs.FileSystem, path: str) -> pafs.FileInfo:
            return store.get_file_info(path)

        return self._listed or _asked(str(self), "look", call)


class Stats:
    """What there is to know of the files of a folder, by name: of a remote one from one listing, not a request each."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._told = {path.name: path for path in folder.iterdir()} if isinstance(folder, RemotePath) else None

    def __getitem__(self, name: str) -> os.stat_result:
        """FileNotFoundError if there is no such file."""
        if self._told is None:
            return (self._folder / name).stat()
        if name not in self._told:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self._folder / name))
        return self._told[name].stat()


def remove_tree(folder: Path) -> None:
    """Removes a folder with all that is in it, if it is there; what cannot be removed of a local one stays."""
    if not isinstance(folder, RemotePath):
        shutil.rmtree(folder, ignore_errors=True)
        return
    with contextlib.suppress(FileNotFoundError):
        if folder.is_dir():
            _asked(str(folder), "remove", _delete_all)


def _delete(store: pafs.FileSystem, path: str) -> None:
    store.delete_file(path)


def _delete_all(store: pafs.FileSystem, path: str) -> None:
    # A gateway over a disk refuses to delete a folder that is named before its files: then it goes level by level.
    for _ in range(_DEEPEST):
        try:
            store.delete_dir(path)
            return
        except OSError as error:
            if "not empty" not in str(error):
                raise
    store.delete_dir(path)


def put(final: Path, data: bytes) -> None:
    """Writes a small object whole; another of its name is replaced."""

    def call(store: pafs.FileSystem, path: str) -> None:
        with store.open_output_stream(path, compression=None) as sink:
            sink.write(data)

    _asked(str(final), "write", call, len(data))


def upload(local: Path, final: Path, keep: bool = True) -> None:
    """Writes a finished local file as an object, in parts if it is large, and removes the local file.

    With `keep` its bytes go into the cache, for those who read it on this machine.
    """
    uri, size = str(final), local.stat().st_size

    def call(store: pafs.FileSystem, path: str) -> Look:
        with local.open("rb") as source, store.open_output_stream(path, compression=None) as sink:
            while piece := source.read(PIECE):
                sink.write(piece)
        file, found = opened(store, path)
        file.close()
        if found.size != size:
            raise ConnectionError(f"{uri}: {found.size:,} bytes arrived of {size:,}")
        return found

    found = _asked(uri, "upload", call, size)
    if keep and found.stamp:
        remember(local, uri, found)
    else:
        local.unlink()


def _stat(uri: str, info: pafs.FileInfo) -> Stat:
    if info.type == pafs.FileType.NotFound:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), uri)
    if info.type == pafs.FileType.Directory:
        return Stat(stat.S_IFDIR, 0, 0)
    # As coarse as S3 tells it of one object, where a listing tells more.
    return Stat(stat.S_IFREG, info.size, (info.mtime_ns or 0) // 1_000_000_000 * 1_000_000_000)


def _asked(uri: str, what: str, call: Callable[[pafs.FileSystem, str], T], size: int = 0) -> T:
    store, path = file_system(uri)
    try:
        return asked(f"{uri}: {what}", lambda: call(store, path), size)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise refused(uri, error) from error
