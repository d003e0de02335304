"""Scores rows so that a bad one costs only itself: row by row after an error, in a child after a crash.

A batch that takes its process down is scored in a forked child with limits on time and memory, and halved until
the bad rows are found.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.ipc as ipc

from core.scorer import Scorer

#: An error's message is cut here.
MESSAGE_CHARACTERS = 500
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


@dataclass(frozen=True)
class Limits:
    """What a child may use on a batch: `seconds` of wall time, `memory_bytes` beyond what it starts with."""

    seconds: float = 60.0
    memory_bytes: int = 2 << 30


@dataclass(frozen=True)
class Scored:
    """Columns of the scorer's schema, and the errors (string, null where there was none)."""

    columns: pa.RecordBatch
    errors: pa.Array

    @property
    def failed(self) -> int:
        return len(self.errors) - self.errors.null_count


def score(scorer: Scorer, batch: pa.RecordBatch) -> Scored:
    """The whole batch at once; if the scorer raises, row by row, so that only the bad rows have an error."""
    try:
        return Scored(_checked(scorer, batch), pa.nulls(len(batch), pa.string()))
    except Exception as error:
        if len(batch) == 1:
            return _failure(scorer, 1, _message(error))
    return concat([score(scorer, batch.slice(i, 1)) for i in range(len(batch))])


def score_in_child(scorer: Scorer, batch: pa.RecordBatch, limits: Limits, stroke: Callable[[], None]) -> Scored:
    """The same, in a child that may die; halves the batch until the rows that kill it are found.

    `stroke` is called before each child, to show that this process is not stuck.
    """
    stroke()
    outcome = _fork_and_score(scorer, batch, limits)
    if isinstance(outcome, Scored):
        return outcome
    if len(batch) == 1:
        return _failure(scorer, 1, outcome)
    half = len(batch) // 2
    return concat([
        score_in_child(scorer, batch.slice(0, half), limits, stroke),
        score_in_child(scorer, batch.slice(half), limits, stroke),
    ])  # fmt: skip


def concat(parts: list[Scored]) -> Scored:
    """Consecutive rows put together."""
    table = pa.Table.from_batches([p.columns for p in parts]).combine_chunks()
    batches = table.to_batches()
    columns = batches[0] if batches else parts[0].columns
    return Scored(columns, pa.concat_arrays([p.errors for p in parts]))


def _checked(scorer: Scorer, batch: pa.RecordBatch) -> pa.RecordBatch:
    result = scorer.score(batch)
    if len(result) != len(batch) or not result.schema.equals(scorer.schema):
        raise TypeError(
            f"the scorer {scorer.name} broke its contract: {len(result)} rows of {result.schema.names} "
            f"for {len(batch)} rows of {scorer.schema.names}"
        )
    return result


def _failure(scorer: Scorer, rows: int, message: str) -> Scored:
    columns = [pa.nulls(rows, f.type) for f in scorer.schema]
    return Scored(pa.RecordBatch.from_arrays(columns, schema=scorer.schema), pa.array([message] * rows, pa.string()))


def _message(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:MESSAGE_CHARACTERS]


def die_with(parent: int) -> None:
    """Has this process killed when its parent, of the id `parent`, dies; only Linux can, others end at their alarm."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before
        os._exit(1)


def _fork_and_score(scorer: Scorer, batch: pa.RecordBatch, limits: Limits) -> Scored | str:
    """Scored rows, or how the child died."""
    read_end, write_end = os.pipe()
    worker = os.getpid()
    pid = os.fork()
    if pid == 0:
        os.close(read_end)
        code = 1
        with contextlib.suppress(BaseException):
            faulthandler.disable()  # dying is expected here
            die_with(worker)
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(int(limits.seconds) + 2)  # it must not outlive a parent that was killed
            _limit_memory(limits.memory_bytes)
            result = score(scorer, batch)
            columns = result.columns.append_column("\0error", result.errors)
            with pa.output_stream(os.fdopen(write_end, "wb")) as sink, ipc.new_stream(sink, columns.schema) as out:
                out.write_batch(columns)
            code = 0
        os._exit(code)
    os.close(write_end)
    data, timed_out = _read_until(read_end, time.monotonic() + limits.seconds)
    if timed_out:
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    if timed_out:
        return f"took more than {limits.seconds:.0f} s"
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        return f"killed its process by {signal.Signals(-code).name}"
    if code:
        return f"ended its process with code {code} (memory limit {limits.memory_bytes >> 20} MiB)"
    with ipc.open_stream(data) as reader:
        table = reader.read_all().combine_chunks()
    errors = table.column("\0error").combine_chunks()
    table = table.drop_columns(["\0error"])
    columns = table.to_batches()[0].replace_schema_metadata(None)
    return Scored(pa.RecordBatch.from_arrays(columns.columns, schema=scorer.schema), errors)


def _limit_memory(more: int) -> None:
    try:
        with open("/proc/self/statm") as file:
            now = int(file.read().split()[0]) * resource.getpagesize()
    except OSError:  # no /proc: the time limit has to do
        return
    resource.setrlimit(resource.RLIMIT_AS, (now + more, now + more))


def _read_until(descriptor: int, deadline: float) -> tuple[bytes, bool]:
    pieces: list[bytes] = []
    try:
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                return b"", True
            if not select.select([descriptor], [], [], left)[0]:
                continue
            piece = os.read(descriptor, 1 << 20)
            if not piece:
                return b"".join(pieces), False
            pieces.append(piece)
    finally:
        os.close(descriptor)
