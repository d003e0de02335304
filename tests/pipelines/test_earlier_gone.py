"""Earlier runs that a recipe names under `against` and that are moved, deleted or damaged afterwards."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from core.errors import InputError, StorageError
from pipelines.inspection import find
from pipelines.progress import Silent
from pipelines.removal import Takedown
from pipelines.run import RunOptions, run
from pipelines.stored import Run
from pipelines.takedown import look_up, take_down
from tests.pipelines.runs import column
from tests.pipelines.test_duplicates import near, texts, write_table


class Told(Silent):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def told(self, message: str) -> None:
        self.lines.append(message)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs, the second of which leaves out what the first has."""
    folder = tmp_path_factory.mktemp("both")
    rows = texts()
    path = write_table(folder / "first.jsonl", rows[: len(rows) // 2])
    run(near(path), RunOptions(str(folder / "first"), inline=True))
    new = texts(seed=8, families=10)
    path = write_table(folder / "second.jsonl", [*rows[len(rows) // 2 :], rows[0], new[0], rows[0], *new], start=1000)
    run(near(path, part="20kB", more=f"against: {folder / 'first'}"), RunOptions(str(folder / "second"), inline=True))
    path.unlink()
    return folder


@pytest.fixture
def folder(both: Path, tmp_path: Path) -> Path:
    """The runs where they were made, as they were."""
    for name in ("first", "second"):
        shutil.rmtree(both / name, ignore_errors=True)
        shutil.copytree(both.parent / "kept" / name, both / name)
    return both


@pytest.fixture(scope="module", autouse=True)
def kept(both: Path) -> None:
    shutil.copytree(both, both.parent / "kept")


def remove(out: Path, id: bytes, told: Told | None = None) -> None:
    take_down(RunOptions(str(out), inline=True), look_up(str(out), [Takedown("id", id.hex())]), progress=told)


def fates(out: Path) -> dict[bytes, list[Any]]:
    ids, kept, reason = (column(out, "fate", name) for name in ("id", "kept", "reason"))
    return {id: told for id, *told in zip(ids, kept, reason, strict=True)}


def layer(out: Path) -> list[tuple[Any, ...]]:
    """The clusters; the sizes of those that an earlier run has a document of, which are as they were, are left out."""
    rows = zip(*(column(out, "duplicates", name) for name in ("cluster", "kept", "earlier", "size")), strict=True)
    return [row[:3] if row[2] else row for row in rows]


def of_kind(out: Path, wanted: str) -> bytes:
    """A document of the second run: one that stands for others, that stands alone, or that the first run kept out."""
    for id, cluster, size, kept, earlier in zip(
        *(column(out, "duplicates", name) for name in ("id", "cluster", "size", "kept", "earlier")), strict=True
    ):
        if wanted == ("kept out" if earlier else "first of several" if kept and size > 1 else "alone" if kept else ""):
            assert (cluster == id) == kept
            return id
    raise AssertionError(wanted)


def test_who_an_earlier_run_kept_out_is_marked(folder: Path) -> None:
    ids = set(column(folder / "first", "fate", "id"))
    known = [cluster in ids for cluster in column(folder / "second", "duplicates", "cluster")]
    assert column(folder / "second", "duplicates", "earlier") == known
    assert 0 < sum(known) < len(known)
    assert not any(column(folder / "first", "duplicates", "earlier"))


def rot(out: Path) -> list[Path]:
    """Damages signatures behind their manifest's back: that is found while they are read."""
    files = sorted((out / "documents" / "minhash").glob("*.parquet"))
    for path in files:
        stat, data = path.stat(), bytearray(path.read_bytes())
        for at in range(100, len(data) // 2, 50):
            data[at] ^= 1
        path.write_bytes(data)
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    return files


@pytest.mark.parametrize(
    ("lost", "kind"),
    [
        ("deleted", "first of several"), ("deleted", "alone"), ("deleted", "kept out"), ("unfinished", "kept out"),
        ("damaged", "kept out"), ("damaged inside", "first of several"),
    ],
)  # fmt: skip
def test_a_takedown_does_without_it(folder: Path, tmp_path: Path, lost: str, kind: str) -> None:
    """The outcome is that with the earlier run at hand."""
    out = folder / "second"
    id = of_kind(out, kind)
    remove(out, id)
    expected, shards = fates(out), sorted(p.read_bytes() for p in (out / "shards" / "text").glob("*.tar"))
    expected_layer = layer(out)
    shutil.rmtree(out)
    shutil.copytree(folder.parent / "kept" / "second", out)
    if lost == "deleted":
        shutil.rmtree(folder / "first")
    elif lost == "unfinished":
        shutil.rmtree(folder / "first" / "documents" / "fate")
    elif lost == "damaged":
        (folder / "first" / "run.json").write_text("{")
    else:
        rot(folder / "first")
    told = Told()
    remove(out, id, told)
    assert fates(out) == expected
    assert fates(out)[id] == [False, "removed"]
    assert sorted(p.read_bytes() for p in (out / "shards" / "text").glob("*.tar")) == shards
    assert layer(out) == expected_layer
    assert any(str(folder / "first") in line and "stays out" in line for line in told.lines)
    # Another one, the earlier run still gone.
    other = next(id for id, (kept, _) in expected.items() if kept)
    remove(out, other)
    assert fates(out)[other] == [False, "removed"]
    assert [row for row in layer(out) if row[2]] == [row for row in expected_layer if row[2]]


def test_without_an_election_of_its_own_it_says_what_to_mend(folder: Path) -> None:
    out = folder / "second"
    id = of_kind(out, "alone")
    shutil.rmtree(out / "documents" / "duplicates")
    shutil.move(folder / "first", folder / "moved")
    try:
        with pytest.raises(InputError, match="no election here came to its end") as caught:
            remove(out, id)
    finally:
        shutil.move(folder / "moved", folder / "first")
    assert str(folder / "first") in caught.value.message
    assert "put it back" in caught.value.mend
    remove(out, id)  # the same command again
    assert fates(out)[id] == [False, "removed"]


def test_an_ordinary_run_does_not_do_without_it(folder: Path, tmp_path: Path) -> None:
    shutil.rmtree(folder / "first")
    path = write_table(tmp_path / "second.jsonl", texts()[:3])
    with pytest.raises((InputError, StorageError), match="there is no run here"):
        run(near(path, more=f"against: {folder / 'first'}"), RunOptions(str(tmp_path / "out"), inline=True))


def test_damage_in_it_is_told_with_its_own_mend(folder: Path, tmp_path: Path) -> None:
    damaged = rot(folder / "first")
    path = write_table(tmp_path / "second.jsonl", texts()[:3])
    recipe = near(path, more=f"against: {folder / 'first'}")
    with pytest.raises(StorageError, match="the layer file is damaged") as caught:
        run(recipe, RunOptions(str(tmp_path / "out"), inline=True))
    assert caught.value.path in map(str, damaged)
    assert caught.value.mend.startswith("delete it, run that run's own command again")
    for one in damaged:
        one.unlink()
    run(near(folder / "first.jsonl"), RunOptions(str(folder / "first"), inline=True))
    run(recipe, RunOptions(str(tmp_path / "out"), inline=True))
    assert not any(column(tmp_path / "out", "fate", "kept"))


def test_a_lookup_asks_earlier_runs_only_where_one_keeps_the_document(folder: Path) -> None:
    out = folder / "second"
    ids = {kind: of_kind(out, kind).hex() for kind in ("first of several", "alone", "kept out")}
    (found,) = find(Run(str(out)), ids["kept out"])
    assert found.cluster[0].earlier == str(folder / "first")
    assert found.untold == ()
    shutil.rmtree(folder / "first" / "documents" / "page")
    (found,) = find(Run(str(out)), ids["kept out"])
    assert [str(folder / "first") in why for why in found.untold] == [True]
    shutil.rmtree(folder / "first")
    for kind, id in ids.items():
        (found,) = find(Run(str(out)), id)
        assert not any(member.earlier for member in found.cluster)
        assert [str(folder / "first") in why for why in found.untold] == ([True] if kind == "kept out" else [])
