"""What edits leave of a document, in its sample: text and title, and nothing that tells what was taken out."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.scorer import CUT, Scorer
from core.scorer import column as described
from pipelines.compilation import compile_plan
from pipelines.context import Context
from pipelines.recipe import Recipe, load_recipe
from pipelines.shards import metadata_columns
from pipelines.source_rows import Reader
from pipelines.sources import part_sources
from pipelines.store import Store
from pipelines.stored import Run
from pipelines.view import Joined
from tests.pipelines.runs import column, small_run

RECIPE = """
name: edits
input: {{warcs: [{warc}]}}
documents:
  score:
    - text: {{main: false}}
{scorers}
  keep: {rules}
output:
  text: {{from: documents, format: jsonl, samples: 50}}
"""
QUESTION = "Which of the planets of our sun has the shortest day, and how long is it there?"
PROSE = "The reeds along the water were cut each winter and laid on the roofs before the snow came."


def recipe(folder: Path, pages: Mapping[str, tuple[str, str]], scorers: Sequence[str], rules: Sequence[str] = ()) -> Recipe:
    """A recipe over pages, by URL their title and the HTML of their body."""
    records = b""
    for url, (title, body) in pages.items():
        html = f"<html><head><title>{title}</title></head><body>{body}</body></html>".encode()
        block = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + html
        records += (
            f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: {url}\r\nWARC-Date: 2026-01-02T03:04:05Z\r\n"
            f"Content-Type: application/http; msgtype=response\r\nContent-Length: {len(block)}\r\n\r\n"
        ).encode() + block + b"\r\n\r\n"  # fmt: skip
    warc = folder / "pages.warc"
    warc.write_bytes(records)
    listed = "\n".join(f"    - {line}" for line in scorers)
    return load_recipe(RECIPE.format(warc=json.dumps(str(warc)), scorers=listed, rules=json.dumps([*rules])))


def samples(out: Path) -> dict[str, dict[str, Any]]:
    """The samples by URL."""
    files = sorted((out / "shards" / "text").glob("*.jsonl.gz"))
    rows = [json.loads(line) for file in files for line in gzip.decompress(file.read_bytes()).decode().splitlines()]
    return {row["url"]: row for row in rows}


def test_a_title_is_masked_as_its_text_is(tmp_path: Path) -> None:
    pages = {
        "http://a.example/": ("Write to jane@corp.example", f"<p>{PROSE} Write to jane@corp.example.</p>"),
        "http://b.example/": ("Reeds", f"<p>{PROSE}</p>"),
    }
    small_run(tmp_path / "out", recipe(tmp_path, pages, ["pii: {kinds: [emails]}"], ["text.characters > 0"]))
    found = samples(tmp_path / "out")
    placeholder = found["http://a.example/"]["title"].removeprefix("Write to ")
    assert placeholder.startswith(("email@example.", "firstname."))
    assert placeholder in found["http://a.example/"]["text"]
    assert found["http://b.example/"]["title"] == "Reeds"
    assert found["http://a.example/"]["pii.in_title"] == 1
    documents = Run(str(tmp_path / "out")).documents
    shown = documents.reader(["text.title", "text.edited_title"]).read_all().to_pylist()
    assert {"text.title": "Write to jane@corp.example", "text.edited_title": f"Write to {placeholder}"} in shown


@pytest.mark.parametrize("action", ["drop", "cut"])
def test_no_sample_holds_words_of_an_evaluation_set(tmp_path: Path, action: str) -> None:
    (tmp_path / "set.jsonl").write_text(json.dumps({"q": QUESTION}) + "\n")
    pages = {
        "http://a.example/": (QUESTION, "".join(f"<p>{PROSE} So it was in {year}.</p>" for year in range(1900, 1910))),
        "http://b.example/": ("Reeds", f"<p>{PROSE}</p>"),
    }
    scorer = f"decontaminate: {{sets: {{s: {tmp_path / 'set.jsonl'}}}, action: {action}, read: text}}"
    small_run(tmp_path / "out", recipe(tmp_path, pages, [scorer], ["text.characters > 0"]))
    found = samples(tmp_path / "out")
    assert found["http://a.example/"]["decontaminate.matches"] == 5
    assert "decontaminate.ngram" not in found["http://a.example/"]
    assert found["http://a.example/"]["title"] == ("" if action == "cut" else QUESTION)
    assert column(tmp_path / "out", "decontaminate", "ngram").count(None) == 1


def test_what_edits_leave_without_a_word_is_no_sample(tmp_path: Path) -> None:
    lines = "".join(f"<p>The reeds were cut in the year {year}.</p>" for year in range(1900, 1906))
    pages = {
        "http://a.example/": ("First", lines),
        "http://b.example/": ("Again", lines),
        "http://c.example/": ("Some more", lines + "<p>This page has one line of its own.</p>"),
        "http://d.example/": ("Nothing", "<p> </p>"),
    }
    made = recipe(tmp_path, pages, ["paragraphs"], ["text.characters >= 0"])
    small_run(tmp_path / "out", made)
    reasons = dict(zip(column(tmp_path / "out", "page", "url"), column(tmp_path / "out", "fate", "reason"), strict=True))
    assert sorted(reasons.values()) == ["", "empty_after_edits", "empty_after_edits", "empty_text"]
    assert reasons["http://c.example/"] == ""
    assert reasons["http://d.example/"] == "empty_text"
    found = samples(tmp_path / "out")
    assert set(found) == {url for url, reason in reasons.items() if not reason}
    assert all(row["text"].strip() for row in found.values())


@pytest.mark.parametrize("before", [True, False])
def test_a_cluster_keeps_a_page_that_its_edits_do_not_empty(tmp_path: Path, before: bool) -> None:
    """The longest text is elected, unless `paragraphs` leaves nothing of it; behind the election nobody knows yet."""
    reeds = [f"The reeds of this lake were cut in the year {year} and laid on all the roofs." for year in range(1900, 1910)]
    boats = [f"Seventeen wooden boats passed beneath old bridges during {year}." for year in range(1801, 1804)]
    pages = {
        "http://a.example/": ("Longest", [*reeds, *boats]),
        "http://b.example/": ("Other", [*reeds, "Nobody else says so."]),
        "http://c.example/": ("Both", [*reeds, *boats, " ".join(f"word{i}" for i in range(150))]),
    }
    bodies = {url: (title, "".join(f"<p>{line}</p>" for line in lines)) for url, (title, lines) in pages.items()}
    join = "minhash: {threshold: 0.45, bands: 64, rows: 1, ngram: 1, read: text}"
    cut = "paragraphs: {keep: none}"
    out = tmp_path / "out"
    small_run(out, recipe(tmp_path, bodies, [cut, join] if before else [join, cut], ["duplicates.kept"]))
    reasons = dict(zip(column(out, "page", "url"), column(out, "fate", "reason"), strict=True))
    lost = json.loads((out / "report" / "stats.json").read_text())["tables"][0]["lost_clusters"]
    if before:
        assert reasons == {"http://a.example/": "duplicate", "http://b.example/": "", "http://c.example/": ""}
        assert set(samples(out)) == {"http://b.example/", "http://c.example/"}
        assert lost == 0
    else:
        assert reasons == {"http://a.example/": "empty_after_edits", "http://b.example/": "duplicate", "http://c.example/": ""}
        assert lost == 1


def test_an_election_opens_no_text_that_edits_cannot_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = "".join(f"<p>The reeds were cut in the year {year}.</p>" for year in range(1900, 1906))
    pages = {f"http://{name}.example/": (name, f"<p>{PROSE} Write to {name}.jane@corp.example.</p>") for name in "abc"}
    pages |= {f"http://{name}.example/": (name, lines) for name in "xyz"}
    paragraphs = "paragraphs: {keep: none}"
    for kind, scorers, opened in (("mask", ["pii: {kinds: [emails]}"], False), ("cut", [paragraphs], True)):
        folder = tmp_path / kind
        folder.mkdir()
        made = recipe(folder, pages, [*scorers, "exact"], ["duplicates.kept"])
        small_run(folder / "out", made)
        wanted: list[str] = []

        class Watched(Joined):
            def __init__(self, store: Any, part: str, columns: Iterable[str], *rest: Any, seen: list[str] = wanted) -> None:
                names = list(columns)
                seen += names
                super().__init__(store, part, names, *rest)

        (layer,) = (folder / "out" / "documents" / "page").glob("*.parquet")
        (source,) = part_sources({layer.stem: pq.read_metadata(layer).num_rows}, decided=False)
        context = Context(Store(str(folder / "out"), 1), compile_plan(made))
        with monkeypatch.context() as patch:
            patch.setattr("pipelines.source_rows.Joined", Watched)
            emptied = Reader(context, source).emptied(np.arange(source.rows))
        left = Run(str(folder / "out")).documents.reader(["text.edited"]).read_all().column("text.edited").to_pylist()
        assert emptied.tolist() == [not text.strip() for text in left]
        assert emptied.any() == opened
        assert bool({"text.text", "text.edited"} & set(wanted)) == opened


def test_c4_asks_for_its_sentences_again_once_repeated_lines_are_cut(tmp_path: Path) -> None:
    lines = "".join(f"<p>The reeds were cut in the year {year}.</p>" for year in range(1900, 1906))
    pages = {
        "http://a.example/": ("First", lines + "<p>This is the longest of all these pages here.</p>"),
        "http://b.example/": ("Short", lines + "<p>One line of its own.</p>"),
    }
    scorers = ["c4: {bad_words: ''}", "paragraphs", "c4: {as: c4_left, read: edited, edit: false, bad_words: ''}"]
    small_run(tmp_path / "out", recipe(tmp_path, pages, scorers, ["c4.sentences >= 3", "c4_left.sentences >= 3"]))
    assert sorted(column(tmp_path / "out", "fate", "reason")) == ["", "c4_left_sentences"]
    assert column(tmp_path / "out", "c4_left", "sentences") == [7, 1]


TEXTS = (pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.large_string()))


@dataclass(frozen=True)
class Telling:
    """A scorer with columns of all types that hold text."""

    edits: bool
    quotes: bool

    @property
    def schema(self) -> pa.Schema:
        columns = [described(f"c{i}", kind, "", quotes=self.quotes) for i, kind in enumerate(TEXTS)]
        return pa.schema([*columns, *([pa.field("cut", CUT)] if self.edits else []), described("number", pa.int8(), "")])


@pytest.mark.parametrize(("edits", "quotes", "told"), [(False, False, 4), (True, False, 0), (False, True, 0)])
def test_strings_of_any_type_that_tell_what_was_cut_are_in_no_sample(
    tmp_path: Path, edits: bool, quotes: bool, told: int
) -> None:  # fmt: skip
    plan = compile_plan(recipe(tmp_path, {}, []))
    (text,) = plan.layers
    telling = replace(text, name="telling", scorer=cast(Scorer, Telling(edits, quotes)))
    names = [name for name, _ in metadata_columns(replace(plan, layers=(text, telling)))]
    assert [name for name in names if name.startswith("telling.")] == [*(f"telling.c{i}" for i in range(told)), "telling.number"]
