"""Begins a pass's tasks before the pipeline that is to do them stands: importing Beam takes as long as a small pass.

The pipeline then gets what the tasks came to, as from any executor.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterator, Sequence
from typing import Any

from pipelines.notes import Note
from pipelines.pool import Pool, Task

Result = tuple[Task, dict[str, Any]]


class Ahead:
    """An executor that may `begin` the tasks of its next `run` in a thread."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._begun: list[Task] = []
        self._results: queue.SimpleQueue[Result | BaseException | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def begin(self, tasks: Sequence[Task]) -> None:
        """Begins these tasks, which the next `run` is about."""
        self._begun, self._results = list(tasks), queue.SimpleQueue()
        self._thread = threading.Thread(target=self._do, name="ahead", daemon=True)
        self._thread.start()

    def run(self, tasks: Sequence[Task]) -> Iterator[Result]:
        if self._thread is None:
            return self._pool.run(tasks)
        if list(tasks) != self._begun:
            raise ValueError("other tasks were begun")
        return self._hand_on()

    def notes(self) -> list[Note]:
        """What the workers are doing now."""
        return self._pool.notes()

    def close(self) -> None:
        """Ends the workers, and what was begun."""
        self._stop()
        self._pool.close()

    def _hand_on(self) -> Generator[Result]:
        try:
            while (result := self._results.get()) is not None:
                if isinstance(result, BaseException):
                    raise result
                yield result
        finally:
            self._stop()

    def _do(self) -> None:
        try:
            for result in self._pool.run(self._begun):
                self._results.put(result)
            self._results.put(None)
        except BaseException as error:  # it is raised where results are asked for
            self._results.put(error)

    def _stop(self) -> None:
        """Ends the thread, if need be in the middle of its tasks."""
        if self._thread is not None:
            self._pool.stopped = True
            self._thread.join()
            self._pool.stopped = False
            self._thread = None
