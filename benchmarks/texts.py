"""Texts for what is measured text by text: the main texts of the crawl's English pages, as web2shards extracts them.

`python benchmarks/texts.py` writes .data/texts.jsonl.gz: 1,000 of at least 200 characters, in the order of the crawl.
"""

from __future__ import annotations

import gzip
import itertools
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import pyarrow as pa
from inputs import DATA, build
from web_corpus import Member, members

from filters.language import Language
from ingest.text import Text

NUMBER, SHORTEST, BATCH = 1_000, 200, 200


def texts_file() -> Path:
    """The file of texts, made if it is not there or older than the crawl."""
    crawl = build()
    path = DATA / "texts.jsonl.gz"
    if path.is_file() and path.stat().st_mtime > (crawl / "input.json").stat().st_mtime:
        return path
    responses = (m for warc in sorted(crawl.glob("*.warc.gz")) for m in members(warc) if m.type == "response")
    lines: list[str] = []
    while len(lines) < NUMBER and (batch := list(itertools.islice(responses, BATCH))):
        lines += [json.dumps({"text": text}, ensure_ascii=False) for text in english_texts(batch)]
    path.write_bytes(gzip.compress("".join(f"{line}\n" for line in lines[:NUMBER]).encode(), mtime=0))
    return path


def english_texts(responses: list[Member]) -> list[str]:
    """The main texts of the pages that are in English and not too short."""
    text, language = Text(), Language()
    text.open()
    language.open()
    htmls = [response.block.partition(b"\r\n\r\n")[2].decode("utf-8", "replace") for response in responses]
    pages = {"page.content": htmls, "page.form": ["html"] * len(htmls), "page.url": [response.url for response in responses]}
    extracted = text.score(pa.record_batch(pages)).column("text")
    labels = language.score(pa.record_batch({"text.text": extracted})).column("label").to_pylist()
    return [found for found, label in zip(extracted.to_pylist(), labels, strict=True) if label == "en" and len(found) >= SHORTEST]


if __name__ == "__main__":
    print(texts_file())
