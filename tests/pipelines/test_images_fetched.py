"""Images that the input does not hold are asked for on loopback: what fails is counted, what was got is not asked for again."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from ingest.fetching import FetchSettings
from pipelines import fetched_part, images_fetched, pulse
from pipelines.context import Context
from pipelines.notes import SilentNotes
from pipelines.pool import Suspect

from .image_runs import Server, page, picture, recipe, rows, warc
from .runs import hashes, small_run


def crawl(path: Path, *urls: str) -> Path:
    return warc(path, {"http://a.example/": page(*(f"<img src='{url}' alt='{i}'>" for i, url in enumerate(urls)))}, {})


def test_what_servers_answer(server: Server, tmp_path: Path) -> None:
    server.answers = {
        "/cat.jpg": (200, picture(1)), "/moved.jpg": (302, b"/cat.jpg"), "/page.jpg": (200, b"<html><body>no image</body></html>"),
        "/late.jpg": (503, b""), "/large.jpg": (200, picture(2, (400, 400), "PNG")),
    }  # fmt: skip
    urls = [server.url(path) for path in [*server.answers, "/gone.jpg"]]
    made = recipe(crawl(tmp_path / "c.warc.gz", *urls), "images.fetch.max_bytes=100000")
    out = tmp_path / "out"
    small_run(out, made)
    found = {url.rpartition("/")[2]: row for url, row in rows(out, "fetched", "fate").items()}
    assert {name: row["fetched.status"] for name, row in found.items()} == {
        "cat.jpg": "ok", "moved.jpg": "ok", "page.jpg": "not_an_image", "late.jpg": "http_503", "large.jpg": "too_large",
        "gone.jpg": "http_404",
    }  # fmt: skip
    assert {name for name, row in found.items() if row["fetched.again"]} == {"late.jpg"}
    assert {name: row["fate.reason"] for name, row in found.items()} == {
        name: "" if row["fetched.status"] == "ok" else row["fetched.status"] for name, row in found.items()
    }  # fmt: skip
    assert (found["moved.jpg"]["fetched.final_url"], found["cat.jpg"]["fetched.width"]) == (server.url("/cat.jpg"), 60)
    first = hashes(out, "images/segments")

    server.asked.clear()
    server.answers["/late.jpg"] = (200, picture(3))
    small_run(out, made)
    assert server.asked == {"/late.jpg": 1}
    found = {url.rpartition("/")[2]: row for url, row in rows(out, "fetched", "readable", "fate").items()}
    assert (found["late.jpg"]["fate.reason"], found["late.jpg"]["readable.scored"]) == ("", True)
    assert first.items() <= hashes(out, "images/segments").items()  # what was got is not written again

    server.asked.clear()
    shards = hashes(out, "shards", "images")
    assert not small_run(out, made).passes
    assert not server.asked
    assert hashes(out, "shards", "images") == shards


def test_without_a_network_a_run_ends_and_says_why(tmp_path: Path) -> None:
    made = recipe(crawl(tmp_path / "c.warc.gz", *(f"http://127.0.0.1:9/{i}.jpg" for i in range(9))))
    out = tmp_path / "out"
    result = small_run(out, made)
    table = next(t for t in result.stats["tables"] if t["name"] == "images")
    assert (table["total"], table["kept"], sum(table["reasons"].values())) == (9, 0, 9)
    assert set(table["reasons"]) <= {"connect", "host_unreachable"}


def test_a_run_that_was_killed_asks_for_what_is_missing_only(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    server.answers = {f"/{i}.jpg": (200, picture(i)) for i in range(60)}
    made = recipe(crawl(tmp_path / "c.warc.gz", *(server.url(path) for path in server.answers)), "images.fetch.per_host=1")
    out = tmp_path / "out"
    monkeypatch.setattr(fetched_part, "WRITE_SECONDS", 0.0)
    take, taken = fetched_part.FetchedPart.take, Counter[str]()

    def die(self: Any, row: int, outcome: Any) -> None:
        taken["all"] += 1
        if taken["all"] == 20:
            raise MemoryError("killed")
        take(self, row, outcome)

    monkeypatch.setattr(fetched_part.FetchedPart, "take", die)
    with pytest.raises(Exception, match="killed"):
        small_run(out, made)
    written = {url for url, row in rows(out, "fetched").items() if row["fetched.status"] == "ok"}
    assert len(written) == 19
    monkeypatch.setattr(fetched_part.FetchedPart, "take", take)
    server.asked.clear()
    small_run(out, made)
    assert not {server.url(path) for path in server.asked} & written
    assert all(row["fetched.status"] == "ok" for row in rows(out, "fetched").values())


class Told(SilentNotes):
    """Holds what was noted."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[tuple[str, int, int]] = []

    def _write(self, start: int, stop: int, offset: int, layer: str) -> None:
        self.told.append((layer, start, stop))


def test_a_fetcher_that_is_silent_for_too_long_is_seen_as_stuck(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(pulse.time, "monotonic", lambda: now[0])
    notes = Told()
    clock = pulse.Pulse(notes, 60)
    clock.beat()
    assert not notes.told  # nothing is at hand
    clock.waiting("fetched p", 9)
    now[0] += 59
    clock.beat()
    assert notes.told == [("fetched p", 0, 9)] * 2
    now[0] += 2
    clock.beat()
    assert len(notes.told) == 2  # the clock stands
    clock.waiting("fetched p", 9)
    clock.beat()
    clock.reading("fetched p", 4)
    clock.beat()  # who reads an image is not waiting
    assert notes.told[2:] == [("fetched p", 0, 9)] * 2 + [("fetched p", 4, 5)]
    clock.waiting("fetched p", 1)
    assert notes.told[-1] == ("fetched p", 0, 2)  # which is not the first row, being read
    settings = FetchSettings(retries=1, dns_seconds=1, total_seconds=10, longest_pause_seconds=1, max_retry_after_seconds=5)
    assert pulse.quiet_seconds(settings) == 2 * 2 * (1 + 10 + 30)  # 30: of Crawl-delay


def test_what_killed_a_worker_is_left(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server.answers = {f"/{i}.jpg": (200, picture(i)) for i in range(4)}
    made = recipe(crawl(tmp_path / "c.warc.gz", *(server.url(path) for path in server.answers)))
    fetch = images_fetched.fetch
    hung = [1]

    def suspicious(context: Context, args: Any, suspects: Any, notes: Any) -> Any:
        assert not suspects
        layer = f"fetched {args['parts'][0]}"
        found = [Suspect(layer, 1, 2, -1, "killed by SIGSEGV")]
        return fetch(context, args, [*found, *[Suspect(layer, 0, 4, -1, "stuck for 300 s")] * hung[0]], notes)

    monkeypatch.setattr(images_fetched, "fetch", suspicious)
    out = tmp_path / "out"
    small_run(out, made)
    of_status = Counter(row["fetched.status"] for row in rows(out, "fetched").values())
    assert of_status == {"ok": 3, "unreadable": 1}
    hung[0] = 2
    small_run(tmp_path / "hung", made)
    found = list(rows(tmp_path / "hung", "fetched").values())
    assert Counter(row["fetched.status"] for row in found) == {"not_reached": 3, "unreadable": 1}
    assert {row["fetched.detail"] for row in found} == {"stuck for 300 s", "killed by SIGSEGV"}
    hung[0] = 0
    small_run(tmp_path / "hung", made)  # the next run asks for what may be there
    assert Counter(row["fetched.status"] for row in rows(tmp_path / "hung", "fetched").values()) == of_status
