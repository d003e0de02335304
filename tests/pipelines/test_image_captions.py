"""The caption of an image is a column: scorers of one text read it, rules ask it, masks hold in shards."""

from __future__ import annotations

from pathlib import Path

import pytest

import web2shards
from core.errors import RecipeError
from pipelines.recipe import Recipe
from pipelines.verify import verify

from .image_runs import page, picture, recipe, rows, samples, warc
from .runs import hashes, small_run

PAGES = {
    "http://a.example/one": page(
        "<img src=1.jpg alt='A cat that sleeps on the red sofa'>", "<img src=2.jpg alt='Cat'>",
        "<figure><img src=3.jpg><figcaption>Write to jane.doe@example.org about this cat</figcaption></figure>",
        "<img src=4.jpg alt='Eine Katze, die auf dem roten Sofa in der Sonne schläft'>", "<img src=5.jpg>",
    ),
    "http://a.example/two": page("<img src=2.jpg alt='A cat that nobody keeps as its page is short'>", text="A short page."),
}  # fmt: skip
IMAGES = {f"http://a.example/{i}.jpg": picture(i) for i in range(1, 6)}


def made(path: Path, *settings: str) -> Recipe:
    return recipe(
        path, *settings, score=["caption", "{language: {und: false}}", "pii"],
        keep=["caption.words >= 3", "not caption.boilerplate", "language.label is en", "image.caption != ''"],
    )  # fmt: skip


@pytest.fixture
def crawl(tmp_path: Path) -> Path:
    return warc(tmp_path / "c.warc.gz", PAGES, IMAGES)


def by_file(out: Path, *layers: str) -> dict[str, dict[str, object]]:
    return {url.rpartition("/")[2][0]: row for url, row in rows(out, *layers).items()}


def test_rules_ask_the_caption_and_masks_hold_in_shards(crawl: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = small_run(out, made(crawl))
    found = by_file(out, "reached", "caption", "language", "fate")
    assert {name: row["fate.reason"] for name, row in found.items()} == {
        "1": "", "2": "caption_words", "3": "", "4": "language_label", "5": "image_caption"
    }  # fmt: skip
    assert found["2"]["reached.caption"] == "Cat"  # the longer one is of a page that is dropped
    assert (found["5"]["reached.caption"], found["5"]["caption.words"]) == ("", 0)
    told = {url[-5]: (sample["txt"].decode(), sample["json"]["caption"]) for url, sample in samples(out).items()}
    assert set(told) == {"1", "3"}
    assert told["3"][0] == told["3"][1] != found["3"]["reached.caption"]
    assert told["3"][0].startswith("Write to ")
    assert "jane.doe" not in told["3"][0]
    table = next(t for t in result.stats["tables"] if t["name"] == "images")
    dropped = {of["reason"]: [(sample["url"], sample["snippet"]) for sample in of["dropped"]] for of in table["samples"]}
    assert dropped["caption_words"] == [("http://a.example/2.jpg", "Cat")]
    assert dropped["image_caption"] == [("http://a.example/5.jpg", "")]
    assert not verify(str(out)).problems
    images = web2shards.open(out).images
    assert sorted(images.to_table(["image.caption", "text.edited"], "fate.kept")["text.edited"].to_pylist()) == sorted(
        caption for caption, _ in told.values()
    )


def test_a_caption_hangs_on_the_pages_that_are_kept(crawl: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    small_run(out, made(crawl))
    small_run(out, made(crawl, "documents.keep=[]"))
    found = by_file(out, "reached", "caption", "fate")
    assert found["2"]["reached.caption"] == "A cat that nobody keeps as its page is short"
    assert (found["2"]["caption.words"], found["2"]["fate.reason"]) == (10, "")
    small_run(tmp_path / "fresh", made(crawl, "documents.keep=[]"))
    assert hashes(out, "shards") == hashes(tmp_path / "fresh", "shards") != {}
    small_run(out, made(crawl, "documents.keep=[]", "images.captions.prefer=[figcaption]"))
    assert {name: row["caption.words"] for name, row in by_file(out, "caption").items()} == {
        "1": 0, "2": 0, "3": 6, "4": 0, "5": 0
    }  # fmt: skip


def test_what_reads_a_layer_that_images_have_not_is_told(crawl: Path) -> None:
    with pytest.raises(RecipeError, match="page"):
        recipe(crawl, score=["permissions"])
