"""The corpus of image–text pairs as a crawl, from pages to shards: planted copies are found, distinct pictures stay apart.

It is not in the repository: WEB2SHARDS_CORPORA names the folder with `pairs/truth.parquet` and its images.
"""

from __future__ import annotations

import html
import io
import os
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

import web2shards
from core.components import connected_components
from pipelines.recipe import load_recipe
from pipelines.run import run
from pipelines.run_options import RunOptions

CORPUS = Path(os.environ.get("WEB2SHARDS_CORPORA") or Path(__file__).parents[3] / "shared" / "corpora") / "pairs"
WORDS = "A page of pictures with words enough to be kept, as pages without a text are dropped, whatever they show. "
RECIPE = """
name: pairs
input: {{warcs: {warc}, part: 20MB}}
documents: {{score: [text]}}
images:
  score: [image_quality, perceptual]
  keep: [duplicates.kept]
  fetch: {{web: false}}
output:
  pairs: {{from: images, samples: 500, resize: {{size: 64}}}}
"""

pytestmark = [
    pytest.mark.corpora,
    pytest.mark.skipif(not (CORPUS / "truth.parquet").is_file(), reason="WEB2SHARDS_CORPORA has no pairs"),
]


def address(url: str) -> str:
    return url.replace("127.0.0.1:PORT", "pictures.example")


@pytest.fixture(scope="module")
def truth() -> list[dict[str, Any]]:
    rows = pq.read_table(CORPUS / "truth.parquet").to_pylist()
    return [row for row in rows if row["file_rel"] and (CORPUS / row["file_rel"]).is_file()]


@pytest.fixture(scope="module")
def found(truth: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What a run says of each image, by its address."""
    folder = tmp_path_factory.mktemp("pairs")
    with (folder / "pairs.warc.gz").open("wb") as file:
        writer = WARCWriter(file, gzip=True)

        def write(url: str, kind: str, body: bytes) -> None:
            headers = StatusAndHeaders("200 OK", [("Content-Type", kind)], protocol="HTTP/1.1")
            writer.write_record(writer.create_warc_record(url, "response", payload=io.BytesIO(body), http_headers=headers))

        for start in range(0, len(truth), 20):
            some = truth[start : start + 20]
            shown = "".join(
                f"<p>{WORDS}</p><img src='{address(row['url'])}' alt='{html.escape(row['caption'] or '')}'>" for row in some
            )
            write(f"http://pages.example/{start}", "text/html; charset=utf-8", f"<html><body>{shown}</body></html>".encode())
            for row in some:
                write(address(row["url"]), "image/jpeg", (CORPUS / row["file_rel"]).read_bytes())
    run(load_recipe(RECIPE.format(warc=folder / "pairs.warc.gz")), RunOptions(str(folder / "out"), workers=2))
    columns = ["image.url", "fetched.status", "perceptual.uniform", "duplicates.cluster", "duplicates.kept", "fate.kept"]
    rows = web2shards.open(folder / "out").images.to_table(columns).to_pylist()
    return {row["image.url"]: row for row in rows}


def test_every_image_comes_through(truth: list[dict[str, Any]], found: dict[str, dict[str, Any]]) -> None:
    assert found.keys() == {address(row["url"]) for row in truth}
    statuses = Counter(row["fetched.status"] for row in found.values())
    assert statuses["ok"] >= 0.99 * len(truth), statuses
    assert all(row["fate.kept"] == bool(row["duplicates.kept"]) for row in found.values())


def test_copies_are_found_and_others_stay_apart(truth: list[dict[str, Any]], found: dict[str, dict[str, Any]]) -> None:
    index = {row["url"]: i for i, row in enumerate(truth)}
    labels = [found[address(row["url"])]["duplicates.cluster"] for row in truth]
    planted = [(i, index[row["dup_of_url"]]) for i, row in enumerate(truth) if row["dup_of_url"] in index]
    natural = [(i, index[row["natural_dup_of_url"]]) for i, row in enumerate(truth) if row["natural_dup_of_url"] in index]
    hits = [labels[i] == labels[j] for i, j in planted]
    assert len(hits) > 50
    assert np.mean(hits) >= 0.95, np.mean(hits)
    ends = np.array(planted + natural, np.int64).reshape(-1, 2)
    true = connected_components(ends[:, 0], ends[:, 1], len(truth)).tolist()
    looks = [i for i, row in enumerate(truth) if found[address(row["url"])]["perceptual.uniform"] is False]
    together = {(labels[i], true[i]) for i in looks}
    merged = len(together) - len({label for label, _ in together})
    # Elephants in three sizes and the Taj Mahal in two, of which the truth does not know, are the same picture by their looks.
    assert merged - 3 <= 0.001 * len(looks), merged
