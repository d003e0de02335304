"""How often captions stand over all rows, as a column and a rule: the same as a dictionary counts, however rows are dealt out."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

import web2shards
from dedup.same_caption import fold
from pipelines import repeats
from pipelines.preview import preview
from pipelines.recipe import Recipe, load_recipe
from pipelines.run import RunOptions
from pipelines.verify import verify

from .image_runs import picture, rows, samples
from .runs import small_run

CAPTIONS = ["Image", " image. ", "IMAGE!", "a cat", "A  cat", "a dog", "", "ＩＭＡＧＥ", "a bird", "…"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for i in range(40):
        (folder / f"{i:02d}.jpg").write_bytes(picture(i, (20 + i, 20)))
        (folder / f"{i:02d}.json").write_text(json.dumps({"caption": CAPTIONS[i % 10]}))
    return folder


def recipe(folder: Path, table: str, *settings: str) -> Recipe:
    text = {"documents": "text, ", "images": ""}[table]
    section = f"{{score: [{text}same_caption], keep: [same_caption_repeated.count <= 9]}}"
    others = {"documents": "images: {}", "images": "documents: {}"}[table]
    head = f"name: a\ninput: {{images: {folder}/*.jpg, part: 2kB}}\n"
    return load_recipe(head + f"{others}\n{table}: {section}\noutput: {{pairs: {{from: images}}}}", settings)


def test_folding() -> None:
    assert [fold(one) for one in CAPTIONS] == ["image", "image", "image", "a cat", "a cat", "a dog", "", "image", "a bird", ""]
    assert fold("«Straße\n 12»") == "strasse 12"


@pytest.mark.parametrize("workers", [1, 3])
def test_captions_of_images_are_counted(folder: Path, tmp_path: Path, workers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeats, "HELD_KEYS", 3)
    monkeypatch.setattr(repeats, "PARTITION_KEYS", 4)
    (folder / "41.jpg").write_bytes(b"no image")  # is no image with a caption
    (folder / "41.json").write_text(json.dumps({"caption": "a dog"}))
    out = tmp_path / "out"
    made = recipe(folder, "images")
    small_run(out, made, workers=workers)
    found = rows(out, "reached", "same_caption_repeated", "fate")
    said = {url: fold(row["reached.caption"]) for url, row in found.items() if url != "41.jpg"}
    times = Counter(said.values())
    for url, row in found.items():
        if url == "41.jpg":
            assert row["same_caption_repeated.count"] is None
            continue
        expected = times[said[url]] if said[url] else 0
        assert row["same_caption_repeated.count"] == expected
        assert row["fate.reason"] == ("" if expected <= 9 else "same_caption_repeated_count")
    assert {fold(one["txt"].decode()) for one in samples(out).values()} == set(times) - {"image"}
    assert any("same_caption" in work.name for work in preview(made, RunOptions(str(out))).passes)
    assert preview(made, RunOptions(str(out))).nothing
    verify(str(out))


def test_rows_are_counted_by_their_ids(folder: Path, tmp_path: Path) -> None:
    for i in range(10):  # the same picture under the same name of the web, twice: one record
        for name in "ab":
            (folder / f"9{i}{name}.jpg").write_bytes(picture(0))
            (folder / f"9{i}{name}.json").write_text(json.dumps({"caption": "twice", "url": "http://a.example/"}))
    out = tmp_path / "out"
    small_run(out, recipe(folder, "documents"))
    table = web2shards.open(out).documents.to_table(["text.text", "same_caption_repeated.count"]).to_pylist()
    counts = {row["text.text"]: row["same_caption_repeated.count"] for row in table}
    assert (counts["twice"], counts["a cat"], counts["IMAGE!"]) == (1, 8, 16)


def test_a_new_row_counts_anew(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    made = recipe(folder, "images", "images.keep=[same_caption_repeated.count <= 8]")
    small_run(out, made)
    assert sum(one["txt"] in (b"a cat", b"A  cat") for one in samples(out).values()) == 8
    (folder / "77.jpg").write_bytes(picture(77))
    (folder / "77.txt").write_text("A cat?")
    small_run(out, made)
    assert not any(fold(one["txt"].decode()) == "a cat" for one in samples(out).values())
