"""The tables that scorers and rules work on: what a row of each is called, and what stands in its first layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from ingest.batches import PAGE_SCHEMA, UNSTORED
from pipelines.image_layers import FETCHED_SCHEMA, IMAGE_SCHEMA, REACHED, REACHED_SCHEMA


@dataclass(frozen=True)
class Table:
    """A table with scorers, rules and fates.

    `first` is its first layer, of the columns `schema`; `follows` are those that follow from a record's id alone; `made` are
    columns that are made while reading, and stored nowhere; `shown` are those that the report counts beside scores.
    `beside` is the layer that the pipeline writes beside the first, with its columns; `order` are those that an election looks
    at (`pipelines.source_rows`). `others` are other names of stored columns, by which scorers of one text read the caption of an
    image; a name for nothing is a column of nulls.
    """

    name: str
    first: str
    schema: pa.Schema
    follows: frozenset[str]
    made: Mapping[str, pa.DataType]
    shown: tuple[str, ...]
    order: tuple[str, ...]
    beside: tuple[str, pa.Schema] | None = None
    others: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def url(self) -> str:
        """The column with the address of a row."""
        return f"{self.first}.url"

    @property
    def host(self) -> str:
        """The column with its host, which is made while reading."""
        return f"{self.first}.host"

    def field(self, column: str) -> pa.Field:
        """A column of the first layer, or of that beside it, by its full name."""
        layer, _, name = column.partition(".")
        if column in self.others:
            return REACHED_SCHEMA.field("caption").with_name(name)
        schema = self.schema if layer == self.first or self.beside is None else self.beside[1]
        return schema.field(name)

    def columns(self) -> dict[str, pa.DataType]:
        """The columns that rules and scorers can read before any scorer, by full name."""
        found = {f"{self.first}.{f.name}": f.type for f in self.schema if f.name != "id" and f.name not in UNSTORED}
        if self.beside is not None:
            found |= {f"{self.beside[0]}.{f.name}": f.type for f in self.beside[1]}
        return found | dict.fromkeys((self.host, *self.others), pa.string())


DOCUMENTS = Table(
    "documents", "page", PAGE_SCHEMA, frozenset({"page.url", "page.content", "page.form", "page.host"}), {},
    tuple(f"page.{name}" for name in ("url", "date", "status", "content_type", "charset", "truncated")),
    ("page.date", "text.characters"),
)  # fmt: skip
#: The bytes of images, and their pixels in one column for all scorers (`core.images.columns`).
BYTES, DECODED = "image.bytes", "image.decoded"
#: The chosen caption of an image.
CAPTION = "image.caption"
#: Of an image only what its address and its bytes say follows from its id: bytes that were got stay got.
IMAGES = Table(
    "images", "image", IMAGE_SCHEMA,
    frozenset({"image.url", "image.host", BYTES, DECODED, *(f"fetched.{f.name}" for f in FETCHED_SCHEMA)}),
    {BYTES: pa.large_binary(), DECODED: pa.null()},
    ("image.url", CAPTION, "image.references",
     *(f"fetched.{name}" for name in ("status", "source", "format", "width", "height", "size"))),
    ("fetched.width", "fetched.height", "fetched.size"), ("fetched", FETCHED_SCHEMA),
    {CAPTION: f"{REACHED}.caption", "text.text": f"{REACHED}.caption", "text.title": "", "page.host": ""},
)  # fmt: skip
TABLES: Mapping[str, Table] = {table.name: table for table in (DOCUMENTS, IMAGES)}
#: The first layer of every table, also of those without scorers.
FIRST_LAYERS: Mapping[str, str] = {
    "records": "record", "references": "reference", **{table.name: table.first for table in TABLES.values()}
}  # fmt: skip


def other_names(table: str) -> Mapping[str, str]:
    """The other names of columns of a table, also of one without scorers."""
    return TABLES[table].others if table in TABLES else {}
