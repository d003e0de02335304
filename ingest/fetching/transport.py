"""One request and its answer, within limits of time, rate and size.

What is wanted of a body is judged as early as can be: by the header before any of it is read, and by its first bytes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import aiohttp

from ingest.fetching.buffers import Buffers, Reservation
from ingest.fetching.connections import NotOpen, Response, open_session
from ingest.fetching.outcomes import KEPT_HEADERS, Spent
from ingest.fetching.resolver import Resolver
from ingest.fetching.settings import FetchSettings
from ingest.fetching.urls import Refused, Target
from ingest.http import decode_body

#: Bodies up to this size need no reservation.
SMALL = 256 << 10
#: The body of an answer that is not wanted is read up to this size, so that its connection can be used again, if it comes
#: within seconds.
DRAINED, DRAIN_SECONDS = 16 << 10, 2.0
#: A format is told by so many bytes.
START = 512


class Failure(Exception):
    """A request without a usable answer: `status` is its reason, `detail` a line for people."""

    def __init__(self, status: str, detail: str, wire_bytes: int = 0) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.wire_bytes = wire_bytes


@dataclass(slots=True)
class Answer:
    """An HTTP answer. `body` is None where it was not wanted; `reason` says why, if that is what a judge said."""

    status: int
    fields: dict[str, str]
    raw_headers: tuple[tuple[str, str], ...]
    address: str
    reason: str = ""
    #: The first bytes of the body, if it was begun.
    start: bytes = b""
    body: bytes | None = None
    wire_bytes: int = 0
    reservation: Reservation | None = field(default=None, repr=False)

    def release(self) -> None:
        """Gives back the memory that was reserved for the body."""
        if self.reservation is not None:
            self.reservation.release()


def wanted(_: Answer) -> str:
    """A judge of answers that wants all bodies."""
    return ""


def any_start(_: bytes) -> str:
    """A judge of first bytes that wants all bodies."""
    return ""


class Transport:
    """Makes requests; to be opened and closed in one event loop."""

    def __init__(self, settings: FetchSettings, resolver: Resolver, spent: Spent) -> None:
        self._settings = settings
        self._spent = spent
        self._buffers = Buffers(max(settings.buffer_bytes, settings.max_bytes))
        self._session = open_session(settings, resolver)

    async def close(self) -> None:
        await self._session.close()

    async def get(
        self,
        target: Target,
        limit: int,
        judge: Callable[[Answer], str] = wanted,
        judge_start: Callable[[bytes], str] = any_start,
        *,
        cut: bool = False,
        last: bool = False,
    ) -> Answer:
        """Asks for a target once, following no redirect; the answer's body has at most `limit` bytes.

        `judge` and `judge_start` see the header and the first bytes and name a reason not to read on, or none. A longer body
        is the Failure `too_large`, or with `cut` its start. `last` says that the host is not asked again soon.
        Raises Failure and Refused.
        """
        self._spent.requests += 1
        settings = self._settings
        headers = {"Accept": settings.accept}
        if last:
            headers["Connection"] = "close"
        progress = _Progress()
        try:
            async with asyncio.timeout(settings.total_seconds) as progress.ends:
                async with asyncio.timeout(settings.connect_seconds + settings.read_seconds) as header_time:
                    response = await self._session.get(target.url, headers=headers, allow_redirects=False)
                    header_time.reschedule(None)
                async with response:
                    answer = _answer(response, settings)
                    answer.reason = judge(answer)
                    if answer.reason:
                        await self._drain(response, last, progress)
                    else:
                        await self._read(response, answer, limit, judge_start, cut, progress)
                    answer.wire_bytes = progress.wire_bytes
                    return answer
        except (Failure, Refused) as error:
            if isinstance(error, Failure):
                error.wire_bytes = progress.wire_bytes
            raise
        except Exception as error:
            raise _failure(error, target, progress) from None
        finally:
            self._spent.wire_bytes += progress.wire_bytes

    async def _read(
        self,
        response: aiohttp.ClientResponse,
        answer: Answer,
        limit: int,
        judge_start: Callable[[bytes], str],
        cut: bool,
        progress: _Progress,
    ) -> None:
        told = response.content_length
        if told is not None and told > limit and not cut:
            raise Failure("too_large", f"{told:,} bytes, of which {limit:,} are allowed")
        coded = "content-encoding" in answer.fields
        if not coded and told is not None and told > SMALL:
            answer.reservation = await self._reserve(min(told, limit), progress)
        body = bytearray()
        judged = coded
        began, waited = time.monotonic(), progress.waited
        try:
            async for chunk in response.content.iter_any():
                progress.wire_bytes += len(chunk)
                body += chunk
                if len(body) > limit:
                    if not cut:
                        raise Failure("too_large", f"more than {limit:,} bytes")
                    break
                if not judged and len(body) >= START:
                    judged = True
                    answer.start = bytes(body[:START])
                    answer.reason = judge_start(answer.start)
                    if answer.reason:
                        return
                if answer.reservation is None and len(body) > SMALL:
                    answer.reservation = await self._reserve(2 * limit if coded else limit, progress)
                self._require_rate(len(body), time.monotonic() - began - (progress.waited - waited))
            content = bytes(body)
            del body
            if coded:  # both forms are held for a moment, and how long the other is, is not known
                if content and answer.reservation is None:
                    answer.reservation = await self._reserve(2 * limit, progress)
                content, problem = decode_body(content, answer.fields, limit + 1)
                if len(content) > limit and not cut:
                    raise Failure("too_large", f"more than {limit:,} bytes without its content coding")
                if problem and not cut:
                    raise Failure("protocol", f"its content coding: {problem}"[:200])
            if coded or not judged:
                answer.start = content[:START]
                answer.reason = judge_start(answer.start)
            if not answer.reason:
                answer.body = content[:limit]
        finally:
            if not answer.body:
                answer.release()

    async def _reserve(self, size: int, progress: _Progress) -> Reservation:
        """Memory for a body; that others hold it is no fault of this host, and does not count as its time."""
        began, ends = time.monotonic(), progress.ends.when() if progress.ends else None
        if progress.ends is None or ends is None:
            return await self._buffers.reserve(size)
        progress.ends.reschedule(None)
        reservation = await self._buffers.reserve(size)
        waited = time.monotonic() - began
        progress.waited += waited
        progress.ends.reschedule(ends + waited)
        return reservation

    def _require_rate(self, size: int, seconds: float) -> None:
        settings = self._settings
        if seconds > settings.slow_after_seconds and size < settings.min_bytes_per_second * seconds:
            raise Failure("slow", f"{size:,} bytes in {seconds:.0f} s")

    async def _drain(self, response: aiohttp.ClientResponse, last: bool, progress: _Progress) -> None:
        """Reads what is not wanted; if it does not come the connection is lost, and the answer holds all the same."""
        told = response.content_length
        if last or told is None or told > DRAINED:
            return
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                async for chunk in response.content.iter_any():
                    progress.wire_bytes += len(chunk)
        except (aiohttp.ClientError, OSError):
            response.close()


@dataclass(slots=True)
class _Progress:
    wire_bytes: int = 0
    #: When the request's time is up, and how long it waited for memory.
    ends: asyncio.Timeout | None = None
    waited: float = 0.0


def _answer(response: aiohttp.ClientResponse, settings: FetchSettings) -> Answer:
    fields: dict[str, str] = {}
    for name in (*KEPT_HEADERS, "location"):
        values = response.headers.getall(name, ())
        if values:
            fields[name] = "\n".join(value.encode("utf-8", "replace").decode() for value in values)
    raw: tuple[tuple[str, str], ...] = ()
    if settings.keep_headers:
        raw = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in response.raw_headers)
    return Answer(response.status, fields, raw, response.address if isinstance(response, Response) else "")


def _failure(error: Exception, target: Target, progress: _Progress) -> Exception:
    detail = f"{type(error).__name__}: {error}"[:200].encode("utf-8", "replace").decode()
    if isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, NotOpen):
        return Refused("address_refused", f"{target.host}: {error.os_error}")
    if isinstance(error, TimeoutError):
        return Failure("timeout", detail, progress.wire_bytes)
    if isinstance(error, aiohttp.ClientSSLError):
        return Failure("tls", detail, progress.wire_bytes)
    if isinstance(error, aiohttp.ClientPayloadError):
        return Failure("truncated", detail, progress.wire_bytes)
    if isinstance(error, aiohttp.InvalidURL):
        return Refused("invalid_url", detail)
    if isinstance(error, aiohttp.ClientConnectionError | OSError):
        return Failure("connect", detail, progress.wire_bytes)
    return Failure("protocol", detail, progress.wire_bytes)
