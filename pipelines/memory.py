"""Gives memory that is free back to the system between batches, so that a process stays as small as its work.

glibc keeps what was freed below anything still in use (malloc_trim(3)), and parsers leave such islands: a worker
grew by 100 MB over 500 parts. Arrow's own allocator gives back what it is told to.
"""

from __future__ import annotations

import ctypes

import pyarrow as pa

try:
    _trim = ctypes.CDLL(None).malloc_trim
    _trim.argtypes = [ctypes.c_size_t]
except (AttributeError, OSError, TypeError):  # another C library
    _trim = None


def give_back() -> None:
    """Returns free memory to the system; takes a millisecond or few."""
    pa.default_memory_pool().release_unused()
    if _trim is not None:
        _trim(0)
