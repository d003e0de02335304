"""URLs that a sitemap names, and the sitemaps that an index names.

https://www.sitemaps.org/protocol.html. No XML parser: what stands in `<loc>` is enough, and there is nothing to expand.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass

from ingest.http import gunzipped

#: The protocol's bounds: 50 MB and 50,000 URLs.
MAX_BYTES, MAX_URLS = 50 << 20, 50_000
#: Not those of images and videos, which stand beside a page's. No run of spaces is gone through twice.
_LOC = re.compile(
    rb"<(?!image:|video:)(?:[A-Za-z0-9]{1,16}:)?loc\s*+>\s*+(<!\[CDATA\[\s*+)?+((?:[^<\]\s]|\](?!\]>)){1,8192})", re.IGNORECASE
)
#: XML's own, and numbers; `&copy=1` is no entity.
_ENTITY = re.compile(r"&(?:amp|lt|gt|quot|apos|#[0-9]{1,7}|#x[0-9A-Fa-f]{1,6});")
_INDEX = re.compile(rb"<(?:[A-Za-z0-9]{1,16}:)?sitemapindex\b", re.IGNORECASE)


@dataclass(frozen=True)
class Sitemap:
    """`urls` are pages, or with `index` other sitemaps."""

    urls: list[str]
    index: bool = False


def read_sitemap(body: bytes) -> Sitemap:
    """What a sitemap names, of XML or plain text, also gzipped; empty if it is none. Never raises."""
    if body[:2] == b"\x1f\x8b":
        body = gunzipped(body, MAX_BYTES)
    body = body[:MAX_BYTES]
    if body[:3] == b"\xef\xbb\xbf":
        body = body[3:]
    if b"<" not in body[:4096]:
        lines = (line.strip() for line in body.decode("utf-8", "replace").splitlines())
        return Sitemap([line for line in lines if line.startswith(("http://", "https://"))][:MAX_URLS])
    urls: list[str] = []
    for match in _LOC.finditer(body):
        url = match.group(2).decode("utf-8", "replace")
        urls.append(url if match.group(1) else _ENTITY.sub(lambda entity: html.unescape(entity[0]), url))
        if len(urls) == MAX_URLS:
            break
    return Sitemap(urls, _INDEX.search(body[:65_536]) is not None)
