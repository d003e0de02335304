"""The manual's pages and a crawl of them: what is fetched, in which order, and what is true about it.

Pages are drawn by hashes of their URLs, so that the choice depends on nothing but the pages and the seed.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import dirt
from warc_writer import Capture, Writer

SEED = 20260112
PAGE_BYTES = range(3_000, 26_000)
HOSTS = {"fr": "manuel-httpd.example", "ja": "httpd-asia.example", "ko": "httpd-asia.example",
         "zh": "httpd-asia.example", "en": "httpd-manual.example"}  # fmt: skip
OTHER_HOST = "httpd-europe.example"


@dataclass(frozen=True)
class Page:
    """A page of the manual: its path below the language's folder, and its text in the charset it is stored in."""

    path: str
    folder: str
    lang: str
    charset: str
    text: str
    untranslated: float  # share of its text that stands in the English page too

    @property
    def url(self) -> str:
        return f"https://{HOSTS.get(self.lang, OTHER_HOST)}/docs/2.4/{self.folder}/{self.path}"

    @property
    def true_lang(self) -> str:
        if self.lang == "en" or self.untranslated > 0.8:
            return "en"
        return self.lang if self.untranslated < 0.3 else f"mixed:{self.lang}+en"


def order(key: str) -> bytes:
    """A pseudo-random rank that does not depend on what else there is."""
    return hashlib.sha256(f"{SEED}|{key}".encode()).digest()


def read_manual(root: Path) -> dict[str, list[Page]]:
    """Pages of each language that are long enough to say something and short enough for a small file."""
    english = {
        file.relative_to(root / "en").as_posix(): set(dirt.blocks(file.read_text("utf-8")))
        for file in sorted((root / "en").rglob("*.html"))
    }
    pages: dict[str, list[Page]] = {}
    for file in sorted(root.glob("*/**/*.html")):
        data = file.read_bytes()
        charset = re.search(rb"charset=([\w-]+)", data)
        declared = re.search(rb'<html lang="([\w-]+)"', data)
        if file.is_symlink() or len(data) not in PAGE_BYTES or not charset or not declared:
            continue
        folder, _, path = file.relative_to(root).as_posix().partition("/")
        lang = declared[1].decode().partition("-")[0]
        text = data.decode(charset[1].decode())
        lines = [line for line in dirt.blocks(text) if len(line) > 30]
        size = sum(map(len, lines))
        if size < (350 if lang in ("ja", "zh", "ko") else 900):
            continue
        same = sum(len(line) for line in lines if folder != "en" and line in english.get(path, ()))
        pages.setdefault(lang, []).append(
            Page(path, folder, lang, charset[1].decode().lower(), text, round(same / size, 3))
        )
    for found in pages.values():
        found.sort(key=lambda page: order(page.url))
    return pages


class Crawl:
    """The captures of one WARC, with what is planted among them."""

    def __init__(self, name: str, start: datetime, pages: dict[str, list[Page]]) -> None:
        self.writer = Writer(name, start)
        self.rng = random.Random(f"{SEED}|{name}")
        self.captures: list[Capture] = []
        chosen = [page for found in pages.values() for page in found]
        self.pages = sorted(chosen, key=lambda page: order("x" + page.url))
        self.spare = list(self.pages)
        self.plain: dict[str, Capture] = {}

    def take(self, lang: str | None = None, *, holding: str = "") -> Page:
        """The next page that no dirt has touched yet."""
        for page in self.spare:
            if (lang is None or page.lang == lang) and holding in page.text:
                self.spare.remove(page)
                return page
        raise LookupError(f"no page is left: {lang} {holding}")

    def add(self, url: str, body: bytes, content_type: str | None, kind: str, quality: str, *dirts: str,
            status: int = 200, transfer: tuple[str, ...] | None = None, headers: tuple[tuple[str, str], ...] = (),
            content_length: int = 0, cut_encoded: int = 0, damage: str = "", type: str = "response",
            **truth: Any) -> Capture:  # fmt: skip
        """Adds a capture. A body's codings are drawn by its URL unless they are given."""
        draw = order("transfer" + url)[0]
        if transfer is None:
            transfer = (
                () if draw < 120 or not body or kind == "image" else ("gzip",) if draw < 165
                else ("chunked",) if draw < 190 else ("gzip", "chunked") if draw < 220 else ("br",) if draw < 240
                else ("deflate",) if draw < 249 else ("deflate-raw",) if draw < 253 else ("zstd",)
            )  # fmt: skip
        facts: dict[str, Any] = {"url": url, "offset": 0, "kind": kind, "status": status}
        facts |= {"content_type": content_type, "quality": quality, "dirt": list(dirts)}
        facts |= {"transfer": "+".join(transfer) or None, "bytes": len(body), **truth}
        facts["sha256"] = hashlib.sha256(body).hexdigest()
        capture = Capture(
            url, body, content_type, facts, status, transfer, headers, content_length, cut_encoded, damage,
            request=draw % 3 > 0, fetch_ms=300 + draw * 7 if draw % 17 == 0 else 0, type=type,
        )  # fmt: skip
        self.captures.append(capture)
        return capture

    def page(self, page: Page, *dirts: str, url: str = "", text: str = "", charset: str = "",
             header: str | None = "", **more: Any) -> Capture:  # fmt: skip
        """Adds a page of the manual, as it is or as `text`; the header names its charset two times in three."""
        charset = charset or page.charset
        if header == "":
            header = charset if order(page.url)[1] % 3 else None
        kind = "text/html" if header is None else f"text/html; charset={header}"
        body = (text or page.text).encode(charset, "xmlcharrefreplace")
        options: dict[str, Any] = {"kind": "html", "quality": "ok", "content_type": kind} | more
        return self.add(
            url or page.url, body, options.pop("content_type"), options.pop("kind"), options.pop("quality"), *dirts,
            charset_true=charset, charset_header=header, lang=page.true_lang, lang_declared=page.lang,
            untranslated_frac=page.untranslated, **options,
        )  # fmt: skip

    def add_plain(self) -> None:
        """Every page that no dirt has touched, as the server has it."""
        for page in self.spare:
            self.plain[page.url] = self.page(page)

    def finish(self, *last: Capture) -> None:
        """Writes the captures in a drawn order, `last` at the end."""
        tail = [id(capture) for capture in last]
        for capture in sorted(
            self.captures,
            key=lambda c: (id(c) in tail, c.type == "revisit", order(f"{c.url}|{c.truth['dirt']}|{c.truth['bytes']}")),
        ):
            self.writer.write(capture)

    def truth(self) -> Iterator[dict[str, Any]]:
        """One row a main record, in the order of the file."""
        for capture in sorted(self.captures, key=lambda c: int(str(c.truth["offset"]))):
            yield capture.truth
