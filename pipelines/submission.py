"""Hands one pipeline to a job server and waits for it: what it says goes to a log, its end or its loss is told in one line.

It is Beam's PortableRunner (apache_beam/runners/portability/portable_runner.py) with another wait: this one asks for the
state, so that a job server that is gone is noticed, and a job that is interrupted is cancelled.
"""

# Beam's own types are loose.
# pyright: basic, reportPrivateImportUsage=false, reportAttributeAccessIssue=false, reportArgumentType=false
# pyright: reportIncompatibleMethodOverride=false, reportReturnType=false

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
from apache_beam.options.pipeline_options import PortableOptions, StandardOptions
from apache_beam.portability.api import beam_job_api_pb2 as messages
from apache_beam.portability.api import beam_job_api_pb2_grpc as services
from apache_beam.runners.portability.portable_runner import JobServiceHandle, PortableRunner
from apache_beam.runners.runner import PipelineResult

from core.errors import LostError
from pipelines import jobs
from pipelines.engine_errors import explain
from pipelines.jobs import TERMINAL, Job

#: A job server that does not answer for so long is gone.
SILENCE_SECONDS = 20.0
_LOOK_SECONDS = 0.3
AGAIN = "the same command goes on from where it stopped"


class Submitter(PortableRunner):
    """Runs pipelines at the job server `job.endpoint`; `alive` says whether it still runs, if that can be known."""

    def __init__(self, out: str, job: Job, log: Path, alive: Callable[[], bool] | None = None) -> None:
        super().__init__()
        self._out, self._job, self._log, self._alive = out, job, log, alive

    def run_portable_pipeline(self, pipeline: Any, options: Any) -> PipelineResult:
        options.view_as(StandardOptions).runner = None
        endpoint = self._job.endpoint
        with grpc.insecure_channel(endpoint, options=[("grpc.max_receive_message_length", -1)]) as channel:
            stub = services.JobServiceStub(channel)
            handle = JobServiceHandle(stub, options)
            handle.timeout = options.view_as(PortableOptions).job_server_timeout
            jobs.note(self._out, self._job)
            ended = False
            try:
                try:
                    job_id, said, _ = handle.submit(self._optimize_pipeline(pipeline, options))
                    state, why = self._wait(stub, job_id, said)
                except grpc.RpcError as error:
                    raise self._lost(error) from None
                ended = True
            except BaseException:
                ended = jobs.cancel(self._job) in ("cancelled", "ended")
                raise
            finally:
                if ended:
                    jobs.forget(self._out, self._job)
        if state != "DONE":
            raise explain(why or f"the job ended as {state.lower()}", self._log)
        return _Done(state)

    def _wait(self, stub: Any, job_id: str, said: Iterator[Any]) -> tuple[str, str]:
        """The state that the job ended in, and the last error that the engine told of it."""
        errors: list[str] = []
        reader = threading.Thread(target=_read, args=(said, errors), name="job messages", daemon=True)
        reader.start()
        heard = time.monotonic()
        while True:
            try:
                state = messages.JobState.Enum.Name(stub.GetState(messages.GetJobStateRequest(job_id=job_id), timeout=10).state)
                heard = time.monotonic()
            except grpc.RpcError as error:
                gone = self._alive is not None and not self._alive()
                passing = error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
                if gone or not passing or time.monotonic() - heard > SILENCE_SECONDS:
                    raise
                state = ""
            if state in TERMINAL:
                reader.join(5)
                return state, _root(errors)
            time.sleep(_LOOK_SECONDS)

    def _lost(self, error: grpc.RpcError) -> LostError:
        code, details = error.code().name.lower().replace("_", " "), " ".join(str(error.details()).split())
        logging.getLogger(__name__).error("job server: %s: %s", code, details)
        gone, where = self._alive is not None and not self._alive(), f"the job server at {self._job.endpoint}"
        if gone or error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
            own = AGAIN if self._alive is not None else f"start it; {AGAIN}"
            return LostError(f"{where} went away (log: {self._log})", own)
        if error.code() == grpc.StatusCode.NOT_FOUND:
            return LostError(f"{where} no longer knows the job: it was started again", AGAIN)
        return LostError(f"{where} refused the job ({code}: {details[:300]})", f"read {self._log}; {AGAIN}")


class _Done(PipelineResult):
    """A pipeline that has ended well."""

    def __init__(self, state: str) -> None:
        super().__init__(state)

    def wait_until_finish(self, duration: Any = None) -> str:
        return self.state


def _read(said: Iterator[Any], errors: list[str]) -> None:
    """Writes an engine's messages to the log, and keeps its errors."""
    log = logging.getLogger("engine")
    with contextlib.suppress(grpc.RpcError, ValueError):  # the stream ends with the job or with the job server
        for message in said:
            if not message.HasField("message_response"):
                continue
            told = message.message_response
            bad = told.importance == messages.JobMessage.JOB_MESSAGE_ERROR
            log.log(logging.ERROR if bad else logging.INFO, "%s", told.message_text)
            if bad:
                errors.append(told.message_text)


def _root(errors: list[str]) -> str:
    """The engine's errors as one text: the last is the root cause on Flink, the first on Spark; either may have Python's."""
    return "\n".join(errors[-5:])
