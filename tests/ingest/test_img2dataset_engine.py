"""img2dataset as the fetcher: the real package against a server on loopback, where it is installed (extra `img2dataset`)."""

from __future__ import annotations

import hashlib
import http.server
import io
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import PIL.Image
import pytest

from core.errors import InputError
from ingest import img2dataset_engine as engine
from ingest.fetching import FetchSettings, Job
from ingest.fetching.outcomes import REASONS


def jpeg(grey: int) -> bytes:
    out = io.BytesIO()
    PIL.Image.new("L", (20, 10), grey).save(out, "JPEG")
    return out.getvalue()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        name = self.path.removeprefix("/")
        if name == "hangs":
            time.sleep(60)
        status = {"gone": 404, "late": 503}.get(name, 200)
        body = b"<html>no image" if name == "page" else jpeg(int(name) if name.isdigit() else 0)
        self.send_response(status)
        if name == "no":
            self.send_header("X-Robots-Tag", "noai")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        return


@pytest.fixture
def server() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as found:
        found.daemon_threads = True
        threading.Thread(target=found.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{found.server_port}"
        found.shutdown()


def test_what_it_takes_back(server: str, tmp_path: Path) -> None:
    pytest.importorskip("img2dataset")
    names = [*map(str, range(20)), "gone", "late", "page", "no", "hangs"]
    settings = FetchSettings(read_seconds=5, retries=0, concurrency=8)
    jobs = [Job(100 + i, f"{server}/{name}") for i, name in enumerate(names)]
    beats: list[None] = []
    folder = tmp_path / "work"
    found = {o.index - 100: o for o in engine.fetch_by_img2dataset(jobs, settings, folder, lambda: beats.append(None))}
    assert {names[i]: o.status for i, o in found.items() if i >= 20} == {
        "gone": "http_404", "late": "http_503", "page": "not_an_image", "no": "opt_out", "hangs": "timeout",
    }  # fmt: skip
    assert {names[i] for i, o in found.items() if o.retryable} == {"late", "hangs"}
    for i in range(20):  # as they came
        assert (found[i].status, found[i].body, found[i].sha256) == ("ok", jpeg(i), hashlib.sha256(jpeg(i)).hexdigest())
    assert beats
    assert not folder.exists()


def test_its_time_is_bounded(server: str, tmp_path: Path) -> None:
    pytest.importorskip("img2dataset")
    settings = FetchSettings(deadline_seconds=0.5)
    outcomes = list(engine.fetch_by_img2dataset([Job(0, f"{server}/1"), Job(1, f"{server}/2")], settings, tmp_path / "work"))
    assert [(o.index, o.status, o.retryable) for o in outcomes] == [(0, "not_reached", True), (1, "not_reached", True)]


def test_without_it_there_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(InputError, match="ended with 1"):
        list(engine.fetch_by_img2dataset([Job(0, "http://a.example/")], FetchSettings(), tmp_path / "work"))


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("HTTP Error 429: Too Many Requests", "http_429"), ("<urlopen error timed out>", "timeout"),
        ("The read operation timed out", "timeout"), ("<urlopen error [Errno -2] Name or service not known>", "dns_not_found"),
        ("<urlopen error [Errno 111] Connection refused>", "connect"), ("unknown url type: 'x'", "invalid_url"),
        ("Use of image disallowed by X-Robots-Tag directive", "opt_out"), ("IncompleteRead(3 bytes read)", "truncated"),
        ("<urlopen error [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed>", "tls"),
    ],
)  # fmt: skip
def test_its_messages_are_our_reasons(message: str, reason: str) -> None:
    assert engine.reason_of(message) == reason
    assert reason in REASONS or reason.startswith("http_")
