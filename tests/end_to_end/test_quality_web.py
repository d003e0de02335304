"""The measures against the truth count what they say: a run made up here, with faults planted one by one."""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

web_corpus: Any = importlib.import_module("web_corpus")
quality_web: Any = importlib.import_module("quality_web")
shares: Any = importlib.import_module("shares")

Row = dict[str, Any]


@pytest.fixture(scope="session")
def perfect(examples: Path) -> tuple[list[Row], list[Row]]:
    """Documents and records of a run that does everything right."""
    rows = {(row["url"], row["offset"]): row for row in web_corpus.read_rows(examples / "truth.jsonl")}
    documents: list[Row] = []
    records: list[Row] = []
    first: dict[str, bytes] = {}
    for member in web_corpus.members(examples / "web.warc.gz"):
        row = rows.get((member.url, member.offset), {})
        page = member.whole and row.get("kind") == "html" and row["status"] == 200 and row["bytes"] > 0
        id = hashlib.md5(str(member.offset).encode()).digest()
        records.append({"id": id, "offset": member.offset, "reason": "" if page else "no_page"})
        if page:
            cluster = first.setdefault(row["sha256"], id)
            good = row["quality"] == "ok" and cluster == id
            label = row["lang"] if row["lang"].isalpha() else "en"
            documents.append({"id": id, "url": member.url, "offset": member.offset, "charset": row["charset_true"],
                              "text": row["sha256"], "label": label, "cluster": cluster, "dup_kept": cluster == id,
                              "kept": good, "reason": "" if good else "bad", "truth": row})  # fmt: skip
    return documents, records


def evaluate(out: Path, examples: Path, documents: list[Row], records: list[Row]) -> Row:
    """Writes two parts of layers and measures them."""
    layers = {"page": {"url": "url", "offset": "offset", "charset": "charset"}, "text": {"text": "text"},
              "language": {"label": "label"}, "duplicates": {"cluster": "cluster", "kept": "dup_kept"},
              "fate": {"kept": "kept", "reason": "reason"}}  # fmt: skip
    half = len(documents) // 2
    for layer, columns in layers.items():
        for number, rows in enumerate((documents[:half], documents[half:])):
            path = out / "documents" / layer / f"web-{number}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            named = {new: [row[old] for row in rows] for new, old in {"id": "id", **columns}.items()}
            pq.write_table(pa.table(named), path)
    (out / "records" / "record").mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(records), out / "records" / "record" / "web-0.parquet")
    measured = quality_web.evaluate(out, [examples / "web.warc.gz"], [examples / "truth.jsonl"])
    json.dumps(measured)
    assert shares.table(measured, ["dirt", "language"])
    return measured["results"]


def test_a_perfect_run_scores_one(tmp_path: Path, examples: Path, perfect: tuple[list[Row], list[Row]]) -> None:
    results = evaluate(tmp_path, examples, *perfect)
    assert {name: result["share"] for name, result in results.items()} == dict.fromkeys(results, 1.0)
    assert results["records accounted for"]["total"] > 700
    assert results["exact duplicates found"]["total"] > 20


def keep_all(row: Row) -> None:
    row["kept"] = row["dup_kept"] = True


def say_utf8(row: Row) -> None:
    row["charset"] = "utf-8"


def say_english(row: Row) -> None:
    row["label"] = "en"


def drop_french(row: Row) -> None:
    row["kept"] = row["kept"] and row["truth"]["lang"] != "fr"


@pytest.mark.parametrize(
    ("fault", "name", "wrong"),
    [
        (keep_all, "exact duplicates found", lambda row: bool(row["truth"].get("dup_of"))),
        (keep_all, "junk dropped", lambda row: row["truth"]["quality"] == "junk"),
        (say_english, "language right", lambda row: row["truth"]["lang"] not in ("en", "und")
         and row["truth"]["lang"].isalpha() and row["truth"]["quality"] == "ok" and not row["truth"].get("dup_of")),
        (drop_french, "good pages kept", lambda row: row["truth"]["lang"] == "fr" and row["truth"]["quality"] == "ok"
         and not row["truth"].get("dup_of") and not row["truth"].get("near_dup_of")),
    ],
)  # fmt: skip
def test_a_fault_is_counted(
    tmp_path: Path, examples: Path, perfect: tuple[list[Row], list[Row]], fault: Callable[[Row], None], name: str,
    wrong: Callable[[Row], bool],
) -> None:  # fmt: skip
    documents = [dict(row) for row in perfect[0]]
    for row in documents:
        fault(row)
    result = evaluate(tmp_path, examples, documents, perfect[1])[name]
    expected = sum(wrong(row) for row in documents)
    assert expected > 10
    assert result["total"] - result["hits"] == expected


def test_a_wrong_charset_counts_only_where_the_text_differs(
    tmp_path: Path, examples: Path, perfect: tuple[list[Row], list[Row]]
) -> None:
    documents = [dict(row) for row in perfect[0]]
    for row in documents:
        say_utf8(row)
    result = evaluate(tmp_path, examples, documents, perfect[1])["charset right"]
    by = result["by"]["charset"]
    assert by["utf-8"]["share"] == 1.0
    assert by["euc-kr"]["hits"] == 0
    assert by["shift_jis"]["hits"] == 0


def test_a_lost_record_and_a_false_merge_are_named(
    tmp_path: Path, examples: Path, perfect: tuple[list[Row], list[Row]]
) -> None:
    documents, records = [dict(row) for row in perfect[0]], perfect[1][:-1]
    chosen = [row for row in documents if row["truth"]["dirt"] == [] and row["kept"]][:2]
    chosen[1]["cluster"] = chosen[0]["id"]
    results = evaluate(tmp_path, examples, documents, records)
    lost = results["records accounted for"]["faults"]
    assert [fault["offset"] for fault in lost] == [
        max(member.offset for member in web_corpus.members(examples / "web.warc.gz"))
    ]
    merged = results["not merged beyond the truth"]["faults"]
    assert [fault["url"] for fault in merged] == [chosen[1]["url"]]
    assert merged == results["or of the same text"]["faults"]


@pytest.mark.parametrize(("hits", "total", "low", "high"), [(0, 10, 0.0, 0.2775), (81, 263, 0.2553, 0.3662)])
def test_wilson_interval(hits: int, total: int, low: float, high: float) -> None:
    """The values of Newcombe 1998, Statistics in Medicine 17, table I: method 3."""
    assert shares.Share(hits, total).interval == pytest.approx((low, high), abs=5e-4)


def test_word_f1() -> None:
    assert quality_web.word_f1("The cat sat", "the cat sat") == 1.0
    assert quality_web.word_f1("the cat", "the cat sat down") == pytest.approx(2 / 3)
    assert quality_web.word_f1("ウェブ", "ウェア") == pytest.approx(2 / 3)
    assert quality_web.word_f1("", "text") == 0.0


def test_layers_that_do_not_align_are_refused(
    tmp_path: Path, examples: Path, perfect: tuple[list[Row], list[Row]]
) -> None:
    evaluate(tmp_path, examples, *perfect)
    path = tmp_path / "documents" / "fate" / "web-0.parquet"
    table = pq.read_table(path)
    pq.write_table(table.take(list(range(len(table)))[::-1]), path)
    with pytest.raises(ValueError, match="ids are not those of page"):
        web_corpus.load(tmp_path, [examples / "truth.jsonl"])


def test_a_run_without_election_or_language_is_measured_too(
    tmp_path: Path, examples: Path, perfect: tuple[list[Row], list[Row]]
) -> None:
    evaluate(tmp_path / "run", examples, *perfect)
    for layer in ("language", "duplicates", "text"):
        for path in (tmp_path / "run" / "documents" / layer).iterdir():
            path.unlink()
        (tmp_path / "run" / "documents" / layer).rmdir()
    measured = quality_web.evaluate(tmp_path / "run", [examples / "web.warc.gz"], [examples / "truth.jsonl"])
    assert measured["results"]["junk dropped"]["share"] == 1.0
    assert "language right" not in measured["results"]
