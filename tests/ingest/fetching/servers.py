"""Servers on loopback, well-behaved ones by aiohttp and others by sockets, a resolver that is a dictionary, and quick settings."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from aiohttp import web

from ingest.fetching import FetchSettings, Job, NoSuchHost, Outcome, fetch
from ingest.fetching.robots import TDMREP

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(2000)
WEBP = b"RIFF\x24\x08\x00\x00WEBPVP8 " + bytes(2000)

T = TypeVar("T")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
RawHandler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Asked:
    at: float
    path: str
    headers: Mapping[str, str]


@dataclass
class Site:
    """A running server: where it is, and what it was asked."""

    host: str
    port: int
    log: list[Asked] = field(default_factory=list)
    #: Requests that were open at the same time, at most.
    most: int = 0
    open: int = 0
    connections: int = 0

    def url(self, path: str = "/", host: str = "") -> str:
        return f"http://{host or self.host}:{self.port}{path}"

    @property
    def paths(self) -> list[str]:
        return [asked.path for asked in self.log]


@contextlib.asynccontextmanager
async def serve(
    answer: Handler | bytes = PNG,
    routes: Mapping[str, Handler] | None = None,
    host: str = "127.0.0.1",
    port: int = 0,
    **options: Any,
) -> AsyncIterator[Site]:
    """An HTTP server: `routes` by path, and `answer` for all others; robots.txt and tdmrep.json are a 404 unless they are a
    route, and the latter is not in the log then."""
    site = Site(host, port)

    async def handle(request: web.Request) -> web.StreamResponse:
        if request.path == TDMREP and TDMREP not in (routes or {}):
            return web.Response(status=404)
        site.log.append(Asked(time.monotonic(), request.path_qs, dict(request.headers)))
        site.open += 1
        site.most = max(site.most, site.open)
        try:
            handler = (routes or {}).get(request.path)
            if handler is not None:
                return await handler(request)
            if request.path == "/robots.txt":
                return web.Response(status=404)
            if isinstance(answer, bytes):
                return web.Response(body=answer, content_type="image/png")
            return await answer(request)
        finally:
            site.open -= 1

    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    tcp = web.TCPSite(runner, host, port, **options)
    await tcp.start()
    site.port = runner.addresses[0][1]
    try:
        yield site
    finally:
        await runner.cleanup()


@contextlib.asynccontextmanager
async def raw(handler: RawHandler, host: str = "127.0.0.1") -> AsyncIterator[Site]:
    """A server that does as `handler` says, once a request's header has come."""
    site = Site(host, 0)
    tasks: set[asyncio.Task[Any]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        site.connections += 1
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            site.log.append(Asked(time.monotonic(), head.split()[1].decode(), {}))
            await handler(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            tasks.discard(task)
            writer.close()

    server = await asyncio.start_server(connected, host, 0)
    site.port = server.sockets[0].getsockname()[1]
    try:
        yield site
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def says(data: bytes) -> RawHandler:
    """A handler that sends bytes and closes."""

    async def handle(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()

    return handle


async def hangs(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
    """A handler that never answers."""
    await asyncio.sleep(3600)


class Names:
    """A resolver that knows what it is told: addresses, a list of answers one after the other, or an exception."""

    def __init__(
        self, names: Mapping[str, tuple[str, ...] | list[Any] | Exception], ttl: float = 60.0, delay: float = 0.0
    ) -> None:
        self.names = dict(names)
        self.ttl = ttl
        self.delay = delay
        self.asked: list[str] = []
        self.closed = False

    async def addresses(self, host: str) -> tuple[Sequence[str], float]:
        self.asked.append(host)
        await asyncio.sleep(self.delay)
        answer = self.names.get(host)
        if answer is None:
            raise NoSuchHost(host)
        if isinstance(answer, list):
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if isinstance(answer, Exception):
            raise answer
        return answer, self.ttl

    async def close(self) -> None:
        self.closed = True


def quick(**changes: Any) -> FetchSettings:
    """Settings for servers on loopback: any port, no robots.txt or tdmrep.json, short times, no pauses to speak of."""
    values: dict[str, Any] = {
        "open_networks": ("127.0.0.0/8",), "ports": (), "robots": False, "tdmrep": False, "host_interval_seconds": 0.0,
        "first_pause_seconds": 0.01, "connect_seconds": 2.0, "read_seconds": 2.0, "total_seconds": 10.0, "dns_seconds": 2.0,
    }  # fmt: skip
    return FetchSettings(**(values | changes))


async def got(urls: Iterable[str | Job], settings: FetchSettings, **options: Any) -> list[Outcome]:
    """The outcomes of URLs, in their order; each has exactly one."""
    jobs = [url if isinstance(url, Job) else Job(i, url) for i, url in enumerate(urls)]
    found: dict[int, Outcome] = {}
    async for outcome in fetch(jobs, settings, **options):
        assert outcome.index not in found
        found[outcome.index] = outcome
    assert len(found) == len(jobs)
    return [found[job.index] for job in jobs]


def run(coroutine: Awaitable[Any], seconds: float = 30.0) -> Any:
    """Runs a test in an event loop of its own; no task may be left at its end, and no exception unseen."""

    async def main() -> Any:
        unseen: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: unseen.append(context))
        async with asyncio.timeout(seconds):
            result = await coroutine
        left = [t for t in asyncio.all_tasks() if t is not asyncio.current_task() and "RequestHandler" not in repr(t)]
        assert not left, left
        assert not [context for context in unseen if "SSL handshake failed" not in context["message"]]  # a server's
        return result

    return asyncio.run(main())


@contextlib.contextmanager
def in_thread(serving: contextlib.AbstractAsyncContextManager[T]) -> Iterator[T]:
    """What an asynchronous context gives, from a loop in a thread of its own: for tests without a loop."""
    started = threading.Event()
    given: list[T] = []
    loops: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def main() -> None:
        loops.append((asyncio.get_running_loop(), asyncio.Event()))
        async with serving as value:
            given.append(value)
            started.set()
            await loops[0][1].wait()

    thread = threading.Thread(target=lambda: asyncio.run(main()))
    thread.start()
    try:
        assert started.wait(10)
        yield given[0]
    finally:
        loop, stop = loops[0]
        loop.call_soon_threadsafe(stop.set)
        thread.join()
