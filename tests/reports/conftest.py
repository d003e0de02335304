"""A small table of documents with columns of every kind, made by seed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from core.hashing import digest, seeded_keys
from core.scorer import column
from reports.plan import ColumnPlan, ReportPlan, RulePlan, Threshold
from reports.statistics import RowBatch

FIELDS = [
    ("page", column("url", pa.string(), "address")),
    ("page", column("date", pa.string(), "date")),
    ("page", column("charset", pa.string(), "charset")),
    ("page", column("status", pa.int32(), "HTTP status")),
    ("text", column("text", pa.string(), "extracted text")),
    ("language", column("label", pa.string(), "label")),
    ("language", column("score", pa.float32(), "probability of the label", low=0, high=1)),
    ("gopher", column("words", pa.int32(), "words of the text", unit="words", low=0, high=100_000)),
    ("gopher", column("stop_words", pa.int8(), "stop words", low=0, high=8)),
    ("perplexity", column("kenlm", pa.float64(), "perplexity")),
    ("c4", column("curly", pa.bool_(), "has a curly bracket")),
    ("topic", column("name", pa.string(), "topic")),
    ("tokens", column("count", pa.int32(), "tokens of the text", unit="tokens", low=0, high=10_000)),
    ("tokens", column("estimated", pa.bool_(), "told by the text's bytes")),
]
RULES = (
    RulePlan("language_score", "language.score >= 0.65", (Threshold("language.score", ">=", 0.65),)),
    RulePlan(
        "word_count",
        "gopher.words in 50..100000",
        (Threshold("gopher.words", ">=", 50), Threshold("gopher.words", "<=", 100_000)),
    ),
    RulePlan("perplexity", "perplexity.kenlm <= 1500", (Threshold("perplexity.kenlm", "<=", 1500),), costly=True),
    RulePlan("curly_bracket", "not c4.curly", columns=("c4.curly",)),
)
PLAN = ReportPlan("documents", RULES, tuple(ColumnPlan.of(layer, field) for layer, field in FIELDS), "tokens")


@dataclass(frozen=True)
class Table:
    """Documents with their fate; `take` gives some of the rows as a batch."""

    columns: dict[str, pa.Array]
    id: pa.Array
    kept: pa.Array
    reason: pa.Array
    verdicts: list[pa.Array]
    key: pa.Array
    audit: pa.Array
    repeat: pa.Array
    message: pa.Array

    def take(self, rows: np.ndarray) -> RowBatch:
        at = pa.array(rows, pa.int64())
        return RowBatch(
            id=self.id.take(at),
            kept=self.kept.take(at),
            reason=self.reason.take(at),
            verdicts=[verdict.take(at) for verdict in self.verdicts],
            sample_key=self.key.take(at),
            audit=self.audit.take(at),
            columns={name: values.take(at) for name, values in self.columns.items()},
            repeat=self.repeat.take(at),
            message=self.message.take(at),
        )

    def all(self) -> RowBatch:
        return self.take(np.arange(len(self.id)))


def make_table(n: int, seed: int = 0, word: str = "word") -> Table:
    """`n` documents; `word` stands in every text, address, message and topic."""
    rng = np.random.default_rng(seed)

    def some(values: list[object], type: pa.DataType, nulls: float = 0.0) -> pa.Array:
        picked = [values[i] for i in rng.integers(0, len(values), n)]
        return pa.array([None if rng.random() < nulls else value for value in picked], type)

    def numbers(values: np.ndarray, type: pa.DataType, nulls: float = 0.0) -> pa.Array:
        return pa.array(values, mask=rng.random(n) < nulls).cast(type, safe=False)

    hosts = [f"host{i}.example" for i in range(12)]
    columns = {
        "page.url": pa.array([f"http://{hosts[i % 12]}/{i}?{word}" for i in rng.integers(0, 10**6, n)], pa.string()),
        "page.date": some(["2024-01-02T03:04:05Z", "2025-05-05T00:00:00Z", None], pa.string()),
        "page.charset": some(["utf-8", "windows-1252"], pa.string()),
        "page.status": some([200, 203], pa.int32()),
        "text.text": pa.array([f"{word} {i}\n" * (i % 90) for i in range(n)], pa.string()),
        "language.label": some(["en", "de", "zh"], pa.string(), 0.05),
        "language.score": numbers(rng.choice([0.0, 0.3, 0.65, 0.9, 1.0], n), pa.float32(), 0.05),
        "gopher.words": numbers(np.floor(np.exp(rng.normal(6, 3, n))).clip(0, 2**31 - 1), pa.int32()),
        "gopher.stop_words": numbers(rng.integers(0, 9, n), pa.int8()),
        "perplexity.kenlm": numbers(rng.choice([1e-320, 0.1, 700.0, 1e17, np.nan, np.inf, -0.0], n), pa.float64()),
        "c4.curly": some([True, False, False, False], pa.bool_(), 0.02),
        "topic.name": some([word, "news", "forum"], pa.string(), 0.1),
    }
    uncounted = np.arange(n) % 41 == 7
    columns["tokens.count"] = pa.array((np.arange(n) * 7919 % 100_003).astype(np.int32), mask=uncounted)
    columns["tokens.estimated"] = pa.array(np.ones(n, bool), mask=uncounted)
    ids = pa.array([digest(str(seed), str(i)) for i in range(n)], pa.binary(16))
    audit = rng.random(n) < 0.2
    judged = [
        pc.greater_equal(columns["language.score"], pa.scalar(0.65, pa.float32())),
        pc.and_kleene(pc.greater_equal(columns["gopher.words"], 50), pc.less_equal(columns["gopher.words"], 100_000)),
        pc.less_equal(columns["perplexity.kenlm"], 1500.0),
        pc.invert(columns["c4.curly"]),
    ]
    alive = np.ones(n, bool)
    reasons = np.full(n, "", object)
    reasons[rng.random(n) < 0.03] = "same_record"
    reasons[rng.random(n) < 0.02] = "error:text"
    verdicts: list[pa.Array] = []
    for rule, verdict in zip(RULES, judged, strict=True):
        null = np.asarray(verdict.is_null())
        if rule.costly:
            null = null | (~alive & ~audit)
        true = np.asarray(verdict.fill_null(False))
        verdicts.append(pa.array(true, mask=null))
        passed = true & ~null
        dropped = (reasons == "") & ~passed
        reasons[dropped] = np.where(null[dropped], "not_scored", rule.reason)
        alive &= passed
    kept = reasons == ""
    message = pa.array([f"{word} failed" if reason == "error:text" else None for reason in reasons], pa.string())
    return Table(
        columns=columns,
        id=ids,
        kept=pa.array(kept),
        reason=pa.array(reasons.tolist(), pa.string()),
        verdicts=verdicts,
        key=pa.array(seeded_keys(ids, seed, "samples")),
        audit=pa.array(audit),
        repeat=pa.array(np.where(kept, rng.integers(1, 4, n), 0).astype(np.int32)),
        message=message,
    )


@pytest.fixture(scope="session")
def plan() -> ReportPlan:
    return PLAN


@pytest.fixture(scope="session")
def make() -> Callable[..., Table]:
    return make_table
