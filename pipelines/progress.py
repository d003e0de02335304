"""What a run tells while it runs: passes, parts done, rows, and what came of it. The command line draws it."""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
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


class Counting:
    """An executor that counts what comes back of one step's tasks, and asks the pool what is under way."""

    def __init__(self, inner: Executor) -> None:
        self._inner = inner
        self._kind = ""
        self._lock = threading.Lock()
        self.parts = self.rows = self.bytes = 0
        self.kept: int | None = None

    def watch(self, kind: str, folder: Path | None = None) -> None:
        """Counts results of tasks of `kind` from now on; the folder of their results is not looked at."""
        with self._lock:
            self._kind, self.parts, self.rows, self.bytes, self.kept = kind, 0, 0, 0, None

    def run(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, dict[str, Any]]]:
        for task, result in self._inner.run(tasks):
            if task.kind == self._kind and "broken" not in result:
                with self._lock:
                    self.parts += 1
                    self.rows += int(result.get("rows", result.get("documents", 0)))
                    self.bytes += int(task.args.get("bytes", 0))
                    if "kept" in result:
                        self.kept = (self.kept or 0) + int(result["kept"])
            yield task, result

    def under_way(self) -> int:
        """Rows of tasks that are not finished."""
        return sum(note.rows for note in self._inner.notes()) if isinstance(self._inner, Pool | Ahead) else 0

    def settle(self) -> None:
        """Nothing more comes of the step."""

    def close(self) -> None:
        self._inner.close()


class FromFiles:
    """Counts a step's tasks from the results that they leave in a folder: what is done where they run elsewhere."""

    def __init__(self, every: float = 1.0) -> None:
        self._every = every
        self._folder: Path | None = None
        self._read: set[str] = set()
        self._looked = 0.0
        self.watch("")

    def watch(self, kind: str, folder: Path | None = None) -> None:
        """Counts results of tasks of `kind` in `folder` from now on."""
        self._kind, self._folder, self._read, self._done = kind, folder, set(), set[str]()
        self.parts = self.rows = self.bytes = 0
        self.kept: int | None = None

    def under_way(self) -> int:
        """Looks for new results now and then. What is under way elsewhere is not known: 0 rows."""
        if time.monotonic() - self._looked >= self._every:
            self.settle()
        return 0

    def settle(self) -> None:
        """Reads the results that came since the last look."""
        self._looked = time.monotonic()
        if self._folder is None:
            return
        with contextlib.suppress(OSError):
            for name in sorted({entry.name for entry in os.scandir(self._folder)} - self._read):
                if name.endswith(".jsonl"):
                    self._count(self._folder / name)
                    self._read.add(name)

    def _count(self, path: Path) -> None:
        for line in path.read_text(encoding="utf-8").splitlines():
            result = json.loads(line)
            task = result.get("task", {})
            # A task that the engine did twice counts once.
            if task.get("kind") != self._kind or "broken" in result or task["digest"] in self._done:
                continue
            self._done.add(task["digest"])
            self.parts += 1
            self.rows += int(result.get("rows", result.get("documents", 0)))
            self.bytes += int(task["bytes"])
            if "kept" in result:
                self.kept = (self.kept or 0) + int(result["kept"])

    def close(self) -> None:
        """There is nothing to end: the workers are the engine's."""


@contextmanager
def watched(progress: Progress, counting: Counting | FromFiles, every: float = 0.25) -> Generator[None]:
    """Tells `progress` of what `counting` counts until the block ends."""
    stop = threading.Event()

    def look() -> None:
        while not stop.wait(every):
            _tell(progress, counting, counting.under_way())

    thread = threading.Thread(target=look, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        counting.settle()
        _tell(progress, counting, 0)


def _tell(progress: Progress, counting: Counting | FromFiles, more: int) -> None:
    progress.advanced(counting.parts, counting.rows + more, counting.bytes, counting.kept)


