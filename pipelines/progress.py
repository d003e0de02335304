"""What a run tells while it runs: passes, parts done, rows, and what came of it. The command line draws it."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from core.errors import UserError
from core.remote import at_once
from core.remote_path import RemotePath
from pipelines.ahead import Ahead
from pipelines.pool import Executor, Pool, Task


class Progress(Protocol):
    """Receives a run's events, from any thread."""

    def started(self, name: str, parts: int, bytes: int) -> None:
        """A pass over `parts` parts, of `bytes` bytes of input together (0: not known), begins."""
        ...

    def advanced(self, parts: int, rows: int, bytes: int, kept: int | None) -> None:
        """So many parts, rows and bytes of the pass are done; `kept` of the rows, if the pass decides that."""
        ...

    def waiting(self, what: str) -> None:
        """Nothing is done yet, because of `what`: an engine that starts; "" once something is."""
        ...

    def finished(self, seconds: float) -> None:
        """The pass is done."""
        ...

    def told(self, message: str) -> None:
        """A line for the user: what was found damaged, what a trial leaves out, and so on."""
        ...


class Silent:
    """No progress."""

    def started(self, name: str, parts: int, bytes: int) -> None: ...
    def advanced(self, parts: int, rows: int, bytes: int, kept: int | None) -> None: ...
    def waiting(self, what: str) -> None: ...
    def finished(self, seconds: float) -> None: ...
    def told(self, message: str) -> None: ...


@dataclass(frozen=True)
class Pass:
    """A pass as the user sees it: steps of a pipeline, each (kind of task, arguments of each), of which `counted` tells of
    its progress; `parts` and `bytes` of input are what there is to do. Without `steps` the counted one is the only one.
    """

    name: str
    counted: str
    parts: int
    bytes: int = 0
    steps: tuple[tuple[str, dict[str, Any]], ...] = ()

    def __post_init__(self) -> None:
        if not self.steps:
            object.__setattr__(self, "steps", ((self.counted, {}),))


class Following:
    """Follows the passes of a pipeline: which of them runs, and what is done of it. `seconds` is what each took."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._passes: list[Pass] = []
        self._lock = threading.RLock()
        self._now = -1
        self._began = 0.0
        self.seconds: dict[str, float] = {}
        self.parts = self.rows = self.bytes = 0
        self.kept: int | None = None

    def begin(self, passes: Sequence[Pass], folder: Path) -> None:
        """Follows these passes from now on, the first of which begins; `folder` is where results of tasks will lie."""
        with self._lock:
            self._passes, self.seconds, self._now = list(passes), {}, -1
            self._next(0)

    def end(self) -> dict[str, float]:
        """The last pass is done; what each took. Passes that had no task are not among them."""
        with self._lock:
            self._finish()
            self._passes = []
            return self.seconds

    def tell(self) -> None:
        """Tells what is done of the pass that runs."""
        more = self._under_way()
        with self._lock:
            if self._passes:
                self._progress.advanced(self.parts, self.rows + more, self.bytes, self.kept)

    def _under_way(self) -> int:
        """Rows of tasks that are not finished, as far as they are known."""
        return 0

    def _seen(self, kind: str) -> None:
        """A task of this kind was begun or done: the pass that it is of is on."""
        with self._lock:
            for number in range(self._now + 1, len(self._passes)):
                if any(kind == step for step, _ in self._passes[number].steps):
                    self._finish()
                    self._next(number)
                    return

    def _count(self, kind: str, result: Mapping[str, Any], size: int) -> None:
        """A task of this kind, over `size` bytes, came to `result`."""
        with self._lock:
            if not self._passes or kind != self._passes[self._now].counted or "broken" in result:
                return
            self.parts += 1
            self.rows += int(result.get("rows", result.get("documents", 0)))
            self.bytes += size
            if "kept" in result:
                self.kept = (self.kept or 0) + int(result["kept"])

    def _next(self, number: int) -> None:
        self._now, self._began = number, time.monotonic()
        self.parts, self.rows, self.bytes, self.kept = 0, 0, 0, None
        one = self._passes[number]
        self._progress.started(one.name, one.parts, one.bytes)

    def _finish(self) -> None:
        took = time.monotonic() - self._began
        self.seconds[self._passes[self._now].name] = took
        self._progress.advanced(self.parts, self.rows, self.bytes, self.kept)
        self._progress.finished(took)


class Counting(Following):
    """An executor that counts what comes back of its tasks, and asks the pool what is under way."""

    def __init__(self, inner: Executor, progress: Progress) -> None:
        super().__init__(progress)
        self._inner = inner

    def run(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, dict[str, Any]]]:
        if tasks:
            self._seen(tasks[0].kind)
        for task, result in self._inner.run(tasks):
            self._count(task.kind, result, int(task.args.get("bytes", 0)))
            yield task, result

    def _under_way(self) -> int:
        return sum(note.rows for note in self._inner.notes()) if isinstance(self._inner, Pool | Ahead) else 0

    def close(self) -> None:
        self._inner.close()


#: How long a pass that another one has followed is waited for: results of other hosts may come into sight late.
LATE_SECONDS = 10.0


#: The pause between two looks at a folder of results is at most so many times what it is at first. It grows so that looks
#: take a tenth of the time, and on an object store ask for one page of a listing, of a thousand names, a second.
MOST_PAUSES, LOOK_SHARE, PAGE = 30.0, 10.0, 1000


class FromFiles(Following):
    """Counts tasks from the results that they leave in a folder: what is done where they run elsewhere.

    Times of files say nothing of their order, as hosts' clocks differ. A pass is over when all its tasks are counted; what
    is seen of later passes before that waits, for LATE_SECONDS at most.
    """

    def __init__(self, progress: Progress, every: float = 1.0, engine: str = "") -> None:
        super().__init__(progress)
        self._every, self._engine = every, engine
        self._folder: Path | None = None
        self._read: set[str] = set()
        self._done: set[str] = set()
        self._waiting: list[tuple[int, Mapping[str, Any]]] = []
        self._waits_since: float | None = None
        self._looked, self._pause = 0.0, every

    def begin(self, passes: Sequence[Pass], folder: Path) -> None:
        self._folder, self._read, self._done = folder, set(), set()
        self._waiting, self._waits_since = [], None
        self._pause = self._every
        super().begin(passes, folder)
        if self._engine:
            self._progress.waiting(f"starting on {self._engine}")

    def end(self) -> dict[str, float]:
        self._look(last=True)
        return super().end()

    def tell(self) -> None:
        if time.monotonic() - self._looked >= self._pause:
            self._look()
        super().tell()

    def _look(self, last: bool = False) -> None:
        """Reads the results that came since the last look, and counts them in the order of their passes."""
        if self._folder is None:
            return
        began = time.monotonic()
        with contextlib.suppress(OSError, UserError):  # a store that is away is seen at the next look
            found = sorted(path for path in self._folder.glob("*.jsonl") if path.name not in self._read)
            for path, text in zip(found, at_once(read_text, found, isinstance(self._folder, RemotePath)), strict=True):
                self._take(text)
                self._read.add(path.name)
        self._looked = time.monotonic()
        pages = len(self._read) / PAGE if isinstance(self._folder, RemotePath) else 0.0
        self._pause = self._every * min(MOST_PAUSES, max(1.0, LOOK_SHARE * (self._looked - began), pages))
        with self._lock:
            self._settle(last)

    def _take(self, text: str) -> None:
        for line in text.splitlines():
            result = json.loads(line)
            task = result.get("task", {})
            if "kind" not in task or task["digest"] in self._done:  # a task that the engine did twice counts once
                continue
            if self._engine and not self._done:
                self._progress.waiting("")
            self._done.add(task["digest"])
            self._waiting.append((self._place(task["kind"]), result))

    def _place(self, kind: str) -> int:
        """The number of the pass that tasks of this kind are of."""
        places = (n for n, one in enumerate(self._passes) if any(kind == step for step, _ in one.steps))
        return next(places, -1)

    def _settle(self, last: bool) -> None:
        waiting = sorted(self._waiting, key=lambda one: one[0])
        self._waiting = []
        for number, (place, result) in enumerate(waiting):
            if place > self._now and not last and not self._over():
                self._waiting = waiting[number:]
                return
            task = result["task"]
            self._seen(task["kind"])
            self._count(task["kind"], result, int(task["bytes"]))
        self._waits_since = None

    def _over(self) -> bool:
        """Whether the pass that runs may give way to a later one, of which something was seen."""
        now = time.monotonic()
        began = self._waits_since = now if self._waits_since is None else self._waits_since
        if self.parts < self._passes[self._now].parts and now - began < LATE_SECONDS:
            return False
        self._waits_since = None
        return True

    def close(self) -> None:
        """There is nothing to end: the workers are the engine's."""


def read_text(path: Path) -> str:
    """A file of results."""
    return path.read_text(encoding="utf-8")


def watched(counting: Following, every: float = 0.25) -> AbstractContextManager[None]:
    """Has `counting` tell of what it counts until the block ends."""
    return meanwhile(counting.tell, every, "progress")


@contextmanager
def meanwhile(call: Callable[[], None], every: float, name: str) -> Generator[None]:
    """Calls again and again, in a thread of this name, every so many seconds until the block ends."""
    stop = threading.Event()

    def again() -> None:
        while not stop.wait(every):
            call()

    thread = threading.Thread(target=again, name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
