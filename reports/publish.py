"""Collected statistics as the document `stats.json`: everything that the report shows, and nothing else.

All but the key `timing` is a function of recipe and input. Estimates say so: `one_in` > 1 marks counts taken of
one document in that many, `alone.sample` a share taken of the audit sample.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

from reports.counts import Counts
from reports.exact_sums import ExactSum, rounded
from reports.facts import Output, RunFacts, Timing
from reports.histograms import Axis, Histogram, quantile
from reports.plan import ColumnPlan, RulePlan
from reports.records import BETWEEN, RecordCounts
from reports.samples import LONGEST_VALUE, legible
from reports.statistics import ERROR, Collector
from reports.token_counts import TokenCounts

FORMAT = "web2shards-statistics"
VERSION = 1
#: How many values of a facet are published; the rest is one line.
TOP = {"host": 1_000, "language": 5_000}
TOP_VALUES = 100
FEWEST_BINS = 12
QUANTILES = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
#: z of a 95% interval.
Z = 1.959963984540054

Json = dict[str, Any]


def publish(
    run: RunFacts,
    tables: Sequence[Collector],
    *,
    records: RecordCounts | None = None,
    references: Mapping[str, int] | None = None,
    crawl: Json | None = None,
    outputs: Sequence[Output] = (),
    timing: Timing | None = None,
) -> Json:
    """The statistics of a run as JSON values. `tables` in the order in which the report shows them; `references` are those of
    pages to images, by the reason why they are not to be fetched (empty: they are); `crawl` is what came of the URLs of a
    crawl that the input is of."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "run": asdict(run) | {"inputs": list(run.inputs)},
        "crawl": crawl,
        "records": None if records is None else _records(records),
        "references": None if references is None else _references(references),
        "tables": [_table(collector) for collector in tables],
        "outputs": [asdict(output) for output in outputs],
        "timing": _timing(timing or Timing()),
    }


def _records(records: RecordCounts) -> Json:
    reasons = [
        {"kind": _shown_value(value.partition(BETWEEN)[0]), "reason": value.partition(BETWEEN)[2], "records": n}
        for value, n, _ in records.reasons.ranked()
    ]
    return {
        "total": records.total,
        "pages": records.pages,
        "reasons": reasons,
        "one_in": records.reasons.one_in,
        "statuses": _counts(records.statuses, TOP_VALUES),
    }


def _references(references: Mapping[str, int]) -> Json:
    reasons = {reason: n for reason, n in sorted(references.items()) if reason}
    return {"total": sum(references.values()), "reasons": reasons}


def _table(collector: Collector) -> Json:
    rules = collector.rules
    return {
        "name": collector.plan.table,
        "total": collector.total,
        "kept": collector.kept,
        "repeat": collector.repeat,
        "audit": collector.audit,
        "lost_clusters": collector.lost,
        "tokens": None if collector.tokens is None else _tokens(collector.tokens),
        "reasons": dict(sorted(rules.reasons.items())),
        "apart": dict(sorted(rules.apart.items())),
        "disagreeing": rules.disagreeing,
        "rules": _rules(collector),
        "columns": [_column(collector, column) for column in collector.plan.columns if column.kind != "none"],
        "facets": {name: _counts(counts, TOP.get(name, TOP_VALUES)) for name, counts in collector.facets.items()},
        "texts": {
            name: dict(zip(("characters", "bytes", "characters_kept", "bytes_kept"), sums, strict=True))
            for name, sums in collector.texts.items()
        },
        "errors": [
            {"scorer": name, "records": collector.errors[name][0][0], "messages": collector.errors[name][1].payloads()}
            for name in sorted(collector.errors)
        ],
        "samples": [
            {"reason": rule.reason, "dropped": dropped.payloads(), "kept": passed.payloads()}
            for rule, (dropped, passed) in zip(collector.plan.rules, collector.samples, strict=True)
        ],
    }


def _rules(collector: Collector) -> list[Json]:
    alive = collector.total - sum(collector.rules.apart.values())
    tokens = collector.tokens
    left_tokens = 0 if tokens is None else tokens.total - sum(tokens.apart.values())
    rows: list[Json] = []
    for i, rule in enumerate(collector.plan.rules):
        counts = collector.rules.of(i)
        left = alive - counts["dropped"]
        rows.append(
            {
                "reason": rule.reason,
                "text": rule.text,
                "thresholds": [asdict(threshold) for threshold in rule.thresholds],
                "columns": list(rule.shown),
                "before": alive,
                "dropped": counts["dropped"],
                "not_scored": counts["not_scored"],
                "left": left,
                "judged": counts["judged"],
                "failed": counts["failed"],
                "only": counts["only"],
                "alone": _alone(rule, counts),
            }
        )
        if tokens is not None:
            left_tokens -= tokens.dropped[i]
            rows[-1]["tokens"] = {"dropped": tokens.dropped[i], "left": left_tokens}
        alive = left
    return rows


def _tokens(tokens: TokenCounts) -> Json:
    """Tokens of all rows, of those kept, of those with their repeats, and of what no rule dropped, by reason. `estimated` rows
    have a count told by the text's bytes, `nulls` none."""
    return {
        "total": tokens.total,
        "kept": tokens.kept,
        "repeat": tokens.repeat,
        "estimated": tokens.estimated,
        "nulls": tokens.nulls,
        "apart": dict(sorted(tokens.apart.items())),
    }


def _alone(rule: RulePlan, counts: Mapping[str, int]) -> Json:
    """The share of records that the rule would drop alone, with a 95% interval where it is an estimate (Wilson)."""
    if not rule.costly:
        share = counts["failed"] / counts["judged"] if counts["judged"] else None
        return {"share": share, "of": counts["judged"], "sample": False}
    n, failed = counts["audit_judged"], counts["audit_failed"]
    if n == 0:
        return {"share": None, "of": 0, "sample": True}
    share = failed / n
    centre = (share + Z * Z / (2 * n)) / (1 + Z * Z / n)
    half = Z * math.sqrt(share * (1 - share) / n + Z * Z / (4 * n * n)) / (1 + Z * Z / n)
    low, high = max(0.0, centre - half), min(1.0, centre + half)
    return {"share": share, "of": n, "sample": True, "low": round(low, 6), "high": round(high, 6)}


def _column(collector: Collector, column: ColumnPlan) -> Json:
    head: Json = {
        "name": column.name,
        "type": column.type,
        "doc": column.doc,
        "unit": column.unit,
        "range": None if column.low is None else [column.low, column.high],
    }
    if column.kind == "category":
        return head | {"kind": "category", "values": _counts(collector.categories[column.name], TOP_VALUES)}
    bounds = [
        float(threshold.value)
        for rule in collector.plan.rules
        for threshold in rule.thresholds
        if threshold.column == column.name and not isinstance(threshold.value, str | bool)
    ]
    return head | _histogram(column, collector.histograms[column.name], bounds)


def _shown_bins(drawn: Axis, filled: npt.NDArray[np.int64], bounds: Sequence[float]) -> tuple[int, int]:
    """The first and last bin to publish: those with values and those beside a threshold, at least FEWEST_BINS.

    200 empty bins tell nothing; (1, 0) if there is no value in the drawn range. Bin i ends at edges[i].
    """
    lowest, highest = drawn.first + 1, drawn.last
    filled = filled[(filled >= lowest) & (filled <= highest)]
    if len(filled) == 0:
        return 1, 0
    first, last = int(filled[0]), int(filled[-1])
    for bound in bounds:
        at = int(np.searchsorted(drawn.edges, bound, side="right"))
        if lowest <= at <= highest + 1:
            first, last = min(first, max(at - 1, lowest)), max(last, min(at, highest))
    last = min(highest, max(last, first + FEWEST_BINS - 1))
    return max(lowest, min(first, last - FEWEST_BINS + 1)), last


def _histogram(column: ColumnPlan, histogram: Histogram, bounds: Sequence[float]) -> Json:
    drawn = histogram.axis
    both = histogram.counts.sum(axis=1)
    kept = histogram.counts[:, 1]
    first, last = _shown_bins(drawn, np.flatnonzero(both), bounds)
    outside = {"below": slice(None, drawn.first + 1), "above": slice(drawn.last + 1, None)}
    return {
        "kind": "histogram",
        "scale": drawn.scale,
        "edges": drawn.edges[first - 1 : last + 1].tolist() if first <= last else [],
        "all": both[first : last + 1].tolist(),
        "kept": kept[first : last + 1].tolist(),
        **{side: {"all": int(both[bins].sum()), "kept": int(kept[bins].sum())} for side, bins in outside.items()},
        "nulls": {"all": int(histogram.nulls.sum()), "kept": int(histogram.nulls[1])},
        "not_finite": {"all": int(histogram.not_finite.sum()), "kept": int(histogram.not_finite[1])},
        "summary": {
            "all": _summary(column, histogram, (0, 1)),
            "kept": _summary(column, histogram, (1,)),
        },
    }


def _summary(column: ColumnPlan, histogram: Histogram, sides: tuple[int, ...]) -> Json | None:
    counts = histogram.counts[:, list(sides)].sum(axis=1)
    n = int(counts.sum())
    if n == 0:
        return None
    total = ExactSum()
    for side in sides:
        total.merge(histogram.sums[side])
    low = min(histogram.low[side] for side in sides)
    high = max(histogram.high[side] for side in sides)
    zeros = sum(int(histogram.zeros[side]) for side in sides)
    exact = total.fraction()
    summary: Json = {
        "values": n,
        "zeros": zeros,
        "min": low,
        "max": high,
        "sum": rounded(exact),
        "mean": rounded(exact / n),
    }
    if column.type == "bool":
        return summary
    summary["quantiles"] = {}
    for share in QUANTILES:
        value = quantile(share, histogram.edges, counts, low=low, high=high, zeros=zeros, whole=column.integer)
        summary["quantiles"][f"{share:g}"] = float(f"{value:.6g}")
    return summary


def _shown_value(value: str) -> str:
    return legible(value, LONGEST_VALUE)


def _counts(counts: Counts, top: int) -> Json:
    ranked = counts.ranked()
    shown = ranked[:top]
    documents = counts.total[0] - counts.nulls[0] - sum(n for _, n, _ in shown)
    kept = counts.total[1] - counts.nulls[1] - sum(k for _, _, k in shown)
    return {
        "values": [{"value": _shown_value(value), "all": n, "kept": k} for value, n, k in shown],
        "one_in": counts.one_in,
        "nulls": {"all": counts.nulls[0], "kept": counts.nulls[1]},
        # Of estimates, the rest may come out below zero by chance.
        "rest": {
            "values": len(ranked) - len(shown) if counts.one_in == 1 else None,
            "all": max(0, documents) if counts.one_in > 1 else documents,
            "kept": max(0, kept) if counts.one_in > 1 else kept,
        },
    }


def _timing(timing: Timing) -> Json:
    return asdict(timing) | {
        "scorers": [asdict(time) for time in timing.scorers],
        "passes": [asdict(time) for time in timing.passes],
    }


def error_reason(scorer: str) -> str:
    """The reason of a record that made a scorer raise."""
    return ERROR + scorer


def write_stats(stats: Mapping[str, Any]) -> bytes:
    """`stats.json`: UTF-8, keys sorted, a list of plain values on one line; equal statistics give equal bytes."""
    return (_dump(stats, 0) + "\n").encode()


def _dump(value: object, depth: int) -> str:
    inner, outer = "\n" + " " * (depth + 1), "\n" + " " * depth
    if isinstance(value, Mapping) and value:
        parts = [f"{_leaf(str(key))}: {_dump(value[key], depth + 1)}" for key in sorted(value)]
        return "{" + inner + ("," + inner).join(parts) + outer + "}"
    if isinstance(value, list | tuple) and any(isinstance(item, Mapping | list | tuple) for item in value):
        return "[" + inner + ("," + inner).join(_dump(item, depth + 1) for item in value) + outer + "]"
    return _leaf(value)


def _leaf(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
