"""Statistics of a table: against a count by hand, and the same for any order and split."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.plan import ColumnPlan, ReportPlan, RulePlan
from reports.records import RecordCounts
from reports.statistics import Collector, RowBatch

Make = Callable[..., Any]


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 150), st.integers(0, 2**32), st.integers(1, 5), st.randoms(use_true_random=False))
def test_any_order_and_split_gives_the_same_json(
    plan: ReportPlan, make: Make, n: int, seed: int, parts: int, rng: random.Random
) -> None:
    table = make(n, seed)
    whole = Collector.from_batches(plan, [table.all()])
    order = np.array(rng.sample(range(n), n), np.int64)
    collectors = [
        Collector.from_batches(plan, [table.take(order[i::parts][:7]), table.take(order[i::parts][7:])])
        for i in range(parts)
    ]
    rng.shuffle(collectors)
    merged = Collector(plan)
    for collector in collectors:
        merged.merge(Collector.from_json(collector.to_json()))
    assert merged.to_json() == whole.to_json()


@pytest.fixture(scope="module")
def table(make: Make) -> Any:
    return make(3_000)


@pytest.fixture(scope="module")
def collector(plan: ReportPlan, table: Any) -> Collector:
    return Collector.from_batches(plan, [table.take(np.arange(i, 3_000, 4)) for i in range(4)])


def test_funnel_against_a_count_by_hand(plan: ReportPlan, table: Any, collector: Collector) -> None:
    reasons = table.reason.to_pylist()
    verdicts = [verdict.to_pylist() for verdict in table.verdicts]
    audit = table.audit.to_pylist()
    assert (collector.total, collector.kept) == (3_000, reasons.count(""))
    assert collector.repeat == sum(table.repeat.to_pylist())
    assert collector.rules.reasons == {reason: n for reason, n in Counter(reasons).items() if reason}
    assert collector.rules.apart == {reason: reasons.count(reason) for reason in ("error:text", "same_record")}
    assert collector.rules.disagreeing == 0
    for i in range(len(plan.rules)):
        rows = range(3_000)
        apart = ("same_record", "error:text")
        first = [
            row
            for row in rows
            if reasons[row] not in apart and all(v[row] for v in verdicts[:i]) and not verdicts[i][row]
        ]
        failing = [row for row in rows if verdicts[i][row] is False]
        assert collector.rules.of(i) == {
            "dropped": len(first),
            "not_scored": sum(verdicts[i][row] is None for row in first),
            "judged": sum(verdicts[i][row] is not None for row in rows),
            "failed": len(failing),
            "only": sum(sum(v[row] is False for v in verdicts) == 1 for row in failing),
            "audit_judged": sum(verdicts[i][row] is not None and audit[row] for row in rows),
            "audit_failed": sum(audit[row] for row in failing),
        }


def test_samples_are_those_of_the_rule(plan: ReportPlan, table: Any, collector: Collector) -> None:
    reasons = dict(zip((id.hex() for id in table.id.to_pylist()), table.reason.to_pylist(), strict=True))
    scores = dict(zip(reasons, table.columns["language.score"].to_pylist(), strict=True))
    texts = dict(zip(reasons, table.columns["text.text"].to_pylist(), strict=True))
    dropped, passed = collector.samples[0]
    assert len(dropped.payloads()) == len(passed.payloads()) == 20
    for sample in dropped.payloads():
        assert reasons[sample["id"]] in ("language_score", "not_scored")
        assert sample["values"] == {"language.score": scores[sample["id"]]}
    for sample in passed.payloads():
        assert scores[sample["id"]] >= np.float32(0.65)
        assert sample["snippet"].replace("\n", "")[:20] == texts[sample["id"]].replace("\n", "")[:20]
        assert len(sample["snippet"]) <= 301
    # Each rule shows other records.
    assert {s["id"] for s in passed.payloads()} != {s["id"] for s in collector.samples[1][1].payloads()}


def test_errors_and_texts(table: Any, collector: Collector) -> None:
    (count, messages) = collector.errors["text"]
    assert count[0] == table.reason.to_pylist().count("error:text")
    assert len(messages.payloads()) == 20
    assert all(sample["message"] == "word failed" for sample in messages.payloads())
    texts, kept = table.columns["text.text"].to_pylist(), table.kept.to_pylist()
    characters, bytes, characters_kept, bytes_kept = collector.texts["text.text"]
    assert (characters, bytes) == (sum(map(len, texts)), sum(len(text.encode()) for text in texts))
    assert characters_kept == bytes_kept == sum(len(text) for text, k in zip(texts, kept, strict=True) if k)


def test_tokens_against_a_sum_by_hand(plan: ReportPlan, table: Any, collector: Collector) -> None:
    tokens = [n or 0 for n in table.columns["tokens.count"].to_pylist()]
    reasons, kept, repeat = (array.to_pylist() for array in (table.reason, table.kept, table.repeat))
    verdicts = list(zip(*(verdict.to_pylist() for verdict in table.verdicts), strict=True))
    found = collector.tokens
    assert found is not None
    assert found.total == sum(tokens)
    assert found.kept == sum(n for n, k in zip(tokens, kept, strict=True) if k)
    assert found.repeat == sum(n * times for n, times in zip(tokens, repeat, strict=True))
    nulls = table.columns["tokens.count"].null_count
    assert nulls > 0
    assert (found.estimated, found.nulls) == (3_000 - nulls, nulls)
    apart = ("same_record", "error:text")
    assert found.apart == {name: sum(n for n, r in zip(tokens, reasons, strict=True) if r == name) for name in apart}
    alive = [(n, v) for n, v, r in zip(tokens, verdicts, reasons, strict=True) if r not in apart]
    for rule in range(len(plan.rules)):
        assert found.dropped[rule] == sum(n for n, v in alive if all(v[:rule]) and not v[rule]) > 0


def test_a_plan_without_the_scorer_counts_no_tokens(plan: ReportPlan, make: Make) -> None:
    columns = tuple(column for column in plan.columns if column.layer != "tokens")
    collector = Collector.from_batches(replace(plan, columns=columns, tokens=""), [make(50).all()])
    assert collector.tokens is None
    assert Collector.from_json(collector.to_json()).tokens is None
    collector.merge(Collector.from_json(collector.to_json()))
    assert collector.tokens is None


def test_sums_of_tokens_are_exact_past_32_bits(plan: ReportPlan, make: Make) -> None:
    batch = make(100).all()
    most = pa.array(np.full(100, 2**31 - 1, np.int32))
    batch = replace(batch, columns={**batch.columns, "tokens.count": most})
    collector = Collector.from_batches(plan, [batch] * 3)
    assert collector.tokens is not None
    assert collector.tokens.total == 300 * (2**31 - 1)


def test_histograms_against_numpy(table: Any, collector: Collector) -> None:
    histogram = collector.histograms["gopher.words"]
    words = np.array(table.columns["gopher.words"].to_pylist(), np.float64)
    kept = np.array(table.kept.to_pylist())
    for side in (0, 1):
        expected, _ = np.histogram(words[kept == side], bins=histogram.edges)
        assert histogram.counts[1:-1, side].tolist() == expected.tolist()
    assert float(histogram.sums[1].fraction()) == words[kept].sum()


def test_a_fate_that_disagrees_with_its_rules_is_counted(plan: ReportPlan, make: Make) -> None:
    batch = make(200, 5).all()
    kept = np.array(batch.kept.to_pylist())
    wrong = batch.reason.to_pylist()
    row = int(np.flatnonzero(kept)[0])
    wrong[row] = "perplexity"
    collector = Collector.from_batches(plan, [replace(batch, reason=pa.array(wrong))])
    assert collector.rules.disagreeing == 2  # it passes that rule, and is marked as kept
    other = int(np.flatnonzero(~kept)[0])
    flipped = kept.copy()
    flipped[other] = True
    assert Collector.from_batches(plan, [replace(batch, kept=pa.array(flipped))]).rules.disagreeing == 1


def test_no_rows_no_rules_no_columns(plan: ReportPlan, make: Make) -> None:
    empty = Collector.from_batches(plan, [make(0).all()])
    assert empty.to_json() == Collector(plan).to_json()
    bare = ReportPlan("documents")
    table = make(30)
    n = len(table.id)
    every = pa.array([True] * n)
    batch = RowBatch(table.id, every, pa.array([None] * n, pa.string()), [], np.arange(n, dtype=np.uint64), every)
    collector = Collector.from_batches(bare, [batch])
    assert (collector.total, collector.kept, collector.repeat, collector.rules.disagreeing) == (30, 30, 30, 0)


def test_chunked_dictionary_and_large_columns_are_read(plan: ReportPlan, make: Make) -> None:
    batch = make(100).all()
    columns = {name: pa.chunked_array([values[:40], values[40:]]) for name, values in batch.columns.items()}
    columns["text.text"] = columns["text.text"].cast(pa.large_string())
    columns["topic.name"] = columns["topic.name"].dictionary_encode()
    columns["language.label"] = columns["language.label"].dictionary_encode()
    other = Collector.from_batches(plan, [replace(batch, columns=columns)])
    assert other.to_json() == Collector.from_batches(plan, [batch]).to_json()


def test_batches_that_do_not_fit_the_plan(plan: ReportPlan, make: Make) -> None:
    batch = make(10).all()
    with pytest.raises(ValueError, match=r"lacks columns of the report's plan: gopher\.words"):
        Collector(plan).update(
            replace(batch, columns={name: c for name, c in batch.columns.items() if name != "gopher.words"})
        )
    with pytest.raises(ValueError, match="3 verdicts for 4 rules"):
        Collector(plan).update(replace(batch, verdicts=batch.verdicts[:3]))
    with pytest.raises(ValueError, match="different lengths"):
        Collector(plan).update(replace(batch, audit=batch.audit[:3]))
    with pytest.raises(ValueError, match="different plans"):
        Collector(plan).merge(Collector(ReportPlan()))


def test_damaged_statistics_are_refused(collector: Collector) -> None:
    state = json.loads(collector.to_json())
    for key in state:
        for broken in ({**state, key: None}, {k: v for k, v in state.items() if k != key}):
            with pytest.raises(ValueError, match="statistics"):
                Collector.from_json(json.dumps(broken))
    for text in ("", "null", "[]", collector.to_json()[:-1]):
        with pytest.raises(ValueError, match=r"."):
            Collector.from_json(text)
    for text in ("", "null", "[]", "{}"):
        with pytest.raises(ValueError, match=r"."):
            RecordCounts.from_json(text)


def test_plans() -> None:
    with pytest.raises(ValueError, match=r"twice in the report's plan: a\.b"):
        ReportPlan(columns=(ColumnPlan("a.b", "int32"), ColumnPlan("a.b", "int32")))
    with pytest.raises(ValueError, match=r"lacks: a\.b"):
        ReportPlan(rules=(RulePlan("a", "a.b > 0", columns=("a.b",)),))
    with pytest.raises(ValueError, match=r"lacks: t\.count, t\.estimated"):
        ReportPlan(tokens="t")


def test_plan_through_json(plan: ReportPlan) -> None:
    assert ReportPlan.from_dict(json.loads(json.dumps(plan.to_dict()))) == plan
    kinds = {column.name: column.kind for column in plan.columns}
    assert kinds == {
        "page.url": "none",
        "page.date": "none",
        "page.charset": "none",
        "page.status": "category",
        "text.text": "none",
        "language.label": "none",
        "language.score": "histogram",
        "gopher.words": "histogram",
        "gopher.stop_words": "histogram",
        "perplexity.kenlm": "histogram",
        "c4.curly": "histogram",
        "topic.name": "category",
        "tokens.count": "histogram",
        "tokens.estimated": "histogram",
    }


@settings(deadline=None, max_examples=30)
@given(
    st.lists(
        st.tuples(st.sampled_from(["response", "request", "revisit"]), st.sampled_from(["", "image", "not_html"]))
    ),
    st.randoms(use_true_random=False),
)
def test_records_in_any_order(rows: list[tuple[str, str]], rng: random.Random) -> None:
    def collect(part: list[tuple[str, str]]) -> RecordCounts:
        counts = RecordCounts()
        status = pa.array([200 if reason == "" else None for _, reason in part], pa.int32())
        kinds, reasons = pa.array([kind for kind, _ in part], pa.string()), pa.array([r for _, r in part], pa.string())
        counts.update(kinds, reasons, status, np.arange(len(part), dtype=np.uint64))
        return counts

    whole = collect(rows)
    assert whole.total == len(rows)
    assert whole.pages == sum(reason == "" for _, reason in rows)
    shuffled = rng.sample(rows, len(rows))
    merged = collect(shuffled[0::2])
    merged.merge(RecordCounts.from_json(collect(shuffled[1::2]).to_json()))
    assert {value: n for value, n, _ in merged.reasons.ranked()} == Counter(f"{k}\t{r}" for k, r in rows)
    assert [row[1:] for row in merged.reasons.ranked()] == [row[1:] for row in whole.reasons.ranked()]
