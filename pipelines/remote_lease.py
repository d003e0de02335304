"""One driver at a time on an out folder of an object store, where nothing can be made exclusively.

Who wants the lease writes a claim, waits, and looks: of claims of one generation the one that is held wins, else the
smallest. That is Fischer's algorithm (Lamport, "A Fast Mutual Exclusion Algorithm", 1987) with the delay checked by the
clock of the one who waits, so that a slow store costs another round and never lets two in. It needs a store whose
listings show what was written before, as those of S3, Google Cloud Storage and HDFS do.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import threading
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from core.errors import StorageError, UnreachableError, UserError
from core.remote import is_remote
from core.remote_path import place, put
from pipelines.lease import Lease, held_by, holder, machine, same_process, started
from pipelines.store import Store, claims_below

BEAT_SECONDS = 5.0
#: A holder on another machine is taken for dead when its beat stands still for this long while the store answers.
SILENCE_SECONDS = 30.0
#: Between a claim and the look at the others' claims; the lease has to be noted as held in half of it.
SETTLE_SECONDS = 3.0
#: For so long the lease is tried to be taken from a store that answers too slowly for it.
CLAIM_SECONDS = 120.0
#: The claims that this process holds: one that it could not release, since the store was away, is nobody's.
_HELD: set[str] = set()


@dataclass(frozen=True)
class Claim:
    """A claim by its file: generation, a name of its own, and what it says of its holder."""

    generation: int
    name: str
    holder: dict[str, Any]

    @property
    def state(self) -> str:
        """`claimed`, `held` or `released`."""
        return str(self.holder.get("state"))


class RemoteLease:
    """Holds an out folder of an object store from `acquire` to `release`; a context manager."""

    def __init__(self, root: str, silence_seconds: float = SILENCE_SECONDS, *, shared: bool = False) -> None:
        self.root = root
        self.silence_seconds = silence_seconds
        self.shared = shared
        self.generation = 0
        self._name = ""
        self._holder: dict[str, Any] = {}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def store(self) -> Store:
        return Store(self.root, self.generation, self.shared)

    def acquire(self) -> RemoteLease:
        """Takes the lease. LeaseError if a living run holds it, UnreachableError if the store does not answer, or so slowly
        that no claim holds."""
        until = time.monotonic() + CLAIM_SECONDS
        while True:
            claims = claims_of(self.root)
            newest = max((claim.generation for claim in claims), default=0)
            for claim in claims:
                if claim.generation == newest and self.alive(claim):
                    raise held_by(claim.holder, self.root, newest)
            if self._claim(newest + 1):
                break
            if time.monotonic() > until:
                raise UnreachableError(
                    f"{self.root}: the store answers too slowly to tell who holds the out folder (tried for {CLAIM_SECONDS:.0f} s)",
                    "run the same command again when it answers within a second", self.root,
                )  # fmt: skip
            time.sleep(random.uniform(0, SETTLE_SECONDS))
        for path in claims_below(self.root):
            generation = path.name.partition("-")[0]
            if generation.isdigit() and int(generation) < self.generation:
                path.unlink(missing_ok=True)
        self._thread = threading.Thread(target=self._beat, name="lease", daemon=True)
        self._thread.start()
        return self

    def release(self) -> None:
        """Gives the lease back; the next run takes it at once."""
        self._stop.set()
        _HELD.discard(self._name)
        if self._thread is not None:
            self._thread.join()
        with contextlib.suppress(UserError):  # a store that is away must not hide the error that ended the run
            if self._file().exists():
                self._write("released")

    def __enter__(self) -> RemoteLease:
        return self.acquire()

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self.release()

    def alive(self, claim: Claim) -> bool:
        """Whether a claim's process still runs; waits up to `silence_seconds` for one on another machine."""
        if claim.state == "released":
            return False
        if machine().items() <= claim.holder.items():
            return same_process(claim.holder) and (claim.holder.get("pid") != os.getpid() or claim.name in _HELD)
        beat = place(self.root) / "lease" / f"{claim.generation:08d}-{claim.name}.beat"
        seen = _text(beat)
        step = self.silence_seconds / 6
        quiet = 0.0
        while quiet < self.silence_seconds:
            began = time.monotonic()
            time.sleep(step)
            if _text(beat) != seen:
                return True
            # While the store was away the holder's beat could not be seen: the count begins anew.
            quiet = quiet + step if time.monotonic() - began < 2 * step else 0.0
        return False

    def _claim(self, generation: int) -> bool:
        self.generation, self._name = generation, uuid.uuid4().hex
        self._holder = {**machine(), "pid": os.getpid(), "process_started": started(os.getpid())}
        _HELD.add(self._name)
        self._write("claimed")
        time.sleep(SETTLE_SECONDS)
        began = time.monotonic()
        others = [c for c in claims_of(self.root) if c.generation >= generation and c.name != self._name]
        won = not any(c.generation > generation or c.state == "held" or c.name < self._name for c in others)
        if won:
            self._write("held")
            won = time.monotonic() - began < SETTLE_SECONDS / 2
        if not won:
            _HELD.discard(self._name)
            self._file().unlink(missing_ok=True)
        return won

    def _file(self) -> Path:
        return place(self.root) / "lease" / f"{self.generation:08d}-{self._name}.json"

    def _write(self, state: str) -> None:
        put(self._file(), json.dumps({**self._holder, "state": state}).encode())

    def _beat(self) -> None:
        beat = self._file().with_suffix(".beat")
        count = 0
        while not self._stop.wait(BEAT_SECONDS):
            count += 1
            with contextlib.suppress(UserError):  # commits will say so
                if self._file().exists():  # else another run took over, and a beat would be litter
                    put(beat, str(count).encode())


def lease_for(root: str, *, shared: bool = False) -> Lease | RemoteLease:
    """The lease of an out folder, not taken yet."""
    return RemoteLease(root, shared=shared) if is_remote(root) else Lease(root)


def holder_of(root: str) -> dict[str, object] | None:
    """Who holds the out folder now, None if nobody does. Asking about a run on another machine takes seconds."""
    return _remote_holder(root) if is_remote(root) else holder(root)


def claims_of(root: str) -> list[Claim]:
    """The claims on an out folder, old ones that nobody removed among them."""
    found: list[Claim] = []
    for path in claims_below(root):
        generation, _, name = path.stem.partition("-")
        if path.suffix != ".json" or not generation.isdigit():
            continue
        text = _text(path)
        try:
            holder = json.loads(text) if text else None
        except ValueError as error:
            raise StorageError(f"{path}: is no lease file ({error})", f"delete {path} when no run uses the folder") from error
        if isinstance(holder, dict):
            found.append(Claim(int(generation), name, holder))
    return found


def _remote_holder(root: str) -> dict[str, object] | None:
    claims = claims_of(root)
    newest = max((claim.generation for claim in claims), default=0)
    lease = RemoteLease(root, 3 * BEAT_SECONDS)
    return next((c.holder for c in claims if c.generation == newest and lease.alive(c)), None)


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""


