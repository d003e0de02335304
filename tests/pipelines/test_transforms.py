"""The stages as Beam transforms: the example of the docs runs, and what it writes is what the functions give."""

from __future__ import annotations

import re
from pathlib import Path

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.util import assert_that

from core.errors import RecipeError
from pipelines.transforms import IngestWarcs, Keep, Score, WriteShards
from sharding.check import check_output
from sharding.index import read_index

from .runs import EXAMPLES

DOCS = Path(__file__).parents[2] / "docs" / "beam.md"


def test_the_example_of_the_docs_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = re.search(r"```python\n(.*?)```", DOCS.read_text(), re.S)
    assert code is not None
    monkeypatch.chdir(tmp_path)
    exec(code[1].replace("examples/*", f"{EXAMPLES}/web*"), {"__name__": "docs"})
    folder = tmp_path / "out" / "english"
    index = read_index(folder)
    assert check_output(folder) == []
    assert [shard.samples for shard in index.shards[:-1]] == [100] * (len(index.shards) - 1)
    sidecar = pa.concat_tables(pq.read_table(folder / shard.sidecar) for shard in index.shards)
    assert set(sidecar.column("language.label").to_pylist()) == {"en"}
    assert min(sidecar.column("language.score").to_pylist()) >= 0.65


def test_shards_do_not_depend_on_how_the_input_is_cut(tmp_path: Path) -> None:
    for name, part in (("whole", 1 << 30), ("cut", 200_000)):
        with beam.Pipeline(runner=FnApiRunner()) as pipeline:
            pages = pipeline | IngestWarcs(str(EXAMPLES / "web.warc.gz"), part_bytes=part)
            pages | WriteShards(str(tmp_path / name), samples=70, text="page.content", columns=["page.url"])
    whole, cut = (read_index(tmp_path / name) for name in ("whole", "cut"))
    assert [shard.sha256 for shard in whole.shards] == [shard.sha256 for shard in cut.shards]
    assert not [path for path in (tmp_path / "cut").iterdir() if path.name.startswith(".samples")]


def test_a_row_that_raises_keeps_its_message(trouble: Path) -> None:
    batch = pa.record_batch({"id": [b"1" * 16, b"2" * 16], "text.text": ["fine", "RAISE"]})
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        scored = pipeline | beam.Create([batch]) | Score("trouble") | beam.Map(lambda b: b.to_pydict())

        def check(actual: list[dict[str, list[object]]]) -> None:
            assert actual[0]["trouble.size"] == [4, None]
            assert actual[0]["trouble.error"] == [None, "ValueError: asked to raise"]

        assert_that(scored, check)


def test_rows_that_fail_a_rule_go() -> None:
    batch = pa.record_batch({"a.b": [1.0, None, 3.0]})
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        kept = pipeline | beam.Create([batch]) | Keep("a.b >= 1", "a.b < 3") | beam.Map(lambda b: b.to_pydict())

        def check(actual: list[dict[str, list[object]]]) -> None:
            assert actual == [{"a.b": [1.0]}]

        assert_that(kept, check)


def test_an_unknown_scorer_is_named() -> None:
    with pytest.raises(RecipeError, match="no scorer `languag` is installed"):
        Score("languag")


def test_a_scorer_reads_the_host_of_a_page() -> None:
    text = ["Büro: 089/21806-0"]
    batch = pa.record_batch({
        "id": pa.array([bytes(16)], pa.binary(16)), "page.url": ["http://www.host.de/"], "text.text": text, "text.title": text,
        "language.label": ["und"],
    })  # fmt: skip
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        scored = pipeline | beam.Create([batch]) | Score("pii") | beam.Map(lambda b: b.column("pii.phones").to_pylist())

        def check(actual: list[list[int]]) -> None:
            assert actual == [[1]]

        assert_that(scored, check)
