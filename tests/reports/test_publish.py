"""`stats.json`: its bytes and its sums."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from core.errors import UserError
from reports.check_sums import ensure, verify
from reports.facts import Output, RunFacts, ScorerTime, Timing
from reports.plan import ReportPlan
from reports.publish import publish, write_stats
from reports.records import RecordCounts
from reports.statistics import Collector

Make = Callable[..., Any]
N = 1_500


def records_of(pages: int) -> RecordCounts:
    records = RecordCounts()
    kinds = pa.array(["response"] * pages + ["request"] * pages + ["response"] * 7)
    reasons = pa.array([""] * pages + ["not_a_response"] * pages + ["not_html"] * 7)
    status = pa.array([200] * pages + [None] * pages + [200] * 7, pa.int32())
    records.update(kinds, reasons, status, np.arange(2 * pages + 7, dtype=np.uint64))
    return records


def stats_of(plan: ReportPlan, table: Any, parts: int = 1, timing: Timing | None = None) -> dict[str, Any]:
    collector = Collector(plan)
    for i in range(parts):
        collector.merge(Collector.from_batches(plan, [table.take(np.arange(i, N, parts))]))
    written = collector.repeat
    outputs = (
        Output("text", "train", "webdataset", "shards/text", 2, written - 10, 5_000_000, "documents"),
        Output("text", "validation", "webdataset", "shards/text", 1, 10, 50_000, "documents"),
    )
    run = RunFacts("english-web", "name: english-web", {"web2shards": "0.1.0"}, ("crawl/*.warc.gz",), {"seed": "0"})
    return publish(run, [collector], records=records_of(N), outputs=outputs, timing=timing)


@pytest.fixture(scope="module")
def table(make: Make) -> Any:
    return make(N, 3)


@pytest.fixture
def stats(plan: ReportPlan, table: Any) -> dict[str, Any]:
    timing = Timing("2024-01-01T00:00:00Z", "2024-01-01T00:01:00Z", 60.0, 2, "direct", (ScorerTime("text", 3.0, N),))
    return stats_of(plan, table, 1, timing)


def test_bytes_do_not_depend_on_the_split_and_time_stands_apart(
    plan: ReportPlan, table: Any, stats: dict[str, Any]
) -> None:
    again = stats_of(plan, table, 7)
    assert again["timing"] != stats["timing"]
    del again["timing"], stats["timing"]
    assert write_stats(again) == write_stats(stats)


def test_written_statistics_read_back(stats: dict[str, Any]) -> None:
    assert json.loads(write_stats(stats)) == stats
    assert max(map(len, write_stats(stats).decode().splitlines())) < 3_000


def test_the_numbers_add_up(stats: dict[str, Any]) -> None:
    assert verify(stats) == []
    ensure(stats)


def numbers_of(stats: dict[str, Any]) -> list[tuple[Callable[[dict[str, Any]], None], str]]:
    def more(*path: str | int) -> Callable[[dict[str, Any]], None]:
        def change(value: Any) -> None:
            for key in path[:-1]:
                value = value[key]
            value[path[-1]] += 1

        return change

    return [
        (more("records", "total"), "records by reason"),
        (more("records", "pages"), "pages among the records"),
        (more("tables", 0, "total"), "kept and dropped"),
        (more("tables", 0, "kept"), "kept and dropped"),
        (more("tables", 0, "reasons", "word_count"), "kept and dropped"),
        (more("tables", 0, "apart", "same_record"), "alive before language_score"),
        (more("tables", 0, "rules", 1, "dropped"), "left after word_count"),
        (more("tables", 0, "disagreeing"), "another fate"),
        (more("tables", 0, "errors", 0, "records"), "error:text"),
        (more("tables", 0, "facets", "host", "values", 0, "all"), "by host (all)"),
        (more("tables", 0, "facets", "language", "nulls", "kept"), "by language (kept)"),
        (more("tables", 0, "columns", 1, "kept", 0), "language.score (kept)"),
        (more("tables", 0, "tokens", "total"), "tokens left after language_score"),
        (more("tables", 0, "tokens", "kept"), "tokens left after the last rule"),
        (more("outputs", 0, "samples"), "samples of the output text"),
    ]


def test_a_number_that_is_wrong_is_found(stats: dict[str, Any]) -> None:
    for change, said in numbers_of(stats):
        wrong = copy.deepcopy(stats)
        change(wrong)
        problems = verify(wrong)
        assert any(said in problem for problem in problems), (said, problems)
        with pytest.raises(UserError, match="do not add up"):
            ensure(wrong)


def test_figures_of_a_column(stats: dict[str, Any], table: Any) -> None:
    columns = {column["name"]: column for column in stats["tables"][0]["columns"]}
    words = np.array(table.columns["gopher.words"].to_pylist(), np.float64)
    figures = columns["gopher.words"]["summary"]["all"]
    assert (figures["values"], figures["min"], figures["max"]) == (N, words.min(), words.max())
    assert figures["sum"] == words.sum()
    assert figures["mean"] == pytest.approx(words.mean(), rel=1e-15)
    # A bin of preferred numbers is at most a third wide.
    assert figures["quantiles"]["0.5"] == pytest.approx(np.median(words), rel=0.34)
    score = columns["language.score"]
    assert len(score["edges"]) == len(score["all"]) + 1
    assert (score["range"], score["unit"]) == ([0.0, 1.0], "")
    assert {0.65, 1.0} <= set(score["edges"])
    assert columns["c4.curly"]["edges"] == [0.0, 1.0, 2.0]
    assert columns["perplexity.kenlm"]["not_finite"]["all"] > 0
    assert columns["topic.name"]["values"]["values"][0]["all"] > 0


def test_an_audit_estimate_has_an_interval(stats: dict[str, Any]) -> None:
    rules = stats["tables"][0]["rules"]
    assert rules[0]["alone"]["sample"] is False
    alone = rules[2]["alone"]
    assert alone["sample"] is True
    assert alone["low"] <= alone["share"] <= alone["high"]
    assert alone["of"] < stats["tables"][0]["audit"] + 1


def test_nothing_at_all(plan: ReportPlan) -> None:
    empty = publish(RunFacts("empty"), [Collector(plan)], records=RecordCounts())
    assert verify(empty) == []
    assert verify(publish(RunFacts("none"), [])) == []


def test_control_characters_do_not_reach_the_terminal() -> None:
    records = RecordCounts()
    records.update(pa.array(["\x1b[31mred"]), pa.array(["bad_kind"]), None, np.zeros(1, np.uint64))
    stats = publish(RunFacts("hostile"), [], records=records)
    assert "\\u001b" not in write_stats(stats).decode()
