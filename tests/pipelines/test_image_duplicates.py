"""Near-duplicate images are found in a run: the best of each cluster is kept, with the captions of the others."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import PIL.ImageFilter
import pytest

from core.errors import RecipeError
from pipelines import looks, verification
from pipelines.compilation import compile_plan
from pipelines.layers import Footer, LayerWriter
from pipelines.recipe import Recipe
from pipelines.tables import IMAGES as TABLE

from .image_runs import page, recipe, rows, samples, warc
from .runs import hashes, small_run


def scene(seed: int) -> PIL.Image.Image:
    """A smooth picture, other for each seed."""
    values = np.random.default_rng(seed).integers(0, 255, (9, 12, 3), np.uint8)
    return PIL.Image.fromarray(values).resize((480, 360), PIL.Image.Resampling.BICUBIC)


def file(image: PIL.Image.Image, quality: int = 90, size: tuple[int, int] | None = None) -> bytes:
    out = io.BytesIO()
    (image.resize(size, PIL.Image.Resampling.LANCZOS) if size else image).save(out, "JPEG", quality=quality)
    return out.getvalue()


IMAGES = {
    "http://a.example/large.jpg": file(scene(1)),
    "http://b.example/small.jpg": file(scene(1), 70, (240, 180)),
    "http://c.example/worse.jpg": file(scene(1).filter(PIL.ImageFilter.GaussianBlur(4))),
    "http://d.example/cut.jpg": file(scene(1).crop((8, 6, 472, 354))),
    **{f"http://e.example/{seed}.jpg": file(scene(seed)) for seed in range(2, 30)},
}
PAGES = {
    f"http://p.example/{i}": page(f"<img src='{url}' alt='{url.rpartition('/')[2]} shown'>") for i, url in enumerate(IMAGES)
} | {"http://p.example/again": page("<img src='http://b.example/small.jpg' alt='Write to jane.doe@example.org'>" * 2)}


def made(path: Path, *settings: str, score: tuple[str, ...] = ("{pii: {regions: []}}", "perceptual")) -> Recipe:
    return recipe(path, *settings, score=score, keep=["duplicates.kept"])


@pytest.fixture
def crawl(tmp_path: Path) -> Path:
    return warc(tmp_path / "c.warc.gz", PAGES, IMAGES)


def test_the_best_is_kept_with_the_captions_of_the_others(crawl: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    small_run(out, made(crawl))
    found = rows(out, "duplicates", "fate")
    of_one = {url for url, row in found.items() if row["duplicates.size"] > 1}
    assert of_one == set(list(IMAGES)[:4])
    assert {row["duplicates.size"] for url, row in found.items() if url in of_one} == {4}
    dropped = {url for url, row in found.items() if row["fate.reason"] == "duplicate"}
    assert dropped == of_one - {"http://a.example/large.jpg"}
    told = samples(out)["http://a.example/large.jpg"]
    assert told["txt"] == b"large.jpg shown"
    others = told["json"]["captions_alternate"]
    assert others[:2] == ["worse.jpg shown", "cut.jpg shown"]  # the best first
    assert len(others) == 3
    assert "jane.doe" not in str(others)
    assert samples(out)["http://e.example/2.jpg"]["json"]["captions_alternate"] == []


def test_workers_change_no_byte(crawl: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_run(tmp_path / "a", made(crawl))
    small_run(tmp_path / "b", made(crawl), inline=False, workers=2)
    monkeypatch.setattr(looks, "_ROWS", 3)
    monkeypatch.setattr(looks, "_PAIRS", 2)
    monkeypatch.setattr(verification, "_SIGNATURES", 2)
    small_run(tmp_path / "c", made(crawl))
    for other in "bc":
        assert hashes(tmp_path / "a", "images", "shards") == hashes(tmp_path / other, "images", "shards") != {}


def test_a_tighter_threshold_hashes_nothing_anew(crawl: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    small_run(out, made(crawl))
    before = hashes(out, "images/perceptual")
    assert not small_run(out, made(crawl)).passes
    ran = small_run(out, made(crawl, score=("{pii: {regions: []}}", "{perceptual: {threshold: 0.01}}")))
    assert "find duplicates of images" in ran.passes or "find duplicates" in ran.passes
    assert hashes(out, "images/perceptual") == before
    assert sum(row["duplicates.size"] > 1 for row in rows(out, "duplicates").values()) < 4


@pytest.mark.parametrize("layer", ["image", "fetched", "perceptual", "duplicates", "fate"])
def test_a_run_that_is_killed_and_goes_on_gives_the_same_bytes(
    crawl: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layer: str
) -> None:  # fmt: skip
    small_run(tmp_path / "whole", made(crawl))
    commit = LayerWriter.commit
    written = [0]

    def dies(self: LayerWriter, *given: Any, **named: Any) -> Footer:
        written[0] += (self.final.parent.parent.name, self.layer) == ("images", layer)
        if written[0] == 2:
            raise RuntimeError("killed")
        return commit(self, *given, **named)

    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr(LayerWriter, "commit", dies)
        with pytest.raises(RuntimeError, match="killed"):
            small_run(out, made(crawl))
    small_run(out, made(crawl), inline=False, workers=2)
    assert hashes(out, "images", "shards") == hashes(tmp_path / "whole", "images", "shards") != {}


def test_captions_are_masked_before_they_are_handed_on(crawl: Path) -> None:
    with pytest.raises(RecipeError, match="edits captions"):
        compile_plan(made(crawl, score=("perceptual", "{pii: {regions: []}}")), TABLE)
