"""Images from references to shards: gathered by host, taken from the WARC or fetched, scored, and written."""

from __future__ import annotations

import io
from pathlib import Path

import PIL.Image
import pytest

from pipelines.preview import preview
from pipelines.run_options import RunOptions

from .image_runs import page, picture, recipe, rows, samples, warc
from .runs import hashes, small_run

PAGES = {
    "http://a.example/one": page("<img src=cat.jpg alt='A cat'>", "<img src=http://b.example/dog.png alt='A dog'>"),
    "http://a.example/two": page("<img src=cat.jpg alt='The cat again'>", "<img src=/gone.jpg alt='Gone'>"),
    "http://a.example/three": page("<img src=cat.jpg alt='A cat'>", "<img src=broken.jpg>", "<img src=text.jpg>"),
    "http://c.example/short": page("<img src=only.jpg alt='Only'>", "<img src=http://a.example/cat.jpg alt='Dropped'>", text=""),
}
IMAGES = {
    "http://a.example/cat.jpg": picture(1),
    "http://b.example/dog.png": picture(2, (100, 300), "PNG"),
    "http://a.example/broken.jpg": picture(3)[:700],
    "http://a.example/text.jpg": b"<html>no image",
    "http://c.example/only.jpg": picture(4),
}


@pytest.fixture
def crawl(tmp_path: Path) -> Path:
    return warc(tmp_path / "crawl.warc.gz", PAGES, IMAGES)


def test_from_references_to_shards(crawl: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = small_run(out, recipe(crawl))
    found = rows(out, "reached", "fetched", "fate")
    assert set(found) == {*IMAGES, "http://a.example/gone.jpg"}
    cat = found["http://a.example/cat.jpg"]
    assert cat["image.references"] == 4
    alts = [(c["text"], c["count"]) for c in cat["image.captions"] if c["kind"] == "alt"]
    assert alts == [("A cat", 2), ("Dropped", 1), ("The cat again", 1)]
    said = zip(cat["image.captions"], cat["reached.captions"], strict=True)
    kept = [caption["text"] for caption, mark in said if mark and caption["kind"] == "alt"]
    assert kept == ["A cat", "The cat again"]
    reasons = {url: row["fate.reason"] for url, row in found.items()}
    assert reasons["http://c.example/only.jpg"] == "document"
    assert found["http://c.example/only.jpg"]["fetched.status"] is None
    assert (reasons["http://a.example/cat.jpg"], reasons["http://b.example/dog.png"]) == ("", "")
    assert reasons["http://a.example/broken.jpg"] == "truncated"
    assert reasons["http://a.example/gone.jpg"] in ("dns", "dns_not_found")
    made = samples(out)
    assert set(made) == {"http://a.example/cat.jpg", "http://b.example/dog.png"}
    dog = made["http://b.example/dog.png"]
    assert PIL.Image.open(io.BytesIO(dog["jpg"])).size == (32, 32)
    assert dog["txt"] == b"A dog"
    told = dog["json"]
    assert (told["original_width"], told["original_height"], told["width"], told["status"]) == (100, 300, 32, "success")
    assert (told["caption"], told["exif"], told["error_message"], len(told["sha256"])) == ("A dog", "{}", None, 64)
    table = next(t for t in result.stats["tables"] if t["name"] == "images")
    assert (table["total"], table["kept"]) == (6, 2)
    before = hashes(out, "images", "shards", "statistics")
    again = small_run(out, recipe(crawl))
    assert again.passes.keys() <= {"fetch images"}  # what may be there next time is asked for again
    assert hashes(out, "shards") == {name: of for name, of in before.items() if name.startswith("shards")}


def test_a_plan_foresees_the_images(crawl: Path, tmp_path: Path) -> None:
    options = RunOptions(str(tmp_path / "out"))
    made = recipe(crawl, "images.fetch.user_agent=mybot/1.0 (+https://a.example/bot)")
    first = preview(made, options)
    assert {work.name: work.todo for work in first.passes[3:]} == {
        "gather images": first.parts, "fetch images": 2, "score images": 2, "find duplicates of images": 2,
        "decide fates of images": 2, "write pairs": 2,
    }  # fmt: skip
    assert "the rest is asked for as mybot/1.0, 2 at a time of a host" in first.images
    assert [pipeline.passes for pipeline in first.pipelines][2:5] == [("gather images",), ("fetch images",), ("score images",)]
    assert "got" in first.pipelines[4].why
    assert not (tmp_path / "out").exists()
    small_run(tmp_path / "out", recipe(crawl, "images.fetch.web=false"))
    then = preview(recipe(crawl, "images.fetch.web=false"), options)
    assert then.nothing
    assert "nothing is asked of the web. By the last run: 5 are looked at, 3 of them in the input" in then.images
