"""What engines say when a job fails, as an error of ours with a mend: the message that a user sees, not the engine's stack.

What they match was seen with Beam 2.77 on Flink 1.20 or Spark 3.5, or stands in their sources and issues;
runbooks/debugging.md has them by their words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from core import errors
from core.errors import ClusterError, LostError, UserError

_AGAIN = "run the same command again: what is finished is kept"
_STARTED_AGAIN = "let it go on by itself: `restart-strategy.type: fixed-delay` in Flink's config.yaml, `retries: 3` in the profile"


@dataclass(frozen=True)
class Known:
    """A pattern of an engine's message, what it means, and what to do; `lost` if the same command may go on at once."""

    pattern: str
    message: str
    mend: str
    lost: bool = False


KNOWN = (
    Known(
        r"No module named '(core|dedup|filters|ingest|pipelines|reports|sharding)\b",
        "the workers' Python has no web2shards",
        "start the workers where the same web2shards is installed: `web2shards worker-pool`, or web2shards-worker by its path",
    ),
    Known(
        r"No module named '([\w.]+)'",
        "the workers' Python lacks the module {1}",
        "install there what is installed here: engines carry no packages to workers",
    ),
    Known(
        r"the worker pool on (\S+) has (\d+) workers",
        "the worker pool on {1} has its {2} workers already",
        "give it more (--max-workers), or cancel jobs that were left behind",
    ),
    Known(
        r"Cannot run program \"docker\"|docker: command not found",
        "the engine's hosts have no docker",
        "install docker there, or take another environment: EXTERNAL (`web2shards worker-pool`) or PROCESS",
    ),
    Known(
        r"Cannot run program \"([^\"]+)\"",
        "the engine's host cannot start {1}",
        "give environment.command by its full path on every host, and make it executable",
    ),
    Known(
        r"Process died with exit code (-?\d+)",
        "a worker that environment.command started ended at once, with code {1}",
        "read the workers' logs: in worker_logs of the profile, else in web2shards-workers below the engine's temporary folder",
    ),
    Known(
        r"NoResourceAvailableException|Could not acquire the minimum required resources|Slot request bulk is not fulfillable",
        "Flink has not as many free slots as the job asks for",
        "cancel other jobs, add TaskManagers or slots (taskmanager.numberOfTaskSlots), or lower `parallelism`",
    ),
    Known(
        r"InvalidClassException|local class incompatible",
        "the job server and the cluster are of different versions of the engine",
        "run the version that the job server was built for, for Spark to the patch: 3.5.0 (runbooks/spark.md)",
    ),
    Known(
        r"All masters are unresponsive|Could not connect to (?:any )?master|Failed to connect to master",
        "Spark's master does not answer",
        "start it, and compare its address with `master` in the profile, letter by letter",
        lost=True,
    ),
    Known(
        r"TaskManager with id|Heartbeat of TaskManager|Connection unexpectedly closed by remote task manager|ExecutorLostFailure",
        "a TaskManager or executor was lost",
        f"{_AGAIN}; or {_STARTED_AGAIN}",
        lost=True,
    ),
    Known(
        r"Connection refused: (?:localhost|127\.0\.0\.1|\S+)/?\S*:(\d+)",
        "a host of the engine reached nothing at port {1}",
        "start `web2shards worker-pool` on every host, at the address that the profile gives",
        lost=True,
    ),
    Known(
        r"Connection refused",
        "a host of the engine was refused a connection: a worker pool that is gone, mostly",
        "see that `web2shards worker-pool` runs on every host at the profile's address: `web2shards doctor --cluster` asks it",
        lost=True,
    ),
    Known(
        r"SDK harness|client cancelled|Worker (?:\S+ )?(?:died|disconnected)|call already|half-closed|UNAVAILABLE|CANCELLED",
        "a Python worker was lost",
        f"{_AGAIN}; or {_STARTED_AGAIN}. If it comes again, its log says why, and `dmesg` whether memory ran out",
        lost=True,
    ),
    Known(
        r"(?:No space left on device|ENOSPC)",
        "a disk of the engine is full",
        f"make room in its temporary folder (io.tmp.dirs, spark.local.dir); then {_AGAIN}",
        lost=True,
    ),
    Known(
        r"OutOfMemoryError|Java heap space|Metaspace",
        "the engine's Java ran out of memory",
        "give it more: taskmanager.memory.* of Flink, spark.executor.memory, or java_options: [-Xmx4g] for the job server",
    ),
)  # fmt: skip

_OURS = re.compile(r"core\.errors\.(\w+Error): (.*?)(?:\n\s*→ (.*?))?(?:\n|\\n|$)", re.DOTALL)
_RAISED = re.compile(r"^\s*((?:\w+\.)*\w*(?:Error|Exception|Interrupt)\b(?:: .*)?)$", re.MULTILINE)


def explain(text: str, log: Path) -> UserError:
    """What an engine's error means. The first error of web2shards in it, if a worker raised one; else what is known of it."""
    ours = _OURS.search(text)
    if ours is not None:
        kind = getattr(errors, ours[1], UserError)
        if isinstance(kind, type) and issubclass(kind, UserError):
            return kind(ours[2].strip(), (ours[3] or "").strip())
    raised = _RAISED.findall(text)
    by_python = [line for line in raised if "[while running " in line or "No module named" in line]
    for known in KNOWN:
        found = re.search(known.pattern, by_python[0] if by_python else text)
        if found is not None:
            message = known.message
            for number, group in enumerate(found.groups(), 1):
                message = message.replace(f"{{{number}}}", group or "")
            return (LostError if known.lost else ClusterError)(f"{message} (log: {log})", known.mend)
    first = by_python[:1] or raised[-1:] or text.strip().splitlines()[:1] or ["nothing"]
    said = " ".join(first[0].split())[:300]
    mend = "runbooks/debugging.md lists what engines say, and what it means"
    return ClusterError(f"the job failed on the engine: {said} (log: {log})", mend)
