"""Tasks as Beam transforms: part names and pointers travel through the pipeline, payloads through files.

On the DirectRunner all tasks of a step come to one place, which deals them out to the run's own worker processes;
on Flink and Spark each task is an element of its own and the engine deals them out.
"""

# Beam's own types are loose: its transforms are checked less strictly than the rest.
# pyright: basic, reportPrivateImportUsage=false, reportIncompatibleMethodOverride=false, reportReturnType=false
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportAssignmentType=false

from __future__ import annotations

import contextlib
import json
import threading
import traceback
import uuid
from collections.abc import Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam

from core.errors import ScorerError, UserError, error_to_json
from core.files import storage_errors
from pipelines.pool import MEMORY_BYTES, Executor, Pool, Task

Json = dict[str, Any]

#: Executors of the runs that this process drives, by run.
_EXECUTORS: dict[str, Executor] = {}
#: On a cluster: this process's idle pools of one worker, by run. They outlive a DoFn, so that the steps of a run and
#: the bundles of an engine share them; they end with the process.
_IDLE: dict[str, list[Pool]] = {}
#: What the first task that failed in this process failed with, by run.
_FAILED: dict[str, Json] = {}
_LOCK = threading.Lock()


def share_executor(run: str, executor: Executor) -> None:
    """Lets the pipelines of a run that execute in this process use `executor`."""
    _EXECUTORS[run] = executor


def unshare_executor(run: str) -> None:
    """Forgets the executor of a run; closing it is its maker's."""
    _EXECUTORS.pop(run, None)
    _FAILED.pop(run, None)


def failure(run: str) -> Json | None:
    """What a task of the run failed with in this process, as `error_to_json` and the results' files tell it."""
    return _FAILED.get(run)


class RunTasks(beam.PTransform):
    """Does tasks {"kind", "args"}; gives what they emit as (key, value).

    `results` is a folder on the out folder's file system: each task's result is a line of a file there, so that
    totals come from files and not from counters, which some runners count twice. With `gather` all tasks come to one
    place; few transforms are used for that, as each costs the DirectRunner 10 ms.
    """

    def __init__(self, run: str, setup: Json, results: str, gather: bool, memory_bytes: int = MEMORY_BYTES) -> None:
        super().__init__()
        self._do = _Do(run, setup, results, memory_bytes)
        self._gather = gather

    def tasks(self, tasks: Sequence[Json]) -> beam.PTransform:
        """The first tasks of a pipeline."""
        return beam.Create([list(tasks)] if self._gather else list(tasks), reshuffle=False)

    def after(self, kind: str, args: Json) -> beam.PTransform:
        """Groups what the tasks before emitted by key, and makes a task of each group."""
        return _NextTasks(kind, args, self._gather)

    def expand(self, pcoll: beam.PCollection[Any]) -> beam.PCollection[tuple[Any, Any]]:
        if not self._gather:
            pcoll = pcoll | "Spread" >> beam.Reshuffle() | "One by one" >> beam.Map(_alone)
        return pcoll | "Do" >> beam.ParDo(self._do)


class _NextTasks(beam.PTransform):
    def __init__(self, kind: str, args: Json, gather: bool) -> None:
        super().__init__()
        self._kind, self._args, self._gather = kind, args, gather

    def expand(self, pcoll: beam.PCollection[tuple[Any, Any]]) -> beam.PCollection[Any]:
        kind, args = self._kind, self._args

        def task(key: str, values: Iterable[str]) -> Json:
            return {"kind": kind, "args": {**args, "key": json.loads(key), "values": [json.loads(v) for v in sorted(values)]}}

        def tasks(group: tuple[int, Iterable[tuple[str, str]]]) -> list[Json]:
            by_key: dict[str, list[str]] = {}
            for key, value in group[1]:
                by_key.setdefault(key, []).append(value)
            return [task(key, by_key[key]) for key in sorted(by_key)]

        # Keys and values as JSON text: coders that are the same in every language and process.
        if self._gather:
            return (
                pcoll
                | "To one place" >> beam.Map(lambda pair: (0, _as_text(pair)))
                | "Group" >> beam.GroupByKey()
                | "Tasks" >> beam.Map(tasks)
            )
        return (
            pcoll | "As text" >> beam.Map(_as_text) | "Group" >> beam.GroupByKey() | "Tasks" >> beam.Map(lambda group: task(*group))
        )


#: What some kinds of task are called in the graph that an engine shows; the others by their own name, `MatchKeys`.
_TITLES = {"elect": "ElectDuplicates"}


def title(task: Json) -> str:
    """The name of a step in Beam's graph: `IngestWarcs, text, language, gopher, exact` for the first map pass."""
    if task["kind"] != "map":
        return _TITLES.get(task["kind"], task["kind"].title().replace("_", ""))
    args = task["args"]
    reads = {"warc": "IngestWarcs", "wet": "IngestWets"}.get(args["part"]["format"], "IngestTables")
    return ", ".join([*([reads] if args["ingest"] else []), *args["reads"]])


class _Do(beam.DoFn):
    def __init__(self, run: str, setup: Json, results: str, memory_bytes: int) -> None:
        self._run, self._setup, self._results, self._memory = run, setup, results, memory_bytes

    def process(self, element: list[Json]) -> Iterator[tuple[Any, Any]]:
        with _executor(self._run, self._setup, self._memory) as executor:
            yield from self._do(executor, element)

    def _do(self, executor: Executor, element: list[Json]) -> Iterator[tuple[Any, Any]]:
        tasks = [Task(e["kind"], e["args"]) for e in element]
        final = Path(self._results, f"{uuid.uuid4().hex}.jsonl")
        draft = final.with_suffix(".draft")
        try:
            with storage_errors(final):
                file = open(draft, "w", encoding="utf-8")  # noqa: SIM115 - closed below, with errors of its own
            try:
                for result in _watching(executor, tasks):
                    emitted = result.pop("emit", [])
                    with storage_errors(final):
                        file.write(json.dumps(result) + "\n")
                    yield from ((key, value) for key, value in emitted)
            finally:
                with storage_errors(final):
                    file.close()
            with storage_errors(final):
                draft.rename(final)
        except (Exception, KeyboardInterrupt) as error:
            self._tell(error, final)
            raise

    def _tell(self, error: BaseException, final: Path) -> None:
        """Runners wrap exceptions in text of their own: a file brings the error to the driver as it is, or this process's
        memory, where the disk is full and the driver is here."""
        told: Json = {"error": "", "traceback": traceback.format_exc(), "interrupted": isinstance(error, KeyboardInterrupt)}
        if isinstance(error, UserError):
            told = error_to_json(error)
        _FAILED.setdefault(self._run, told)
        with contextlib.suppress(OSError):
            draft = final.with_suffix(".failed")
            draft.write_text(json.dumps(told) + "\n", encoding="utf-8")
            draft.rename(final)


@contextlib.contextmanager
def _executor(run: str, setup: Json, memory_bytes: int) -> Generator[Executor]:
    """The executor that the run shares in this process, or one of its idle pools."""
    shared = _EXECUTORS.get(run)
    if shared is not None:
        yield shared
        return
    with _LOCK:
        stale = [_IDLE.pop(other) for other in list(_IDLE) if other != run]
        pools = _IDLE.setdefault(run, [])
        pool = pools.pop() if pools else None
    for old in stale:
        for finished in old:
            finished.close()
    pool = pool or Pool(1, setup, memory_bytes=memory_bytes)
    try:
        yield pool
    except BaseException:
        pool.close()
        raise
    with _LOCK:
        _IDLE.setdefault(run, []).append(pool)


def _watching(executor: Executor, tasks: list[Task]) -> Iterator[Json]:
    """Results of tasks; a scorer that fails on everything in two parts stops them all at once."""
    seen: dict[str, list[Json]] = {}
    for _, result in executor.run(tasks):
        if "broken" in result:
            parts = seen.setdefault(result["broken"], [])
            parts.append(result)
            if len(parts) > 1:
                raise _broken(parts)
        yield result


def broken_tasks(tasks: list[Json], results: list[Json]) -> list[Json]:
    """The tasks to do again because a scorer failed on everything in their part, and in no other.

    That is bad data, and their failures are accepted. ScorerError if a scorer failed so in two parts, or in the only
    one that there was.
    """
    again: dict[str, set[str]] = {}
    seen: dict[str, list[Json]] = {}
    for result in results:
        if "broken" in result:
            again.setdefault(result["part"], set()).add(result["broken"])
            if all(other["part"] != result["part"] for other in seen.setdefault(result["broken"], [])):
                seen[result["broken"]].append(result)
    for parts in seen.values():
        if len(parts) > 1 or len(tasks) == 1:
            raise _broken(parts)
    names = [task["args"]["part"]["name"] for task in tasks]
    return [
        {**task, "args": {**task["args"], "accept": sorted(again[name])}}
        for task, name in zip(tasks, names, strict=True) if name in again
    ]  # fmt: skip


def _broken(seen: list[Json]) -> ScorerError:
    result = seen[-1]
    parts = " and ".join(r["part"] for r in seen)
    return ScorerError(
        f"the scorer {result['broken']} failed on every one of the first 100 records of {parts}: {result['message']}",
        "that is its set-up, not the data: mend it and run the same command again",
    )


def _alone(task: Json) -> list[Json]:
    return [task]


def _as_text(pair: tuple[Any, Any]) -> tuple[str, str]:
    return json.dumps(pair[0], sort_keys=True), json.dumps(pair[1], sort_keys=True)

