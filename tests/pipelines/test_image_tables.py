"""Tables of images as input: rows become references and pairs in shards, with their further columns, and digests are asked."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import core.images
import web2shards
from core.errors import InputError, RecipeError
from pipelines import fetched_part, gathering, images_fetched, map_pass
from pipelines.compilation import compile_plan
from pipelines.lease import Lease
from pipelines.recipe import Recipe, load_recipe
from pipelines.redaction import settle
from pipelines.removal import Takedown, add_takedowns
from pipelines.verify import verify

from . import image_runs
from .image_runs import Server, picture, rows
from .runs import hashes, small_run

RECIPE = """
name: pairs
input:
  table:
    path: {path}
    url: URL
    caption: TEXT
    columns: {{similarity: number, LICENSE: text, n: integer, ok: boolean}}
    verify_hash: [MD5, md5]
documents:
  score: [text]
  keep: ["text.characters >= 5", "table.similarity >= 0.3"]
images:
  fetch: {{retries: 0, host_interval_seconds: 0, open_networks: 127.0.0.0/8, ports: [], robots: false, tdmrep: false}}
output:
  pairs: {{from: images, samples: 4, resize: {{size: 32}}}}
"""


@pytest.fixture
def server(server: Server) -> Server:
    server.answers = {f"/{i}.jpg": (200, picture(i)) for i in range(8)}
    return server


def table(server: Server) -> list[dict[str, Any]]:
    """Eight images, the first twice; the third's caption is short, the fourth's score low, the fifth's digest another's."""
    found: list[dict[str, Any]] = [
        {"URL": server.url(f"/{i}.jpg"), "TEXT": f"caption {i}", "similarity": 0.3 + i / 100, "LICENSE": "?" if i % 2 else None,
         "n": i, "ok": i % 2 == 0, "MD5": hashlib.md5(picture(i)).hexdigest()}
        for i in range(8)
    ]  # fmt: skip
    found[2]["TEXT"], found[3]["similarity"], found[4]["MD5"] = "no", 0.1, "0" * 32
    found[5]["MD5"] = None
    return [*found, {**found[0], "TEXT": "the first again"}, {**found[1], "URL": None}, {**found[1], "URL": "ftp://a.example/x.jpg"}]


def write(path: Path, values: Sequence[Mapping[str, Any]]) -> Path:
    names = list(values[0])
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(list(values)), path, row_group_size=3)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in values))
    else:
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, names, delimiter="\t" if path.suffix == ".tsv" else ",")
            writer.writeheader()
            writer.writerows(values)
    return path


def recipe(path: Path, *settings: str) -> Recipe:
    return load_recipe(RECIPE.format(path=path), settings)


def samples(out: Path) -> dict[str, tuple[bytes, str, dict[str, Any]]]:
    """Image, caption and metadata of the samples, by the file name in their address."""
    found = image_runs.samples(out)
    return {url.rpartition("/")[2]: (one["jpg"], one["txt"].decode(), one["json"]) for url, one in found.items()}


@pytest.mark.parametrize("name", ["t.parquet", "t.csv", "t.tsv", "t.jsonl"])
def test_a_table_becomes_pairs(server: Server, tmp_path: Path, name: str) -> None:
    out = tmp_path / "out"
    made = recipe(write(tmp_path / name, table(server)))
    result = small_run(out, made)
    found = {url.rpartition("/")[2]: row for url, row in rows(out, "reached", "fetched", "fate").items()}
    assert {name: row["fate.reason"] for name, row in found.items()} == {
        "0.jpg": "", "1.jpg": "", "2.jpg": "document", "3.jpg": "document", "4.jpg": "hash_mismatch", "5.jpg": "", "6.jpg": "",
        "7.jpg": "",
    }  # fmt: skip
    assert set(server.asked) == {f"/{i}.jpg" for i in (0, 1, 4, 5, 6, 7)}  # nothing is asked that the rules dropped
    pairs = samples(out)
    assert set(pairs) == {f"{i}.jpg" for i in (0, 1, 5, 6, 7)}
    for i in (1, 5, 6, 7):
        _, text, told = pairs[f"{i}.jpg"]
        assert text == told["caption"] == f"caption {i}"
        values = (told["similarity"], told["LICENSE"] or None, told["n"], told["ok"])  # a CSV has no null texts
        assert values == (pytest.approx(0.3 + i / 100), "?" if i % 2 else None, i, i % 2 == 0)
        assert told["sha256"] == hashlib.sha256(picture(i)).hexdigest()
    assert [c["text"] for c in found["0.jpg"]["image.captions"]] == ["caption 0", "the first again"]
    reasons = next(t for t in result.stats["tables"] if t["name"] == "documents")["reasons"]
    assert (reasons["text_characters"], reasons["table_similarity"]) == (1, 1)
    assert web2shards.open(out).records.to_table(["record.reason"]).to_pylist().count({"record.reason": "no_address"}) == 1
    references = web2shards.open(out).references.to_table().to_pylist()
    assert {r["reference.url"]: r["reference.reason"] for r in references if r["reference.reason"]} == {
        "ftp://a.example/x.jpg": "scheme"
    }
    verify(str(out))

    server.asked.clear()
    before = hashes(out, "shards", "images", "documents")
    assert not small_run(out, made).passes
    assert hashes(out, "shards", "images", "documents") == before


def test_how_a_table_is_cut_changes_no_byte(server: Server, tmp_path: Path) -> None:
    values = table(server)
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    small_run(whole, recipe(write(tmp_path / "t.jsonl", values)))
    folder = tmp_path / "several"
    folder.mkdir()
    for i in range(0, len(values), 2):
        write(folder / f"{i:02d}.jsonl", values[i : i + 2])
    small_run(cut, recipe(folder / "*.jsonl"))
    assert hashes(whole, "shards") == hashes(cut, "shards")


def test_each_image_is_made_once_and_to_the_same_bytes(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it comes; or by the pass that scores, where it was there already; or when samples are written."""
    server.answers["/7.jpg"] = (200, picture(7)[:1500])  # its header is whole, its pixels are not
    path = write(tmp_path / "t.jsonl", table(server))
    calls: list[int] = []
    convert = core.images.convert

    def counted(data: bytes, *args: Any, **options: Any) -> Any:
        calls.append(len(data))
        return convert(data, *args, **options)

    monkeypatch.setattr(core.images, "convert", counted)
    made = recipe(path, "input.table.verify_hash=null")
    small_run(tmp_path / "fetch", made)
    assert len(calls) == 7  # and the damaged one again, to see what is wrong with it
    fates = {url.rpartition("/")[2]: row["fate.reason"] for url, row in rows(tmp_path / "fetch", "fate").items()}
    assert fates["7.jpg"] == "truncated"

    shutil.copytree(tmp_path / "fetch", tmp_path / "score")
    for folder in ("images/readable", "images/fate", "shards"):
        shutil.rmtree(tmp_path / "score" / folder)
    calls.clear()
    small_run(tmp_path / "score", made)
    assert len(calls) == 6
    monkeypatch.setattr(fetched_part, "output_to_make", lambda *_: None)
    monkeypatch.setattr(map_pass, "output_to_make", lambda *_: None)
    calls.clear()
    small_run(tmp_path / "write", made)
    assert len(calls) == 5
    assert hashes(tmp_path / "fetch", "shards") == hashes(tmp_path / "score", "shards") == hashes(tmp_path / "write", "shards")


def test_captions_are_edited_and_duplicates_bring_theirs(server: Server, tmp_path: Path) -> None:
    """A caption of a row is that of its image: scorers of `images` edit it, and the sample of a cluster has the others' beside the
    further columns of its own row."""
    values = table(server)[5:8]
    server.answers["/7.jpg"] = server.answers["/6.jpg"]
    values[1]["TEXT"], values[2]["TEXT"] = "write to jane.doe@example.org", "or to john.doe@example.org"
    values[2]["MD5"] = None
    made = recipe(
        write(tmp_path / "t.jsonl", values), "images.score=[pii: {regions: []}, perceptual: {}]", "images.keep=[duplicates.kept]"
    )
    small_run(tmp_path / "out", made)
    pairs = samples(tmp_path / "out")
    assert set(pairs) in ({"5.jpg", "6.jpg"}, {"5.jpg", "7.jpg"})
    (kept,) = set(pairs) - {"5.jpg"}
    _, text, told = pairs[kept]
    (other,) = told["captions_alternate"]
    assert text == told["caption"]
    assert {text.partition(" ")[0], other.partition(" ")[0]} == {"write", "or"}
    assert "doe" not in text + other
    assert told["n"] == int(kept[0])
    assert pairs["5.jpg"][2]["captions_alternate"] == []


def test_further_columns_are_carried_as_groups_grow(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values = table(server)
    path = write(tmp_path / "t.jsonl", values)
    small_run(tmp_path / "out", recipe(path))
    before = samples(tmp_path / "out")
    monkeypatch.setattr(gathering, "PART_ROWS", 2)
    monkeypatch.setattr(images_fetched, "OPEN_PARTS", 2)
    write(path, [*values, {**values[0], "URL": server.url("/new.jpg"), "TEXT": "not there"}])
    server.asked.clear()
    small_run(tmp_path / "out", recipe(path))
    assert set(server.asked) == {"/new.jpg"}  # what was got is carried over, what the digest denied too
    assert len(list((tmp_path / "out/images/image").iterdir())) > 3
    assert samples(tmp_path / "out") == before
    verify(str(tmp_path / "out"))


def test_a_corrected_digest_asks_for_its_image_again(server: Server, tmp_path: Path) -> None:
    values = table(server)
    path, out = write(tmp_path / "t.jsonl", values), tmp_path / "out"
    small_run(out, recipe(path))
    assert "4.jpg" not in samples(out)
    server.asked.clear()
    values[4]["MD5"] = hashlib.md5(picture(4)).hexdigest()
    write(path, values)
    small_run(out, recipe(path))
    assert set(server.asked) == {"/4.jpg"}
    assert set(samples(out)) == {f"{i}.jpg" for i in (0, 1, 4, 5, 6, 7)}
    server.asked.clear()
    values[4]["MD5"] = "1" * 32  # what was got stays got
    write(path, values)
    small_run(out, recipe(path))
    assert not server.asked


def test_a_takedown_leaves_nothing_of_a_row(server: Server, tmp_path: Path) -> None:
    """Neither its further columns, where another row has its image too, nor bytes of an image without a caption."""
    path, out = tmp_path / "t.jsonl", tmp_path / "out"
    first = {"URL": server.url("/0.jpg"), "TEXT": "", "secret": "a first secret"}
    write(path, [first, {**first, "TEXT": "another", "secret": "bees"}, {**first, "URL": server.url("/1.jpg"), "secret": "cats"}])
    settings = ("input.table.columns={secret: text}", "input.table.verify_hash=null", "documents.keep=[]")
    small_run(out, recipe(path, *settings))
    assert samples(out)["0.jpg"][2]["secret"] == "a first secret"
    documents = web2shards.open(out).documents.to_table(["id", "table.secret"]).to_pylist()
    (row,) = (document["id"].hex() for document in documents if document["table.secret"] == "a first secret")
    with Lease(str(out)) as lease:
        add_takedowns(lease.store, [Takedown("id", row), Takedown.of("url", server.url("/1.jpg"))])
        settle(lease.store)
    extra = {url.rpartition("/")[2]: row["image.extra"] for url, row in rows(out).items()}
    assert extra == {"0.jpg": None, "1.jpg": None}
    assert not any(picture(1) in path.read_bytes() for path in (out / "images/segments").iterdir())
    small_run(out, recipe(path, *settings))
    (pair,) = samples(out).values()
    assert (pair[1], pair[2]["secret"]) == ("another", "bees")


def test_images_without_captions(server: Server, tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", [{"url": server.url(f"/{i}.jpg")} for i in range(3)])
    text = f"name: bare\ninput: {{table: {{path: {path}, caption: ''}}}}\n" + RECIPE[RECIPE.index("images:") :].format()
    out = tmp_path / "out"
    small_run(out, load_recipe(text))
    assert {name: caption for name, (_, caption, _) in samples(out).items()} == {f"{i}.jpg": "" for i in range(3)}


def test_what_is_wrong_with_a_table_is_said(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", [{"URL": "http://a.example/x.jpg", "similarity": 1}])
    with pytest.raises(InputError, match="has no column 'TEXT'"):
        small_run(tmp_path / "out", recipe(path))
    with pytest.raises(InputError, match=r"(?s)has no column 'MD5'.*verify_hash"):
        small_run(tmp_path / "out2", recipe(path, "input.table.caption=URL"))
    with pytest.raises(InputError, match=r"(?s)which of them holds the images' addresses.*url: URL"):
        small_run(tmp_path / "out3", recipe(path, "input.table.url=link"))
    with pytest.raises(RecipeError, match="samples have another `sha256`"):
        recipe(path, "input.table.columns={sha256: text}")
    with pytest.raises(RecipeError, match="edits the texts of rows"):
        recipe(path, "documents.score=[text, language, pii]")
    with pytest.raises(RecipeError, match="the rows of the input are images"):
        recipe(path, "output.pairs.from=documents", "output.pairs.resize=null")
    with pytest.raises(RecipeError, match="is said of tables of images"):
        load_recipe("name: a\ninput: {table: {path: a.csv, columns: {a: text}}}\ndocuments: {score: [text]}\n")


def test_a_recipe_reads_back_as_it_is(tmp_path: Path) -> None:
    made = recipe(tmp_path / "t.csv")
    assert load_recipe(json.dumps(made.canonical(), indent=1)) == made
    (table,) = (use for use in compile_plan(made).layers if use.name == "table")
    assert table.schema.field("similarity").type == pa.float64()


def test_img2dataset_may_fetch(server: Server, tmp_path: Path) -> None:
    """The same shards, but for how the images came."""
    pytest.importorskip("img2dataset")
    path = write(tmp_path / "t.parquet", table(server))
    small_run(tmp_path / "own", recipe(path))
    small_run(tmp_path / "theirs", recipe(path, "images.fetch.engine=img2dataset"))
    assert hashes(tmp_path / "own", "shards/pairs") == hashes(tmp_path / "theirs", "shards/pairs")
    fates = [{url: row["fate.reason"] for url, row in rows(tmp_path / name, "fate").items()} for name in ("own", "theirs")]
    assert fates[0] == fates[1]
