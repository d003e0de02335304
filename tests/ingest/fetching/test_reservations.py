"""What /.well-known/tdmrep.json reserves: its rules, files that are none or too large, and that it is asked once and obeyed."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.crawling.warc import WarcWriter
from ingest.fetching import Job, Outcome, RobotsCache
from ingest.fetching.reservations import MAX_RULES, RESERVATIONS_BYTES, Reservation, Reservations
from ingest.fetching.robots import TDMREP, record_of
from ingest.parts import list_parts
from tests.ingest.conftest import read_parts

from .servers import Handler, Names, got, quick, raw, run, says, serve


def rule(location: Any, reserved: Any = 1, **more: Any) -> dict[str, Any]:
    return {"location": location, "tdm-reservation": reserved, **more}


def of(path: str, *rules: dict[str, Any]) -> Reservation:
    return Reservations(json.dumps(rules).encode()).of(path)


@pytest.mark.parametrize(
    ("location", "path", "reserved"),
    [
        ("/", "/a/b?c=d", True), ("*", "/", True), ("/a", "/a/b", True), ("/a", "/b", False), ("/a/", "/a", False),
        ("*.jpg", "/x/y.jpg", True), ("*.jpg", "/x/y.jpg?z", True), ("*.jpg$", "/x/y.jpg?z", False), ("/a*c$", "/abcc", True),
        ("/a*c$", "/ac", True), ("/a*c$", "/a", False), ("/a*b*c", "/acb", False), ("/a**c", "/abc", True), ("/a$", "/a", True),
        ("/a$", "/ab", False), ("a", "/a", True), ("/größe", "/gr%C3%B6%C3%9Fe", True), ("https://x.example/a", "/ab", True),
        ("/a*" * 20, "/a" * 20, True), ("/" + "a" * 3000, "/" + "a" * 2000, False),
        ("/" + "a" * 3000, "/" + "a" * 2100, True), ("\ud800", "/?", True), ("http://[", "/", False),
    ],
)  # fmt: skip
def test_patterns_are_those_of_robots_txt(location: str, path: str, reserved: bool) -> None:
    assert of(path, rule(location)).reserved is reserved


def test_what_first_or_longest_match_reserves_is_reserved() -> None:
    assert of("/a/b", rule("/", 0), rule("/a", 1)) == Reservation(True, True)
    assert of("/a/b", rule("/", 1), rule("/a", 0)) == Reservation(True, True)
    assert of("/b", rule("/", 0, **{"tdm-policy": "https://x.example/p"}), rule("/a", 1)).fields == {
        "tdm-reservation": "0", "tdm-policy": "https://x.example/p",
    }  # fmt: skip
    assert of("/c", rule("/a")) == Reservation()


@pytest.mark.parametrize(
    ("body", "reserved"),
    [
        (b"", False), (b"<html>no such page", False), (b"null", False), (b"[]", False), (b"[[[[1]]]]", False), (b'"x"', False),
        (b'{"location": "/", "tdm-reservation": 1}', True), (b'\xef\xbb\xbf[{"location": "/", "tdm-reservation": "1"},]', True),
        (b'[{"location": "/", "tdm-reservation": 0},]', False), (b'[{"location": "/", "tdm-reservation": true}', True),
        (b'[{"location": 5, "tdm-reservation": 1}, 7]', False), (b'[{"location": "/", "tdm-reservation": null}]', False),
        (b"[" * 200_000, False), (b"[" * 200_000 + b'"tdm-reservation": 1', True), (b'{"location": ' + b"9" * 5000, False),
    ],
)  # fmt: skip
def test_a_file_that_is_none_reserves_nothing_and_one_that_is_damaged_all_if_anything(body: bytes, reserved: bool) -> None:
    assert Reservations(body).of("/x").reserved is reserved


def test_a_file_is_read_within_bounds() -> None:
    rules = [rule(f"/{i}", 0) for i in range(MAX_RULES)]
    assert of("/x", *rules).said is False
    assert of("/1", *rules, rule("/x")).reserved  # a rule that was not read may be about it
    hard = [rule("/" + "a*" * 15 + "b") for _ in range(MAX_RULES)]
    began = time.process_time()
    assert not of("/" + "a" * 8000, *hard).reserved
    assert time.process_time() - began < 5
    assert record_of("https://x.example", 200, b"<html>" * 9, 1.0, TDMREP) == record_of("https://x.example", 404, b"", 1.0, TDMREP)
    assert record_of("https://x.example", 503, b"", 1.0, TDMREP) is None


@given(st.binary(max_size=200), st.text(max_size=20))
@settings(max_examples=100, deadline=None)
def test_any_bytes_reserve_something_or_nothing(body: bytes, path: str) -> None:
    Reservations(body).of(f"/{path}")
    Reservations(b'[{"tdm-reservation": 1, "location": "' + body + b'"}]').of(f"/{path}")


def reserving(*rules: dict[str, Any]) -> dict[str, Handler]:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(text=json.dumps(rules))

    return {TDMREP: answer}


def test_it_is_asked_once_and_obeyed() -> None:
    async def test() -> None:
        async with serve(routes=reserving(rule("/kept/"), rule("/", 0, **{"tdm-policy": "https://x.example/p"}))) as site:
            robots = RobotsCache()
            urls = [site.url(path) for path in ("/kept/1.png", "/2.png", "/kept/3.png", "/4.png")]
            found = await got(urls, quick(tdmrep=True, robots=True), robots=robots)
            assert [o.status for o in found] == ["opt_out", "ok", "opt_out", "ok"]
            assert found[1].rights == {"tdm-reservation": "0", "tdm-policy": "https://x.example/p"}
            assert sorted(site.paths) == sorted(["/robots.txt", TDMREP, "/2.png", "/4.png"])
            again = RobotsCache(robots.export())
            assert [o.status for o in await got(urls, quick(tdmrep=True), robots=again)] == [o.status for o in found]
            assert site.paths.count(TDMREP) == 1
            noted = await got(urls[:1], quick(tdmrep=True, tdm_reservation=False, keep_headers=True), robots=again)
            assert (noted[0].status, noted[0].rights) == ("ok", {"tdm-reservation": "1"})
            asked = site.paths.count(TDMREP)
            assert (await got(urls[:1], quick(tdmrep=True, tdm_reservation=False)))[0].status == "ok"
            assert site.paths.count(TDMREP) == asked  # nobody wants to know

    run(test())


def test_what_robots_txt_forbids_is_not_asked_for_its_sake() -> None:
    async def forbid(_: web.Request) -> web.Response:
        return web.Response(text="User-agent: *\nDisallow: /")

    async def test() -> None:
        async with serve(routes=reserving(rule("/")) | {"/robots.txt": forbid}) as site:
            assert [o.status for o in await got([site.url("/1")], quick(tdmrep=True, robots=True))] == ["robots"]
            assert site.paths == ["/robots.txt"]

    run(test())


def test_several_that_are_redirected_to_an_origin_wait_for_its_answer() -> None:
    tries = 0

    async def slow(_: web.Request) -> web.Response:
        nonlocal tries
        tries += 1
        await asyncio.sleep(0.1)
        return web.json_response([rule("/")]) if tries == 2 else web.Response(status=500)

    async def test() -> None:
        async with serve(routes={TDMREP: slow}) as there:

            async def away(request: web.Request) -> web.Response:
                raise web.HTTPFound(there.url(request.path))

            async with serve(routes={f"/{n}": away for n in range(12)}) as site:
                found = await got(
                    [site.url(f"/{n}") for n in range(12)], quick(tdmrep=True, robots=True, per_host=6, first_pause_seconds=0.01)
                )
                assert {o.status for o in found} == {"opt_out"}
                assert sorted(there.paths) == [TDMREP, TDMREP, "/robots.txt"]

    run(test())


@pytest.mark.parametrize("status", [404, 403, 429, 500, 503])
def test_one_that_does_not_come_reserves_nothing(status: int) -> None:
    async def refuse(_: web.Request) -> web.Response:
        return web.Response(status=status)

    async def test() -> None:
        async with serve(routes={TDMREP: refuse}) as site:
            found = await got([site.url("/1"), site.url("/2")], quick(tdmrep=True, longest_pause_seconds=0.01))
            assert [o.status for o in found] == ["ok", "ok"]
            assert site.paths.count(TDMREP) <= 2

    run(test())


def test_a_file_without_end_and_a_redirect_to_where_nobody_may_go() -> None:
    async def away(_: web.Request) -> web.Response:
        raise web.HTTPFound("http://10.0.0.1/")

    async def endless(_: web.Request) -> web.Response:
        return web.Response(body=b'[{"tdm-reservation":1, "location": "/2"},' + b" " * (2 * RESERVATIONS_BYTES))

    async def test() -> None:
        async with serve(routes={TDMREP: away}) as one, serve(routes={TDMREP: endless}) as other, raw(says(b"\0" * 99)) as bad:
            urls = [one.url("/1"), other.url("/1", "other.example"), bad.url("/1", "bad.example")]
            names = Names(dict.fromkeys(("other.example", "bad.example"), ("127.0.0.1",)))
            found = await got([Job(i, url) for i, url in enumerate(urls)], quick(tdmrep=True, retries=0), lookup=names)
            assert [o.status for o in found] == ["ok", "opt_out", "protocol"]

    run(test())


def test_a_crawl_notes_it_and_pages_know_it(tmp_path: Path) -> None:
    writer = WarcWriter(tmp_path / "a.warc.gz")
    for number, rights in enumerate(({"tdm-reservation": "1", "tdm-policy": "https://x.example/p"}, {})):
        url = f"https://x.example/{number}"
        writer.response(Outcome(
            number, url, "ok", False, body=b"<html><body>a page", final_url=url, http_status=200, rights=rights,
            raw_headers=(("Content-Type", "text/html"), ("TDM-Reservation", "0")),
        ))  # fmt: skip
    writer.close()
    reading = read_parts(list_parts([str(tmp_path / "a.warc.gz")]))
    assert [row["rights"] for row in reading.documents] == [
        "tdm-reservation: 1\ntdm-reservation: 0\ntdm-policy: https://x.example/p", "tdm-reservation: 0",
    ]  # fmt: skip
