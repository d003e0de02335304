"""The dirt of the example crawl: markup that is broken, charsets that lie, pages that say nothing.

Each function turns a page into a worse one, or makes a bad page; the kinds are those seen in web crawls
(the filters that should catch the junk are those of Gopher, arXiv 2112.11446, and C4, arXiv 1910.10683).
"""

from __future__ import annotations

import html
import random
import re
from collections.abc import Sequence

META = re.compile(r'<META http-equiv="Content-Type"[^>]*>', re.IGNORECASE)
PARAGRAPH = re.compile(r"(<p>)(.*?)(</p>)", re.DOTALL)
TITLE = re.compile(r"<title>.*?</title>", re.DOTALL)
CHROME = re.compile(r'<div id="page-header">.*?<div id="page-content">', re.DOTALL)
SCRIPT = re.compile(r"<(script|style|svg|button)\b.*?</\1>", re.DOTALL | re.IGNORECASE)
BLOCK = re.compile(r"</?(?:p|div|li|ul|ol|dl|dt|dd|h\d|table|tr|td|th|pre|br|blockquote)\b[^>]*>", re.IGNORECASE)
TAG = re.compile(r"<[^>]+>")

LOREM = (
    "lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor incididunt ut labore et dolore "
    "magna aliqua ut enim ad minim veniam quis nostrud exercitation ullamco laboris nisi ut aliquip ex ea commodo "
    "consequat duis aute irure dolor in reprehenderit in voluptate velit esse cillum dolore eu fugiat nulla pariatur"
)
KEYWORDS = ["cheap hosting", "best ssl certificate", "free proxy list", "buy domain", "web server download", "vpn deal"]


def blocks(page: str) -> list[str]:
    """The text blocks of the manual's content column, tags stripped, white space collapsed."""
    start = page.find('<div id="page-content">')
    start = start if start >= 0 else max(page.find("<body"), 0)
    end = page.find('<div class="bottomlang">')
    body = SCRIPT.sub(" ", page[start : end if end > start else len(page)])
    body = re.sub(r'<div class="toplang">.*?</div>', " ", body, flags=re.DOTALL)
    parts = (html.unescape(TAG.sub("", part)) for part in BLOCK.split(body))
    return [line for part in parts if (line := " ".join(part.split()).replace(" ¶", ""))]


def with_meta(page: str, charset: str | None) -> str:
    """The page with another charset in its meta element, or without one."""
    meta = "" if charset is None else f'<meta http-equiv="Content-Type" content="text/html; charset={charset}">'
    return META.sub(meta, page, count=1)


def with_title(page: str, title: str) -> str:
    """The page with another title; `title` is raw markup."""
    return TITLE.sub(lambda _: f"<title>{title}</title>", page, count=1)


def other_chrome(page: str, site: str) -> str:
    """The same content inside another site's header."""
    header = f'<div class="bar"><a href="/">{site}</a> <a href="/copy">Mirror</a> <a href="/all">All pages</a></div>'
    return CHROME.sub(lambda _: header + '<div id="page-content">', page, count=1)


def edited(page: str, share: float, donors: Sequence[str], rng: random.Random) -> str:
    """The page with `share` of its paragraphs (at least one) replaced by paragraphs from elsewhere."""
    spots = [match.start() for match in PARAGRAPH.finditer(page) if len(match[2]) > 80]
    chosen = set(rng.sample(spots, max(1, round(share * len(spots)))))
    return PARAGRAPH.sub(
        lambda m: f"{m[1]}{html.escape(rng.choice(donors))}{m[3]}" if m.start() in chosen else m[0], page
    )


def broken(kind: str, page: str, rng: random.Random) -> str:
    """Markup damage that a browser reads through."""
    if kind == "unclosed_tags":
        return re.sub(r"</(p|li|td|tr|dd|dt|div)>", lambda m: m[0] if rng.random() < 0.5 else "", page)
    if kind == "unquoted_attrs":
        return re.sub(r'(\w+)="([\w./#-]+)"', r"\1=\2", page)
    if kind == "no_head":
        return re.sub(r"<html.*?<body[^>]*>", "", page, count=1, flags=re.DOTALL)
    if kind == "truncated_midtag":
        return page[: page.rindex("<a href=", 0, len(page) * 4 // 5) + 5]
    if kind == "nul_bytes":
        return re.sub(r"\. ", lambda m: ".\0 " if rng.random() < 0.3 else m[0], page)
    if kind == "bom_mid":
        return page.replace("<h2", "\ufeff<h2", 3)
    raise ValueError(f"unknown kind of broken markup: {kind}")


def deep(page: str, depth: int) -> str:
    """The content of the page inside `depth` nested elements."""
    start = page.index('<div id="page-content">')
    return page[:start] + "<div><span>" * (depth // 2) + page[start:]


def junk(kind: str, lines: Sequence[str], rng: random.Random) -> str:
    """A page that no one should train on. `lines` are blocks of a real page, which some kinds mangle."""
    words = " ".join(lines).split()
    title, body = kind.replace("_", " "), ""
    if kind == "lorem":
        text = (" ".join(rng.choices(LOREM.split(), k=rng.randint(40, 90))).capitalize() + "." for _ in range(6))
        title, body = "Sample page", "".join(f"<p>{line}</p>" for line in text)
    elif kind == "word_salad":
        title = "Blog"
        body = "".join(f"<p>{html.escape(' '.join(rng.sample(words, min(90, len(words)))))}</p>" for _ in range(5))
    elif kind == "symbols":
        marks = "#$%&*+=<>|~^@{}[]"
        body = "".join(f"<p>{html.escape(''.join(rng.choices(marks + '   0123', k=240)))}</p>" for _ in range(8))
    elif kind == "keyword_spam":
        title = " | ".join(KEYWORDS)
        body = "".join(f"<p>{', '.join(rng.choices(KEYWORDS, k=40))} {rng.choice(words)}</p>" for _ in range(6))
    elif kind == "link_farm":
        links = (f"{rng.choice(KEYWORDS)} {rng.randint(1, 999)}" for _ in range(150))
        body = "<ul>" + "".join(f'<li><a href="/p/{i}">{text}</a></li>' for i, text in enumerate(links)) + "</ul>"
    elif kind == "thin":
        title, body = "Home", "<p>This page is under construction.</p>"
    elif kind == "repeat_line":
        body = f"<p>{html.escape(max(lines, key=len)[:160])}</p>" * 40
    elif kind == "truncated_lines":
        body = "".join(f"<p>{html.escape(line[:60])}…</p>" for line in lines[:40] if len(line) > 60)
    elif kind == "soft_404":
        title = "Not Found"
        body = "<h1>Not Found</h1><p>Sorry, the page you requested could not be found. Try the search.</p>"
    else:
        raise ValueError(f"unknown kind of junk: {kind}")
    menu = '<div class="menu"><a href="/">Home</a> <a href="/new">New</a> <a href="/contact">Contact</a></div>'
    return (
        f'<!DOCTYPE html>\n<html><head><meta charset="utf-8"><title>{html.escape(title)}</title></head>\n'
        f"<body>{menu}<div>{body}</div><p>Copyright {rng.randint(2009, 2025)}</p></body></html>\n"
    )


def shingles(lines: Sequence[str], n: int = 5) -> set[tuple[str, ...]]:
    """Word n-grams of the text, lower-cased, for an exact Jaccard similarity."""
    words = re.findall(r"\w+", " ".join(lines).lower())
    return {tuple(words[i : i + n]) for i in range(max(len(words) - n + 1, 0))}


def jaccard(a: str, b: str) -> float:
    """Jaccard similarity in 0..1 of the word 5-grams of two pages' content."""
    left, right = shingles(blocks(a)), shingles(blocks(b))
    return len(left & right) / max(len(left | right), 1)
