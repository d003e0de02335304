"""The table of the images that pages show: written with the pages, kept up to date, cleaned by takedowns, opened and checked."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

import web2shards
from core.errors import RecipeError
from ingest.image_addresses import ImageOptions
from ingest.image_references import REFERENCE_SCHEMA
from pipelines import page_references
from pipelines.isolate import Limits
from pipelines.layers import LayerWriter
from pipelines.lease import Lease
from pipelines.notes import SilentNotes
from pipelines.pool import Suspect
from pipelines.recipe import Recipe, load_recipe
from pipelines.verify import verify

from .runs import hashes, small_run

PAGES = {
    "http://a.example/x/one.html":
        "<p>Before<figure><img src=../a.jpg alt=An><figcaption>Said</figcaption></figure><img src=b.svg>",
    "http://a.example/two.html": "<meta property=og:image content=/shared.png><p>Nothing <b>is</b> shown here.",
    "http://b.example/": "<p>" + "".join(f"<img srcset='s{i}.png 100w, l{i}.png 900w' alt='{i}'>" for i in range(40)),
    "http://b.example/none.html": "<p>A page without any image at all.",
}


def warc(path: Path, pages: dict[str, str]) -> Path:
    with path.open("wb") as file:
        writer = WARCWriter(file, gzip=True)
        for url, page in pages.items():
            headers = StatusAndHeaders("200 OK", [("Content-Type", "text/html; charset=utf-8")], protocol="HTTP/1.1")
            writer.write_record(writer.create_warc_record(url, "response", payload=io.BytesIO(page.encode()), http_headers=headers))
    return path


def recipe(path: Path, *settings: str, references: str = "references: {}") -> Recipe:
    text = f"name: images\ninput: {{warcs: {path}}}\ndocuments:\n  score: [text]\n{references}\noutput:\n  t: {{from: documents}}\n"
    return load_recipe(text, settings)


def rows(out: Path) -> list[dict[str, Any]]:
    return [
        {name.removeprefix("reference."): value for name, value in row.items()}
        for row in web2shards.open(out).references.to_table().to_pylist()
    ]  # fmt: skip


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    return warc(tmp_path / "pages.warc.gz", PAGES)


def test_images_of_all_pages(pages: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    small_run(out, recipe(pages))
    found = rows(out)
    assert [row["url"] for row in found[:3]] == [
        "http://a.example/a.jpg", "http://a.example/x/b.svg", "http://a.example/shared.png"
    ]  # fmt: skip
    assert [row["reason"] for row in found[:3]] == [None, "svg", None]
    assert [row["kind"] for row in found[:3]] == ["img", "img", "shared"]
    assert (found[0]["alt"], found[0]["figcaption"], found[0]["before"]) == ("An", "Said", "Before")
    assert [row["url"] for row in found[3:]] == [f"http://b.example/l{i}.png" for i in range(40)]
    assert [row["position"] for row in found[3:]] == list(range(40))
    documents = {row["id"]: row["page.url"] for row in web2shards.open(out).documents.to_table(["id", "page.url"]).to_pylist()}
    assert [documents[row["document_id"]] for row in found[:4]] == [
        "http://a.example/x/one.html", "http://a.example/x/one.html", "http://a.example/two.html", "http://b.example/",
    ]  # fmt: skip
    assert len({row["id"] for row in found}) == len(found)
    assert not verify(str(out)).problems


def test_a_recipe_without_the_section_has_no_such_table(pages: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    small_run(out, recipe(pages, references=""))
    assert not (out / "references").exists()
    assert len(web2shards.open(out).references) == 0
    before = hashes(out, "documents", "shards")
    small_run(out, recipe(pages))
    assert len(rows(out)) == 43
    assert hashes(out, "documents", "shards") == before  # nothing of the documents hangs on it


def test_only_what_changed_is_read_again(pages: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    small_run(out, recipe(pages))
    assert small_run(out, recipe(pages)).passes == {}
    assert "extract and score" in small_run(out, recipe(pages, "references.side=500")).passes
    assert rows(out)[3]["url"] == "http://b.example/s0.png"
    assert "extract and score" in small_run(out, recipe(pages, "references.svg=true")).passes
    (file,) = (out / "references" / "reference").glob("*.parquet")
    file.unlink()
    assert "extract and score" in small_run(out, recipe(pages, "references.svg=true")).passes
    assert rows(out)[1]["reason"] is None


def test_worker_processes_give_the_same_bytes(pages: Path, tmp_path: Path) -> None:
    small_run(tmp_path / "a", recipe(pages))
    small_run(tmp_path / "b", recipe(pages), inline=False, workers=2)
    assert hashes(tmp_path / "a", "references") == hashes(tmp_path / "b", "references") != {}


def test_a_takedown_takes_the_images_of_the_page(pages: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    small_run(out, recipe(pages))
    done = subprocess.run(
        [sys.executable, "-m", "web2shards", "remove", str(out), "--host", "b.example"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert len(rows(out)) == 3
    assert b"b.example" not in b"".join(path.read_bytes() for path in (out / "references").rglob("*.parquet"))
    small_run(out, recipe(pages))
    assert len(rows(out)) == 3
    assert not verify(str(out)).problems
    small_run(out, recipe(pages, "references.side=500"))  # pages are read again, and what was taken down is not
    assert len(rows(out)) == 3


def test_rows_of_a_damaged_file_are_computed_again(pages: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    small_run(out, recipe(pages))
    (file,) = (out / "references" / "reference").glob("*.parquet")
    good = file.read_bytes()
    file.write_bytes(good[: len(good) // 2] + b"\0" + good[len(good) // 2 + 1 :])
    assert verify(str(out)).problems
    small_run(out, recipe(pages))
    assert file.read_bytes() == good
    assert pc.sum(pc.equal(pq.read_table(file).column("kind"), "shared")).as_py() == 1


@pytest.mark.parametrize("given", ["table: {path: x.jsonl}", "wets: x.wet.gz"])
def test_only_warcs_have_pages_with_images(given: str) -> None:
    text = f"name: x\ninput:\n  {given}\ndocuments: {{score: [text]}}\nreferences: {{}}\n"
    with pytest.raises(RecipeError, match="only WARCs have"):
        load_recipe(text)


@pytest.mark.parametrize(("given", "told"), [("{side: 0}", "at least 1"), ("{sides: 3}", "did you mean `side`")])
def test_mistakes_are_told(pages: Path, given: str, told: str) -> None:
    with pytest.raises(RecipeError) as error:
        recipe(pages, references=f"references: {given}")
    assert told in f"{error.value.message} {error.value.mend}"


def test_a_page_that_cannot_be_searched_costs_only_its_own(
    pages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    search = page_references.references_of

    def fails(documents: pa.RecordBatch, options: ImageOptions) -> pa.RecordBatch:
        if documents.column("url")[0].as_py() == "http://a.example/two.html":
            raise RecursionError("too deep")
        return search(documents, options)

    monkeypatch.setattr(page_references, "references_of", fails)
    out = tmp_path / "out"
    result = small_run(out, recipe(pages))
    found = rows(out)
    assert [(row["url"], row["reason"]) for row in found if row["position"] is None] == [(None, "error:references")]
    assert len(found) == 43
    assert result.stats["references"] == {"total": 43, "reasons": {"error:references": 1, "svg": 1}}
    assert "error:references" in (out / "report/index.html").read_text()


def test_a_page_that_kills_the_search_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    search = page_references.references_of

    def dies(documents: pa.RecordBatch, options: ImageOptions) -> pa.RecordBatch:
        if b"DIE" in documents.column("content")[0].as_py():
            os.kill(os.getpid(), signal.SIGSEGV)
        return search(documents, options)

    monkeypatch.setattr(page_references, "references_of", dies)
    html = [b"<p>A <img src=a.jpg>", b"<p>DIE <img src=b.jpg>", b"<p>C <img src=c.jpg>"]
    columns = [[bytes([i]) * 16 for i in range(3)], ["http://a.example/"] * 3, ["html"] * 3, html]
    types = [pa.binary(16), pa.string(), pa.string(), pa.binary()]
    documents = pa.RecordBatch.from_arrays(
        [pa.array(values, type) for values, type in zip(columns, types, strict=True)], names=["id", "url", "form", "content"]
    )
    schema = pa.schema(list(REFERENCE_SCHEMA)[1:])
    with Lease(str(tmp_path)) as lease, LayerWriter(lease.store, "references", "reference", "p", schema) as writer:
        search_all = page_references.ReferenceWriter(
            writer, ImageOptions(), [Suspect("references", 0, 3, -1, "killed by SIGSEGV")], Limits(20)
        )
        search_all.write(documents, 0, SilentNotes())
        writer.commit("m")
    table = pq.read_table(tmp_path / "references/reference/p.parquet", columns=["url", "reason"]).to_pylist()
    assert table == [
        {"url": "http://a.example/a.jpg", "reason": None}, {"url": "http://a.example/c.jpg", "reason": None},
        {"url": None, "reason": "error:references"},
    ]  # fmt: skip
