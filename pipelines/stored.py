"""What a run wrote, opened for reading: the layers of a table joined by position, streamed as Arrow.

Only files of the current parts are read, and only those that are of the plan in run.json; no scorer is loaded.
"""

from __future__ import annotations

import difflib
import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from core.errors import InputError, StorageError
from core.remote_path import place
from core.scorer import CUT, MASK
from filters.rules import Rule, parse_rule
from ingest.parts import Part
from pipelines.layers import damaged, layer_path, read_footer
from pipelines.plan import EDITED, EDITED_TITLE
from pipelines.runfile import RUN, read_run, recipe_of
from pipelines.store import Store
from pipelines.stored_layers import layers_of, part_names_of
from pipelines.tables import FIRST_LAYERS, other_names
from pipelines.view import Columns, Joined

#: A filter: a rule as recipes have them (`language.score >= 0.65`), or an expression over `layer.column` fields.
Filter = str | pc.Expression
TABLES = ("documents", "records", "references", "images")


@dataclass(frozen=True)
class StoredLayer:
    """A layer as its files say: `method` is the plan's fingerprint, empty where it follows from the data."""

    name: str
    method: str
    schema: pa.Schema

    @property
    def scorer(self) -> StoredLayer:
        """What `pipelines.view` asks for the columns of an edit."""
        return self

    @property
    def edits(self) -> bool:
        return any(f.type in (CUT, MASK) for f in self.schema)


class Run:
    """An out folder. InputError if there is no run, StorageError if its run.json is damaged."""

    def __init__(self, out: str) -> None:
        self.out = out
        self.info: dict[str, Any] = read_run(out)
        if not self.info:
            raise InputError(f"{out}: there is no run here ({RUN} is missing)", "give the --out of a run")
        self.store = Store(out)
        self.parts = [Part.from_json(part) for part in self.info["parts"]]
        if not self.finished:
            warnings.warn(
                f"{out}: its last run did not finish, so elections and fates may be of an earlier one", stacklevel=3
            )

    @property
    def name(self) -> str:
        """The recipe's name."""
        return str(self.info["recipe"]["name"])

    @property
    def finished(self) -> bool:
        """Whether the last run came to its end."""
        return self.info.get("finished") is not None

    @cached_property
    def recipe(self) -> Any:
        """The recipe as it was run (`pipelines.recipe.Recipe`); its scorers have to be installed."""
        return recipe_of(self.out)

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        """The rules of documents, in the order in which they are asked."""
        return tuple(parse_rule(rule["rule"], rule["reason"]) for rule in self.info["plan"]["rules"])

    @cached_property
    def image_rules(self) -> tuple[Rule, ...]:
        """The rules of images; none if the recipe has no section `images`."""
        rules = self.info["plan"].get("images", {}).get("rules", [])
        return tuple(parse_rule(rule["rule"], rule["reason"]) for rule in rules)

    @cached_property
    def documents(self) -> Table:
        """One row a web page, or a row of a text table."""
        return Table(self, "documents")

    @cached_property
    def records(self) -> Table:
        """One row a record of the input, with the reason it is no document."""
        return Table(self, "records")

    @cached_property
    def references(self) -> Table:
        """One row an image that a page shows. Without a section `references` in the recipe it has no columns, and reading it
        is an InputError."""
        return Table(self, "references")

    @cached_property
    def images(self) -> Table:
        """One row an image that pages show, by its address. As `references`, unless the recipe has a section `images`."""
        return Table(self, "images")

    def table(self, name: str) -> Table:
        """One of TABLES."""
        if name not in TABLES:
            raise InputError(f"{name}: there is no such table", f"there are {', '.join(TABLES)}")
        found: Table = getattr(self, name)
        return found

    @property
    def stats(self) -> dict[str, Any]:
        """report/stats.json. StorageError if it is missing or damaged."""
        path = place(self.out) / "report" / "stats.json"
        try:
            return json.loads(path.read_bytes())
        except (OSError, ValueError) as error:
            raise StorageError(f"{path}: the statistics cannot be read ({error})", "run the same command again") from error

    def get(self, url_or_id: str) -> list[dict[str, Any]]:
        """The documents of a URL (as it stands, else in its canonical form) or of an id (hex, or its first digits)."""
        from pipelines.inspection import find

        return [found.values for found in find(self, url_or_id) if found.table == "documents"]

    def __repr__(self) -> str:
        return f"web2shards.open({self.out!r})  # {self.name}, {len(self.parts)} parts"


class Table:
    """The layers of a table as one table of columns `layer.column`, `id` first.

    Anything that speaks Arrow's C stream reads it: `duckdb.sql("from documents")`, `polars.from_arrow(documents)`.
    """

    def __init__(self, run: Run, name: str) -> None:
        self.run, self.name = run, name
        self.layers = tuple(self._layers())

    @property
    def url(self) -> str:
        """The column with the address of a row."""
        first = {"documents": "page", "records": "record", "references": "reference", "images": "image"}[self.name]
        return f"{first}.url"

    @property
    def parts(self) -> list[str]:
        """The names of the parts, in the order in which they are read."""
        return part_names_of(self.run.info, self.name)

    @cached_property
    def schema(self) -> pa.Schema:
        """The stored columns. `page.host` and, if a scorer edits, `text.edited` and `text.edited_title` can be named too."""
        fields = [pa.field("id", pa.binary(16))]
        fields += [f.with_name(f"{layer.name}.{f.name}") for layer in self.layers for f in layer.schema]
        return pa.schema(fields)

    @property
    def columns(self) -> list[str]:
        """The names of the stored columns."""
        return self.schema.names

    @cached_property
    def known(self) -> Mapping[str, pa.Field]:
        """All columns that can be named: the stored ones and those derived while reading."""
        known = {f.name: f for f in self.schema}
        if self._url in known:
            known[self._host] = pa.field(self._host, pa.string(), metadata={"doc": f"host of {self._url}"})
        others = other_names(self.name)
        for name in (name for name in others if name.startswith(f"{FIRST_LAYERS[self.name]}.") and others[name] in known):
            known[name] = known[others[name]].with_name(name)
        if "text.text" in known or (others.get("text.text") in known and self._edits):
            known[EDITED] = pa.field(EDITED, pa.string(), metadata={"doc": "the text after all edits"})
        if "text.title" in known:
            known[EDITED_TITLE] = pa.field(EDITED_TITLE, pa.string(), metadata={"doc": "the title after all edits"})
        return known

    def reader(
        self, columns: Sequence[str] | None = None, filter: Filter | None = None, *, parts: Sequence[str] | None = None,
        batch_rows: int | None = None,
    ) -> pa.RecordBatchReader:  # fmt: skip
        """Streams the rows that pass `filter`, part by part; memory is bounded by a batch and a row group a layer.

        `columns` are by default all that are stored; a filter may read others.
        """
        self._require_stored()
        names = self._checked(columns) if columns is not None else self.columns
        keep = None if filter is None else _Keep.of(filter, self)
        schema = pa.schema([self.known[name] for name in names])
        return pa.RecordBatchReader.from_batches(schema, self._batches(names, schema, keep, parts, batch_rows))

    def to_table(self, columns: Sequence[str] | None = None, filter: Filter | None = None) -> pa.Table:
        """All rows in memory."""
        return self.reader(columns, filter).read_all()

    def scanner(self, columns: Sequence[str] | None = None, filter: Filter | None = None) -> ds.Scanner:
        """A one-shot pyarrow.dataset scanner over `reader`."""
        return ds.Scanner.from_batches(self.reader(columns, filter))

    def dataset(self, columns: Sequence[str] | None = None, filter: Filter | None = None) -> ds.InMemoryDataset:
        """A pyarrow.dataset of the chosen columns and rows, held in memory; it can be scanned again and again."""
        return ds.InMemoryDataset(self.to_table(columns, filter))

    def head(self, rows: int = 10, columns: Sequence[str] | None = None, filter: Filter | None = None) -> pa.Table:
        """The first rows."""
        batches: list[pa.RecordBatch] = []
        missing = rows
        with self.reader(columns, filter, batch_rows=max(1, min(rows, 512))) as reader:
            while missing > 0:
                try:
                    batch = reader.read_next_batch()
                except StopIteration:
                    break
                batches.append(batch.slice(0, missing))
                missing -= len(batches[-1])
            return pa.Table.from_batches(batches, reader.schema)

    def count_rows(self, filter: Filter | None = None) -> int:
        """How many rows pass."""
        if filter is None:
            return sum(self._rows(self.layers[0].name, part) for part in self.parts) if self.layers else 0
        return sum(len(batch) for batch in self.reader(["id"], filter))

    def __len__(self) -> int:
        return self.count_rows()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.reader().__arrow_c_stream__(requested_schema)

    def __repr__(self) -> str:
        return f"{self.run.out}: {self.name}, {len(self.parts)} parts, layers {', '.join(layer.name for layer in self.layers)}"

    def joined(self, part: str, columns: Sequence[str]) -> Joined:
        """The columns of one part, for whoever wants them by position."""
        stored = [name for name in columns if name != "id"]
        layers = {name.partition(".")[0] for name in self._sources(stored)}
        self._current(part, layers)
        edits: Any = self._edits if {EDITED, EDITED_TITLE} & {*columns} else ()
        return Joined(self.run.store, part, stored, edits, self.name)

    def _batches(
        self, names: Sequence[str], schema: pa.Schema, keep: _Keep | None, parts: Sequence[str] | None, rows: int | None
    ) -> Iterator[pa.RecordBatch]:  # fmt: skip
        wanted = list(dict.fromkeys([*names, *(keep.columns if keep else ())]))
        for part in self.parts if parts is None else parts:
            with self.joined(part, wanted) as view:
                for columns in view.batches(rows):
                    batch = pa.RecordBatch.from_arrays([columns[name] for name in names], schema=schema)
                    if keep is None or len(batch := batch.filter(keep.mask(columns))):
                        yield batch

    def _layers(self) -> Iterator[StoredLayer]:
        """The layers that the plan names and that have a file for some part."""
        for _, name, method in layers_of(self.run.info, self.name):
            for part in self.parts:
                path = layer_path(self.run.store, self.name, name, part)
                try:
                    schema = pq.read_schema(path)
                except FileNotFoundError:
                    continue
                except (pa.ArrowInvalid, OSError) as error:
                    raise damaged(path, error) from error
                yield StoredLayer(name, method, schema.remove(schema.get_field_index("id")).remove_metadata())
                break

    @property
    def _url(self) -> str:
        return f"{FIRST_LAYERS[self.name]}.url"

    @property
    def _host(self) -> str:
        return f"{FIRST_LAYERS[self.name]}.host"

    @cached_property
    def _edits(self) -> tuple[StoredLayer, ...]:
        return tuple(layer for layer in self.layers if layer.edits)

    def _sources(self, columns: Sequence[str]) -> set[str]:
        """The stored columns that the named ones are made of."""
        from pipelines.view import edit_columns, title_edits

        edits: Any = self._edits
        others = other_names(self.name)
        found = {others.get(name, name) for name in columns if name not in (self._host, EDITED, EDITED_TITLE)}
        found |= {self._url} if self._host in columns else set()
        found |= {"text.title", *(name for name, _ in title_edits(edits))} if EDITED_TITLE in columns else set()
        return found | ({others.get("text.text", "text.text"), *edit_columns(edits)} if EDITED in columns else set())

    def _current(self, part: str, layers: set[str]) -> None:
        """StorageError if a layer of the part is missing, superseded, or of other rows than the first layer."""
        first = FIRST_LAYERS[self.name]
        of_rows = read_footer(layer_path(self.run.store, self.name, first, part))
        for layer in self.layers:
            if layer.name not in layers and layer.name != first:
                continue
            path = layer_path(self.run.store, self.name, layer.name, part)
            footer = read_footer(path)
            if footer is None or of_rows is None:
                why = "is missing"
            elif layer.method and footer.method != layer.method:
                why = "was made by another recipe or version than the plan in run.json"
            elif footer.rows_digest != of_rows.rows_digest:
                why = "is not of the rows that the first layer has"
            else:
                continue
            raise StorageError(
                f"{path}: {why}", "the run is not up to date: run the same command again, or leave this layer's columns out"
            )

    def _rows(self, layer: str, part: str) -> int:
        path = layer_path(self.run.store, self.name, layer, part)
        footer = read_footer(path)
        if footer is None:
            raise StorageError(f"{path}: is missing", "the run is not up to date: run the same command again")
        return footer.rows

    def _require_stored(self) -> None:
        """InputError if the run has no such table."""
        if self.layers:
            return
        if layers_of(self.run.info, self.name):
            raise InputError(f"{self.run.out}: the table `{self.name}` has no rows yet", "run the same command again, to its end")
        there = dict.fromkeys(layer.table for layer in layers_of(self.run.info))
        raise InputError(
            f"{self.run.out}: the run has no table `{self.name}`; it has {', '.join(there)}",
            f"add `{self.name}: {{}}` to its recipe, and run it again",
        )

    def _checked(self, columns: Sequence[str]) -> list[str]:
        names = [columns] if isinstance(columns, str) else list(columns)
        for name in names:
            if name not in self.known:
                close = difflib.get_close_matches(name, list(self.known), 1, 0.6)
                raise InputError(
                    f"{self.name} has no column `{name}`",
                    f"did you mean `{close[0]}`?" if close else f"its columns: {', '.join(self.known)}",
                )
        return names


@dataclass(frozen=True)
class _Keep:
    """A filter with the columns that it reads."""

    columns: tuple[str, ...]
    test: Rule | pc.Expression
    table: Table

    @staticmethod
    def of(filter: Filter, table: Table) -> _Keep:
        if isinstance(filter, str):
            rule = parse_rule(filter, known=tuple(table.known))
            return _Keep(tuple(table._checked(rule.columns)), rule, table)  # pyright: ignore[reportPrivateUsage]
        # An expression does not list its fields; its text has their names, and reading one too many is harmless.
        text = str(filter)
        return _Keep(tuple(name for name in table.known if name in text), filter, table)

    def mask(self, columns: Columns) -> pa.Array:
        """True for the rows that stay; null counts as false."""
        if isinstance(self.test, Rule):
            return self.test.evaluate(columns)
        schema = pa.schema([self.table.known[name] for name in self.columns])
        batch = pa.RecordBatch.from_arrays([columns[name] for name in self.columns], schema=schema)
        return ds.Scanner.from_batches([batch], schema=schema, columns={"keep": self.test}).to_table().column(0).combine_chunks()
