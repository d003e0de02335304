"""The layers of one part joined by position: any columns, streamed in batches.

Derived columns are made on the way: `page.host` from the URL, `text.edited` from the text and its edits, and so is the title.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing

import pyarrow as pa

from core.addresses import url_hosts
from core.errors import StorageError
from core.scorer import CUT, MASK, TITLE_CUT, TITLE_MASK, edits_of_text, edits_of_title
from core.spans import apply_edits, original_spans
from pipelines.layers import RowReader, layer_path
from pipelines.plan import EDITED, EDITED_TITLE, Layer
from pipelines.store import Store
from pipelines.tables import DOCUMENTS, FIRST_LAYERS, other_names

Columns = dict[str, pa.Array]
#: Rows read at a time, and about how many bytes they may have.
BATCH_ROWS = 512
BATCH_BYTES = 8 << 20
#: Rows read at a time where no text is among the columns.
NARROW_BATCH_ROWS = 1 << 15


class Joined:
    """Reads columns, named `layer.column`, of one part from its layer files, row by row in step.

    `id` is always among the columns. `edits` are the layers whose cuts and masks make `text.edited`.
    """

    def __init__(
        self, store: Store, part: str, columns: Iterable[str], edits: Sequence[Layer] = (), table: str = DOCUMENTS.name
    ) -> None:
        self.wanted = sorted(set(columns) - {"id"})
        self._edits = edits
        self._first = FIRST_LAYERS[table]
        self._others = other_names(table)
        stored: dict[str, set[str]] = {self._first: {"id"}}
        for column in self.wanted:
            for source in self._sources(column):
                layer, _, name = source.partition(".")
                stored.setdefault(layer, set()).add(name)
        self._readers: dict[str, RowReader] = {}
        self._stack = ExitStack()
        rows: dict[str, int] = {}
        try:
            for layer in sorted(stored):
                path = layer_path(store, table, layer, part)
                try:
                    reader = self._stack.enter_context(closing(RowReader(path, sorted(stored[layer]))))
                except FileNotFoundError as error:
                    raise StorageError(
                        f"{path}: the layer file is missing", "run the same command again: it is computed again"
                    ) from error
                except KeyError as error:
                    raise StorageError(
                        f"{path}: has not the columns {sorted(stored[layer])}", "run the same command again", str(path)
                    ) from error
                self._readers[layer] = reader
                rows[layer] = reader.rows
            if len(set(rows.values())) > 1:
                raise StorageError(
                    f"{part}: its layers differ in rows ({rows})", "run the same command again: they are computed again"
                )
        except BaseException:
            self._stack.close()
            raise
        self.rows = next(iter(rows.values()), 0)

    @property
    def _named(self) -> list[str]:
        """Which other names of columns are wanted, or needed for what is."""
        needed = {*self.wanted, *(["text.text"] if EDITED in self.wanted else [])}
        return [name for name in self._others if name in needed]

    @property
    def _host(self) -> str:
        return f"{self._first}.host"

    def read(self, rows: int) -> Columns:
        """The next rows of each column; fewer at the end of the part."""
        columns: Columns = {}
        for layer, reader in self._readers.items():
            batch = reader.read(rows)
            for name, array in zip(batch.schema.names, batch.columns, strict=True):
                columns["id" if (layer, name) == (self._first, "id") else f"{layer}.{name}"] = array
        for name in self._named:
            source = self._others[name]
            columns[name] = columns[source] if source else pa.nulls(len(columns["id"]), pa.string())
        if self._host in self.wanted:
            columns[self._host] = url_hosts(columns[f"{self._first}.url"])
        if EDITED in self.wanted:
            columns[EDITED] = edited_text(columns, self._edits)
        if EDITED_TITLE in self.wanted:
            columns[EDITED_TITLE] = apply_edits(columns["text.title"], *_edits(columns, title_edits(self._edits)))
        return columns

    def batches(self, rows: int | None = None) -> Iterator[Columns]:
        """All rows, at most `rows` at a time (by default few if a text is read, many if not), fewer if they are large."""
        if rows is None:
            rows = BATCH_ROWS if "text" in self._readers else NARROW_BATCH_ROWS
        whole = sum(reader.bytes for reader in self._readers.values())
        rows = max(1, min(rows, BATCH_BYTES * self.rows // max(1, whole)))
        done = 0
        while done < self.rows:
            columns = self.read(rows)
            count = len(next(iter(columns.values())))
            done += count
            yield columns

    def close(self) -> None:
        self._stack.close()

    def __enter__(self) -> Joined:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _sources(self, column: str) -> list[str]:
        if column == self._host:
            return [f"{self._first}.url"]
        if column in self._others:
            return [self._others[column]] if self._others[column] else []
        if column == EDITED:
            return [*self._sources("text.text"), *edit_columns(self._edits)]
        if column == EDITED_TITLE:
            return ["text.title", *(name for name, _ in title_edits(self._edits))]
        return [column]


def edit_columns(edits: Iterable[Layer]) -> list[str]:
    """The names of the cut and mask columns of edit layers."""
    return [name for name, _ in _text_edits(edits)]


def title_edits(edits: Iterable[Layer]) -> list[tuple[str, pa.DataType]]:
    """The columns of edit layers that cut and mask the title, with their types."""
    return [(f"{layer.name}.{f.name}", f.type) for layer in edits for f in edits_of_title(layer.scorer.schema)]


def in_text(columns: Mapping[str, pa.Array], edits: Sequence[Layer], made: pa.RecordBatch) -> pa.RecordBatch:
    """What a scorer made of `text.edited`, its spans (lists of structs with `start` and `end`) brought back to `text.text`."""
    arrays = list(made.columns)
    for i, f in enumerate(made.schema):
        if f.name in (TITLE_CUT, TITLE_MASK):
            continue
        if pa.types.is_list(f.type) and pa.types.is_struct(f.type.value_type) and {"start", "end"} <= set(_fields(f.type)):
            arrays[i] = original_spans(columns["text.text"], *_edits(columns, _text_edits(edits)), arrays[i])
    return pa.RecordBatch.from_arrays(arrays, schema=made.schema)


def _fields(type: pa.DataType) -> list[str]:
    return [type.value_type.field(i).name for i in range(type.value_type.num_fields)]


def _text_edits(edits: Iterable[Layer]) -> list[tuple[str, pa.DataType]]:
    return [(f"{layer.name}.{f.name}", f.type) for layer in edits for f in edits_of_text(layer.scorer.schema)]


def _edits(
    columns: Mapping[str, pa.Array], fields: Sequence[tuple[str, pa.DataType]]
) -> tuple[list[pa.Array], list[pa.Array]]:  # fmt: skip
    """The cuts and the masks among the columns `fields`."""
    cuts = [columns[name] for name, type in fields if type == CUT]
    return cuts, [columns[name] for name, type in fields if type == MASK]


def edited_text(columns: Mapping[str, pa.Array], edits: Sequence[Layer]) -> pa.Array:
    """`text.text` after the cuts and masks of `edits`."""
    cuts, masks = _edits(columns, _text_edits(edits))
    return apply_edits(columns["text.text"], cuts, masks) if cuts or masks else columns["text.text"]
