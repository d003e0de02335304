"""Runs a command and watches it: wall time, processor time, and the memory of its whole tree of processes.

Memory is PSS, the proportional set size that Linux tells in /proc/PID/smaps_rollup (proc(5)): a page that n processes
share counts 1/n in each, so that the sum over the tree is what the tree takes. It is sampled; what lasts less than the
pause between two samples may be missed. Processes that outlive their parent stay in the tree (prctl(2), PR_SET_CHILD_SUBREAPER).
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

HERTZ = 5
PR_SET_CHILD_SUBREAPER = 36


class CommandFailed(SystemExit):
    """A command ended with something else than 0."""


@dataclass(frozen=True)
class Usage:
    """What a command took. Bytes in MB of 10^6; `peak_by_process` has (process, its depth in the tree, MB) at the peak."""

    wall_seconds: float
    cpu_seconds: float
    peak_pss_mb: float
    median_pss_mb: float
    peak_at_seconds: float
    peak_by_process: list[tuple[str, int, float]]
    samples: int
    watching_cpu_seconds: float  # of the watcher, which runs beside the command
    load_before: float  # the system's load average over the minute before

    def json(self) -> dict[str, Any]:
        return asdict(self)


def pss(pid: int) -> int:
    """Bytes; 0 if the process is gone."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
            for line in file:
                if line.startswith(b"Pss:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def name_of(process: psutil.Process) -> str:
    """What runs: the module, the script, or how the process calls itself."""
    try:
        words = process.cmdline()
        if "-m" in words:
            return words[words.index("-m") + 1]
        if "-c" in words:
            return words[words.index("-c") + 1].split("import", 1)[0].strip()[:40] or "python -c"
        scripts = [word for word in words[1:] if not word.startswith("-")]
        return Path(scripts[0] if scripts else words[0]).name if words else process.name()
    except (psutil.Error, IndexError):
        return "gone"


def tree(root: psutil.Process) -> list[tuple[psutil.Process, int]]:
    """The processes that `root` started, and theirs, with their depth: 0 for those that it started itself."""
    try:
        below = root.children(recursive=True)
    except psutil.Error:
        return []
    depths = {root.pid: -1}
    found: list[tuple[psutil.Process, int]] = []
    for process in below:  # parents come before their children
        try:
            depths[process.pid] = depths.get(process.ppid(), 0) + 1
            found.append((process, depths[process.pid]))
        except psutil.Error:
            continue
    return found


def reap(root: psutil.Process) -> None:
    """Takes leave of processes that outlived their parent and have ended since."""
    for process in root.children():
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                os.waitpid(process.pid, os.WNOHANG)
        except (psutil.Error, ChildProcessError):
            continue


def watch(command: Sequence[str], *, cwd: Path, log: Path, environment: Mapping[str, str] | None = None) -> Usage:
    """Runs the command to its end with its output in `log`; CommandFailed with the end of the log if it fails."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    me = psutil.Process()
    log.parent.mkdir(parents=True, exist_ok=True)
    load, own = os.getloadavg()[0], sum(me.cpu_times()[:2])
    others = {process.pid for process in me.children(recursive=True)}
    processor: dict[tuple[int, float], float] = {}  # of each process when it was last seen
    totals: list[tuple[int, float]] = []
    peak, by_process = 0, list[tuple[str, int, float]]()
    began = time.monotonic()
    with log.open("wb") as out:
        child = subprocess.Popen(command, cwd=cwd, env={**os.environ, **(environment or {})}, stdout=out, stderr=subprocess.STDOUT)
        try:
            while child.poll() is None:
                sizes: list[tuple[psutil.Process, int, int]] = []
                for process, depth in tree(me):
                    if process.pid in others:
                        continue
                    try:
                        times = process.cpu_times()
                        processor[process.pid, process.create_time()] = times.user + times.system
                        sizes.append((process, depth, pss(process.pid)))
                    except psutil.Error:
                        continue
                total = sum(size for *_, size in sizes)
                totals.append((total, time.monotonic() - began))
                if total > peak:
                    peak, by_process = total, [(name_of(p), depth, round(size / 1e6, 1)) for p, depth, size in sizes]
                time.sleep(1 / HERTZ)
            wall = time.monotonic() - began
        finally:
            if child.poll() is None:
                child.kill()
                child.wait()
            reap(me)
    if child.returncode:
        raise CommandFailed(f"{Path(command[0]).name} ended with {child.returncode}: …\n{log.read_text(errors='replace')[-3000:]}")
    ordered = sorted(totals) or [(0, 0.0)]
    return Usage(
        round(wall, 2), round(sum(processor.values()), 2), round(peak / 1e6, 1), round(ordered[len(ordered) // 2][0] / 1e6, 1),
        round(ordered[-1][1], 1), by_process, len(totals), round(sum(me.cpu_times()[:2]) - own, 2), round(load, 2),
    )  # fmt: skip
