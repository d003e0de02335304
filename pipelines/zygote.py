"""A process that imports everything once and forks workers from itself.

Imports, compiled kernels and models are paid for once a run and their memory is shared; a worker that dies is
replaced in milliseconds. Started by `pipelines.pool` as `python -m pipelines.zygote`, it speaks JSON lines over
a socket handed to it, and ends, with its workers, when that socket closes.
"""

from __future__ import annotations

import array
import gc
import json
import os
import select
import signal
import socket
import sys
import traceback
from types import FrameType
from typing import TYPE_CHECKING, Any

from core.errors import UserError, error_to_json
from pipelines.isolate import die_with

if TYPE_CHECKING:
    from pipelines.context import Context


def main() -> None:
    """Reads requests from the control socket: {"setup": {...}}, then {"fork": true} with a channel and a note."""
    control = socket.socket(fileno=int(sys.argv[1]))
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    os.set_blocking(wake_read, False)
    signal.signal(signal.SIGCHLD, _nothing)
    signal.set_wakeup_fd(wake_write)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the driver's to handle
    message, _ = receive(control)
    setup = message["setup"] if message else {}
    context, error = _preload(setup)
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
        from pipelines.context import Context

        context = Context.from_setup(setup).open()
        gc.collect()
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
    main()
