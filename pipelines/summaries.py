"""Fates and statistics of one part: the rules asked of every document, and what the report needs of it counted."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from core.errors import StorageError
from core.hashing import seeded_keys
from core.remote import at_once
from dedup.election import DUPLICATES as DUPLICATES_SCHEMA
from pipelines.context import Context
from pipelines.fates import EMPTY_AFTER_EDITS, Verdicts, judge, without_blank
from pipelines.layers import Footer, read_footer
from pipelines.map_pass import audited
from pipelines.plan import DUPLICATES, EDITED, FATE, FATE_SCHEMA, IDENTITY, Plan
from pipelines.shard_plan import sender_of
from pipelines.store import Store
from pipelines.tables import DOCUMENTS, Table
from pipelines.view import Columns, Joined
from reports.plan import ColumnPlan, ReportPlan, RulePlan, Threshold
from reports.records import RecordCounts
from reports.statistics import Collector, RowBatch

#: The statistics are fastest in batches of some thousand rows, if those are not large.
#: Whether a document stands for its cluster.
ELECTED = f"{DUPLICATES}.kept"
_BATCH_ROWS = 2048


def report_plan(plan: Plan) -> ReportPlan:
    """What the report of a recipe counts."""
    columns = [ColumnPlan.of(name.partition(".")[0], plan.table.field(name)) for name in plan.table.shown]
    for layer in plan.layers:
        for f in layer.scorer.schema:
            if pa.types.is_nested(f.type) or pa.types.is_fixed_size_binary(f.type):
                continue
            columns.append(ColumnPlan.of(layer.name, f))
        if layer.edits and not any(c.name == EDITED for c in columns):
            columns.append(ColumnPlan(EDITED, "string", "the text after all edits"))
    if plan.dedup_layers:
        shown = {"size", "kept", *(["earlier"] if plan.section.against else [])}
        columns += [ColumnPlan.of(DUPLICATES, f) for f in DUPLICATES_SCHEMA if f.name in shown]
    known = {column.name for column in columns}
    for rule in plan.rules:
        for name in rule.columns:
            if name not in known:
                columns.append(ColumnPlan(name, "string"))
                known.add(name)
    costly = {layer.name for layer in plan.layers if layer.costly}
    rules = [
        RulePlan(
            rule.reason, rule.text,
            tuple(
                Threshold(t.column, t.op, t.value, " ".join(t.by).removeprefix("language.label ") if t.by else "")
                for t in rule.thresholds()
            ),
            rule.columns, any(c.partition(".")[0] in costly for c in rule.columns),
        )
        for rule in plan.rules
    ]  # fmt: skip
    return ReportPlan(plan.table.name, tuple(rules), tuple(columns), plan.tokens.partition(".")[0])


def statistics_path(store: Store, part: str, table: Table = DOCUMENTS) -> Path:
    """Where the statistics of a part lie."""
    return store.path("statistics", *([] if table is DOCUMENTS else [table.name]), f"{part}.json")


def _statistics_json(statistics: dict[str, Any]) -> bytes:
    return json.dumps({**statistics, "xxh3": _digest(statistics)}).encode()


def _digest(statistics: dict[str, Any]) -> str:
    return xxhash.xxh3_128_hexdigest(json.dumps(statistics, sort_keys=True).encode())


def read_statistics(path: Path) -> dict[str, Any]:
    """The statistics of a part. ValueError if they are damaged, OSError if they cannot be read."""
    try:
        statistics: dict[str, Any] = json.loads(path.read_bytes())
        if statistics.pop("xxh3") == _digest(statistics):
            return statistics
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no statistics: {error!r}") from error
    raise ValueError("their digest is another")


def merged(context: Context, parts: Sequence[str]) -> tuple[Collector, RecordCounts]:
    """The statistics of several parts of a table, and of the records they are made of. StorageError if one's are missing or
    damaged."""
    documents, records = Collector(report_plan(context.plan)), RecordCounts()

    def read(part: str) -> tuple[Collector, RecordCounts]:
        path = statistics_path(context.store, part, context.table)
        try:
            value = read_statistics(path)
            records = RecordCounts.from_json(value["records"]) if "records" in value else RecordCounts()
            return Collector.from_json(value[context.table.name]), records
        except (OSError, ValueError, KeyError) as error:
            raise StorageError(
                f"{path}: the statistics are missing or damaged ({error})", "run the same command again", str(path)
            ) from error

    for of_documents, of_records in at_once(read, parts, context.store.remote):
        documents.merge(of_documents)
        records.merge(of_records)
    return documents, records


def merge_statistics(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """Merges the statistics of some parts, for the driver."""
    documents, records = merged(context, args["parts"])
    return {"number": args["number"], "merged": [documents.to_json(), records.to_json()]}


def decide_fates(context: Context, args: dict[str, Any]) -> dict[str, Any]:
    """Writes `fate` and the statistics of one part unless they are there; emits ["count", output, sender] →
    the part for the outputs that are to be written."""
    part = str(args["key"][1])
    emit = [[["count", output, sender_of(part, int(args["parts"]))], part] for output in args["outputs"]]
    fate, page = (read_footer(context.path(layer, part)) for layer in (FATE, context.table.first))
    if are_decided(context, part, args["method"], fate, page):
        return {"part": part, "emit": emit}
    return {**_decide(context, part, args["method"]), "emit": emit}


def are_decided(context: Context, part: str, method: str, fate: Footer | None, page: Footer | None) -> bool:
    """Whether the fates and statistics of a part are there, of this method and for the rows that it has."""
    if fate is None or page is None or fate.method != method or fate.rows_digest != page.rows_digest:
        return False
    try:
        return bool(read_statistics(statistics_path(context.store, part, context.table))["method"] == method)
    except (OSError, ValueError):
        return False


def _decide(context: Context, part: str, method: str) -> dict[str, Any]:
    plan = context.plan
    shown = report_plan(plan)
    columns = {c.name for c in shown.columns} | {c for step in plan.steps for c in step.columns}
    columns |= {"text.text", EDITED} if context.table is DOCUMENTS else {"fetched.width", "fetched.height"}
    elects = any(ELECTED in rule.columns for rule in plan.rules)
    if plan.section.repeat or elects:
        columns.add(f"{DUPLICATES}.size")
    collector = Collector(shown)
    with (
        context.joined(part, columns | {f"{IDENTITY}.same_record"}, [y for y in plan.layers if y.edits]) as view,
        context.writer(FATE, part, FATE_SCHEMA) as writer,
    ):
        for batch in view.batches(_BATCH_ROWS):
            rows = len(batch["id"])
            removed = context.removed(batch)
            verdicts = judge(plan.steps, batch, rows, batch[f"{IDENTITY}.same_record"], removed)
            verdicts = _as_samples(context, verdicts, batch)
            kept = pa.array(verdicts.kept)
            repeat = pa.array(_repeats(plan, batch, verdicts.kept))
            writer.write(batch["id"], pa.RecordBatch.from_arrays([kept, verdicts.reason, repeat], schema=FATE_SCHEMA))
            collector.update(RowBatch(
                batch["id"], kept, verdicts.reason, verdicts.rules,
                seeded_keys(batch["id"], context.recipe.seed, "sample"), pa.array(audited(context, batch["id"])),
                batch, repeat, _messages(plan, batch, rows), _lost(batch, verdicts) if elects else None,
            ))  # fmt: skip
        writer.commit(method, extra={"kept": collector.kept})
    statistics = {"method": method, context.table.name: collector.to_json()}
    told: dict[str, Any] = {"part": part, "kept": collector.kept, "documents": collector.total}
    if context.table is DOCUMENTS:
        records = _count_records(context, part)
        statistics["records"], told["records"] = records.to_json(), records.total
    context.store.write_bytes(statistics_path(context.store, part, context.table), _statistics_json(statistics))
    return told


def _count_records(context: Context, part: str) -> RecordCounts:
    records = RecordCounts()
    with Joined(context.store, part, ["record.kind", "record.reason", "record.status"], table="records") as view:
        for batch in view.batches():
            keys = seeded_keys(batch["id"], context.recipe.seed, "sample")
            records.update(batch["record.kind"], batch["record.reason"], batch["record.status"], keys)
    return records


def _as_samples(context: Context, verdicts: Verdicts, batch: Columns) -> Verdicts:
    """Without what is no sample though no rule drops it: texts of white space, images that an output cannot make."""
    if context.recipe.pairs and context.table is DOCUMENTS:  # an image may have no caption
        return verdicts
    if context.table is DOCUMENTS:
        return without_blank(verdicts, batch["text.text"], batch[EDITED])
    from pipelines.image_samples import without_impossible

    return without_impossible(context, verdicts, batch)


def _lost(columns: Columns, verdicts: Verdicts) -> pa.Array:
    """Which rows stand for others of a cluster, and have nothing left of their text: the cluster is lost whole."""
    stands = pc.and_(columns[ELECTED], pc.greater(columns[f"{DUPLICATES}.size"], 1))
    return pc.and_(stands, pc.equal(verdicts.reason, EMPTY_AFTER_EDITS)).fill_null(False)


def _repeats(plan: Plan, columns: Columns, kept: npt.NDArray[np.bool_]) -> npt.NDArray[np.int32]:
    """How often each row goes into the shards: 0 if dropped, else once or what the recipe says of clusters of its size."""
    by_size = plan.section.repeat
    if not by_size:
        return kept.astype(np.int32)
    sizes = columns[f"{DUPLICATES}.size"].fill_null(1).to_numpy(zero_copy_only=False)
    bounds = np.array(sorted(by_size))
    times = np.array([by_size[int(bound)] for bound in bounds])[np.searchsorted(bounds, sizes, side="right") - 1]
    return np.where(kept, times, 0).astype(np.int32)


def _messages(plan: Plan, columns: Columns, rows: int) -> pa.Array:
    """The first error message of each row, null where there is none."""
    errors = [columns[step.columns[0]] for step in plan.steps if step.is_error]
    return pc.coalesce(*errors) if errors else pa.nulls(rows, pa.string())
