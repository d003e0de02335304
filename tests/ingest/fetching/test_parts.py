"""The small parts: the resolver's cache, robots.txt, opt-outs, pauses, formats, and the memory that bodies share."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from email.utils import formatdate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.fetching import FetchSettings, RobotsCache, RobotsRecord, Spent
from ingest.fetching.buffers import Buffers
from ingest.fetching.formats import format_of
from ingest.fetching.pauses import pause, retry_after
from ingest.fetching.resolver import Resolver
from ingest.fetching.rights import opted_out
from ingest.fetching.robots import Rules, record_of
from ingest.fetching.urls import Refused
from tests.ingest.fetching.servers import JPEG, PNG, WEBP, Names, quick, run


def resolver(names: Names, clock: list[float], **changes: object) -> Resolver:
    return Resolver(names, quick(**changes), Spent(), clock=lambda: clock[0])


def test_a_name_is_looked_up_once_as_long_as_its_answer_holds() -> None:
    async def test() -> None:
        names, clock = Names({"a.example": ("8.8.8.8",)}, ttl=100.0), [0.0]
        cache = resolver(names, clock)
        found = await asyncio.gather(*(cache.resolve("a.example") for _ in range(20)))
        assert set(found) == {("8.8.8.8",)}
        clock[0] = 99.0
        await cache.resolve("a.example")
        assert len(names.asked) == 1
        clock[0] = 101.0
        await cache.resolve("a.example")
        assert len(names.asked) == 2
        await cache.close()
        assert names.closed

    run(test())


def test_a_failed_look_up_is_kept_too_and_says_what_it_was() -> None:
    async def test() -> None:
        names = Names({"down.example": OSError("SERVFAIL"), "none.example": (), "inner.example": ("10.0.0.1", "::1")})
        clock = [0.0]
        cache = resolver(names, clock)
        wanted = {"gone.example": "dns_not_found", "down.example": "dns", "none.example": "dns_not_found"}
        wanted["inner.example"] = "address_refused"
        for _ in range(2):
            for name, status in wanted.items():
                with pytest.raises(Refused) as caught:
                    await cache.resolve(name)
                assert caught.value.status == status
        assert names.asked.count("gone.example") == names.asked.count("inner.example") == 1
        clock[0] = 1.0  # that nobody answered is not held for long
        with pytest.raises(Refused):
            await cache.resolve("down.example")
        assert names.asked.count("down.example") == 2
        await cache.close()

    run(test())


def test_only_the_open_addresses_of_a_name_come_out() -> None:
    async def test() -> None:
        cache = resolver(Names({"a.example": ("10.0.0.1", "8.8.8.8", "fe80::1", "2606:4700::1")}), [0.0])
        assert await cache.resolve("a.example") == ("8.8.8.8", "2606:4700::1")
        await cache.close()

    run(test())


def test_a_slow_name_server_is_a_failure_and_one_waiter_less_harms_no_other() -> None:
    async def test() -> None:
        cache = resolver(Names({"a.example": ("8.8.8.8",)}, delay=0.2), [0.0])
        first = asyncio.create_task(cache.resolve("a.example"))
        second = asyncio.create_task(cache.resolve("a.example"))
        await asyncio.sleep(0.05)
        first.cancel()
        assert await second == ("8.8.8.8",)
        await cache.close()
        slow = resolver(Names({"a.example": ("8.8.8.8",)}, delay=60.0), [0.0], dns_seconds=0.1)
        with pytest.raises(Refused) as caught:
            await slow.resolve("a.example")
        assert caught.value.status == "dns"
        await slow.close()

    run(test())


ROBOTS = b"""\xef\xbb\xbfUser-agent: otherbot
Disallow: /

User-agent: *
Disallow: /private
Allow: /private/open
Disallow: /*.gif$
Crawl-delay: 7
Request-rate: 1/20

User-agent: ourbot
Disallow: /ours
Crawl-delay: 2.5

Sitemap: https://example.org/sitemap.xml
"""


def test_robots_are_read_for_our_name_and_else_for_all() -> None:
    record = RobotsRecord("https://example.org", ROBOTS, 0.0)
    ours, others = Rules(record, "ourbot"), Rules(record, "somebot")
    assert not ours.allows("https://example.org/ours/a.png")
    assert ours.allows("https://example.org/private")
    assert ours.delay == 2.5
    assert not others.allows("https://example.org/private/a.png")
    assert others.allows("https://example.org/private/open/a.png")
    assert not others.allows("https://example.org/a.gif")
    assert others.allows("https://example.org/a.gif?x")
    assert others.delay == 20
    assert others.sitemaps == ["https://example.org/sitemap.xml"]


@pytest.mark.parametrize(
    ("text", "agent", "allowed"),
    [
        ("User-agent: web2shards\nDisallow: /", "web2shards", False),
        ("User-agent: OurBot/1.0 # why\nDisallow: /", "ourbot", False),
        ("User-agent: ourbot*\nDisallow: /", "ourbot", False),
        ("User-agent: our\nDisallow:\n\nUser-agent: *\nDisallow: /", "ourbot", False),  # a name that ours begins with
        ("User-agent: bot\nDisallow:\n\nUser-agent: *\nDisallow: /", "our-bot", False),
        ("User-agent: ourbot\nDisallow:\n\nUser-agent: *\nDisallow: /", "ourbot", True),
        ("User-agent: ourbot\n# both\n\nSitemap: /s\nUser-agent: other\nDisallow: /", "ourbot", False),  # one group
        ("User-agent: ourbot\nAllow: /y\nUser-agent: other\nDisallow: /\nUser-agent: OURBOT\nDisallow: /x", "ourbot", False),
        ("User-agent: other\nUnknown: 1\nUser-agent: ourbot\nDisallow: /", "ourbot", False),
        ("User-agent: other\nUser-agent: ourbot\nDisallow: /\nUser-agent: *\nAllow: /", "ourbot", False),
    ],
)
def test_a_group_is_ours_by_our_whole_name(text: str, agent: str, allowed: bool) -> None:
    assert Rules(RobotsRecord("https://a.example", text.encode(), 0.0), agent).allows("https://a.example/x") is allowed


def test_no_rule_of_a_long_robots_txt_is_lost() -> None:
    text = "User-agent: *\n" + "".join(f"Disallow: /{i}/\n" for i in range(24_000))
    rules = Rules(RobotsRecord("https://a.example", text.encode(), 0.0), "ourbot")
    assert not rules.allows("https://a.example/23999/x")
    assert rules.allows("https://a.example/24000/x")


@pytest.mark.parametrize(
    ("user_agent", "agent"),
    [("web2shards/0.1", "web2shards"), ("my-bot_2 (+https://a.example)", "my-bot_2"), ("Mozilla/5.0 (compatible; b2/1.0)", "b2")],
)
def test_a_site_knows_us_by_the_name_in_its_log(user_agent: str, agent: str) -> None:
    settings = FetchSettings(user_agent=user_agent)
    assert settings.agent == agent
    assert opted_out({"x-robots-tag": f"{agent}: noindex"}, settings) == "noindex"


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, b"x"), (404, None), (403, None), (410, None), (302, None), (429, "none"), (500, "none"), (503, "none")],
)
def test_an_answer_counts_as_rfc_9309_says(status: int, body: bytes | str | None) -> None:
    record = record_of("https://example.org", status, b"x", 1.0)
    assert record == (None if body == "none" else RobotsRecord("https://example.org", body, 1.0))  # type: ignore[arg-type]


def test_robots_are_kept_for_a_day_and_handed_on() -> None:
    first = RobotsCache()
    first.put(RobotsRecord("https://b.example", ROBOTS, 1000.0))
    first.put(RobotsRecord("https://a.example", None, 1000.0))
    assert [record.origin for record in first.export()] == ["https://a.example", "https://b.example"]
    second = RobotsCache(first.export())
    rules = second.rules("https://b.example", 1000.0 + 86_000, FetchSettings())
    assert rules is not None
    assert not rules.allows("https://b.example/private")
    assert second.rules("https://a.example", 1001.0, FetchSettings()).allows("https://a.example/x")  # type: ignore[union-attr]
    assert second.rules("https://b.example", 1000.0 + 87_000, FetchSettings()) is None
    assert second.rules("https://c.example", 1000.0, FetchSettings()) is None


@pytest.mark.parametrize(
    "text",
    [
        "".join(f"User-agent: a{i}\n" for i in range(10_000)) + "".join(f"Disallow: /{i}\n" for i in range(10_000)),
        "User-agent: *\n" * 15_000 + "".join(f"Disallow: /{i}\n" for i in range(10_000)),
        "User-agent: *\n" + "".join(f"Disallow: /*p{i}*x\n" for i in range(25_000)),
        "User-agent: *\nDisallow: /" + "*a" * 200_000 + "$",
        "\x00" * 100_000,
    ],
)
def test_a_robots_txt_made_to_cost_time_does_not(text: str) -> None:
    began = time.process_time()
    rules = Rules(RobotsRecord("https://example.org", text.encode(), 0.0), "ourbot")
    for i in range(5):
        rules.allows(f"https://example.org/{'a' * 8000}{i}")
    assert time.process_time() - began < 5


def test_what_is_for_us_is_kept_of_a_robots_txt_that_is_too_long() -> None:
    many = "".join(f"User-agent: a{i}\nDisallow: /a\n\n" for i in range(20_000))
    rules = Rules(RobotsRecord("https://example.org", (many + "User-agent: ourbot\nDisallow: /ours\n").encode(), 0.0), "ourbot")
    assert rules.allows("https://example.org/a")
    assert not rules.allows("https://example.org/ours")


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({}, ""),
        ({"x-robots-tag": "noai"}, "noai"),
        ({"x-robots-tag": "nofollow, NoImageAI"}, "noimageai"),
        ({"x-robots-tag": "noarchive\nnoimageindex"}, "noimageindex"),
        ({"x-robots-tag": "none"}, "noindex"),
        ({"x-robots-tag": "nofollow, noarchive"}, ""),
        ({"x-robots-tag": "otherbot: noindex"}, ""),
        ({"x-robots-tag": "otherbot: noarchive, noindex"}, ""),
        ({"x-robots-tag": "otherbot: noindex\nnoai"}, "noai"),
        ({"x-robots-tag": "OurBot: noai"}, "noai"),
        ({"x-robots-tag": "*: noai"}, "noai"),
        ({"x-robots-tag": "otherbot: nofollow, ourbot: noindex"}, "noindex"),
        ({"x-robots-tag": "max-image-preview: large, noindex"}, "noindex"),
        ({"x-robots-tag": "unavailable_after: 25 Jun 2010 15:00:00 PST"}, ""),
        ({"tdm-reservation": "1"}, "tdm-reservation"),
        ({"tdm-reservation": "0"}, ""),
        ({"tdm-reservation": "0\n1"}, "tdm-reservation"),
    ],
)
def test_opt_outs_are_found(fields: dict[str, str], found: str) -> None:
    assert opted_out(fields, FetchSettings(user_agent="ourbot/1.0")) == found


def test_opt_outs_can_be_chosen() -> None:
    fields = {"x-robots-tag": "noindex", "tdm-reservation": "1"}
    assert opted_out(fields, FetchSettings(opt_out=("noai",), tdm_reservation=False)) == ""
    assert opted_out(fields, FetchSettings(opt_out=("noindex",), tdm_reservation=False)) == "noindex"
    assert opted_out({"x-robots-tag": "noai"}, FetchSettings(opt_out=())) == ""


@given(st.text(max_size=200))
@settings(max_examples=100, deadline=None)
def test_any_header_is_read(value: str) -> None:
    found = opted_out({"x-robots-tag": value, "tdm-reservation": value}, FetchSettings())
    assert found in {"", "tdm-reservation", *FetchSettings().opt_out}
    retry_after(value, 0.0)


def test_pauses_grow_to_the_longest_and_follow_from_url_and_seed() -> None:
    some = FetchSettings(first_pause_seconds=1.0, longest_pause_seconds=20.0, seed=1)
    pauses = [pause("http://a.example/", attempt, some) for attempt in range(1, 100)]
    for attempt, seconds in enumerate(pauses):
        whole = min(2.0**attempt, 20.0)
        assert whole / 2 <= seconds <= whole
    assert pauses == [pause("http://a.example/", attempt, some) for attempt in range(1, 100)]
    assert pauses[0] != pause("http://b.example/", 1, some)
    assert pauses[0] != pause("http://a.example/", 1, FetchSettings(seed=2))


@pytest.fixture
def far_west() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "America/New_York")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("far_west")
def test_retry_after_is_a_number_or_a_date() -> None:
    now = 1_000_000_000.0
    assert retry_after("120", now) == 120.0
    assert retry_after(formatdate(now + 90, usegmt=True), now) == 90.0
    assert retry_after(formatdate(now + 90, localtime=False), now) == 90.0  # -0000, of no zone
    assert retry_after(formatdate(now - 90, usegmt=True), now) == 0.0
    assert retry_after("9" * 400, now) == 999_999_999.0
    assert all(retry_after(value, now) is None for value in ("", "soon", "-5", "1.5", "٣", "Fri, 99 Xyz 99999 00:00:00 GMT"))


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (PNG, "png"), (JPEG, "jpeg"), (WEBP, "webp"), (b"GIF89a..", "gif"), (b"BM" + bytes(60), "bmp"),
        (b"II*\x00" + bytes(60), "tiff"), (b"\xff\x0a" + bytes(9), "jxl"), (b"\x00\x00\x01\x00", "ico"),
        (b"\x00\x00\x00\x1cftypavif\x00\x00", "avif"), (b"\x00\x00\x00\x1cftypheic\x00\x00", "heic"),
        (b"\x00\x00\x00\x0cJXL \r\n\x87\n", "jxl"), (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg">', "svg"),
        (b"\xef\xbb\xbf<svg>", "svg"), (b"<!DOCTYPE html><html>", "html"), (b"<html><svg>", "html"),
        (b"  <!-- x --><head>", "html"), (b"%PDF-1.4", "pdf"), (b'{"a": 1}', ""), (b"hello", ""), (b"", ""),
        (b"\x00\x00\x00\x1cftypisom", "mp4"),
    ],
)  # fmt: skip
def test_formats_are_told_by_content(head: bytes, name: str) -> None:
    assert format_of(head) == name


def test_memory_is_handed_out_in_turn_and_given_back() -> None:
    async def test() -> None:
        buffers = Buffers(100)
        first = await buffers.reserve(60)
        large = asyncio.create_task(buffers.reserve(1000))  # more than there is: all of it
        small = asyncio.create_task(buffers.reserve(10))
        await asyncio.sleep(0)
        assert not large.done()
        assert not small.done()
        first.release()
        first.release()
        held = await large
        assert buffers.free == 0
        assert not small.done()
        held.release()
        (await small).release()
        assert buffers.free == 100

    run(test())


def test_who_stops_waiting_for_memory_leaves_it_to_the_next() -> None:
    async def test() -> None:
        buffers = Buffers(100)
        first = await buffers.reserve(100)
        second, third = asyncio.create_task(buffers.reserve(100)), asyncio.create_task(buffers.reserve(100))
        await asyncio.sleep(0)
        second.cancel()
        first.release()
        (await third).release()
        fourth = await buffers.reserve(100)
        fifth = asyncio.create_task(buffers.reserve(50))
        await asyncio.sleep(0)
        fourth.release()
        fifth.cancel()  # it was given its memory in the same moment
        await asyncio.gather(fifth, return_exceptions=True)
        assert buffers.free == 100

    run(test())
