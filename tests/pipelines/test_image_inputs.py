"""Images that lie in the input, in folders and WebDataset shards, are scored, filtered and written anew from where they are."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import xxhash

import web2shards
from core.errors import InputError, RecipeError
from ingest.parts import Part
from pipelines import map_pass
from pipelines.context import input_parts
from pipelines.inspection import find
from pipelines.lease import Lease
from pipelines.preview import preview
from pipelines.recipe import Recipe, load_recipe
from pipelines.redaction import settle
from pipelines.removal import Takedown, add_takedowns
from pipelines.run_options import RunOptions
from pipelines.verify import verify

from .image_runs import picture, rows, samples
from .runs import hashes, small_run

RECIPE = """
name: pictures
input: {{ {kind}: {{path: "{path}", columns: {{similarity: number}}}} }}
images: {{}}
output:
  pairs: {{from: images, samples: 4, encode: {{format: same}}}}
"""


def recipe(kind: str, path: Path | str, *settings: str) -> Recipe:
    return load_recipe(RECIPE.format(kind=kind, path=path), settings)


def members(path: Path) -> list[tuple[str, bytes]]:
    with tarfile.open(path) as tar:
        return [(member.name, tar.extractfile(member).read()) for member in tar]  # type: ignore[union-attr]


def tar(path: Path, files: Sequence[tuple[str, bytes]], **options: Any) -> Path:
    with tarfile.open(path, "w", **options) as archive:
        for name, data in files:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def shard(path: Path, numbers: Sequence[int]) -> Path:
    """A shard as img2dataset writes it."""
    files: list[tuple[str, bytes]] = []
    for i in numbers:
        told = {
            "url": f"http://a.example/{i}.jpg", "caption": f"caption {i}", "key": f"{i:09d}", "status": "success",
            "error_message": None, "width": 60, "height": 40, "original_width": 600, "original_height": 400, "exif": "{}",
            "sha256": f"{i:064x}", "similarity": i / 10, "LICENSE": "?", "NSFW": None,
        }  # fmt: skip
        files += [(f"{i:09d}.jpg", picture(i)), (f"{i:09d}.json", json.dumps(told).encode())]
        files.append((f"{i:09d}.txt", f"caption {i}".encode()))
    return tar(path, files)


def written(out: Path, name: str = "pairs") -> dict[str, str]:
    """The shards of an output: their index tells of the run too."""
    found = {path: sha for path, sha in hashes(out, f"shards/{name}").items() if not path.endswith("index.json")}
    assert found
    return found


def reasons(out: Path) -> dict[str, str]:
    """Why records are no documents, by what is told of them."""
    table = web2shards.open(out).records.to_table(["record.reason", "record.detail"]).to_pylist()
    return {row["record.detail"]: row["record.reason"] for row in table if row["record.reason"]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    (folder / "cats").mkdir(parents=True)
    (folder / "cats" / "a_black-cat.jpg").write_bytes(picture(0))
    (folder / "cats" / "one.png").write_bytes(picture(1, format="PNG"))
    (folder / "cats" / "one.txt").write_text("the first\n")
    (folder / "two.webp").write_bytes(picture(2, format="WEBP"))
    (folder / "two.json").write_text(json.dumps({"caption": "the second", "similarity": 0.25, "url": "https://a.example/two"}))
    (folder / "broken.jpg").write_bytes(b"no image")
    (folder / "alone.txt").write_text("beside no image")
    (folder / "notes.md").write_text("about")
    return folder


def test_a_folder_becomes_pairs(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    small_run(out, recipe("images", f"{folder}/**"))
    found = samples(out)
    assert {url: (one["txt"].decode(), one["json"]["similarity"]) for url, one in found.items()} == {
        "cats/a_black-cat.jpg": ("a black cat", None), "cats/one.png": ("the first", None),
        "https://a.example/two": ("the second", 0.25),
    }  # fmt: skip
    assert found["cats/one.png"]["png"] == picture(1, format="PNG")
    assert found["https://a.example/two"]["webp"] == picture(2, format="WEBP")
    assert "jpg" not in found["cats/one.png"]
    images = rows(out, "fetched", "fate")
    assert images["broken.jpg"]["fate.reason"] == "not_an_image"
    assert [c["kind"] for c in images["cats/a_black-cat.jpg"]["image.captions"]] == ["file_name"]
    one = images["cats/one.png"]
    assert (one["image.warc"], one["image.offset"], one["fetched.source"]) == ("cats/one.png", 0, "input")
    assert one["image.id"] == xxhash.xxh3_128_digest(picture(1, format="PNG"))
    assert not list((out / "images").glob("segments/*"))  # nothing is copied
    assert sorted(reasons(out).values()) == ["no_image", "other_file"]
    verify(str(out))


def test_the_names_of_a_folder_s_parts_follow_from_its_files(folder: Path, tmp_path: Path) -> None:
    for i in range(200):
        (folder / f"{i:03d}.jpg").write_bytes(picture(i, (20, 20)))
    made = recipe("images", f"{folder}/**", "input.part=20kB")
    parts = input_parts(made)
    assert len(parts) > 5
    assert sum(part.stop for part in parts) == 206
    (folder / "100a.jpg").write_bytes(picture(500, (20, 20)))
    after = input_parts(made)
    assert len({part.name for part in parts} ^ {part.name for part in after}) <= 4
    moved = tmp_path / "moved"
    shutil.copytree(folder, moved)
    assert [part.name for part in input_parts(recipe("images", f"{moved}/**", "input.part=20kB"))] == [part.name for part in after]


def test_each_run_of_files_is_read_once(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for i in range(60):
        (folder / f"{i:03d}.jpg").write_bytes(picture(i + 10, (20, 20)))
    read: list[str] = []
    open_part = map_pass.open_part

    def counting(part: Part, *args: Any, **options: Any) -> Any:
        read.append(part.name)
        return open_part(part, *args, **options)

    monkeypatch.setattr(map_pass, "open_part", counting)
    made = recipe("images", f"{folder}/**", "input.part=10kB")
    small_run(tmp_path / "out", made)
    assert sorted(read) == [part.name for part in input_parts(made)]
    assert len(read) > 3


def test_the_same_shards_for_any_number_of_workers_and_parts(folder: Path, tmp_path: Path) -> None:
    for i in range(60):
        (folder / f"{i:03d}.jpg").write_bytes(picture(i + 10, (20, 20)))
    made = recipe("images", f"{folder}/**")
    small_run(tmp_path / "one", made)
    small_run(tmp_path / "two", recipe("images", f"{folder}/**", "input.part=5kB"), workers=3)
    assert written(tmp_path / "one") == written(tmp_path / "two")


def test_shards_are_read_in_again(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    shard(folder / "00000.tar", range(5))
    shard(folder / "00001.tar", range(5, 9))
    made = recipe("shards", folder / "*.tar")
    small_run(tmp_path / "one", made)
    found = samples(tmp_path / "one")
    assert set(found) == {f"http://a.example/{i}.jpg" for i in range(9)}
    for i in range(9):
        one = found[f"http://a.example/{i}.jpg"]
        assert one["jpg"] == picture(i)
        assert one["txt"] == f"caption {i}".encode()
        told = one["json"]
        assert (told["original_width"], told["sha256"], told["width"]) == (600, f"{i:064x}", 60)
        assert told["similarity"] == i / 10
        assert json.loads(told["carried"]) == {"LICENSE": "?", "NSFW": None}
    # What was written is an input like any other, and comes out byte by byte.
    again = recipe("shards", tmp_path / "one" / "shards" / "pairs" / "*.tar")
    small_run(tmp_path / "two", again)
    assert written(tmp_path / "one") == written(tmp_path / "two")
    verify(str(tmp_path / "two"))


def test_rules_on_rows_and_images_hold(tmp_path: Path) -> None:
    shard(tmp_path / "00000.tar", range(8))
    made = load_recipe(
        f"""
name: again
input: {{shards: {{path: {tmp_path}/*.tar, columns: {{similarity: number}}}}}}
documents:
  keep: ["table.similarity >= 0.3"]
images:
  score: [image_quality, perceptual]
  keep: ["fetched.width >= 50", duplicates.kept]
output:
  pairs: {{from: images, resize: {{size: 32}}}}
"""
    )
    small_run(tmp_path / "out", made)
    found = samples(tmp_path / "out")
    assert set(found) == {f"http://a.example/{i}.jpg" for i in range(3, 8)}
    told = next(iter(found.values()))["json"]
    assert (told["width"], told["original_width"]) == (32, 600)
    assert "image_quality.blur" in told


def test_a_large_shard_is_cut_between_samples(tmp_path: Path) -> None:
    path = shard(tmp_path / "00000.tar", range(12))
    made = recipe("shards", path, "input.part=10kB")
    parts = input_parts(made)
    assert len(parts) > 3
    assert parts[-1].stop == path.stat().st_size
    small_run(tmp_path / "cut", made, workers=2)
    small_run(tmp_path / "whole", recipe("shards", path))
    assert written(tmp_path / "cut") == written(tmp_path / "whole")


def test_bad_samples_cost_themselves(tmp_path: Path) -> None:
    path = tar(tmp_path / "bad.tar", [
        ("a.jpg", picture(0)), ("a.txt", b"fine"),
        ("b.txt", b"no image here"),
        ("a.jpg", picture(1)),
        ("c.jpg", picture(2)), ("c.jpg", picture(3)),
        ("../d.jpg", picture(4)), ("/e.jpg", picture(4)), ("none", b""),
        ("f.jpg", b"no image"), ("f.txt", b"f"),
        ("g.jpg", picture(5)), ("g.json", b"{no json"),
        ("h.jpg", picture(6)), ("h.json", b'{"caption": "h", "url": "file:///etc/passwd", "original_width": 1e999, "x": NaN}'),
    ])  # fmt: skip
    with tarfile.open(path, "a") as archive:
        link = tarfile.TarInfo("i.jpg")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    out = tmp_path / "out"
    small_run(out, recipe("shards", path))
    found = samples(out)
    captions = {"bad.tar/a.jpg": b"fine", "bad.tar/g.jpg": b"", "bad.tar/h.jpg": b"h"}
    assert {url: one["txt"] for url, one in found.items()} == captions
    assert found["bad.tar/h.jpg"]["json"]["original_width"] == 60
    assert sorted(reasons(out).values()) == [
        "bad_name", "bad_name", "bad_name", "duplicate_key", "duplicate_member", "no_image", "not_a_file",
    ]  # fmt: skip
    assert all(detail.startswith("bad.tar, ") for detail in reasons(out))
    assert rows(out, "fate")["bad.tar/f.jpg"]["fate.reason"] == "not_an_image"
    details = web2shards.open(out).records.to_table(["record.detail"]).column(0).to_pylist()
    assert any("its JSON is damaged" in (detail or "") for detail in details)


def test_damage_and_an_early_end_cost_what_they_cover(tmp_path: Path) -> None:
    path = shard(tmp_path / "00000.tar", range(6))
    data = bytearray(path.read_bytes())
    at = data.find(b"000000002.json")
    data[at : at + 8] = b"\xff" * 8
    path.write_bytes(data[: data.find(b"000000005.jpg") + 1000])
    out = tmp_path / "out"
    small_run(out, recipe("shards", path))
    found = samples(out)
    assert set(found) == {"00000.tar/000000002.jpg", *(f"http://a.example/{i}.jpg" for i in (0, 1, 3, 4))}
    assert sorted(reasons(out).values()) == ["damaged_tar", "duplicate_key", "truncated_tar"]


def test_a_compressed_shard_is_refused_with_the_mend(tmp_path: Path) -> None:
    path = tmp_path / "00000.tar"
    with tarfile.open(path, "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("a.jpg"))
    with pytest.raises(InputError, match=r"packed by gzip.*\n.*unpack it"):
        small_run(tmp_path / "out", recipe("shards", path))


def test_long_names_and_sizes_of_pax_and_gnu_are_read(tmp_path: Path) -> None:
    long = "x" * 150
    for format in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT):
        name = f"{'d' * 80}/{long if format != tarfile.USTAR_FORMAT else 'y' * 90}"
        path = tar(tmp_path / "long.tar", [(f"{name}.jpg", picture(0)), (f"{name}.txt", b"long")], format=format)
        out = tmp_path / f"out{format}"
        small_run(out, recipe("shards", path))
        assert list(samples(out)) == [f"long.tar/{name}.jpg"]


def test_a_file_that_changes_is_read_anew(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    made = recipe("images", f"{folder}/**")
    small_run(out, made)
    before = hashes(out, "shards/pairs")
    small_run(out, made)
    assert hashes(out, "shards/pairs") == before
    (folder / "cats" / "one.png").write_bytes(picture(7, format="PNG"))
    (folder / "cats" / "one.txt").write_text("another")
    small_run(out, made)
    found = samples(out)
    assert found["cats/one.png"]["png"] == picture(7, format="PNG")
    assert found["cats/one.png"]["txt"] == b"another"
    assert len(found) == 3


def test_one_picture_under_several_names_is_one_image(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name in ("b", "a", "c"):
        (folder / f"{name}.jpg").write_bytes(picture(0))
        (folder / f"{name}.txt").write_text("same" if name != "c" else "other")
    out = tmp_path / "out"
    small_run(out, recipe("images", f"{folder}/*.jpg"))
    ((url, one),) = samples(out).items()
    assert (url, one["txt"]) == ("a.jpg", b"same")
    assert rows(out)["a.jpg"]["image.references"] == 3


def test_links_are_followed_but_not_in_circles(folder: Path, tmp_path: Path) -> None:
    """Two links to the folder that they lie in name 2⁴⁰ files."""
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "three.jpg").write_bytes(picture(3))
    (folder / "more").symlink_to(tmp_path / "more")
    for name in ("x", "y", "cats/z"):
        (folder / name).symlink_to(folder)
    made = recipe("images", f"{folder}/**")
    assert sum(part.stop for part in input_parts(made)) == 7


def test_takedowns_by_id_and_by_name(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    made = recipe("images", f"{folder}/**")
    small_run(out, made)
    id = rows(out)["https://a.example/two"]["image.id"].hex()
    with Lease(str(out)) as lease:
        add_takedowns(lease.store, [Takedown.of("name", "cats/one.png"), Takedown("id", id)])
        settle(lease.store)
    small_run(out, made)
    assert set(samples(out)) == {"cats/a_black-cat.jpg"}
    assert rows(out, "fate")["https://a.example/two"]["fate.reason"] == "removed"


def test_a_plan_foresees_what_is_scored(folder: Path, tmp_path: Path) -> None:
    made = recipe("images", f"{folder}/**")
    options = RunOptions(str(tmp_path / "out"))
    first = preview(made, options)
    assert first.images == "lie in the input, and are read there; nothing is asked of the web"
    scoring = next(work for work in first.passes if work.name == "score images")
    assert {layer.parts for layer in scoring.layers} == {scoring.todo} != {0}  # none of them is there
    small_run(tmp_path / "out", made)
    then = preview(made, options)
    assert then.nothing
    assert not any(layer.parts for work in then.passes for layer in work.layers)


def test_an_image_is_looked_up(folder: Path, tmp_path: Path) -> None:
    (folder / "cats" / "small.png").write_bytes(picture(1, (40, 30), format="PNG"))
    out = tmp_path / "out"
    small_run(out, load_recipe(f"""
name: looked
input: {{images: {folder}/**}}
images:
  score: [image_quality, perceptual]
  keep: ["fetched.width >= 61", duplicates.kept]
output:
  pairs: {{from: images}}
"""))  # fmt: skip
    run = web2shards.open(str(out))
    row, image = find(run, "cats/small.png")
    assert (row.table, row.kept, image.table, image.kept, image.reason) == ("documents", True, "images", False, "fetched_width")
    first = image.verdicts[0]
    assert (first.text, first.verdict, first.values) == ("fetched.width >= 61", False, {"fetched.width": 40})
    (found,) = find(run, image.id)
    assert found.values["image.url"] == "cats/small.png"
    assert run.get("cats/small.png") == [row.values]  # of pages and rows alone


def test_the_report_shows_pictures(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    small_run(out, load_recipe(f"""
name: pictures
input: {{images: {folder}/**}}
images:
  keep: ["fetched.width >= 61"]
output:
  pairs: {{from: images}}
"""))  # fmt: skip
    drawn = json.loads((out / "report" / "thumbnails.json").read_text())
    assert sum(uri.startswith("data:image/jpeg") for uri in drawn.values()) == 3


def test_a_recipe_says_what_it_reads(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="images and shards are both given"):
        load_recipe("name: a\ninput: {images: a/**, shards: b/*.tar}\nimages: {}")
    output = "{a: {from: images, resize: {size: 3}, encode: {format: same}}}"
    with pytest.raises(RecipeError, match="files are written as they came"):
        load_recipe(f"name: a\ninput: {{images: a/**}}\nimages: {{}}\noutput: {output}")
    with pytest.raises(RecipeError, match="samples have another `url`"):
        load_recipe("name: a\ninput: {images: {path: a/**, columns: {url: text}}}\nimages: {}")
    for recipe in ("images: {score: [paragraphs]}", "images: {}\ndocuments: {score: [text, paragraphs]}"):
        with pytest.raises(RecipeError, match=r"paragraphs (cuts lines of texts|edits the texts of rows)") as caught:
            load_recipe(f"name: a\ninput: {{images: a/**}}\n{recipe}")
        assert "same_caption" in caught.value.mend
    made = load_recipe("name: a\ninput: {images: a/**}\nimages: {}")
    assert load_recipe(json.dumps(made.canonical(), indent=1)) == made
