"""Gets the images of a group of hosts, as one task: from the input's WARCs where they are there, else from the web.

What was got stays got; what failed in a way that may pass, or was not reached, is tried again by the next run.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import xxhash

from core.errors import StorageError
from core.hashing import ID_TYPE
from ingest.parts import Part
from ingest.recorded import Records
from pipelines.context import Context
from pipelines.image_layers import FETCHED, FETCHED_SCHEMA, REACHED
from pipelines.layers import read_footer, read_layer
from pipelines.memory import give_back
from pipelines.notes import NoteBook
from pipelines.plan import fetched_method
from pipelines.progress import meanwhile
from pipelines.segments import SegmentWriter, segment_path

if TYPE_CHECKING:
    from ingest.fetching import FetchSettings, Outcome, RobotsCache, Spent

Json = dict[str, Any]
NAME = "fetch images"
#: A segment ends at so many bytes and what is known of the part is written; of the web also after so many seconds.
SEGMENT_BYTES, WRITE_SECONDS = 64 << 20, 30.0
#: What a file of the input is, by its path: a scratch file.
INPUTS = "image-inputs.json"
#: Why there is no image where the web is not asked.
NOT_IN_INPUT = "not_in_input"
_STROKE_SECONDS = 5.0
_LONGEST_DETAIL = 200


def fetch(context: Context, args: Json, notes: NoteBook) -> Json:
    """Gets the images of the parts of a group, in their order; returns how many were tried, and how many there are."""
    from ingest.fetching import RobotsCache, Spent

    uris: Mapping[str, str] = json.loads(context.store.scratch(INPUTS).read_bytes())
    settings = context.recipe.fetch.settings(context.recipe.seed)
    robots = RobotsCache(_read_robots(context, args["group"]))
    budget = _Budget(settings, Spent())
    tried = ok = 0
    # The notes tell that the task goes on: hosts may ask for long pauses, and each request has an end of its own.
    with Records(context.ingest) as records, meanwhile(lambda: notes.done(0), _STROKE_SECONDS, "alive"):
        for part in args["parts"]:
            one = _PartFetch(context, part, notes)
            if not args["offline"]:
                one.record(records, uris, settings.max_bytes)
                one.ask(budget, robots)
            tried, ok = tried + one.tried, ok + one.write()
            give_back()
    if budget.spent.requests:
        _write_robots(context, args["group"], robots)
    return {"group": args["group"], "rows": tried, "kept": ok, "requests": budget.spent.requests}


def write_inputs(context: Context, parts: Sequence[Part]) -> None:
    """Tells tasks where the files of the input are."""
    path = context.store.scratch(INPUTS)
    context.store.write_bytes(path, json.dumps({part.path: part.uri for part in parts}).encode())


class _Budget:
    """What is left of the time, requests and bytes that a task may take."""

    def __init__(self, settings: FetchSettings, spent: Spent) -> None:
        self._settings, self.spent = settings, spent
        self._began = time.monotonic()

    def left(self) -> FetchSettings | None:
        """The settings with what is left; None if nothing is."""
        settings, spent = self._settings, self.spent
        given = {
            "deadline_seconds": (settings.deadline_seconds, time.monotonic() - self._began),
            "max_requests": (settings.max_requests, spent.requests),
            "max_total_bytes": (settings.max_total_bytes, spent.wire_bytes),
        }  # fmt: skip
        rest = {name: most - taken for name, (most, taken) in given.items() if most}
        return replace(settings, **rest) if all(left > 0 for left in rest.values()) else None


class _PartFetch:
    """The images of one part: what is known of each, and the segment that is being written."""

    def __init__(self, context: Context, part: str, notes: NoteBook) -> None:
        self._context, self._part, self._notes = context, part, notes
        images = read_layer(context.path(context.table.first, part), ["id", "url", "warc", "offset", "expected"]).combine_chunks()
        self._reached = read_layer(context.path(REACHED, part), ["reached"]).column(0).to_pylist()
        self._ids: list[bytes] = images.column("id").to_pylist()
        self._urls: list[str] = images.column("url").to_pylist()
        self._places = list(zip(images.column("warc").to_pylist(), images.column("offset").to_pylist(), strict=True))
        self._expected: list[str | None] = images.column("expected").to_pylist()
        known = self._known()
        blank = dict.fromkeys(FETCHED_SCHEMA.names)
        self._rows: list[Json] = [known.get(id, blank) for id in self._ids]
        columns = {"id": images.column("id").combine_chunks(), context.table.url: images.column("url").combine_chunks()}
        if len(images):
            for row in context.removed(columns).nonzero()[0].tolist():
                self._reached[row], self._rows[row] = False, blank
        self._wanted = self._left()
        self._segment: SegmentWriter | None = None
        self._pending: list[int] = []
        self._written = time.monotonic()
        self.tried = 0

    def record(self, records: Records, uris: Mapping[str, str], most: int) -> None:
        """Takes the images that the input holds."""
        for row in self._wanted:
            warc, offset = self._places[row]
            if warc is None or warc not in uris:
                continue
            found = records.body(uris[warc], offset, self._urls[row], most + 1)
            told: Json = {"source": "warc", "fetched": found.date}
            if found.problem:
                self._fail(row, "damaged_record", False, {**told, "detail": found.problem})
            elif len(found.body) > most:
                self._fail(row, "too_large", False, told)
            else:
                self._got(row, found.body, told)
            if self._segment is not None and self._segment.bytes >= SEGMENT_BYTES:
                self.write()
        self._wanted = [row for row in self._wanted if self._places[row][0] is None or self._places[row][0] not in uris]

    def ask(self, budget: _Budget, robots: RobotsCache) -> None:
        """Fetches the others."""
        from ingest.fetching import Job, fetch_in_thread

        if not self._wanted:
            return
        if not self._context.recipe.fetch.web:
            for row in self._wanted:
                self._fail(row, NOT_IN_INPUT, False, {})
            return
        settings = budget.left()
        if settings is None:
            for row in self._wanted:
                self._fail(row, "not_reached", True, {"source": "web", "detail": "the deadline or the budget came first"})
            return
        jobs = (Job(row, self._urls[row]) for row in self._wanted)
        self._written = time.monotonic()
        with closing(fetch_in_thread(jobs, settings, robots=robots, spent=budget.spent)) as outcomes:
            for outcome in outcomes:
                self._take(outcome)
                if self._is_much():
                    self.write()

    def _take(self, outcome: Outcome) -> None:
        told: Json = {"source": "web", "http_status": outcome.http_status, "final_url": outcome.final_url or None}
        if outcome.body is None:
            self._fail(outcome.index, outcome.status, outcome.retryable, {**told, "detail": outcome.detail or None})
        else:
            when = dt.datetime.fromtimestamp(int(outcome.fetched_at), dt.UTC)
            self._got(outcome.index, outcome.body, {**told, "fetched": when})

    def _got(self, row: int, body: bytes, told: Json) -> None:
        from core.images import ImageError
        from core.images.headers import measure

        kind, _, digest = (self._expected[row] or "").partition(":")
        if digest and hashlib.new(kind, body, usedforsecurity=False).hexdigest() != digest:
            self._fail(row, "hash_mismatch", False, told)
            return
        try:
            format, width, height = measure(body)
        except ImageError as error:
            self._fail(row, error.reason, False, {**told, "detail": error.detail or None})
            return
        if self._segment is None:
            self._segment = SegmentWriter(self._context.store, self._part)
        self._rows[row] = {
            **dict.fromkeys(FETCHED_SCHEMA.names), **told, "status": "ok", "again": False, "size": len(body),
            "sha256": hashlib.sha256(body).digest(), "format": format, "width": width, "height": height,
            "row": self._segment.add(self._ids[row], body),
        }  # fmt: skip
        self._pending.append(row)
        self._done()

    def _fail(self, row: int, status: str, again: bool, told: Json) -> None:
        detail = told.get("detail")
        told = {**told, "detail": " ".join(detail.split())[:_LONGEST_DETAIL] if detail else None}
        self._rows[row] = {**dict.fromkeys(FETCHED_SCHEMA.names), **told, "status": status, "again": again}
        self._done()

    def _done(self) -> None:
        self.tried += 1
        self._notes.done(1)

    def _is_much(self) -> bool:
        if self._segment is not None and self._segment.bytes >= SEGMENT_BYTES:
            return True
        return time.monotonic() - self._written >= WRITE_SECONDS

    def write(self) -> int:
        """Ends the segment and writes what is known of the part: whoever goes on after this process asks for the rest only.
        How many images there are."""
        if self._segment is not None:
            try:
                name = self._segment.commit()
            finally:
                self._segment.discard()
            for row in self._pending:
                self._rows[row] = {**self._rows[row], "segment": name}
            self._segment, self._pending = None, []
        context, rows = self._context, self._rows
        ok = [row for row, told in enumerate(rows) if told["status"] == "ok"]
        mark = read_footer(context.path(REACHED, self._part))
        extra = {
            "ok": _digest(self._ids[row] for row in ok), "told": _digest(str(told["status"]).encode() for told in rows),
            "web": context.recipe.fetch.web,
            "bytes": sum(rows[row]["size"] for row in ok), "left": len(self._left()), "marks": mark.extra["marks"] if mark else "",
            "segments": sorted({rows[row]["segment"] for row in ok}),
        }  # fmt: skip
        with context.writer(FETCHED, self._part, FETCHED_SCHEMA) as writer:
            writer.write(pa.array(self._ids, ID_TYPE), pa.RecordBatch.from_pylist(rows, schema=FETCHED_SCHEMA))
            writer.commit(fetched_method(), scored=len(ok), extra=extra)
        self._written = time.monotonic()
        return len(ok)

    def _left(self) -> list[int]:
        """The rows that are looked at and not known, or to be tried again."""
        return [row for row, told in enumerate(self._rows) if self._reached[row] and (told["status"] is None or told["again"])]

    def _known(self) -> dict[bytes, Json]:
        """What earlier runs know of images by id; without those whose bytes are gone."""
        path = self._context.path(FETCHED, self._part)
        try:
            footer = read_footer(path)
            if footer is None or footer.method != fetched_method():
                return {}
            table = read_layer(path)
        except StorageError:
            return {}
        unknown = (None, NOT_IN_INPUT) if self._context.recipe.fetch.web else (None,)
        there = {name for name in footer.extra["segments"] if segment_path(self._context.store, name).is_file()}
        return {
            row["id"]: {name: row[name] for name in FETCHED_SCHEMA.names}
            for row in table.to_pylist()
            if row["status"] not in unknown and (row["segment"] is None or row["segment"] in there)
        }  # fmt: skip


def _digest(values: Iterator[bytes] | Generator[bytes]) -> str:
    digest = xxhash.xxh3_128()
    for value in values:
        digest.update(value + b"\0")
    return digest.hexdigest()


def _robots_path(context: Context, group: str) -> Any:
    return context.store.path("images", "robots", f"{group}.json")


def _read_robots(context: Context, group: str) -> list[Any]:
    from ingest.fetching import RobotsRecord

    try:
        rows = json.loads(_robots_path(context, group).read_bytes())
        return [RobotsRecord(origin, None if body is None else body.encode("latin-1"), float(at)) for origin, body, at in rows]
    except (OSError, ValueError, TypeError):  # asked for again
        return []


def _write_robots(context: Context, group: str, robots: RobotsCache) -> None:
    rows = [
        [record.origin, None if record.body is None else record.body.decode("latin-1"), record.fetched_at]
        for record in robots.export()
    ]  # fmt: skip
    context.store.write_bytes(_robots_path(context, group), json.dumps(rows).encode())
