"""What one request comes to: the job's outcome, another hop, another try, or robots.txt first.

Which answers end a job, which are asked for again and which hold for the whole host is decided here.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass

from ingest.fetching.formats import format_of
from ingest.fetching.hosts import Hop, Host
from ingest.fetching.outcomes import Outcome, is_retryable
from ingest.fetching.pauses import pause, retry_after
from ingest.fetching.reservations import RESERVATIONS_BYTES, Reservation
from ingest.fetching.rights import opted_out
from ingest.fetching.robots import ROBOTS, ROBOTS_BYTES, ROBOTS_REDIRECTS, TDMREP, RobotsCache, RobotsRecord, record_of
from ingest.fetching.settings import FetchSettings
from ingest.fetching.transport import Answer, Failure, Transport
from ingest.fetching.urls import Refused, target_of

REDIRECTS = frozenset({301, 302, 303, 307, 308})
#: Answers that ask to be left alone for a while.
BUSY = frozenset({429, 503})
#: Failures after which a host may be down, as nothing of an answer came.
SILENT = frozenset({"connect", "timeout", "slow"})
#: Answers in a row that a host is busy, after which it is left to the next pass.
BUSY_ANSWERS = 8
#: Tries of a robots.txt, or a tdmrep.json, that does not come.
ROBOTS_TRIES = 2


@dataclass(frozen=True, slots=True)
class Again:
    """The hop is to be queued again: at once and first, or in `seconds`."""

    hop: Hop
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Ended:
    """The job has its outcome; `answer` holds the memory of its body until it is released."""

    outcome: Outcome
    answer: Answer | None = None


class Hops:
    """Makes the requests of a pass, one hop at a time."""

    def __init__(
        self, settings: FetchSettings, transport: Transport, robots: RobotsCache, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings
        self._transport = transport
        self._robots = robots
        self._clock = clock

    def settled(self, host: Host, hop: Hop) -> Outcome | None:
        """The outcome of a hop for which no request is needed: its host is given up, or robots.txt forbids it.

        Otherwise None, and the host has the pace that its robots.txt asks for.
        """
        origin = hop.target.origin
        closed = host.given_up or host.closed.get(origin)
        if closed is not None:
            return self.outcome(hop, *closed)
        limit = self._settings.host_deadline_seconds
        if limit and host.began_at is not None and self._clock() > host.began_at + limit:
            return self.outcome(hop, "not_reached", f"{hop.target.host} took longer than {limit:g} s")
        if self._settings.robots:
            rules = self._robots.rules(origin, time.time(), self._settings)
            if rules is not None and not rules.allows(str(hop.target.url)):
                return self.outcome(hop, "robots", "robots.txt disallows it")
            if rules is not None:
                host.interval = max(host.interval, min(rules.delay, self._settings.max_crawl_delay_seconds))
        if self._settings.tdm_reservation and self._reservation(hop).reserved:
            return self.outcome(hop, "opt_out", "tdmrep.json reserves it")
        return None

    async def step(self, host: Host, hop: Hop, *, last: bool) -> Again | Ended:
        """One request to a host, and what it means; sets the host's pace and whether it is given up."""
        settings = self._settings
        origin = hop.target.origin
        asks_robots = settings.robots and self._robots.rules(origin, time.time(), settings) is None
        if asks_robots or self._asks_reservations(host, origin):
            waits = host.asking.locked()  # for what another hop has asked: several come to a new origin by redirects
            async with host.asking:
                if not waits:
                    await (self._ask_robots if asks_robots else self._ask_reservations)(host, origin)
            return Again(hop)
        hop.requests += 1
        try:
            answer = await self._transport.get(hop.target, settings.max_bytes, self._judge, self._judge_start, last=last)
        except Refused as refused:
            return self._failed(host, hop, refused.status, refused.detail)
        except Failure as failure:
            hop.wire_bytes += failure.wire_bytes
            return self._failed(host, hop, failure.status, failure.detail)
        hop.wire_bytes += answer.wire_bytes
        host.failures, host.answered = 0, True
        if answer.status in REDIRECTS and "location" in answer.fields:
            return self._redirected(hop, answer)
        if answer.status in BUSY:
            return self._busy(host, hop, answer)
        host.busy = 0
        if answer.reason:
            return self._retried(hop, answer.reason, "", answer, format=format_of(answer.start))
        return self._checked(hop, answer)

    def outcome(self, hop: Hop, status: str, detail: str = "", answer: Answer | None = None, **values: object) -> Outcome:
        """An outcome with what is known of the hop and its answer."""
        if answer is not None:
            values |= {
                "http_status": answer.status, "content_type": answer.fields.get("content-type", "").partition("\n")[0],
                "headers": {name: value for name, value in answer.fields.items() if name != "location"},
                "raw_headers": answer.raw_headers, "address": answer.address,
            }  # fmt: skip
        return Outcome(
            hop.job.index, hop.job.url, status, is_retryable(status, self._settings.retry_statuses), detail=detail,
            final_url=str(hop.target.url), redirects=hop.redirects, requests=hop.requests, wire_bytes=hop.wire_bytes,
            fetched_at=time.time(), rights=self._reservation(hop).fields, **values,  # pyright: ignore[reportArgumentType]
        )  # fmt: skip

    def _judge(self, answer: Answer) -> str:
        if answer.status != 200:
            return f"http_{answer.status}"
        return "opt_out" if opted_out(answer.fields, self._settings) else ""

    def _judge_start(self, start: bytes) -> str:
        wanted_formats = self._settings.formats
        return "not_an_image" if start and wanted_formats and format_of(start) not in wanted_formats else ""

    def _checked(self, hop: Hop, answer: Answer) -> Ended:
        body = answer.body or b""
        values = {"format": format_of(body[:4096]), "sha256": hashlib.sha256(body).hexdigest()}
        if not body:
            return Ended(self.outcome(hop, "empty", "", answer))
        if hop.job.sha256 and hop.job.sha256.lower() != values["sha256"]:
            answer.release()
            return Ended(self.outcome(hop, "hash_mismatch", "", answer, **values))
        return Ended(self.outcome(hop, "ok", "", answer, body=body, **values), answer)

    def _redirected(self, hop: Hop, answer: Answer) -> Again | Ended:
        if hop.redirects >= self._settings.max_redirects:
            return Ended(self.outcome(hop, "redirects", f"more than {self._settings.max_redirects}", answer))
        try:
            target = target_of(answer.fields["location"].partition("\n")[0], self._settings, hop.target.url)
        except Refused as refused:
            return Ended(self.outcome(hop, refused.status, f"redirected: {refused.detail}", answer))
        left = target.host.removeprefix("www.") != hop.target.host.removeprefix("www.")
        hop.target = target
        hop.redirects += 1
        if left and not self._settings.leave_host:
            return Ended(self.outcome(hop, "elsewhere", "", answer))
        return Again(hop)

    def _failed(self, host: Host, hop: Hop, status: str, detail: str) -> Again | Ended:
        if status in SILENT:
            self._silent(host, detail)
        elif status == "tls":  # its other URLs would fail alike
            host.closed[hop.target.origin] = (status, detail)
        return self._retried(hop, status, detail)

    def _silent(self, host: Host, detail: str) -> None:
        host.failures += 1
        if host.failures >= self._settings.host_failures:
            host.given_up = ("host_unreachable", f"{host.failures} failures in a row, the last: {detail}"[:200])

    def _busy(self, host: Host, hop: Hop, answer: Answer) -> Again | Ended:
        self._hold(host, answer)
        return self._retried(hop, f"http_{answer.status}", "", answer)

    def _hold(self, host: Host, answer: Answer) -> None:
        """A host that says it is busy is left alone as a whole: as long as it asks for, or longer each time."""
        host.busy += 1
        asked = retry_after(answer.fields.get("retry-after", "").partition("\n")[0], time.time())
        seconds = asked if asked is not None else pause(host.name, host.busy, self._settings)
        if seconds > self._settings.max_retry_after_seconds:
            host.given_up = ("host_busy", f"it asks to wait for {seconds:,.0f} s")
        elif host.busy >= BUSY_ANSWERS:
            host.given_up = ("host_busy", f"{host.busy} answers in a row, the last: http_{answer.status}")
        host.next_at = max(host.next_at, self._clock() + seconds)

    def _retried(self, hop: Hop, status: str, detail: str, answer: Answer | None = None, **values: object) -> Again | Ended:
        """Another try, if this may pass and tries are left; a host that is given up is dealt with in its next turn."""
        if is_retryable(status, self._settings.retry_statuses) and hop.tries < self._settings.retries:
            hop.tries += 1
            return Again(hop, pause(hop.job.url, hop.tries, self._settings))
        return Ended(self.outcome(hop, status, detail, answer, **values))

    async def _ask_robots(self, host: Host, origin: str) -> None:
        """Asks for the robots.txt of an origin; the turns of its hops come later, at the host's pace."""
        tries = host.robots_tries[origin] = host.robots_tries.get(origin, 0) + 1
        status, detail = "robots_unreachable", ""
        try:
            answer = await self._file_of(origin, ROBOTS, ROBOTS_BYTES)
        except (Refused, Failure) as error:
            if error.status == "tls":
                status, tries = "tls", ROBOTS_TRIES
            detail = f"{error.status}: {error.detail}"
            if error.status in SILENT:
                self._silent(host, detail)
        else:
            host.failures = 0
            if isinstance(answer, RobotsRecord):
                self._robots.put(answer)
                host.answered = not self._asks_reservations(host, origin)  # one request at a time until that is known too
                return
            detail = f"http_{answer.status}"
            if answer.status in BUSY:
                self._hold(host, answer)
        if tries >= ROBOTS_TRIES:
            host.closed[origin] = (status, f"robots.txt: {detail}"[:200])
        else:
            host.next_at = max(host.next_at, self._clock() + pause(origin, tries, self._settings))

    def _reservation(self, hop: Hop) -> Reservation:
        """What tdmrep.json says of a hop's URL, if it is known."""
        found = self._robots.reservations(hop.target.origin, time.time(), self._settings) if self._wants_reservations else None
        return found.of(hop.target.path) if found is not None else Reservation()

    @property
    def _wants_reservations(self) -> bool:
        """They are honoured, or noted in an archive."""
        return self._settings.tdmrep and (self._settings.tdm_reservation or self._settings.keep_headers)

    def _asks_reservations(self, host: Host, origin: str) -> bool:
        if not self._wants_reservations or host.robots_tries.get(origin + TDMREP, 0) >= ROBOTS_TRIES:
            return False
        return self._robots.reservations(origin, time.time(), self._settings) is None

    async def _ask_reservations(self, host: Host, origin: str) -> None:
        """Asks for the tdmrep.json of an origin. One that does not come reserves nothing: robots.txt has answered, and what is
        reserved has to be said."""
        tries = host.robots_tries.get(origin + TDMREP, 0) + 1
        try:
            answer = await self._file_of(origin, TDMREP, RESERVATIONS_BYTES)
        except (Refused, Failure) as error:
            if error.status in SILENT:
                self._silent(host, f"tdmrep.json: {error.detail}")
        else:
            host.failures = 0
            if isinstance(answer, RobotsRecord):
                self._robots.put(answer)
                host.answered = True
                return
            if answer.status in BUSY:
                self._hold(host, answer)
        host.robots_tries[origin + TDMREP] = tries  # not before: until then others wait
        if tries < ROBOTS_TRIES:
            host.next_at = max(host.next_at, self._clock() + pause(origin, tries, self._settings))

    async def _file_of(self, origin: str, file: str, limit: int) -> RobotsRecord | Answer:
        """The record of an origin's file, or an answer that makes none. Past five redirects it counts as absent."""
        target = target_of(f"{origin}{file}", self._settings)
        for _ in range(ROBOTS_REDIRECTS + 1):
            answer = await self._transport.get(target, limit, _robots_judge, cut=True)
            answer.release()
            if answer.status not in REDIRECTS or "location" not in answer.fields:
                return record_of(origin, answer.status, answer.body or b"", time.time(), file) or answer
            target = target_of(answer.fields["location"].partition("\n")[0], self._settings, target.url)
        return RobotsRecord(origin, None, time.time(), file)


def _robots_judge(answer: Answer) -> str:
    return "" if 200 <= answer.status < 300 else f"http_{answer.status}"
