"""Kernels compiled once a machine: whoever imports the scorers first holds a lock, and the others wait for its cache.

numba keeps compiled kernels beside the source or in NUMBA_CACHE_DIR (numba.readthedocs.io, "Notes on caching"), and
two processes that compile the same kernel at the same time both pay for it.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import tempfile
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path

#: After this long the user is told why nothing moves.
PATIENCE_SECONDS = 3.0


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
    """Holds the lock while the block imports kernels; `told` hears why, if that takes long."""
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


def warm_up(told: Callable[[Warmed], None]) -> list[Warmed]:
    """Imports every installed scorer and opens it with its defaults; `told` hears of each as it is done."""
    from pipelines.recipe_scorers import installed_scorers

    scorers = installed_scorers()
    warmed: list[Warmed] = []
    for name in sorted(scorers):
        began = time.perf_counter()
        problem = ""
        entry = " and ".join(e.value for e in scorers.entries[name])
        try:
            scorers[name]().open()
        except TypeError as error:
            # A scorer with a parameter that has no default is imported, and so compiled; it cannot be opened alone.
            problem = "" if "required positional argument" in str(error) else str(error)
        except Exception as error:
            problem = str(error)
        warmed.append(Warmed(name, entry, time.perf_counter() - began, problem))
        told(warmed[-1])
    return warmed
