"""Groups of hosts and their parts grow with later runs: what was got and scored is carried over, and shards are the same."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from pipelines import gathering
from pipelines.gathering import groups_for
from pipelines.image_layers import overlapping, part_names
from pipelines.layers import LayerWriter
from pipelines.runfile import read_run
from pipelines.verify import verify

from .image_runs import page, picture, rows, warc
from .runs import hashes, small_run
from .test_images_scored import SEEN, Killed, made

IMAGES = {f"http://h{i % 5}.example/{i}.jpg": picture(i, (32, 32)) for i in range(40)}
PAGES = {f"http://p.example/{i}": page(f"<img src='{url}' alt='No {i}'>") for i, url in enumerate(IMAGES)}


@pytest.fixture
def crawl(tmp_path: Path) -> Path:
    return warc(tmp_path / "c.warc.gz", PAGES, IMAGES)


def tars(out: Path) -> dict[str, str]:
    """The shards; their index tells of parts too."""
    return {name: digest for name, digest in hashes(out, "shards").items() if not name.endswith("index.json")}


def test_what_was_got_and_scored_is_carried_over(crawl: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    SEEN.clear()
    out, fresh = tmp_path / "out", tmp_path / "fresh"
    small_run(out, made(crawl))
    assert sum(SEEN) == len(IMAGES)
    before = rows(out, "fetched", "shade", "fate")
    first = read_run(str(out))["images"]
    assert (first["groups"], set(first["parts"].values())) == (2, {1})
    segments = hashes(out, "images/segments")
    monkeypatch.setattr(gathering, "GROUP_REFERENCES", 2)
    monkeypatch.setattr(gathering, "PART_ROWS", 3)
    SEEN.clear()
    more = {"http://p.example/more": page("<img src='http://h1.example/1.jpg' alt='Again'>")}
    warc(crawl, PAGES | more, IMAGES)
    small_run(out, made(crawl))
    now = read_run(str(out))["images"]
    assert (now["groups"], "older" in now) == (groups_for(41), False)
    assert groups_for(41) > 2
    assert max(now["parts"].values()) > 1
    assert not SEEN
    assert hashes(out, "images/segments") == segments
    found = rows(out, "fetched", "shade", "fate")
    assert len(found) == len(before) == len(IMAGES)
    assert all(found[url]["fetched.segment"] == row["fetched.segment"] for url, row in before.items())
    names = {name for group, parts in now["parts"].items() for name in part_names(group, parts)}
    for layer in ("image", "reached", "fetched", "shade", "said", "duplicates", "fate"):
        assert {path.stem for path in (out / "images" / layer).glob("*.parquet")} == names, layer
    assert not verify(str(out)).problems
    small_run(fresh, made(crawl))
    assert hashes(out, "shards") == hashes(fresh, "shards") != {}
    assert not small_run(out, made(crawl)).passes


def test_a_run_that_is_killed_while_it_grows_goes_on(crawl: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    small_run(out, made(crawl))
    shards = tars(out)
    monkeypatch.setattr(gathering, "GROUP_REFERENCES", 2)
    SEEN.clear()
    commit = LayerWriter.commit
    written = [0]

    def dies(self: LayerWriter, *args: object, **named: object) -> object:
        written[0] += self.layer in ("fetched", "shade")
        if written[0] == 30:
            raise Killed
        return commit(self, *args, **named)  # pyright: ignore[reportArgumentType]

    with monkeypatch.context() as patch:
        patch.setattr(LayerWriter, "commit", dies)
        with pytest.raises((Killed, RuntimeError), match=r"Killed|^$"):
            small_run(out, made(crawl))
    assert read_run(str(out))["images"]["older"]
    small_run(out, made(crawl))
    assert not SEEN
    assert "older" not in read_run(str(out))["images"]
    assert tars(out) == shards
    assert not verify(str(out)).problems


def test_a_group_of_a_host_with_many_images_has_parts(crawl: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "PART_ROWS", 4)
    monkeypatch.setattr(gathering, "_SLAB", 3)
    small_run(tmp_path / "a", made(crawl))
    parts = read_run(str(tmp_path / "a"))["images"]["parts"]
    assert max(parts.values()) >= 4
    files = (tmp_path / "a/images/image").glob("*.parquet")
    sizes = [pq.read_metadata(path).num_rows for path in files]
    assert sum(sizes) == len(IMAGES)
    assert max(sizes) < 12
    monkeypatch.undo()
    small_run(tmp_path / "b", made(crawl))
    assert tars(tmp_path / "a") == tars(tmp_path / "b") != {}


def test_parts_that_may_share_images() -> None:
    older = ["hosts-0008-0001-01-00", "hosts-0008-0000-01-00", "hosts-0008-0001-04-01", "hosts-0008-0001-04-02"]
    assert overlapping("hosts-0016-0003-02-01", older) == ["hosts-0008-0001-01-00", "hosts-0008-0001-04-02"]
    assert overlapping("hosts-0008-0001-01-00", part_names("hosts-0008-0001", 2)) == part_names("hosts-0008-0001", 2)
