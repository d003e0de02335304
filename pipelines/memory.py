"""Gives memory that is free back to the system between batches, so that a process stays as small as its work.

glibc keeps what was freed below anything still in use (malloc_trim(3)), and parsers leave such islands: a worker
grew by 100 MB over 70 parts. Arrow's own allocator holds what is freed for a while; with the system's, batches take
30 to 40 MB less at their peak and as much time (arrow.apache.org/docs/cpp/env_vars.html).
"""

from __future__ import annotations

import ctypes
import mmap
from pathlib import Path

import pyarrow as pa

#: The environment of a process of workers.
ALLOCATOR = {"ARROW_DEFAULT_MEMORY_POOL": "system"}

try:
    _library = ctypes.CDLL(None)
    _advise = _library.madvise
    _advise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    _trim = _library.malloc_trim
    _trim.argtypes = [ctypes.c_size_t]
except (AttributeError, OSError, TypeError):  # another C library
    _advise = _trim = None


def give_back() -> None:
    """Returns free memory to the system; takes a millisecond or few."""
    pa.default_memory_pool().release_unused()
    if _trim is not None:
        _trim(0)


def forget(mapped: pa.Buffer) -> None:
    """Drops the pages of a mapped file from this process (madvise(2)); what is used again is read again.

    Only for the whole of a file that was mapped to be read: pages of any other memory would lose what they hold.
    """
    if _advise is not None and mapped.size:
        _advise(mapped.address, mapped.size, mmap.MADV_DONTNEED)


def forget_code(library: str) -> None:
    """Drops this process's pages of a library's code (its name begins so); what runs again is read again."""
    if _advise is None or not Path("/proc/self/maps").exists():
        return
    for line in Path("/proc/self/maps").read_text().splitlines():
        place, access, _, _, _, *path = line.split(maxsplit=5)
        if access == "r-xp" and path and Path(path[0]).name.startswith(library):
            start, stop = (int(end, 16) for end in place.split("-"))
            _advise(start, stop - start, mmap.MADV_DONTNEED)
