"""The page: every number is on it, nothing hostile gets through, nothing is fetched."""

from __future__ import annotations

import base64
import gc
import hashlib
import json
import re
import shutil
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from jinja2 import BaseLoader, ModuleLoader

from reports import html
from reports.charts import histogram, position
from reports.facts import Output, RunFacts, ScorerTime, Timing
from reports.html import render, safe_link
from reports.numbers import count, duration, number, share, size
from reports.plan import ReportPlan
from reports.publish import publish, write_stats
from reports.records import RecordCounts
from reports.statistics import Collector

Make = Callable[..., Any]
VOID = {"meta", "link"}
HOSTILE = "</style></title></script><script>alert(1)</script><img src=x onerror=alert(1)>\"'{{ 7*7 }}&lt;\u202eevil"


class Page(HTMLParser):
    """The elements, attributes and text of a page; checks that every element is closed."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.cells: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs)
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def ids(self) -> list[str]:
        return [attrs["id"] or "" for _, attrs in self.elements if "id" in attrs]


def stats_of(plan: ReportPlan, table: Any, word: str = "word") -> dict[str, Any]:
    collector = Collector.from_batches(plan, [table.all()])
    n = collector.total
    records = RecordCounts()
    records.update(
        pa.array(["response"] * n + [f"kind {word}"] * 5),
        pa.array([""] * n + ["not_html"] * 5),
        pa.array([200] * (n + 5), pa.int32()),
        np.arange(n + 5, dtype=np.uint64),
    )
    return publish(
        RunFacts(f"run {word}", f"name: {word}", {"web2shards": word}, (f"crawl/{word}",), {word: word}),
        [collector],
        records=records,
        outputs=[Output(f"text {word}", "train", "webdataset", f"shards/{word}", 3, collector.repeat, 123_456_789)],
        timing=Timing("2024-01-01", word, 61.0, 2, word, (ScorerTime(word, 1.5, n), ScorerTime("gopher", 0.5, n))),
    )


@pytest.fixture(scope="module")
def stats(plan: ReportPlan, make: Make) -> dict[str, Any]:
    return stats_of(plan, make(2_345, 1))


@pytest.fixture(scope="module")
def page(stats: dict[str, Any]) -> Page:
    return Page(render(stats))


def test_every_number_is_on_the_page(stats: dict[str, Any], page: Page) -> None:
    text = page.text
    main = stats["tables"][0]
    numbers = [stats["records"]["total"], main["total"], main["kept"], main["total"] - main["kept"], main["repeat"]]
    numbers += [row["records"] for row in stats["records"]["reasons"]]
    numbers += main["apart"].values()
    numbers += [main["tokens"][key] for key in ("total", "kept", "repeat", "nulls")]
    numbers.append(main["tokens"]["total"] - main["tokens"]["apart"]["error:text"])  # the first of those that no rule dropped
    assert "Tokens left (estimated)" in text
    for rule in main["rules"]:
        numbers += [rule[key] for key in ("dropped", "left", "only", "not_scored")]
        numbers.append(rule["tokens"]["left"])
        if not rule["alone"]["sample"]:
            numbers.append(rule["failed"])
        assert rule["text"] in text
        assert rule["reason"] in text
    for facet in main["facets"].values():
        numbers += [row[side] for row in facet["values"] for side in ("all", "kept")]
        assert all(row["value"] in text for row in facet["values"])
    for column in main["columns"]:
        assert column["doc"] in text
        if column["kind"] == "histogram":
            numbers += [
                column[part]["all"] for part in ("nulls", "not_finite", "above", "below") if column[part]["all"]
            ]
            for side in ("all", "kept"):
                figures = column["summary"][side]
                if column["scale"] != "boolean":
                    assert number(figures["mean"]) in text
                    assert number(figures["quantiles"]["0.5"]) in text
    numbers += [error["records"] for error in main["errors"]]
    numbers += [output["samples"] for output in stats["outputs"]]
    found = set(re.findall(r"[\d,]*\d", text))
    assert {count(n) for n in numbers} <= found
    assert "123 MB" in text
    assert share(main["kept"], main["total"]) in text


def test_bars_of_a_histogram_say_their_counts(stats: dict[str, Any], page: Page) -> None:
    column = next(c for c in stats["tables"][0]["columns"] if c["name"] == "gopher.stop_words")
    for value, n, k in zip(column["edges"][:-1], column["all"], column["kept"], strict=True):
        assert f"{value:.0f}: {count(n)} ({share(n, sum(column['all']))}), {count(k)} kept" in page.text


def test_samples_are_on_the_page(stats: dict[str, Any], page: Page) -> None:
    for rule in stats["tables"][0]["samples"]:
        assert len(rule["kept"]) == 20
        for sample in (*rule["dropped"], *rule["kept"]):
            assert sample["id"] in page.text
            assert " ".join(sample["snippet"].split()) in page.text


def test_every_anchor_has_its_place(page: Page) -> None:
    ids = page.ids()
    assert len(ids) == len(set(ids))
    anchors = [attrs["href"] for tag, attrs in page.elements if tag == "a" and (attrs["href"] or "").startswith("#")]
    assert len(anchors) >= 6
    assert {(anchor or "")[1:] for anchor in anchors} <= set(ids)


def test_nothing_is_fetched_and_nothing_runs(page: Page) -> None:
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"script", "img", "iframe", "object", "embed", "form", "base", "video", "audio", "image", "use"}
    for tag, attrs in page.elements:
        assert not any(name.startswith("on") or name in ("style", "src", "srcset", "xlink:href") for name in attrs), tag
        if tag == "link":
            assert attrs == {"rel": "icon", "href": "data:,"}


def test_policy_names_the_style_sheet(stats: dict[str, Any], page: Page) -> None:
    (policy,) = [attrs["content"] or "" for _, attrs in page.elements if attrs.get("http-equiv")]
    text = render(stats)
    style = text[text.index("<style>") + len("<style>") : text.index("</style>")]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert "url(" not in style
    assert "@import" not in style


def test_hostile_strings_stay_text(plan: ReportPlan, make: Make) -> None:
    stats = stats_of(plan, make(400, 2, HOSTILE), HOSTILE)
    for reason in ("same_record", "error:text"):
        for counts in (stats["tables"][0]["apart"], stats["tables"][0]["tokens"]["apart"]):
            counts[reason + HOSTILE] = 3
    for rule in stats["tables"][0]["rules"]:
        rule["text"] += HOSTILE
        rule["reason"] += HOSTILE
        rule["thresholds"] = [t | {"by": HOSTILE} for t in rule["thresholds"]]
    for column in stats["tables"][0]["columns"]:
        column["doc"] += HOSTILE
        column["unit"] += HOSTILE
    text = render(stats)
    page = Page(text)
    test_nothing_is_fetched_and_nothing_runs(page)
    assert text.count("<script") == 0
    assert text.count("<img") == 0
    assert "49" not in re.findall(r"\"'(\d+)", page.text)
    assert page.text.count("<script>alert(1)</script>") > 40


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        " javascript:alert(1)",
        "java\nscript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "vbscript:x",
        "file:///etc/passwd",
        "//evil.example/",
        "http:evil.example",
        "http:///evil.example",
        "http://[::1",
        "http://a b/",
        "http://exa\u202emple.example/",
        "http://example.com/\x00",
        "\x01http://example.com/",
        "",
        None,
        7,
    ],
)
def test_what_never_becomes_a_link(url: object) -> None:
    assert safe_link(url) is None


def test_links_of_samples(plan: ReportPlan, make: Make) -> None:
    table = make(300, 4)
    table.columns["page.url"] = pa.array(
        ["javascript:alert(document.domain)"] * 150 + ["https://a.example/ä?b=c"] * 150
    )
    page = Page(render(stats_of(plan, table)))
    links = [attrs for tag, attrs in page.elements if tag == "a" and not (attrs["href"] or "").startswith("#")]
    assert {attrs["href"] for attrs in links} == {"https://a.example/ä?b=c"}
    assert all(attrs["rel"] == "noopener noreferrer nofollow" for attrs in links)
    assert "javascript:alert(document.domain)" in page.text


def test_the_page_is_a_function_of_the_written_statistics(stats: dict[str, Any]) -> None:
    assert render(json.loads(write_stats(stats))) == render(stats)


def test_pages_of_nothing(plan: ReportPlan) -> None:
    for tables in (
        [],
        [Collector(ReportPlan())],
        [Collector(plan)],
        [Collector(plan), Collector(ReportPlan("images"))],
    ):
        for records in (None, RecordCounts()):
            page = Page(render(publish(RunFacts("empty run"), tables, records=records)))
            test_every_anchor_has_its_place(page)
            assert "empty run" in page.text
    assert "There are no documents" in Page(render(publish(RunFacts("e"), [Collector(plan)]))).text


def test_threshold_lines() -> None:
    column = {"name": "a.b", "type": "int32", "scale": "unit", "edges": [0.0, 1, 2, 3, 4], "all": [1, 0, 2, 1]}
    column["kept"] = [0, 0, 2, 1]
    chart = histogram(column, [{"op": "<=", "value": 2, "by": "", "column": "a.b"}])
    assert chart is not None
    # 2 itself is kept: the line stands at the end of its bar.
    assert chart.lines[0].x == position(column["edges"], 3)
    assert chart.lines[0].label == "≤ 2"
    assert chart.shades[0].x == chart.lines[0].x
    assert len(chart.hovers) == 3
    assert histogram(column, [{"op": "<=", "value": 99, "by": "", "column": "a.b"}]).lines == ()  # type: ignore[union-attr]
    assert histogram(column | {"all": []}, []) is None


def test_numbers() -> None:
    assert [share(0, 10), share(10, 10), share(1, 10_000), share(9_999, 10_000), share(1, 0), share(1, 3)] == [
        "0%",
        "100%",
        "<0.1%",
        ">99.9%",
        "–",
        "33.3%",
    ]
    assert [size(999), size(1_500), size(999_600), size(12_345_678_901)] == ["999 bytes", "1.5 kB", "1 MB", "12.3 GB"]
    assert [duration(4.2e-6), duration(0.0042), duration(4.2), duration(252), duration(7500)] == [
        "4.2 µs",
        "4.2 ms",
        "4.2 s",
        "4 min 12 s",
        "2 h 05 min",
    ]
    assert [number(None), number(3.0), number(0.65), number(2588.01), number(1e-9), number(123456.7), number(1e20)] == [
        "–",
        "3",
        "0.65",
        "2,588",
        "1e-09",
        "123,457",
        "1e+20",
    ]


def test_templates_are_compiled_once_and_anew_when_they_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.dont_write_bytecode", False)
    folder = tmp_path / "templates"
    shutil.copytree(html.TEMPLATES, folder, ignore=shutil.ignore_patterns("__pycache__"))
    first = html.compiled_templates(folder)
    assert first is not None
    assert html.compiled_templates(folder) == first
    assert [path.name for path in first.parent.iterdir()] == [first.name]
    (folder / "report.html").write_text("another")
    second = html.compiled_templates(folder)
    assert second not in (None, first)
    assert ModuleLoader(second).load(html._environment(BaseLoader()), "report.html").render() == "another"
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    assert html.compiled_templates(folder) is None


def test_where_nothing_can_be_kept_each_process_compiles_for_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.dont_write_bytecode", False)
    (tmp_path / "a.html").write_text("a")
    (tmp_path / "__pycache__").write_text("a file where the folder should be")
    assert html.compiled_templates(tmp_path) is None


def test_what_jinja_leaves_among_the_modules_stays(stats: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """It is a weak reference: whoever goes through sys.modules would fail on one whose loader is gone."""
    monkeypatch.setattr("sys.dont_write_bytecode", False)
    render(stats)
    gc.collect()
    left = [module for name, module in sys.modules.items() if name.startswith("_jinja2_module_templates_")]
    assert left
    assert all(isinstance(module.__name__, str) for module in left)
