"""Single constructs as large as a page may be, by name: what parsers and kernels must pass through in linear time."""

from __future__ import annotations

from collections.abc import Callable

MEGABYTE = 1 << 20

PAGES: dict[str, Callable[[], str]] = {
    "one pre": lambda: "<pre>" + "line of text in a pre\n" * (5 * MEGABYTE // 22) + "</pre>",
    "one word": lambda: "<p>" + "x" * (4 * MEGABYTE),
    "tables beside each other": lambda: "<table><tr><td>cell</td></tr></table>" * 100_000,
    "tables inside each other": lambda: "<table><tr><td>" * 100_000 + "cell",
    "text in tables that are not closed": lambda: "<table>text" * 100_000,
    "paragraphs": lambda: "<p>Some words of a sentence.</p>" * 100_000,
    "lines": lambda: "a<br>" * 500_000,
    "links": lambda: "<a href='/x'>link</a> " * 150_000,
    "open formatting": lambda: "<p><b><i><u><s>word</p>" * 50_000,
    "divs with classes": lambda: "<div class='main content article'>text" * 100_000,
    "lists": lambda: "<ul><li>item" * 100_000,
    "options": lambda: "<select>" + "<option>item" * 150_000,
    "headings": lambda: "<h1>Heading</h1>" * 150_000,
    "entities": lambda: "&NotEqualTilde;&amp;&#x1F600;" * 100_000,
    "names without an end": lambda: "&" + "a" * (2 * MEGABYTE),
    "zeros": lambda: "\x00" * (4 * MEGABYTE) + "end",
    "scripts": lambda: "<script>if (a < b) { c(); }</script>" * 80_000,
    "comments": lambda: "<!-- x -->" * 300_000,
    "attributes": lambda: "<p " + "a=1 " * MEGABYTE + ">end",
    "ruby": lambda: "<ruby>\u6f22<rp>(<rt>kan<rp>)" * 80_000,
    "frames": lambda: "<frameset>" * 200_000 + "end",
    "foreign": lambda: "<svg><foreignObject><div>" * 100_000 + "end",
    "articles": lambda: "<article><header>h</header><section>text</section></article>" * 50_000,
    "spans": lambda: "<span>a</span>" * 250_000,
}  # fmt: skip

TEXTS: dict[str, Callable[[], str]] = {
    "nothing but letters": lambda: "a" * (5 * MEGABYTE),
    "nothing but spaces": lambda: " " * (5 * MEGABYTE),
    "nothing but newlines": lambda: "\n" * (5 * MEGABYTE),
    "short lines": lambda: "a\n" * (2 * MEGABYTE),
    "one line": lambda: "word and another " * (300_000),
    "the same line": lambda: "The same sentence, again.\n" * 200_000,
    "lines that differ": lambda: "".join(f"line {i} of many\n" for i in range(300_000)),
    "numbers": lambda: " ".join(map(str, range(700_000))),
    "punctuation": lambda: "...!?,;:-" * 500_000,
    "letters without spaces": lambda: "\u65e5\u672c\u8a9e" * 600_000,
    "sentences without spaces": lambda: "\u65e5\u672c\u8a9e\u306e\u6587\u3002" * 250_000,
    "thai": lambda: "\u0e20\u0e32\u0e29\u0e32\u0e44\u0e17\u0e22" * 250_000,
    "marks": lambda: "e" + "\u0301" * (2 * MEGABYTE),
    "emoji": lambda: "\U0001f468\u200d\U0001f469\u200d\U0001f467" * 200_000,
    "quotes": lambda: "\u201c\"'" * MEGABYTE,
    "bullets": lambda: "\u2022 item\n- item\n" * 300_000,
    "citations": lambda: "[1][citation needed]" * 250_000,
    "stops": lambda: "Mr. A. B. e.g. U.S. " * 250_000,
    "urls": lambda: "http://a.example/x?y=z&w=v#f " * 170_000,
    "capitals": lambda: "aBcD EfGh\n" * 500_000,
    "spaces of all kinds": lambda: "\u00a0\u2003\u3000\u200b \t" * 400_000,
}  # fmt: skip
