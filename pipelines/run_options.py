"""How a run is run, and what it came to."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.errors import RecipeError, StorageError
from core.remote_path import place
from pipelines.account import Done
from pipelines.cluster import Cluster
from pipelines.pool import MEMORY_BYTES
from pipelines.runfile import read_run
from pipelines.runners import Engine, engine

Json = dict[str, Any]


@dataclass(frozen=True)
class RunOptions:
    """How a run is run; none of it changes what comes out, but `limit`, which takes the first parts only.

    `workers` 0 means as many as there are processors, or as a cluster's profile says; `inline` does everything in this
    process. A worker that takes more than `memory_bytes` is ended. `cluster` says where Flink or Spark is; its `retries` go on
    with a run that lost workers.
    """

    out: str
    workers: int = 0
    limit: int | None = None
    runner: str = "direct"
    runner_options: tuple[str, ...] = ()
    cluster: Cluster | None = None
    inline: bool = False
    memory_bytes: int = MEMORY_BYTES
    stuck_seconds: float = 300.0

    @property
    def engine(self) -> Engine:
        """Where the run runs. RecipeError if the profile of a cluster says another number of workers."""
        name = "" if self.cluster is not None and self.runner == "direct" else self.runner
        found = engine(name, self.runner_options, self.cluster, self.out)
        most = found.cluster.at_a_time if found.cluster is not None else None
        if self.workers and most not in (None, self.workers):
            raise RecipeError(
                f"--workers {self.workers}: the cluster runs {most} tasks at a time, as its profile or its master says",
                f"leave --workers out, or say `parallelism: {self.workers}` in the profile",
            )
        return found

    @property
    def worker_count(self) -> int:
        cluster = self.engine.cluster
        if cluster is not None and cluster.at_a_time is not None:
            return cluster.at_a_time
        return self.workers or len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else self.workers or 1


@dataclass
class RunResult:
    """What a run came to: `stats` is the report's document, `passes` seconds by pass that ran, `scorers` seconds and rows by
    scorer that did; `done` tells of each layer what was there already, and why the rest was computed."""

    out: str
    stats: Json
    passes: dict[str, float]
    outputs: dict[str, Json] = field(default_factory=dict[str, Json])
    scorers: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    done: tuple[Done, ...] = ()

    @property
    def report(self) -> Path:
        return place(self.out) / "report" / "index.html"


def require_no_larger_run(options: RunOptions, parts: int) -> None:
    """A trial must not shrink the shards of a whole run."""
    earlier = read_run(options.out)
    if options.limit is not None and earlier.get("finished") and len(earlier["parts"]) > parts:
        raise StorageError(
            f"{options.out}: holds a finished run of {len(earlier['parts'])} parts, and --limit {options.limit} would cut its "
            f"shards down to {parts}",
            "choose another --out for the trial, or leave --limit out",
        )
