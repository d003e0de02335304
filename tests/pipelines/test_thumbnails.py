"""The report shows small pictures of images that rules kept and dropped, few and small, and none that was taken down."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import signal
from collections.abc import Sequence
from pathlib import Path

import PIL.Image
import pytest

from core.images.blurring import Box
from pipelines import thumbnails

from .image_runs import page, picture, recipe, warc
from .runs import small_run

IMAGES = {f"http://a.example/{i}.jpg": picture(i, (300, 20 + 40 * (i % 2))) for i in range(12)}
PAGES = {"http://a.example/": page(*(f"""<img src="{url}" alt='No {i} "&gt;<script>'>""" for i, url in enumerate(IMAGES)))}


@pytest.fixture
def crawl(tmp_path: Path) -> Path:
    return warc(tmp_path / "c.warc.gz", PAGES, IMAGES)


def drawn(out: Path) -> list[tuple[str, str]]:
    """The pictures of the report, as data URI and alternative text."""
    html = (out / "report/index.html").read_text()
    return re.findall(r'<img class="thumbnail" src="([^"]*)" alt="([^"]*)">', html)


def test_samples_have_pictures(crawl: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    made = recipe(crawl, keep=["fetched.height >= 50"])
    small_run(out, made)
    found = drawn(out)
    assert len(found) == 12  # six kept, six dropped
    for uri, alt in found:
        assert re.fullmatch(r"No \d+ &#34;&gt;&lt;script&gt;", alt)
        file = PIL.Image.open(io.BytesIO(base64.b64decode(uri.removeprefix("data:image/jpeg;base64,"))))
        assert max(file.size) == thumbnails.SIDE
    assert not small_run(out, made).passes
    assert drawn(out) == found
    monkeypatch.setattr(thumbnails, "draw", lambda *given: pytest.fail("what was drawn is not drawn again"))
    small_run(out, recipe(crawl, keep=["fetched.height >= 40"]))
    assert sorted(drawn(out)) == sorted(found)


def test_they_are_few_and_a_bad_one_costs_only_itself(crawl: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thumbnails, "EACH", 3)
    draw, parent = thumbnails._draw, os.getpid()  # pyright: ignore[reportPrivateUsage]

    def dies(data: bytes, blur: Sequence[Box]) -> bytes | None:
        if data == IMAGES["http://a.example/1.jpg"]:
            assert os.getpid() != parent
            os.kill(os.getpid(), signal.SIGSEGV)
        return draw(data, blur)

    monkeypatch.setattr(thumbnails, "_draw", dies)
    monkeypatch.setattr(thumbnails, "MOST", 5)
    out = tmp_path / "out"
    small_run(out, recipe(crawl, keep=["fetched.height >= 50"]))
    assert len(json.loads((out / "report/thumbnails.json").read_bytes())) == 5
    assert 4 <= len(drawn(out)) <= 5
