"""A process that imports everything once and forks workers from itself.

Imports, compiled kernels and models are paid for once a run and their memory is shared; a worker that dies is
replaced in milliseconds. It is forked from the command line's process, before that imports Beam, or started as
`python -m pipelines.zygote`; it speaks JSON lines over a socket, and ends, with its workers, when that closes.
"""

from __future__ import annotations

import array
import contextlib
import gc
import json
import os
import select
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Generator
from types import FrameType
from typing import TYPE_CHECKING, Any

from core.errors import UserError, error_to_json
from core.remote import in_use
from pipelines.isolate import die_with
from pipelines.memory import ALLOCATOR, forget_code, give_back

if TYPE_CHECKING:
    from pipelines.context import Context


class Zygote:
    """The process as its driver sees it: `control` is the driver's end of the socket."""

    def __init__(self, pid: int, control: socket.socket) -> None:
        self.pid, self.control = pid, control
        self._code: int | None = None

    def wait(self, seconds: float | None = None) -> int | None:
        """The exit code (negative: a signal) once it ended; None if it has not after so many seconds."""
        deadline = None if seconds is None else time.monotonic() + seconds
        while self._code is None:
            pid, status = os.waitpid(self.pid, 0 if deadline is None else os.WNOHANG)
            if pid:
                self._code = os.waitstatus_to_exitcode(status)
            elif deadline is not None and time.monotonic() > deadline:
                return None
            else:
                time.sleep(0.005)
        return self._code

    def close(self) -> None:
        """Ends it and its workers."""
        self.control.close()
        if self.wait(5) is None:
            os.kill(self.pid, signal.SIGKILL)
            self.wait()


def forked() -> Zygote | None:
    """A zygote that shares what this process has imported; None where a fork is not safe (threads, or a store's client; not Linux).

    For a process that is the tool's own: its objects are no longer looked at by the garbage collector, so that the
    pages that hold them stay shared.
    """
    if sys.platform != "linux" or threading.active_count() > 1 or in_use():
        return None
    mine, theirs = socket.socketpair()
    gc.freeze()
    # A signal that comes in between is for the driver alone.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            mine.close()
            with open(os.devnull, "rb") as nothing:
                os.dup2(nothing.fileno(), 0)
            main(theirs)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    signal.pthread_sigmask(signal.SIG_SETMASK, before)
    theirs.close()
    forget_code("libllvmlite")  # it loaded the kernels, and this process compiles no more
    return Zygote(pid, mine)


@contextlib.contextmanager
def forking(wanted: bool) -> Generator[Zygote | None]:
    """What `forked` gives while the block runs, closed after it; None if none is `wanted`."""
    zygote = forked() if wanted else None
    try:
        yield zygote
    finally:
        if zygote is not None:
            zygote.close()


def spawned(log: int) -> Zygote:
    """A zygote in a fresh interpreter; what it says before its setup goes to the open file `log`."""
    mine, theirs = socket.socketpair()
    theirs.set_inheritable(True)
    pid = os.posix_spawn(
        sys.executable, [sys.executable, "-P", "-m", "pipelines.zygote", str(theirs.fileno())],
        {**os.environ, **ALLOCATOR, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_DUP2, log, 1), (os.POSIX_SPAWN_DUP2, log, 2),
        ],
    )  # fmt: skip
    theirs.close()
    return Zygote(pid, mine)


def main(control: socket.socket) -> None:
    """Reads requests from the control socket: {"setup": {...}} with a log, then {"fork": true} with a channel and a note."""
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    os.set_blocking(wake_read, False)
    signal.signal(signal.SIGCHLD, _nothing)
    signal.set_wakeup_fd(wake_write)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the driver's to handle
    message, logs = receive(control)
    if message is None:  # there was nothing to do
        return
    for descriptor in (1, 2):
        os.dup2(logs[0], descriptor)
    os.close(logs[0])
    context, error = _preload(message["setup"])
    send(control, error or {"ready": True})
    children: set[int] = set()
    while True:
        ready, _, _ = select.select([control, wake_read], [], [])
        if wake_read in ready:
            os.read(wake_read, 4096)
            _reap(control, children)
        if control in ready:
            request, sockets = receive(control)
            if request is None:
                break
            zygote = os.getpid()
            pid = os.fork()
            if pid == 0:
                die_with(zygote)
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                for descriptor in (wake_read, wake_write):
                    os.close(descriptor)
                control.close()
                from pipelines import tasks  # preloaded

                assert context is not None  # the driver asks for workers only when this process is ready
                tasks.serve(socket.socket(fileno=sockets[0]), context, sockets[1])
                os._exit(0)
            children.add(pid)
            for descriptor in sockets:
                os.close(descriptor)
            send(control, {"forked": pid})
    for pid in children:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def _nothing(signal_number: int, frame: FrameType | None) -> None:
    """A handler, so that the signal wakes the loop by its descriptor."""


def _preload(setup: dict[str, Any]) -> tuple[Context | None, dict[str, Any] | None]:
    """The context with its scorers open, or the error for the driver."""
    try:
        from pipelines import tasks  # noqa: F401  # pyright: ignore[reportUnusedImport] - what workers need
        from pipelines.context import Context

        context = Context.from_setup(setup).open()
        gc.collect()
        give_back()
        gc.freeze()  # keeps the shared pages shared
        return context, None
    except UserError as error:
        return None, error_to_json(error)
    except Exception:
        return None, {"error": "", "traceback": traceback.format_exc()}


def _reap(control: socket.socket, children: set[int]) -> None:
    while children:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        children.discard(pid)
        send(control, {"exited": pid, "status": os.waitstatus_to_exitcode(status)})


def send(channel: socket.socket, message: dict[str, Any], descriptors: list[int] | None = None) -> None:
    """Sends one message, preceded by its length, with open files if given."""
    data = json.dumps(message).encode()
    frame = len(data).to_bytes(4, "little") + data
    if descriptors:
        sent = channel.sendmsg(
            [frame], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors).tobytes())]
        )
        frame = frame[sent:]
    if frame:
        channel.sendall(frame)


def receive(channel: socket.socket) -> tuple[dict[str, Any] | None, list[int]]:
    """One message and the open files that came with it; None when the other end closed."""
    descriptors: list[int] = []
    data = b""
    needed = 4
    while len(data) < needed:
        try:
            chunk, ancillary, _, _ = channel.recvmsg(min(needed - len(data), 1 << 20), socket.CMSG_SPACE(4 * 8))
        except (ConnectionResetError, BrokenPipeError):
            return None, descriptors
        for level, kind, payload in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                received = array.array("i")
                received.frombytes(payload[: len(payload) - len(payload) % received.itemsize])
                descriptors.extend(received)
        if not chunk:
            return None, descriptors
        data += chunk
        if needed == 4 and len(data) == 4:
            needed = 4 + int.from_bytes(data, "little")
    return json.loads(data[4:]), descriptors


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])))
