"""Counts of a WARC's records by kind, reason and HTTP status, mergeable as the other statistics are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from reports.counts import Counts, levels_of

#: Between kind and reason in the values that are counted; neither has it, as both are words of `ingest`.
BETWEEN = "\t"
CAP = 5_000


class RecordCounts:
    """Records by (kind, reason) and by status. A record without a reason became a document."""

    def __init__(self) -> None:
        self.total = 0
        self.pages = 0
        self.reasons = Counts(CAP)
        self.statuses = Counts(CAP)

    def update(
        self, kind: pa.Array, reason: pa.Array, status: pa.Array | None, sample_key: npt.NDArray[np.uint64]
    ) -> None:
        """Adds rows of `records/record`: strings (null reads as empty) and an integer status (null: none).

        `sample_key` is uint64 of the same length, a function of the record's id; it decides only which records
        are counted if hostile headers make more than CAP different values.
        """
        levels = levels_of(sample_key)
        kind, reason = _text(kind), _text(reason)
        page = np.asarray(pc.equal(reason, "")).astype(np.bool_)
        self.total += len(page)
        self.pages += int(page.sum())
        self.reasons.update(pc.binary_join_element_wise(kind, reason, BETWEEN), page, levels)
        if status is not None:
            self.statuses.update(pc.cast(_whole(status), pa.string()), page, levels)

    def merge(self, other: RecordCounts) -> None:
        self.total += other.total
        self.pages += other.pages
        self.reasons.merge(other.reasons)
        self.statuses.merge(other.statuses)

    def to_json(self) -> str:
        state = {
            "total": self.total,
            "pages": self.pages,
            "reasons": self.reasons.to_json(),
            "statuses": self.statuses.to_json(),
        }
        return json.dumps(state, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> RecordCounts:
        """The inverse of `to_json`. Raises ValueError if `text` is damaged."""
        self = cls()
        try:
            state: Mapping[str, Any] = json.loads(text)
            self.total, self.pages = int(state["total"]), int(state["pages"])
            self.reasons = Counts.from_json(state["reasons"])
            self.statuses = Counts.from_json(state["statuses"])
        except (AttributeError, IndexError, KeyError, TypeError) as error:
            raise ValueError(f"these are no counts of records: {error!r}") from error
        return self


def _whole(array: pa.Array) -> pa.Array:
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def _text(array: pa.Array) -> pa.Array:
    return pc.cast(_whole(array), pa.string()).fill_null("")
