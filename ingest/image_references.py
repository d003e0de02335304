"""The table `references`: one row an image that a page shows, with what the page says of it, or a row of a table of images."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import xxhash

from core.hashing import ID_TYPE
from core.scorer import column
from ingest.cut import cut_utf8
from ingest.image_addresses import BAD_ADDRESS, ImageOptions, resolve
from ingest.options import HASHES

REFERENCE_SCHEMA = pa.schema(
    [
        column("id", ID_TYPE, "xxh3-128 of the document's id and the position"),
        column("document_id", ID_TYPE, "the page that shows it"),
        column("position", pa.int32(), "its place among the page's images, from 0", low=0),
        column("kind", pa.string(), "`img`, of <img> and <picture>, `shared` (og:image), `row` of a table, or `held` by the input"),
        column("url", pa.string(), "absolute address, of the largest of several sizes"),
        column("reason", pa.string(), "why it is not to be fetched; null if it is"),
        column("alt", pa.string(), "alternative text"),
        column("figcaption", pa.string(), "caption of its figure, or of a box that is one by its class"),
        column("legend", pa.string(), "what else its figure says"),
        column("title", pa.string(), "its title"),
        column("before", pa.string(), "the text before it", unit="characters, at most 200"),
        column("after", pa.string(), "the text after it", unit="characters, at most 200"),
        column("caption", pa.string(), "caption in a table"),
        column("file_name", pa.string(), "words of the file's name, where nothing else says what it shows"),
        column("extra", pa.string(), "further columns of its row in a table, as a JSON object"),
        column("expected", pa.string(), "the digest that a table says its bytes have, `sha256:…`"),
        column("image", ID_TYPE, "xxh3-128 of its bytes, of one that the input holds"),
        column("file", pa.string(), "the file that holds it, relative to the input's prefix"),
        column("offset", pa.int64(), "where its bytes begin in that file", unit="bytes"),
        column("length", pa.int64(), "how many they are", unit="bytes"),
    ]
)
_TEXTS = ("alt", "figcaption", "legend", "title", "before", "after")
_OF_TABLES = ("caption", "file_name", "extra", "expected", "image", "file", "offset", "length")
#: Characters that are kept of what is no address.
_SHOWN = 200


def references_of(documents: pa.RecordBatch, options: ImageOptions) -> pa.RecordBatch:
    """The references (REFERENCE_SCHEMA) of pages, a batch with `id`, `url`, `form` and `content`, in their order."""
    from ingest.extraction.images import references  # loads kernels
    from ingest.extraction.scan import scan

    columns: dict[str, list[object]] = {name: [] for name in REFERENCE_SCHEMA.names}
    pages = (documents.column(name) for name in ("id", "url", "form", "content"))
    for id, url, form, content in zip(*pages, strict=True):
        if form.as_py() != "html":
            continue
        page = id.as_py()
        data = cut_utf8(np.frombuffer(content.as_buffer() or b"", np.uint8), options.max_html)
        for found in references(data, scan(data), url.as_py() or "", options):
            columns["id"].append(xxhash.xxh3_128_digest(page + found.position.to_bytes(4, "little")))
            columns["document_id"].append(page)
            columns["position"].append(found.position)
            columns["kind"].append(found.kind)
            columns["url"].append(found.url)
            columns["reason"].append(found.reason or None)
            for name in _TEXTS:
                columns[name].append(getattr(found, name))
            for name in _OF_TABLES:
                columns[name].append(None)
    return _batch(columns)


def pairs_of(documents: pa.RecordBatch, options: ImageOptions, hash: tuple[str, str] | None = None) -> pa.RecordBatch:
    """The references (REFERENCE_SCHEMA) of rows of a table of images, a batch with `id`, `url`, `extra` and `content`, which is
    the caption. `hash` is the further column with a digest of the bytes, and which digest."""
    columns: dict[str, list[object]] = {name: [] for name in REFERENCE_SCHEMA.names}
    rows = (documents.column(name).to_pylist() for name in ("id", "url", "content", "extra"))
    for id, address, caption, extra in zip(*rows, strict=True):
        url, reason = resolve("", address.strip(), options)
        told: dict[str, Any] = json.loads(extra) if extra else {}
        values: dict[str, object] = {
            "id": xxhash.xxh3_128_digest(id + bytes(4)), "document_id": id, "position": 0, "kind": "row",
            "url": url or address[:_SHOWN], "reason": reason or (None if url else BAD_ADDRESS),
            "caption": caption or None, "extra": extra,
        }  # fmt: skip
        if hash is not None and (digest := _digest(told.get(hash[0]), hash[1])):
            values["expected"] = digest
        for name in columns:
            columns[name].append(values.get(name))
    return _batch(columns)


def held_of(documents: pa.RecordBatch) -> pa.RecordBatch:
    """The references (REFERENCE_SCHEMA) of images that the input holds, a batch with `id`, `url`, `form`, `warc`, `offset`,
    `length`, `extra`, `image` and `content`, which is the caption."""
    names = ("id", "url", "form", "warc", "offset", "length", "extra", "image", "content")
    rows = zip(*(documents.column(name).to_pylist() for name in names), strict=True)
    columns: dict[str, list[object]] = {name: [] for name in REFERENCE_SCHEMA.names}
    for id, url, form, file, offset, length, extra, image, caption in rows:
        values: dict[str, object] = {
            "id": xxhash.xxh3_128_digest(id + bytes(4)), "document_id": id, "position": 0, "kind": "held", "url": url,
            "extra": extra, "image": image, "file": file, "offset": offset, "length": length,
            "file_name" if form == "file_name" else "caption": caption or None,
        }  # fmt: skip
        for name in columns:
            columns[name].append(values.get(name))
    return _batch(columns)


def _digest(value: Any, kind: str) -> str:
    """A digest as references have it; empty if the value is none, as tables have rows without."""
    text = value.strip().lower() if isinstance(value, str) else ""
    return f"{kind}:{text}" if len(text) == HASHES[kind] and not set(text) - set("0123456789abcdef") else ""


def _batch(columns: dict[str, list[object]]) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array(columns[f.name], f.type) for f in REFERENCE_SCHEMA], schema=REFERENCE_SCHEMA)
