"""Training of quality classifiers: what is read, how it is split, what is written, and what is wrong with it."""

from __future__ import annotations

import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.errors import InputError, ScorerError, StorageError
from filters.quality import Quality
from filters.quality_figures import auc
from filters.quality_model import load, model_digest
from pipelines.quality_card import check_folder, write_model
from pipelines.quality_texts import Sample, Source, hold_out, read_sample
from pipelines.quality_training import Training, train

from .runs import EXAMPLES, column, small_run

ROOT = Path(__file__).parents[2]
PROSE = [
    "the", "river", "rises", "in", "hills", "behind", "town", "and", "runs", "past", "a", "mill", "where", "old", "wheel", "turns",
]  # fmt: skip
SPAM = ["buy", "cheap", "now", "click", "here", "free", "offer", "deal", "sale", "best", "price", "win", "casino", "bonus", "loan"]
FAST: dict[str, Any] = {"buckets": 500, "dimensions": 4, "epochs": 25, "rate": 0.5}
FASTTEXT = Training(**FAST)
LOGISTIC = Training(method="logistic", bits=10)


def rows(kind: str, n: int, seed: int = 0, hosts: int = 40) -> list[dict[str, str]]:
    rng = random.Random(f"{kind}{seed}")
    words = {"good": (PROSE, SPAM[:3]), "bad": (SPAM, PROSE[:6])}[kind]
    return [
        {"url": f"https://{kind}{i % hosts}.example/{i}", "text": " ".join(rng.choices(words[rng.random() < 0.1], k=30))}
        for i in range(n)
    ]


def jsonl(path: Path, found: Sequence[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in found), "utf-8")
    return str(path)


@pytest.fixture
def tables(tmp_path: Path) -> tuple[Source, Source]:
    good, bad = jsonl(tmp_path / "good.jsonl", rows("good", 300)), jsonl(tmp_path / "bad.jsonl", rows("bad", 300))
    return Source("--positive", (good,)), Source("--negative", (bad,))


def test_a_fasttext_model_is_trained_and_told(tables: tuple[Source, Source], tmp_path: Path) -> None:
    out = tmp_path / "models" / "mine"
    trained = train(*tables, str(out), FASTTEXT)
    assert sorted(path.name for path in out.iterdir()) == ["card.json", "card.md", "model.bin"]
    assert list(out.parent.iterdir()) == [out]
    card = json.loads((out / "card.json").read_text())
    assert {key: card[key] for key in trained.card} == trained.card
    figures = card["figures"]
    assert figures["auc"] > 0.9
    assert figures["precision_at_keep"] > 0.9
    held = figures["held_out"]
    assert 20 <= held["positive"] <= 45
    assert 20 <= held["negative"] <= 45
    assert card["data"]["positive"] == {
        "files": [{"path": "good.jsonl", "texts": 300, "digest": card["data"]["positive"]["files"][0]["digest"]}],
        "texts": 300, "used": 300, "copies": 0, "unusable": 0, "split": "by host",
    }  # fmt: skip
    assert card["settings"]["ngrams"] == 2
    assert "bits" not in card["settings"]
    assert card["reference"]["of"] == "held-out negatives"
    assert card["reference"]["texts"] == held["negative"]
    assert any("held out" in warning for warning in trained.warnings)
    assert f"AUC **{figures['auc']:.4f}**" in (out / "card.md").read_text()
    scorer = Quality(str(out))
    scorer.open()
    good, bad = scorer.score(pa.record_batch({"text.edited": [" ".join(PROSE), " ".join(SPAM)]})).to_pylist()
    assert good["score"] > 0.8 > 0.2 > bad["score"]
    assert good["percentile"] == 1


def test_figures_are_of_texts_that_were_not_trained_on(tables: tuple[Source, Source], tmp_path: Path) -> None:
    card = train(*tables, str(tmp_path / "model"), FASTTEXT).card
    samples = [read_sample(source, FASTTEXT.most, FASTTEXT.seed) for source in tables]
    held, _ = hold_out(samples, FASTTEXT.held_out, FASTTEXT.seed)
    raw = load(str(tmp_path / "model")).raw
    texts = [[t for t, side in zip(s.texts, sides, strict=True) if side] for s, sides in zip(samples, held, strict=True)]
    scores = np.concatenate([raw(pa.array(one)) for one in texts]).astype(np.float32)
    positive = np.array([True] * len(texts[0]) + [False] * len(texts[1]))
    assert auc(scores.astype(float), positive) == card["figures"]["auc"]


def test_the_same_texts_give_the_same_bytes(tables: tuple[Source, Source], tmp_path: Path) -> None:
    """However their files are cut and ordered."""
    train(*tables, str(tmp_path / "one"), FASTTEXT)
    found = rows("good", 300)
    (tmp_path / "cut").mkdir()
    first, second = jsonl(tmp_path / "cut" / "b.jsonl", found[200:]), str(tmp_path / "cut" / "a.parquet")
    pq.write_table(pa.Table.from_pylist(found[:200]), second)
    train(Source("--positive", (first, second)), tables[1], str(tmp_path / "other"), FASTTEXT)
    assert (tmp_path / "one" / "model.bin").read_bytes() == (tmp_path / "other" / "model.bin").read_bytes()
    cards = [json.loads((tmp_path / name / "card.json").read_text()) for name in ("one", "other")]
    for card in cards:
        del card["data"]["positive"]["files"]
    assert cards[0] == cards[1]
    train(*tables, str(tmp_path / "seeded"), Training(**FAST, seed=1))
    assert (tmp_path / "one" / "model.bin").read_bytes() != (tmp_path / "seeded" / "model.bin").read_bytes()


def test_a_logistic_model(tables: tuple[Source, Source], tmp_path: Path) -> None:
    pytest.importorskip("sklearn")
    for name in ("one", "two"):
        trained = train(*tables, str(tmp_path / name), LOGISTIC)
    assert trained.card["figures"]["auc"] > 0.9
    assert trained.card["settings"]["strength"] == 10
    for file in ("model.npz", "card.json", "card.md"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_without_scikit_learn_it_is_told(
    tables: tuple[Source, Source], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.linear_model", None)
    with pytest.raises(ScorerError, match="scikit-learn") as told:
        train(*tables, str(tmp_path / "model"), LOGISTIC)
    assert told.value.mend == "pip install 'web2shards[train]'"
    assert not (tmp_path / "model").exists()


def test_hosts_go_to_one_side_whole() -> None:
    samples = [_sample([f"{kind}{i % 40}.example" for i in range(400)], kind) for kind in ("same", "same")]
    held, ways = hold_out(samples, 0.1, 0)
    assert ways == ["by host", "by host"]
    sides = [{host for host, side in zip(s.hosts, h, strict=True) if side} for s, h in zip(samples, held, strict=True)]
    assert sides[0] == sides[1]
    for sample, side, hosts in zip(samples, held, sides, strict=True):
        assert 30 <= sum(side) <= 61
        assert not hosts & {host for host, at in zip(sample.hosts, side, strict=True) if not at}


def test_one_large_host_is_split_by_text() -> None:
    samples = [_sample(["big.example"] * 399 + ["small.example"], "a"), _sample([""] * 400, "b")]
    held, ways = hold_out(samples, 0.1, 0)
    assert ways == ["by text", "by text"]
    assert [sum(side) for side in held] == [40, 40]


def _sample(hosts: list[str], name: str) -> Sample:
    keys = [f"{name}{i:06}" for i in range(len(hosts))]
    return Sample(Source("--positive", ()), keys, [f"text {key}" for key in keys], hosts)


def test_few_texts_are_held_out_all_the_same() -> None:
    """One text a class was all that a card's figures stood on."""
    samples = [_sample([""] * 20, name) for name in "pn"]
    held, _ = hold_out(samples, 0.05, 0, 4)
    assert [sum(side) for side in held] == [4, 4]


def test_a_sample_hangs_on_content_alone(tmp_path: Path) -> None:
    found = rows("good", 500)
    one = read_sample(Source("p", (jsonl(tmp_path / "one.jsonl", found),)), 50, 0)
    halves = (jsonl(tmp_path / "b.jsonl", found[:300][::-1]), jsonl(tmp_path / "a.jsonl", found[250:]))
    two = read_sample(Source("p", halves), 50, 0)
    assert len(one) == 50
    assert (one.texts, one.hosts) == (two.texts, two.hosts)
    assert one.texts != read_sample(Source("p", halves), 50, 1).texts
    everything = read_sample(Source("p", halves), 1000, 0)
    assert everything.copies == 50
    assert everything.texts[:50] == one.texts


def test_a_text_of_both_classes_is_a_positive(tmp_path: Path) -> None:
    good, bad = rows("good", 100), rows("bad", 100)
    sources = [
        Source("--positive", (jsonl(tmp_path / "good.jsonl", good),)),
        Source("--negative", (jsonl(tmp_path / "bad.jsonl", [*bad, *good[:7]]),)),
    ]
    trained = train(sources[0], sources[1], str(tmp_path / "model"), FASTTEXT)
    assert trained.card["in_both_classes"] == 7
    assert trained.card["data"]["negative"]["used"] == 100
    assert any("7 texts are in both classes" in warning for warning in trained.warnings)


def test_records_that_are_no_text_are_told_with_their_place(tmp_path: Path, tables: tuple[Source, Source]) -> None:
    path = jsonl(tmp_path / "mixed.jsonl", [*rows("good", 100), {"text": 5}, {"text": None}, {"text": "  "}])
    trained = train(Source("--positive", (path,)), tables[1], str(tmp_path / "model"), FASTTEXT)
    assert trained.card["data"]["positive"]["unusable"] == 2
    (told,) = (warning for warning in trained.warnings if "no text" in warning)
    assert told.startswith("2 positive records hold no text; the first: mixed.jsonl, ")
    assert "the text is a number" in told


@pytest.mark.parametrize(
    ("found", "told", "mend"),
    [
        ([{"text": 5}], "there is no text in it; the first of what is no text: p.jsonl", "--text-column"),
        ([{"text": " "}], "there is no text in it", "--text-column"),
        (rows("good", 10), "10 different positive texts; at least 20", "--positive"),
        (rows("good", 1) * 50, r"1 different positive texts \(49 copies", "--positive"),
    ],
    ids=["numbers", "blank", "few", "copies"],
)
def test_texts_that_cannot_be_trained_on(
    tmp_path: Path, tables: tuple[Source, Source], found: list[dict[str, Any]], told: str, mend: str
) -> None:
    path = jsonl(tmp_path / "p.jsonl", found)
    with pytest.raises(InputError, match=told) as error:
        train(Source("--positive", (path,)), tables[1], str(tmp_path / "model"), FASTTEXT)
    assert error.value.path == path
    assert mend in error.value.mend
    assert not (tmp_path / "model").exists()


def test_files_that_cannot_be_trained_on(tmp_path: Path) -> None:
    def read(path: Path) -> None:
        read_sample(Source("--negative", (str(path),)), 100, 0)

    with pytest.raises(InputError, match="is a WARC") as error:
        read(EXAMPLES / "web.warc.gz")
    assert "out folder" in error.value.mend
    with pytest.raises(InputError, match=r"run\.json is missing"):
        read(tmp_path)
    with pytest.raises(InputError, match="matches no file"):
        read(tmp_path / "none.jsonl")
    pq.write_table(pa.table({"body": ["text"]}), tmp_path / "other.parquet")
    with pytest.raises(InputError, match="has no column 'text'"):
        read(tmp_path / "other.parquet")
    read_sample(Source("p", (str(tmp_path / "other.parquet"),), (("text", "body"),)), 100, 0)


def test_an_out_folder_gives_what_it_kept(tmp_path: Path) -> None:
    out = tmp_path / "run"
    small_run(out)
    kept = column(out, "fate", "kept")
    sample = read_sample(Source("--positive", (str(out),)), 1000, 0)
    assert sample.read == sum(kept)
    texts = {text for text, k in zip(column(out, "text", "text"), kept, strict=True) if k}
    assert set(sample.texts) == texts
    assert all(sample.hosts)
    dropped = read_sample(Source("--negative", (str(out),), rule="not fate.kept"), 1000, 0)
    assert dropped.read + dropped.copies > 0
    assert dropped.read < len(kept) - sum(kept) + 1
    with pytest.raises(InputError, match="there is no text") as error:
        read_sample(Source("--negative", (str(out),), rule="text.characters > 100_000_000"), 1000, 0)
    assert "another rule" in error.value.mend
    with pytest.raises(InputError, match="no column"):
        read_sample(Source("--negative", (str(out),), rule="gopher.words > 1"), 1000, 0)


def test_percentiles_are_among_the_reference_by_language(tmp_path: Path, tables: tuple[Source, Source]) -> None:
    german = "Der Fluss entspringt in den Hügeln hinter der Stadt und fließt an der alten Mühle vorbei, Nummer"
    others = [{"text": f"{german} {i}"} for i in range(120)] + [{"text": f"Le fleuve et la ville, numéro {i}"} for i in range(30)]
    reference = Source("--reference", (jsonl(tmp_path / "crawl.jsonl", others),))
    card = train(*tables, str(tmp_path / "model"), Training(**FAST, by_language=True), reference).card
    assert list(card["reference"]["languages"]) == ["de"]
    assert card["reference"]["texts"] == 150
    assert 115 <= card["reference"]["languages"]["de"]["texts"] <= 120
    assert card["data"]["reference"]["used"] == 150
    quality = Quality(str(tmp_path / "model"), by_language=True)
    batch = pa.record_batch({"text.edited": [german, "The river"], "language.label": ["de", "en"]})
    assert quality.score(batch).column("reference").to_pylist() == ["de", "all"]


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path, tables: tuple[Source, Source]) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("dear")
    with pytest.raises(StorageError, match=r"thesis\.txt"):
        train(*tables, str(tmp_path / "mine"), FASTTEXT)
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "dear"
    with pytest.raises(StorageError, match="is a file"):
        check_folder(str(tmp_path / "mine" / "thesis.txt"))
    with pytest.raises(StorageError, match=r"no folder of this machine"):
        check_folder("s3://bucket/model")


def test_a_model_is_replaced_whole(tmp_path: Path, tables: tuple[Source, Source]) -> None:
    out = tmp_path / "model"
    train(*tables, str(out), FASTTEXT)
    before = load(str(out)).raw(pa.array(["the river"]))[0]
    files = {path.name: path.read_bytes() for path in out.iterdir()}
    with pytest.raises(StorageError, match="holds a model already") as told:
        train(*tables, str(out), Training(**{**FAST, "epochs": 1}))
    assert "--overwrite" in told.value.mend
    assert {path.name: path.read_bytes() for path in out.iterdir()} == files
    train(*tables, str(out), Training(**{**FAST, "epochs": 1}), overwrite=True)
    assert json.loads((out / "card.json").read_text())["settings"]["epochs"] == 1
    assert load(str(out)).raw(pa.array(["the river"]))[0] != before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.jsonl", "good.jsonl", "model"]


REPLACE = """
import json, os, shutil, signal, sys
from pathlib import Path
from pipelines import quality_card

calls = 0

def until(function):
    def counted(*arguments, **named):
        global calls
        if calls == int(sys.argv[3]):
            os.kill(os.getpid(), signal.SIGKILL)
        calls += 1
        return function(*arguments, **named)
    return counted

os.replace, shutil.rmtree, quality_card.sync = until(os.replace), until(shutil.rmtree), until(quality_card.sync)
folder, source = Path(sys.argv[1]), Path(sys.argv[2])
card = json.loads((source / "card.json").read_text())
quality_card.write_model(folder, source / "model.bin", card, overwrite=True)
"""


def test_a_replacement_that_is_killed_anywhere_leaves_a_whole_model(tables: tuple[Source, Source], tmp_path: Path) -> None:
    """At each sync, rename and removal: what a reader finds is the earlier model or the new one, and training goes on."""
    for name, epochs in (("first", 25), ("second", 1)):
        train(*tables, str(tmp_path / name), Training(**{**FAST, "epochs": epochs}))
    first, second = (model_digest(str(tmp_path / name)) for name in ("first", "second"))
    found: list[str] = []
    for kill in itertools.count():
        folder = tmp_path / f"at{kill}" / "model"
        shutil.copytree(tmp_path / "first", folder)
        words = [sys.executable, "-c", REPLACE, str(folder), str(tmp_path / "second"), str(kill)]
        ended = subprocess.run(words, check=False, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}).returncode
        found.append(model_digest(str(folder)))
        assert model_digest(str(folder / "model.bin")) == found[-1]
        assert load(str(folder)).raw(pa.array(["the river"])).shape == (1,)
        if not ended:
            break
        assert ended == -signal.SIGKILL
        with pytest.raises(StorageError, match="holds a model already"):
            check_folder(str(folder))
        card = json.loads((tmp_path / "second" / "card.json").read_text())
        write_model(folder, tmp_path / "second" / "model.bin", card, overwrite=True)
        assert model_digest(str(folder)) == second
        assert [path.name for path in folder.parent.iterdir() if not path.name.endswith(".tmp")] == ["model"]
    assert set(found) == {first, second}
    assert found[-1] == second
    assert found == sorted(found, key=[first, second].index)
    assert len(found) > 8


SETTINGS = ("held_out", "keep", "most", "ngrams", "rate", "epochs", "dimensions", "buckets", "bits", "strength")


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_are_checked(name: str) -> None:
    with pytest.raises(ValueError, match=rf"^{name}: 0 is not in"):
        Training(**{name: 0})
    with pytest.raises(ValueError, match=r"^method"):
        Training(method="svm")  # type: ignore[arg-type]
