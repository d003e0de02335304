"""Files that become visible whole or not at all: written under another name, synced, renamed.

The operating system's errors become a StorageError that names the file and says what to do.
"""

from __future__ import annotations

import errno
import os
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from core.errors import StorageError


class Place(Protocol):
    """Where files are drafted, and how a finished one is put in its place."""

    def temporary(self, name: str) -> Path:
        """A path that no other attempt uses, in a folder that exists, on the file system of the final place."""
        ...

    def commit(self, temporary: Path, final: Path) -> None:
        """Syncs `temporary` and renames it to `final`."""
        ...

    def check_lease(self) -> None:
        """Raises a LeaseError if nothing may be changed or deleted here any more."""
        ...


class Beside:
    """Drafts files in the folder they end in, under a name that starts with a dot and ends with `.tmp`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def temporary(self, name: str) -> Path:
        with storage_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        return self.folder / f".{name}.{uuid.uuid4().hex}.tmp"

    def commit(self, temporary: Path, final: Path) -> None:
        with storage_errors(final):
            sync(temporary)
            os.replace(temporary, final)
            sync(final.parent)

    def check_lease(self) -> None:
        """Nobody holds the folder."""


def sync(path: Path) -> None:
    """Waits until a file, or the entries of a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def storage_errors(path: str | Path) -> Generator[None, None, None]:
    """Turns the operating system's errors on writing `path` into a StorageError with a mend."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT) and "://" in str(path):
            raise StorageError(
                f"{path}: the disk is full on which its draft lies before it is uploaded",
                "free space there, or put WEB2SHARDS_CACHE on a larger one, and run the same command again: "
                "what is finished is kept",
            ) from error
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageError(
                f"{path}: the disk is full",
                "free space (`web2shards prune` removes superseded files) and run the same command again: "
                "what is finished is kept",
            ) from error
        if error.errno == errno.EFBIG:
            raise StorageError(
                f"{path}: is larger than a file may be here",
                "raise the limit (`ulimit -f`), choose an --out on another file system, or take smaller parts or shards",
            ) from error
        if error.errno in (errno.EMFILE, errno.ENFILE):
            raise StorageError(
                f"{path}: too many files are open", "raise the limit (`ulimit -n`) and run the same command again"
            ) from error
        if error.errno in (errno.EIO, errno.ESTALE):
            raise StorageError(
                f"{path}: the disk failed ({error.strerror})",
                "look after the disk (`dmesg`), then run the same command again, if need be with another --out",
            ) from error
        if error.errno == errno.ENAMETOOLONG:
            raise StorageError(
                f"{path}: the name is too long for this file system",
                "name the input by a pattern that starts deeper, so that parts have shorter names",
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise StorageError(
                f"{path}: cannot be written ({error.strerror})", "give write permission, or choose another --out"
            ) from error
        if error.errno in (errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ENOENT):
            raise StorageError(
                f"{path}: no folder can be made there, or a file stands in its way ({error.strerror})",
                "choose another --out",
            ) from error
        raise
