"""Makes the example crawl out of Debian's apache2-doc: web.warc.gz, more/second.warc.gz, table.jsonl and their truth.

    python examples/make_example.py                        # fetches the package with apt-get
    python examples/make_example.py apache2-doc_….deb      # or takes it from a file

The pages are those of the Apache HTTP Server manual (Apache-2.0, see LICENSES), served from made-up hosts under
the reserved domain `.example`; what is planted among them is written into the truth files. Needs brotli,
zstandard and, for unpacking, dpkg-deb; the same package and the same zlib and brotli give the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import subprocess
import tempfile
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import dirt
from crawl import Crawl, Page, read_manual
from plants import plant_copies, plant_junk, plant_pages, plant_rest

PACKAGE, VERSION = "apache2-doc", "2.4.71-1~deb12u1"
PACKAGE_SHA256 = "a7b3d1131c1c63dbf9999b28e75f9a133d30f70492b419936bd51759ac77a01f"
HERE = Path(__file__).resolve().parent

#: Pages of each language in the first WARC; the second one takes what comes next in the same order.
QUOTA = {"en": 96, "fr": 62, "ja": 36, "ko": 36, "tr": 30, "es": 14, "de": 12, "pt": 10, "zh": 9, "ru": 2}
MORE = {"en": 14, "fr": 8, "ja": 4, "ko": 4, "tr": 4}


def write_table(path: Path, pages: Iterable[Page]) -> None:
    """Texts as a table, with a repeated text, an empty one, one that is missing and one that is junk."""
    rows: list[dict[str, object]] = []
    for page in pages:
        title = re.search(r"<h1>(.*?)</h1>", page.text, re.DOTALL)
        lines = [line for line in dirt.blocks(page.text) if len(line) > 40]
        name = dirt.TAG.sub("", title[1]) if title else ""
        rows.append({"url": page.url, "date": "2026-01-12T06:00:00Z", "title": name, "text": "\n".join(lines)[:2300]})
    rows.append(rows[0] | {"url": str(rows[0]["url"]) + "?utm_source=feed"})
    rows.append({"url": "https://empty.example/", "date": None, "title": "", "text": ""})
    rows.append({"url": "https://null.example/", "date": None, "title": None, "text": None})
    rows.append({"url": "https://spam0.cheap-deals.example/", "date": None, "title": "buy", "text": "buy now " * 200})
    path.write_bytes(b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows))


def write(folder: Path, crawl: Crawl, truth: str) -> None:
    """The WARC and its truth."""
    (folder / crawl.writer.name).write_bytes(crawl.writer.data)
    rows = b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in crawl.truth())
    (folder / truth).write_bytes(rows)
    writer = crawl.writer
    print(f"{writer.name}: {len(writer.data):,} bytes, {writer.records}; {truth}: {len(rows):,} bytes")


def make(root: Path, out: Path) -> None:
    """Writes all examples from the unpacked manual at `root`."""
    pages = read_manual(root)
    first = {lang: found[: QUOTA.get(lang, 0)] for lang, found in pages.items()}
    later = {lang: found[QUOTA.get(lang, 0) :][: MORE.get(lang, 0)] for lang, found in pages.items()}

    crawl = Crawl("web.warc.gz", datetime(2026, 1, 12, 6), first)
    cut = crawl.page(crawl.take("en"), "damage:truncated_member", damage="truncated_member", quality="n/a", transfer=())
    plant_pages(crawl)
    plant_copies(crawl)
    plant_junk(crawl, 4)
    crawl.add_plain()
    plant_rest(crawl, root)
    crawl.finish(cut)
    write(out, crawl, "truth.jsonl")

    second = Crawl("second.warc.gz", datetime(2026, 2, 9, 6), later)
    known = [capture for capture in list(crawl.plain.values()) if capture.truth["lang"] == "en"][:2]
    for capture in known:
        facts = {name: capture.truth[name] for name in ("charset_true", "charset_header", "lang", "lang_declared")}
        second.add(capture.url + "?utm_source=feed", capture.body, capture.content_type, "html", "ok", "exact_dup:utm",
                   dup_of=capture.url, same_bytes_as=[capture.url], **facts)  # fmt: skip
    for kind in ("lorem", "keyword_spam"):
        second.add(f"https://spam9.cheap-deals.example/{kind}", dirt.junk(kind, ["words"], second.rng).encode(),
                   "text/html; charset=utf-8", "html", "junk", f"junk:{kind}", charset_true="utf-8",
                   charset_header="utf-8", lang="und")  # fmt: skip
    second.add_plain()
    second.finish()
    (out / "more").mkdir(exist_ok=True)
    write(out / "more", second, "truth.jsonl")

    rest = [page for lang in ("en", "fr", "de", "es", "tr") for page in pages[lang][:8]]
    write_table(out / "table.jsonl", rest)


def unpack(package: Path | None, into: Path) -> Path:
    """The manual's folder, out of the package; warns when it is not the version the examples were made from."""
    if package is None:
        subprocess.run(["apt-get", "download", f"{PACKAGE}={VERSION}"], cwd=into, check=True)
        package = next(into.glob(f"{PACKAGE}_*.deb"))
    if hashlib.sha256(package.read_bytes()).hexdigest() != PACKAGE_SHA256:
        print(f"{package.name} is not {PACKAGE} {VERSION}: the examples will differ from those in the repository")
    subprocess.run(["dpkg-deb", "-x", str(package), str(into / "root")], check=True)
    return into / "root/usr/share/doc/apache2-doc/manual"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("package", nargs="?", type=Path, help=f"the .deb of {PACKAGE} {VERSION}")
    parser.add_argument("--out", type=Path, default=HERE, help="where to write (default: this folder)")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        make(unpack(options.package, Path(scratch)), options.out)


if __name__ == "__main__":
    main()
