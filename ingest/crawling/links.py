"""The links of a page that a crawler may follow: `a` and `area`, resolved against `base`, less what is marked nofollow.

https://html.spec.whatwg.org/multipage/links.html; `<meta name=robots>` as developers.google.com/search describes it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast
from urllib.parse import urldefrag, urljoin

from resiliparse.parse.html import HTMLTree, NodeType  # pyright: ignore[reportMissingImports]

from ingest.charset import decode
from ingest.html import tamed
from ingest.http import charset_parameter

#: Characters of a page that are looked at, and links that are taken of it.
MAX_CHARACTERS, MAX_LINKS = 4 << 20, 5_000
_FOLLOWED = ("http://", "https://")
_STOPS = ("nofollow", "none")


def links_of(body: bytes, content_type: str, url: str, *, nofollow: bool = True, agent: str = "") -> list[str]:
    """Absolute http URLs without fragments, in page order, each once. `url` is the page's own; never raises.

    With `nofollow` those marked so are left out, and all where the page says so to all robots or to `agent`.
    """
    text = decode(body, charset_parameter(content_type), url=url).text
    tree = HTMLTree.parse(tamed(text, MAX_CHARACTERS))  # held: its nodes live in it
    document = tree.document
    if document is None:
        return []
    base, hrefs = "", list[str]()
    for node in cast("Iterable[Any]", document):  # once: a collection by name is searched for anew at each of its items
        if node.type != NodeType.ELEMENT:
            continue
        if node.tag in ("a", "area"):
            href = node.getattr("href")
            if href and not (nofollow and "nofollow" in (node.getattr("rel") or "").lower().split()):
                hrefs.append(href)
        elif node.tag == "base":
            base = base or node.getattr("href") or ""
        elif nofollow and node.tag == "meta" and _stops(node.getattr("name"), node.getattr("content"), agent):
            return []
    base = (_joined(url, base) if base else "") or url
    found: dict[str, None] = {}
    for href in hrefs:
        link = _joined(base, href)
        if link:
            found[link] = None
            if len(found) >= MAX_LINKS:
                break
    return list(found)


def _stops(name: str | None, content: str | None, agent: str) -> bool:
    ours = (name or "").strip().lower() in ("robots", agent.lower() or "robots")
    return ours and any(word.strip().lower() in _STOPS for word in (content or "").split(","))


def _joined(base: str, href: str) -> str:
    try:
        link = urldefrag(urljoin(base, href.strip("\t\n\f\r "))).url
    except ValueError:
        return ""
    return link if link.lower().startswith(_FOLLOWED) else ""
