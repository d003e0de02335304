"""What a page and its header say may be done with it; what is in comments, scripts and other robots' directives does not count."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.http import RIGHTS, parse_response, rights_of
from ingest.permissions import Permissions
from ingest.permissions_scan import MAX_TAG, MAX_TAGS

NOTHING = {
    "noindex": False, "noai": False, "noimageai": False, "tdm_reserved": False, "tdm_policy": "", "licence": "",
    "licence_version": "", "licence_url": "", "licence_place": "", "licences": 0,
}  # fmt: skip
BY = "https://creativecommons.org/licenses/by/4.0/"


def said(page: str, rights: str = "", form: str = "html", scorer: Permissions | None = None) -> dict[str, Any]:
    """What is said beside NOTHING."""
    batch = pa.record_batch({"page.content": pa.array([page]), "page.form": [form], "page.rights": [rights]})
    scorer = scorer or Permissions()
    scorer.open()
    (row,) = scorer.score(batch).to_pylist()
    return {name: value for name, value in row.items() if value != NOTHING[name]}


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("", {}),
        ("<p>noindex, noai, tdm-reservation: 1</p>", {}),
        ('<meta name="robots" content="noindex, nofollow">', {"noindex": True}),
        ("<META CONTENT='NoIndex' NAME=Robots />", {"noindex": True}),
        ('<meta name=robots content="none">', {"noindex": True}),
        ('<meta name="robots" content="index, follow, max-snippet:-1, max-image-preview:large">', {}),
        ('<meta name="robots" content="noai, noimageai">', {"noai": True, "noimageai": True}),
        ('<meta name="GPTBot" content="noindex">', {"noindex": True}),
        ('<meta name="duckduckbot" content="noindex">', {}),
        ('<meta name="description" content="robots: noindex">', {}),
        ('<meta name="tdm-reservation" content="1"><meta name="tdm-policy" content="https://a.example/p.json">',
         {"tdm_reserved": True, "tdm_policy": "https://a.example/p.json"}),
        ('<meta name="tdm-reservation" content="0">', {}),
        ('<!-- <meta name="robots" content="noindex"> --><p>', {}),
        ("<script>document.write('<meta name=\"robots\" content=\"noindex\">')</script><p>", {}),
        ('<title><meta name="robots" content="noindex"></title>', {}),
        ('<div data-x=\'<meta name="robots" content="noindex">\'>', {}),
        ('<a title=\'<meta name="robots" content="noindex">\' href=x>', {}),
        ('<meta name="robots" content="noin&#100;ex">', {"noindex": True}),
    ],
)  # fmt: skip
def test_directives_of_a_page(page: str, expected: dict[str, Any]) -> None:
    assert said(page) == expected


@pytest.mark.parametrize(
    ("rights", "expected"),
    [
        ("x-robots-tag: noindex", {"noindex": True}),
        ("x-robots-tag: noai, noimageai", {"noai": True, "noimageai": True}),
        ("x-robots-tag: googlebot: nofollow, noindex", {"noindex": True}),
        ("x-robots-tag: otherbot: noindex, noai", {}),
        ("x-robots-tag: otherbot: noindex\nx-robots-tag: noai", {"noai": True}),
        ("x-robots-tag: otherbot: noindex, *: noai", {"noai": True}),
        ("x-robots-tag: unavailable_after: 25 Jun 2010 15:00:00 PST, noindex", {"noindex": True}),
        ("tdm-reservation: 1\ntdm-policy: https://a.example/p", {"tdm_reserved": True, "tdm_policy": "https://a.example/p"}),
        ("tdm-reservation: 0", {}),
    ],
)
def test_directives_of_a_header(rights: str, expected: dict[str, Any]) -> None:
    assert said("<p>", rights) == expected
    assert said("plain", rights, "text") == expected


def test_a_robot_is_asked_for_by_its_name() -> None:
    page = '<meta name="duckduckbot" content="noindex">'
    assert said(page, scorer=Permissions(agents=("DuckDuckBot",))) == {"noindex": True}
    assert said(page, "x-robots-tag: googlebot: noai", scorer=Permissions(agents=())) == {}
    with pytest.raises(ValueError, match="agents: 'a b'"):
        Permissions(agents=("a b",))


@pytest.mark.parametrize(
    ("page", "licence", "version", "place"),
    [
        (f'<link rel="license" href="{BY}">', "cc-by", "4.0", "head"),
        (f'<a rel="nofollow license" href="{BY}">CC BY</a>', "cc-by", "4.0", "rel"),
        (f'<a href="{BY}">CC BY</a>', "cc-by", "4.0", "link"),
        ("<a rel=license href=http://creativecommons.org/licenses/by-nc-sa/3.0/de/>x</a>", "cc-by-nc-sa", "3.0", "rel"),
        ('<a rel="license" href="//creativecommons.org/licenses/by-nd-nc/1.0/">', "cc-by-nc-nd", "1.0", "rel"),
        ('<A HREF="HTTPS://CREATIVECOMMONS.ORG/PUBLICDOMAIN/ZERO/1.0/" REL="LICENSE">', "cc0", "1.0", "rel"),
        ('<a rel="license" href="https://creativecommons.org/publicdomain/mark/1.0/">', "cc-pdm", "1.0", "rel"),
        ('<meta name="DC.rights" content="https://creativecommons.org/licenses/by-sa/4.0/">', "cc-by-sa", "4.0", "head"),
        ('<link rel="license" href="https://www.gnu.org/licenses/fdl-1.3.html">', "gfdl", "1.3", "head"),
        ('<link rel="license" href="/terms">', "other", "", "head"),
        ('<a rel="license" href="https://creativecommons.org/licenses/sampling+/1.0/">', "other", "1.0", "rel"),
    ],
)
def test_licences(page: str, licence: str, version: str, place: str) -> None:
    found = NOTHING | said(page)
    assert (found["licence"], found["licence_version"], found["licence_place"]) == (licence, version, place)
    assert found["licences"] == 1
    assert found["licence_url"]


def test_the_licence_is_that_of_the_place_that_is_trusted_most() -> None:
    sa = BY.replace("by", "by-sa", 1)
    found = said(f'<a href="{sa}">photo</a><a rel="license" href="{BY}">')
    assert (found["licence"], found["licence_place"], found["licences"]) == ("cc-by", "rel", 2)
    assert said(f'<link rel="license" href="{sa}"><a rel="license" href="{BY}">')["licence"] == "cc-by-sa"
    assert said(f'<a rel="license" href="{BY}">', f"link: {sa}")["licence_place"] == "header"
    assert said(f'<a rel="license" href="{BY}"><a rel="license" href="{sa}">')["licence"] == "several"
    old = BY.replace("4.0", "2.0")
    found = NOTHING | said(f'<a rel="license" href="{BY}"><a rel="license" href="{old}">')
    assert (found["licence"], found["licence_version"], found["licences"]) == ("cc-by", "", 2)
    assert said('<a href="https://creativecommons.org/about">CC</a><a href="/license">x</a><link rel=icon href=/license.png>') == {}
    words = f'<meta name="dc.rights" content="Under the Creative Commons licence ({BY}), which permits reproduction.">'
    assert said(words)["licence_url"] == BY


def test_a_header_gives_what_it_says_of_rights() -> None:
    head = (
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nX-Robots-Tag: otherbot: noindex\r\nTDM-Reservation: 1\r\n"
        "x-robots-tag:  noai,\tnoimageai\r\nLink: </a.css>; rel=preload; as=style, <https://a.example/l>; rel=\"license\"\r\n"
        "\r\nbody"
    )  # fmt: skip
    assert rights_of(parse_response(head.encode()).fields) == (
        "tdm-reservation: 1\nx-robots-tag: otherbot: noindex\nx-robots-tag: noai, noimageai\nlink: https://a.example/l"
    )
    assert rights_of(parse_response(b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n").fields) == ""
    hostile = b"HTTP/1.1 200 OK\r\n" + b"X-Robots-Tag: \xff\xfe" * 5000 + b"\r\nLink: " + b"<a;rel=" * 50_000 + b"\r\n\r\n"
    assert len(rights_of(parse_response(hostile).fields)) <= sum(RIGHTS.values()) + 100


@pytest.mark.parametrize(
    ("link", "told"),
    [
        ('<https://a.example/l>; title="one, two; three"; rel=license', ["https://a.example/l"]),
        ('<https://a.example/l>; title="a \\", rel=license"', []),
        ('<https://a.example/l,m>; rel="nofollow license"', ["https://a.example/l,m"]),
        ("<https://a.example/l> ; REL = 'License'", ["https://a.example/l"]),
        ('<https://a.example/l>; rel="no-license"', []),
        ('<https://a.example/l>; rel="license-free"', []),
        ('<https://a.example/l>; rel=next; rel=license', []),
        ('<https://a.example/l>; rel=license; anchor="/other.png"', []),
        ("</a>; rel=next, </b>; rel=license, </c>; rel=license", ["/b", "/c"]),
        ('</a>; title="rel=license", </b>; as=x', []),
        (", ".join(f"</{i}.css>; rel=preload; as=style" for i in range(500)) + ", </l>; rel=license", ["/l"]),
    ],
)
def test_a_link_of_a_header_is_a_licence_if_it_says_so(link: str, told: list[str]) -> None:
    fields = parse_response(f"HTTP/1.1 200 OK\r\nLink: {link}\r\n\r\n".encode()).fields
    assert rights_of(fields) == "\n".join(f"link: {target}" for target in told)


def test_a_long_field_of_a_header_takes_no_room_from_another() -> None:
    robots = "".join(f"X-Robots-Tag: bot{i}: nofollow, max-snippet: {i}\r\n" for i in range(400))
    long = "X-Robots-Tag: googlebot: " + "noarchive, " * 1000 + "\r\n"
    head = f"HTTP/1.1 200 OK\r\n{robots}{long}X-Robots-Tag: noai\r\nTDM-Reservation: 1\r\nLink: <{BY}>; rel=license\r\n\r\n"
    found = rights_of(parse_response(head.encode()).fields)
    assert len(found.encode()) <= sum(RIGHTS.values()) + 100
    assert found.startswith("tdm-reservation: 1\nx-robots-tag: noai\n")
    assert found.endswith(f"link: {BY}")
    assert said("<p>", found) == {
        "noai": True, "tdm_reserved": True, "licence": "cc-by", "licence_version": "4.0", "licence_url": BY,
        "licence_place": "header", "licences": 1,
    }  # fmt: skip
    (line,) = rights_of(parse_response(f"HTTP/1.1 200 OK\r\n{long}\r\n".encode()).fields).split("\n")
    assert line.endswith(", noarchive")


def of_header(head: str) -> dict[str, Any]:
    return said("<p>", rights_of(parse_response(f"HTTP/1.1 200 OK\r\n{head}\r\n\r\n".encode()).fields))


@pytest.mark.parametrize("count", [200, 1000, 5000])
def test_an_opt_out_far_into_a_header_is_one(count: int) -> None:
    assert of_header("X-Robots-Tag: " + "noarchive, " * count + "noai")["noai"]
    many = "".join(f"X-Robots-Tag: bot{i}: noindex\r\n" for i in range(count))
    assert of_header(many + "X-Robots-Tag: noai")["noai"]
    assert of_header("X-Robots-Tag: " + "noarchive, " * count) == {}
    page = f"<meta name=robots content='{'noarchive, ' * min(count, 1000)}noai'>"
    assert said(page) == {"noai": True}


def test_a_reservation_comes_before_what_takes_its_room() -> None:
    none = "".join(f"TDM-Reservation: 0;{'x' * 100}{i}\r\n" for i in range(5))
    assert of_header(none + "TDM-Reservation: 1") == {"tdm_reserved": True}


def test_a_licence_without_room_is_another_licence() -> None:
    long = f"<https://a.example/{'x' * 600}>; rel=license"
    for head in (f"Link: <{BY}>; rel=license, {long}", f"Link: {long}, <{BY}>; rel=license"):
        assert of_header(head)["licence"] == "several"
        assert of_header(head.replace("xxx", "x" * 30))["licence"] == "several"
    assert of_header(f"Link: {long.replace('xxx', 'x' * 30)}")["licence"] == "other"


def test_a_page_of_a_crawl_has_its_rights(build: Any, read: Any) -> None:
    pages = [
        build.response("http://a.example/1", b"<p>one</p>", extra="X-Robots-Tag: noai\r\n"),
        build.response("http://a.example/2", b"<p>two</p>"),
        build.record("resource", "http://a.example/3", b"<html><p>three</p>", Content_Type="text/html"),
    ]
    assert [page["rights"] for page in read(build.gz(pages)).documents] == ["x-robots-tag: noai", "", ""]


def test_hostile_pages_cost_no_time_and_say_what_they_may() -> None:
    one = '<meta name="robots" content="noai">'
    assert said("<a rel=license href=x>" * MAX_TAGS + one) == said("<a rel=license href=x>")
    assert said(f'<meta name="robots" x="{"y" * MAX_TAG}" content="noai">') == {}
    for page in ("<meta " * 50_000, "<a href='" * 50_000, "<!--" * 50_000, "<script>" * 50_000, "<meta robots " + "a" * 500_000,
                 "<a " + "license=" * 100_000, "<" * 500_000, "<meta name=robots content=" + "noai:" * 100_000):  # fmt: skip
        assert said(page).keys() <= {"licence", "licence_url", "licence_place", "licences"}


WORDS = (
    "<", ">", "meta", "link", "a ", "=", '"', "'", "robots", "name", "content", "noai", "rel", "license", "<!--", "-->", "<script>",
    "</script>", "é", " ", "/", "&", BY,
)  # fmt: skip


@settings(deadline=None, max_examples=100)
@given(st.lists(st.sampled_from(WORDS), max_size=30))
def test_any_page_survives(parts: list[str]) -> None:
    said("".join(parts), "x-robots-tag: :,:,")


def test_nulls_stay_null() -> None:
    content = pa.array([None, "<p>"], pa.string())
    batch = pa.record_batch({"page.content": content, "page.form": ["html", None], "page.rights": pa.nulls(2, pa.string())})
    rows = Permissions().score(batch).to_pylist()
    assert rows == [dict.fromkeys(NOTHING), NOTHING]
