"""Runs a command that dies with the process that started it, however that ends: `python launch.py PARENT COMMAND…`.

Linux kills the command when its parent dies (prctl(2), PR_SET_PDEATHSIG, which outlives exec). It is run by its path, so
that nothing is imported that the command may not need.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def command(arguments: list[str]) -> list[str]:
    """The command line that runs `arguments` so."""
    return [sys.executable, "-S", "-E", os.path.abspath(__file__), str(os.getpid()), *arguments]


def main() -> None:
    """Replaces this process by the command."""
    parent = int(sys.argv[1])
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before
        sys.exit(1)
    try:
        os.execvp(sys.argv[2], sys.argv[2:])
    except OSError as error:
        sys.exit(f"{sys.argv[2]}: {error.strerror}")


if __name__ == "__main__":
    main()
