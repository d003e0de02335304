"""Passes that end early, hosts that hang, memory, and the loop in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from aiohttp import web

from ingest.fetching import Job, Outcome, Spent, fetch, fetch_in_thread
from tests.ingest.fetching.servers import PNG, Names, got, hangs, in_thread, quick, raw, run, serve


def test_one_host_in_a_hundred_that_hangs_costs_its_deadline_and_no_more() -> None:
    async def test() -> None:
        async with raw(hangs) as bad, serve() as good:
            names = Names({f"h{i}.example": ("127.0.0.1",) for i in range(100)})
            ports = {i: bad.port if i == 7 else good.port for i in range(100)}
            urls = [f"http://h{i}.example:{ports[i]}/{j}" for i in range(100) for j in range(20)]
            settings = quick(connect_seconds=0.2, read_seconds=0.3, host_failures=3, concurrency=16)
            began = time.monotonic()
            outcomes = await got(urls, settings, lookup=names)
        assert Counter(o.status for o in outcomes) == {"ok": 1980, "host_unreachable": 20}
        assert all(o.retryable for o in outcomes if o.status != "ok")
        assert len(bad.log) == 3
        assert time.monotonic() - began < 20

    run(test())


def test_a_host_that_answers_now_and_then_is_not_given_up() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        if int(request.path[1:]) % 3:
            assert request.transport is not None
            request.transport.abort()
        return web.Response(body=PNG)

    async def test() -> None:
        async with serve(answer) as site:
            outcomes = await got([site.url(f"/{i}") for i in range(30)], quick(retries=0, per_host=1))
        assert Counter(o.status for o in outcomes) == {"ok": 10, "connect": 20}

    run(test())


def test_name_servers_that_are_down_are_asked_again_and_then_counted() -> None:
    async def test() -> None:
        async with serve() as site:
            late: list[Any] = [OSError("no answer"), ("127.0.0.1",)]
            names = Names({"down.example": OSError("no answer"), "late.example": late})
            settings = quick(first_pause_seconds=0.3)
            urls = [f"http://{host}.example:{site.port}/{i}" for host in ("down", "late") for i in range(3)]
            outcomes = await got(urls, settings, lookup=names)
        assert [o.status for o in outcomes] == ["dns"] * 3 + ["ok"] * 3
        assert all(o.retryable for o in outcomes[:3])
        assert Counter(names.asked) == {"down.example": 3, "late.example": 2}

    run(test())


def test_a_network_that_is_down_ends_the_pass_with_counted_reasons() -> None:
    async def test() -> None:
        down = Names({f"h{i}.example": OSError("no route") for i in range(200)})
        outcomes = await got([f"http://h{i}.example/{j}" for i in range(200) for j in range(5)], quick(), lookup=down)
        assert Counter((o.status, o.retryable) for o in outcomes) == {("dns", True): 1000}

    run(test())


def test_a_deadline_leaves_the_rest_to_the_next_pass() -> None:
    async def slow(request: web.Request) -> web.Response:
        if int(request.path[1:]) >= 20:
            await asyncio.sleep(60)
        return web.Response(body=PNG)

    async def test() -> None:
        async with serve(slow) as site:
            names = Names({f"h{i}.example": ("127.0.0.1",) for i in range(20)})
            jobs = [Job(i, f"http://h{i % 20}.example:{site.port}/{i}") for i in range(5000)]
            began = time.monotonic()
            settings = quick(deadline_seconds=1.0, total_seconds=50.0, read_seconds=50.0, look_ahead=500, per_address=64)
            outcomes = await got(jobs, settings, lookup=names)
            assert time.monotonic() - began < 8
        assert Counter(o.status for o in outcomes) == {"ok": 20, "not_reached": 4980}
        assert all(o.retryable for o in outcomes[20:])

    run(test())


def test_a_hosts_own_deadline_leaves_its_rest() -> None:
    async def slow(_: web.Request) -> web.Response:
        await asyncio.sleep(0.1)
        return web.Response(body=PNG)

    async def test() -> None:
        async with serve(slow) as site, serve() as other:
            names = Names({"slow.example": ("127.0.0.1",), "quick.example": ("127.0.0.1",)})
            urls = [f"http://slow.example:{site.port}/{i}" for i in range(100)]
            urls += [f"http://quick.example:{other.port}/{i}" for i in range(100)]
            outcomes = await got(urls, quick(host_deadline_seconds=0.5, per_host=1), lookup=names)
        counted = Counter(o.status for o in outcomes[:100])
        assert set(counted) == {"ok", "not_reached"}
        assert counted["not_reached"] > 50
        assert {o.status for o in outcomes[100:]} == {"ok"}

    run(test())


def test_budgets_end_a_pass_cleanly() -> None:
    async def test() -> None:
        async with serve() as site:
            urls = [site.url(f"/{i}") for i in range(300)]
            outcomes = await got(urls, quick(max_requests=40, per_host=8))
            assert Counter(o.status for o in outcomes) == {"ok": 40, "not_reached": 260}
            assert len(site.log) == 40
            spent = Spent(requests=1000)
            outcomes = await got(urls, quick(max_total_bytes=20 * len(PNG), per_host=2), spent=spent)
            counted = Counter(o.status for o in outcomes)
            assert 20 <= counted["ok"] <= 24
            assert counted["ok"] + counted["not_reached"] == 300
            assert spent.requests == 1000 + counted["ok"]

    run(test())


def test_jobs_are_read_ahead_only_so_far() -> None:
    async def test() -> None:
        async with serve() as site:
            read = 0
            most = 0
            done = 0

            def jobs() -> Iterator[Job]:
                nonlocal read
                for i in range(600):
                    read += 1
                    yield Job(i, site.url(f"/{i}"))

            async for _ in fetch(jobs(), quick(look_ahead=50, concurrency=8)):
                done += 1
                most = max(most, read - done)
                await asyncio.sleep(0)
            assert done == 600
            assert most <= 50 + 8 + 16 + 2

    run(test())


def test_who_does_not_take_outcomes_stops_the_requests() -> None:
    async def test() -> None:
        async with serve() as site:
            names = Names({f"h{i}.example": ("127.0.0.1",) for i in range(500)})
            jobs = [Job(i, f"http://h{i}.example:{site.port}/{i}") for i in range(500)]
            async with contextlib.aclosing(fetch(jobs, quick(concurrency=8, per_address=8), lookup=names)) as outcomes:
                await anext(outcomes)
                await asyncio.sleep(0.5)
                assert len(site.log) < 60

    run(test())


def test_large_bodies_share_a_bound_of_memory() -> None:
    size = 4 << 20

    async def large(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        if request.path.endswith("0"):
            response.content_length = size
        await response.prepare(request)
        await response.write(PNG)
        for _ in range(size // 65536):
            await response.write(bytes(65536 if _ else 65536 - len(PNG)))
        return response

    async def test() -> None:
        async with serve(large) as site:
            names = Names({f"h{i}.example": ("127.0.0.1",) for i in range(60)})
            jobs = [Job(i, f"http://h{i}.example:{site.port}/{i}") for i in range(60)]
            settings = quick(concurrency=30, per_address=30, buffer_bytes=16 << 20, max_bytes=4 << 20)
            tracemalloc.start()
            count = 0
            async for outcome in fetch(jobs, settings, lookup=names):
                assert outcome.status == "ok"
                count += 1
                del outcome
            most = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        assert count == 60
        assert most < 100 << 20  # 240 MB of bodies; the servers' own buffers are in this

    run(test())


def test_to_stop_early_ends_all_that_is_under_way() -> None:
    async def test() -> None:
        async with raw(hangs) as bad, serve() as good:
            names = Names({"bad.example": ("127.0.0.1",), "slow.example": ("127.0.0.1",)}, delay=0.0)
            urls = [good.url("/1"), f"http://bad.example:{bad.port}/"]
            jobs = [Job(i, url) for i, url in enumerate(urls)]
            async with contextlib.aclosing(fetch(jobs, quick(), lookup=names)) as outcomes:
                async for outcome in outcomes:
                    assert outcome.status == "ok"
                    break
            assert names.closed
            slow = Names({"slow.example": ("127.0.0.1",)}, delay=60.0)
            stream = fetch([Job(0, "http://slow.example/")], quick(dns_seconds=60.0), lookup=slow)
            task = asyncio.create_task(anext(stream))  # type: ignore[arg-type]
            await asyncio.sleep(0.1)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await stream.aclose()

    run(test())


def test_what_the_jobs_raise_comes_through() -> None:
    def jobs(url: str) -> Iterator[Job]:
        yield Job(0, url)
        raise OSError("the table is damaged")

    async def test() -> None:
        async with serve() as site:
            with pytest.raises(OSError, match="damaged"):
                async for _ in fetch(jobs(site.url()), quick()):
                    pass

    run(test())
    with pytest.raises(OSError, match="damaged"):
        list(fetch_in_thread(jobs("http://10.0.0.1/"), quick()))


def test_no_jobs_are_no_outcomes() -> None:
    assert list(fetch_in_thread([], quick())) == []


def test_plain_code_takes_outcomes_from_a_thread() -> None:
    with in_thread(serve()) as site:
        outcomes: list[Outcome] = []
        for outcome in fetch_in_thread([Job(i, site.url(f"/{i}")) for i in range(200)], quick(per_host=8)):
            time.sleep(0.0005)
            outcomes.append(outcome)
        assert sorted(o.index for o in outcomes) == list(range(200))
        assert {o.status for o in outcomes} == {"ok"}
    assert not [thread for thread in threading.enumerate() if thread.name == "fetch"]


def test_plain_code_may_stop_early() -> None:
    with in_thread(serve()) as site, in_thread(raw(hangs)) as bad:
        began = time.monotonic()
        jobs = [Job(i, site.url(f"/{i}")) for i in range(500)] + [Job(500, bad.url("/"))]
        with contextlib.closing(fetch_in_thread(jobs, quick(read_seconds=60.0, total_seconds=60.0))) as outcomes:
            next(outcomes)
        for _ in range(5):
            with contextlib.closing(fetch_in_thread([Job(0, bad.url("/"))], quick(read_seconds=60.0))):
                pass  # never begun
        stream = fetch_in_thread([*jobs[:1], jobs[-1]], quick(read_seconds=60.0, total_seconds=60.0))
        next(stream)
        stream.close()
        assert time.monotonic() - began < 20
    assert not [thread for thread in threading.enumerate() if thread.name == "fetch"]


def test_jobs_may_follow_from_outcomes() -> None:
    class Feed:
        """A binary tree of URLs, whose next jobs are known when an outcome has been taken."""

        def __init__(self, url: str) -> None:
            self.url = url
            self.ready = [1]
            self.open = 0

        def __iter__(self) -> Iterator[Job | None]:
            return self

        def __next__(self) -> Job | None:
            if self.ready:
                self.open += 1
                index = self.ready.pop()
                return Job(index, f"{self.url}{index}")
            if self.open:
                return None
            raise StopIteration

        def take(self, outcome: Outcome) -> None:
            self.open -= 1
            self.ready += [child for child in (2 * outcome.index, 2 * outcome.index + 1) if child < 64]

    async def test() -> None:
        async with serve() as site:
            feed = Feed(site.url("/"))
            began = time.monotonic()
            found: list[int] = []
            async for outcome in fetch(feed, quick()):
                found.append(outcome.index)
                feed.take(outcome)
            assert sorted(found) == list(range(1, 64))
            assert time.monotonic() - began < 5
            feed = Feed(site.url("/"))
            async for outcome in fetch(feed, quick(max_requests=10)):
                feed.take(outcome)
            assert len(feed.ready) > 0

    run(test())


def test_memory_that_was_reserved_comes_back_from_what_has_no_body() -> None:
    async def empty(_: web.Request) -> web.Response:
        return web.Response(headers={"Content-Encoding": "gzip"}, body=b"")

    async def large(_: web.Request) -> web.Response:
        return web.Response(body=PNG + bytes(400_000))

    async def robots(_: web.Request) -> web.Response:
        return web.Response(text="# " + "x" * 300_000)

    async def test() -> None:
        settings = quick(per_host=1, max_bytes=1 << 20, buffer_bytes=1 << 20, robots=True)
        async with serve(empty, routes={"/large": large, "/robots.txt": robots}) as site:
            names = Names({f"h{i}.example": ("127.0.0.1",) for i in range(5)})
            urls = [site.url(path, host) for host in names.names for path in ("/empty", "/large")]
            assert [o.status for o in await got(urls, settings, lookup=names)] == ["empty", "ok"] * 5

    run(test())


def test_a_host_that_waits_for_memory_that_slow_ones_hold_is_not_blamed() -> None:
    async def slow(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + PNG)
        for _ in range(100):
            writer.write(bytes(2000))
            await writer.drain()
            await asyncio.sleep(0.1)

    async def large(_: web.Request) -> web.Response:
        return web.Response(body=PNG + bytes(900_000))

    async def test() -> None:
        async with raw(slow) as bad, serve(large) as good:
            urls = [bad.url(f"/{i}", "bad.example") for i in range(3)] + [good.url(f"/{i}", "good.example") for i in range(3)]
            names = Names({"bad.example": ("127.0.0.1",), "good.example": ("127.0.0.1",)})
            settings = quick(retries=0, max_bytes=1 << 20, buffer_bytes=1 << 20, total_seconds=1.0, per_host=1)
            outcomes = await got(urls, settings, lookup=names)
        assert [o.status for o in outcomes] == ["timeout"] * 3 + ["ok"] * 3

    run(test())
