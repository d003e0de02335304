"""Makes tables of manual pages and of junk out of the example crawl, and of them the quality model `demo`.

    python examples/make_quality_model.py TABLES           # writes TABLES/manual.jsonl and TABLES/junk.jsonl alone
    python examples/make_quality_model.py                  # makes filters/data/quality_demo anew

The positives are the pages of examples/web.warc.gz whose truth says `ok`, the negatives are made of the same pages' lines
by examples/dirt.py. A page and what is made of it share a made-up host, so that both are held out or neither is. The
pages are the Apache HTTP Server manual's (Apache-2.0, see LICENSES).
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import dirt
from plants import JUNK

from ingest.parts import list_parts
from ingest.read import open_part
from pipelines.quality_texts import Source
from pipelines.quality_training import Training, train

HERE = Path(__file__).resolve().parent
MODEL = HERE.parent / "filters" / "data" / "quality_demo"
SEED = 1
SHORTEST_LINE = 40
ABOUT = (
    "For trying things out: it tells pages of the Apache HTTP Server manual in ten languages (Apache-2.0, The Apache "
    "Software Foundation) from junk made of their lines, by examples/make_quality_model.py. It knows no other pages."
)
#: Negatives a page; it gives two positives.
JUNK_A_PAGE = 2


def good_pages() -> list[tuple[str, str]]:
    """Pages whose truth says that they are sound, each once."""
    rows = [json.loads(line) for line in (HERE / "truth.jsonl").read_text("utf-8").splitlines()]
    sound = {row["url"] for row in rows if row.get("quality") == "ok" and row["kind"] == "html" and not row["dirt"]}
    found: dict[str, str] = {}
    for part in list_parts([str(HERE / "web.warc.gz")]):
        for batch in open_part(part):
            for url, content in zip(*(batch.documents.column(name).to_pylist() for name in ("url", "content")), strict=True):
                if url in sound:
                    found.setdefault(url, content)
    return sorted(found.items())


def write_tables(folder: Path) -> tuple[Path, Path]:
    """manual.jsonl and junk.jsonl, rows of `url` and `text`.

    Of a page its whole text and a few of its lines; no menus and footers, by which either kind could be told at once.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = random.Random(SEED)
    good: list[tuple[str, str]] = []
    bad: list[tuple[str, str]] = []
    for number, (_, html) in enumerate(good_pages()):
        lines = [line for line in dirt.blocks(html) if len(line) > SHORTEST_LINE]
        if not lines:
            continue
        start, length = rng.randrange(len(lines)), rng.randint(2, 12)
        for name, chosen in (("page", lines), ("excerpt", lines[start : start + length])):
            good.append((f"https://page{number}.example/{name}", "\n".join(chosen)))
        for turn in range(JUNK_A_PAGE):
            kind = JUNK[(JUNK_A_PAGE * number + turn) % len(JUNK)]
            content = dirt.blocks(dirt.junk(kind, lines, rng))[1:-1]  # the first block is a menu, the last says Copyright
            bad.append((f"https://page{number}.example/{kind}", "\n".join(content)))
    write(folder / "manual.jsonl", good)
    write(folder / "junk.jsonl", bad)
    return folder / "manual.jsonl", folder / "junk.jsonl"


def write(path: Path, rows: list[tuple[str, str]]) -> None:
    lines = [json.dumps({"url": url, "text": text}, ensure_ascii=False) for url, text in rows]
    path.write_text("".join(f"{line}\n" for line in lines), "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="?", type=Path, metavar="TABLES", help="a folder for the two tables; no model then")
    tables = parser.parse_args().tables
    if tables is not None:
        print(*write_tables(tables), sep="\n")
        return
    with tempfile.TemporaryDirectory() as folder:
        good, bad = write_tables(Path(folder))
        training = Training(method="logistic", bits=14, held_out=0.3, strength=30.0, about=ABOUT)
        positive, negative = Source("--positive", (str(good),)), Source("--negative", (str(bad),))
        trained = train(positive, negative, str(MODEL), training, overwrite=True)
    print((MODEL / "card.md").read_text("utf-8"), *trained.warnings, sep="\n")


if __name__ == "__main__":
    main()
