"""Parts: names that depend on the input alone, slices that cover a file, and errors that say what to do."""

from __future__ import annotations

import gzip
import itertools
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.errors import InputError
from ingest.parts import Part, list_parts


def write(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def names(*patterns: object, **more: object) -> list[str]:
    return [part.name for part in list_parts([str(p) for p in patterns], **more)]  # type: ignore[arg-type]


def test_names_are_paths_below_the_patterns_static_prefix(tmp_path: Path) -> None:
    for path in ("a/x.warc.gz", "a/b/y.warc.gz", "a/b/~z.warc.gz", "a/b/no.txt"):
        write(tmp_path / path, b"")
    assert names(tmp_path / "a" / "x.warc.gz") == ["x.warc.gz-00000"]
    assert names(tmp_path / "a" / "*.warc.gz") == ["x.warc.gz-00000"]
    assert names(tmp_path / "a/**/*.warc.gz") == ["b~1y.warc.gz-00000", "b~1~0z.warc.gz-00000", "x.warc.gz-00000"]
    assert names(tmp_path / "*/b/[!n]*.warc.gz") == ["a~1b~1y.warc.gz-00000", "a~1b~1~0z.warc.gz-00000"]
    assert [p.path for p in list_parts([str(tmp_path / "a/**")], format="warc")] == [
        "b/no.txt",
        "b/y.warc.gz",
        "b/~z.warc.gz",
        "x.warc.gz",
    ]


def test_the_order_of_patterns_and_repeats_change_nothing(tmp_path: Path) -> None:
    for path in ("a/x.warc", "b/y.warc", "b/c/z.warc"):
        write(tmp_path / path, b"")
    patterns = [tmp_path / "a/x.warc", tmp_path / "b/**/*.warc", tmp_path / "b/*.warc", tmp_path / "*/x.warc"]
    parts = list_parts([str(p) for p in patterns])
    assert parts == list_parts([str(p) for p in reversed(patterns)])
    assert [part.name for part in parts] == ["c~1z.warc-00000", "x.warc-00000", "y.warc-00000"]


def test_uris_and_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "a/x.warc", b"WARC/1.0")
    (tmp_path / "a/y.warc").symlink_to(tmp_path / "a/x.warc")
    (tmp_path / "a/z.warc").symlink_to(tmp_path / "nowhere")
    wanted = ["x.warc-00000", "y.warc-00000"]
    assert names(f"file://{tmp_path}/a/*.warc") == wanted
    assert names(f"file://{tmp_path}/a/x.warc") == wanted[:1]
    monkeypatch.chdir(tmp_path / "a")
    assert names("*.warc") == names("**/*.warc") == names("../a/*.warc") == wanted
    assert [part.uri for part in list_parts(["x.warc"])] == [str(tmp_path / "a/x.warc")]
    with pytest.raises(InputError, match="nothing://"):
        names("nothing://bucket/*.warc")


def test_a_file_whose_name_looks_like_a_pattern(tmp_path: Path) -> None:
    write(tmp_path / "a[1].warc", b"")
    write(tmp_path / "a1.warc", b"")
    assert names(tmp_path / "a[1].warc") == ["a[1].warc-00000"]


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    one, other = write(tmp_path / "a/x.warc", b""), write(tmp_path / "b/x.warc", b"")
    with pytest.raises(InputError) as error:
        names(one, other)
    assert str(one) in str(error.value)
    assert str(other) in str(error.value)
    assert error.value.mend


@pytest.mark.parametrize("pattern", ["nothing.warc", "*.none", "no/such/folder/*.warc"])
def test_a_pattern_without_a_file_is_refused(tmp_path: Path, pattern: str) -> None:
    write(tmp_path / "x.warc", b"")
    with pytest.raises(InputError, match="matches no file"):
        names(tmp_path / "x.warc", tmp_path / pattern)


def test_a_folder_and_a_file_of_no_known_kind_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder"):
        names(tmp_path)
    with pytest.raises(InputError, match="is no WARC"):
        names(write(tmp_path / "x.bin", b"\x00\x01"))
    with pytest.raises(InputError, match="is no format"):
        names(tmp_path / "x.bin", format="pdf")


@pytest.mark.parametrize(
    ("name", "data", "format"),
    [
        ("x.warc.gz", b"", "warc"),
        ("CC-MAIN.warc.wet.gz", b"", "wet"),
        ("x.wet", b"", "wet"),
        ("x.jsonl.zst", b"", "jsonl"),
        ("x.tsv.gz", b"", "csv"),
        ("part-0", b"WARC/1.0\r\n", "warc"),
        ("part-1", gzip.compress(b"WARC/1.0\r\n"), "warc"),
        ("part-2", gzip.compress(b' {"text": 1}'), "jsonl"),
    ],
)
def test_the_format_comes_from_the_name_or_the_first_bytes(tmp_path: Path, name: str, data: bytes, format: str) -> None:
    (part,) = list_parts([str(write(tmp_path / name, data))])
    assert part.format == format


def test_parts_survive_json(tmp_path: Path) -> None:
    (part,) = list_parts([str(write(tmp_path / "x.warc", b""))])
    assert Part.from_json(part.to_json()) == part
    assert (part.start, part.stop, part.size) == (0, 0, 0)


def test_slices_cover_a_file_once(tmp_path: Path, build: object) -> None:
    members = [build.response(f"http://a.example/{n}", build.page(n)) for n in range(40)]  # type: ignore[attr-defined]
    for name, data in (("x.warc.gz", build.gz(members)), ("x.warc.zst", build.zst(members)), ("x.warc", b"".join(members))):  # type: ignore[attr-defined]
        parts = list_parts([str(write(tmp_path / name, data))], part_bytes=1000)
        assert len(parts) > 5
        assert [p.name for p in parts] == [f"{name}-{k:05d}" for k in range(len(parts))]
        assert parts[0].start == 0
        assert parts[-1].stop == len(data)
        assert all(a.stop == b.start for a, b in itertools.pairwise(parts))
        assert sum(p.size for p in parts) == len(data)


def test_plain_warcs_are_cut_between_records(tmp_path: Path, build: object) -> None:
    members = [build.response(f"http://a.example/{n}", build.page(n)) for n in range(40)]  # type: ignore[attr-defined]
    parts = list_parts([str(write(tmp_path / "x.warc", b"".join(members)))], part_bytes=1000)
    assert {p.start for p in parts} <= set(build.offsets(members))  # type: ignore[attr-defined]


def test_a_gzip_of_one_member_is_one_part(tmp_path: Path, build: object) -> None:
    members = [build.response(f"http://a.example/{n}", build.page(n)) for n in range(40)]  # type: ignore[attr-defined]
    path = write(tmp_path / "x.warc.gz", gzip.compress(b"".join(members)))
    assert len(list_parts([str(path)], part_bytes=100)) == 1


def test_parquet_is_cut_between_row_groups(tmp_path: Path) -> None:
    table = pa.table({"text": [f"text {i} " * 50 for i in range(1000)]})
    pq.write_table(table, tmp_path / "x.parquet", row_group_size=100)
    parts = list_parts([str(tmp_path / "x.parquet")], part_bytes=1)
    assert [(p.start, p.stop) for p in parts] == [(k, k + 1) for k in range(10)]
    assert len(list_parts([str(tmp_path / "x.parquet")])) == 1
    pq.write_table(table.slice(0, 0), tmp_path / "empty.parquet")
    (part,) = list_parts([str(tmp_path / "empty.parquet")])
    assert part.name == "empty.parquet-00000"
    write(tmp_path / "bad.parquet", b"PAR1")
    with pytest.raises(InputError, match="no readable Parquet"):
        list_parts([str(tmp_path / "bad.parquet")])
