"""The images of one part while they are got: what is known of each, the segment that is being written, and what is left."""

from __future__ import annotations

import datetime as dt
import hashlib
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import xxhash

from core.errors import InputError, StorageError
from core.hashing import ID_TYPE
from ingest.held_images import HeldImages
from ingest.recorded import Records
from pipelines.context import Context
from pipelines.image_layers import FETCHED, FETCHED_SCHEMA, REACHED
from pipelines.layers import read_footer, read_layer
from pipelines.made_images import MadeWriter, output_to_make
from pipelines.plan import fetched_method
from pipelines.pool import Suspect
from pipelines.pulse import Pulse
from pipelines.segments import SegmentWriter, segment_path

if TYPE_CHECKING:
    from ingest.fetching import FetchSettings, Outcome

Json = dict[str, Any]
#: A segment ends at so many bytes and what is known of the part is written; of the web also after so many seconds.
SEGMENT_BYTES, WRITE_SECONDS = 64 << 20, 30.0
#: Why there is no image where the web is not asked, and of one whose bytes a worker died of.
NOT_IN_INPUT, UNREADABLE = "not_in_input", "unreadable"
#: Why there are none of one whose bytes are not those that a table says; its detail is the digest that was asked.
HASH_MISMATCH = "hash_mismatch"
_LONGEST_DETAIL = 200


class FetchedPart:
    """The images of one part: what is known of each, and the segment that is being written."""

    def __init__(
        self, context: Context, part: str, older: Sequence[str], pulse: Pulse, suspects: Sequence[Suspect], stack: ExitStack
    ) -> None:  # fmt: skip
        self._context, self._part, self._pulse = context, part, pulse
        self.layer = f"{FETCHED} {part}"
        self._suspects = [suspect for suspect in suspects if suspect.layer == self.layer]
        columns = ["id", "url", "warc", "offset", "length", "expected"]
        images = read_layer(context.path(context.table.first, part), columns).combine_chunks()
        self._reached = read_layer(context.path(REACHED, part), ["reached"]).column(0).to_pylist()
        self._ids: list[bytes] = images.column("id").to_pylist()
        self._urls: list[str] = images.column("url").to_pylist()
        self._places = list(zip(*(images.column(name).to_pylist() for name in ("warc", "offset", "length")), strict=True))
        self._expected: list[str | None] = images.column("expected").to_pylist()
        names = [part] if context.path(FETCHED, part).exists() else [part, *older]
        known = {id: row for name in names for id, row in self._known(name).items()}
        blank = dict.fromkeys(FETCHED_SCHEMA.names)
        self._rows: list[Json] = [known.get(id, blank) for id in self._ids]
        for row, (told, expected) in enumerate(zip(self._rows, self._expected, strict=True)):
            if told["status"] == HASH_MISMATCH and told["detail"] not in (None, expected):  # the table was corrected
                self._rows[row] = blank
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
    def hangs(self) -> list[str]:
        """What was seen of it, as often as the fetcher hung over this part."""
        return [suspect.why for suspect in self._suspects if suspect.stop != suspect.start + 1]

    def record(self, records: Records, uris: Mapping[str, str], settings: FetchSettings) -> None:
        """Takes the images that the input holds; an opt-out in the header that a crawl has kept is one as from the web."""
        from ingest.fetching.rights import opted_out

        most = settings.max_bytes
        for row in self._wanted:
            warc, offset, _ = self._places[row]
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

    def hold(self, images: HeldImages, settings: FetchSettings) -> None:
        """Looks at the images that are the input: they stay where they are."""
        for row in self._wanted:
            file, offset, length = self._places[row]
            if file is None:
                continue
            self._pulse.reading(self.layer, row)
            told: Json = {"source": "input"}
            if length > settings.max_bytes:
                self._fail(row, "too_large", False, told)
                continue
            try:
                body = images.read(self._ids[row], file, offset, length)
            except InputError as error:
                self._fail(row, "input_changed", True, {**told, "detail": error.message})
                continue
            self._got(row, body, {**told, "sha256": hashlib.sha256(body).digest()}, held=True)
        self._wanted = [row for row in self._wanted if self._places[row][0] is None]

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

    def _got(self, row: int, body: bytes, told: Json, held: bool = False) -> None:
        """Keeps an image: in a segment, or where it lies if the input is `held`."""
        from core.images import ImageError
        from core.images.headers import measure

        kind, _, digest = (self._expected[row] or "").partition(":")
        if digest and hashlib.new(kind, body, usedforsecurity=False).hexdigest() != digest:
            self._fail(row, HASH_MISMATCH, False, {**told, "detail": self._expected[row]})
            return
        try:
            format, width, height = measure(body)
        except ImageError as error:
            self._fail(row, error.reason, False, {**told, "detail": error.detail or None})
            return
        self._rows[row] = {
            **dict.fromkeys(FETCHED_SCHEMA.names), **told, "status": "ok", "again": False, "size": len(body), "format": format,
            "width": width, "height": height,
        }  # fmt: skip
        if not held:
            if self._segment is None:
                self._segment = SegmentWriter(self._context.store, self._part)
            self._rows[row]["row"] = self._segment.add(self._ids[row], body)
            self._pending.append(row)
        if self._made is not None:  # while others are waited for
            self._made.make(self._ids[row], body)
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
        mark, image = (read_footer(context.path(name, self._part)) for name in (REACHED, context.table.first))
        extra = {
            "ok": _digest(self._ids[row] for row in ok), "told": _digest(str(told["status"]).encode() for told in rows),
            "web": context.recipe.fetch.web, "expected": image.extra.get("expected") if image else None,
            "bytes": sum(rows[row]["size"] for row in ok), "left": len(self._left()), "marks": mark.extra["marks"] if mark else "",
            "segments": sorted({rows[row]["segment"] for row in ok} - {None}),
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


def _digest(values: Iterator[bytes] | Generator[bytes]) -> str:
    digest = xxhash.xxh3_128()
    for value in values:
        digest.update(value + b"\0")
    return digest.hexdigest()
