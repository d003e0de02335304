"""Worker processes that do tasks on parts: kept for the whole run, watched, replaced when they die.

A task whose worker crashed, hung or ran out of memory is given to a fresh worker together with what its note
said: the rows at hand are then scored in a child that may die (`pipelines.isolate`).
"""

from __future__ import annotations

import contextlib
import os
import select
import selectors
import signal
import socket
import tempfile
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import psutil

from core.errors import ScorerError, error_from_json
from core.files import storage_errors
from pipelines.notes import Note, new_note, read_note
from pipelines.zygote import Zygote, receive, send, spawned

#: A worker is stuck when its note's clock stands still for this many seconds.
STUCK_SECONDS = 300.0
#: A worker may use this much memory before it is taken for runaway.
MEMORY_BYTES = 4_000_000_000
#: A task of these kinds that kills its worker more often than this stops the run: each death tells more of which record does
#: it.
MOST_ATTEMPTS, TELLING = 16, ("map", "fetch_images")
#: Another task is done again in case that it was chance.
OTHER_ATTEMPTS = 3
_WATCH_SECONDS = 1.0
_STUCK, _TOO_BIG = "stuck", "used more than"


@dataclass(frozen=True)
class Suspect:
    """Rows `start` to `stop` of `layer` that killed a worker, or the record at `offset` if `layer` is empty."""

    layer: str
    start: int
    stop: int
    offset: int
    why: str


def unreadable(suspects: Sequence[Suspect]) -> frozenset[int]:
    """Offsets of the records that are not read again: where a worker hung, or two died.

    One death says nothing of the record at hand: somebody, or a system short of memory, may have killed the worker.
    """
    reading = [s for s in suspects if not s.layer and s.offset >= 0]
    deaths = Counter(s.offset for s in reading)
    return frozenset(s.offset for s in reading if deaths[s.offset] > 1 or s.why.startswith(_STUCK))


@dataclass(frozen=True)
class Task:
    """Work on one part or partition: the name of a function in `pipelines.tasks` and its JSON arguments."""

    kind: str
    args: dict[str, Any]
    suspects: tuple[Suspect, ...] = ()


class Executor(Protocol):
    """Runs tasks; yields (task, result) as they finish, in any order. A UserError of a task is raised."""

    def run(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, dict[str, Any]]]: ...

    def close(self) -> None: ...


@dataclass
class _Worker:
    channel: socket.socket
    note: int
    pid: int = 0
    task: Task | None = None
    attempts: int = 0
    killed: str = ""
    exit_code: int | None = None
    started: float = field(default_factory=time.monotonic)

    def close(self) -> None:
        """Closes the channel, at which a living worker ends, and the note."""
        self.channel.close()
        os.close(self.note)


class Pool:
    """`workers` processes forked from one zygote (a new one if none is given), which opens the scorers of `setup`
    (pipelines.context). What they say is added to the file `log`, or goes into a new one in `folder`. While `stopped` is
    set, a `run` ends within a second, its tasks unfinished."""

    def __init__(
        self, workers: int, setup: dict[str, Any], *, folder: Path | None = None, log: Path | None = None,
        stuck_seconds: float = STUCK_SECONDS, memory_bytes: int = MEMORY_BYTES, zygote: Zygote | None = None,
    ) -> None:  # fmt: skip
        self.workers = workers
        self.stuck_seconds, self.memory_bytes = stuck_seconds, memory_bytes
        self._own_folder = tempfile.TemporaryDirectory(prefix="web2shards-") if folder is None and log is None else None
        self.log = log or Path(self._own_folder.name if self._own_folder else folder or "", "workers.log")
        with storage_errors(self.log):
            self._log = open(self.log, "wb" if log is None else "ab")  # noqa: SIM115 - lives as long as the pool
        self._process = zygote or spawned(self._log.fileno())
        self._control = self._process.control
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it died: `run` says so
            send(self._control, {"setup": setup}, [self._log.fileno()])
        self._ready = False
        self.stopped = False
        self._team: list[_Worker] = []

    def run(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, dict[str, Any]]]:
        """Runs the tasks, most expensive first as given; yields each result when it is there."""
        self._wait_ready()
        waiting = deque(tasks)
        attempts: dict[int, int] = {}
        selector = selectors.DefaultSelector()
        selector.register(self._control, selectors.EVENT_READ, None)
        try:
            for worker in self._team:
                selector.register(worker.channel, selectors.EVENT_READ, worker)
            while len(self._team) < min(self.workers, len(waiting)):
                selector.register((fresh := self._fork()).channel, selectors.EVENT_READ, fresh)
            for worker in self._team:
                self._assign(worker, waiting)
            while any(worker.task for worker in self._team) and not self.stopped:
                for key, _ in selector.select(_WATCH_SECONDS):
                    worker = key.data
                    if worker is None:
                        # What woke us may have been heard already, while a worker was buried or forked.
                        while select.select([self._control], [], [], 0)[0]:
                            self._hear_zygote()
                        continue
                    message, _ = receive(worker.channel)
                    if message is None:
                        self._replace(worker, waiting, attempts, selector)
                        continue
                    task = worker.task
                    worker.task = None
                    if task is None:
                        continue
                    if "error" in message:
                        raise _as_error(message)
                    self._assign(worker, waiting)
                    yield task, message["result"]
                self._watch()
                # A child of a dead worker may hold its channel open, so that the channel never closes.
                for worker in [w for w in self._team if w.exit_code is not None]:
                    if not select.select([worker.channel], [], [], 0)[0]:
                        self._replace(worker, waiting, attempts, selector)
        finally:
            selector.close()
            for worker in [w for w in self._team if w.task is not None]:
                self._kill(worker, "stopped")
                worker.close()
                self._team.remove(worker)

    def _replace(
        self, worker: _Worker, waiting: deque[Task], attempts: dict[int, int], selector: selectors.BaseSelector
    ) -> None:  # fmt: skip
        """Buries a dead worker, and gives its task to a fresh one. ScorerError if the task has killed too many."""
        selector.unregister(worker.channel)
        again = self._bury(worker)
        if again is None:
            return
        waiting.appendleft(again)
        count = attempts[id(again.args)] = attempts.get(id(again.args), 0) + 1
        if count >= (MOST_ATTEMPTS if again.kind in TELLING else OTHER_ATTEMPTS):
            why = again.suspects[-1].why
            raise ScorerError(
                f"{again.kind} of {_part_name(again)}: its worker died {count} times ({why})",
                "allow more with --worker-memory, and fewer --workers so that it is there" if why.startswith(_TOO_BIG)
                else f"read {self.log}, and report the input file",
            )  # fmt: skip
        fresh = self._fork()
        selector.register(fresh.channel, selectors.EVENT_READ, fresh)
        self._assign(fresh, waiting)

    def notes(self) -> list[Note]:
        """What the workers are doing now."""
        return [note for worker in list(self._team) if worker.task and (note := read_note(worker.note))]

    def close(self) -> None:
        """Ends all workers."""
        for worker in self._team:
            worker.close()
        self._team = []
        self._process.close()
        self._log.close()
        if self._own_folder:
            self._own_folder.cleanup()

    def _wait_ready(self) -> None:
        if self._ready:
            return
        message, _ = receive(self._control)
        if message is None:
            raise self._ended("before it started one")
        if not message.get("ready"):
            raise _as_error(message)
        self._ready = True

    def _fork(self) -> _Worker:
        mine, theirs = socket.socketpair()
        worker = _Worker(mine, new_note())
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it died, which is heard next
            send(self._control, {"fork": True}, [theirs.fileno(), worker.note])
        theirs.close()
        while worker.pid == 0:
            message = self._hear_zygote()
            worker.pid = message.get("forked", 0)
        self._team.append(worker)
        return worker

    def _hear_zygote(self) -> dict[str, Any]:
        message, _ = receive(self._control)
        if message is None:
            raise self._ended("and its workers with it")
        if "exited" in message:
            for worker in self._team:
                if worker.pid == message["exited"]:
                    worker.exit_code = message["status"]
        return message

    def _assign(self, worker: _Worker, waiting: deque[Task]) -> None:
        if not waiting:
            return
        worker.task = waiting.popleft()
        worker.started = time.monotonic()
        with contextlib.suppress(BrokenPipeError):  # a worker that died idle is buried at the next look
            send(worker.channel, {
                "kind": worker.task.kind, "args": worker.task.args,
                "suspects": [vars(s) for s in worker.task.suspects],
            })  # fmt: skip

    def _bury(self, worker: _Worker) -> Task | None:
        """Forgets a dead worker; returns its task, with what it held, to be tried again."""
        # How it died comes from the zygote, usually at the same moment.
        while worker.exit_code is None and select.select([self._control], [], [], 5)[0]:
            self._hear_zygote()
        self._team.remove(worker)
        note = read_note(worker.note)
        worker.close()
        if worker.task is None:
            return None
        why = worker.killed or _death(worker.exit_code)
        suspect = Suspect("", 0, 0, -1, why)
        if note is not None and note.clock >= worker.started:
            suspect = Suspect(note.layer, note.start, note.stop, note.offset, why)
        return replace(worker.task, suspects=(*worker.task.suspects, suspect))

    def _watch(self) -> None:
        """Kills workers that are stuck or too big."""
        now = time.monotonic()
        for worker in self._team:
            if worker.task is None or worker.killed:
                continue
            note = read_note(worker.note)
            # Only rows in a scorer, or a record being read, can be stuck: a merge of a large shard just takes long.
            at_hand = note is not None and (note.layer or note.offset >= 0)
            if note and at_hand and note.clock >= worker.started and note.clock + self.stuck_seconds < now:
                self._kill(worker, f"{_STUCK} for {self.stuck_seconds:.0f} s")
                continue
            try:
                taken = psutil.Process(worker.pid).memory_info()
            except psutil.Error:
                continue
            # Pages of mapped files are not its own: the system takes them back when it needs them.
            if taken.rss - getattr(taken, "shared", 0) > self.memory_bytes:
                self._kill(worker, f"{_TOO_BIG} {self.memory_bytes / 1e9:,.1f} GB")

    def _kill(self, worker: _Worker, why: str) -> None:
        worker.killed = why
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker.pid, signal.SIGKILL)

    def _ended(self, when: str) -> ScorerError:
        """What to say of a zygote that is no more."""
        code = self._process.wait()
        again = "run the same command again: what is finished is kept"
        if code == -signal.SIGKILL:
            return ScorerError(
                f"the parent of all workers was killed (SIGKILL), {when}: by hand or, more likely, because memory ran out",
                f"{again}. `dmesg` tells whether it was for memory: then give it more, or take fewer --workers",
            )
        return ScorerError(
            f"the parent of all workers ended ({_death(code)}), {when}\n{self._log_tail()}".rstrip(),
            f"{again}. If it ends so again, `web2shards doctor` looks at the installation",
        )

    def _log_tail(self) -> str:
        self._log.flush()
        return self.log.read_text(errors="replace")[-2000:]


def _part_name(task: Task) -> str:
    part = next((task.args[name] for name in ("part", "key", "group") if name in task.args), "")
    return str(part["name"] if isinstance(part, dict) else part)


def _death(code: int | None) -> str:
    if code is None:
        return "died"
    if code < 0:
        return f"killed by {signal.Signals(-code).name}" if -code in signal.valid_signals() else f"killed by {-code}"
    return f"ended with code {code}"


def _as_error(message: dict[str, Any]) -> Exception:
    return error_from_json(message) if message["error"] else RuntimeError(message["traceback"])
