"""Kills a run at random moments, runs the same command again, and compares what came of it with a run that nobody disturbed.

    python -m tests.faults.kills --moments 20 --seed 1                       # on examples/
    python -m tests.faults.kills --moments 20 --seed 1 --recipe recipes/multilingual.yaml --warc dev.warc.gz --part 8MB

The moments lie evenly spread over a whole run, from its imports to its report; the victims are the driver, a worker and
the process that workers are forked from, in turn. Exit code 1 if anything is lost, left behind or different.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import psutil

ROOT = Path(__file__).resolve().parents[2]
if __package__ in (None, ""):
    sys.path[0] = str(ROOT)

from pipelines.verify import verify  # noqa: E402
from tests.faults.outfolder import contents, differences  # noqa: E402

VICTIMS = ("driver", "worker", "zygote")
#: Processes of a dead driver must be gone after so many seconds; those that still import are given as long.
GRACE_SECONDS = 5.0
LONGEST_SECONDS = 600.0
#: The examples are cut into a few parts, so that there is something to be done twice.
EXAMPLES_PART = "300kB"


@dataclass(frozen=True)
class Command:
    """The command under test; `run` starts it with an out folder."""

    recipe: Path
    settings: tuple[str, ...] = ()
    workers: int = 2

    def start(self, out: Path, errors: Path, scratch: Path) -> subprocess.Popen[bytes]:
        words = [sys.executable, "-m", "web2shards", "run", self.recipe, "--out", out, "--workers", self.workers]
        words += [word for setting in self.settings for word in ("--set", setting)]
        with open(errors, "wb") as log:
            return subprocess.Popen(
                [str(word) for word in words], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=log,
                env={**os.environ, "TMPDIR": str(scratch), "COLUMNS": "200"}, start_new_session=True,
            )  # fmt: skip

    def finish(self, out: Path, scratch: Path) -> tuple[int, str, float]:
        """Runs it to its end: exit code, what it said, seconds."""
        errors = out.with_suffix(".log")
        began = time.monotonic()
        process = self.start(out, errors, scratch)
        try:
            code = process.wait(LONGEST_SECONDS)
        except subprocess.TimeoutExpired:
            end(process)
            code = -999
        return code, errors.read_text(errors="replace"), time.monotonic() - began


@dataclass
class Outcome:
    """What came of one kill. `struck`: the victim was there; `wrong` is empty if all is as it should be."""

    moment: float
    victim: str
    phase: str = ""
    code: int = 0
    orphans_seconds: float = 0.0
    struck: bool = False
    wrong: list[str] = field(default_factory=list[str])


@dataclass(frozen=True)
class Reference:
    """A run that nobody disturbed."""

    sound: dict[str, str]
    seconds: float


def reference(command: Command, folder: Path) -> Reference:
    """Runs the command twice, so that it is timed with compiled kernels."""
    for name in ("warm", "reference"):
        code, said, seconds = command.finish(folder / name, _scratch(folder))
        if code != 0:
            raise SystemExit(f"the command fails undisturbed, with code {code}:\n{said}")
    sound = contents(folder / "reference")
    problems = verify(str(folder / "reference")).problems
    if problems:
        raise SystemExit(f"the undisturbed run is not sound: {problems[0]}")
    return Reference(sound, seconds)


def kill_at(command: Command, known: Reference, folder: Path, moment: float, victim: str, again: float = 0.0) -> Outcome:
    """Kills `victim` `moment` seconds after the start, looks at what is left, and runs the command again.

    `again`: the second run's driver is killed too, after so many seconds, before a third.
    """
    outcome = Outcome(moment, victim)
    out, scratch = folder / "out", _scratch(folder)
    shutil.rmtree(out, ignore_errors=True)
    _strike(command, out, scratch, moment, victim, outcome)
    if again:
        _strike(command, out, scratch, again, "driver", outcome)
    code, said, _ = command.finish(out, scratch)
    if code != 0:
        outcome.wrong.append(f"the same command again ends with {code}: {_last(said)}")
    outcome.wrong += differences(out, known.sound)
    if not outcome.wrong:
        outcome.wrong += [str(problem) for problem in verify(str(out)).problems]
    left = sorted(p.name for p in scratch.iterdir() if not p.name.endswith(".lock"))
    outcome.wrong += [f"left {name} in the temporary folder" for name in left]
    return outcome


def kill_in_time(
    command: Command, known: Reference, folder: Path, moment: float, victim: str, again: float = 0.0
) -> Outcome:  # fmt: skip
    """As `kill_at`; a moment at which the victim was gone, as the machine was busier when the run was timed, is moved up."""
    outcome = kill_at(command, known, folder, moment, victim, again)
    while not outcome.struck and not outcome.wrong and moment > 1:
        moment *= 0.85
        outcome = kill_at(command, known, folder, moment, victim, again)
    return outcome


def _strike(command: Command, out: Path, scratch: Path, moment: float, victim: str, outcome: Outcome) -> None:
    errors = out.with_suffix(".log")
    process = command.start(out, errors, scratch)
    deadline = time.monotonic() + moment
    family: set[psutil.Process] = set()
    while process.poll() is None:
        family |= set(_descendants(process.pid))
        target = _find(process.pid, victim)
        if time.monotonic() >= deadline and target is not None:
            with contextlib.suppress(psutil.NoSuchProcess):
                family |= set(_descendants(process.pid))
                target.send_signal(signal.SIGKILL)
                outcome.struck = True
            break
        time.sleep(0.01)
    outcome.phase = _last(errors.read_text(errors="replace")).partition("|")[0][:40]
    try:
        outcome.code = process.wait(LONGEST_SECONDS)
    except subprocess.TimeoutExpired:
        end(process)
        outcome.wrong.append(f"hangs after the {victim} was killed")
        return
    said = errors.read_text(errors="replace")
    if victim != "driver" and outcome.code != 0 and ("→" not in said or "Traceback" in said or outcome.code == 1):
        outcome.wrong.append(f"no clear error but code {outcome.code}: {_last(said)}")
    if victim == "worker" and outcome.code != 0:
        outcome.wrong.append(f"a dead worker ended the run with code {outcome.code}: {_last(said)}")
    began = time.monotonic()
    while living := [p for p in family if _lives(p)]:
        if time.monotonic() - began > GRACE_SECONDS:
            outcome.wrong.append(f"orphans: {[_name(p) for p in living]}")
            for orphan in living:
                with contextlib.suppress(psutil.NoSuchProcess):
                    orphan.kill()
            break
        time.sleep(0.02)
    outcome.orphans_seconds = max(outcome.orphans_seconds, time.monotonic() - began)


def end(process: subprocess.Popen[bytes]) -> None:
    """Ends a command with all that it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _descendants(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _find(driver: int, victim: str) -> psutil.Process | None:
    """The process to kill; None if it is not there (yet)."""
    try:
        me = psutil.Process(driver)
        if victim == "driver":
            return me
        zygotes = [p for p in me.children() if "importlib" not in " ".join(p.cmdline())]  # those compile kernels
        if victim == "zygote":
            return zygotes[0] if zygotes else None
        workers = [w for zygote in zygotes for w in zygote.children()]
        return workers[int(time.monotonic() * 1000) % len(workers)] if workers else None
    except psutil.Error:
        return None


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _name(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.Error):
        return " ".join(process.cmdline())[-60:]
    return str(process.pid)


def _last(said: str) -> str:
    lines = [line for line in said.strip().splitlines() if line.strip()]
    return lines[-1].strip()[:300] if lines else ""


def _scratch(folder: Path) -> Path:
    """A folder for temporary files, emptied but for the lock of the kernels."""
    scratch = folder / "tmp"
    scratch.mkdir(parents=True, exist_ok=True)
    for path in scratch.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
        elif not path.name.endswith(".lock"):
            path.unlink()
    return scratch


def moments(seconds: float, count: int, rng: Random) -> list[float]:
    """One moment in each of `count` equal pieces of a run."""
    return [seconds * (i + rng.random()) / count for i in range(count)]


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Kills runs at random moments.")
    parser.add_argument("--moments", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--victims", default=",".join(VICTIMS), help="which are killed, in turn")
    parser.add_argument("--recipe", type=Path, default=Path("recipes/demo.yaml"))
    parser.add_argument("--warc", type=Path, help="instead of the recipe's input")
    parser.add_argument("--part", help="size of a part, such as 8MB")
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args(arguments)
    settings = [f"input.warcs=[{given.warc.resolve()}]"] if given.warc else []
    part = given.part or ("" if given.warc else EXAMPLES_PART)
    settings += [f"input.part={part}"] if part else []
    command = Command(given.recipe, tuple(settings), given.workers)
    rng = Random(given.seed)
    victims = given.victims.split(",")
    with tempfile.TemporaryDirectory(prefix="kills-") as name:
        folder = Path(name)
        known = reference(command, folder)
        say(f"undisturbed: {len(known.sound)} files in {known.seconds:.1f} s")
        say(f"{'moment':>8}  {'victim':<14}{'exit':>5}  {'ended after':>11}  {'at':<40}  what is wrong")
        bad, struck = 0, dict[str, int]()
        for i, moment in enumerate(moments(known.seconds, given.moments, rng)):
            victim = victims[i % len(victims)]
            again = rng.uniform(0, known.seconds) if victim == "driver" and rng.random() < 0.3 else 0.0
            outcome = kill_in_time(command, known, folder, moment, victim, again)
            bad += bool(outcome.wrong)
            struck[victim] = struck.get(victim, 0) + outcome.struck
            twice = " twice" if again else "" if outcome.struck else " (gone)"
            say(f"{outcome.moment:7.2f}s  {victim + twice:<14}{outcome.code:>5}  {outcome.orphans_seconds:10.2f}s  "
                f"{outcome.phase:<40}  {'; '.join(outcome.wrong[:3]) or '-'}")  # fmt: skip
    told = ", ".join(f"{count} × {victim}" for victim, count in struck.items())
    say(f"{given.moments} moments, struck {told}; {bad} with something wrong (seed {given.seed})")
    return 1 if bad or not all(struck.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
