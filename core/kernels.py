"""How functions that only kernels call are compiled: without wrappers, and without counting references.

Making the wrappers that Python and C would call them through, with an array or ten to unpack in each, is a third of
numba's time; counting the references to those arrays was up to half of a kernel's. See numba/core/options.py.
"""

from __future__ import annotations

from numba.extending import register_jitable

from core.kernel_cache import discard_stale

#: Decorates a function that kernels call; called from Python it is what it is, a Python function. It makes no arrays and
#: returns none: those it works in are the kernel's.
helper = register_jitable(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True, _nrt=False)

discard_stale()  # before the first kernel is looked up in the cache, as every module of kernels imports this one
