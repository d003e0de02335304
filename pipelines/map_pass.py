"""A map pass over one part: batches stream through the scorers of a stage, and layer files come out.

What an earlier file already knows is carried over by a join on id; costly scorers skip rows that an earlier rule
dropped, but for the audit sample.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from core.addresses import url_hosts
from core.errors import StorageError
from core.hashing import seeded_keys
from ingest.batches import PAGE_SCHEMA, RECORD_SCHEMA, UNSTORED
from ingest.image_references import REFERENCE_SCHEMA
from ingest.parts import Part
from ingest.read import open_part
from pipelines import isolate
from pipelines.context import Context
from pipelines.fates import judge
from pipelines.image_layers import FETCHED, REACHED
from pipelines.layers import ID, SCORED, LayerWriter, read_footer, read_layer
from pipelines.made_images import MadeWriter, output_to_make
from pipelines.memory import give_back
from pipelines.notes import NoteBook
from pipelines.page_references import ReferenceWriter
from pipelines.pictures import PLACES, Decoding, Pictures
from pipelines.plan import CONTENT, EDITED, IDENTITY, Layer, got, read_digest
from pipelines.pool import Suspect, unreadable
from pipelines.tables import BYTES, DECODED, DOCUMENTS
from pipelines.view import BATCH_ROWS, Columns, edit_columns, edited_text, in_text

if TYPE_CHECKING:
    from core.scorer import Scorer

#: A scorer that fails on each of the first rows of a part, this many, may be broken.
BROKEN_ROWS = 100


class BrokenScorer(Exception):
    """The scorer of `layer` failed on each of the first rows of a part."""

    def __init__(self, layer: str, message: str) -> None:
        super().__init__(message)
        self.layer, self.message = layer, message


@dataclass
class _Target:
    """A layer being written: what is known of it already, and what has happened so far."""

    layer: Layer
    writer: LayerWriter
    known: pa.Table | None
    seconds: float = 0.0
    failed: int = 0
    carried: int = 0
    scored: int = 0
    suspects: list[Suspect] = field(default_factory=list)


def map_part(context: Context, args: dict[str, Any], suspects: Sequence[Suspect], notes: NoteBook) -> dict[str, Any]:
    """Computes the layers `args["layers"]` of a part, and its first layers if `args["ingest"]`.

    Returns rows, and seconds, scored, carried and failed rows by layer. `args["accept"]` names layers that may
    fail on everything.
    """
    started = time.process_time()
    part = Part.from_json(args["part"])
    with ExitStack() as stack:
        if args["ingest"]:
            targets = _targets(context, part, context.plan.stage_layers(0), args, suspects, stack)
            rows = _ingest(context, part, args, targets, suspects, notes, stack)
        else:
            layers = [context.plan.by_name[name] for name in args["layers"]]
            targets = _targets(context, part, layers, args, suspects, stack)
            output = output_to_make(context, layers)
            made = stack.enter_context(MadeWriter(context, part.name, output, "score")) if output is not None else None
            rows = _rescore(context, part, args, targets, notes, made)
        for target in targets:
            layer = target.layer
            extra = {"reads": args["reads"][layer.name]}
            if layer.costly:
                extra["before"] = args["before"][layer.name]
            if context.table is not DOCUMENTS:
                extra["got"] = _got(context, part, layer)
            if not layer.carries:
                extra["input"] = _read_digest(context, part, layer)
            target.writer.commit(layer.method, scored=target.scored + target.carried, extra=extra)
    return {
        "part": part.name, "rows": rows, "seconds": time.process_time() - started,
        "layers": {
            t.layer.name: {"seconds": t.seconds, "scored": t.scored, "carried": t.carried, "failed": t.failed}
            for t in targets
        },
    }  # fmt: skip


def _targets(
    context: Context, part: Part, layers: Sequence[Layer], args: dict[str, Any], suspects: Sequence[Suspect],
    stack: ExitStack,
) -> list[_Target]:  # fmt: skip
    targets: list[_Target] = []
    for layer in layers:
        writer = stack.enter_context(context.writer(layer.name, part.name, layer.schema))
        alike = {layer.name, *(other.name for other in layers if _decodes(layer) and _decodes(other))}  # the decoder may be it
        mine = [s for s in suspects if s.layer in alike]
        targets.append(_Target(layer, writer, _known(context, part, layer, args), suspects=mine))
    return targets


def _read_digest(context: Context, part: Part, layer: Layer) -> str:
    """The digest of what a layer that is bound to the input reads of the part."""
    reached = read_footer(context.path(REACHED, part.name)) if context.table is not DOCUMENTS else None
    return read_digest(layer, read_footer(context.path(context.table.first, part.name)), reached)


def _decodes(layer: Layer) -> bool:
    return DECODED in layer.scorer.inputs


def _got(context: Context, part: Part, layer: Layer) -> str:
    """What tells which images of the part were got and are looked at."""
    fetched, reached = (read_footer(context.path(name, part.name)) for name in (FETCHED, REACHED))
    return got(layer, fetched, reached)


def _known(context: Context, part: Part, layer: Layer, args: dict[str, Any]) -> pa.Table | None:
    """The rows that may be carried over: of the earlier file, or of those of the parts that this one grew out of."""
    path = context.path(layer.name, part.name)
    older = [] if path.exists() else [context.path(layer.name, name) for name in args.get("older", ())]
    found = [table for table in (_known_of(context, part, layer, args, path) for path in older or [path]) if table is not None]
    return pa.concat_tables(found).combine_chunks() if found else None


def _known_of(context: Context, part: Part, layer: Layer, args: dict[str, Any], path: Path) -> pa.Table | None:
    """The rows of a file that may be carried over: made by the same method, of the same things read."""
    try:
        footer = read_footer(path)
        if footer is None or footer.method != layer.method or footer.extra.get("reads") != args["reads"][layer.name]:
            return None
        if not layer.carries and (args["ingest"] or footer.extra.get("input") != _read_digest(context, part, layer)):
            return None
        table = read_layer(path)
    except StorageError:  # a damaged file is not known; it is computed again
        return None
    return table.filter(table.column(SCORED.name)) if layer.skips else table


def _ingest(
    context: Context, part: Part, args: dict[str, Any], targets: list[_Target], suspects: Sequence[Suspect],
    notes: NoteBook, stack: ExitStack,
) -> int:  # fmt: skip
    """Reads the part's slice of the input; writes records, pages and the targets. Returns the documents."""
    reader = open_part(
        part, context.ingest, skip=unreadable(suspects), start_at=args.get("start_at"), note=notes.reading
    )
    page_schema = pa.schema([f for f in PAGE_SCHEMA if f.name != ID.name and f.name not in UNSTORED])
    records = stack.enter_context(
        LayerWriter(context.store, "records", "record", part.name, pa.schema(list(RECORD_SCHEMA)[1:]))
    )
    pages = stack.enter_context(context.writer("page", part.name, page_schema))
    references, search = None, None
    if context.recipe.references is not None:
        schema = pa.schema(list(REFERENCE_SCHEMA)[1:])
        references = stack.enter_context(LayerWriter(context.store, "references", "reference", part.name, schema))
        search = ReferenceWriter(references, context.recipe.references, suspects, context.limits)
    rows = 0
    for batch in reader:
        records.write(batch.records.column(0), _tail(batch.records))
        documents = batch.documents
        if len(documents) == 0:
            notes.done(0)
            continue
        ids = documents.column(0)
        columns: Columns = {"id": ids}
        columns |= {f"page.{n}": documents.column(n) for n in documents.schema.names if n != ID.name}
        pages.write(ids, pa.RecordBatch.from_arrays([columns[f"page.{f.name}"] for f in page_schema], schema=page_schema))
        if search is not None:
            gone = context.removed(columns)
            left = documents.filter(pa.array(~gone)) if gone.any() else documents
            if context.recipe.input.held is not None:
                search.write_held(left)
            elif context.ingest.pairs:
                search.write_pairs(left, context.ingest.hash)
            else:
                search.write(left, rows, notes)
        del batch, documents
        _score_batch(context, columns, targets, rows, args, notes)
        rows += len(ids)
        notes.done(len(ids))
        del columns
        give_back()
    source = {
        "digest": reader.digest, "format": part.format,
        "first_offset": reader.first_offset, "next_offset": reader.next_offset,
    }  # fmt: skip
    records.commit(context.plan.ingest_method, source=source)
    if references is not None and search is not None:
        references.commit(context.plan.references_method, source=source, extra={"reasons": dict(search.reasons)})
    pages.commit(context.plan.ingest_method, source=source)
    return rows


def _rescore(
    context: Context, part: Part, args: dict[str, Any], targets: list[_Target], notes: NoteBook, made_for: MadeWriter | None
) -> int:  # fmt: skip
    """Streams stored columns through the targets."""
    made = {t.layer.name for t in targets}
    last = max((t.layer.position for t in targets), default=-1)
    edits = [layer for layer in context.plan.edits_before(last) if layer.name not in made]
    wanted: set[str] = {context.table.url} if context.removals else set()
    for target in targets:
        needs = set(target.layer.scorer.inputs) - {BYTES, DECODED}
        if target.layer.pictured:
            needs |= PLACES
        if target.layer.costly:
            needs |= {c for step in context.plan.steps_before(target.layer.position) for c in step.columns}
            if context.plan.is_elected(target.layer.stage):
                needs.add(f"{IDENTITY}.same_record")
        if EDITED in needs:
            needs.remove(EDITED)
            needs |= {"text.text", *edit_columns(context.plan.edits_before(target.layer.position))}
        wanted |= needs
    stored = {c for c in wanted if c.partition(".")[0] not in made}
    rows = 0
    pictures = Pictures(context, made_for) if any({BYTES, DECODED} & {*t.layer.scorer.inputs} for t in targets) else None
    with context.joined(part.name, stored, edits) as view:
        for columns in view.batches(BATCH_ROWS) if pictures is None else pictures.batches(view):
            _score_batch(context, columns, targets, rows, args, notes, pictures)
            rows += len(columns["id"])
            notes.done(len(columns["id"]))
            give_back()
    return rows


def _score_batch(
    context: Context, columns: Columns, targets: list[_Target], start: int, args: dict[str, Any], notes: NoteBook,
    pictures: Pictures | None = None,
) -> None:  # fmt: skip
    """Adds the targets' columns to `columns`, and writes them. `start` is the first row's place in the part."""
    ids = columns["id"]
    removed = context.removed(columns) if context.removals else np.zeros(len(ids), bool)
    readers = [target for target in targets if CONTENT in target.layer.scorer.inputs and CONTENT in columns]
    last_reader = readers[-1] if readers else None
    for target in targets:
        layer = target.layer
        needed = _needed(context, columns, layer) & ~removed
        places = None
        if target.known is not None:
            places = pc.index_in(ids, value_set=target.known.column(ID.name).combine_chunks())
            places = pc.if_else(pa.array(removed), pa.scalar(None, pa.int32()), places)
            needed &= np.asarray(pc.is_null(places).to_numpy(zero_copy_only=False), bool)
        fresh = None
        if needed.any():
            fresh = _score(context, columns, target, needed, start, notes, pictures)
            if target.scored == target.failed >= BROKEN_ROWS and layer.name not in args.get("accept", []):
                raise BrokenScorer(layer.name, pc.drop_null(fresh.column("error"))[0].as_py())
        result = _assemble(layer, target.known, places, fresh, needed)
        if places is not None:
            target.carried += len(places) - places.null_count
        target.writer.write(ids, result)
        columns |= {f"{layer.name}.{name}": array for name, array in zip(result.schema.names, result.columns, strict=True)}
        if target is last_reader:  # the pages' HTML is the most of a batch
            del columns[CONTENT]


def _needed(context: Context, columns: Columns, layer: Layer) -> npt.NDArray[np.bool_]:
    """The rows that this layer has to score: all, or for a costly one the living and the audit sample; of images only those
    that were got, if it looks at them."""
    rows = len(columns["id"])
    there = np.ones(rows, bool)
    if layer.pictured:
        there = np.asarray(pc.equal(columns[f"{FETCHED}.status"], "ok").fill_null(False).to_numpy(zero_copy_only=False), bool)
    if not layer.costly:
        return there
    host, url = context.table.host, context.table.url
    if host not in columns and url in columns:
        columns[host] = url_hosts(columns[url])
    verdicts = judge(
        context.plan.steps_before(layer.position), columns, rows, columns.get(f"{IDENTITY}.same_record")
    )
    return there & (verdicts.kept | audited(context, columns["id"]))


def audited(context: Context, ids: pa.Array) -> npt.NDArray[np.bool_]:
    """The audit sample: a seeded share of all ids, the same in every run."""
    share = context.plan.section.audit
    return seeded_keys(ids, context.plan.recipe.seed, "audit") < np.uint64(min(share, 1.0) * (2**64 - 1))


def _score(
    context: Context, columns: Columns, target: _Target, needed: npt.NDArray[np.bool_], start: int, notes: NoteBook,
    pictures: Pictures | None,
) -> pa.RecordBatch:  # fmt: skip
    """The needed rows through the scorer, errors in the last column."""
    layer = target.layer
    stop = start + len(needed)
    if pictures is not None and _decodes(layer):
        notes.scoring(layer.name, start, stop)  # a decoder may die of an image too
    # Two deaths in one part: there may be many such rows, and each would cost a worker.
    apart = len(target.suspects) > 1 or any(s.start < stop and start < s.stop for s in target.suspects)
    # It has all that is asked of a scorer here, but a name that is its own scorer's, which a class variable cannot be.
    scorer = cast("Scorer", Decoding(layer.scorer)) if apart and _decodes(layer) else layer.scorer
    batch = pa.RecordBatch.from_arrays(
        [_input(context, columns, name, layer, needed, pictures) for name in scorer.inputs], names=list(scorer.inputs)
    )
    began = time.perf_counter()
    notes.scoring(layer.name, start, stop)
    if apart:
        scored = isolate.score_in_child(scorer, batch, context.limits, lambda: notes.scoring(layer.name, start, stop))
    else:
        scored = isolate.score(scorer, batch)
    target.seconds += time.perf_counter() - began
    target.failed += scored.failed
    target.scored += len(batch)
    made = scored.columns
    edits = context.plan.edits_before(layer.position)
    if EDITED in layer.scorer.inputs and edits:
        kept = columns if needed.all() else {n: columns[n].filter(pa.array(needed)) for n in ("text.text", *edit_columns(edits))}
        made = in_text(kept, edits, made)
    return made.append_column("error", scored.errors)


def _input(
    context: Context, columns: Columns, name: str, layer: Layer, needed: npt.NDArray[np.bool_], pictures: Pictures | None
) -> pa.Array:  # fmt: skip
    """A column that a scorer reads, of the rows that are needed."""
    if name in (BYTES, DECODED) and pictures is not None:
        return pictures.column(name, columns, needed)
    if name == EDITED:
        edits = context.plan.edits_before(layer.position)
        name = " ".join([EDITED, *(edit.name for edit in edits)])  # several scorers read the same edits
        if name not in columns:
            columns[name] = edited_text(columns, edits)
    if name == context.table.host and name not in columns:
        columns[name] = url_hosts(columns[context.table.url])
    if name not in columns and name == CONTENT:
        raise StorageError("page.content is not stored", "this is a defect of the plan: report it")
    return columns[name] if needed.all() else columns[name].filter(pa.array(needed))


def _assemble(
    layer: Layer, known: pa.Table | None, places: pa.Array | None, fresh: pa.RecordBatch | None,
    needed: npt.NDArray[np.bool_],
) -> pa.RecordBatch:  # fmt: skip
    """Old rows, new rows and rows that were not needed, in the order of the part."""
    rows = len(needed)
    if fresh is not None and len(fresh) == rows:
        arrays = fresh.columns
        if layer.skips:
            arrays = [*arrays[:-1], pa.array(np.ones(rows, bool)), arrays[-1]]
        return pa.RecordBatch.from_arrays(arrays, schema=layer.schema)
    take = np.full(rows, -1, np.int64)
    old = None
    if known is not None and places is not None and places.null_count < rows:
        found = np.asarray(places.is_valid().to_numpy(zero_copy_only=False), bool)
        old = known.take(places.drop_null())
        take[found] = np.arange(int(found.sum()))
    take[needed] = (len(old) if old is not None else 0) + np.arange(int(needed.sum()))
    indices = pa.array(take, mask=take < 0)
    arrays: list[pa.Array] = []
    for f in layer.schema:
        if f.name == SCORED.name and layer.skips:
            arrays.append(pa.array(take >= 0))
            continue
        pieces = [old.column(f.name).combine_chunks()] if old is not None else []
        if fresh is not None:
            pieces.append(fresh.column(f.name))
        source = pa.concat_arrays(pieces) if pieces else pa.nulls(0, f.type)
        arrays.append(source.take(indices))
    return pa.RecordBatch.from_arrays(arrays, schema=layer.schema)


def _tail(batch: pa.RecordBatch) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(batch.columns[1:], schema=pa.schema(list(batch.schema)[1:]))

