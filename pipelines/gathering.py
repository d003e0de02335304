"""References to images, as tasks: collect those of each document part, and build the images of each group of hosts.

References travel packed, with captions counted, in the order of their images; a group holds all images of a host, so that one
task at a time asks it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain, islice
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
from pipelines.exchange import Mapped, Pointer
from pipelines.image_layers import IMAGE_SCHEMA, REACHED, REACHED_SCHEMA, part_names
from pipelines.layers import RowReader, layer_path, read_footer
from pipelines.matching import send
from pipelines.partitions import chunks_by, most_groups, partition_of, power
from pipelines.passes import Passes
from pipelines.plan import FATE
from pipelines.progress import Pass
from pipelines.sources import Source, part_sources
from pipelines.view import Joined

Json = dict[str, Any]
NAME = "gather images"
#: Groups of hosts, of so many references each, and images of one part of a group: a later run may double both, and never
#: goes back.
FEWEST_GROUPS, MOST_GROUPS, GROUP_REFERENCES = 2, 4096, 20_000
PART_ROWS = 2_500
#: A caption is cut at so many characters; of an image a document part sends so many times as many as are kept.
MOST_CHARACTERS, SENT = 4096, 4
#: What a row of ITEMS is if it is no caption: how often an image stands there, and a record that holds it.
_SHOWN, _RECORD = -1, -2
ITEMS = pa.schema([
    ("key", pa.uint64()), ("url", pa.string()), ("kind", pa.int8()), ("text", pa.string()), ("document_id", ID_TYPE),
    ("count", pa.int64()), ("kept", pa.bool_()), ("date", TIMESTAMP), ("warc", pa.string()), ("offset", pa.int64()),
    ("length", pa.int64()), ("extra", pa.string()), ("expected", pa.string()), ("image", ID_TYPE),
])  # fmt: skip
_ROWS = 1 << 13
#: Keys that are sorted at a time, to count images.
_SLAB = 1 << 22
_NO_DATE = "9999"


def groups_for(references: int) -> int:
    """How many groups of hosts a first run with so many references makes."""
    return min(max(power(references, GROUP_REFERENCES), FEWEST_GROUPS), MOST_GROUPS)


def group_name(groups: int, group: int) -> str:
    """What one of so many groups of hosts is called; its parts have theirs behind it (`image_layers.part_names`)."""
    return f"hosts-{groups:04d}-{group:04d}"


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
    """An image as references show it: its address, the smallest of one that the input holds (`image` is the digest of its
    bytes); how often, whether a page that is kept does, and its captions: by (kind, text) how often, the smallest id of a page,
    and whether one that is kept says it."""

    url: str
    image: bytes | None = None
    count: int = 0
    kept: bool = False
    captions: dict[tuple[int, str], tuple[int, bytes, bool]] = field(default_factory=dict[tuple[int, str], tuple[int, bytes, bool]])
    #: Of the record that holds it: its date, file, offset and length.
    record: tuple[str, str, int, int] | None = None
    #: What a table has beside of it, with the row that has it, and the digest that it says its bytes have: the smallest.
    extra: tuple[str, bytes] | None = None
    expected: str | None = None

    def tell(self, extra: str | None, document: bytes | None, expected: str | None) -> None:
        told = None if extra is None or document is None else (extra, document)
        self.extra = min((one for one in (self.extra, told) if one is not None), default=None)
        self.expected = min((one for one in (self.expected, expected) if one is not None), default=None)

    def hold(self, date: str, file: str, offset: int, length: int) -> None:
        record = date, file, offset, length
        self.record = record if self.record is None else min(self.record, record)

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
        batch = _packed(chain(_items(seen, context.recipe.captions.most * SENT, groups), _records(context, part, groups)))
        del seen
        batch = batch.take(pa.array(np.argsort(batch.column("key").to_numpy(), kind="stable")))
        chunks = chunks_by(batch, partition_of(batch.column("key").to_numpy(), groups), groups // receivers)
        emit += send(context, f"images-{ordinal:08d}-{number:06d}", ["images"], chunks, ITEMS)
    return {"rows": references, "emit": emit}


def _packed(items: Iterator[Json]) -> pa.RecordBatch:
    """Items as one batch (ITEMS); few of them are rows of Python at a time."""
    some = [pa.RecordBatch.from_pylist([], schema=ITEMS)]
    while rows := list(islice(items, _ROWS)):
        some.append(pa.RecordBatch.from_pylist(rows, schema=ITEMS))
    return pa.concat_batches(some)


def _of_part(context: Context, part: str) -> dict[bytes, _Seen]:
    """The images that the pages of a part show, by id."""
    kinds = context.recipe.captions.kinds
    documents = context.of("documents")
    kept: set[bytes] = set()
    with documents.joined(part, [f"{FATE}.kept"]) as view:
        for batch in view.batches():
            kept.update(batch["id"].filter(batch[f"{FATE}.kept"]).to_pylist())
    seen: dict[bytes, _Seen] = {}
    path = layer_path(context.store, "references", "reference", part)
    first = ["document_id", "url", "extra", "expected", "image", "file", "offset", "length"]
    reader = RowReader(path, [*first, "reason", *kinds])
    try:
        for batch in reader.batches(_ROWS):
            batch = batch.filter(pc.is_null(batch.column("reason")))
            texts = [batch.column(kind).to_pylist() for kind in kinds]
            columns = (batch.column(i).to_pylist() for i in range(len(first)))
            for row, (document, url, extra, expected, image, *place) in enumerate(zip(*columns, strict=True)):
                if not url:
                    continue
                id = image or _id(url)
                one = seen.get(id)
                if one is None:
                    one = seen[id] = _Seen(url, image)
                if image is not None:
                    one.url = min(one.url, url)
                    one.hold(_NO_DATE, *place)
                is_kept = document in kept
                one.count += 1
                one.kept |= is_kept
                one.tell(extra, document, expected)
                for kind, column in enumerate(texts):
                    text = (column[row] or "").strip()[:MOST_CHARACTERS]
                    if text:
                        one.say(kind, text, 1, document, is_kept)
    finally:
        reader.close()
    return seen


def _items(seen: Mapping[bytes, _Seen], most: int, groups: int) -> Iterator[Json]:
    for one in seen.values():
        common = {"key": _key(one.url, groups, one.image), "url": one.url, "image": one.image}
        extra, document = one.extra or (None, None)
        told = {"extra": extra, "document_id": document, "expected": one.expected}
        yield {**common, "kind": _SHOWN, "count": one.count, "kept": one.kept, **told}
        if one.record is not None:
            _, file, offset, length = one.record
            yield {**common, "kind": _RECORD, "warc": file, "offset": offset, "length": length}
        for kind, text, count, document, kept in one.best(most):
            yield {**common, "kind": kind, "text": text, "document_id": document, "count": count, "kept": kept}


def _records(context: Context, part: str, groups: int) -> Iterator[Json]:
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
                    yield {"key": _key(row["url"], groups), "url": row["url"], "kind": _RECORD, "warc": warc, **place}


def _id(url: str) -> bytes:
    return xxhash.xxh3_128_digest(url.encode("utf-8", "surrogatepass"))


def _key(url: str, groups: int, image: bytes | None = None) -> int:
    """An image's place in the order of all: by its group, which follows from its host, or of `image`, which the input holds, from
    its bytes, then by its id."""
    bits = groups.bit_length() - 1
    group = xxhash.xxh3_64_intdigest(url_host(url).encode() if image is None else image) >> (64 - bits)
    return group << (64 - bits) | int.from_bytes((image or _id(url))[:8], "big") >> bits


def build(context: Context, args: Json) -> Json:
    """Writes the images of some groups of hosts, one part after the other: in memory are the images of one."""
    receiver, groups, receivers = int(args["key"][1]), int(args["groups"]), int(args["receivers"])
    found = Mapped(context.store, (Pointer.from_json(value) for value in args["values"] if value is not None))
    items = _Sorted(found)
    together = groups // receivers
    built: dict[str, int] = {}
    for group in range(receiver * together, (receiver + 1) * together):
        name, low, width = group_name(groups, group), group * (1 << 64) // groups, (1 << 64) // groups
        parts = max(int(args["known"].get(name, 1)), power(items.images(low, low + width), PART_ROWS))
        for number, part in enumerate(part_names(name, parts)):
            start = low + number * width // parts
            _write_part(context, part, _merged(context, items.between(start, start + width // parts)), str(args["method"]))
            found.forget()
        built[name] = parts
    return {"built": built, "rows": sum(len(batch) for batch in found.batches)}


class _Sorted:
    """Items of several senders, each chunk in the order of its keys; `found` may let go of their pages at any time."""

    def __init__(self, found: Mapped) -> None:
        self._batches = found.batches
        self._keys = [batch.column("key").to_numpy() for batch in found.batches]

    def between(self, low: int, high: int) -> Iterator[pa.RecordBatch]:
        """The items whose keys are from `low` to below `high`."""
        for batch, (start, stop) in zip(self._batches, self._bounds(low, high), strict=True):
            if start < stop:
                yield batch.slice(start, stop - start)

    def images(self, low: int, high: int) -> int:
        """How many different keys there are; of many those of a slab are looked at at a time."""
        some = [keys[start:stop] for keys, (start, stop) in zip(self._keys, self._bounds(low, high), strict=True) if start < stop]
        if sum(map(len, some)) > _SLAB and high - low > 1:
            middle = (low + high) // 2
            return self.images(low, middle) + self.images(middle, high)
        return len(np.unique(np.concatenate(some))) if some else 0

    def _bounds(self, low: int, high: int) -> Iterator[tuple[int, int]]:
        for keys in self._keys:
            ends = (len(keys) if bound >> 64 else int(np.searchsorted(keys, np.uint64(bound))) for bound in (low, high))
            yield next(ends), next(ends)


def _merged(context: Context, batches: Iterable[pa.RecordBatch]) -> dict[bytes, _Seen]:
    """The images of some items by id."""
    seen: dict[bytes, _Seen] = {}
    most = context.recipe.captions.most * SENT
    for row in (row for batch in batches for start in range(0, len(batch), _ROWS) for row in batch.slice(start, _ROWS).to_pylist()):
        url, image = row["url"], row["image"]
        id = image or _id(url)
        one = seen.get(id)
        if one is None:
            one = seen[id] = _Seen(url, image)
        if image is not None:
            one.url = min(one.url, url)
        if row["kind"] == _SHOWN:
            one.count += row["count"]
            one.kept |= row["kept"]
            one.tell(row["extra"], row["document_id"], row["expected"])
        elif row["kind"] == _RECORD:
            date = row["date"].isoformat() if row["date"] else _NO_DATE
            one.hold(date, row["warc"], row["offset"], row["length"])
        else:
            one.say(row["kind"], row["text"], row["count"], row["document_id"], row["kept"])
            if len(one.captions) > most * SENT:  # a picture on a million pages, with another text on each
                one.captions = {(kind, text): (n, id, kept) for kind, text, n, id, kept in one.best(most)}
    return {id: one for id, one in seen.items() if one.count}


def _write_part(context: Context, part: str, seen: Mapping[bytes, _Seen], method: str) -> None:
    """Writes `image`, unless its rows are those that are there, and `reached` of a part."""
    kinds, most = list[str](context.recipe.captions.kinds), context.recipe.captions.most
    prefer = [kinds.index(kind) for kind in context.recipe.captions.preferred]
    ids = [id for _, id in sorted((url_host(one.url) if one.image is None else "", id) for id, one in seen.items())]  # by host
    images = [(seen[id].url, seen[id]) for id in ids]
    rows: list[Json] = []
    marks: list[Json] = []
    gone = context.removed({"id": pa.array(ids, ID_TYPE), context.table.url: pa.array([url for url, _ in images], pa.string())})
    for (url, one), removed in zip(images, gone, strict=True):
        captions = [] if removed else one.best(most)
        _, warc, offset, length = (None if removed else one.record) or ("", None, None, None)
        extra, document_id = (None if removed else one.extra) or (None, None)
        rows.append({
            "url": url, "references": min(one.count, np.iinfo(np.int32).max), "warc": warc, "offset": offset, "length": length,
            "extra": extra, "document_id": document_id, "expected": one.expected,
            "captions": [
                {"text": text, "kind": kinds[kind], "document_id": document, "count": min(count, np.iinfo(np.int32).max)}
                for kind, text, count, document, _ in captions
            ],
        })  # fmt: skip
        said = {kind: text for kind, text, _, _, kept in reversed(captions) if kept}  # of a kind the first
        caption = next((said[kind] for kind in prefer if kind in said), "")
        marks.append({"reached": one.kept, "captions": [kept for *_, kept in captions], "caption": caption})
    schema = pa.schema(list(IMAGE_SCHEMA)[1:])
    found = pa.array(ids, ID_TYPE)
    batch, reached = pa.RecordBatch.from_pylist(rows, schema=schema), pa.RecordBatch.from_pylist(marks, schema=REACHED_SCHEMA)
    digest = xxhash.xxh3_128_hexdigest(b"".join(ids) + bytes(memoryview(batch.serialize())))
    if not _is_there(context, part, digest):
        asked = xxhash.xxh3_128_hexdigest(bytes(memoryview(batch.select(["expected"]).serialize())))
        with context.writer(context.table.first, part, schema) as writer:
            writer.write(found, batch)
            writer.commit(context.plan.ingest_method, source={"digest": digest}, extra={"expected": asked})
    with context.writer(REACHED, part, REACHED_SCHEMA) as writer:
        writer.write(found, reached)
        told = xxhash.xxh3_128_hexdigest(bytes(memoryview(reached.serialize())))
        looked_at = [row for row, mark in zip(rows, marks, strict=True) if mark["reached"]]
        held = sum(row["warc"] is not None for row in looked_at)
        writer.commit(method, extra={"marks": told, "reached": len(looked_at), "held": held})


def _is_there(context: Context, part: str, digest: str) -> bool:
    try:
        footer = read_footer(context.path(context.table.first, part))
    except StorageError:
        return False
    return footer is not None and footer.method == context.plan.ingest_method and footer.source.get("digest") == digest
