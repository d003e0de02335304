"""What this machine keeps of object stores: copies of objects, named by their ETags, and drafts of what is to be uploaded.

A copy is downloaded once and never an old one; those that were not used for longest make room. Drafts lie in a folder of
the process that writes them, which is locked while it lives (flock(2)): what a killed one left, the next one removes.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import shutil
import tempfile
import time
import uuid
from dataclasses import dataclass
from pathlib import Path

from core.errors import StorageError
from core.files import storage_errors
from core.ranged_file import RANGE_BYTES
from core.remote import Look, look, refused
from core.remote_file import Ranges
from core.retries import number_of

#: Where copies and drafts lie, and how many bytes of copies are kept.
CACHE_VARIABLE, CACHE_BYTES_VARIABLE = "WEB2SHARDS_CACHE", "WEB2SHARDS_CACHE_BYTES"
CACHE_BYTES = 20 << 30
#: A copy that was used this recently stays: a reader may be about to open it.
RECENT_SECONDS = 600.0
#: A process looks after the drafts of at most so many others.
MOST_LOOKS = 1000


def cache_folder() -> Path:
    """The folder of copies and drafts on this machine, for this user alone."""
    given = os.environ.get(CACHE_VARIABLE)
    folder = Path(given) if given else Path(tempfile.gettempdir(), f"web2shards-cache-{os.getuid()}")
    with storage_errors(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_uid != os.getuid() or folder.is_symlink():
        raise StorageError(f"{folder}: belongs to another user", f"name a folder of your own by {CACHE_VARIABLE}")
    return folder


def local_scratch(uri: str) -> Path:
    """A folder on this machine for what belongs to the objects below a URI and need not be seen elsewhere."""
    return cache_folder() / "scratch" / hashlib.sha256(uri.encode()).hexdigest()[:24]


def cached(uri: str) -> Path:
    """A copy of an object as it is now, on this machine. FileNotFoundError if there is no such object."""
    for _ in range(3):
        try:
            found = look(uri)
        except OSError as error:
            raise refused(uri, error) from error
        if found is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), uri)
        copy = _copy(uri, found)
        if found.stamp:
            with contextlib.suppress(FileNotFoundError):
                os.utime(copy)
                return copy
        draft = new_draft(copy.name)
        try:
            _download(uri, draft)
            if look(uri) == found:
                with storage_errors(copy):
                    copy.parent.mkdir(parents=True, exist_ok=True)
                    os.replace(draft, copy)
                make_room(copy.parent)
                return copy
        finally:
            draft.unlink(missing_ok=True)
    raise StorageError(f"{uri}: changes again and again while it is read", "run the same command when nobody else writes there")


def keep(local: Path, uri: str, found: Look) -> None:
    """Makes a local file, which is what was uploaded to a URI, its copy."""
    copy = _copy(uri, found)
    copy.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(local, copy)
    make_room(copy.parent)


def _copy(uri: str, found: Look) -> Path:
    digest = hashlib.sha256(f"{uri}\n{found.size}\n{found.stamp}".encode()).hexdigest()[:32]
    return cache_folder() / "copies" / f"{digest}-{uri.rpartition('/')[2][-80:]}"


def _download(uri: str, to: Path) -> None:
    try:
        with Ranges(uri) as source, storage_errors(to), to.open("xb") as sink:
            for at in range(0, source.look.size, RANGE_BYTES):
                sink.write(source.read(at, min(RANGE_BYTES, source.look.size - at)))
    except FileNotFoundError:
        raise
    except OSError as error:
        raise refused(uri, error) from error


def make_room(folder: Path) -> None:
    """Removes the copies that were not used for longest, until they are as few bytes as the environment says."""
    most = number_of(CACHE_BYTES_VARIABLE, CACHE_BYTES, 1 << 60)
    found: list[tuple[float, int, Path]] = []
    with contextlib.suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):
                told = entry.stat()
                found.append((told.st_mtime, told.st_size, Path(entry.path)))
    held = sum(size for _, size, _ in found)
    for used, size, path in sorted(found):
        if held <= most or time.time() - used < RECENT_SECONDS:
            return
        path.unlink(missing_ok=True)
        held -= size


@dataclass(frozen=True)
class _Drafts:
    """The folder of a process's drafts; the descriptor, whose lock says that it lives, is open until it ends."""

    pid: int
    folder: Path
    lock: int


#: Of this process, or of its parent before a fork.
_drafts: _Drafts | None = None


def new_draft(name: str) -> Path:
    """A path on this machine that nobody else uses, in a folder that exists, for a file that ends as `name`."""
    global _drafts
    above, mine = cache_folder() / "drafts", _drafts
    with storage_errors(above):
        if mine is None or mine.pid != os.getpid() or mine.folder.parent != above or not os.fstat(mine.lock).st_nlink:
            above.mkdir(mode=0o700, parents=True, exist_ok=True)
            mine = _drafts = _own(above)
            _remove_left(above, mine.folder.name)
        mine.folder.mkdir(mode=0o700, exist_ok=True)
    return mine.folder / f"{uuid.uuid4().hex}-{Path(name).name[-80:]}"


def _own(above: Path) -> _Drafts:
    while True:
        name = uuid.uuid4().hex
        lock = os.open(above / f"{name}.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        with contextlib.suppress(OSError):  # a file system without locks: nobody gets this one then, nothing is removed
            fcntl.flock(lock, fcntl.LOCK_EX)
        if os.fstat(lock).st_nlink:  # else somebody took it for a dead one's, before it was locked
            return _Drafts(os.getpid(), above / name, lock)
        os.close(lock)


def _remove_left(above: Path, own: str) -> None:
    """Removes the drafts of processes that are no more."""
    with os.scandir(above) as entries:
        names = [entry.name.removesuffix(".lock") for entry in entries if entry.name.endswith(".lock")]
    for name in [name for name in names if name != own][:MOST_LOOKS]:
        with contextlib.suppress(OSError):  # a neighbour is about to remove it too
            lock = os.open(above / f"{name}.lock", os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(above / name, ignore_errors=True)
                (above / f"{name}.lock").unlink()
            finally:
                os.close(lock)
