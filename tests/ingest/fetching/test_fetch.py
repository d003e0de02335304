"""What the fetcher does with servers that behave, each job's outcome, pace, robots.txt, retries and redirects."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import itertools
import time
from collections import Counter
from email.utils import formatdate

import brotli
import pytest
from aiohttp import web

from ingest.fetching import Job, RobotsCache, RobotsRecord, Spent
from tests.ingest.fetching.servers import JPEG, PNG, Names, RawHandler, got, hangs, quick, raw, run, says, serve


def test_a_body_comes_with_what_is_known_of_it() -> None:
    async def image(_: web.Request) -> web.Response:
        headers = {"Content-Type": "text/plain", "ETag": '"x"', "Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT", "X-Other": "y"}
        return web.Response(body=PNG, headers=headers)

    async def test() -> None:
        async with serve(image) as site:
            spent = Spent()
            before = time.time()
            [outcome] = await got([site.url("/a b.png?q=1#x")], quick(user_agent="ourbot/1.0", keep_headers=True), spent=spent)
        assert (outcome.status, outcome.retryable, outcome.body) == ("ok", False, PNG)
        assert (outcome.format, outcome.content_type, outcome.http_status) == ("png", "text/plain", 200)
        assert outcome.sha256 == hashlib.sha256(PNG).hexdigest()
        assert outcome.final_url == site.url("/a%20b.png?q=1")
        assert outcome.headers["etag"] == '"x"'
        assert "x-other" not in outcome.headers
        assert ("X-Other", "y") in outcome.raw_headers
        assert (outcome.address, outcome.redirects, outcome.requests, outcome.wire_bytes) == ("127.0.0.1", 0, 1, len(PNG))
        assert before <= outcome.fetched_at <= time.time()
        assert (spent.requests, spent.wire_bytes) == (1, len(PNG))
        [asked] = site.log
        assert asked.headers["User-Agent"] == "ourbot/1.0"
        assert asked.headers["Accept-Encoding"] == "identity"
        assert "Cookie" not in asked.headers

    run(test())


def test_every_job_of_many_hosts_has_its_outcome_whatever_its_url() -> None:
    async def test() -> None:
        async with serve() as site:
            names = Names({f"h{i}.example": ("127.0.0.1",) for i in range(50)})
            urls = [f"http://h{i % 50}.example:{site.port}/{i}" for i in range(1000)]
            urls += ["", "ftp://h1.example/", "http://10.0.0.1/", "http://gone.example/"]
            outcomes = await got(urls, quick(concurrency=32, look_ahead=200), lookup=names)
        counted = Counter(outcome.status for outcome in outcomes)
        assert counted == {"ok": 1000, "invalid_url": 1, "scheme_refused": 1, "address_refused": 1, "dns_not_found": 1}
        assert Counter(names.asked)["h7.example"] == 1
        assert site.most <= 16  # they share an address

    run(test())


@pytest.mark.parametrize(
    ("body", "status", "form"),
    [
        (b"<!doctype html><html><body>gone</body></html>", "not_an_image", "html"),
        (b"<html>" + b" " * 5000, "not_an_image", "html"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not_an_image", "svg"),
        (b"hello", "not_an_image", ""),
        (b"", "empty", ""),
        (JPEG, "ok", "jpeg"),
    ],
)
def test_content_is_believed_and_not_its_type(body: bytes, status: str, form: str) -> None:
    async def test() -> None:
        async with serve(body) as site:
            [outcome] = await got([site.url("/a.png")], quick())
        assert (outcome.status, outcome.format, outcome.retryable) == (status, form, False)
        assert (outcome.body is not None) == (status == "ok")

    run(test())


def test_formats_can_be_chosen() -> None:
    async def test() -> None:
        async with serve(b"<svg xmlns='x'/>") as site, serve(PNG) as other, serve(b"hello") as third:
            urls = [site.url(), other.url(), third.url()]
            chosen = [o.status for o in await got(urls, quick(formats=("svg",)))]
            every = [o.status for o in await got(urls, quick(formats=()))]
        assert chosen == ["ok", "not_an_image", "not_an_image"]
        assert every == ["ok", "ok", "ok"]

    run(test())


def test_a_body_of_another_hash_is_none() -> None:
    async def test() -> None:
        right, wrong = hashlib.sha256(PNG).hexdigest(), "0" * 64
        async with serve() as site:
            jobs = [Job(i, site.url(f"/{i}"), digest) for i, digest in enumerate([right, right.upper(), wrong])]
            outcomes = await got(jobs, quick())
        assert [o.status for o in outcomes] == ["ok", "ok", "hash_mismatch"]
        assert (outcomes[2].body, outcomes[2].sha256, outcomes[2].retryable) == (None, right, False)

    run(test())


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br"])
def test_a_content_coding_is_undone(coding: str) -> None:
    import zlib

    coded = {"gzip": gzip.compress(PNG), "deflate": zlib.compress(PNG), "br": brotli.compress(PNG)}[coding]

    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=coded, headers={"Content-Encoding": coding})

    async def test() -> None:
        async with serve(answer) as site:
            [outcome] = await got([site.url()], quick())
        assert (outcome.status, outcome.body, outcome.wire_bytes) == ("ok", PNG, len(coded))

    run(test())


def test_redirects_are_followed_and_counted() -> None:
    async def go(request: web.Request) -> web.Response:
        step = int(request.query["n"])
        raise web.HTTPFound(f"/go?n={step - 1}" if step > 1 else "/end.png")

    async def nowhere(_: web.Request) -> web.Response:
        return web.Response(status=302)

    async def circle(_: web.Request) -> web.Response:
        raise web.HTTPMovedPermanently("/circle")

    async def test() -> None:
        async with serve(routes={"/go": go, "/nowhere": nowhere, "/circle": circle}) as site:
            names = Names({"other.example": ("127.0.0.1",)})

            async def away(_: web.Request) -> web.Response:
                raise web.HTTPSeeOther(f"http://other.example:{site.port}/there.png")

            async with serve(away) as second:
                urls = [site.url("/go?n=3"), site.url("/go?n=9"), site.url("/nowhere"), site.url("/circle"), second.url()]
                outcomes = await got(urls, quick(max_redirects=5), lookup=names)
        assert [(o.status, o.redirects) for o in outcomes] == [
            ("ok", 3), ("redirects", 5), ("http_302", 0), ("redirects", 5), ("ok", 1),
        ]  # fmt: skip
        assert outcomes[0].final_url == site.url("/end.png")
        assert outcomes[0].requests == 4
        assert outcomes[4].final_url == f"http://other.example:{site.port}/there.png"
        assert site.paths.count("/there.png") == 1

    run(test())


def test_what_may_pass_is_tried_again_and_what_may_not_is_not() -> None:
    seen: Counter[str] = Counter()

    async def answer(request: web.Request) -> web.Response:
        seen[request.path] += 1
        status = int(request.path[1:4])
        if request.path.endswith("/once") and seen[request.path] > 1:
            return web.Response(body=PNG)
        return web.Response(status=status)

    async def test() -> None:
        async with serve(answer) as site:
            paths = ["/500/once", "/500/always", "/404/always", "/403/once", "/503/once", "/204/x", "/206/x"]
            outcomes = await got([site.url(path) for path in paths], quick(retries=2))
        assert [o.status for o in outcomes] == ["ok", "http_500", "http_404", "http_403", "ok", "http_204", "http_206"]
        assert [o.retryable for o in outcomes] == [False, True, False, False, False, False, False]
        assert [seen[path] for path in paths] == [2, 3, 1, 1, 2, 1, 1]
        assert outcomes[1].requests == 3

    run(test())


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_a_busy_host_is_left_alone_as_long_as_it_asks(form: str) -> None:
    async def answer(request: web.Request) -> web.Response:
        if len(site_log) == 1:
            wait = "1" if form == "seconds" else formatdate(time.time() + 2, usegmt=True)
            return web.Response(status=429, headers={"Retry-After": wait})
        return web.Response(body=PNG)

    site_log: list[object] = []

    async def test() -> None:
        nonlocal site_log
        async with serve(answer) as site:
            site_log = site.log  # type: ignore[assignment]
            outcomes = await got([site.url(f"/{i}") for i in range(5)], quick())
        assert [o.status for o in outcomes] == ["ok"] * 5
        times = [asked.at for asked in site.log]
        assert min(times[1:]) - times[0] > 0.9  # a date has whole seconds

    run(test())


def test_an_answer_holds_whose_unwanted_body_does_not_come() -> None:
    def answer(head: bytes, hang: bool) -> RawHandler:
        async def handle(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(head + b"Content-Length: 10\r\n\r\nab")
            await writer.drain()
            await asyncio.sleep(5 if hang else 0)

        return handle

    async def test(hang: bool) -> None:
        for head, statuses, asked in (
            (b"HTTP/1.1 503 Busy\r\nRetry-After: 1000\r\n", {"http_503", "host_busy"}, ["/x"]),
            (b"HTTP/1.1 404 No\r\n", {"http_404"}, ["/x", "/y"]),
            (b"HTTP/1.1 302 Found\r\nLocation: ftp://a/\r\n", {"scheme_refused"}, ["/x", "/y"]),
        ):
            async with raw(answer(head, hang)) as site:
                outcomes = await got([site.url("/x"), site.url("/y")], quick(per_host=1, retries=0))
                assert {o.status for o in outcomes} == statuses
                assert site.paths == asked

    run(test(hang=False))
    run(test(hang=True))


def test_a_robots_txt_that_asks_to_wait_is_waited_for() -> None:
    times: list[float] = []

    async def robots(_: web.Request) -> web.Response:
        times.append(time.monotonic())
        return web.Response(status=503, headers={"Retry-After": "1"}) if len(times) == 1 else web.Response(status=404)

    async def later(_: web.Request) -> web.Response:
        return web.Response(status=429, headers={"Retry-After": "3600"})

    async def test() -> None:
        async with serve(routes={"/robots.txt": robots}) as site, serve(routes={"/robots.txt": later}) as other:
            outcomes = await got([site.url("/x")], quick(robots=True))
            assert (outcomes[0].status, len(times)) == ("ok", 2)
            assert times[1] - times[0] >= 0.9
            outcomes = await got([other.url("/x")], quick(robots=True))
            assert (outcomes[0].status, outcomes[0].retryable, other.paths) == ("host_busy", True, ["/robots.txt"])

    run(test())


def test_a_host_that_is_busy_for_long_is_left_to_the_next_pass() -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=503, headers={"Retry-After": "86400"})

    async def test() -> None:
        async with serve(answer) as site:
            outcomes = await got([site.url(f"/{i}") for i in range(50)], quick())
        assert {o.status for o in outcomes} == {"host_busy"}
        assert all(o.retryable for o in outcomes)
        assert len(site.log) == 1

    run(test())


def test_a_host_that_is_always_busy_is_left_to_the_next_pass() -> None:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=429)

    async def test() -> None:
        async with serve(answer) as site:
            outcomes = await got([site.url(f"/{i}") for i in range(100)], quick(longest_pause_seconds=0.02))
        assert "host_busy" in {o.status for o in outcomes} <= {"http_429", "host_busy"}
        assert all(o.retryable for o in outcomes)
        assert len(site.log) <= 10

    run(test())


def test_a_host_is_asked_at_its_pace_and_never_by_more_at_a_time() -> None:
    async def answer(_: web.Request) -> web.Response:
        await asyncio.sleep(0.03)
        return web.Response(body=PNG)

    async def test() -> None:
        async with serve(answer) as slow, serve(answer) as fast:
            urls = [slow.url(f"/{i}", "127.0.0.1") for i in range(8)] + [f"http://fast.example:{fast.port}/{i}" for i in range(40)]
            settings = quick(host_interval_seconds=0.1, per_host=3)
            await got(urls[:8], settings)
            times = [asked.at for asked in slow.log]
            assert all(later - earlier > 0.09 for earlier, later in itertools.pairwise(times))
            await got(urls[8:], quick(per_host=3), lookup=Names({"fast.example": ("127.0.0.1",)}))
            assert 2 <= fast.most <= 3

    run(test())


def test_robots_txt_is_asked_once_and_obeyed() -> None:
    async def robots(_: web.Request) -> web.Response:
        return web.Response(text="User-agent: *\nDisallow: /private\n\nUser-agent: otherbot\nDisallow: /\n")

    async def test() -> None:
        async with serve(routes={"/robots.txt": robots}) as site:
            cache = RobotsCache()
            urls = [site.url("/private/1"), site.url("/open/1"), site.url("/open/2"), site.url("/private/2")]
            outcomes = await got(urls, quick(robots=True, user_agent="ourbot/1"), robots=cache)
            assert [o.status for o in outcomes] == ["robots", "ok", "ok", "robots"]
            assert outcomes[0].requests == 0
            assert site.paths[0] == "/robots.txt"
            assert sorted(site.paths) == ["/open/1", "/open/2", "/robots.txt"]
            assert [record.origin for record in cache.export()] == [site.url("")]
            again = await got(urls, quick(robots=True, user_agent="ourbot/1"), robots=RobotsCache(cache.export()))
            assert [o.status for o in again] == [o.status for o in outcomes]
            assert site.paths.count("/robots.txt") == 1
            other = await got(urls, quick(robots=True, user_agent="otherbot/1"), robots=cache)
            assert {o.status for o in other} == {"robots"}

    run(test())


def test_many_disallowed_urls_cost_no_pace() -> None:
    async def robots(_: web.Request) -> web.Response:
        return web.Response(text="User-agent: *\nDisallow: /\nCrawl-delay: 20")

    async def test() -> None:
        async with serve(routes={"/robots.txt": robots}) as site:
            outcomes = await got([site.url(f"/{i}") for i in range(3000)], quick(robots=True))
        assert {o.status for o in outcomes} == {"robots"}
        assert site.paths == ["/robots.txt"]

    run(test())


def test_a_crawl_delay_is_kept_up_to_a_bound() -> None:
    async def robots(_: web.Request) -> web.Response:
        return web.Response(text="User-agent: *\nCrawl-delay: 1000")

    async def test() -> None:
        async with serve(routes={"/robots.txt": robots}) as site:
            await got([site.url(f"/{i}") for i in range(3)], quick(robots=True, max_crawl_delay_seconds=0.3, per_host=4))
        times = [asked.at for asked in site.log[1:]]
        assert len(times) == 3
        assert all(later - earlier > 0.28 for earlier, later in itertools.pairwise(times))

    run(test())


@pytest.mark.parametrize(
    ("status", "found"),
    [(404, "ok"), (403, "ok"), (500, "robots_unreachable"), (503, "robots_unreachable"), (429, "robots_unreachable")],
)
def test_a_robots_txt_that_does_not_come_counts_as_rfc_9309_says(status: int, found: str) -> None:
    async def robots(_: web.Request) -> web.Response:
        return web.Response(status=status)

    async def test() -> None:
        async with serve(routes={"/robots.txt": robots}) as site:
            outcomes = await got([site.url(f"/{i}") for i in range(3)], quick(robots=True))
        assert {o.status for o in outcomes} == {found}
        assert {o.retryable for o in outcomes} == {found != "ok"}
        assert site.paths.count("/robots.txt") == (1 if status in (404, 403) else 2)

    run(test())


def test_a_robots_txt_may_be_elsewhere_or_too_long() -> None:
    long = b"User-agent: *\nDisallow: /private\n" + b"# " + b"x" * 600_000 + b"\nDisallow: /\n"

    async def moved(_: web.Request) -> web.Response:
        raise web.HTTPFound("/robots-here.txt")

    async def circle(_: web.Request) -> web.Response:
        raise web.HTTPFound("/robots.txt")

    async def here(_: web.Request) -> web.Response:
        return web.Response(body=long)

    async def test() -> None:
        routes = {"/robots.txt": moved, "/robots-here.txt": here}
        async with serve(routes=routes) as site, serve(routes={"/robots.txt": circle}) as other:
            urls = [site.url("/private"), site.url("/open"), other.url("/private")]
            outcomes = await got(urls, quick(robots=True, per_host=1))
            assert [o.status for o in outcomes] == ["robots", "ok", "ok"]
            assert other.paths.count("/robots.txt") == 6

    run(test())


def test_a_robots_txt_that_hangs_costs_its_host_alone() -> None:
    async def test() -> None:
        async with raw(hangs) as site, serve() as other:
            names = Names({"hangs.example": ("127.0.0.1",), "works.example": ("127.0.0.1",)})
            urls = [f"http://hangs.example:{site.port}/{i}" for i in range(200)]
            urls += [f"http://works.example:{other.port}/{i}" for i in range(200)]
            began = time.monotonic()
            settings = quick(robots=True, connect_seconds=0.2, read_seconds=0.3)
            outcomes = await got(urls, settings, lookup=names)
        assert Counter(o.status for o in outcomes) == {"robots_unreachable": 200, "ok": 200}
        assert len(site.log) == 2
        assert time.monotonic() - began < 10

    run(test())


def test_an_opt_out_ends_a_job_before_its_body() -> None:
    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path == "/tdm":
            return web.Response(body=PNG, headers={"TDM-Reservation": "1"})
        response = web.StreamResponse(headers=[("X-Robots-Tag", "nofollow"), ("X-Robots-Tag", "noimageai")])  # type: ignore[arg-type]
        response.content_length = 20 << 20
        await response.prepare(request)
        for _ in range(20):
            await response.write(bytes(1 << 20))
        return response

    async def test() -> None:
        async with serve(answer) as site:
            outcomes = await got([site.url("/a"), site.url("/tdm")], quick())
            assert [(o.status, o.body, o.wire_bytes) for o in outcomes] == [("opt_out", None, 0)] * 2
            assert outcomes[0].headers["x-robots-tag"] == "nofollow\nnoimageai"
            allowed = await got([site.url("/tdm")], quick(tdm_reservation=False))
            assert allowed[0].status == "ok"

    run(test())


def test_connections_are_used_again() -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(PNG)
        writer.write(head + PNG)
        while True:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(head + PNG)

    async def test() -> None:
        async with raw(handle) as site:
            outcomes = await got([site.url(f"/{i}") for i in range(30)], quick(per_host=1))
        assert {o.status for o in outcomes} == {"ok"}
        assert site.connections <= 2

    run(test())


def test_what_several_servers_say_badly_is_told_apart() -> None:
    async def test() -> None:
        closed = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        port = closed.sockets[0].getsockname()[1]
        closed.close()
        await closed.wait_closed()
        cases = {
            "protocol": b"hello, world\r\n\r\n",
            "truncated": b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + PNG,
            "connect": b"",
            "ok": b"HTTP/1.0 200 OK\r\n\r\n" + PNG,
        }
        for status, data in cases.items():
            async with raw(says(data)) as site:
                [outcome] = await got([site.url()], quick(retries=1))
            assert outcome.status == status
            assert outcome.retryable == (status in ("truncated", "connect"))
            assert len(site.log) >= (2 if outcome.retryable else 1)
        [refused] = await got([f"http://127.0.0.1:{port}/"], quick(retries=0))
        assert (refused.status, refused.retryable) == ("connect", True)

    run(test())


def test_a_cache_of_robots_holds_what_the_caller_kept() -> None:
    async def test() -> None:
        async with serve() as site:
            cache = RobotsCache([RobotsRecord(site.url(""), b"User-agent: *\nDisallow: /a", time.time() - 3600)])
            outcomes = await got([site.url("/a"), site.url("/b")], quick(robots=True), robots=cache)
        assert [o.status for o in outcomes] == ["robots", "ok"]
        assert site.paths == ["/b"]

    run(test())
