"""The library: a run's tables as Arrow, joined by position, read by others too."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

import web2shards
from core.errors import InputError, RecipeError, StorageError

from .conftest import run_inline, write_recipe


@pytest.fixture(scope="module")
def opened(finished: Path) -> web2shards.Run:
    return web2shards.open(finished)


def stored(out: Path, layer: str, table: str = "documents") -> pa.Table:
    files = sorted((out / table / layer).glob("*.parquet"))
    return pa.concat_tables([pq.read_table(path) for path in files])


def test_the_table_is_the_layers_side_by_side(finished: Path, opened: web2shards.Run) -> None:
    documents = opened.documents
    table = documents.to_table()
    assert table.schema.equals(documents.schema)
    assert table.column_names[0] == "id"
    assert {"page.url", "text.text", "language.label", "exact.text_hash", "duplicates.cluster", "fate.reason"} <= set(
        documents.columns
    )
    for layer in ("page", "text", "language", "duplicates", "fate"):
        layer_table = stored(finished, layer)
        assert table.column("id").equals(layer_table.column("id"))
        for name in layer_table.column_names[1:]:
            assert table.column(f"{layer}.{name}").equals(layer_table.column(name)), name


def test_columns_carry_their_documentation(opened: web2shards.Run) -> None:
    assert opened.documents.schema.field("language.score").metadata[b"range"] == b"0..1"


def test_records_too(finished: Path, opened: web2shards.Run) -> None:
    records = opened.records.to_table(["id", "record.reason", "record.url"])
    layer = stored(finished, "record", "records")
    assert records.column("id").equals(layer.column("id"))
    assert records.column("record.reason").equals(layer.column("reason"))
    assert opened.records.count_rows("record.reason is missing") == opened.documents.count_rows()
    assert opened.table("records") is opened.records


def test_filters_as_rules_and_as_expressions(opened: web2shards.Run) -> None:
    documents = opened.documents
    rule = documents.to_table(["id"], "language.label is en and text.characters >= 1000")
    expression = documents.to_table(
        ["id"], (pc.field("language.label") == "en") & (pc.field("text.characters") >= 1000)
    )
    assert rule.equals(expression)
    assert 0 < rule.num_rows < documents.count_rows()
    assert documents.count_rows("fate.kept") == opened.stats["tables"][0]["kept"]
    assert documents.count_rows("language.score > 2") == 0


def test_derived_columns(opened: web2shards.Run) -> None:
    table = opened.documents.to_table(["page.host", "page.url", "text.edited", "text.text"])
    assert table.column("text.edited").equals(table.column("text.text"))
    assert {host for host in table.column("page.host").to_pylist() if host} >= {"httpd-asia.example"}
    assert "page.host" not in opened.documents.columns


def test_readers_stream_part_by_part(opened: web2shards.Run) -> None:
    parts = opened.documents.parts
    assert len(parts) > 2
    reader = opened.documents.reader(["id"], parts=parts[:1])
    first = sum(len(batch) for batch in reader)
    assert 0 < first < opened.documents.count_rows()
    small = opened.documents.reader(["page.url"], batch_rows=7)
    assert max(len(batch) for batch in small) == 7


def test_head(opened: web2shards.Run) -> None:
    assert opened.documents.head(3).num_rows == 3
    assert opened.documents.head(3, ["page.url"]).column_names == ["page.url"]
    assert opened.documents.head(10**6, ["id"]).num_rows == len(opened.documents)
    assert opened.documents.head(0, ["id"]).num_rows == 0


def test_duckdb_reads_the_table_and_a_reader(opened: web2shards.Run) -> None:
    documents = opened.documents
    query = 'select "fate.reason" as reason, count(*) as n from {} group by 1 order by 1'
    by_table = duckdb.sql(query.format("documents")).fetchall()
    reader = documents.reader(["fate.reason"])  # noqa: F841 - DuckDB finds it by its name
    assert duckdb.sql(query.format("reader")).fetchall() == by_table
    reasons = opened.stats["tables"][0]["reasons"]
    assert dict(by_table) == {"": opened.stats["tables"][0]["kept"], **reasons}


def test_other_ways_out(opened: web2shards.Run) -> None:
    documents = opened.documents
    assert pa.table(documents).num_rows == len(documents)
    assert documents.scanner(["id"], "fate.kept").count_rows() == documents.count_rows("fate.kept")
    dataset = documents.dataset(["id", "fate.kept"])
    assert dataset.count_rows(filter=pc.field("fate.kept")) == dataset.count_rows(filter=pc.field("fate.kept")) > 0


def test_get(opened: web2shards.Run) -> None:
    first = opened.documents.head(1).to_pylist()[0]
    assert opened.get(first["id"].hex()) == [first]
    assert first in opened.get(first["page.url"])


def test_recipe_and_stats(opened: web2shards.Run) -> None:
    assert opened.name == opened.recipe.name == "small"
    assert [rule.text for rule in opened.rules][-1] == "duplicates.kept"
    assert opened.stats["format"] == "web2shards-statistics"


def test_mistakes_say_what_is_meant(opened: web2shards.Run, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no run here"):
        web2shards.open(tmp_path)
    with pytest.raises(InputError) as error:
        opened.documents.reader(["language.lable"])
    assert "language.label" in error.value.mend
    with pytest.raises(InputError, match="no column `nowhere"):
        opened.documents.count_rows("nowhere.at_all >= 1")
    with pytest.raises(RecipeError):
        opened.documents.count_rows("language.score >=")
    with pytest.raises(InputError, match="no such table"):
        opened.table("pictures")
    for read in (opened.references.to_table, opened.images.head, lambda: opened.references.count_rows("reference.reason == 'svg'")):
        with pytest.raises(InputError, match=r"has no table `(references|images)`; it has records, documents") as error:
            read()
        assert "{}` to its recipe" in error.value.mend
    assert len(opened.references) == 0
    with pytest.raises(AttributeError):
        web2shards.nothing  # noqa: B018


def test_layers_that_do_not_fit_are_refused(out: Path) -> None:
    parts = sorted((out / "documents" / "language").glob("*.parquet"))
    shutil.copy(parts[1], parts[0])
    documents = web2shards.open(out).documents
    with pytest.raises(StorageError, match="not of the rows"):
        documents.to_table(["language.label"])
    assert documents.to_table(["page.url"]).num_rows == len(documents)
    parts[0].unlink()
    with pytest.raises(StorageError, match="is missing"):
        documents.to_table(["language.label"])


def test_only_current_parts_are_read(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, part="300kB")
    run_inline(recipe, tmp_path / "out", limit=2)
    limited = web2shards.open(tmp_path / "out")
    assert len(limited.documents.parts) == 2
    stray = sorted((tmp_path / "out" / "documents" / "page").glob("*.parquet"))[0]
    shutil.copy(stray, stray.with_name("old.warc.gz-00000.parquet"))
    assert len(web2shards.open(tmp_path / "out").documents) == len(limited.documents)


def test_an_unfinished_run_warns(out: Path) -> None:
    path = out / "run.json"
    path.write_text(path.read_text().replace('"finished": "', '"finished": null, "was": "'))
    with pytest.warns(UserWarning, match="did not finish"):
        assert not web2shards.open(out).finished


def test_run_and_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    recipe = web2shards.load_recipe(write_recipe(tmp_path), ["documents.keep.language.score=0.6"])
    planned = web2shards.plan(recipe, limit=1)
    assert (planned.out, planned.parts, planned.nothing) == ("out/small", 1, False)
    result = web2shards.run(recipe, limit=1, workers=1)
    assert result.out == "out/small"
    assert web2shards.plan(recipe, "out/small", limit=1).nothing
    assert web2shards.open("out/small").documents.count_rows("fate.kept") == result.stats["tables"][0]["kept"]
    with pytest.raises(ValueError, match="settings"):
        web2shards.plan(recipe, settings=["seed=1"])
