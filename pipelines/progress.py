"""What a run tells while it runs: passes, parts done, rows, and what came of it. The command line draws it."""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
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


class Following:
    """Tells of the passes of a pipeline as their tasks are done. `seconds` is what each pass took."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._passes: list[Pass] = []
        self._lock = threading.RLock()
        self._now: Pass | None = None
        self._began = 0.0
        self.seconds: dict[str, float] = {}
        self.parts = self.rows = self.bytes = 0
        self.kept: int | None = None

    def begin(self, passes: Sequence[Pass], folder: Path) -> None:
        """Follows these passes from now on, the first of which begins; results of their tasks come into `folder`."""
        self._passes, self.seconds = list(passes), {}
        self._next()

    def end(self) -> dict[str, float]:
        """The last pass is done; what each took. The time of passes whose tasks were done elsewhere is the last's before."""
        self._finish()
        return self.seconds

    def tell(self) -> None:
        """Tells what is done of the pass that runs."""

    def close(self) -> None:
        """Ends what does the tasks, if that is this process's."""

    def _comes(self, kind: str) -> None:
        """A task of this kind is next, or done: it may be the first of the next pass."""
        if self._passes and kind == self._passes[0].steps[0][0]:
            self._finish()
            self._next()

    def _count(self, kind: str, bytes_: int, result: dict[str, Any]) -> None:
        if self._now is None or kind != self._now.counted or "broken" in result or "current" in result:
            return
        with self._lock:
            self.parts += 1
            self.rows += int(result.get("rows", result.get("documents", 0)))
            self.bytes += bytes_
            if "kept" in result:
                self.kept = (self.kept or 0) + int(result["kept"])

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


class Counting(Following):
    """An executor that counts the tasks that it is given, and asks the pool what is under way."""

    def __init__(self, inner: Executor, progress: Progress) -> None:
        super().__init__(progress)
        self._inner = inner

    def run(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, dict[str, Any]]]:
        if tasks:
            self._comes(tasks[0].kind)
        for task, result in self._inner.run(tasks):
            self._count(task.kind, int(task.args.get("bytes", 0)), result)
            yield task, result

    def tell(self) -> None:
        more = sum(note.rows for note in self._inner.notes()) if isinstance(self._inner, Pool | Ahead) else 0
        with self._lock:
            if self._now is not None:
                self._progress.advanced(self.parts, self.rows + more, self.bytes, self.kept)

    def close(self) -> None:
        self._inner.close()


class FromFiles(Following):
    """Counts tasks by the results that they leave in a folder: what is done where they run elsewhere."""

    def __init__(self, progress: Progress, every: float = 1.0) -> None:
        super().__init__(progress)
        self._every, self._looked = every, 0.0

    def begin(self, passes: Sequence[Pass], folder: Path) -> None:
        self._folder, self._read, self._done = folder, set[str](), set[str]()
        super().begin(passes, folder)

    def end(self) -> dict[str, float]:
        self._look()
        return super().end()

    def tell(self) -> None:
        """Looks for new results now and then. What is under way elsewhere is not known."""
        if time.monotonic() - self._looked < self._every:
            return
        self._look()
        with self._lock:
            if self._now is not None:
                self._progress.advanced(self.parts, self.rows, self.bytes, self.kept)

    def _look(self) -> None:
        self._looked = time.monotonic()
        with contextlib.suppress(OSError), self._lock:
            results: list[dict[str, Any]] = []
            for name in sorted({entry.name for entry in os.scandir(self._folder)} - self._read):
                if name.endswith(".jsonl"):
                    results += map(json.loads, (self._folder / name).read_text(encoding="utf-8").splitlines())
                    self._read.add(name)
            # Files have no order; all tasks of a step are done before the next step's begin.
            while results:
                if not (now := [result for result in results if self._of_now(result)]):
                    if not self._passes:
                        return
                    self._finish()
                    self._next()
                    continue
                results = [result for result in results if not self._of_now(result)]
                for result in now:
                    task = result["task"]
                    if task["digest"] not in self._done:  # a task that the engine did twice counts once
                        self._done.add(task["digest"])
                        self._count(task["kind"], int(task["bytes"]), result)

    def _of_now(self, result: dict[str, Any]) -> bool:
        """Whether a result is of a step of the pass that runs, or of one that is done."""
        kind = result.get("task", {}).get("kind")
        return kind not in {step for each in self._passes for step, _ in each.steps}


@contextmanager
def watched(counting: Following, every: float = 0.25) -> Generator[None]:
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
