"""The way in: fetches a stream of jobs from within an event loop, or from plain code with the loop in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import AsyncGenerator, Generator, Iterable

from ingest.fetching.outcomes import Job, Outcome, Spent
from ingest.fetching.passes import Pass
from ingest.fetching.resolver import CaresLookup, Lookup, Resolver
from ingest.fetching.robots import RobotsCache
from ingest.fetching.settings import FetchSettings
from ingest.fetching.transport import Transport

#: Outcomes that wait in the thread's queue at most.
WAITING = 16


async def fetch(
    jobs: Iterable[Job | None],
    settings: FetchSettings,
    *,
    robots: RobotsCache | None = None,
    lookup: Lookup | None = None,
    spent: Spent | None = None,
) -> AsyncGenerator[Outcome]:
    """The outcome of each job, in the order in which they come to be known.

    `jobs` is read as it goes, in the event loop, and should not block for long. An exception that it raises comes through. A
    None says that there is no job now, but may be when more outcomes were taken: so a crawl feeds its own pass.
    `robots` keeps what was read of robots.txt, `spent` counts; `lookup` is closed at the end. To stop early, close the
    generator (`contextlib.aclosing`).
    """
    spent = spent if spent is not None else Spent()
    resolver = Resolver(lookup or CaresLookup(seconds=settings.dns_seconds), settings, spent)
    transport = Transport(settings, resolver, spent)
    try:
        running = Pass(jobs, settings, transport, resolver, robots if robots is not None else RobotsCache(), spent)
        async with contextlib.aclosing(running.outcomes()) as outcomes:
            async for outcome in outcomes:
                yield outcome
    finally:
        await transport.close()
        await resolver.close()


def fetch_in_thread(
    jobs: Iterable[Job | None],
    settings: FetchSettings,
    *,
    robots: RobotsCache | None = None,
    lookup: Lookup | None = None,
    spent: Spent | None = None,
) -> Generator[Outcome]:
    """The same for plain code: the event loop runs in a thread, which reads `jobs`, while the caller works on outcomes.

    The thread ends with the generator; to stop early, close it (`contextlib.closing`).
    """
    taken: queue.Queue[Outcome | BaseException | None] = queue.Queue(maxsize=WAITING)
    stop = threading.Event()
    running: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[None]]] = []

    def put(item: Outcome | BaseException | None) -> None:
        while not stop.is_set():
            with contextlib.suppress(queue.Full):
                return taken.put(item, timeout=0.2)

    async def run() -> None:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        running.append((loop, task))
        if stop.is_set():
            return
        async with contextlib.aclosing(fetch(jobs, settings, robots=robots, lookup=lookup, spent=spent)) as outcomes:
            async for outcome in outcomes:
                try:
                    taken.put_nowait(outcome)
                except queue.Full:
                    await loop.run_in_executor(None, put, outcome)

    def work() -> None:
        try:
            asyncio.run(run())
        except BaseException as error:
            put(error)
        else:
            put(None)

    thread = threading.Thread(target=work, name="fetch", daemon=True)
    thread.start()
    try:
        while (item := taken.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stop.set()
        for loop, task in running:
            with contextlib.suppress(RuntimeError):  # the loop has ended already
                loop.call_soon_threadsafe(task.cancel)
        thread.join()
