"""The layers of the table `images` that the pipeline writes itself: what is known of an image before a scorer sees it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction

import pyarrow as pa

from core.hashing import ID_TYPE
from core.scorer import column
from ingest.batches import TIMESTAMP

#: The texts that a page or a table has with an image, in the order in which they stand; those of which its caption is chosen,
#: by preference, unless a recipe says otherwise.
KINDS = ("caption", "alt", "figcaption", "legend", "title", "before", "after", "file_name")
PREFERRED = ("caption", "alt", "figcaption", "title", "file_name")
CAPTIONS = pa.list_(pa.struct([
    pa.field("text", pa.string()), pa.field("kind", pa.string()), pa.field("document_id", ID_TYPE), pa.field("count", pa.int32()),
]))  # fmt: skip
IMAGE_SCHEMA = pa.schema([
    column("id", ID_TYPE, "xxh3-128 of the address, or of the bytes of one that is the input"),
    column("url", pa.string(), "absolute address"),
    column("references", pa.int32(), "how often pages show it", low=1, high=100),
    column("captions", CAPTIONS, "what pages say of it: distinct texts by kind, the commonest first, with a page and how often"),
    column("extra", pa.string(), "further columns of its row in a table, or its JSON in the input; of several rows the smallest"),
    column("document_id", ID_TYPE, "that row"),
    column("expected", pa.string(), "the digest that a table says its bytes have, `sha256:…`"),
    column("warc", pa.string(), "the file of the input that holds the image; null if none does"),
    column("offset", pa.int64(), "where its record, or it itself, begins in that file", unit="bytes"),
    column("length", pa.int64(), "stored length of its record, or its own", unit="bytes"),
])  # fmt: skip
#: Which images are looked at, by the fates of the pages that show them.
REACHED_SCHEMA = pa.schema([
    column("reached", pa.bool_(), "a page that shows it is kept"),
    column("captions", pa.list_(pa.bool_()), "of each of its captions, whether a page that is kept says it"),
    column("caption", pa.string(), "the first by kind that a page that is kept says; empty if there is none"),
])  # fmt: skip
FETCHED_SCHEMA = pa.schema([
    column("status", pa.string(), "`ok`, or why there are no bytes; null if it was not tried"),
    column("again", pa.bool_(), "the next run tries it again"),
    column("source", pa.string(), "`warc`, `web`, or `input`, where it lies still"),
    column("http_status", pa.int16(), "of the last answer"),
    column("size", pa.int64(), "of the file", unit="bytes", low=0, high=1_000_000),
    column("sha256", pa.binary(32), "of the file"),
    column("format", pa.string(), "as the bytes show it"),
    column("width", pa.int32(), "of the file, upright", unit="pixels", low=0, high=4_000),
    column("height", pa.int32(), "of the file, upright", unit="pixels", low=0, high=4_000),
    column("final_url", pa.string(), "where it was, after redirects"),
    column("fetched", TIMESTAMP, "when it was got, or the record's date"),
    column("detail", pa.string(), "what went wrong"),
    column("segment", pa.string(), "the file with its bytes, in images/segments; null of one that lies in the input"),
    column("row", pa.int32(), "its row there"),
])  # fmt: skip
#: A file of bytes: written once, never changed.
SEGMENT_SCHEMA = pa.schema([pa.field("id", ID_TYPE), pa.field("bytes", pa.large_binary())])
REACHED, FETCHED, SEGMENTS = "reached", "fetched", "segments"


def part_names(group: str, parts: int) -> list[str]:
    """The parts of a group of hosts, when they are so many: each holds a run of ids."""
    return [f"{group}-{parts:02d}-{number:02d}" for number in range(parts)]


def overlapping(part: str, others: Iterable[str]) -> list[str]:
    """Those of other parts, of fewer or more groups or parts, that may hold images of this one."""

    def spans(name: str) -> Iterator[tuple[Fraction, Fraction]]:
        groups, group, parts, number = map(int, name.split("-")[1:])
        for many, at in ((groups, group), (parts, number)):
            yield Fraction(at, many), Fraction(at + 1, many)

    mine = list(spans(part))

    def meets(other: str) -> bool:
        return all(low < end and start < high for (low, high), (start, end) in zip(mine, spans(other), strict=True))

    return [other for other in others if meets(other)]
