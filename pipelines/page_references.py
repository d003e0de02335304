"""The images that pages show, found so that a page which makes the search fail, hang or crash costs only its own.

Such a page has one row in the table `references`, with a reason and no address: it is counted, and the run goes on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, cast

import numpy as np
import pyarrow as pa
import xxhash

from ingest.image_addresses import ImageOptions
from ingest.image_references import REFERENCE_SCHEMA, held_of, pairs_of, references_of
from pipelines import isolate
from pipelines.isolate import Limits
from pipelines.layers import LayerWriter
from pipelines.notes import NoteBook
from pipelines.pool import Suspect

if TYPE_CHECKING:
    from core.scorer import Scorer

#: What a worker notes while it searches, and the reason of a page whose images are not known.
LAYER = "references"
FAILED = f"error:{LAYER}"
_COLUMNS = ("id", "url", "form", "content")
_FOUND = pa.list_(pa.struct(list(REFERENCE_SCHEMA)))
#: Pages that are searched in one go.
_ROWS = 16


@dataclass(frozen=True)
class PageReferences:
    """The references of each page as a scorer, so that bad pages are found as bad rows are."""

    options: ImageOptions

    name: ClassVar[str] = LAYER
    inputs: ClassVar[tuple[str, ...]] = _COLUMNS
    schema: ClassVar[pa.Schema] = pa.schema([pa.field("found", _FOUND)])

    def score(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        found = [references_of(batch.slice(row, 1), self.options) for row in range(len(batch))]
        offsets = pa.array(np.cumsum([0, *map(len, found)]), pa.int32())
        rows = pa.concat_arrays([one.to_struct_array() for one in found]).cast(_FOUND.value_type)
        return pa.RecordBatch.from_arrays([pa.ListArray.from_arrays(offsets, rows, type=_FOUND)], schema=self.schema)


class ReferenceWriter:
    """Writes the references of a part's pages, some at a time; `suspects` are what killed workers that did it before."""

    def __init__(self, writer: LayerWriter, options: ImageOptions, suspects: Sequence[Suspect], limits: Limits) -> None:
        self._writer, self._options, self._limits = writer, options, limits
        # It has all that is asked of a scorer here.
        self._scorer = cast("Scorer", PageReferences(options))
        self._suspects = [suspect for suspect in suspects if suspect.layer == LAYER]
        self.reasons = Counter[str]()

    def write(self, documents: pa.RecordBatch, start: int, notes: NoteBook) -> None:
        """Adds the references of pages, of which the first is row `start` of the part."""
        pages = documents.select(list(_COLUMNS))
        for low in range(0, len(pages), _ROWS):
            some = pages.slice(low, _ROWS)
            scored = self._search(some, start + low, notes)
            found = pa.concat_arrays([scored.columns.column(0).flatten(), _failures(some.column("id"), scored.errors)])
            self._add(pa.RecordBatch.from_struct_array(found))

    def write_pairs(self, rows: pa.RecordBatch, hash: tuple[str, str] | None) -> None:
        """Adds the references that rows of a table of images are; `hash` as `ingest.image_references.pairs_of` has it."""
        self._add(pairs_of(rows, self._options, hash))

    def write_held(self, rows: pa.RecordBatch) -> None:
        """Adds the references that images of the input are."""
        self._add(held_of(rows))

    def _add(self, rows: pa.RecordBatch) -> None:
        self.reasons.update(reasons_of([rows]))
        self._writer.write(rows.column(0), pa.RecordBatch.from_arrays(rows.columns[1:], schema=_REST))

    def _search(self, pages: pa.RecordBatch, start: int, notes: NoteBook) -> isolate.Scored:
        stop = start + len(pages)
        notes.scoring(LAYER, start, stop)
        # Two deaths in one part: there may be many such pages, and each would cost a worker.
        if len(self._suspects) > 1 or any(s.start < stop and start < s.stop for s in self._suspects):
            return isolate.score_in_child(self._scorer, pages, self._limits, lambda: notes.scoring(LAYER, start, stop))
        return isolate.score(self._scorer, pages)


def reasons_of(references: Iterable[pa.RecordBatch]) -> Counter[str]:
    """How many references there are by reason; empty: those that may be fetched."""
    return Counter(reason or "" for rows in references for reason in rows.column("reason").to_pylist())


_REST = pa.schema(list(REFERENCE_SCHEMA)[1:])


def _failures(ids: pa.Array, errors: pa.Array) -> pa.Array:
    """A row for each page whose images could not be searched for."""
    blank = dict.fromkeys(REFERENCE_SCHEMA.names)
    rows = [
        {**blank, "id": xxhash.xxh3_128_digest(id + FAILED.encode()), "document_id": id, "reason": FAILED}
        for id, error in zip(ids.to_pylist(), errors.to_pylist(), strict=True) if error is not None
    ]  # fmt: skip
    return pa.array(rows, _FOUND.value_type)
