"""The stages as Beam transforms over record batches, to be used inside anybody's pipeline.

Elements are `pyarrow.RecordBatch`, columns named `layer.column` as in a run's layers; `docs/beam.md` has an example.
A transform is wiring over plain functions: `ingest.read.open_part`, a scorer's `score`, `sharding.shard.ShardWriter`.
"""

# Beam's own types are loose: its transforms are checked less strictly than the rest.
# pyright: basic, reportPrivateImportUsage=false, reportIncompatibleMethodOverride=false, reportReturnType=false
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportAssignmentType=false

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.ipc as ipc

from core.addresses import url_hosts
from core.errors import RecipeError
from core.scorer import CUT, MASK, Scorer
from core.spans import apply_edits
from filters.rules import parse_rule
from ingest.options import IngestOptions
from ingest.parts import PART_BYTES, Part, list_parts
from ingest.read import open_part
from pipelines import isolate
from pipelines.chunks import ORDERED, merge_samples, read_orders, write_samples
from pipelines.recipe_scorers import build_scorer, installed_scorers
from sharding.features import features_of
from sharding.index import make_index, retract_index, write_index
from sharding.order import argsort, shard_slices
from sharding.shard import TEXT, ShardInfo, ShardWriter

Batches = beam.PCollection[pa.RecordBatch]


class IngestWarcs(beam.PTransform):
    """Reads WARC files: `patterns` are paths, URIs or globs; gives the pages, with `page.content` decoded.

    `format` "wet" reads WET files, "parquet", "jsonl" and "csv" tables of texts. Records that are no pages are
    left out; a run of a recipe keeps their reasons.
    """

    def __init__(
        self, patterns: str | Sequence[str], *, format: str = "warc", part_bytes: int = PART_BYTES,
        options: IngestOptions | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self._patterns = [patterns] if isinstance(patterns, str) else list(patterns)
        self._format, self._part_bytes, self._options = format, part_bytes, options or IngestOptions()

    def expand(self, pbegin: beam.pvalue.PBegin) -> Batches:
        parts = list_parts(self._patterns, format=self._format, part_bytes=self._part_bytes)
        options = self._options
        return (
            pbegin
            | "Parts" >> beam.Create([part.to_json() for part in parts])
            | "Spread" >> beam.Reshuffle()
            | "Read" >> beam.FlatMap(lambda part: read_pages(Part.from_json(part), options))
        )


class Score(beam.PTransform):
    """Adds the columns of a scorer, given itself or by the name it is installed under, as `layer.column`.

    A row that makes the scorer raise gets null columns and the message in `layer.error`; the rest go on.
    """

    def __init__(self, scorer: Scorer | str, *, layer: str | None = None, **parameters: Any) -> None:
        super().__init__()
        if isinstance(scorer, str):
            if scorer not in installed_scorers():
                raise RecipeError(f"no scorer `{scorer}` is installed", f"one of {', '.join(sorted(installed_scorers()))}")
            scorer = build_scorer(installed_scorers()[scorer], parameters)
        self._scorer, self._layer = scorer, layer or scorer.name

    def default_label(self) -> str:
        return f"{type(self).__name__}[{self._layer}]"

    def expand(self, pcoll: Batches) -> Batches:
        return pcoll | beam.ParDo(_Score(self._scorer, self._layer))


class ExtractText(Score):
    """Adds `text.title` and `text.text`, the page's main text."""

    def __init__(self, **parameters: Any) -> None:
        super().__init__("text", **parameters)


class IdentifyLanguage(Score):
    """Adds `language.label`, `language.score` and more, by a fastText model."""

    def __init__(self, **parameters: Any) -> None:
        super().__init__("language", **parameters)


class ScoreHeuristics(beam.PTransform):
    """Adds the metrics of heuristic filters, by name: gopher, c4, fineweb, fineweb2 or any other scorer's."""

    def __init__(self, *scorers: Scorer | str) -> None:
        super().__init__()
        self._scorers = scorers or ("gopher", "fineweb")

    def expand(self, pcoll: Batches) -> Batches:
        for scorer in self._scorers:
            pcoll = pcoll | Score(scorer)
        return pcoll


class Keep(beam.PTransform):
    """Keeps the rows that fulfil all rules, written as in a recipe: `Keep("language.label is en")`."""

    def __init__(self, *rules: str) -> None:
        super().__init__()
        self._rules = [parse_rule(rule).text for rule in rules]

    def expand(self, pcoll: Batches) -> Batches:
        rules = self._rules
        return pcoll | beam.FlatMap(lambda batch: keep_rows(batch, rules))


class WriteShards(beam.PTransform):
    """Writes rows as shards of exactly `samples` (the last shorter), in the order of a seeded hash of `id`.

    `folder` is on a file system that all workers share; `text` names the column of texts (by default `text.text` after
    all cuts and masks before it), `columns` those that go along as metadata (by default every column of single values
    but content and text). Gives the index's entries when all is written; without a sample nothing is.
    """

    def __init__(
        self, folder: str, *, samples: int = 10_000, format: str = "webdataset", seed: int = 0, text: str = "text.edited",
        columns: Sequence[str] | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self._folder, self._samples, self._format, self._seed = folder, samples, format, seed
        self._text, self._columns = text, columns

    def expand(self, pcoll: Batches) -> beam.PCollection[dict[str, Any]]:
        folder, samples, format, seed = self._folder, self._samples, self._format, self._seed
        text, columns = self._text, self._columns
        draft = str(Path(folder, f".samples-{uuid.uuid4().hex}"))
        return (
            pcoll
            | "Sort" >> beam.FlatMap(lambda batch: _sorted_chunk(batch, draft, seed, text, columns))
            | "One group" >> beam.Map(lambda path: (0, path))
            | "Gather chunks" >> beam.GroupByKey()
            | "Plan" >> beam.FlatMapTuple(lambda _, paths: _plan(folder, paths, samples))
            | "Spread" >> beam.Reshuffle()
            | "Write" >> beam.MapTuple(lambda number, slices: (0, _write(folder, number, slices, format)))
            | "Gather shards" >> beam.GroupByKey()
            | "Index" >> beam.FlatMapTuple(lambda _, shards: _index(folder, draft, shards, format, samples, seed))
        )


def read_pages(part: Part, options: IngestOptions) -> Iterator[pa.RecordBatch]:
    """The pages of a part, columns as `id` and `page.…`."""
    for batch in open_part(part, options):
        names = [name if name == "id" else f"page.{name}" for name in batch.documents.schema.names]
        if len(batch.documents):
            yield pa.RecordBatch.from_arrays(batch.documents.columns, names=names)


def keep_rows(batch: pa.RecordBatch, rules: Iterable[str]) -> Iterator[pa.RecordBatch]:
    """The rows that fulfil the rules, if there are any; a row that was not scored does not."""
    for text in rules:
        rule = parse_rule(text)
        batch = batch.filter(rule.evaluate({name: batch.column(name) for name in rule.columns}).fill_null(False))
    if len(batch):
        yield batch


class _Score(beam.DoFn):
    def __init__(self, scorer: Scorer, layer: str) -> None:
        self._scorer, self._layer = scorer, layer

    def setup(self) -> None:
        self._scorer.open()

    def process(self, element: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        inputs = list(self._scorer.inputs)
        given = [_column(element, name) for name in inputs]
        scored = isolate.score(self._scorer, pa.RecordBatch.from_arrays(given, names=inputs))
        names = [f"{self._layer}.{name}" for name in (*self._scorer.schema.names, "error")]
        arrays = [*element.columns, *scored.columns.columns, scored.errors]
        yield pa.RecordBatch.from_arrays(arrays, names=[*element.schema.names, *names])


def _column(batch: pa.RecordBatch, name: str) -> pa.Array:
    """A column that a scorer reads, or what follows from others."""
    if name == "text.edited":
        return edited(batch)
    return url_hosts(batch.column("page.url")) if name == "page.host" else batch.column(name)


def edited(batch: pa.RecordBatch) -> pa.Array:
    """`text.text` after the cuts and masks that are among the batch's columns."""
    cuts = [c for f, c in zip(batch.schema, batch.columns, strict=True) if f.type == CUT]
    masks = [c for f, c in zip(batch.schema, batch.columns, strict=True) if f.type == MASK]
    return apply_edits(batch.column("text.text"), cuts, masks)


def _sorted_chunk(
    batch: pa.RecordBatch, draft: str, seed: int, text: str, columns: Sequence[str] | None
) -> Iterator[str]:  # fmt: skip
    if len(batch) == 0:
        return
    names = columns if columns is not None else [
        f.name for f in batch.schema
        if f.name not in ("id", "page.content", "text.text", text) and not pa.types.is_nested(f.type)
    ]
    texts = edited(batch) if text == "text.edited" else batch.column(text)
    payload = pa.table([texts, batch.column("id"), *(batch.column(n) for n in names)], ["text", "id", *names])
    yield write_samples(Path(draft), payload, seed)


def _plan(folder: str, paths: Iterable[str], samples: int) -> list[tuple[int, list[list[Any]]]]:
    """For each shard its slices of the chunks: [path, first, past the last, rows to leave out].

    Rows of one id are one record: the first, by chunk and place, stands for all. Holds 28 bytes a sample.
    """
    retract_index(Path(folder))
    ordered = sorted(paths)
    orders = [read_orders(path) for path in ordered]
    together = np.concatenate(orders)
    sorting = argsort(together)
    ranked = together[sorting]
    again = np.zeros(len(ranked), bool)
    again[1:] = ranked[1:] == ranked[:-1]
    repeats = np.zeros(len(ranked), bool)
    repeats[sorting] = again
    cuts = ranked[~again][samples::samples]
    shards: list[list[list[Any]]] = [[] for _ in range(len(cuts) + 1)]
    start = 0
    for path, order in zip(ordered, orders, strict=True):
        bounds = shard_slices(order, cuts)
        dropped = np.flatnonzero(repeats[start : start + len(order)])
        start += len(order)
        for number, (first, stop) in enumerate(zip(bounds.tolist(), bounds[1:].tolist(), strict=False)):
            if stop > first:
                inside = dropped[(dropped >= first) & (dropped < stop)] - first
                shards[number].append([path, first, stop, inside.tolist()])
    return list(enumerate(shards))


def _write(folder: str, number: int, slices: list[list[Any]], format: str) -> dict[str, Any]:
    batches: list[pa.RecordBatch] = []
    for path, first, stop, dropped in slices:
        with pa.memory_map(path) as source:
            batch = ipc.open_file(source).get_batch(0).slice(first, stop - first)
        wanted = np.ones(len(batch), bool)
        wanted[dropped] = False
        batches.append(batch.filter(pa.array(wanted)) if dropped else batch)
    with ShardWriter(Path(folder), "train", number, format) as writer:
        for piece in merge_samples(batches):
            writer.write(piece)
    columns = [name for name in batches[0].schema.names if name not in ORDERED.names]
    return asdict(writer.info) | {"features": features_of(batches[0].select(columns).schema, TEXT)}


def _index(
    folder: str, draft: str, shards: Iterable[dict[str, Any]], format: str, samples: int, seed: int
) -> Iterator[dict[str, Any]]:  # fmt: skip
    entries = sorted(shards, key=lambda shard: shard["name"])
    features = entries[0]["features"]
    infos = [ShardInfo(**{k: v for k, v in entry.items() if k != "features"}) for entry in entries]
    write_index(Path(folder), make_index(format, samples, seed, infos, features=features))
    for path in Path(draft).glob("*.arrow"):
        path.unlink()
    Path(draft).rmdir()
    yield from (asdict(info) for info in infos)


__all__ = [
    "ORDERED", "ExtractText", "IdentifyLanguage", "IngestWarcs", "Keep", "Score", "ScoreHeuristics", "WriteShards",
]  # fmt: skip
