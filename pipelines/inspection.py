"""One record looked up by URL or id: every column of every layer, its fate, each rule's verdict, its duplicates.

Looking up reads the URLs and ids of all parts and no text; only the parts that hold a match are read in full.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from core.addresses import canonical_url, url_host
from core.errors import InputError
from pipelines.members import Member, batches, members, true
from pipelines.stored import Run, Table
from pipelines.view import Columns

_HEX = re.compile(r"[0-9a-fA-F]{4,32}")
#: Records that are shown of one URL.
MOST_FOUND = 20

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Verdict:
    """What a rule says of a record: true keeps, false drops, null was not scored; `values` are what it reads."""

    reason: str
    text: str
    verdict: bool | None
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Found:
    """A record, or an image: row `row` of `part`; `values` are its columns by `layer.column`, `id` first.

    `record` is its row of the table `records`; of a record that is no document, `values` are that row. `untold` says
    why the document that an earlier run keeps of its cluster is not to be found.
    """

    table: str
    part: str
    row: int
    id: str
    values: dict[str, Any]
    verdicts: tuple[Verdict, ...] = ()
    cluster: tuple[Member, ...] = ()
    record: Mapping[str, Any] | None = None
    untold: tuple[str, ...] = ()

    @property
    def kept(self) -> bool | None:
        """Its fate; None where it is no document or its fate is not decided."""
        return self.values.get("fate.kept")

    @property
    def reason(self) -> str:
        """Why it was dropped, or why it is no document; empty if neither."""
        key = "record.reason" if self.table == "records" else "fate.reason"
        return self.values.get(key) or ""


@dataclass(frozen=True)
class _Place:
    table: Table
    part: str
    row: int


def find(run: Run, query: str, most: int = MOST_FOUND) -> list[Found]:
    """The documents of a URL or id, else the records of the input that became none, and the images; at most `most` of each.

    A URL is looked up as it stands, then in its canonical form; 4 to 32 hex digits are the beginning of an id.
    InputError if there is none.
    """
    query = query.strip()
    places = _places(run.documents, query, most) or _places(run.records, query, most)
    places += _places(run.images, query, most)
    if places:
        return [_found(run, place) for place in places]
    raise InputError(
        f"{query[:200]}: no document, record or image of {run.out} has this URL or id",
        "give a URL as the crawl has it, or at least 4 hex digits of an id; "
        "`report` and the layers `documents/page` and `records/record` have them",
    )


def _places(table: Table, query: str, most: int) -> list[_Place]:
    column = table.url
    if column not in table.known:
        return []

    def of_id(columns: Columns) -> Bools:
        return _has_prefix(columns["id"], query.lower())

    def of_url(columns: Columns) -> Bools:
        return true(pc.equal(columns[column], query))

    def of_page(columns: Columns) -> Bools:
        return same_page(columns[column], query)

    if _HEX.fullmatch(query) and (found := _search(table, ["id"], of_id, most)):
        return found
    found = _search(table, [column], of_url, most)
    if found or "://" not in query:
        return found
    return _search(table, [column], of_page, most)


def same_page(urls: pa.Array, url: str) -> Bools:
    """Which of a column of URLs have the canonical form of `url`."""
    canonical, host = canonical_url(url), url_host(url)
    # Only URLs that may be of the host are parsed: those that name it, and those that may spell it otherwise.
    candidates = true(pc.match_substring(urls, host, ignore_case=True)) | ~true(pc.string_is_ascii(urls))
    for row in np.flatnonzero(candidates).tolist():
        candidates[row] = canonical_url(urls[row].as_py() or "") == canonical
    return candidates


def _search(table: Table, columns: Sequence[str], test: Callable[[Columns], Bools], most: int) -> list[_Place]:
    found: list[_Place] = []
    for part in table.parts:
        start = 0
        for batch in batches(table, part, columns):
            found += [_Place(table, part, start + int(row)) for row in np.flatnonzero(test(batch))]
            start += len(batch["id"])
            if len(found) >= most:
                return found[:most]
    return found


def _has_prefix(ids: pa.Array, digits: str) -> Bools:
    if len(ids) == 0:
        return np.zeros(0, bool)
    raw = np.frombuffer(ids.buffers()[1], np.uint8)[ids.offset * 16 : (ids.offset + len(ids)) * 16].reshape(-1, 16)
    whole, odd = divmod(len(digits), 2)
    same = (raw[:, :whole] == np.frombuffer(bytes.fromhex(digits[: 2 * whole]), np.uint8)).all(axis=1)
    if odd:
        same &= raw[:, whole] >> 4 == int(digits[-1], 16)
    return np.asarray(same, bool)


def _found(run: Run, place: _Place) -> Found:
    table = place.table
    values = _row(table, place.part, place.row, table.columns)
    id = values["id"].hex()
    if table.name == "records":
        return Found("records", place.part, place.row, id, values)
    verdicts: list[Verdict] = []
    for rule in run.rules if table is run.documents else run.image_rules:
        if not set(rule.columns) <= table.known.keys():
            continue
        read = _row(table, place.part, place.row, rule.columns)
        told = rule.evaluate({name: pa.array([read[name]], table.known[name].type) for name in rule.columns})[0].as_py()
        verdicts.append(Verdict(rule.reason, rule.text, told, {name: read[name] for name in rule.columns}))
    cluster, untold = members(run, table, values)
    record = _record_of(run, place.part, values) if table is run.documents else None
    return Found(table.name, place.part, place.row, id, values, tuple(verdicts), tuple(cluster), record, tuple(untold))


def _row(table: Table, part: str, row: int, columns: Sequence[str]) -> dict[str, Any]:
    start = 0
    for batch in batches(table, part, columns):
        rows = len(batch["id"])
        if row < start + rows:
            return {name: batch[name][row - start].as_py() for name in dict.fromkeys(("id", *columns))}
        start += rows
    raise IndexError(f"{part} has no row {row}")


def _record_of(run: Run, part: str, values: Mapping[str, Any]) -> dict[str, Any] | None:
    """The row of `records` that a document comes from: of the same id, at the same offset."""
    offset = values.get("page.offset")
    for batch in batches(run.records, part, run.records.columns):
        same = pc.equal(batch["id"], pa.scalar(values["id"], pa.binary(16)))
        if offset is not None:
            same = pc.and_(same, pc.equal(batch["record.offset"], offset))
        for row in np.flatnonzero(true(same)).tolist():
            return {name: batch[name][row].as_py() for name in run.records.columns}
    return None
