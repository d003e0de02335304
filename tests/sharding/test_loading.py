"""The loaders of docs/loading.md, run as they stand there."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from sharding.features import features_of
from sharding.index import Index, make_index, write_index
from sharding.shard import TEXT, ShardWriter

WriteOutput = Callable[..., Index]
MakeSamples = Callable[..., pa.RecordBatch]
PAGE = Path(__file__).parents[2] / "docs" / "loading.md"


def block(title: str) -> str:
    """The code of a section of the page."""
    section = PAGE.read_text(encoding="utf-8").split(f"\n## {title}\n")[1].split("\n## ")[0]
    found = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    assert len(found) == 1
    return found[0]


def run(title: str) -> list[tuple[Any, ...]]:
    """What `train` is called with."""
    seen: list[tuple[Any, ...]] = []
    exec(compile(block(title), f"{PAGE}#{title}", "exec"), {"train": lambda *sample: seen.append(sample)})
    return seen


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that the page's relative paths start from, without an environment of a cluster."""
    for name in ("RANK", "WORLD_SIZE", "WORKER", "NUM_WORKERS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "out" / "demo" / "shards"


@pytest.mark.parametrize("title", ["webdataset", "Hugging Face datasets", "Parquet", "JSON Lines"])
def test_a_loader_is_ten_lines(title: str) -> None:
    assert len([line for line in block(title).splitlines() if line.strip()]) <= 10


@pytest.mark.parametrize(("nodes", "workers"), [(1, 1), (1, 3), (2, 1), (2, 3), (4, 4)])
def test_webdataset_sees_each_sample_once_an_epoch(
    here: Path, monkeypatch: pytest.MonkeyPatch, nodes: int, workers: int,
    write_output: WriteOutput, make_samples: MakeSamples,
) -> None:  # fmt: skip
    """Seven shards over up to 16 workers, as webdataset finds them in the environment."""
    pytest.importorskip("webdataset")
    write_output(here / "text", train=65, validation=5)
    seen: list[tuple[Any, ...]] = []
    for node in range(nodes):
        for worker in range(workers):
            if nodes > 1:
                monkeypatch.setenv("RANK", str(node))
                monkeypatch.setenv("WORLD_SIZE", str(nodes))
            if workers > 1:
                monkeypatch.setenv("WORKER", str(worker))
                monkeypatch.setenv("NUM_WORKERS", str(workers))
            seen += run("webdataset")
    samples = make_samples(65)
    assert Counter(text for text, _ in seen) == Counter(samples.column("text").to_pylist())
    assert sorted(m["id"] for _, m in seen) == sorted(i.hex() for i in samples.column("id").to_pylist())
    assert {m["url"]: text for text, m in seen} == dict(
        zip(samples.column("url").to_pylist(), samples.column("text").to_pylist(), strict=True)
    )


def test_datasets_reads_the_same_samples(
    here: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, make_samples: MakeSamples
) -> None:
    """Also where a column is null in all of the samples that `datasets` would guess its type from."""
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    samples = make_samples(40)
    notes = pa.array([None] * 30 + [["a", None]] * 10, pa.list_(pa.string()))
    samples = samples.append_column("notes", notes)
    with ShardWriter(here / "text", "train", 0) as shard:
        shard.write(samples)
    features = features_of(samples.schema, TEXT)
    write_index(here / "text", make_index("webdataset", 40, 1, [shard.info], features=features))
    seen = run("Hugging Face datasets")
    assert [text for text, _ in seen] == samples.column("text").to_pylist()
    assert [m["notes"] for _, m in seen] == notes.to_pylist()
    assert [m["words"] for _, m in seen] == samples.column("words").to_pylist()
    assert [m["id"] for _, m in seen] == [i.hex() for i in samples.column("id").to_pylist()]


@pytest.mark.parametrize(
    ("title", "name", "format"), [("Parquet", "table", "parquet"), ("JSON Lines", "lines", "jsonl")]
)
def test_tables_are_read_in_order(
    here: Path, title: str, name: str, format: str, write_output: WriteOutput, make_samples: MakeSamples
) -> None:
    write_output(here / name, format, train=25, validation=0)
    assert [sample[0] for sample in run(title)] == make_samples(25).column("text").to_pylist()


def test_features_name_types_as_the_json_has_them() -> None:
    schema = pa.schema(
        [
            ("key", pa.string()), ("text", pa.string()), ("image", pa.binary()), ("id", pa.binary(16)),
            ("date", pa.timestamp("us", "UTC")), ("score", pa.float32()), ("words", pa.int32()), ("ok", pa.bool_()),
            ("captions", pa.list_(pa.struct([("text", pa.string()), ("score", pa.float32())]))),
        ]
    )  # fmt: skip
    assert features_of(schema, {"txt": "text", "png": "image"}) == {
        "json": {
            "id": {"dtype": "string", "_type": "Value"},
            "date": {"dtype": "string", "_type": "Value"},
            "score": {"dtype": "float64", "_type": "Value"},
            "words": {"dtype": "int64", "_type": "Value"},
            "ok": {"dtype": "bool", "_type": "Value"},
            "captions": {
                "feature": {
                    "text": {"dtype": "string", "_type": "Value"},
                    "score": {"dtype": "float64", "_type": "Value"},
                },
                "_type": "List",
            },
        },
        "txt": {"dtype": "string", "_type": "Value"},
        "png": {"dtype": "binary", "_type": "Value"},
        "__key__": {"dtype": "string", "_type": "Value"},
        "__url__": {"dtype": "string", "_type": "Value"},
    }
