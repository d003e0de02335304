"""Kernels compiled once a machine: whoever imports the scorers first holds a lock, and the others wait for its cache.

numba keeps compiled kernels beside the source or in NUMBA_CACHE_DIR (numba.readthedocs.io, "Notes on caching"), and
two processes that compile the same kernel at the same time both pay for it. It compiles one at a time in a process, so
that several processes share the kernels out.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

#: After this long the user is told why nothing moves.
PATIENCE_SECONDS = 3.0
#: Modules of kernels, in groups that take about as long; neighbours have most functions in common.
GROUPS = (
    ("filters.fineweb", "filters.fineweb2"),
    ("ingest.extraction.scan", "ingest.extraction.measures", "ingest.extraction.relations"),
    ("ingest.extraction.features", "ingest.extraction.context", "ingest.extraction.choice"),
    ("filters.gopher_metrics", "filters.gopher_datatrove", "core.components", "dedup.election"),
    ("filters.c4_lines", "core.spans", "sharding.tar"),
    ("ingest.taming", "ingest.cleaning", "filters.vocabulary", "filters.language", "core.english_exceptions"),
    ("dedup.shingles", "dedup.permutations", "dedup.minhash", "dedup.exact", "dedup.agreement", "dedup.buckets", "dedup.stars"),
    ("dedup.paragraph_keys", "dedup.repeats", "dedup.ngram_index"),
    ("core.images.area", "dedup.perceptual_check", "dedup.perceptual_hashes", "dedup.hamming", "filters.caption"),
)
#: After this long a process that compiles is taken to hang: what it left is compiled where it is needed.
LONGEST_SECONDS = 600.0


@dataclass(frozen=True)
class Warmed:
    """A scorer that was loaded: seconds to import it and to open it with its defaults; `problem` if it failed."""

    name: str
    entry: str
    seconds: float
    problem: str = ""


def lock_path() -> Path:
    """The lock of this installation for this user: a file in the machine's temporary folder."""
    place = hashlib.sha256(os.fsencode(Path(__file__).resolve().parent)).hexdigest()[:16]
    return Path(tempfile.gettempdir(), f"web2shards-{os.getuid()}-{place}.lock")


@contextlib.contextmanager
def compiling(told: Callable[[str], None] | None = None) -> Generator[None]:
    """Holds the lock while kernels are compiled and the block imports them; `told` hears why, if that takes long."""
    done = threading.Event()
    waiting = [True]

    def explain() -> None:
        if not done.wait(PATIENCE_SECONDS) and told is not None:
            told(
                "another process is compiling kernels: waiting for it" if waiting[0]
                else "compiling kernels, once on this machine (`web2shards warm-up` does it beforehand)"
            )  # fmt: skip

    thread = threading.Thread(target=explain, name="patience", daemon=True)
    thread.start()
    try:
        with _locked():
            waiting[0] = False
            compile_kernels()
            yield
    finally:
        done.set()
        thread.join()


@contextlib.contextmanager
def _locked() -> Generator[None]:
    try:
        descriptor = os.open(lock_path(), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError:  # no place for a lock: compiling twice costs time and nothing else
        yield
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def compile_kernels(groups: Sequence[Sequence[str]] = GROUPS) -> int:
    """Compiles what the cache lacks, in as many processes as there are cores; how many modules that were.

    Nothing depends on it: a kernel that is not compiled here is compiled when its module is imported.
    """
    from core.kernel_cache import discard_stale, is_cached

    discard_stale()
    groups = [[module for module in group if not is_cached(module)] for group in groups]
    cold = [group for group in groups if group]
    workers = min(_cores(), len(cold))
    if workers < 2:  # the import does as well
        return 0
    shares: list[list[str]] = [[] for _ in range(workers)]
    for i, group in enumerate(cold):
        shares[i * workers // len(cold)] += group
    path = os.pathsep.join([str(Path(__file__).resolve().parent.parent), *(p for p in sys.path if p)])
    running: list[subprocess.Popen[bytes]] = []
    try:
        for share in shares:
            code = "import importlib, sys\nfor module in sys.argv[1:]:\n    importlib.import_module(module)"
            running.append(
                subprocess.Popen(
                    [sys.executable, "-P", "-c", code, *share], env={**os.environ, "PYTHONPATH": path},
                    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                )
            )  # fmt: skip
        deadline = time.monotonic() + LONGEST_SECONDS
        with contextlib.suppress(subprocess.TimeoutExpired):
            for process in running:
                process.wait(max(deadline - time.monotonic(), 0))
    except OSError:  # no process could be started: the import compiles
        pass
    finally:
        for process in running:
            if process.poll() is None:
                process.kill()
            process.wait()
    return sum(map(len, shares))


def warm_up(told: Callable[[Warmed], None]) -> list[Warmed]:
    """Imports every installed scorer and opens it with its defaults, but for those whose extra is not installed; `told` hears of
    each as it is done."""
    from core.errors import MissingPackage
    from pipelines.recipe_scorers import installed_scorers

    scorers = installed_scorers()
    warmed: list[Warmed] = []
    for name in sorted(scorers):
        began = time.perf_counter()
        problem = ""
        entry = " and ".join(e.value for e in scorers.entries[name])
        try:
            scorers[name]().open()
        except MissingPackage:  # an extra that nobody asked for
            continue
        except TypeError as error:
            # A scorer with a parameter that has no default is imported, and so compiled; it cannot be opened alone.
            problem = "" if "required positional argument" in str(error) else str(error)
        except Exception as error:
            problem = str(error)
        warmed.append(Warmed(name, entry, time.perf_counter() - began, problem))
        told(warmed[-1])
    return warmed
