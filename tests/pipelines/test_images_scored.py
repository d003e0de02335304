"""Scorers, rules and elections over images: only what is new is looked at, whatever reads it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

import web2shards
from core.hashing import ID_TYPE
from core.images.columns import pixels_of
from core.scorer import column
from pipelines import takedown
from pipelines.layers import Footer, LayerWriter
from pipelines.recipe import Recipe
from pipelines.recipe_scorers import installed_scorers
from pipelines.removal import Takedown
from pipelines.run_options import RunOptions
from pipelines.segments import Segments
from pipelines.store import Store
from pipelines.takedown import look_up, take_down
from pipelines.verify import verify

from .image_runs import page, picture, recipe, rows, samples, warc
from .runs import small_run

SEEN: list[int] = []


@dataclass(frozen=True)
class Shade:
    """The mean of an image's pixels."""

    name: ClassVar[str] = "shade"
    version: ClassVar[int] = 1
    costly: ClassVar[bool] = False
    inputs: ClassVar[tuple[str, ...]] = ("image.decoded", "fetched.width")
    schema: ClassVar[pa.Schema] = pa.schema([column("mean", pa.float64(), "mean"), column("wide", pa.int32(), "width")])

    def weights_digest(self) -> str:
        return ""

    def open(self) -> None:
        return

    def score(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        SEEN.append(len(batch))
        means = [None if pixels is None else float(pixels.mean()) for pixels in pixels_of(batch.column(0))]
        return pa.RecordBatch.from_arrays([pa.array(means, pa.float64()), batch.column(1)], schema=self.schema)


@dataclass(frozen=True)
class SameFile:
    """Images of equal bytes."""

    name: ClassVar[str] = "same_file"
    version: ClassVar[int] = 1
    costly: ClassVar[bool] = False
    dedup: ClassVar[bool] = True
    inputs: ClassVar[tuple[str, ...]] = ("fetched.sha256",)
    schema: ClassVar[pa.Schema] = pa.schema([column("key", ID_TYPE, "of the bytes")])

    def weights_digest(self) -> str:
        return ""

    def open(self) -> None:
        return

    def score(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        keys = [None if value is None else value[:16] for value in batch.column(0).to_pylist()]
        return pa.RecordBatch.from_arrays([pa.array(keys, ID_TYPE)], schema=self.schema)


@dataclass(frozen=True)
class Said:
    """How many captions there are."""

    name: ClassVar[str] = "said"
    version: ClassVar[int] = 1
    costly: ClassVar[bool] = False
    inputs: ClassVar[tuple[str, ...]] = ("image.captions",)
    schema: ClassVar[pa.Schema] = pa.schema([column("many", pa.int32(), "captions")])

    def weights_digest(self) -> str:
        return ""

    def open(self) -> None:
        return

    def score(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        return pa.RecordBatch.from_arrays([pc.list_value_length(batch.column(0))], schema=self.schema)


SCORERS = {"shade": Shade, "same_file": SameFile, "said": Said}
PAGES = {
    "http://a.example/one": page("<img src=one.jpg alt=One>", "<img src=copy.jpg alt=Copy>", "<img src=small.jpg>"),
    "http://b.example/two": page("<img src=http://a.example/one.jpg alt=Uno>", "<img src=two.png alt=Two>"),
}
IMAGES = {
    "http://a.example/one.jpg": picture(1, (64, 64)), "http://a.example/copy.jpg": picture(1, (64, 64)),
    "http://a.example/small.jpg": picture(2, (8, 8)), "http://b.example/two.png": picture(3, (64, 64), "PNG"),
}  # fmt: skip


@pytest.fixture(autouse=True)
def forget() -> None:
    SEEN.clear()


def made(path: Path, *settings: str) -> Recipe:
    scorers = {"text": installed_scorers()["text"], **SCORERS}
    keep = ["fetched.width >= 16", "shade.mean > 0", "duplicates.kept"]
    return recipe(path, *settings, score=["shade", "same_file", "said"], keep=keep, scorers=scorers)


def test_rules_and_duplicates(tmp_path: Path) -> None:
    crawl = warc(tmp_path / "c.warc.gz", PAGES, IMAGES)
    out = tmp_path / "out"
    result = small_run(out, made(crawl))
    found = rows(out, "shade", "same_file", "said", "duplicates", "fate")
    reasons = {url.rpartition("/")[2]: row["fate.reason"] for url, row in found.items()}
    assert sorted([reasons.pop("one.jpg"), reasons.pop("copy.jpg")]) == ["", "duplicate"]
    assert reasons == {"small.jpg": "fetched_width", "two.png": ""}
    assert found["http://a.example/one.jpg"]["duplicates.size"] == 2
    assert found["http://a.example/small.jpg"]["duplicates.cluster"] is None  # a rule before dropped it
    assert np.isclose(found["http://b.example/two.png"]["shade.mean"], 127, atol=5)
    assert sum(SEEN) == 4
    assert result.outputs["pairs"]["totals"]["train"]["samples"] == 2
    assert not verify(str(out)).problems
    run = web2shards.open(out)
    assert run.images.count_rows("fetched.width >= 16") == 3
    assert not small_run(out, made(crawl)).passes


def test_only_what_is_new_is_scored(tmp_path: Path) -> None:
    crawl = warc(tmp_path / "c.warc.gz", PAGES, IMAGES)
    out = tmp_path / "out"
    small_run(out, made(crawl))
    SEEN.clear()
    more = {"http://a.example/three": page("<img src=three.jpg alt=Three>", "<img src=one.jpg alt=Eins>")}
    warc(tmp_path / "c.warc.gz", {**PAGES, **more}, {**IMAGES, "http://a.example/three.jpg": picture(9)})
    small_run(out, made(crawl))
    assert sum(SEEN) == 1
    found = rows(out, "said", "fate")
    assert [row["fate.reason"] for url, row in found.items() if url.endswith("three.jpg")] == [""]
    assert found["http://a.example/one.jpg"]["image.references"] == 3
    assert found["http://a.example/one.jpg"]["said.many"] == len(found["http://a.example/one.jpg"]["image.captions"])
    SEEN.clear()
    small_run(out, made(crawl, "documents.keep=[text.characters >= 9000]"))
    assert not SEEN
    assert {row["fate.reason"] for row in rows(out, "fate").values()} == {"document"}


def test_takedowns(tmp_path: Path) -> None:
    crawl = warc(tmp_path / "c.warc.gz", PAGES, IMAGES)
    out = tmp_path / "out"
    small_run(out, made(crawl))
    gone = [Takedown.of("url", "http://b.example/two"), Takedown.of("url", "http://a.example/small.jpg")]
    data = IMAGES["http://a.example/small.jpg"]
    assert any(data in path.read_bytes() for path in (out / "images/segments").iterdir())
    SEEN.clear()
    taken = look_up(str(out), gone)
    assert {match.copy for match in taken.matches} == {"", "image"}
    takedown_recipe = made(crawl)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(takedown, "recipe_of", lambda out: takedown_recipe)
        take_down(RunOptions(str(out), inline=True), taken)
    found = rows(out, "reached", "fetched", "fate")
    assert not any(data in path.read_bytes() for path in (out / "images/segments").iterdir())
    assert "http://b.example/two.png" not in found
    assert {c["text"] for c in found["http://a.example/one.jpg"]["image.captions"] if c["kind"] == "alt"} == {"One"}
    small = found["http://a.example/small.jpg"]
    assert (small["fate.reason"], small["fetched.status"], small["image.captions"]) == ("removed", None, [])
    assert set(samples(out)) <= {"http://a.example/one.jpg", "http://a.example/copy.jpg"}
    assert not SEEN
    assert not verify(str(out)).problems


class Killed(BaseException):
    """Nobody catches it."""


@pytest.mark.parametrize("layer", ["fetched", "shade", "image"])
def test_a_takedown_that_is_killed_is_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layer: str) -> None:
    crawl = warc(tmp_path / "c.warc.gz", PAGES, IMAGES)
    out = tmp_path / "out"
    small_run(out, made(crawl))
    taken = look_up(str(out), [Takedown.of("url", "http://a.example/small.jpg")])
    commit = LayerWriter.commit
    old = {path.name for path in (out / "images/segments").iterdir()}

    def dies(self: LayerWriter, *args: Any, **named: Any) -> Footer:
        if self.layer == layer:
            assert layer != "fetched" or old <= {path.name for path in (out / "images/segments").iterdir()}
            raise Killed
        return commit(self, *args, **named)

    recipe_of_run = made(crawl)
    monkeypatch.setattr(takedown, "recipe_of", lambda out: recipe_of_run)
    with monkeypatch.context() as patch:
        patch.setattr(LayerWriter, "commit", dies)
        with pytest.raises(Killed):
            take_down(RunOptions(str(out), inline=True), taken)
    kept = rows(out, "fetched")["http://a.example/one.jpg"]
    (data,) = Segments(Store(str(out))).read([kept["image.id"]], [kept["fetched.segment"]], [kept["fetched.row"]])
    assert data.as_py() == IMAGES["http://a.example/one.jpg"]  # what is committed points at what is there
    small_run(out, made(crawl))
    small = IMAGES["http://a.example/small.jpg"]
    assert not any(small in path.read_bytes() for path in (out / "images/segments").iterdir())
    found = rows(out, "fetched", "fate")["http://a.example/small.jpg"]
    assert (found["fate.reason"], found["fetched.status"], found["image.captions"]) == ("removed", None, [])
    assert not verify(str(out)).problems
