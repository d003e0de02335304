"""Gets the images of a group of hosts, as one task: from the input's WARCs where they are there, else from the web.

What was got stays got; what failed in a way that may pass, or was not reached, is tried again by the next run.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import time
import uuid
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
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
from pipelines.made_images import MadeWriter, output_to_make
from pipelines.memory import give_back
from pipelines.notes import NoteBook
from pipelines.plan import fetched_method
from pipelines.pool import Suspect
from pipelines.progress import meanwhile
from pipelines.segments import SegmentWriter, segment_path

if TYPE_CHECKING:
    from ingest.fetching import FetchSettings, Outcome, RobotsCache, Spent

Json = dict[str, Any]
NAME = "fetch images"
#: A segment ends at so many bytes and what is known of the part is written; of the web also after so many seconds.
SEGMENT_BYTES, WRITE_SECONDS = 64 << 20, 30.0
#: Parts that are asked for at a time: what is known of their rows is held, and how long they take hangs on their slowest host.
OPEN_PARTS = 16
#: What a file of the input is, by its path: a scratch file.
INPUTS = "image-inputs.json"
#: Why there is no image where the web is not asked.
NOT_IN_INPUT = "not_in_input"
#: Why there is no image whose bytes a worker died of, and of one that was not asked for as the fetcher hung.
UNREADABLE, NOT_REACHED = "unreadable", "not_reached"
_STROKE_SECONDS = 5.0
_LONGEST_DETAIL = 200


def fetch(context: Context, args: Json, suspects: Sequence[Suspect], notes: NoteBook) -> Json:
    """Gets the images of the parts of a group, in their order; returns how many were tried, and how many there are. `suspects`
    are what workers died of that did this before."""
    from ingest.fetching import RobotsCache, Spent

    uris: Mapping[str, str] = json.loads(context.store.scratch(INPUTS).read_bytes())
    settings = context.recipe.fetch.settings(context.recipe.seed)
    robots = RobotsCache(_read_robots(context, args["group"]))
    budget = _Budget(settings, Spent())
    tried = ok = 0
    pulse = Pulse(notes, quiet_seconds(settings))
    with Records(context.ingest) as records, meanwhile(pulse.beat, _STROKE_SECONDS, "alive"):
        for start in range(0, len(args["parts"]), OPEN_PARTS):
            with ExitStack() as stack:
                parts = [
                    _PartFetch(context, name, args["older"].get(name, ()), pulse, suspects, stack)
                    for name in args["parts"][start : start + OPEN_PARTS]
                ]
                if not args["offline"]:
                    for part in parts:
                        part.record(records, uris, settings)
                    _ask(parts, context, budget, robots, pulse)
                tried, ok = tried + sum(part.tried for part in parts), ok + sum(part.write() for part in parts)
            del parts
            give_back()
    if budget.spent.requests:
        _write_robots(context, args["group"], robots)
    return {"group": args["group"], "rows": tried, "kept": ok, "requests": budget.spent.requests}


def quiet_seconds(settings: FetchSettings) -> float:
    """How long the fetcher may go without an outcome: every request has an end, and hosts may ask for pauses between tries."""
    pause = max(
        settings.longest_pause_seconds, settings.max_retry_after_seconds, settings.max_crawl_delay_seconds,
        settings.host_interval_seconds,
    )  # fmt: skip
    one = settings.dns_seconds + settings.total_seconds + pause
    return 2 * (settings.retries + 1) * one  # robots.txt may be asked for first


class Pulse:
    """Notes what a task has at hand. While it waits for the web its clock goes on, but no longer than the fetcher may be silent;
    while one image is read the clock stands, so that what hangs is seen as stuck."""

    def __init__(self, notes: NoteBook, quiet_seconds: float) -> None:
        self._notes, self._quiet = notes, quiet_seconds
        self._waits: tuple[str, int] | None = None
        self._since = 0.0

    def reading(self, layer: str, row: int) -> None:
        """One image is at hand."""
        self._waits = None
        self._notes.scoring(layer, row, row + 1)

    def waiting(self, layer: str, rows: int) -> None:
        """The web is asked for some of the part's rows."""
        self._since = time.monotonic()
        self._waits = layer, rows
        self._notes.scoring(layer, 0, rows)

    def done(self) -> None:
        """One image more is through."""
        self._waits = None
        self._notes.done(1)

    def beat(self) -> None:
        """Called every few seconds, by another thread."""
        waits = self._waits
        if waits is not None and time.monotonic() - self._since < self._quiet:
            self._notes.scoring(waits[0], 0, waits[1])


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

    def __init__(
        self, context: Context, part: str, older: Sequence[str], pulse: Pulse, suspects: Sequence[Suspect], stack: ExitStack
    ) -> None:  # fmt: skip
        self._context, self._part, self._pulse = context, part, pulse
        self.layer = f"{FETCHED} {part}"
        self._suspects = [suspect for suspect in suspects if suspect.layer == self.layer]
        images = read_layer(context.path(context.table.first, part), ["id", "url", "warc", "offset", "expected"]).combine_chunks()
        self._reached = read_layer(context.path(REACHED, part), ["reached"]).column(0).to_pylist()
        self._ids: list[bytes] = images.column("id").to_pylist()
        self._urls: list[str] = images.column("url").to_pylist()
        self._places = list(zip(images.column("warc").to_pylist(), images.column("offset").to_pylist(), strict=True))
        self._expected: list[str | None] = images.column("expected").to_pylist()
        names = [part] if context.path(FETCHED, part).exists() else [part, *older]
        known = {id: row for name in names for id, row in self._known(name).items()}
        blank = dict.fromkeys(FETCHED_SCHEMA.names)
        self._rows: list[Json] = [known.get(id, blank) for id in self._ids]
        columns = {"id": images.column("id").combine_chunks(), context.table.url: images.column("url").combine_chunks()}
        if len(images):
            for row in context.removed(columns).nonzero()[0].tolist():
                self._reached[row], self._rows[row] = False, blank
        self._wanted = self._left()
        output = output_to_make(context, context.plan.layers)
        self._made = stack.enter_context(MadeWriter(context, part, output, "fetch")) if output is not None else None
        self._segment: SegmentWriter | None = None
        self._pending: list[int] = []
        self._written = time.monotonic()
        self.tried = 0
        self._leave_suspects()

    def _leave_suspects(self) -> None:
        """An image that a worker died of is not read again."""
        died = {suspect.start: suspect.why for suspect in self._suspects if suspect.stop == suspect.start + 1}
        for row in self._wanted:
            if row in died:
                self._fail(row, UNREADABLE, False, {"detail": died[row]})
        self._wanted = [row for row in self._wanted if row not in died]

    @property
    def hangs(self) -> str:
        """Of a part over which the fetcher hung more than once, what was seen of it; else empty."""
        over = sum(suspect.stop != suspect.start + 1 for suspect in self._suspects)
        return self._suspects[-1].why if over > 1 else ""

    def record(self, records: Records, uris: Mapping[str, str], settings: FetchSettings) -> None:
        """Takes the images that the input holds; an opt-out in the header that a crawl has kept is one as from the web."""
        from ingest.fetching.rights import opted_out

        most = settings.max_bytes
        for row in self._wanted:
            warc, offset = self._places[row]
            if warc is None or warc not in uris:
                continue
            self._pulse.reading(self.layer, row)
            found = records.body(uris[warc], offset, self._urls[row], most + 1)
            told: Json = {"source": "warc", "fetched": found.date}
            if found.problem:
                self._fail(row, "damaged_record", False, {**told, "detail": found.problem})
            elif opted_out(dict(found.fields), settings):
                self._fail(row, "opt_out", False, told)
            elif len(found.body) > most:
                self._fail(row, "too_large", False, told)
            else:
                self._got(row, found.body, {**told, "sha256": hashlib.sha256(found.body).digest()})
            if self._segment is not None and self._segment.bytes >= SEGMENT_BYTES:
                self.write()
        self._wanted = [row for row in self._wanted if self._places[row][0] is None or self._places[row][0] not in uris]

    @property
    def wanted(self) -> list[tuple[int, str]]:
        """The others: rows, with their addresses."""
        return [(row, self._urls[row]) for row in self._wanted]

    def leave(self, why: str, again: bool, told: Json) -> None:
        """None of them is asked for."""
        for row in self._wanted:
            self._fail(row, why, again, told)
        self._wanted = []

    def take(self, row: int, outcome: Outcome) -> None:
        """What came of asking for one."""
        self._pulse.reading(self.layer, row)
        told: Json = {"source": "web", "http_status": outcome.http_status, "final_url": outcome.final_url or None}
        if outcome.body is None:
            self._fail(row, outcome.status, outcome.retryable, {**told, "detail": outcome.detail or None})
        else:
            when = dt.datetime.fromtimestamp(int(outcome.fetched_at), dt.UTC)
            self._got(row, outcome.body, {**told, "fetched": when, "sha256": bytes.fromhex(outcome.sha256)})
        if self._is_much():
            self.write()
        self._pulse.waiting(self.layer, len(self._rows))

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
            **dict.fromkeys(FETCHED_SCHEMA.names), **told, "status": "ok", "again": False, "size": len(body), "format": format,
            "width": width, "height": height, "row": self._segment.add(self._ids[row], body),
        }  # fmt: skip
        if self._made is not None:  # while others are waited for
            self._made.make(self._ids[row], body)
        self._pending.append(row)
        self._done()

    def _fail(self, row: int, status: str, again: bool, told: Json) -> None:
        detail = told.get("detail")
        told = {**told, "detail": " ".join(detail.split())[:_LONGEST_DETAIL] if detail else None}
        self._rows[row] = {**dict.fromkeys(FETCHED_SCHEMA.names), **told, "status": status, "again": again}
        self._done()

    def _done(self) -> None:
        self.tried += 1
        self._pulse.done()

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

    def _known(self, part: str) -> dict[bytes, Json]:
        """What earlier runs know of a part's images by id; without those whose bytes are gone."""
        path = self._context.path(FETCHED, part)
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


def _ask(parts: Sequence[_PartFetch], context: Context, budget: _Budget, robots: RobotsCache, pulse: Pulse) -> None:
    """Asks the web for what the parts still want, for all of them at once: a host that is slow keeps none waiting."""
    from ingest.fetching import Job, fetch_in_thread

    settings = budget.left()
    for part in parts:
        if not context.recipe.fetch.web:
            part.leave(NOT_IN_INPUT, False, {})
        elif part.hangs or settings is None:
            told = {"source": "web", "detail": part.hangs or "the deadline or the budget came first"}
            part.leave(NOT_REACHED, True, told)
    wanted = [(i, row, url) for i, part in enumerate(parts) for row, url in part.wanted]
    if not wanted or settings is None:
        return
    def waiting() -> None:
        pulse.waiting(parts[wanted[0][0]].layer, len(wanted))

    waiting()
    jobs = (Job(place, url) for place, (_, _, url) in enumerate(wanted))
    if context.recipe.fetch.engine == "img2dataset":
        from ingest.img2dataset_engine import fetch_by_img2dataset

        folder = context.store.local("tmp", f"g{context.store.generation}", f"img2dataset-{uuid.uuid4().hex}")
        fetching = fetch_by_img2dataset(jobs, settings, folder, waiting)
        budget.spent.requests += len(wanted)
    else:
        fetching = fetch_in_thread(jobs, settings, robots=robots, spent=budget.spent)
    with closing(fetching) as outcomes:
        for outcome in outcomes:
            i, row, _ = wanted[outcome.index]
            parts[i].take(row, outcome)


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
