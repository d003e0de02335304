"""Where the rows of an election come from: parts of this run, what earlier runs kept, tables of signatures.

Pages of earlier runs are not read again, and their texts only where two signatures leave it open whether a pair is
near enough.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from core.errors import InputError, UserError
from core.remote import is_remote
from core.remote_path import place
from dedup.minhash import MinHash
from dedup.sketches import signatures_of_table
from ingest.files import change_stamp, find_files, open_file
from pipelines.compilation import compile_plan
from pipelines.context import Context, recipe_from_json
from pipelines.layers import Footer, layer_path
from pipelines.plan import DUPLICATES, FATE, KEPT_BEFORE, Layer, Plan, fingerprint
from pipelines.recipe_scorers import column_parameters
from pipelines.removal import read_removals
from pipelines.runfile import parts_of, read_run
from pipelines.store import Store
from pipelines.survey import Survey

PART, EARLIER, TABLE = "part", "earlier", "table"
#: Rows of a table of signatures that one source takes, in whole row groups; a row group that is larger than four times that
#: is cut into slices of as many, or into _MOST_SLICES.
TABLE_ROWS = 1 << 16
#: Slices of one row group at most, as each is read from the group's start.
_MOST_SLICES = 16
#: So many parts are sources of their own; more are put together to about so many sources, of at most so many rows or a part.
MOST_ALONE, MOST_SOURCES, MOST_ROWS = 1024, 4096, 1 << 20
#: A row of an election is its source's ordinal, shifted by 32 bits, plus its place in the source.
SHIFT = np.uint64(32)
PLACE = np.uint64(0xFFFFFFFF)
U64 = npt.NDArray[np.uint64]
I64 = npt.NDArray[np.int64]
_SIGN_ALIKE = "set bands and rows so that their product is the signatures' width, or sign anew with the same settings"
NO_RUN = "give the folder of a finished run, or a Parquet file of signatures, or leave it out of `against`"


@dataclass(frozen=True)
class Source:
    """Some rows of an election: `rows` of them.

    `kind` is PART (`name` is a part of this run, or the first of several `parts`, each with its rows), EARLIER (the same of
    the run in `root`, all with their texts or all without) or TABLE (of the Parquet file `root`, from row `first`).
    Nothing is written for a source that is not `own`. What earlier runs kept out of a PART stays out, as its last election
    says, if it is `decided`: those runs are not there to be compared with.
    """

    kind: str
    name: str
    rows: int
    root: str = ""
    first: int = 0
    own: bool = True
    decided: bool = False
    parts: tuple[tuple[str, int], ...] = ()

    @property
    def of_parts(self) -> tuple[tuple[str, int], ...]:
        """The parts whose rows these are, in their order, and how many of each."""
        return self.parts or ((self.name, self.rows),)

    def to_json(self) -> list[Any]:
        parts = [list(part) for part in self.parts]
        return [self.kind, self.name, self.rows, self.root, self.first, self.own, self.decided, parts]

    @staticmethod
    def from_json(value: Sequence[Any]) -> Source:
        *rest, parts = value
        return Source(*rest, parts=tuple((name, rows) for name, rows in parts))


def part_sources(rows: Mapping[str, int], decided: bool) -> list[Source]:
    """Parts of this run by name, with their rows, as sources."""
    return _put_together(Source(PART, name, number, decided=decided) for name, number in rows.items())


def _put_together(alone: Iterable[Source]) -> list[Source]:
    """Sources of one part each as they are, or, where there are many, as sources of runs of parts of about the same number
    of rows, which a task can hold. What travels in an election grows with sources × partitions."""
    every = list(alone)
    if len(every) <= MOST_ALONE:
        return every
    share = min(max(1, -(-sum(source.rows for source in every) // MOST_SOURCES)), MOST_ROWS)
    sources: list[Source] = []
    held: list[tuple[str, int]] = []
    total = 0
    for i, source in enumerate(every):
        held.append((source.name, source.rows))
        total += source.rows
        if total >= share or i == len(every) - 1:
            sources.append(replace(source, name=held[0][0], rows=total, parts=tuple(held)))
            held, total = [], 0
    return sources


def ordinals_of(rows: U64) -> I64:
    """The source of each row."""
    return (rows >> SHIFT).astype(np.int64)


def places_of(rows: U64) -> I64:
    """The place of each row in its source."""
    return (rows & PLACE).astype(np.int64)


def dense_places(rows: U64, bases: I64) -> I64:
    """Rows as places in one count over sources that begin at `bases`."""
    return bases[ordinals_of(rows)] + places_of(rows)


def by_source(rows: U64) -> list[tuple[int, slice]]:
    """The sources that rows (sorted) are of, by ordinal, and where their rows stand."""
    ordinals, starts = np.unique(ordinals_of(rows), return_index=True)
    bounds = [*starts.tolist(), len(rows)]
    return [(int(ordinal), slice(bounds[i], bounds[i + 1])) for i, ordinal in enumerate(ordinals)]


def near_layers(plan: Plan) -> list[Layer]:
    """The layers whose signatures make candidate pairs."""
    return [layer for layer in plan.dedup_layers if isinstance(layer.scorer, MinHash)]


def near_scorer(layer: Layer) -> MinHash:
    """The scorer of a layer of signatures."""
    assert isinstance(layer.scorer, MinHash)
    return layer.scorer


def earlier_plan(root: str) -> Plan:
    """The plan of the run in `root`. InputError if there is none."""
    run = read_run(root)
    if not run:
        raise InputError(f"against {root}: there is no run here", NO_RUN)
    return _plan(json.dumps(run["recipe"]))


@functools.lru_cache(maxsize=64)
def _plan(recipe: str) -> Plan:
    return compile_plan(recipe_from_json(json.loads(recipe)))


def _same_folder(one: str, other: str) -> bool:
    if is_remote(one) or is_remote(other):
        return place(one) == place(other)
    return os.path.realpath(one) == os.path.realpath(other)


def earlier_sources(context: Context) -> tuple[list[Source], str]:
    """What `against` names, as sources, and a digest of it. InputError if it cannot be compared with this run."""
    sources: list[Source] = []
    told: list[Any] = []
    for given in context.plan.section.against:
        if given.endswith(".parquet"):
            found = find_files(given)
            if not found:
                raise InputError(f"against {given}: there is no such file", NO_RUN)
            for file in found:
                sources += table_sources(file.uri, _near(context.plan), own=False)
                told.append([file.name, *change_stamp(file.uri)])
            continue
        root = given.rstrip("/") if is_remote(given) else os.path.abspath(given)
        if _same_folder(root, context.store.root):
            raise InputError(f"against {given}: is the run's own out folder", "name earlier runs only")
        run = read_run(root)
        unfinished = InputError(f"against {given}: the run has not finished", "run its recipe to the end")
        if run and not run["finished"]:  # its rules may have changed, and its fates be those of before
            raise unfinished
        footers = {layer.name: _footers(root, layer) for layer in context.plan.dedup_layers}
        fates = Survey(Store(root), parts_of(root)).footers("documents", FATE)
        with_text: dict[bool, list[Source]] = {True: [], False: []}  # a source has all of its texts or none
        for name, fate in sorted(fates.items()):
            keys = {layer: footer[name] for layer, footer in footers.items()}
            if fate is None or any(key is None or key.rows_digest != fate.rows_digest for key in keys.values()):
                raise unfinished
            text = layer_path(Store(root), "documents", "text", name).is_file()
            with_text[text].append(Source(EARLIER, name, fate.rows, root, own=False))
            told.append([name, fate.method, fate.rows_digest, text, [key.method for key in keys.values() if key]])
        sources += _put_together(with_text[True]) + _put_together(with_text[False])
        told.append(read_removals(root).digest)
    return sources, fingerprint(told) if told else ""


def require_decided(survey: Survey, error: UserError) -> None:
    """Raises `error` again, with another mend, unless the last election is whole in the layers of all parts.

    Then it says who was kept out by earlier runs, which cannot be read any more for the reason of the error.
    """
    pages, last = survey.footers("documents", "page"), survey.footers("documents", DUPLICATES)
    files = [layer_path(survey.store, "documents", DUPLICATES, name) for name in last]
    whole = all(
        page is not None and footer is not None and page.rows_digest == footer.rows_digest
        for page, footer in zip(pages.values(), last.values(), strict=True)
    )
    if not whole or (files and KEPT_BEFORE.partition(".")[2] not in pq.read_schema(files[0]).names):
        raise type(error)(
            f"{error.message}; and what it kept out of this run is not known, as no election here came to its end",
            "put it back where `against` in the recipe names it, and run the same command again",
            error.path,
        ) from error


def _footers(root: str, layer: Layer) -> Mapping[str, Footer | None]:
    """The footers of an earlier run's layer; InputError if it was not made as this run makes its own."""
    plan = earlier_plan(root)
    theirs = plan.by_name.get(layer.name)
    if theirs is None or (theirs.entry, column_parameters(theirs.scorer)) != (layer.entry, column_parameters(layer.scorer)):
        what = f"has no layer `{layer.name}`" if theirs is None else f"made `{layer.name}` with other parameters"
        raise InputError(
            f"against {root}: the run {what}",
            f"give both recipes the same `{layer.name}`, and run the earlier one again: only that layer is computed",
        )
    footers = Survey(Store(root), parts_of(root)).footers("documents", layer.name)
    if any(footer is not None and footer.method != theirs.method for footer in footers.values()):
        raise InputError(
            f"against {root}: its layer `{layer.name}` was made by another version",
            "run its recipe again: what changed is computed anew",
        )
    return footers


def _near(plan: Plan) -> MinHash:
    """The MinHash whose signatures a table holds. InputError if the recipe has none, or several."""
    found = [near_scorer(layer) for layer in near_layers(plan)]
    if len(found) != 1:
        raise InputError(
            f"against a table of signatures: the recipe has {len(found)} scorers `minhash`", "it has to have one to compare with"
        )
    if found[0].within:
        raise InputError(
            f"against a table of signatures: it has no column {found[0].within} (`within`)",
            "leave `within` out, or name runs instead of tables",
        )
    return found[0]


def table_sources(uri: str, scorer: MinHash, own: bool, prefix: str = "") -> Iterator[Source]:
    """A Parquet file of signatures (column `signature`; `id` if there is one) as sources of about TABLE_ROWS rows.

    InputError if it is none, or if its signatures are not of `scorer.permutations` values.
    """
    with open_file(uri) as stream:
        try:
            file = pq.ParquetFile(stream)
            field = file.schema_arrow.field("signature")
        except (pa.ArrowInvalid, KeyError) as error:
            raise InputError(
                f"{uri}: is no table of signatures ({error})", "give a Parquet file with a column `signature`"
            ) from None
        first = next(file.iter_batches(1, columns=["signature"]), None)
        if first is not None:
            try:
                signatures_of_table(first.column(0), scorer.permutations)
            except (ValueError, TypeError) as error:
                raise InputError(f"{uri}: column signature ({field.type}): {error}", _SIGN_ALIKE) from None
        sizes = [file.metadata.row_group(i).num_rows for i in range(file.metadata.num_row_groups)]
    name = f"{prefix}{os.path.basename(uri)}"
    for first, rows in _slices(sizes):
        yield Source(TABLE, f"{name}-{first:012d}", rows, uri, first, own)


def _slices(sizes: Sequence[int]) -> Iterator[tuple[int, int]]:
    """First row and rows of each source, for row groups of these sizes."""
    first = rows = 0
    for size in sizes:
        if size > 4 * TABLE_ROWS:
            pieces = min(-(-size // (4 * TABLE_ROWS)), _MOST_SLICES)
            bounds = [size * i // pieces for i in range(pieces + 1)]
            if rows:
                yield first, rows
            yield from ((first + rows + low, high - low) for low, high in pairwise(bounds))
            first, rows = first + rows + size, 0
            continue
        rows += size
        if rows >= TABLE_ROWS:
            yield first, rows
            first, rows = first + rows, 0
    if rows:
        yield first, rows
