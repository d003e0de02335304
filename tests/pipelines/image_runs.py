"""A small crawl of pages with images, recipes over it, a server of images, and the samples that come out."""

from __future__ import annotations

import http.server
import io
import json
import tarfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pyarrow as pa
import pyarrow.parquet as pq
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from pipelines.recipe import Recipe, load_recipe

WORDS = "A page about cats that has words enough to be kept, and then some more of them, since short pages are dropped. "
RECIPE = """
name: pictures
input: {{warcs: {warcs}, part: 20kB}}
documents:
  score: [text]
  keep: ["text.characters >= 100"]
images:
  score: [{score}]
  keep: [{keep}]
  fetch: {{
    retries: 0, host_interval_seconds: 0, open_networks: 127.0.0.0/8, ports: [], robots: false, tdmrep: false, connect_seconds: 2}}
output:
  pairs: {{from: images, samples: 4, resize: {{size: 32}}}}
"""


def picture(seed: int, size: tuple[int, int] = (60, 40), format: str = "JPEG") -> bytes:
    """An image of noise, other for each seed."""
    pixels = np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), np.uint8)
    out = io.BytesIO()
    PIL.Image.fromarray(pixels).save(out, format)
    return out.getvalue()


def warc(path: Path, pages: Mapping[str, str], images: Mapping[str, bytes]) -> Path:
    """A WARC of pages and images by address."""
    with path.open("wb") as file:
        writer = WARCWriter(file, gzip=True)
        both = [(url, "text/html; charset=utf-8", page.encode()) for url, page in pages.items()]
        for url, kind, body in [*both, *((url, "image/jpeg", body) for url, body in images.items())]:
            headers = StatusAndHeaders("200 OK", [("Content-Type", kind)], protocol="HTTP/1.1")
            writer.write_record(writer.create_warc_record(url, "response", payload=io.BytesIO(body), http_headers=headers))
    return path


def page(*images: str, text: str = WORDS * 3) -> str:
    """A page that shows these, each an <img> as it stands."""
    return f"<html><title>Cats</title><body><p>{text}</p>" + "".join(f"<p>{image}</p><p>{text}</p>" for image in images)


def recipe(path: Path, *settings: str, score: Sequence[str] = (), keep: Sequence[str] = (), scorers: Any = None) -> Recipe:
    text = RECIPE.format(warcs=path, score=", ".join(score), keep=", ".join(f'"{rule}"' for rule in keep))
    return load_recipe(text, settings, scorers)


def rows(out: Path, *layers: str) -> dict[str, dict[str, Any]]:
    """Columns `layer.column` of all images, by address; of the parts that have these layers."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted((out / "images" / "image").glob("*.parquet")):
        if not all((out / "images" / layer / path.name).exists() for layer in layers):
            continue
        tables: list[pa.Table] = []
        for layer in ("image", *layers):
            table = pq.read_table(out / "images" / layer / path.name)
            tables.append(table.rename_columns([f"{layer}.{name}" for name in table.column_names]))
        for parts in zip(*(table.to_pylist() for table in tables), strict=True):
            row = {name: value for part in parts for name, value in part.items()}
            found[row["image.url"]] = row
    return found


def samples(out: Path, name: str = "pairs") -> dict[str, dict[str, Any]]:
    """The samples of an output: their members by extension, by address."""
    found: dict[str, dict[str, bytes]] = {}
    for path in sorted((out / "shards" / name).glob("*.tar")):
        with tarfile.open(path) as tar:
            for member in tar:
                key, _, extension = member.name.partition(".")
                file = tar.extractfile(member)
                assert file is not None
                found.setdefault(key, {})[extension] = file.read()
    told = {key: {**sample, "json": json.loads(sample["json"])} for key, sample in found.items()}
    assert all(sample["json"]["key"] == key for key, sample in told.items())
    return {sample["json"]["url"]: sample for sample in told.values()}


class Server(http.server.ThreadingHTTPServer):
    """Answers with `answers` by path, (status, body), and counts what it is asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: dict[str, tuple[int, bytes]] = {}
        self.asked: Counter[str] = Counter()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}{path}"


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, Server)
        server.asked[self.path] += 1
        status, body = server.answers.get(self.path, (404, b""))
        self.send_response(status)
        if status == 302:
            self.send_header("Location", body.decode())
            body = b""
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        return
