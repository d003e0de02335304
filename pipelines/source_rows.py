"""Reads the rows of a source of an election: who takes part, the keys of each layer, signatures and shingles.

What an earlier run kept comes before everything of this one, and its order is not asked again.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from core.errors import InputError
from core.hashing import ID_TYPE, digest
from core.spans import covered_bytes
from dedup.buckets import signature_digests
from dedup.election import EARLIER as EARLIER_DATE
from dedup.election import NO_DATE
from dedup.minhash import MinHash
from dedup.perceptual_pairs import thousandths
from dedup.sketches import signatures_of_table
from ingest.files import open_file
from pipelines.context import Context
from pipelines.fates import is_blank, judge
from pipelines.looks import LOOKS, is_look, look_layers
from pipelines.plan import FATE, KEPT_BEFORE, Layer, Plan, Step
from pipelines.slabs import rows_in
from pipelines.sources import EARLIER, PART, TABLE, Source, earlier_plan, near_layers, near_scorer
from pipelines.store import Store
from pipelines.tables import DOCUMENTS
from pipelines.view import NARROW_BATCH_ROWS, Columns, Joined, edit_columns, edited_text

I64 = npt.NDArray[np.int64]
U32 = npt.NDArray[np.uint32]
Mask = npt.NDArray[np.bool_]
#: Bytes that a table is read by.
_BUFFER = 1 << 20
_CHARACTERS = "text.characters"
#: Edits leave nothing but white space only of a text of which they cover so small a part or more, one in so many: a cut line leaves
#: its end and the blank lines beside it. Of texts that are white space for the most part the fates see it.
MOST_WHITE = 4


@dataclass(frozen=True, eq=False)
class Rows:
    """A batch of rows: what the order of an election looks at, who takes part, and the keys of each layer."""

    ids: pa.Array
    date: pa.Array
    length: pa.Array
    alive: Mask
    columns: Columns


class Reader:
    """Reads the rows of one source. `text` says whether their texts are at hand."""

    def __init__(self, context: Context, source: Source) -> None:
        self.context, self.source = context, source

    @cached_property
    def plan(self) -> Plan:
        """The plan that made the source's layers."""
        return earlier_plan(self.source.root) if self.source.kind == EARLIER else self.context.plan

    @cached_property
    def store(self) -> Store:
        return Store(self.source.root) if self.source.kind == EARLIER else self.context.store

    @property
    def text(self) -> bool:
        if self.source.kind == TABLE:
            return False
        return self.source.kind == PART or self.store.path("documents", "text", f"{self.source.name}.parquet").is_file()

    def rows(self, columns: Sequence[str]) -> Iterator[Rows]:
        """All rows with the columns (`layer.column`) that the source has."""
        if self.source.kind == TABLE:
            yield from self._table_rows()
        elif self.source.kind == EARLIER:
            yield from self._earlier_rows(columns)
        else:
            yield from self._part_rows(columns)

    def signatures(self, layer: Layer, places: I64) -> pa.Array:
        """The signatures of the rows at `places` (sorted); of images their looks, structs of LOOKS."""
        if self.source.kind == TABLE:
            scorer = near_scorer(layer)
            batches = ({"signature": self._table_signatures(batch, start, scorer)} for start, batch in self._table())
            return self._taken(batches, "signature", places)
        if is_look(layer):
            columns = [self.column(f"{layer.name}.{name}", places) for name in LOOKS]
            return pa.StructArray.from_arrays(columns, LOOKS)
        return self.column(f"{layer.name}.signature", places)

    def column(self, name: str, places: I64) -> pa.Array:
        """A column of the rows at `places` (sorted)."""
        pieces: list[pa.Array] = []
        for part, start, mine in self._by_part(places):
            with self._joined(part, [name], self.plan.edits_before(self.plan.duplicates_position)) as view:
                pieces.append(self._taken(view.batches(), name, mine - start))
        return pa.concat_arrays(pieces)

    def emptied(self, places: I64) -> Mask:
        """Which rows at `places` (sorted) have nothing left of their text, by the edits that are known by now. Shape (m,).

        Texts are read only of parts with rows whose edits may cover the text, and only as far as the last of these.
        """
        found = np.zeros(len(places), bool)
        edits = self.plan.edits_known
        if self.source.kind != PART or not edits:
            return found
        for part, start, mine in self._by_part(places):
            low = int(np.searchsorted(places, start))
            at = np.flatnonzero(self._coverable(part, mine - start))
            found[low + at] = self._blank(part, mine[at] - start)
        return found

    def _coverable(self, part: str, rows: I64) -> Mask:
        """Which rows of a part (sorted) have edits that may cover all of the text but white space; all where texts are captions."""
        if self.plan.table is not DOCUMENTS:
            return np.ones(len(rows), bool)
        names = edit_columns(self.plan.edits_known)
        found: list[Mask] = [np.zeros(0, bool)]
        with self._joined(part, [_CHARACTERS, *names]) as view:
            for batch, wanted, _ in rows_in(view.batches(), rows):
                taken = pa.array(wanted)
                characters = batch[_CHARACTERS].take(taken).fill_null(0).to_numpy().astype(np.int64)
                found.append(covered_bytes([batch[name].take(taken) for name in names], len(taken)) * MOST_WHITE >= characters)
        return np.concatenate(found)

    def _blank(self, part: str, rows: I64) -> Mask:
        """Which rows of a part (sorted) are blank after the edits."""
        edits = self.plan.edits_known
        found = np.zeros(len(rows), bool)
        if not len(rows):
            return found
        done = 0
        with self._joined(part, ["text.text", *edit_columns(edits)]) as view:
            for batch, wanted, _ in rows_in(view.batches(), rows):
                taken = pa.array(wanted)
                texts = edited_text({name: array.take(taken) for name, array in batch.items()}, edits)
                found[done : done + len(taken)] = is_blank(texts)
                done += len(taken)
                if done == len(rows):
                    break
        return found

    def shingles(self, layer: Layer, places: I64) -> Iterator[tuple[I64, I64, U32]]:
        """The shingle sets of the texts at `places` (sorted), some rows at a time: places, offsets, hashes."""
        theirs = self.plan.by_name[layer.name]
        scorer = near_scorer(layer)
        edits = self.plan.edits_before(theirs.position) if scorer.read == "edited" else ()
        column = "text.edited" if edits else "text.text"
        for part, start, mine in self._by_part(places):
            with self._joined(part, [column], edits) as view:
                for batch, wanted, first in rows_in(view.batches(), mine - start):
                    offsets, hashes = scorer.shingle_sets(batch[column].take(pa.array(wanted)))
                    yield wanted + first + start, offsets, hashes

    def _joined(self, part: str, columns: Iterable[str], edits: Sequence[Layer] = ()) -> Joined:
        return Joined(self.store, part, columns, edits, self.plan.table.name)

    def _by_part(self, places: I64) -> Iterator[tuple[str, int, I64]]:
        """The parts that have some of the places (sorted): name, the place of its first row, its places."""
        start = 0
        for name, rows in self.source.of_parts:
            low, high = np.searchsorted(places, [start, start + rows])
            if high > low:
                yield name, start, places[low:high]
            start += rows

    def _taken(self, batches: Iterator[Columns], name: str, places: I64) -> pa.Array:
        pieces: list[pa.Array] = []
        start = 0
        for batch in batches:  # of each, so that there is an array of the right type where no place is
            column = batch[name]
            low, high = np.searchsorted(places, [start, start + len(column)])
            pieces.append(column.take(pa.array(places[low:high] - start)))
            start += len(column)
        return pa.concat_arrays(pieces)

    def _part_rows(self, columns: Sequence[str]) -> Iterator[Rows]:
        plan = self.plan
        steps = plan.steps_before(plan.duplicates_position) if plan.dedup_layers else ()
        wanted = {*plan.table.order, plan.table.url, *columns, *(c for step in steps for c in step.columns)}
        wanted |= {KEPT_BEFORE} if self.source.decided else set()
        wanted |= {_sharpness(layer) for layer in look_layers(plan)}
        for part, _ in self.source.of_parts:
            yield from self._rows_of(part, wanted, steps)

    def _rows_of(self, part: str, wanted: Collection[str], steps: Sequence[Step]) -> Iterator[Rows]:
        plan_of_pages = self.plan.table is DOCUMENTS
        with self._joined(part, wanted, self.plan.edits_before(self.plan.duplicates_position)) as view:
            for batch in view.batches():
                ids = batch["id"]
                verdicts = judge(steps, batch, len(ids), removed=self.context.removed(batch))
                date, length = _order(batch) if plan_of_pages else _image_order(batch, look_layers(self.plan))
                if self.source.decided:  # who was kept out stands for what kept it out
                    date = pc.if_else(batch[KEPT_BEFORE].fill_null(False), EARLIER_DATE, date)
                yield Rows(ids, date, length, verdicts.kept, batch)

    def _earlier_rows(self, columns: Sequence[str]) -> Iterator[Rows]:
        for part, _ in self.source.of_parts:
            with self._joined(part, {f"{FATE}.kept", *columns}) as view:
                for batch in view.batches():
                    rows = len(batch["id"])
                    kept = np.asarray(batch[f"{FATE}.kept"].to_numpy(zero_copy_only=False), bool)
                    date = pa.array(np.full(rows, EARLIER_DATE))
                    yield Rows(batch["id"], date, pa.array(np.zeros(rows, np.int64)), kept, batch)

    def _table(self, columns: Sequence[str] = ("id", "signature")) -> Iterator[tuple[int, pa.RecordBatch]]:
        """The rows of a table of signatures, some at a time, and the number of the first in its file."""
        low, high = self.source.first, self.source.first + self.source.rows
        with open_file(self.source.root) as stream:
            file = pq.ParquetFile(stream, buffer_size=_BUFFER)  # else a column chunk is in memory whole
            wanted = [name for name in columns if name in file.schema_arrow.names]
            bounds = np.cumsum([0, *(file.metadata.row_group(i).num_rows for i in range(file.metadata.num_row_groups))])
            groups = [i for i, (start, end) in enumerate(pairwise(bounds.tolist())) if start < high and end > low]
            start = int(bounds[groups[0]]) if groups else low
            for batch in file.iter_batches(NARROW_BATCH_ROWS, row_groups=groups, columns=wanted, use_threads=False):
                skip = max(0, low - start)
                if skip < len(batch):
                    yield start + skip, batch.slice(skip, high - start - skip)
                start += len(batch)
                if start >= high:
                    break

    def _table_signatures(self, batch: pa.RecordBatch, start: int, scorer: MinHash) -> pa.Array:
        """The signatures of some rows of the table, of which `start` is the first. InputError that names one that is none."""
        column = batch.column("signature")
        try:
            return as_signatures(column, scorer.permutations)
        except (ValueError, TypeError) as error:
            wrong = error
        for row in range(len(column)):
            try:
                as_signatures(column.slice(row, 1), scorer.permutations)
            except (ValueError, TypeError) as error:
                start, wrong = start + row, error
                break
        raise InputError(
            f"{self.source.root}, row {start:,}: column signature: {wrong}", "leave the row out, or sign all with the same settings"
        )

    def given_ids(self) -> pa.Array | None:
        """The column `id` of a table as it is there; None without one."""
        pieces = [batch.column("id") for _, batch in self._table(["id"]) if "id" in batch.schema.names]
        return pa.concat_arrays(pieces) if pieces else None

    def _table_rows(self) -> Iterator[Rows]:
        date = NO_DATE if self.source.own else EARLIER_DATE
        near = near_layers(self.context.plan)
        for start, batch in self._table():
            columns: Columns = {}
            for layer in near:
                signatures = self._table_signatures(batch, start, near_scorer(layer))
                columns[f"{layer.name}.signature"] = signatures
                columns[f"{layer.name}.digest"] = signature_digests(signatures)
            rows = len(batch)
            everyone = np.ones(rows, bool)
            yield Rows(
                _row_ids(batch, self.source, start), pa.array(np.full(rows, date)), pa.array(np.zeros(rows, np.int64)), everyone,
                columns,
            )  # fmt: skip


def _order(batch: Columns) -> tuple[pa.Array, pa.Array]:
    """What an election of pages prefers: the earliest, then the longest."""
    return batch["page.date"].cast(pa.int64()).fill_null(NO_DATE), batch["text.characters"].cast(pa.int64()).fill_null(0)


def _image_order(batch: Columns, looks: Sequence[Layer]) -> tuple[pa.Array, pa.Array]:
    """What an election of images prefers: the most pixels, which stand for an early date, then the sharpest, or, where nobody
    looked, the most bytes."""
    width, height, size = (batch[f"fetched.{name}"].cast(pa.int64()).fill_null(0) for name in ("width", "height", "size"))
    if looks:
        size = pa.array(thousandths(batch[_sharpness(looks[0])]))
    return pc.negate(pc.multiply(width, height)), size


def _sharpness(layer: Layer) -> str:
    return f"{layer.name}.sharpness"


def as_signatures(column: pa.Array, permutations: int) -> pa.Array:
    """A column of signatures as `dedup.minhash` writes it; another tool's is converted. One of an empty set is null."""
    if column.type != pa.binary(4 * permutations):
        return signatures_of_table(column, permutations)
    return pc.if_else(pc.equal(column, pa.scalar(b"\xff" * (4 * permutations), column.type)), None, column)


def _row_ids(table: pa.RecordBatch, source: Source, start: int) -> pa.Array:
    """Ids of 16 bytes: those of the table, hashed if they are of another kind; else hashes of the file's name and the row."""
    name = os.path.basename(source.root)
    if "id" not in table.schema.names:
        return pa.array([digest(name, str(start + i)) for i in range(len(table))], ID_TYPE)
    ids = table.column("id")
    if ids.type == ID_TYPE and not ids.null_count:
        return ids
    made = [digest(name, str(start + i)) if v is None else digest(str(v)) for i, v in enumerate(ids.to_pylist())]
    return pa.array(made, ID_TYPE)
