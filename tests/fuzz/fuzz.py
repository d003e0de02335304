"""Runs seeded hostile inputs through readers, extraction and scorers, in children that may crash, hang or eat memory.

    python tests/fuzz/fuzz.py --inputs 100000 --seed 1 [--save out/fuzz]
    python tests/fuzz/fuzz.py --seed 1 --case 4711          # one case again, with its traceback

Every case is a function of the seed and its number, so that a finding is told by both; what it read is saved beside.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import json
import mmap
import os
import resource
import signal
import struct
import sys
import tempfile
import time
import traceback
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

ROOT = Path(__file__).resolve().parents[2]
if __package__ in (None, ""):
    sys.path[0] = str(ROOT)

from tests.fuzz import checks  # noqa: E402

#: A case may take this many seconds of its processor, and this many more a byte.
SECONDS, SECONDS_A_BYTE = 2.0, 3e-6
#: A case that takes so many seconds of its processor goes round in circles; one that takes so many of the clock waits
#: for what does not come. (On a busy machine, a case may wait long for its processor.)
HANG_SECONDS, WAIT_SECONDS = 60.0, 600.0
#: A case may add this much to the largest memory of its child, and this much a byte.
GROWTH, GROWTH_A_BYTE = 256 << 20, 64
_ADDRESS_SPACE = 6 << 30
_CASES_A_CHILD = 500
_PROGRESS = struct.Struct("<qqqdd")  # next case, inputs done, bytes done, when the case began by clock and by processor


@dataclass(frozen=True)
class Finding:
    """What went wrong in a case: `error` broken invariant or exception, `crash`, `hang`, `slow` or `memory`."""

    seed: int
    case: int
    kind: str
    what: str


def main(arguments: list[str] | None = None) -> int:
    """Exit code 1 if anything was found."""
    given = options("Fuzzes readers, extraction and scorers.", 1000).parse_args(arguments)
    if given.case is not None:
        return one(given.seed, given.case, given.save)
    began = time.monotonic()
    fuzz = Fuzz(given.seed, given.inputs, given.first, given.save)
    findings = fuzz.run()
    took = time.monotonic() - began
    say(f"{fuzz.inputs:,} inputs in {fuzz.cases:,} cases, {fuzz.bytes:,} bytes, {took:.0f} s: {fuzz.inputs / took:,.0f} inputs/s, "
        f"memory grew by {fuzz.grown >> 20} MiB at most, {len(findings)} findings (seed {given.seed})")  # fmt: skip
    return 1 if findings else 0


def options(description: str, inputs: int) -> argparse.ArgumentParser:
    """The options of a fuzzer that reads so many inputs unless it is said."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--inputs", type=int, default=inputs)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--case", type=int, help="only this case, in this process")
    parser.add_argument("--save", type=Path, default=ROOT / "out" / "fuzz")
    return parser


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def one(seed: int, case: int, save: Path) -> int:
    """A case again in this process."""
    folder = save / f"{seed}-{case}"
    folder.mkdir(parents=True, exist_ok=True)
    rng = Random(f"{seed}:{case}")
    began = time.process_time()
    kind = checks.kind_of(rng)
    say(f"{kind}: what it reads is in {folder}")
    inputs, size = checks.check_case(kind, rng, _real(), folder)
    say(f"{inputs} inputs, {size:,} bytes, {time.process_time() - began:.2f} s")
    return 0


def _real() -> list[str]:
    return checks.real_pages(ROOT / "examples" / "web.warc.gz")


class Fuzz:
    """Cases from `first` on until `wanted` inputs were tried; `findings` says what was found."""

    script = "fuzz.py"

    def __init__(self, seed: int, wanted: int, first: int = 0, save: Path | None = None) -> None:
        self.seed, self.wanted, self.save = seed, wanted, save
        self.next = self.first = first
        self.inputs = self.bytes = self.cases = self.grown = 0
        self.findings: list[Finding] = []
        self.prepare()
        self._shared = mmap.mmap(-1, mmap.PAGESIZE)

    def prepare(self) -> None:
        """What all cases share, before the first child."""
        self._real = _real()
        checks.scorers()

    def check(self, rng: Random, folder: Path) -> tuple[int, int]:
        """One case: how many inputs it had, and of how many bytes. What it raises is a finding."""
        return checks.check_case(checks.kind_of(rng), rng, self._real, folder)

    def run(self) -> list[Finding]:
        with tempfile.TemporaryDirectory(prefix="fuzz-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as folder:
            while self.inputs < self.wanted:
                self._child(Path(folder))
        self.cases = self.next - self.first
        return self.findings

    def _child(self, folder: Path) -> None:
        """Some cases in a child; what it died of is a finding of the case it was at."""
        self._tell(self.next, 0, 0)
        read_end, write_end = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(read_end)
            code = 1
            with contextlib.suppress(BaseException):
                self._cases(folder, write_end)
                code = 0
            os._exit(code)
        os.close(write_end)
        died, status = "", 0
        usual = _rss(pid)
        while True:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                break
            self.grown = max(self.grown, _rss(pid) - usual)
            began, spent = _PROGRESS.unpack_from(self._shared)[3:]
            if _processor_seconds(pid) - spent > HANG_SECONDS:
                died = f"hang: more than {HANG_SECONDS:.0f} s of the processor"
            elif time.monotonic() - began > WAIT_SECONDS:
                died = f"hang: more than {WAIT_SECONDS:.0f} s"
            elif _rss(pid) > usual + _ADDRESS_SPACE // 3:
                died = "memory: more than 2 GiB"
            if died:
                os.kill(pid, signal.SIGUSR1)  # it tells where it is
                time.sleep(1.0)
                os.kill(pid, signal.SIGKILL)
                _, status = os.waitpid(pid, 0)
                break
            time.sleep(0.05)
        case, inputs, size, *_ = _PROGRESS.unpack_from(self._shared)
        self.inputs, self.bytes = self.inputs + inputs, self.bytes + size
        with os.fdopen(read_end) as lines:
            for line in lines:
                self._found(Finding(**json.loads(line)), folder)
        if os.waitstatus_to_exitcode(status) != 0:
            self._found(Finding(self.seed, case, "crash", died or f"exit code {os.waitstatus_to_exitcode(status)}"), folder)
            case += 1
        self.next = case

    def _cases(self, folder: Path, write_end: int) -> None:
        """In the child."""
        resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_SPACE, _ADDRESS_SPACE))
        with contextlib.suppress(ValueError, OSError):  # pytest's stderr is no file
            faulthandler.register(signal.SIGUSR1)
        inputs = size = 0
        for case in range(self.next, self.next + _CASES_A_CHILD):
            self._tell(case, inputs, size)
            rng = Random(f"{self.seed}:{case}")
            began, largest = time.process_time(), _largest()
            found: tuple[str, str] | None = None
            more = bytes_ = 0
            try:
                more, bytes_ = self.check(rng, folder)
            except Exception:
                found = "error", traceback.format_exc(limit=-6)
            took, grown = time.process_time() - began, _largest() - largest
            if found is None and took > SECONDS + SECONDS_A_BYTE * bytes_:
                found = "slow", f"{took:.1f} s for {bytes_:,} bytes"
            elif found is None and grown > GROWTH + GROWTH_A_BYTE * bytes_:
                found = "memory", f"{grown >> 20} MiB more for {bytes_:,} bytes"
            inputs, size = inputs + more, size + bytes_
            if found is not None:
                os.write(write_end, json.dumps(asdict(Finding(self.seed, case, *found))).encode() + b"\n")
                self._keep(case, folder)
            if self.inputs + inputs >= self.wanted:
                self._tell(case + 1, inputs, size)
                return
        self._tell(self.next + _CASES_A_CHILD, inputs, size)

    def _tell(self, case: int, inputs: int, size: int) -> None:
        told = _PROGRESS.pack(case, inputs, size, time.monotonic(), _processor_seconds(os.getpid()))
        self._shared[: len(told)] = told  # pack_into would fill it with zeros first, for the parent to see

    def _found(self, finding: Finding, folder: Path) -> None:
        self.findings.append(finding)
        self._keep(finding.case, folder)
        last = finding.what.strip().splitlines()[-1][:300]
        again = f"python tests/fuzz/{self.script} --seed {finding.seed} --case {finding.case}"
        say(f"{finding.kind} in case {finding.case} ({again}): {last}")

    def _keep(self, case: int, folder: Path) -> None:
        """Saves the file that a case read, if it read one."""
        if self.save is None:
            return
        target = self.save / f"{self.seed}-{case}"
        for path in folder.glob("fuzz.*"):
            if not target.exists():
                target.mkdir(parents=True)
                (target / path.name).write_bytes(path.read_bytes())


def _largest() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _processor_seconds(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, IndexError, ValueError):
        return 0.0


def _rss(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()
    except (OSError, IndexError, ValueError):
        return 0


if __name__ == "__main__":
    sys.exit(main())
