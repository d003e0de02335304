"""A pass over many jobs: reads ahead, gives out turns, and hands outcomes on as they come, within deadline and budget.

One task drives; each request is a task of its own. All that is held is bounded: jobs by the look-ahead, requests by the
concurrency, and outcomes by stopping to begin requests while they are not taken.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Iterable, Iterator
from typing import Any

from ingest.fetching.hops import Again, Ended, Hops
from ingest.fetching.hosts import Hop, Host, Turns
from ingest.fetching.outcomes import Job, Outcome, Spent
from ingest.fetching.pauses import pause
from ingest.fetching.resolver import Resolver
from ingest.fetching.robots import RobotsCache
from ingest.fetching.settings import FetchSettings
from ingest.fetching.transport import Answer, Transport
from ingest.fetching.urls import Refused, target_of

#: Jobs that are read at a time, so that requests under way are served in between.
READ_AT_ONCE = 256
#: Connections are kept for later only while so many hosts at most are open, and if the host is asked again within seconds.
KEPT_HOSTS, KEPT_INTERVAL = 256, 5.0
#: The longest pause between two looks at deadline and budget, in seconds.
LOOK_SECONDS = 1.0

_Result = tuple[Outcome, Answer | None]
_END = object()


class Pass:
    """One pass; `outcomes` is iterated once."""

    def __init__(
        self,
        jobs: Iterable[Job | None],
        settings: FetchSettings,
        transport: Transport,
        resolver: Resolver,
        robots: RobotsCache,
        spent: Spent,
    ) -> None:
        self._jobs: Iterator[Job | None] | None = iter(jobs)
        self._settings = settings
        self._resolver = resolver
        self._spent = spent
        self._hops = Hops(settings, transport, robots)
        self._turns = Turns(settings)
        self._before = (spent.requests, spent.wire_bytes)
        self._ends_at = time.monotonic() + settings.deadline_seconds if settings.deadline_seconds else None
        self._tasks: dict[asyncio.Task[Again | Ended], tuple[Host, Hop]] = {}
        self._resolving: dict[asyncio.Task[None], Host] = {}
        self._ready: deque[_Result] = deque()
        self._wake = asyncio.Event()
        self._error: BaseException | None = None

    async def outcomes(self) -> AsyncGenerator[Outcome]:
        """Each job's outcome. The memory of a body counts as held until the next one is asked for."""
        taken: asyncio.Queue[_Result | None] = asyncio.Queue(maxsize=max(16, self._settings.concurrency // 4))
        driver = asyncio.create_task(self._drive(taken))
        try:
            while (result := await taken.get()) is not None:
                yield result[0]
                if result[1] is not None:
                    result[1].release()
                self._wake.set()  # what came of it may be new jobs
            if self._error is not None:
                raise self._error
        finally:
            driver.cancel()
            await asyncio.gather(driver, return_exceptions=True)
            await self._cancel()

    async def _drive(self, taken: asyncio.Queue[_Result | None]) -> None:
        try:
            await self._work(taken)
        except Exception as error:
            self._error = error
        self._jobs = None
        await taken.put(None)

    async def _work(self, taken: asyncio.Queue[_Result | None]) -> None:
        while not self._stopped():
            self._wake.clear()
            self._read()
            self._resolve()
            self._begin()
            await asyncio.sleep(0)  # so that what was begun gets on while jobs are read
            if self._ready:
                await self._hand_on(taken)
            elif self._finished():
                return
            else:
                await self._wait()
        while self._tasks and not self._late() and self._error is None:  # the budget is spent: what is under way is paid for
            await asyncio.wait(self._tasks, timeout=LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            await self._hand_on(taken)
        await self._cancel()
        if self._error is None:
            await self._hand_on(taken)
            await self._give_up_rest(taken)

    def _late(self) -> bool:
        return self._ends_at is not None and time.monotonic() >= self._ends_at

    def _stopped(self) -> bool:
        settings, spent = self._settings, self._spent
        return (
            self._error is not None
            or self._late()
            or bool(settings.max_requests and spent.requests - self._before[0] >= settings.max_requests)
            or bool(settings.max_total_bytes and spent.wire_bytes - self._before[1] >= settings.max_total_bytes)
        )

    def _finished(self) -> bool:
        return self._jobs is None and not (self._tasks or self._turns.held or self._resolving)

    async def _wait(self) -> None:
        now = time.monotonic()
        at = self._turns.next_at()
        if len(self._tasks) >= self._settings.concurrency or at is None:
            at = now + LOOK_SECONDS
        if self._ends_at is not None:
            at = min(at, self._ends_at)
        timer = asyncio.get_running_loop().call_later(max(0.0, min(at - now, LOOK_SECONDS)), self._wake.set)
        try:
            await self._wake.wait()
        finally:
            timer.cancel()

    def _read(self) -> None:
        for _ in range(READ_AT_ONCE):
            if self._jobs is None or self._turns.held >= self._settings.look_ahead:
                return
            job = next(self._jobs, _END)
            if not isinstance(job, Job):
                self._jobs = None if job is _END else self._jobs
                return
            self._queue(job)
        self._wake.set()

    def _queue(self, job: Job) -> None:
        try:
            target = target_of(job.url, self._settings)
        except Refused as refused:
            self._ready.append((self._refused(job, refused.status, refused.detail), None))
            return
        hop = Hop(job, target)
        host = self._turns.host(target.host)
        self._spent.hosts += not (host.address or host.given_up or host.queue)
        outcome = self._hops.settled(host, hop)
        if outcome is not None:
            self._ready.append((outcome, None))
            self._turns.forget(host)
        else:
            self._turns.add(hop)

    def _refused(self, job: Job, status: str, detail: str) -> Outcome:
        return Outcome(job.index, job.url, status, False, fetched_at=time.time(), detail=detail)

    def _resolve(self) -> None:
        """Begins look-ups: more than are made at once, as some wait to be made again, but not for hosts of a far future."""
        settings = self._settings
        while (
            self._turns.unresolved
            and len(self._resolving) < 4 * settings.dns_concurrency
            and self._turns.waiting_to_begin < settings.concurrency
        ):
            host = self._turns.unresolved.popleft()
            if host.address or host.idle:
                continue
            hop = host.queue[0] if host.queue else host.later[0][2]
            if hop.target.literal:
                self._turns.resolved(host, host.name)
                continue
            task = asyncio.create_task(self._resolve_host(host))
            self._resolving[task] = host
            task.add_done_callback(self._resolved)

    async def _resolve_host(self, host: Host) -> None:
        for attempt in range(self._settings.retries + 1):
            try:
                addresses = await self._resolver.resolve(host.name)
            except Refused as refused:
                if refused.status != "dns" or attempt == self._settings.retries:
                    host.given_up = (refused.status, refused.detail)
                    return
                await asyncio.sleep(pause(host.name, attempt + 1, self._settings))
            else:
                self._turns.resolved(host, min(addresses))
                return

    def _resolved(self, task: asyncio.Task[None]) -> None:
        host = self._resolving.pop(task)
        if not task.cancelled():
            self._error = self._error or task.exception()
            self._give_up_host(host)
        self._wake.set()

    def _begin(self) -> None:
        """Begins requests whose turn has come, unless outcomes pile up."""
        settings, turns = self._settings, self._turns
        left = settings.max_requests - (self._spent.requests - self._before[0]) if settings.max_requests else settings.concurrency
        while len(self._tasks) < settings.concurrency and len(self._ready) < settings.concurrency and left > 0:
            turn = turns.take(time.monotonic(), self._settle)
            if turn is None:
                return
            host, hop = turn
            alone = not (host.queue or host.later) or turns.begun > KEPT_HOSTS or host.interval > KEPT_INTERVAL
            task = asyncio.create_task(self._hops.step(host, hop, last=alone))
            self._tasks[task] = turn
            task.add_done_callback(self._stepped)
            left -= 1

    def _settle(self, host: Host, hop: Hop) -> bool:
        outcome = self._hops.settled(host, hop)
        if outcome is not None:
            self._ready.append((outcome, None))
        return outcome is not None

    def _stepped(self, task: asyncio.Task[Again | Ended]) -> None:
        host, hop = self._tasks.pop(task)
        if task.cancelled():
            self._ready.append((self._hops.outcome(hop, "not_reached", "time was up"), None))
        elif (error := task.exception()) is not None:
            self._error = self._error or error
        else:
            result = task.result()
            if isinstance(result, Ended):
                self._ready.append((result.outcome, result.answer))
            else:
                at = time.monotonic() + result.seconds if result.seconds else None
                self._turns.add(result.hop, first=True, at=at)
        self._turns.done(host)
        self._give_up_host(host)
        self._wake.set()

    def _give_up_host(self, host: Host) -> None:
        if host.given_up is not None:
            status, detail = host.given_up
            for hop in self._turns.drain(host):
                self._ready.append((self._hops.outcome(hop, status, detail), None))

    async def _hand_on(self, taken: asyncio.Queue[_Result | None]) -> None:
        while self._ready:
            await taken.put(self._ready.popleft())

    async def _cancel(self) -> None:
        """Ends what is under way; its jobs are `not_reached`."""
        tasks: list[asyncio.Task[Any]] = [*self._tasks, *self._resolving]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _give_up_rest(self, taken: asyncio.Queue[_Result | None]) -> None:
        detail = "the deadline or the budget came first"
        for hop in self._turns.drain_all():
            await taken.put((self._hops.outcome(hop, "not_reached", detail), None))
        for job in self._jobs or ():
            if job is None:
                return
            outcome = Outcome(job.index, job.url, "not_reached", True, fetched_at=time.time(), detail=detail)
            await taken.put((outcome, None))
