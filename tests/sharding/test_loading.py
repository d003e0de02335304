"""The loaders of docs/loading.md, run as they stand there."""

from __future__ import annotations

import json
import re
import tarfile
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


@pytest.mark.parametrize("title", [
    "webdataset", "Hugging Face datasets", "Parquet", "JSON Lines", "Image–text pairs", "Image–text pairs with datasets",
    "open_clip", "img2dataset's tools",
])
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


@pytest.fixture
def pairs(here: Path) -> Path:
    return here.parents[1] / "demo-images" / "shards" / "pairs"


def is_of(image: Any, caption: str) -> bool:
    """Whether an image is the one of its caption (`conftest._write_pairs`); JPEG leaves colours a little off."""
    i = int(caption.removeprefix("image "))
    seen = image.convert("RGB").getpixel((5, 5))
    return all(abs(one - wanted) <= 3 for one, wanted in zip(seen, (i, 2 * i, 3 * i), strict=True))


@pytest.mark.parametrize(("nodes", "workers"), [(1, 1), (2, 3), (4, 4)])
def test_each_pair_comes_once_an_epoch(
    pairs: Path, monkeypatch: pytest.MonkeyPatch, nodes: int, workers: int, write_pairs: WriteOutput
) -> None:
    pytest.importorskip("webdataset")
    write_pairs(pairs)
    seen: list[tuple[Any, ...]] = []
    for node in range(nodes):
        for worker in range(workers):
            for name, value in (("RANK", node), ("WORLD_SIZE", nodes), ("WORKER", worker), ("NUM_WORKERS", workers)):
                monkeypatch.setenv(name, str(value))
            seen += run("Image–text pairs")
    assert Counter(caption for _, caption in seen) == Counter(f"image {i}" for i in range(65))
    assert all(is_of(image, caption) for image, caption in seen)


def test_datasets_reads_pairs(pairs: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, write_pairs: WriteOutput) -> None:
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    write_pairs(pairs, 12, 5)
    seen = run("Image–text pairs with datasets")
    assert [caption for _, caption in seen] == [f"image {i}" for i in range(12)]
    assert all(is_of(image, caption) for image, caption in seen)


def test_the_sidecar_is_as_img2dataset_has_it(pairs: Path, write_pairs: WriteOutput) -> None:
    """The same rows and keys as the members of the tar, which `clip-retrieval` joins them by."""
    write_pairs(pairs, 12, 5)
    seen = run("img2dataset's tools")
    assert [row[2:] for row in seen] == [(f"image {i}", 32, 24, "success") for i in range(12)]
    keys: list[str] = []
    for path in sorted(pairs.glob("*.tar")):
        with tarfile.open(path) as tar:
            for member in tar:
                key, _, extension = member.name.partition(".")
                keys += [key] * (extension == "jpg")
                if extension == "json":
                    file = tar.extractfile(member)
                    assert file is not None
                    assert json.load(file)["key"] == key
    assert [row[0] for row in seen] == keys


def test_open_clip_is_told_how_many_samples_there_are(
    pairs: Path, write_pairs: WriteOutput, capsys: pytest.CaptureFixture[str]
) -> None:
    write_pairs(pairs)
    run("open_clip")
    assert sum(json.loads((pairs / "sizes.json").read_text()).values()) == 65
    assert "train-{000000..000006}.tar" in capsys.readouterr().out


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
