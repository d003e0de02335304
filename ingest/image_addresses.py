"""Addresses of images: how they are joined to their page's (RFC 3986), and which are not to be fetched.

What is left out keeps its place and says why, so that a table of references accounts for every image of a page.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from ingest.cut import MAX_HTML, check_max_html

#: Characters of an address, as in browsers and search engines; of one that holds the image itself.
LONGEST_URL = 2083
_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*):")
_UNSAFE = re.compile(r"[\x00-\x20\"<>\\^`{|}\x7f]")

#: Why an image is not to be fetched.
SVG, INLINE, SCHEME, TOO_LONG, BAD_ADDRESS = "svg", "inline", "scheme", "address_too_long", "bad_address"


@dataclass(frozen=True)
class ImageOptions:
    """What is taken of a page's images.

    `side`: of several sizes, the largest of at most so many pixels (1 or more). `svg`: drawings too, which are no pixels.
    `shared`: the image that the page is shared with (og:image), if the page shows it nowhere. `max_html`: characters of HTML that
    are read, as of the scorer `text`; a longer page is cut there, before a tag that is not whole.
    """

    side: int = 4096
    svg: bool = False
    shared: bool = True
    max_html: int = MAX_HTML

    def __post_init__(self) -> None:
        if self.side < 1:
            raise ValueError("side: at least 1 pixel")
        check_max_html(self.max_html)


def base_of(url: str, base: str) -> str:
    """What a page's addresses are relative to: its <base>, if it has one, joined to its own address `url`."""
    try:
        return urljoin(url, base) if base else url
    except ValueError:
        return url


def resolve(base: str, address: str, options: ImageOptions) -> tuple[str, str]:
    """The absolute address of an image, empty if there is none, and why it is not to be fetched, empty if it is.

    A fragment is dropped, as it is not sent. An image that stands in the page itself has the address `data:`.
    """
    if not address:
        return "", ""
    if address[:5].lower() == "data:":
        return "data:", INLINE
    if len(address) > LONGEST_URL:
        return address[:LONGEST_URL], TOO_LONG
    try:
        whole = urljoin(base, _UNSAFE.sub(lambda found: f"%{ord(found[0]):02X}", address.replace("\\", "/")))
        parts = urlsplit(whole)
    except ValueError:
        return address, BAD_ADDRESS
    whole = whole.partition("#")[0]
    if len(whole) > LONGEST_URL:
        return whole[:LONGEST_URL], TOO_LONG
    scheme = _SCHEME.match(whole)
    if scheme is not None and scheme[1].lower() not in ("http", "https"):
        return whole, SCHEME
    if scheme is not None and not parts.hostname:
        return whole, BAD_ADDRESS
    if not options.svg and parts.path.lower().endswith((".svg", ".svgz")):
        return whole, SVG
    return whole, ""
