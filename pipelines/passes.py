"""Runs passes as Beam pipelines over tasks, which the run's own worker processes do: passes that can share one do.

Times, results and errors of the tasks come back through files.
"""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.errors import LostError, error_from_json
from core.files import storage_errors
from core.remote import at_once
from core.remote_path import RemotePath
from pipelines.ahead import Ahead
from pipelines.context import Context
from pipelines.pool import Executor, Pool, Task
from pipelines.progress import Counting, FromFiles, Pass, Progress, read_text, watched
from pipelines.run_options import RunOptions
from pipelines.tables import DOCUMENTS, Table
from pipelines.zygote import Zygote

Json = dict[str, Any]


class Passes:
    """The passes of one run. `seconds` by pass, `work` (seconds, parts and bytes) by pass, and what scorers took."""

    def __init__(self, context: Context, options: RunOptions, progress: Progress, zygote: Zygote | None = None) -> None:
        self._context, self._options, self._progress = context, options, progress
        self._zygote = zygote
        self._engine = options.engine
        self._engine.told = progress.told
        self._run_id = uuid.uuid4().hex
        self._counting: Counting | FromFiles | None = None
        self._ahead: Ahead | None = None
        self._shared = False  # Beam may be half imported when it is interrupted, and is not to be asked again
        self.workers = options.worker_count
        self.seconds: dict[str, float] = {}
        self.work: dict[str, Json] = {}
        self.scorers: dict[str, list[float]] = {}

    def turn_to(self, context: Context) -> None:
        """Has the passes that follow work on the table of `context`, another one of the same run."""
        self._context = context

    def run(self, first: Pass, tasks: Sequence[Json], then: Sequence[Pass] = ()) -> list[Json]:
        """One pipeline: the tasks of the first step of the first pass, then each further step's on what the step before
        emitted, and on through the passes that follow. Returns all results."""
        table = self._context.table
        if table is not DOCUMENTS:
            first, *then = (_of_table(each, table.name) for each in (first, *then))
            tasks = [{**task, "args": {**task["args"], "table": table.name}} for task in tasks]
        results = self._context.store.scratch("results", uuid.uuid4().hex)
        with storage_errors(results):
            results.mkdir(parents=True)
        setup = self._engine.greet(self._context.to_setup(), tasks)
        counting = self._executor()
        passes = [first, *then]
        counting.begin(passes, results)
        if self._ahead is not None and self._engine.local and "apache_beam" not in sys.modules:
            self._ahead.begin([Task(task["kind"], task["args"]) for task in tasks])
        from pipelines.beam_tasks import RunTasks, failure, forget_failure, share_executor, title

        forget_failure(self._run_id)
        local = self._engine.local
        if local:
            assert isinstance(counting, Counting)
            share_executor(self._run_id, counting)
            self._shared = True
        try:
            with watched(counting), self._engine.pipeline() as pipeline:
                pcoll: Any = pipeline | "Parts" >> RunTasks.tasks(tasks, local)
                kinds: list[str] = []
                for kind, args in (step for each in passes for step in each.steps):
                    named = title({"kind": kind} if kinds else tasks[0])
                    label = named + (f" {kinds.count(kind) + 1}" if kind in kinds else "")
                    step = (kind, args) if kinds else None
                    kinds.append(kind)
                    pcoll = pcoll | label >> RunTasks(
                        self._run_id, setup, str(results), local, self._options.memory_bytes, step
                    )
        except Exception as error:
            self._context.store.check_lease()  # whoever took the folder over has removed this run's files
            raise _cause([*filter(None, [failure(self._run_id)]), *_results(results)], error) from None
        lines = _results(results)
        took = counting.end()
        for each in passes:
            if each.name in took:
                self.seconds[each.name] = self.seconds.get(each.name, 0.0) + took[each.name]
                self.work[each.name] = {"seconds": round(took[each.name], 3), "parts": each.parts, "bytes": each.bytes}
        for result in lines:
            for layer, told in result.get("layers", {}).items():
                name = timed(table, layer)
                seconds, rows = self.scorers.setdefault(name, [0.0, 0])
                self.scorers[name] = [seconds + told["seconds"], rows + told["scored"]]
        return lines

    def close(self) -> None:
        """Ends the workers."""
        if self._shared:
            from pipelines.beam_tasks import unshare_executor

            unshare_executor(self._run_id)
        if self._counting is not None:
            self._counting.close()
        self._engine.close()

    def _executor(self) -> Counting | FromFiles:
        if self._counting is None and not self._engine.local:
            self._counting = FromFiles(self._progress, engine=self._engine.title)
        elif self._counting is None:
            inner: Executor
            if self._options.inline:
                from pipelines.tasks import Inline

                inner = Inline(self._context)
            else:
                folder = self._context.store.local("logs")
                with storage_errors(folder):
                    folder.mkdir(parents=True, exist_ok=True)
                inner = self._ahead = Ahead(Pool(
                    self._options.worker_count, self._context.to_setup(), folder=folder,
                    stuck_seconds=self._options.stuck_seconds, memory_bytes=self._options.memory_bytes,
                    zygote=self._zygote,
                ))  # fmt: skip
            self._counting = Counting(inner, self._progress)
        return self._counting


def _of_table(each: Pass, table: str) -> Pass:
    """A pass over another table than documents: its steps are told which, and its name says so."""
    steps = tuple((kind, {**args, "table": table}) for kind, args in each.steps)
    named = table in each.name.split() or each.name.startswith("write ")
    return replace(each, name=each.name if named else f"{each.name} of {table}", steps=steps)


def timed(table: Table, layer: str) -> str:
    """What a layer's seconds are told under."""
    return layer if table is DOCUMENTS else f"{table.name}: {layer}"


def _results(folder: Path) -> list[Json]:
    """What the tasks of a pipeline came to, from their files; a task that an engine did twice counts once."""
    texts = at_once(read_text, sorted(folder.glob("*.jsonl")), isinstance(folder, RemotePath))
    found: list[Json] = []
    seen: set[str] = set()
    for line in (json.loads(line) for text in texts for line in text.splitlines()):
        digest = line.get("task", {}).get("digest", "")
        if not digest or digest not in seen:
            found.append(line)
        seen.add(digest)
    return found


def _cause(results: Sequence[Json], error: Exception) -> BaseException:
    """The error of the task that failed, if one said; else the runner's own. One that lost its workers is told as that,
    whatever attempts before it failed with."""
    if isinstance(error, LostError):
        return error
    for result in results:
        if "error" in result:
            if result["error"]:
                return error_from_json(result)
            return KeyboardInterrupt() if result["interrupted"] else RuntimeError(result["traceback"])
    return error

