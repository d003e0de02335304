"""Shards in each format: what was written comes back, the bytes depend on the rows alone, errors leave nothing."""

from __future__ import annotations

import gzip
import hashlib
import json
import math
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import LeaseError, StorageError
from core.files import Beside
from sharding import groups
from sharding import shard as module
from sharding.groups import Groups
from sharding.shard import FORMATS, ShardInfo, ShardWriter, shard_stem

MakeSamples = Callable[..., pa.RecordBatch]


def write(folder: Path, batches: list[pa.RecordBatch], format: str = "webdataset", **options: Any) -> ShardInfo:
    with ShardWriter(folder, "train", 0, format, **options) as writer:
        for batch in batches:
            writer.write(batch)
    return writer.info


def plain(value: Any) -> Any:
    """A cell as the JSON of a sample has it."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, bytes):
        return value.hex()
    return value.isoformat().replace("+00:00", "Z") if hasattr(value, "isoformat") else value


def rows_of(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    rows = [{name: plain(value) for name, value in row.items()} for row in batch.to_pylist()]
    for row in rows:
        row["score"] = float(str(pa.scalar(row["score"], pa.float32()).cast(pa.string()).as_py()))
    return rows


def test_a_webdataset_shard_holds_text_metadata_and_sidecar(tmp_path: Path, make_samples: MakeSamples) -> None:
    batch = make_samples(20)
    info = write(tmp_path, [batch.slice(0, 9), batch.slice(9)])
    assert info.name == "train-000000.tar"
    assert (info.split, info.samples) == ("train", 20)
    rows = rows_of(batch)
    with tarfile.open(tmp_path / info.name) as archive:
        members = [(m.name, archive.extractfile(m).read()) for m in archive]  # type: ignore[union-attr]
    assert [name for name, _ in members] == [f"{r['key']}.{e}" for r in rows for e in ("json", "txt")]
    for row, (_, metadata), (_, text) in zip(rows, members[::2], members[1::2], strict=True):
        assert text.decode() == row["text"]
        assert json.loads(metadata) == {name: value for name, value in row.items() if name not in ("key", "text")}
    sidecar = pq.read_table(tmp_path / info.sidecar)
    assert sidecar.equals(pa.Table.from_batches([batch]).drop_columns(["text"])) or sidecar.to_pylist().__repr__() == (
        pa.Table.from_batches([batch]).drop_columns(["text"]).to_pylist().__repr__()
    )
    assert sorted(p.name for p in tmp_path.iterdir()) == ["train-000000.parquet", "train-000000.tar"]


@pytest.mark.parametrize("format", FORMATS)
def test_the_info_says_what_lies_there(tmp_path: Path, format: str, make_samples: MakeSamples) -> None:
    info = write(tmp_path, [make_samples(7)], format)
    for name, size, sha256 in (
        (info.name, info.bytes, info.sha256),
        (info.sidecar, info.sidecar_bytes, info.sidecar_sha256),
    ):
        if name:
            data = (tmp_path / name).read_bytes()
            assert (len(data), hashlib.sha256(data).hexdigest()) == (size, sha256)
    assert bool(info.sidecar) == (format == "webdataset")


def test_parquet_holds_the_columns_as_they_are(tmp_path: Path, make_samples: MakeSamples) -> None:
    batch = make_samples(12)
    info = write(tmp_path, [batch], "parquet")
    table = pq.read_table(tmp_path / info.name)
    assert table.schema == batch.schema
    assert repr(table.to_pylist()) == repr(batch.to_pylist())


def test_json_lines_hold_a_sample_a_line(tmp_path: Path, make_samples: MakeSamples) -> None:
    batch = make_samples(12)
    info = write(tmp_path, [batch], "jsonl")
    text = gzip.decompress((tmp_path / info.name).read_bytes()).decode()
    assert [json.loads(line) for line in text.splitlines()] == rows_of(batch)


@pytest.mark.parametrize("format", FORMATS)
@settings(deadline=None, max_examples=15)
@given(borders=st.lists(st.integers(0, 40), max_size=6))
def test_bytes_do_not_depend_on_batches(
    tmp_path_factory: pytest.TempPathFactory, format: str, borders: list[int], make_samples: MakeSamples
) -> None:
    folder = tmp_path_factory.mktemp("shard")
    batch = make_samples(40)
    ends = sorted(borders)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "Groups", lambda: Groups(rows=13, bytes=900))
        whole = write(folder / "one", [batch], format)
        cut = write(
            folder / "two", [batch.slice(a, b - a) for a, b in zip([0, *ends], [*ends, 40], strict=True)], format
        )
    assert cut == whole


def test_groups_end_by_rows_or_bytes() -> None:
    batch = pa.RecordBatch.from_pydict({"text": ["x" * n for n in (1, 1, 1, 50, 1, 1, 99, 99)]})
    one_by_one, whole = Groups(rows=3, bytes=40), Groups(rows=3, bytes=40)
    ends = [end for row in range(8) for _, end in one_by_one.cut(batch.slice(row, 1))]
    assert [row for row, end in enumerate(ends) if end] == [2, 3, 6, 7]
    assert [(len(piece), end) for piece, end in whole.cut(batch)] == [(3, True), (1, True), (3, True), (1, True)]
    assert groups.row_bytes(batch).tolist() == [2, 2, 2, 51, 2, 2, 100, 100]


def test_null_texts_are_empty_members(tmp_path: Path) -> None:
    batch = pa.RecordBatch.from_pydict({"key": ["a", "b"], "text": pa.array([None, "x"])})
    info = write(tmp_path, [batch])
    with tarfile.open(tmp_path / info.name) as archive:
        assert [(m.name, m.size) for m in archive] == [("a.json", 2), ("a.txt", 0), ("b.json", 2), ("b.txt", 1)]


def test_members_may_be_bytes(tmp_path: Path) -> None:
    batch = pa.RecordBatch.from_pydict({"key": ["a"], "image": [b"\x89PNG"], "caption": ["eine Katze"], "width": [3]})
    info = write(tmp_path, [batch], members={"txt": "caption", "png": "image"})
    with tarfile.open(tmp_path / info.name) as archive:
        assert [m.name for m in archive] == ["a.json", "a.png", "a.txt"]
    assert pq.read_schema(tmp_path / info.sidecar).names == ["key", "width"]


def test_an_error_leaves_nothing(tmp_path: Path, make_samples: MakeSamples) -> None:
    for format in FORMATS:
        writer = ShardWriter(tmp_path, "train", 0, format)

        def fail(writer: ShardWriter) -> None:
            with writer:
                writer.write(make_samples(5))
                raise RuntimeError("the machine is on fire")

        with pytest.raises(RuntimeError):
            fail(writer)
        assert list(tmp_path.iterdir()) == []
        with pytest.raises(ValueError, match="not committed"):
            _ = writer.info


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.filterwarnings("error")
def test_a_full_disk_is_named_and_leaves_nothing(
    tmp_path: Path, format: str, monkeypatch: pytest.MonkeyPatch, make_samples: MakeSamples
) -> None:
    """/dev/full takes no byte: every write to it is the real ENOSPC."""

    class Full(Beside):
        def temporary(self, name: str) -> Path:
            draft = super().temporary(name)
            draft.symlink_to("/dev/full")
            return draft

    real = Path.open
    monkeypatch.setattr(Path, "open", lambda self, mode, *rest: real(self, mode.replace("x", "w"), *rest))
    with pytest.raises(StorageError, match=r"train-000000\.[\w.]+: the disk is full") as caught:
        write(tmp_path, [make_samples(2000)], format, place=Full(tmp_path))
    assert "free space" in caught.value.mend
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_a_file_is_named(tmp_path: Path, make_samples: MakeSamples) -> None:
    (tmp_path / "shards").write_text("")
    with pytest.raises(StorageError, match="no folder can be made there"):
        write(tmp_path / "shards", [make_samples(1)])


def test_a_refused_commit_leaves_nothing(tmp_path: Path, make_samples: MakeSamples) -> None:
    class Taken(Beside):
        def commit(self, temporary: Path, final: Path) -> None:
            raise LeaseError("another run took this over")

    with pytest.raises(LeaseError):
        write(tmp_path, [make_samples(3)], place=Taken(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_what_is_refused(tmp_path: Path, make_samples: MakeSamples) -> None:
    with pytest.raises(ValueError, match="without samples"):
        write(tmp_path, [])
    with pytest.raises(ValueError, match="without samples"):
        write(tmp_path, [make_samples(0)])
    with pytest.raises(ValueError, match="another schema"):
        write(tmp_path, [make_samples(1), make_samples(1).drop_columns(["url"])])
    with pytest.raises(ValueError, match="lacks key"):
        write(tmp_path, [make_samples(1).drop_columns(["key"])])
    with pytest.raises(ValueError, match="format: webdataset, parquet, jsonl"):
        ShardWriter(tmp_path, "train", 0, "tfrecord")
    with pytest.raises(ValueError, match="json is the metadata"):
        write(tmp_path, [make_samples(1)], members={"json": "text"})
    with pytest.raises(ValueError, match="a split of letters"):
        shard_stem("../train", 0)
    assert list(tmp_path.iterdir()) == []


def test_a_shard_replaces_the_one_before(tmp_path: Path, make_samples: MakeSamples) -> None:
    write(tmp_path, [make_samples(3)])
    info = write(tmp_path, [make_samples(5, start=9)])
    assert hashlib.sha256((tmp_path / info.name).read_bytes()).hexdigest() == info.sha256
