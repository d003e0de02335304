"""How functions that only kernels call are compiled: into their callers, without wrappers, and without counting references.

Making the wrappers that Python and C would call them through, with an array or ten to unpack in each, is a third of
numba's time; counting the references to those arrays was up to half of a kernel's. Left to LLVM, a function that grows by a
line may be called where it was part of a loop, with all arrays of a table copied for each call: put into its callers by force,
the scanner of pages takes a third of the time, a fifteenth for pages of tags alone, and compiling takes as long as before.
See numba/core/options.py.
"""

from __future__ import annotations

from numba.extending import register_jitable

from core.kernel_cache import discard_stale

#: Decorates a function that kernels call; called from Python it is what it is, a Python function. It makes no arrays and
#: returns none: those it works in are the kernel's.
helper = register_jitable(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True, _nrt=False, forceinline=True)

discard_stale()  # before the first kernel is looked up in the cache, as every module of kernels imports this one
