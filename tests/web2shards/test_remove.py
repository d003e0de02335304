"""`remove` takes records out of every file of a run, for good."""

from __future__ import annotations

import json
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import web2shards
from core.errors import InputError, LeaseError, StorageError
from core.hashing import ID_TYPE
from pipelines.lease import Lease
from pipelines.removal import Removals, Takedown, read_removals
from pipelines.run import RunOptions
from pipelines.takedown import look_up, take_down

from .conftest import EXAMPLES, Cli, run_inline, write_recipe

HOST = "httpd-asia.example"
#: A rule that says the same as the takedown of the host.
OF_HOST = r"page.host matches /(^|\.)httpd-asia\.example$/"


def remove(out: Path, *takedowns: Takedown, copies: bool = False) -> int:
    return take_down(RunOptions(str(out), inline=True), look_up(str(out), takedowns, copies)).documents


def a_kept_page(out: Path) -> dict[str, object]:
    columns = ["id", "page.url", "text.text", "text.title"]
    return web2shards.open(out).documents.head(1, columns, "fate.kept and duplicates.size == 1").to_pylist()[0]


def everything(out: Path) -> str:
    """All that is in the run's files, as text."""
    seen: list[str] = []
    for path in sorted(out.rglob("*")):
        if path.suffix == ".parquet":
            seen.append(json.dumps(pq.read_table(path).to_pylist(), default=str, ensure_ascii=False))
        elif path.suffix == ".tar":
            with tarfile.open(path) as tar:
                seen += [tar.extractfile(member).read().decode("utf-8", "replace") for member in tar]  # type: ignore[union-attr]
        elif path.is_file():
            seen.append(path.read_text("utf-8", "replace"))
    return "\n".join(seen)


def test_the_text_is_nowhere_and_the_rest_is_as_it_was(cli: Cli, small: Path, finished_small: Path) -> None:
    page = a_kept_page(small)
    text = max(str(page["text.text"]).split("\n"), key=len)
    assert json.dumps(text, ensure_ascii=False)[1:-1] in everything(small)
    before = web2shards.open(small).stats["tables"][0]["kept"]
    told = cli("remove", small, "--url", page["page.url"], "--note", "request 7", "--workers", "1")
    assert told.exit_code == 0, told.stderr
    assert "removed 1 document" in told.stdout
    assert json.dumps(text, ensure_ascii=False)[1:-1] not in everything(small)
    run = web2shards.open(small)
    assert run.stats["tables"][0]["kept"] == before - 1
    (row,) = run.get(page["id"].hex())  # type: ignore[attr-defined]
    assert (row["fate.reason"], row["fate.kept"], row["page.url"]) == ("removed", False, page["page.url"])
    assert all(row[name] is None for name in row if name.partition(".")[0] in ("text", "language", "exact", "duplicates"))
    assert cli("check", small).exit_code == 0
    log = [json.loads(line) for line in (small / "removed.jsonl").read_text().splitlines()]
    assert [log[0]["kind"], log[0]["note"], log[1]["documents"]] == ["url", "request 7", 1]
    others = {row["id"]: row for row in web2shards.open(finished_small).documents.to_table().to_pylist()}
    after = {row["id"]: row for row in run.documents.to_table().to_pylist()}
    assert list(others) == list(after)
    del others[page["id"]], after[page["id"]]
    assert others == after


def test_a_host_and_later_runs(recipe: Path, out: Path) -> None:
    hits = web2shards.open(out).documents.count_rows(OF_HOST)
    assert hits > 5
    assert remove(out, Takedown.of("host", HOST)) == hits
    documents = web2shards.open(out).documents
    assert documents.count_rows("fate.reason is removed") == hits
    assert documents.count_rows("text.text is not missing") == len(documents) - hits
    # Another parameter makes a layer anew, a threshold the fates, and a missing page layer reads the input again.
    shutil.rmtree(out / "documents" / "page")
    run_inline(recipe, out, ["documents.score.language.characters=300", "documents.score.text.main=false"])
    documents = web2shards.open(out).documents
    assert documents.count_rows(f"{OF_HOST} and text.text is not missing") == 0
    assert documents.count_rows(f"{OF_HOST} and language.label is not missing") == 0
    assert documents.count_rows("fate.reason is removed") == hits
    assert documents.count_rows(f"fate.kept and {OF_HOST}") == 0


def test_a_warc_added_later_honours_the_list(tmp_path: Path) -> None:
    crawl = tmp_path / "crawl"
    crawl.mkdir()
    shutil.copy(EXAMPLES / "web.warc.gz", crawl / "a.warc.gz")
    recipe = write_recipe(tmp_path, crawl / "*.warc.gz", part="100MB")
    run_inline(recipe, tmp_path / "out")
    host = "httpd-manual.example"
    remove(tmp_path / "out", Takedown.of("host", host))
    shutil.copy(EXAMPLES / "more" / "second.warc.gz", crawl / "b.warc.gz")
    run_inline(recipe, tmp_path / "out")
    documents = web2shards.open(tmp_path / "out").documents
    added = documents.reader(["page.host", "text.text", "fate.reason"], parts=["b.warc.gz-00000"]).read_all()
    here = added.filter(pa.array([h is not None and (h == host or h.endswith(f".{host}")) for h in added[0].to_pylist()]))
    assert here.num_rows > 0
    assert set(here.column("text.text").to_pylist()) == {None}
    assert set(here.column("fate.reason").to_pylist()) == {"removed"}
    assert added.column("text.text").null_count < len(added)


def test_the_same_bytes_as_if_it_had_never_been_there(small: Path, tmp_path: Path) -> None:
    """Shards do not tell whether a page was removed before or after the run."""
    from pipelines.removal import add_takedowns

    page = Takedown("id", a_kept_page(small)["id"].hex())  # type: ignore[attr-defined]
    remove(small, page)
    fresh = tmp_path / "fresh"
    run_inline(small.parent / "small.yaml", fresh, limit=1)
    with Lease(str(fresh)) as lease:
        add_takedowns(lease.store, [page])
    run_inline(small.parent / "small.yaml", fresh)
    for path in (small / "shards" / "text").iterdir():
        if path.name != "index.json":
            assert path.read_bytes() == (fresh / "shards" / "text" / path.name).read_bytes()


def test_another_copy_takes_its_place_unless_copies_go_too(cli: Cli, out: Path, tmp_path: Path) -> None:
    columns = ["id", "duplicates.cluster", "duplicates.size"]
    page = web2shards.open(out).documents.head(1, columns, "fate.kept and duplicates.size >= 2").to_pylist()[0]
    other = Path(shutil.copytree(out, tmp_path / "other"))
    digits = page["id"].hex()[:16]
    told = cli("remove", out, "--id", digits, "--dry-run")
    assert "would remove 1 document" in told.stdout
    assert "--copies" in told.stderr
    assert "nothing in" in cli("remove", out, "--url", "https://nope.example/", "--dry-run").stderr
    assert not (out / "removed.jsonl").exists()
    before = web2shards.open(out).stats["tables"][0]["kept"]
    assert cli("remove", out, "--id", digits, "--workers", "1").exit_code == 0
    assert web2shards.open(out).stats["tables"][0]["kept"] == before
    assert cli("remove", other, "--id", digits, "--copies", "--workers", "1").exit_code == 0
    assert web2shards.open(other).stats["tables"][0]["kept"] == before - 1
    assert web2shards.open(other).documents.count_rows("fate.reason is removed") == page["duplicates.size"]


@pytest.fixture(scope="module")
def alike(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A text, the same at another address, two of which each is alike to the one before, and a copy of the last."""
    from pipelines.run import run
    from tests.pipelines.test_duplicates import WORDS, near, write_table

    words = [f"{w}{i}" for i, w in enumerate(np.random.default_rng(2).choice(WORDS, 300))]
    text, second, third = (" ".join([*words[: 300 - 20 * i], *(["x", "y", "z", "w", "v"] * i)]) for i in range(3))
    folder = tmp_path_factory.mktemp("alike")
    path = write_table(folder / "t.jsonl", [text, text, second, third, third, "quite another " + " ".join(WORDS)])
    run(near(path), RunOptions(str(folder / "out"), inline=True))
    return folder / "out"


def test_near_copies_are_told_before_they_go(cli: Cli, alike: Path, tmp_path: Path) -> None:
    out = Path(shutil.copytree(alike, tmp_path / "out"))
    url = "https://host0.example/0"
    assert web2shards.open(out).documents.count_rows("duplicates.size == 5") == 5
    told = cli("remove", out, "--url", url, "--dry-run")
    assert "would remove 1 document" in told.stdout
    assert "4 other documents would stay: 1 of the same text or page, 3 near copies (alike, not the same)" in " ".join(
        told.stderr.split()
    )
    told = cli("remove", out, "--url", url, "--dry-run", "--copies")
    assert "would remove 5 documents" in told.stdout
    assert "3 near copies among them" in told.stderr
    assert told.stdout.count("near copy") == 3
    assert all(f"https://host{i}.example/{i}" in told.stdout for i in range(5))
    assert not (out / "removed.jsonl").exists()
    # Equal pages join through one that is named too.
    looked = look_up(str(out), [Takedown.of("url", "https://host3.example/3"), Takedown.of("url", url)])
    assert (looked.documents, looked.others, looked.near) == (2, 3, 1)
    told = cli("remove", out, "--url", url, "--copies", "--workers", "1")
    assert told.exit_code == 0, told.stderr
    assert "3 near copies among them" in told.stderr
    assert web2shards.open(out).documents.count_rows("fate.reason is removed") == 5


def test_a_list_of_all_kinds(cli: Cli, small: Path, tmp_path: Path) -> None:
    page = a_kept_page(small)
    listed = tmp_path / "list.txt"
    listed.write_text(f"# a comment\n{page['page.url']}\n\n{'0' * 32}\nnever-crawled.example\n")
    told = cli("remove", small, "--file", listed, "--workers", "1")
    assert told.exit_code == 0, told.stderr
    assert "removed 1 document" in told.stdout
    assert {t.kind for t in read_removals(str(small)).takedowns} == {"url", "id", "host"}
    assert len(read_removals(str(small)).takedowns) == 3
    assert "would remove 0 documents" in cli("remove", small, "--file", listed, "--dry-run").stdout


def test_without_the_input(tmp_path: Path) -> None:
    warc = Path(shutil.copy(EXAMPLES / "more" / "second.warc.gz", tmp_path / "second.warc.gz"))
    recipe = write_recipe(tmp_path, warc)
    run_inline(recipe, tmp_path / "out")
    page = a_kept_page(tmp_path / "out")
    warc.unlink()
    assert remove(tmp_path / "out", Takedown("id", page["id"].hex())) == 1  # type: ignore[attr-defined]
    assert web2shards.open(tmp_path / "out").documents.count_rows("fate.reason is removed") == 1


def test_a_new_out_folder_may_begin_with_a_list(small: Path, tmp_path: Path) -> None:
    page = a_kept_page(small)
    out = tmp_path / "elsewhere"
    out.mkdir()
    listed = {"kind": "url", "value": page["page.url"], "at": "2026-01-01T00:00:00+00:00"}
    (out / "removed.jsonl").write_text(json.dumps(listed) + "\n")
    run_inline(tmp_path / "small.yaml", out)
    (row,) = web2shards.open(out).get(str(page["page.url"]))
    assert (row["fate.reason"], row["text.text"], row["language.label"]) == ("removed", None, None)


def test_a_takedown_that_was_cut_short_is_finished_by_the_next_run(small: Path) -> None:
    from pipelines.removal import add_takedowns

    page = a_kept_page(small)
    with Lease(str(small)) as lease:
        add_takedowns(lease.store, [Takedown("id", page["id"].hex())])  # type: ignore[attr-defined]
    assert not read_removals(str(small)).settled
    run_inline(small.parent / "small.yaml", small)
    assert read_removals(str(small)).settled
    assert web2shards.open(small).get(page["id"].hex())[0]["text.text"] is None  # type: ignore[attr-defined]


def test_shards_are_clean_before_they_are_made_anew(small: Path) -> None:
    from pipelines.redaction import settle
    from pipelines.removal import add_takedowns

    page = a_kept_page(small)
    text = max(str(page["text.text"]).split("\n"), key=len)
    with Lease(str(small)) as lease:
        add_takedowns(lease.store, [Takedown("id", page["id"].hex())])  # type: ignore[attr-defined]
        done = settle(lease.store)
    assert done is not None
    assert (done.documents, done.shards) == (1, 1)
    assert json.dumps(text, ensure_ascii=False)[1:-1] not in everything(small)
    assert not (small / "shards" / "text" / "index.json").exists()


def test_other_formats(small: Path) -> None:
    from pipelines.redaction import settle
    from pipelines.removal import add_takedowns

    settings = ["output.text.format=parquet", "output.lines={from: documents, format: jsonl, samples: 50}"]
    run_inline(small.parent / "small.yaml", small, settings)
    page = a_kept_page(small)
    shards = {name: len(list((small / "shards" / name).iterdir())) for name in ("text", "lines")}
    with Lease(str(small)) as lease:
        add_takedowns(lease.store, [Takedown("id", page["id"].hex())])  # type: ignore[attr-defined]
        done = settle(lease.store)
    assert done is not None
    assert done.shards == 2
    for name, files in shards.items():
        assert len(list((small / "shards" / name).iterdir())) == files - 2


def test_not_beside_a_run(small: Path) -> None:
    page = a_kept_page(small)
    with Lease(str(small)), pytest.raises(LeaseError):
        remove(small, Takedown("id", page["id"].hex()))  # type: ignore[attr-defined]
    assert not (small / "removed.jsonl").exists()


def test_a_damaged_list_stops_everything(cli: Cli, small: Path) -> None:
    (small / "removed.jsonl").write_text('{"kind": "host", "val')
    with pytest.raises(StorageError, match=r"removed\.jsonl:1"):
        read_removals(str(small))
    result = cli("run", small.parent / "small.yaml", "--out", small, "--workers", "1")
    assert result.exit_code == 4
    assert "would come back" in result.stderr


def test_what_a_takedown_can_be() -> None:
    assert Takedown.of("url", "HTTP://www.A.example:80/x/../y?utm_source=z#t").value == "https://a.example/y"
    assert Takedown.of("host", "WWW.A.example").value == "a.example"
    assert Takedown.guess(" A.example ").kind == "host"
    assert Takedown.guess("AB" * 16) == Takedown("id", "ab" * 16)
    for kind, value in (("url", "a.example/x"), ("host", "a.example/x"), ("id", "12"), ("host", ""), ("host", "a b")):
        with pytest.raises(InputError):
            Takedown.of(kind, value)


hosts = st.sampled_from(["a.example", "b.a.example", "xa.example", "b.example", "www.a.example", "example"])
paths = st.sampled_from(["/", "/x", "/x?y=1", "/X"])


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(hosts, paths), max_size=6), st.lists(hosts, max_size=2), st.lists(st.tuples(hosts, paths), max_size=2))
def test_the_mask_is_what_the_list_says(
    rows: list[tuple[str, str]], gone: list[str], pages: list[tuple[str, str]]
) -> None:
    urls = [f"http://{host}{path}" for host, path in rows]
    ids = pa.array([bytes([i]) * 16 for i in range(len(rows))], ID_TYPE)
    listed = [Takedown.of("host", host) for host in gone] + [Takedown.of("url", f"https://{h}{p}") for h, p in pages]
    removals = Removals(frozenset(listed))

    def bare(host: str) -> str:
        return host.removeprefix("www.")

    expected = [
        any(bare(host) == bare(g) or bare(host).endswith(f".{bare(g)}") for g in gone)
        or any((bare(host), path) == (bare(h), p) for h, p in pages)
        for host, path in rows
    ]
    mask = removals.mask(ids, pa.array(urls, pa.string()))
    assert mask.tolist() == expected
    assert not removals.mask(ids, pa.nulls(len(ids), pa.string())).any()
    half = len(rows) // 2
    column = pa.array(urls, pa.string())
    split = [removals.mask(ids[:half], column[:half]), removals.mask(ids[half:], column[half:])]
    assert np.concatenate(split).tolist() == expected
