"""A small crawl of pages with images, and recipes over it."""

from __future__ import annotations

import io
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
  fetch: {{retries: 0, host_interval_seconds: 0, open_networks: 127.0.0.0/8, ports: [], robots: false, connect_seconds: 2}}
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
