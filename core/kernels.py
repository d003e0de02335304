"""How functions that only kernels call are compiled: without the wrappers that Python and C would call them through.

Making those wrappers, with an array or ten to unpack in each, is a third of numba's time; see CPUTargetOptions in
numba/core/options.py.
"""

from __future__ import annotations

from numba.extending import register_jitable

from core.kernel_cache import discard_stale

#: Decorates a function that kernels call; called from Python it is what it is, a Python function.
helper = register_jitable(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)

discard_stale()  # before the first kernel is looked up in the cache, as every module of kernels imports this one
