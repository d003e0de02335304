"""References to images, as tasks: collect those of each document part, and build the images of each group of hosts.

References travel packed, with captions counted; a group holds all images of a host, so that one task at a time asks it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from core.addresses import url_host
from core.errors import StorageError
from core.hashing import ID_TYPE
from ingest.batches import TIMESTAMP
from ingest.parts import Part
from pipelines.context import Context
from pipelines.exchange import Pointer, read_chunks
from pipelines.image_layers import IMAGE_SCHEMA, REACHED, REACHED_SCHEMA, part_names
from pipelines.layers import RowReader, layer_path, read_footer
from pipelines.matching import send
from pipelines.partitions import chunks_by, in_partitions, most_groups, partition_of, power
from pipelines.passes import Passes
from pipelines.plan import FATE
from pipelines.progress import Pass
from pipelines.sources import Source, part_sources
from pipelines.view import Joined

Json = dict[str, Any]
NAME = "gather images"
#: Groups of hosts, of so many references each, that the first run chooses; rows that it puts in one part of a group.
FEWEST_GROUPS, MOST_GROUPS, GROUP_REFERENCES = 2, 4096, 20_000
PART_ROWS = 2_500
#: A caption is cut at so many characters; of an image a document part sends so many times as many as are kept.
MOST_CHARACTERS, SENT = 4096, 4
#: What a row of ITEMS is if it is no caption: how often an image stands there, and a record that holds it.
_SHOWN, _RECORD = -1, -2
ITEMS = pa.schema([
    ("key", pa.uint64()), ("url", pa.string()), ("kind", pa.int8()), ("text", pa.string()), ("document_id", ID_TYPE),
    ("count", pa.int64()), ("kept", pa.bool_()), ("date", TIMESTAMP), ("warc", pa.string()), ("offset", pa.int64()),
    ("length", pa.int64()), ("extra", pa.string()), ("expected", pa.string()),
])  # fmt: skip
_ROWS = 1 << 13
_NO_DATE = "9999"


def groups_for(references: int) -> int:
    """How many groups of hosts a first run with so many references makes."""
    return min(max(power(references, GROUP_REFERENCES), FEWEST_GROUPS), MOST_GROUPS)


def group_name(group: int) -> str:
    """What a group of hosts is called; its parts have a number behind it."""
    return f"hosts-{group:04d}"


def image_part(name: str, size: int = 0) -> Part:
    """A part of the table `images`: it is read from no file."""
    return Part(name, "", "images", 0, 0, size)


def gather(
    passes: Passes, context: Context, rows: Mapping[str, int], groups: int, known: Mapping[str, int], method: str
) -> dict[str, int]:  # fmt: skip
    """Writes `image` and `reached` of all groups, under this fingerprint; returns how many parts each group has. `rows` are
    those of the document parts, `known` is how many parts groups had before."""
    sources = part_sources(rows, False)
    receivers = min(groups, most_groups(max(1, len(sources)), passes.workers))
    split = {"groups": groups, "receivers": receivers}
    tasks = [
        {"kind": "collect_images", "args": {"ordinal": i, "source": source.to_json(), **split}} for i, source in enumerate(sources)
    ]
    steps = (("collect_images", {}), ("build_images", {**split, "known": dict(known), "method": method}))
    results = passes.run(Pass(NAME, "collect_images", len(tasks), steps=steps), tasks)
    if not context.store.remote:
        for path in context.store.scratch("exchange").glob("images-*"):
            path.unlink(missing_ok=True)
    return {name: parts for result in results for name, parts in result.get("built", {}).items()}


@dataclass
class _Seen:
    """An image as references show it: how often, whether a page that is kept does, and its captions: by (kind, text) how
    often, the smallest id of a page, and whether one that is kept says it."""

    count: int = 0
    kept: bool = False
    captions: dict[tuple[int, str], tuple[int, bytes, bool]] = field(default_factory=dict[tuple[int, str], tuple[int, bytes, bool]])
    #: Of the record that holds it: its date, file, offset and length.
    record: tuple[str, str, int, int] | None = None
    #: What a table has beside of it, and the digest that it says its bytes have: the smallest that is said.
    extra: str | None = None
    expected: str | None = None

    def tell(self, extra: str | None, expected: str | None) -> None:
        self.extra = min((one for one in (self.extra, extra) if one is not None), default=None)
        self.expected = min((one for one in (self.expected, expected) if one is not None), default=None)

    def say(self, kind: int, text: str, count: int, document: bytes, kept: bool) -> None:
        before, other, was = self.captions.get((kind, text), (0, document, False))
        self.captions[kind, text] = before + count, min(other, document), was or kept

    def best(self, most: int) -> list[tuple[int, str, int, bytes, bool]]:
        """At most so many captions: by kind, the commonest first, then by text."""
        order = sorted(self.captions.items(), key=lambda one: (one[0][0], -one[1][0], one[0][1]))
        return [(*name, *told) for name, told in order[:most]]


def collect(context: Context, args: Json) -> Json:
    """Sends the references of a source's parts, and the images that its records hold; emits ["images", receiver] → pointer."""
    source, ordinal = Source.from_json(args["source"]), int(args["ordinal"])
    groups, receivers = int(args["groups"]), int(args["receivers"])
    emit: list[list[Any]] = [[["images", r], None] for r in range(receivers)] if ordinal == 0 else []
    references = 0
    for number, (part, _) in enumerate(source.of_parts):
        seen = _of_part(context, part)
        references += sum(one.count for one in seen.values())
        batch = pa.RecordBatch.from_pylist([
            *_items(seen, context.recipe.captions.most * SENT), *_records(context, part)
        ], schema=ITEMS)  # fmt: skip
        group = partition_of(batch.column("key").to_numpy(), groups)
        chunks = chunks_by(batch, group, groups // receivers)
        emit += send(context, f"images-{ordinal:08d}-{number:06d}", ["images"], chunks, ITEMS)
    return {"rows": references, "emit": emit}


def _of_part(context: Context, part: str) -> dict[str, _Seen]:
    """The images that the pages of a part show, by address."""
    kinds = context.recipe.captions.kinds
    documents = context.of("documents")
    kept: set[bytes] = set()
    with documents.joined(part, [f"{FATE}.kept"]) as view:
        for batch in view.batches():
            kept.update(batch["id"].filter(batch[f"{FATE}.kept"]).to_pylist())
    seen: dict[str, _Seen] = {}
    path = layer_path(context.store, "references", "reference", part)
    reader = RowReader(path, ["document_id", "url", "extra", "expected", "reason", *kinds])
    try:
        for batch in reader.batches(_ROWS):
            batch = batch.filter(pc.is_null(batch.column("reason")))
            texts = [batch.column(kind).to_pylist() for kind in kinds]
            first = (batch.column(i).to_pylist() for i in range(4))
            for row, (document, url, extra, expected) in enumerate(zip(*first, strict=True)):
                if not url:
                    continue
                one = seen.get(url)
                if one is None:
                    one = seen[url] = _Seen()
                is_kept = document in kept
                one.count += 1
                one.kept |= is_kept
                one.tell(extra, expected)
                for kind, column in enumerate(texts):
                    text = (column[row] or "").strip()[:MOST_CHARACTERS]
                    if text:
                        one.say(kind, text, 1, document, is_kept)
    finally:
        reader.close()
    return seen


def _items(seen: Mapping[str, _Seen], most: int) -> Iterator[Json]:
    for url, one in seen.items():
        common = {"key": _key(url), "url": url}
        told = {"extra": one.extra, "expected": one.expected}
        yield {**common, "kind": _SHOWN, "count": one.count, "kept": one.kept, **told}
        for kind, text, count, document, kept in one.best(most):
            yield {**common, "kind": kind, "text": text, "document_id": document, "count": count, "kept": kept}


def _records(context: Context, part: str) -> Iterator[Json]:
    """The records of a part that hold images."""
    warc = image_part(part).path
    names = ("url", "reason", "date", "offset", "length")
    with Joined(context.store, part, [f"record.{name}" for name in names], table="records") as view:
        for batch in view.batches():
            columns = [batch[f"record.{name}"] for name in names]
            found = pa.RecordBatch.from_arrays(columns, names=list(names)).filter(pc.equal(columns[1], "image"))
            for row in found.to_pylist():
                if row["url"]:
                    place = {name: row[name] for name in ("date", "offset", "length")}
                    yield {"key": _key(row["url"]), "url": row["url"], "kind": _RECORD, "warc": warc, **place}


def _key(url: str) -> int:
    """What an image's group follows from: its host."""
    return xxhash.xxh3_64_intdigest(url_host(url).encode())


def build(context: Context, args: Json) -> Json:
    """Writes the images of some groups of hosts."""
    receiver, groups, receivers = int(args["key"][1]), int(args["groups"]), int(args["receivers"])
    batches = read_chunks(Pointer.from_json(value) for value in args["values"] if value is not None)
    together = groups // receivers
    built: dict[str, int] = {}
    rows = 0
    for pieces in in_partitions(batches, "key", groups, receivers, receiver):
        table = pa.Table.from_batches(pieces, ITEMS)
        if len(table):
            group = int(partition_of(table.column("key").slice(0, 1).to_numpy(), groups)[0])
            built[group_name(group)] = _write_group(context, args, group, _merged(table))
            rows += len(table)
    for group in range(receiver * together, (receiver + 1) * together):
        if group_name(group) not in built:
            built[group_name(group)] = _write_group(context, args, group, {})
    return {"built": built, "rows": rows}


def _merged(table: pa.Table) -> dict[str, _Seen]:
    seen: dict[str, _Seen] = {}
    for batch in table.to_batches(_ROWS):
        for row in batch.to_pylist():
            one = seen.get(row["url"])
            if one is None:
                one = seen[row["url"]] = _Seen()
            if row["kind"] == _SHOWN:
                one.count += row["count"]
                one.kept |= row["kept"]
                one.tell(row["extra"], row["expected"])
            elif row["kind"] == _RECORD:
                date = row["date"].isoformat() if row["date"] else _NO_DATE
                record = date, row["warc"], row["offset"], row["length"]
                one.record = record if one.record is None else min(one.record, record)
            else:
                one.say(row["kind"], row["text"], row["count"], row["document_id"], row["kept"])
    return {url: one for url, one in seen.items() if one.count}


def _write_group(context: Context, args: Json, group: int, seen: Mapping[str, _Seen]) -> int:
    """Writes the parts of a group; how many there are."""
    name = group_name(group)
    parts = int(args["known"].get(name) or max(1, -(-len(seen) // PART_ROWS)))
    ids = {url: xxhash.xxh3_128_digest(url.encode("utf-8", "surrogatepass")) for url in seen}
    for number, part in enumerate(part_names(name, parts)):
        mine = [url for url in seen if int.from_bytes(ids[url][:8], "little") % parts == number]
        mine.sort(key=lambda url: (url_host(url), ids[url]))
        source = {"groups": int(args["groups"]), "parts": parts}
        _write_part(context, part, [ids[url] for url in mine], [(url, seen[url]) for url in mine], source, str(args["method"]))
    return parts


def _write_part(
    context: Context, part: str, ids: Sequence[bytes], images: Sequence[tuple[str, _Seen]], source: Json, method: str
) -> None:  # fmt: skip
    """Writes `image`, unless its rows are those that are there, and `reached` of a part."""
    kinds, most = context.recipe.captions.kinds, context.recipe.captions.most
    rows: list[Json] = []
    marks: list[Json] = []
    gone = context.removed({"id": pa.array(ids, ID_TYPE), context.table.url: pa.array([url for url, _ in images], pa.string())})
    for (url, one), removed in zip(images, gone, strict=True):
        captions = [] if removed else one.best(most)
        _, warc, offset, length = (None if removed else one.record) or ("", None, None, None)
        rows.append({
            "url": url, "references": min(one.count, np.iinfo(np.int32).max), "warc": warc, "offset": offset, "length": length,
            "extra": None if removed else one.extra, "expected": one.expected,
            "captions": [
                {"text": text, "kind": kinds[kind], "document_id": document, "count": min(count, np.iinfo(np.int32).max)}
                for kind, text, count, document, _ in captions
            ],
        })  # fmt: skip
        marks.append({"reached": one.kept, "captions": [kept for *_, kept in captions]})
    schema = pa.schema(list(IMAGE_SCHEMA)[1:])
    found = pa.array(ids, ID_TYPE)
    batch, reached = pa.RecordBatch.from_pylist(rows, schema=schema), pa.RecordBatch.from_pylist(marks, schema=REACHED_SCHEMA)
    digest = xxhash.xxh3_128_hexdigest(b"".join(ids) + bytes(memoryview(batch.serialize())))
    if not _is_there(context, part, digest):
        with context.writer(context.table.first, part, schema) as writer:
            writer.write(found, batch)
            writer.commit(context.plan.ingest_method, source={"digest": digest, **source})
    with context.writer(REACHED, part, REACHED_SCHEMA) as writer:
        writer.write(found, reached)
        told = xxhash.xxh3_128_hexdigest(bytes(memoryview(reached.serialize())))
        writer.commit(method, extra={"marks": told})


def _is_there(context: Context, part: str, digest: str) -> bool:
    try:
        footer = read_footer(context.path(context.table.first, part))
    except StorageError:
        return False
    return footer is not None and footer.method == context.plan.ingest_method and footer.source.get("digest") == digest
