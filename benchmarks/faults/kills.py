"""Kills what a run on Flink or Spark is made of at random moments, and compares what the same command comes to then.

    python benchmarks/faults/kills.py --runner flink --kills 12 --seed 1
    python benchmarks/faults/kills.py --runner spark --kills 12 --seed 1

A cluster of two workers with two pools runs from the first kill to the last; who supervises it starts again, after three
seconds, what was killed of it, and each kill begins with a whole cluster. A run that ended before its victim was there is run
again, with the kill at half the time. Each kill is noted in benchmarks/results/faults.json as soon as it is judged; kills that
are there already, of the same seed, are not done again. A run has to end right, or with a clear error and then right by the
same command. Exit code 1 if one did not.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from machine import commit  # noqa: E402

from tests.engines.clusters import Flink, Pools, Profile, Spark  # noqa: E402
from tests.engines.processes import Processes, listens, wait_for  # noqa: E402
from tests.engines.runs import Done, Job  # noqa: E402
from tests.faults.outfolder import contents, differences  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results" / "faults.json"
#: An SDK process; a process that does its tasks; a TaskManager or executor; a pool; the job server; the command itself.
VICTIMS = ("sdk worker", "manager", "pool", "job server", "driver", "task worker")
#: A cluster's own patience (heartbeats, restarts) is well below this.
LONGEST_SECONDS = 420.0
SUPERVISED_SECONDS = 3.0
#: Jobs and workers of a run that has ended may take so long to end.
LEFT_SECONDS = 60.0
#: A kill that found nobody to kill is tried again so often.
TRIES = 4


@dataclass
class Kill:
    """One kill and what came of it. `again`: codes of the same command afterwards; `wrong` is empty if all is right."""

    commit: str
    runner: str
    seed: int
    number: int
    victim: str
    moment: float
    at: str = ""
    struck: bool = False
    code: int = 0
    said: str = ""
    seconds: float = 0.0
    again: list[int] = field(default_factory=list)
    again_seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)


class Cluster:
    """A cluster with its pools, mended as whoever runs it would."""

    def __init__(self, runner: str, processes: Processes) -> None:
        self.runner, self.processes = runner, processes
        self.pools = Pools(processes).start()
        self.engine = (Flink if runner == "flink" else Spark)(processes).start()
        self._count = 2

    def profile(self) -> Profile:
        return {**self.engine.profile(), **self.pools.profile()}

    def find(self, victim: str, driver: int) -> psutil.Process | None:
        """The process to kill; None if it is not there (yet)."""
        with contextlib.suppress(psutil.Error):
            if victim == "driver":
                return psutil.Process(driver)
            if victim == "job server":
                return _any(p for p in psutil.Process(driver).children() if p.name() == "java")
            pools = [psutil.Process(pool.pid) for pool in self.pools.started.values() if pool.poll() is None]
            if victim == "pool":
                return _any(pools)
            workers = [worker for pool in pools for worker in pool.children()]
            if victim == "sdk worker":
                return _any(workers)
            if victim == "task worker":
                return _any(task for worker in workers for zygote in worker.children() for task in zygote.children())
            if isinstance(self.engine, Flink):
                return _any(psutil.Process(m.pid) for m in self.engine.workers.values() if m.poll() is None)
            workers = [psutil.Process(worker.pid) for worker in self.engine.workers.values()]
            return _any(executor for worker in workers for executor in worker.children() if executor.name() == "java")
        return None

    def mend(self) -> None:
        """Starts again what was killed of the cluster."""
        for port, pool in list(self.pools.started.items()):
            if pool.poll() is not None:
                self.pools.start_pool(port)
                wait_for("a pool", lambda port=port: listens(port))
        if isinstance(self.engine, Flink):
            for name, manager in list(self.engine.workers.items()):
                if manager.poll() is not None:
                    del self.engine.workers[name]
                    self._count += 1
                    self.engine.start_worker(f"tm-{self._count}")
        self.engine.wait(2)

    def left(self) -> list[str]:
        """Jobs and workers that go on though no driver is left."""
        pools = [psutil.Process(pool.pid) for pool in self.pools.started.values() if pool.poll() is None]
        wrong = [f"worker {worker.pid}" for pool in pools for worker in pool.children()]
        if isinstance(self.engine, Flink):
            wrong += [f"job {state}" for state in self.engine.jobs().values() if state in ("RUNNING", "RESTARTING", "CREATED")]
        else:
            wrong += [f"application {app['name'][:20]}" for app in self.engine.overview().get("activeapps", [])]
        return wrong


def _any(found: Any) -> psutil.Process | None:
    living = [p for p in found if p.status() != psutil.STATUS_ZOMBIE]
    return living[int(time.monotonic() * 1000) % len(living)] if living else None


def strike(cluster: Cluster, job: Job, out: Path, kill: Kill) -> None:
    """Starts the command, kills the victim at its moment or as soon as it is there, and waits for the end."""
    began = time.monotonic()
    process = job.start(cluster.processes, out, cluster.profile())
    mender: threading.Timer | None = None
    while process.poll() is None:
        if time.monotonic() - began >= kill.moment and (target := cluster.find(kill.victim, process.pid)) is not None:
            with contextlib.suppress(psutil.NoSuchProcess):
                target.kill()
                kill.struck = True
                kill.moment = round(time.monotonic() - began, 1)
            break
        time.sleep(0.05)
    kill.at = _last(cluster.processes.said(out.name)).replace(f"{out.parent}/", "")[:60]
    if kill.struck and kill.victim in ("pool", "manager"):
        mender = threading.Timer(SUPERVISED_SECONDS, cluster.mend)
        mender.start()
    try:
        kill.code = process.wait(LONGEST_SECONDS)
    except subprocess.TimeoutExpired:
        kill.wrong.append(f"hangs after the {kill.victim} was killed")
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        kill.code = process.wait()
    if mender is not None:
        mender.join()
    kill.seconds = round(time.monotonic() - began, 1)
    said = cluster.processes.said(out.name)
    kill.said = _error(said).replace(f"{out.parent}/", "").replace(platform.node(), "HOST") if kill.code else ""
    if kill.victim != "driver" and kill.code and ("→" not in said or kill.code == 1):
        kill.wrong.append(f"no clear error but code {kill.code}")


def judge(cluster: Cluster, job: Job, out: Path, sound: dict[str, str], kill: Kill) -> None:
    """Runs the same command, twice at most, until it ends well, and looks at what it wrote."""
    began = time.monotonic()
    while (kill.code if not kill.again else kill.again[-1]) != 0 and len(kill.again) < 2:
        done: Done = job.run(cluster.processes, out, cluster.profile(), seconds=LONGEST_SECONDS)
        kill.again.append(done.code)
        if done.code:
            kill.wrong.append(f"again: code {done.code}: {_error(done.said)}")
    kill.again_seconds = round(time.monotonic() - began, 1)
    kill.wrong += differences(out, sound)[:5]
    kill.wrong += [f"goes on after the end: {what}" for what in _after(LEFT_SECONDS, cluster.left)]


def _after(seconds: float, left: Any) -> list[str]:
    deadline = time.monotonic() + seconds
    while (found := left()) and time.monotonic() < deadline:
        time.sleep(0.5)
    return found


def _last(said: str) -> str:
    lines = [line for line in said.strip().splitlines() if line.strip()]
    return lines[-1].strip() if lines else ""


def _error(said: str) -> str:
    """The error that the command ended with: its line and its mend."""
    lines = said.strip().splitlines()
    told = [i for i, line in enumerate(lines) if line.strip().startswith(("error", "→"))]
    return " ".join(line.strip() for line in lines[told[0] :])[:500] if told else _last(said)[:300]


def noted() -> list[dict[str, Any]]:
    """The kills of earlier runs."""
    return json.loads(RESULTS.read_text())["kills"] if RESULTS.is_file() else []


def note(kill: Kill) -> None:
    """Adds a kill to the results."""
    others = [k for k in noted() if (k["runner"], k["seed"], k["number"]) != (kill.runner, kill.seed, kill.number)]
    every = sorted([*others, asdict(kill)], key=lambda k: (k["runner"], k["seed"], k["number"]))
    lines = ",\n  ".join(json.dumps(k, ensure_ascii=False) for k in every)
    draft = RESULTS.with_suffix(".draft")
    draft.write_text(f'{{"kills": [\n  {lines}\n]}}\n')
    draft.replace(RESULTS)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Kills runs on Flink and Spark at random moments.")
    parser.add_argument("--runner", choices=["flink", "spark"], required=True)
    parser.add_argument("--kills", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--victims", default=",".join(VICTIMS), help="which are killed, in turn")
    parser.add_argument("--seconds", type=float, default=0.0, help="begin no kill after so many seconds (0: no end)")
    given = parser.parse_args(arguments)
    job = Job("recipes/demo.yaml", ("input.part=300kB",))
    victims, rng, began = given.victims.split(","), Random(given.seed), time.monotonic()
    shares = [(i + rng.random()) / given.kills for i in range(given.kills)]
    rng.shuffle(shares)
    there = {k["number"] for k in noted() if (k["runner"], k["seed"]) == (given.runner, given.seed)}
    bad = 0
    with tempfile.TemporaryDirectory(prefix="kills-") as name, Processes(Path(name)) as processes:
        done = job.run(processes, Path(name, "direct"))
        if done.code:
            raise SystemExit(done.said)
        sound = contents(Path(name, "direct"))
        cluster = Cluster(given.runner, processes)
        done = job.run(processes, Path(name, "whole"), cluster.profile())
        wrong = differences(Path(name, "whole"), sound)
        print(f"undisturbed on {given.runner}: {done.seconds:.0f} s, code {done.code}, {wrong or 'the same bytes'}", flush=True)
        if done.code or wrong:
            raise SystemExit(done.said)
        for number, share in enumerate(shares):
            if number in there or (given.seconds and time.monotonic() - began > given.seconds):
                continue
            victim, moment = victims[number % len(victims)], share * done.seconds
            for attempt in range(TRIES):
                kill = Kill(commit(), given.runner, given.seed, number, victim, round(moment / 2**attempt, 1))
                out = Path(name, f"kill-{number}")
                strike(cluster, job, out, kill)
                if kill.struck or kill.wrong or kill.code:
                    break
                shutil.rmtree(out)
            judge(cluster, job, out, sound, kill)
            kill.wrong += [] if kill.struck else [f"there was no {victim} to kill"]
            cluster.mend()
            note(kill)
            bad += bool(kill.wrong)
            print(f"{number:3} {kill.victim:<11} at {kill.moment:5.1f} s ({kill.at}): code {kill.code} after {kill.seconds:.0f} s, "
                  f"again {kill.again} in {kill.again_seconds:.0f} s; {'; '.join(kill.wrong) or '-'}", flush=True)  # fmt: skip
            if not kill.wrong:
                shutil.rmtree(out)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
