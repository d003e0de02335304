"""Tar archives: as Python's tarfile writes and reads them, and damage named by its byte."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sharding import tar as module
from sharding.tar import LARGEST_MEMBER, TarWriter, members_of

KEYS = st.text("abcdefXYZ0189-_", min_size=1, max_size=60)


def ours(samples: list[tuple[str, bytes | None, str | None]]) -> bytes:
    sink = io.BytesIO()
    writer = TarWriter(sink)
    writer.append(
        pa.array([k for k, _, _ in samples], pa.string()),
        {
            "seg.png": pa.array([b for _, b, _ in samples], pa.large_binary()),
            "txt": pa.array([t for _, _, t in samples], pa.string()),
        },
    )
    writer.close()
    return sink.getvalue()


def theirs(samples: list[tuple[str, bytes | None, str | None]]) -> bytes:
    sink = io.BytesIO()
    with tarfile.open(fileobj=sink, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for key, data, text in samples:
            for extension, value in (("seg.png", data), ("txt", None if text is None else text.encode())):
                if value is not None:
                    member = tarfile.TarInfo(f"{key}.{extension}")
                    member.size = len(value)
                    archive.addfile(member, io.BytesIO(value))
    return sink.getvalue()


SAMPLES = st.lists(
    st.tuples(KEYS, st.none() | st.binary(max_size=1100), st.none() | st.text(max_size=600)), max_size=12
)


@settings(deadline=None, max_examples=100)
@given(SAMPLES)
def test_the_bytes_are_those_of_tarfile(samples: list[tuple[str, bytes | None, str | None]]) -> None:
    assert ours(samples) == theirs(samples)


def test_large_batches_are_laid_out_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    samples = [(f"k{i}", bytes([i]) * (i * 97), "t" * i) for i in range(50)]
    monkeypatch.setattr(module, "PIECE", 2048)
    assert ours(samples) == theirs(samples)


def test_sliced_columns_are_read_where_they_start() -> None:
    sink = io.BytesIO()
    writer = TarWriter(sink)
    writer.append(pa.array(["x", "a", "b"]).slice(1), {"txt": pa.array(["0", "1", None, "3"]).slice(1, 2)})
    writer.close()
    with tarfile.open(fileobj=io.BytesIO(sink.getvalue())) as archive:
        assert [(m.name, m.size, m.mtime, m.uid, m.uname, m.mode) for m in archive] == [("a.txt", 1, 0, 0, "", 0o644)]


@pytest.mark.parametrize("key", ["", "a.b", "a/b", "../a", "é", "a b", "a\0"])
def test_keys_that_would_not_come_back_are_refused(key: str) -> None:
    sink = io.BytesIO()
    with pytest.raises(ValueError, match="key"):
        TarWriter(sink).append(pa.array(["good", key]), {"txt": pa.array(["x", "y"])})
    assert sink.getvalue() == b""


def test_null_keys_long_names_and_odd_extensions_are_refused() -> None:
    writer = TarWriter(io.BytesIO())
    with pytest.raises(ValueError, match="key None"):
        writer.append(pa.array(["a", None]), {"txt": pa.array(["x", "y"])})
    with pytest.raises(ValueError, match="104 bytes"):
        writer.append(pa.array(["a" * 100]), {"txt": pa.array(["x"])})
    with pytest.raises(ValueError, match="extension"):
        writer.append(pa.array(["a"]), {"../txt": pa.array(["x"])})
    with pytest.raises(ValueError, match="1 keys and 2 members"):
        writer.append(pa.array(["a"]), {"txt": pa.array(["x", "y"])})
    with pytest.raises(TypeError, match="string or binary"):
        writer.append(pa.array(["a"]), {"txt": pa.array([1])})


def test_a_member_of_eight_gibibytes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert LARGEST_MEMBER == 8 * 2**30 - 1
    monkeypatch.setattr(module, "LARGEST_MEMBER", 10)
    with pytest.raises(ValueError, match=r"b\.txt: 11 bytes"):
        TarWriter(io.BytesIO()).append(pa.array(["a", "b"]), {"txt": pa.array(["x" * 10, "x" * 11])})


def test_members_come_back(tmp_path: Path) -> None:
    data = ours([("a", b"\x01" * 513, "text"), ("b", None, "")])
    path = tmp_path / "a.tar"
    path.write_bytes(data)
    found = [(m.name, data[m.start : m.start + m.size]) for m in members_of(path)]
    assert found == [("a.seg.png", b"\x01" * 513), ("a.txt", b"text"), ("b.txt", b"")]


@settings(deadline=None, max_examples=100)
@given(st.data())
def test_a_cut_or_a_damaged_header_is_named(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    whole = ours([("a", b"\x01" * 600, "text"), ("b", b"", "x")])
    path = tmp_path_factory.getbasetemp() / "damaged.tar"
    end = 512 + 1024 + 512 + 512 + 512 + 512 + 512  # headers and contents of four members
    cut = data.draw(st.integers(0, end))
    path.write_bytes(whole[:cut])
    with pytest.raises(ValueError, match="cut off"):
        list(members_of(path))
    headers = [0, 512 + 1024, 512 + 1024 + 1024]
    at = data.draw(st.sampled_from(headers)) + data.draw(st.integers(0, 511))
    path.write_bytes(whole[:at] + bytes([whole[at] ^ data.draw(st.integers(1, 255))]) + whole[at + 1 :])
    with pytest.raises(ValueError, match=r"byte|cut off"):
        list(members_of(path))
