"""One driver at a time on an out folder: a lease with a generation that is checked at every commit.

A lease is a file made exclusively; a dead holder's is taken over by making the next generation. Whether a
holder on another machine lives is seen from its beat changing, not from clocks, which may be set back.
"""

from __future__ import annotations

import json
import os
import platform
import threading
import time
import uuid
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
                holder = _read(lease_path(self.root, newest))
                raise LeaseError(
                    f"{self.root}: a run is writing here (process {holder.get('pid')} on {holder.get('host')}, "
                    f"lease {newest})",
                    "wait until it ends, stop it, or choose another --out",
                )
            if self._create(newest + 1):
                if _newest(folder) == newest + 1:
                    break
                # Others took and left the folder since we looked: our generation is an old one.
                lease_path(self.root, newest + 1).unlink(missing_ok=True)
        self.generation = newest + 1
        for path in folder.glob("*"):
            if path.stem.isdigit() and int(path.stem) < self.generation:
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
            except OSError:  # a full disk must not hide the error that ended the run
                path.with_suffix(".beat").unlink(missing_ok=True)

    def __enter__(self) -> Lease:
        return self.acquire()

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self.release()

    def _create(self, generation: int) -> bool:
        path = lease_path(self.root, generation)
        me = psutil.Process()
        holder = {
            "run": uuid.uuid4().hex, "host": platform.node(), "boot": _boot_id(),
            "pid": me.pid, "process_started": me.create_time(), "released": False,
        }  # fmt: skip
        draft = path.with_name(f"{uuid.uuid4().hex}.draft")
        with storage_errors(path):
            draft.write_text(json.dumps(holder))
            try:
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
        if holder.get("host") == platform.node() and holder.get("boot") == _boot_id():
            try:
                started = psutil.Process(int(holder["pid"])).create_time()
            except (psutil.Error, ValueError, KeyError):
                return False
            return abs(started - float(holder["process_started"])) < 1.0
        beat = path.with_suffix(".beat")
        seen = _text(beat)
        deadline = time.monotonic() + self.silence_seconds
        while time.monotonic() < deadline:
            time.sleep(min(1.0, self.silence_seconds / 4))
            if _text(beat) != seen:
                return True
        return False

    def _beat(self) -> None:
        path = lease_path(self.root, self.generation).with_suffix(".beat")
        count = 0
        while not self._stop.wait(BEAT_SECONDS):
            count += 1
            try:
                path.write_text(str(count))
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
    text = _text(path)
    if not text:
        return {}
    try:
        value = json.loads(text)
    except ValueError as error:
        raise StorageError(f"{path}: is no lease file ({error})", f"delete {path} when no run uses the folder") from error
    return value if isinstance(value, dict) else {}


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""


def _replace(path: Path, holder: dict[str, Any]) -> None:
    draft = path.with_name(f"{uuid.uuid4().hex}.draft")
    draft.write_text(json.dumps(holder))
    os.replace(draft, path)


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return str(psutil.boot_time())
