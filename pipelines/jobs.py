"""Jobs that a run has on an engine, noted in its out folder, so that one that a killed driver left behind is cancelled.

A job is asked for through Beam's Job API (beam_job_api.proto); where its job server is gone, through Flink's REST interface
(nightlies.apache.org/flink/flink-docs-release-1.20/docs/ops/rest_api). Its name, made here, tells it from all others.
"""

# Beam's own types are loose.
# pyright: basic, reportPrivateImportUsage=false, reportAttributeAccessIssue=false, reportArgumentType=false

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from core.files import storage_errors

Json = dict[str, Any]
#: A job gets this long to end once it is cancelled.
CANCEL_SECONDS = 30.0
_ENDED = ("FINISHED", "FAILED", "CANCELED")  # Flink's words
#: States of the Job API after which nothing comes.
TERMINAL = ("DONE", "FAILED", "CANCELLED", "DRAINED", "UPDATED")


@dataclass(frozen=True)
class Job:
    """A job by its `name`: its job server's `endpoint`, and `rest`, Flink's URL, where there is one."""

    name: str
    endpoint: str
    rest: str = ""


def new_name() -> str:
    """A name that no other job has."""
    return f"web2shards-{uuid.uuid4().hex[:20]}"


def driver_folder(out: str) -> Path:
    """Where this machine keeps what is a driver's own of a run: the out folder, or for an object store a folder at home."""
    if "://" not in out:
        return Path(out)
    home = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    if not os.access(home if home.exists() else Path.home(), os.W_OK):
        home = Path(tempfile.gettempdir(), f"web2shards-{os.getuid()}")
    return home / "web2shards" / hashlib.sha256(out.encode()).hexdigest()[:16]


def _notes(out: str) -> Path:
    return driver_folder(out) / "lease"


def note(out: str, job: Job) -> None:
    """Notes a job before it is handed in."""
    path = _notes(out) / f"job-{job.name}.json"
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(job)))


def forget(out: str, job: Job) -> None:
    """The job has ended."""
    with contextlib.suppress(OSError):
        (_notes(out) / f"job-{job.name}.json").unlink()


def cancel_left_behind(out: str, told: Callable[[str], None]) -> None:
    """Cancels jobs that earlier drivers of this out folder left; only who holds its lease may call this."""
    for path in sorted(_notes(out).glob("job-*.json")):
        try:
            job = Job(**json.loads(path.read_text()))
        except (OSError, ValueError, TypeError):  # cut short by the kill: the job was not handed in yet
            path.unlink(missing_ok=True)
            continue
        state = cancel(job)
        if state == "cancelled":
            told(f"a run that was killed left the job {job.name} behind: cancelled")
        elif state == "running":
            told(f"the job {job.name} of a run that was killed does not end: what it still does is refused by the lease")
        elif state == "unknown" and job.rest:
            told(f"{job.rest}: does not answer, so whether the job {job.name} of a run that was killed still runs is not known; "
                 "what it still does is refused by the lease")  # fmt: skip
        path.unlink(missing_ok=True)


def cancel(job: Job, seconds: float = CANCEL_SECONDS) -> str:
    """Cancels a job and waits until it has ended: `cancelled`, `ended` (it had before), `running` still, or `unknown`."""
    deadline = time.monotonic() + seconds
    found = _cancel_at_job_server(job, deadline)
    if job.rest:  # a job server that cancels a job lets go of it, and Flink goes on with it
        at_flink = _cancel_at_flink(job, deadline)
        found = found if at_flink == "ended" and found != "unknown" else at_flink
    return found


def _cancel_at_job_server(job: Job, deadline: float) -> str:
    import grpc
    from apache_beam.portability.api import beam_job_api_pb2 as messages
    from apache_beam.portability.api import beam_job_api_pb2_grpc as services

    try:
        with grpc.insecure_channel(job.endpoint) as channel:
            stub = services.JobServiceStub(channel)
            known = stub.GetJobs(messages.GetJobsRequest(), timeout=5).job_info
            mine = [info for info in known if _name_of(info) == job.name]
            if not mine or _word(mine[0].state) in TERMINAL:
                return "ended"
            stub.Cancel(messages.CancelJobRequest(job_id=mine[0].job_id), timeout=max(1.0, deadline - time.monotonic()))
            while time.monotonic() < deadline:
                state = stub.GetState(messages.GetJobStateRequest(job_id=mine[0].job_id), timeout=5).state
                if _word(state) in TERMINAL:
                    return "cancelled"
                time.sleep(0.2)
            return "running"
    except grpc.RpcError:
        return "unknown"


def _name_of(info: Any) -> str:
    for key in ("beam:option:job_name:v1", "jobName"):
        if key in info.pipeline_options.fields:
            return str(info.pipeline_options.fields[key].string_value)
    return str(info.job_name)


def _word(state: int) -> str:
    from apache_beam.portability.api import beam_job_api_pb2 as messages

    return messages.JobState.Enum.Name(state)


def _cancel_at_flink(job: Job, deadline: float) -> str:
    try:
        mine = [j for j in rest(job.rest, "/jobs/overview")["jobs"] if re.search(rf"\b{re.escape(job.name)}\b", str(j["name"]))]
        mine = [j for j in mine if j["state"] not in _ENDED]
        for one in mine:
            rest(job.rest, f"/jobs/{one['jid']}?mode=cancel", "PATCH")
        while mine and time.monotonic() < deadline:
            states = [rest(job.rest, f"/jobs/{one['jid']}")["state"] for one in mine]
            if all(state in _ENDED for state in states):
                return "cancelled"
            time.sleep(0.3)
        return "running" if mine else "ended"
    except (OSError, ValueError, KeyError):
        return "unknown"


def rest(url: str, path: str, method: str = "GET", seconds: float = 5.0) -> Any:
    """What Flink's REST interface answers. OSError if it does not, ValueError if that is no JSON."""
    # No proxy: a proxy of the environment does not know the cluster's hosts.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(urllib.request.Request(url + path, method=method), timeout=seconds) as answer:
        text = answer.read(16 << 20)
    return json.loads(text) if text else {}
