"""`inspect` shows what became of a record and why; `check` finds whatever was changed behind the run's back."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

import web2shards
from pipelines.inspection import find
from pipelines.verify import verify

from .conftest import Cli


def dropped_for(finished: Path, reason: str) -> dict[str, object]:
    documents = web2shards.open(finished).documents
    return documents.head(1, ["id", "page.url", "language.label"], f'fate.reason is "{reason}"').to_pylist()[0]


def test_the_rule_that_dropped_a_page_and_its_values(cli: Cli, finished: Path) -> None:
    page = dropped_for(finished, "language_label")
    told = cli("inspect", finished, page["page.url"]).stdout
    assert "dropped: language_label by the rule `language.label in [en, fr, de]`" in told
    assert f": language.label is {page['language.label']}" in told
    assert "text.characters >= 200" in told
    for column in ("page.offset", "text.title", "exact.url_hash", "fate.kept", "record.length"):
        assert column in told


def test_a_kept_page_and_its_cluster(cli: Cli, finished: Path) -> None:
    run = web2shards.open(finished)
    page = run.documents.head(1, ["id", "duplicates.size"], "fate.kept and duplicates.size >= 2").to_pylist()[0]
    (found,) = find(run, page["id"].hex())
    assert found.kept
    assert len(found.cluster) == page["duplicates.size"]
    assert [member.id for member in found.cluster if member.kept] == [page["id"].hex()]
    assert {v.verdict for v in found.verdicts} == {True}
    told = cli("inspect", finished, page["id"].hex()[:12]).stdout
    assert "kept" in told
    assert f"duplicate cluster of {page['duplicates.size']} documents" in told


@pytest.mark.parametrize("digits", [4, 5, 12, 31, 32])
def test_ids_by_their_first_digits(finished: Path, digits: int) -> None:
    run = web2shards.open(finished)
    id = run.documents.head(1, ["id"]).column("id")[0].as_py().hex()
    found = find(run, id[:digits].upper())
    assert id in {record.id for record in found}
    assert all(record.id.startswith(id[:digits]) for record in found)


def test_a_url_in_another_spelling(finished: Path) -> None:
    run = web2shards.open(finished)
    url = run.documents.head(1, ["page.url"], "page.url ends with \".html\"").column(0)[0].as_py()
    respelled = url.replace("https://", "http://www.") + "?utm_source=mail#top"
    assert url in {record.values["page.url"] for record in find(run, respelled)}


def test_what_is_no_document_says_why(cli: Cli, finished: Path) -> None:
    record = web2shards.open(finished).records.head(1, ["record.url"], "record.reason is redirect").to_pylist()[0]
    told = cli("inspect", finished, record["record.url"]).stdout
    assert "no document: redirect" in told


def test_json(cli: Cli, finished: Path) -> None:
    page = dropped_for(finished, "text_characters")
    (found,) = json.loads(cli("inspect", finished, page["id"].hex(), "--json").stdout)
    assert found["values"]["fate.reason"] == "text_characters"
    assert found["verdicts"][0]["verdict"] is False
    assert found["id"] == page["id"].hex()


def test_full_shows_the_text(cli: Cli, finished: Path) -> None:
    row = web2shards.open(finished).documents.head(1, ["id", "text.text"], "text.characters >= 2000").to_pylist()[0]
    end = row["text.text"].split()[-1]
    assert end in cli("inspect", finished, row["id"].hex(), "--full").stdout
    assert f"({len(row['text.text']):,} characters)" in " ".join(cli("inspect", finished, row["id"].hex()).stdout.split())


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def change_stats(path: Path) -> None:
    stats = json.loads(path.read_text())
    stats["tables"][0]["kept"] += 1
    path.write_text(json.dumps(stats))


def unfinish(path: Path) -> None:
    run = json.loads(path.read_text())
    path.write_text(json.dumps(run | {"finished": None}))


def take_anothers(path: Path) -> None:
    other = sorted(path.parent.glob("*.parquet"))[-1]
    path.write_bytes(other.read_bytes())


DAMAGE: list[tuple[str, Callable[[Path], None], str]] = [
    ("documents/text", flip, "the layer file is damaged"),
    ("documents/language", cut, "the layer file is damaged"),
    ("documents/fate", Path.unlink, "is missing"),
    ("documents/exact", take_anothers, "says that it is of layer exact, part"),
    ("records/record", Path.unlink, "is missing"),
    ("shards/text", flip, "sha256"),
    ("shards/text", Path.unlink, "it is missing"),
    ("report/stats.json", change_stats, "kept"),
    ("report/stats.json", Path.unlink, "cannot be read"),
    ("run.json", unfinish, "the last run did not finish"),
]  # fmt: skip


def test_a_sound_run(cli: Cli, finished: Path) -> None:
    told = cli("check", finished)
    assert told.exit_code == 0, told.stderr
    assert told.stdout.startswith("sound: 40 layer files")
    shards = sorted((finished / "shards").glob("*/*.tar"))
    lines = "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(finished)}\n" for path in shards)
    assert f"sha256 of the shards' sha256sum: {hashlib.sha256(lines.encode()).hexdigest()}" in told.stdout
    checked = verify(str(finished))
    assert checked.samples == web2shards.open(finished).stats["tables"][0]["kept"]


@pytest.mark.parametrize(("where", "spoil", "told"), DAMAGE)
def test_whatever_is_changed_is_found(cli: Cli, out: Path, where: str, spoil: Callable[[Path], None], told: str) -> None:
    path = out / where
    if path.is_dir():
        path = sorted(p for p in path.iterdir() if p.suffix in (".parquet", ".tar"))[0]
    spoil(path)
    result = cli("check", out)
    assert result.exit_code == 7
    assert told in result.stderr
    assert path.name in result.stderr
    assert "→" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("where", ["documents/text", "documents/fate", "shards/text"])
def test_the_mend_mends(cli: Cli, recipe: Path, out: Path, where: str) -> None:
    from .conftest import run_inline

    path = sorted(p for p in (out / where).iterdir() if p.suffix in (".parquet", ".tar"))[1]
    sound = path.read_bytes()
    flip(path)
    assert "delete the file and run the same command again" in cli("check", out).stderr
    path.unlink()
    run_inline(recipe, out)
    assert cli("check", out).exit_code == 0
    assert path.read_bytes() == sound
