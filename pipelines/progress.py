"""What a run tells while it runs: passes, parts done, rows, and what came of it. The command line draws it."""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

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


class Counting:
    """An executor that tells of the passes whose tasks it is given, counts what comes back, and asks the pool what is
    under way. `seconds` is what each pass took."""

    def __init__(self, inner: Executor, progress: Progress) -> None:
        self._inner, self._progress = inner, progress
        self._passes: list[Pass] = []
        self._lock = threading.Lock()
        self._now: Pass | None = None
        self._began = 0.0
        self.seconds: dict[str, float] = {}
        self.parts = self.rows = self.bytes = 0
        self.kept: int | None = None

    def begin(self, passes: Sequence[Pass]) -> None:
        """Follows these passes from now on, the first of which begins."""
        self._passes, self.seconds = list(passes), {}
        self._next()

    def end(self) -> dict[str, float]:
        """The last pass is done; what each took. The time of passes whose tasks were done elsewhere is the last's before."""
        self._finish()
        return self.seconds

    def run(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, dict[str, Any]]]:
        if tasks and self._passes and tasks[0].kind == self._passes[0].steps[0][0]:
            self._finish()
            self._next()
        for task, result in self._inner.run(tasks):
            if self._now is not None and task.kind == self._now.counted and "broken" not in result and "current" not in result:
                with self._lock:
                    self.parts += 1
                    self.rows += int(result.get("rows", result.get("documents", 0)))
                    self.bytes += int(task.args.get("bytes", 0))
                    if "kept" in result:
                        self.kept = (self.kept or 0) + int(result["kept"])
            yield task, result

    def tell(self) -> None:
        """Tells what is done of the pass that runs."""
        more = sum(note.rows for note in self._inner.notes()) if isinstance(self._inner, Pool | Ahead) else 0
        with self._lock:
            if self._now is not None:
                self._progress.advanced(self.parts, self.rows + more, self.bytes, self.kept)

    def close(self) -> None:
        self._inner.close()

    def _next(self) -> None:
        with self._lock:
            self._now = self._passes.pop(0)
            self._began = time.monotonic()
            self.parts, self.rows, self.bytes, self.kept = 0, 0, 0, None
            self._progress.started(self._now.name, self._now.parts, self._now.bytes)

    def _finish(self) -> None:
        with self._lock:
            if self._now is None:
                return
            took = time.monotonic() - self._began
            self.seconds[self._now.name] = took
            self._progress.advanced(self.parts, self.rows, self.bytes, self.kept)
            self._progress.finished(took)
            self._now = None


@contextmanager
def watched(counting: Counting, every: float = 0.25) -> Generator[None]:
    """Has `counting` tell of what it counts until the block ends."""
    stop = threading.Event()

    def look() -> None:
        while not stop.wait(every):
            counting.tell()

    thread = threading.Thread(target=look, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
