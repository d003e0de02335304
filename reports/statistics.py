"""Statistics of one table, collected batch by batch and merged in any order with the same result to the bit.

Counts are integers, sums are exact, samples are bottom-k by a seeded hash of the id: design.md §4, "Statistics".
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from core.hashing import splitmix64
from reports.counts import Counts, Levels, hosts_of, levels_of, years_of
from reports.histograms import Histogram
from reports.plan import CATEGORY_CAP, Facet, ReportPlan
from reports.rule_counts import RuleCounts
from reports.samples import LONGEST_MESSAGE, LONGEST_URL, SNIPPET, Bottom, Payload, legible, plain
from reports.token_counts import TokenCounts

#: Bumped when bins, keys or the JSON change, so that statistics of another version are never merged with these.
VERSION = 4
SAMPLES = 20
ERROR = "error:"

Bools = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class RowBatch:
    """A batch of a table's rows with their fate.

    `id`: 16-byte ids; `kept`: bool; `reason`: string, empty or null where kept; `verdicts`: one boolean column a
    rule of the plan, null where the rule had no value to judge; `sample_key`: uint64, uniform, a function of id
    and seed alone (`core.hashing.seeded_keys`); `audit`: bool; `columns`: the plan's columns by `layer.column`.
    `repeat`: how often a kept row goes into the shards (1 if not given); `message`: of rows with `error:<scorer>`;
    `lost`: rows that stand for a cluster of duplicates of which nothing is kept, as edits left none of their text.
    All are Arrow arrays (chunked ones too) of one length; `sample_key` may be NumPy's.
    """

    id: pa.Array
    kept: pa.Array
    reason: pa.Array
    verdicts: Sequence[pa.Array]
    sample_key: pa.Array | npt.NDArray[np.uint64]
    audit: pa.Array
    columns: Mapping[str, pa.Array] = field(default_factory=dict[str, pa.Array])
    repeat: pa.Array | None = None
    message: pa.Array | None = None
    lost: pa.Array | None = None


def whole(array: pa.Array) -> pa.Array:
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def bools(array: pa.Array) -> Bools:
    """A boolean column as NumPy; null reads as false."""
    return np.asarray(whole(array).fill_null(False)).astype(np.bool_)


def facet_values(facet: Facet, values: pa.Array) -> pa.Array:
    """What a facet counts: the column's values as strings, or the host or the year read off them."""
    if facet.how == "host":
        return hosts_of(values)
    if facet.how == "year":
        return years_of(values)
    return values if isinstance(values, pa.DictionaryArray) else pc.cast(values, pa.string())


class Collector:
    """Statistics of the rows of one table. Memory depends on the plan, not on the number of rows."""

    def __init__(self, plan: ReportPlan) -> None:
        self.plan = plan
        self.total = 0
        self.kept = 0
        self.repeat = 0
        self.lost = 0
        self.audit = 0
        self.rules = RuleCounts(plan.rules)
        self.histograms = {c.name: Histogram(c) for c in plan.columns if c.kind == "histogram"}
        self.categories = {c.name: Counts(CATEGORY_CAP) for c in plan.columns if c.kind == "category"}
        self.facets = {facet.name: Counts(facet.cap) for facet in plan.facets}
        #: characters, bytes, characters kept, bytes kept
        self.texts = {name: [0, 0, 0, 0] for name in plan.texts}
        self.tokens = TokenCounts(len(plan.rules)) if plan.tokens else None
        self.samples = [(Bottom(SAMPLES), Bottom(SAMPLES)) for _ in plan.rules]
        self.errors: dict[str, tuple[list[int], Bottom]] = {}

    @classmethod
    def from_batches(cls, plan: ReportPlan, batches: Iterable[RowBatch]) -> Collector:
        self = cls(plan)
        for batch in batches:
            self.update(batch)
        return self

    def update(self, batch: RowBatch) -> None:
        """Adds rows. Batches of a few thousand rows are the fastest. Raises ValueError for a missing column."""
        columns = self._columns(batch)
        kept, audit = bools(batch.kept), bools(batch.audit)
        n = len(kept)
        if n == 0:
            return
        keys = np.asarray(batch.sample_key).astype(np.uint64, copy=False)
        self.total += n
        self.kept += int(kept.sum())
        self.audit += int(audit.sum())
        times = kept.astype(np.int64) if batch.repeat is None else _repeats(whole(batch.repeat), kept)
        self.repeat += int(times.sum())
        self.lost += 0 if batch.lost is None else int(bools(batch.lost).sum())
        reason = whole(batch.reason)
        dropper = self.rules.update(reason, kept, [whole(verdict) for verdict in batch.verdicts], audit)
        if self.tokens is not None:
            count, estimated = (columns[name] for name in self.plan.token_columns)
            self.tokens.update(count, estimated, reason, dropper, kept, times)
        for name, histogram in self.histograms.items():
            histogram.update(columns[name], kept)
        levels = levels_of(keys)
        self._count(columns, kept, levels)
        for name, sums in self.texts.items():
            _measure_text(columns[name], kept, sums)
        self._sample(batch, columns, keys, dropper)
        self._note_errors(batch, columns, reason, keys)

    def _columns(self, batch: RowBatch) -> dict[str, pa.Array]:
        if len(batch.verdicts) != len(self.plan.rules):
            raise ValueError(f"{len(batch.verdicts)} verdicts for {len(self.plan.rules)} rules")
        missing = sorted(self.plan.names - batch.columns.keys())
        if missing:
            raise ValueError(f"the batch lacks columns of the report's plan: {', '.join(missing)}")
        columns = {column.name: whole(batch.columns[column.name]) for column in self.plan.columns}
        given = [batch.id, batch.reason, batch.sample_key, batch.audit, *batch.verdicts, *columns.values()]
        if any(len(array) != len(batch.kept) for array in given):
            raise ValueError("the columns of the batch are of different lengths")
        return columns

    def _count(self, columns: Mapping[str, pa.Array], kept: Bools, levels: Levels) -> None:
        for facet in self.plan.facets:
            self.facets[facet.name].update(facet_values(facet, columns[facet.column]), kept, levels)
        for name, counts in self.categories.items():
            values = columns[name]
            counts.update(
                values if isinstance(values, pa.DictionaryArray) else pc.cast(values, pa.string()), kept, levels
            )

    def _sample(
        self, batch: RowBatch, columns: Mapping[str, pa.Array], keys: npt.NDArray[np.uint64], dropper: Rows
    ) -> None:
        chosen: list[tuple[Bottom, npt.NDArray[np.uint64], Rows, tuple[str, ...]]] = []
        for i, (rule, (dropped, passed)) in enumerate(zip(self.plan.rules, self.samples, strict=True)):
            # Another order for each rule: else all would show the same records as kept.
            order = splitmix64(keys ^ np.uint64(i + 1))
            for bottom, rows in ((dropped, np.flatnonzero(dropper == i)), (passed, np.flatnonzero(dropper > i))):
                chosen.append((bottom, order, bottom.candidates(order, rows), rule.shown))
        needed = np.unique(np.concatenate([rows for _, _, rows, _ in chosen])) if chosen else np.zeros(0, np.int64)
        if len(needed) == 0:
            return
        faces = self._faces(batch, columns, needed)
        for bottom, order, rows, shown in chosen:
            if len(rows) == 0:
                continue
            at = pa.array(rows)
            values = zip(*(map(plain, columns[name].take(at).to_pylist()) for name in shown), strict=True)
            for row, place, found in zip(rows.tolist(), np.searchsorted(needed, rows).tolist(), values, strict=True):
                id, face = faces[place]
                bottom.add(int(order[row]), id, {**face, "values": dict(zip(shown, found, strict=True))})

    def _faces(self, batch: RowBatch, columns: Mapping[str, pa.Array], rows: Rows) -> list[tuple[str, Payload]]:
        """The id of each row in hex, and what a sample shows of it whatever the rule."""
        at = pa.array(rows)
        blank = [None] * len(rows)
        ids = [id.hex() for id in whole(batch.id).take(at).to_pylist()]
        urls = _addresses(columns, at)
        languages = columns["language.label"].take(at).to_pylist() if "language.label" in columns else blank
        texts = blank
        if self.plan.texts:
            # Twice what is shown: blank space is squeezed out.
            text = pc.cast(columns[self.plan.texts[-1]].take(at), pa.large_string())
            texts = pc.utf8_slice_codeunits(text, 0, 2 * SNIPPET).to_pylist()
        return [
            (
                id,
                {
                    "url": legible(url or "", LONGEST_URL),
                    "language": plain(language),
                    "snippet": legible(text or "", SNIPPET),
                },
            )
            for id, url, language, text in zip(ids, urls, languages, texts, strict=True)
        ]

    def _note_errors(
        self, batch: RowBatch, columns: Mapping[str, pa.Array], reason: pa.Array, keys: npt.NDArray[np.uint64]
    ) -> None:
        wrong = np.flatnonzero(np.asarray(pc.starts_with(reason.fill_null(""), ERROR)))
        if len(wrong) == 0:
            return
        names = reason.take(pa.array(wrong)).to_pylist()
        for name in sorted(set(names)):
            count, bottom = self.errors.setdefault(name.removeprefix(ERROR), ([0], Bottom(SAMPLES)))
            rows = wrong[[other == name for other in names]]
            count[0] += len(rows)
            rows = bottom.candidates(keys, rows)
            at = pa.array(rows)
            messages = [None] * len(rows) if batch.message is None else whole(batch.message).take(at).to_pylist()
            urls = _addresses(columns, at)
            ids = [id.hex() for id in whole(batch.id).take(at).to_pylist()]
            for row, id, url, message in zip(rows.tolist(), ids, urls, messages, strict=True):
                said = {"url": legible(url or "", LONGEST_URL), "message": legible(message or "", LONGEST_MESSAGE)}
                bottom.add(int(keys[row]), id, said)

    def merge(self, other: Collector) -> None:
        """Adds another's statistics to these. Raises ValueError if their plans differ."""
        if self.plan != other.plan:
            raise ValueError("statistics of different plans cannot be merged")
        self.total += other.total
        self.kept += other.kept
        self.repeat += other.repeat
        self.lost += other.lost
        self.audit += other.audit
        self.rules.merge(other.rules)
        for name, histogram in self.histograms.items():
            histogram.merge(other.histograms[name])
        for name, counts in self.categories.items():
            counts.merge(other.categories[name])
        for name, counts in self.facets.items():
            counts.merge(other.facets[name])
        for name, sums in self.texts.items():
            sums[:] = [a + b for a, b in zip(sums, other.texts[name], strict=True)]
        if self.tokens is not None and other.tokens is not None:
            self.tokens.merge(other.tokens)
        for mine, theirs in zip(self.samples, other.samples, strict=True):
            mine[0].merge(theirs[0])
            mine[1].merge(theirs[1])
        for name, (count, bottom) in other.errors.items():
            total, messages = self.errors.setdefault(name, ([0], Bottom(SAMPLES)))
            total[0] += count[0]
            messages.merge(bottom)

    def to_json(self) -> str:
        """All of it, exactly: equal statistics give equal text."""
        state = {
            "version": VERSION,
            "plan": self.plan.to_dict(),
            "rows": [self.total, self.kept, self.repeat, self.audit, self.lost],
            "rules": self.rules.to_json(),
            "histograms": {name: histogram.to_json() for name, histogram in self.histograms.items()},
            "categories": {name: counts.to_json() for name, counts in self.categories.items()},
            "facets": {name: counts.to_json() for name, counts in self.facets.items()},
            "texts": self.texts,
            "tokens": None if self.tokens is None else self.tokens.to_json(),
            "samples": [[dropped.to_json(), passed.to_json()] for dropped, passed in self.samples],
            "errors": {name: [count[0], bottom.to_json()] for name, (count, bottom) in self.errors.items()},
        }
        return json.dumps(state, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Collector:
        """The inverse of `to_json`. Raises ValueError if `text` is damaged or of another VERSION."""
        try:
            return cls._from_state(json.loads(text))
        except (AttributeError, IndexError, KeyError, TypeError) as error:
            raise ValueError(f"these are no statistics of a table: {error!r}") from error

    @classmethod
    def _from_state(cls, state: dict[str, Any]) -> Collector:
        if state["version"] != VERSION:
            raise ValueError(f"the statistics are of version {state['version']}, not {VERSION}")
        plan = ReportPlan.from_dict(state["plan"])
        self = cls(plan)
        self.total, self.kept, self.repeat, self.audit, self.lost = state["rows"]
        self.rules = RuleCounts.from_json(plan.rules, state["rules"])
        for column in plan.columns:
            if column.kind == "histogram":
                self.histograms[column.name] = Histogram.from_json(column, state["histograms"][column.name])
            elif column.kind == "category":
                self.categories[column.name] = Counts.from_json(state["categories"][column.name])
        self.facets = {facet.name: Counts.from_json(state["facets"][facet.name]) for facet in plan.facets}
        self.texts = {name: list(state["texts"][name]) for name in plan.texts}
        if self.tokens is not None:
            self.tokens = TokenCounts.from_json(len(plan.rules), state["tokens"])
        elif state["tokens"] is not None:
            raise ValueError("the statistics have tokens that their plan does not count")
        self.samples = [(Bottom.from_json(dropped), Bottom.from_json(passed)) for dropped, passed in state["samples"]]
        self.errors = {name: ([n], Bottom.from_json(bottom)) for name, (n, bottom) in state["errors"].items()}
        return self


def _repeats(repeat: pa.Array, kept: Bools) -> Rows:
    """How often each row goes into the shards."""
    return np.where(kept, np.asarray(repeat.fill_null(1)).astype(np.int64), 0)


def _addresses(columns: Mapping[str, pa.Array], at: pa.Array) -> list[str | None]:
    """The address of each row, of a page or of an image."""
    name = next((name for name in ("page.url", "image.url") if name in columns), "")
    return columns[name].take(at).to_pylist() if name else [None] * len(at)


def _measure_text(text: pa.Array, kept: Bools, sums: list[int]) -> None:
    for at, lengths in enumerate((pc.utf8_length(text), pc.binary_length(text))):
        numbers = np.asarray(lengths.fill_null(0)).astype(np.int64)
        sums[at] += int(numbers.sum())
        sums[at + 2] += int(numbers[kept].sum())
