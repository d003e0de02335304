"""Where numba keeps compiled kernels, emptied when any source that a kernel was compiled from has changed.

numba takes a cached kernel for fresh if the file it stands in has not changed (numba.readthedocs.io, "Notes on
caching"): functions and constants that it has from other files may since be others.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
import tempfile
from pathlib import Path
from types import FunctionType

import numba

#: The rooms whose kernels share functions; those of other rooms stand in one file each.
_ROOMS = ("core", "filters", "dedup", "ingest", "ingest/extraction")
_ROOT = Path(__file__).resolve().parent.parent
_TAG = f"py{sys.version_info.major}{sys.version_info.minor}{getattr(sys, 'abiflags', '')}"


def _probe() -> None:
    """Never called: numba says where it would cache it."""


def cache_folder(room: str) -> Path | None:
    """Where the kernels of a room are cached: beside it, in NUMBA_CACHE_DIR or the user's; None if nowhere."""
    code = _probe.__code__.replace(co_filename=str(_ROOT / room / "__init__.py"))
    try:
        found: str | None = numba.njit(cache=True)(FunctionType(code, {}, "_probe")).stats.cache_path
        return Path(found) if found else None
    except (RuntimeError, OSError):
        return None


def is_cached(module: str) -> bool:
    """Whether a kernel of the module `room.name` or `room.folder.name` is in the cache, for this version of Python."""
    room, _, name = module.rpartition(".")
    folder = cache_folder(room.replace(".", "/"))
    return folder is not None and next(folder.glob(f"{name}.*.{_TAG}.nbi"), None) is not None


def sources_key() -> str:
    """A digest of the sources of all rooms whose kernels share functions, and of numba's version."""
    digest = hashlib.blake2b(numba.__version__.encode(), digest_size=16)
    for room in _ROOMS:
        for path in sorted((_ROOT / room).glob("*.py")):
            digest.update(b"\0" + path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def discard_stale() -> bool:
    """Empties the rooms' caches if their sources have changed since they were filled; whether they had.

    Other processes may do so at the same time, or compile: what is then lost is compiled again.
    """
    folder = cache_folder("core")
    if folder is None:
        return False
    stamp = folder / f"web2shards-sources.{_TAG}"
    try:
        key = sources_key()
        if stamp.is_file() and stamp.read_text() == key:
            return False
        for room in _ROOMS:
            for path in (cache_folder(room) or folder).glob(f"*.{_TAG}.*nb[ic]"):
                path.unlink(missing_ok=True)
        _write(stamp, key)
    except OSError:
        return False
    return True


def _write(path: Path, text: str) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        os.replace(name, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise
