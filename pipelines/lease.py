"""One driver at a time on an out folder: a lease with a generation that is checked at every commit.

A lease is a file made exclusively; a dead holder's is taken over by making the next generation. Whether a
holder on another machine lives is seen from its beat changing, not from clocks, which may be set back. One in another
container counts as on another machine: its process is not to be seen from here.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import threading
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil

from core.errors import LeaseError, StorageError
from core.files import storage_errors
from pipelines.store import Store, lease_path

BEAT_SECONDS = 2.0
#: A holder on another machine is taken for dead when its beat stands still for this long.
SILENCE_SECONDS = 15.0


class Lease:
    """Holds an out folder from `acquire` to `release`; a context manager."""

    def __init__(self, root: str, silence_seconds: float = SILENCE_SECONDS) -> None:
        self.root = root
        self.silence_seconds = silence_seconds
        self.generation = 0
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def store(self) -> Store:
        return Store(self.root, self.generation)

    def acquire(self) -> Lease:
        """Takes the lease. LeaseError if a living run holds it, StorageError if the folder is unusable."""
        folder = Path(self.root, "lease")
        with storage_errors(self.root):
            folder.mkdir(parents=True, exist_ok=True)
        while True:
            newest = _newest(folder)
            if newest and self.alive(newest):
                raise held_by(_read(lease_path(self.root, newest)), self.root, newest)
            if self._create(newest + 1):
                if _newest(folder) == newest + 1:
                    break
                # Others took and left the folder since we looked: our generation is an old one.
                lease_path(self.root, newest + 1).unlink(missing_ok=True)
        self.generation = newest + 1
        for path in folder.glob("*"):  # drafts of those who were killed among them
            generation = path.name.partition(".")[0]
            if generation.isdigit() and int(generation) < self.generation:
                path.unlink(missing_ok=True)
        self._thread = threading.Thread(target=self._beat, name="lease", daemon=True)
        self._thread.start()
        return self

    def release(self) -> None:
        """Gives the lease back; the next run takes it at once."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        path = lease_path(self.root, self.generation)
        if path.exists():
            holder = _read(path) | {"released": True}
            try:
                _replace(path, holder)
            except OSError:  # a full disk must not hide the error that ended the run, nor leave it held by this process
                path.with_suffix(".beat").unlink(missing_ok=True)
                with contextlib.suppress(OSError):
                    os.truncate(path, 0)  # which takes no room; an empty lease is nobody's

    def __enter__(self) -> Lease:
        return self.acquire()

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self.release()

    def _create(self, generation: int) -> bool:
        path = lease_path(self.root, generation)
        holder = {
            "run": uuid.uuid4().hex, **machine(), "pid": os.getpid(), "process_started": started(os.getpid()), "released": False,
        }
        draft = _draft(path)
        with storage_errors(path):
            try:
                draft.write_text(json.dumps(holder))
                os.link(draft, path)  # whole and exclusive in one step
            except FileExistsError:
                return False
            finally:
                draft.unlink(missing_ok=True)
        return True

    def alive(self, generation: int) -> bool:
        """Whether the holder of a generation still runs; waits up to `silence_seconds` for one on another machine."""
        path = lease_path(self.root, generation)
        holder = _read(path)
        if not holder or holder.get("released"):
            return False
        if machine().items() <= holder.items():
            return same_process(holder)
        beat = path.with_suffix(".beat")
        seen = _text(beat)
        deadline = time.monotonic() + self.silence_seconds
        while time.monotonic() < deadline:
            time.sleep(min(1.0, self.silence_seconds / 4))
            if _text(beat) != seen:
                return True
        return False

    def _beat(self) -> None:
        lease = lease_path(self.root, self.generation)
        count = 0
        while not self._stop.wait(BEAT_SECONDS):
            count += 1
            try:
                if lease.exists():  # else another run took over, and a beat would be litter
                    lease.with_suffix(".beat").write_text(str(count))
            except OSError:  # a full disk: commits will say so, with the file's name
                continue


def holder(root: str) -> dict[str, object] | None:
    """Who holds the out folder now, None if nobody does. Asking about a run on another machine takes seconds."""
    newest = _newest(Path(root, "lease"))
    if newest and Lease(root, 3 * BEAT_SECONDS).alive(newest):
        return _read(lease_path(root, newest))
    return None


def _newest(folder: Path) -> int:
    return max((int(p.stem) for p in folder.glob("*.json") if p.stem.isdigit()), default=0)


def _read(path: Path) -> dict[str, Any]:
    try:
        text = _text(path)
        if not text:
            return {}
        value = json.loads(text)
    except ValueError as error:  # no JSON, or no UTF-8
        raise StorageError(f"{path}: is no lease file ({error})", f"delete {path} when no run uses the folder") from error
    return value if isinstance(value, dict) else {}


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""


def _replace(path: Path, holder: dict[str, Any]) -> None:
    draft = _draft(path)
    try:
        draft.write_text(json.dumps(holder))
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)


def _draft(path: Path) -> Path:
    return path.with_suffix(f".{uuid.uuid4().hex}.draft")


def machine() -> dict[str, str]:
    """What two processes share that can see each other."""
    try:
        processes = os.readlink("/proc/self/ns/pid")
    except OSError:
        processes = ""
    return {"host": platform.node(), "boot": _boot_id(), "processes": processes}


def held_by(holder: Mapping[str, Any], root: str, generation: int) -> LeaseError:
    """The error for an out folder whose lease has a living holder."""
    return LeaseError(
        f"{root}: a run is writing here (process {holder.get('pid')} on {holder.get('host')}, lease {generation})",
        "wait until it ends, stop it, or choose another --out",
    )


def same_process(holder: Mapping[str, Any]) -> bool:
    """Whether the process that a lease names, on this machine, is still the same."""
    try:
        return abs(started(int(holder["pid"])) - float(holder["process_started"])) < 1.0
    except (psutil.Error, OSError, ValueError, KeyError, TypeError, OverflowError):
        return False


def started(pid: int) -> float:
    """When a process started, on a clock that nobody sets: seconds since the machine did, where /proc tells them.

    psutil adds the machine's start to it, which moves when the clock is set. psutil.Error if there is no such process, or if
    it has ended and nobody took note: a container's first process may leave those for good.
    """
    if not Path("/proc/self/stat").exists():
        return psutil.Process(pid).create_time()
    try:
        told = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        raise psutil.NoSuchProcess(pid) from None
    state, *rest = told.rpartition(")")[2].split()
    if state in "ZX":
        raise psutil.NoSuchProcess(pid)
    return int(rest[18]) / os.sysconf("SC_CLK_TCK")


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return str(psutil.boot_time())
