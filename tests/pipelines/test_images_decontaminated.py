"""Images of an evaluation set are left out of shards, the report names them, and another set looks at no image again."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

import web2shards
from pipelines.recipe_scorers import installed_scorers
from tests.core.images.samples import encoded
from tests.core.images.samples import picture as drawing

from .image_runs import page, recipe, rows, samples, warc
from .runs import small_run


def jpeg(seed: int, size: tuple[int, int] = (300, 200), quality: int = 90) -> bytes:
    out = io.BytesIO()
    PIL.Image.fromarray(drawing(300, 200, seed)).resize(size).save(out, "JPEG", quality=quality)
    return out.getvalue()


IMAGES = {"http://a.example/copy.jpg": jpeg(1, (240, 160), 70), "http://a.example/other.jpg": jpeg(2)}
PAGES = {"http://a.example/": page("<img src=copy.jpg alt=Copy>", "<img src=other.jpg alt=Other>")}


@pytest.fixture
def birds(tmp_path: Path) -> Path:
    made = tmp_path / "birds"
    made.mkdir()
    (made / "wren.png").write_bytes(encoded(np.asarray(drawing(300, 200, 1))))
    return made


def test_hits_are_dropped_and_named(tmp_path: Path, birds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    crawl, out = warc(tmp_path / "c.warc.gz", PAGES, IMAGES), tmp_path / "out"
    scorers = {name: installed_scorers()[name] for name in ("text", "perceptual", "decontaminate_images")}
    score = ["perceptual", f"{{decontaminate_images: {{sets: {{birds: {birds}}}}}}}"]
    made = recipe(crawl, score=score, keep=["decontaminate_images.matches == 0"], scorers=scorers)
    small_run(out, made)
    copy, other = (rows(out, "decontaminate_images", "fate")[url] for url in IMAGES)
    assert (copy["decontaminate_images.set"], copy["decontaminate_images.file"]) == ("birds", "wren.png")
    assert (copy["fate.reason"], other["fate.reason"]) == ("decontaminate_images_matches", "")
    (sample,) = samples(out).values()
    assert sample["json"]["url"].endswith("other.jpg")
    assert "decontaminate_images.file" not in sample["json"]
    html = (out / "report/index.html").read_text()
    assert "wren.png" in html
    assert "birds" in html

    (birds / "wren.png").unlink()
    (birds / "owl.png").write_bytes(encoded(np.asarray(drawing(300, 200, 2))))
    monkeypatch.setattr("core.images.columns.decoded", lambda *given: pytest.fail("no image is looked at again"))
    small_run(out, made)
    found = web2shards.open(out).images.to_table(["image.url", "decontaminate_images.file"]).to_pylist()
    assert {row["image.url"]: row["decontaminate_images.file"] for row in found} == {
        "http://a.example/copy.jpg": None, "http://a.example/other.jpg": "owl.png",
    }  # fmt: skip
