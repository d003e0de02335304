"""A TCP proxy in front of an HTTP server that answers some requests with a fault: what a test does to an object store.

Each request gets a connection of its own to the server, so that a fault hits the request it was meant for and no other.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

_ERRORS = {403: "AccessDenied", 500: "InternalError", 503: "SlowDown"}
_PIECE = 1 << 16


@dataclass(frozen=True)
class Request:
    """A request as a rule sees it: its number from 0, the method, the path with its query, and the `Range` asked for."""

    number: int
    method: str
    path: str
    range: str


@dataclass(frozen=True)
class Fault:
    """What is done to a request.

    `status`: the server is not asked, and this status answered. `reset`: the connection is reset before an answer.
    `hang`: nothing is answered. `cut`: the connection ends after so many bytes of the answer. `slow`: so many bytes a second.
    `unheard`: the server does what it is asked, and its answer is lost.
    """

    status: int = 0
    reset: bool = False
    hang: bool = False
    cut: int = -1
    slow: int = 0
    unheard: bool = False


Rule = Callable[[Request], Fault | None]


class Proxy:
    """Listens on loopback and passes requests on to `port`; `rule` says which of them get a fault."""

    def __init__(self, port: int, rule: Rule | None = None) -> None:
        self.target = port
        self.rule: Rule = rule or (lambda request: None)
        self.seen: list[Request] = []
        self.faults: list[tuple[Request, Fault]] = []
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._closing = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._closing.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes who waits in accept
        self._listener.close()
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with self._lock:
            self._open.add(client)
        try:
            with client, contextlib.suppress(OSError):
                self._one(client)
        finally:
            with self._lock:
                self._open.discard(client)

    def _one(self, client: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            piece = client.recv(_PIECE)
            if not piece:
                return
            head += piece
        head, _, body = head.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        method, path, _ = first.split(" ", 2)
        with self._lock:
            request = Request(len(self.seen), method, path, fields.get("range", ""))
            self.seen.append(request)
            fault = self.rule(request) or Fault()
            if fault != Fault():
                self.faults.append((request, fault))
        if fault.reset:
            _reset(client)
        elif fault.hang:
            self._closing.wait(600)
        elif fault.status:
            self._answer(client, fault.status, int(fields.get("content-length", 0)) - len(body), method, fields)
        else:
            kept = [line for line in lines if line.partition(":")[0].strip().lower() != "connection"]
            self._pass_on(client, "\r\n".join([first, *kept, "Connection: close", "", ""]).encode("latin-1") + body, fault)

    def _answer(self, client: socket.socket, status: int, left: int, method: str, fields: dict[str, str]) -> None:
        if fields.get("expect"):
            left = 0  # the client waits to be asked for its body, and is not
        while left > 0 and (piece := client.recv(min(left, _PIECE))):
            left -= len(piece)
        error = f"<Error><Code>{_ERRORS[status]}</Code><Message>a fault of the test</Message><RequestId>1</RequestId></Error>"
        body = b"" if method == "HEAD" else f'<?xml version="1.0" encoding="UTF-8"?>{error}'.encode()
        client.sendall(
            f"HTTP/1.1 {status} Fault\r\nContent-Type: application/xml\r\nContent-Length: {len(body)}\r\n"
            "Connection: close\r\n\r\n".encode() + body
        )  # fmt: skip

    def _pass_on(self, client: socket.socket, request: bytes, fault: Fault) -> None:
        with socket.create_connection(("127.0.0.1", self.target)) as server:
            server.sendall(request)
            up = threading.Thread(target=_pump, args=(client, server), daemon=True)
            up.start()
            sent = 0
            while piece := server.recv(min(_PIECE, max(1, fault.slow // 10)) if fault.slow else _PIECE):
                if fault.unheard:
                    continue
                if 0 <= fault.cut < sent + len(piece):
                    client.sendall(piece[: fault.cut - sent])
                    client.shutdown(socket.SHUT_RDWR)
                    return
                client.sendall(piece)
                sent += len(piece)
                if fault.slow and self._closing.wait(len(piece) / fault.slow):
                    return
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(_PIECE):
            sink.sendall(piece)


def _reset(client: socket.socket) -> None:
    """Ends a connection with RST."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def first(n: int, fault: Fault, method: str = "", path: str = "") -> Rule:
    """The first `n` requests of a method on a path that contains `path` get the fault."""
    left = [n]

    def rule(request: Request) -> Fault | None:
        if left[0] > 0 and method in ("", request.method) and path in request.path:
            left[0] -= 1
            return fault
        return None

    return rule


def every(n: int, *faults: Fault) -> Rule:
    """Every `n`-th request gets one of the faults, in turn."""

    def rule(request: Request) -> Fault | None:
        return faults[request.number // n % len(faults)] if request.number % n == n - 1 else None

    return rule


def some(share: float, *faults: Fault) -> Rule:
    """About that share of the requests get one of the faults, in no step with what is asked."""

    def rule(request: Request) -> Fault | None:
        drawn = Random(request.number).random()
        return faults[int(drawn / share * len(faults))] if drawn < share else None

    return rule


def wait_for(port: int, seconds: float = 20.0) -> None:
    """Waits until something listens on a port of loopback."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
