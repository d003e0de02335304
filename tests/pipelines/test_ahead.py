"""Tasks that are begun before the pipeline asks for them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from pipelines.ahead import Ahead
from pipelines.pool import Task


class Slow:
    """A pool of which each task takes a moment, and one named `bad` fails."""

    def __init__(self) -> None:
        self.stopped = False
        self.begun: list[str] = []
        self.closed = False

    def run(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, dict[str, Any]]]:
        for task in tasks:
            if self.stopped:
                return
            self.begun.append(task.kind)
            time.sleep(0.01)
            if task.kind == "bad":
                raise LookupError("bad")
            yield task, {"kind": task.kind}

    def close(self) -> None:
        self.closed = True


def tasks(*kinds: str) -> list[Task]:
    return [Task(kind, {}) for kind in kinds]


def test_what_was_begun_is_handed_on_and_later_tasks_are_run() -> None:
    pool = Slow()
    ahead = Ahead(pool)  # type: ignore[arg-type]
    ahead.begin(tasks("a", "b"))
    assert [result["kind"] for _, result in ahead.run(tasks("a", "b"))] == ["a", "b"]
    assert [result["kind"] for _, result in ahead.run(tasks("c"))] == ["c"]
    assert pool.begun == ["a", "b", "c"]
    assert not pool.stopped


def test_an_error_is_raised_where_results_are_asked_for_and_the_pool_can_be_used_again() -> None:
    ahead = Ahead(Slow())  # type: ignore[arg-type]
    ahead.begin(tasks("a", "bad", "b"))
    with pytest.raises(LookupError):
        list(ahead.run(tasks("a", "bad", "b")))
    ahead.begin(tasks("c"))
    assert [result["kind"] for _, result in ahead.run(tasks("c"))] == ["c"]


@pytest.mark.parametrize("asked", [False, True])
def test_a_run_that_is_given_up_stops(asked: bool) -> None:
    pool = Slow()
    ahead = Ahead(pool)  # type: ignore[arg-type]
    many = tasks(*(str(i) for i in range(2_000)))
    ahead.begin(many)
    if asked:
        results = ahead.run(many)
        next(results)
        results.close()  # type: ignore[attr-defined]
    ahead.close()
    assert pool.closed
    assert len(pool.begun) < 1_000
    assert not any(thread.name == "ahead" for thread in threading.enumerate())


def test_other_tasks_than_those_begun_are_refused() -> None:
    ahead = Ahead(Slow())  # type: ignore[arg-type]
    ahead.begin(tasks("a"))
    with pytest.raises(ValueError, match="other tasks"):
        ahead.run(tasks("b"))
    ahead.close()
