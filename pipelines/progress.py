"""What a run tells while it runs: passes, parts done, rows, and what came of it. The command line draws it."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
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

    def watch(self, kind: str) -> None:
        """Counts results of tasks of `kind` from now on."""
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

    def close(self) -> None:
        self._inner.close()


@contextmanager
def watched(progress: Progress, counting: Counting, every: float = 0.25) -> Generator[None]:
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
        _tell(progress, counting, 0)


def _tell(progress: Progress, counting: Counting, more: int) -> None:
    progress.advanced(counting.parts, counting.rows + more, counting.bytes, counting.kept)


