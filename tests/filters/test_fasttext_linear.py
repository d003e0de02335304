"""What a fastText model of two labels says is the same, looked up by rows and asked of fastText itself."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.fasttext_file import FastTextFile, read_file
from filters.fasttext_linear import linear_fasttext
from filters.quality_model import one_line

fasttext: Any = pytest.importorskip("fasttext")
WORDS = ["river", "mill", "Wheel", "größe", "日本語", "cheap", "casino", "buy,", "now!"]


def trained(folder: Path, **settings: Any) -> Any:
    rng = random.Random(4)
    lines = folder / "lines.txt"
    rows = [("hq", WORDS[:6]) if i % 2 else ("cc", WORDS[3:]) for i in range(400)]
    lines.write_text("".join(f"__label__{label} {' '.join(rng.choices(words, k=12))}\n" for label, words in rows))
    given = {"dim": 8, "bucket": 300, "wordNgrams": 2, "epoch": 8, "lr": 0.8, "thread": 1, "verbose": 0, **settings}
    return fasttext.train_supervised(input=str(lines), **given)


def read(model: Any, folder: Path) -> FastTextFile:
    path = folder / "model.bin"
    model.save_model(str(path))
    file = read_file(path)
    assert file is not None
    return file


def asked(model: Any, texts: list[str], label: str = "__label__hq") -> list[float]:
    found = (model.f.predict(one_line(text) + "\n", -1, 0.0, "strict") for text in texts)
    return [min(1.0, next((p for p, name in pairs if name == label), 0.0)) for pairs in found]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[int, tuple[Any, FastTextFile]]:
    """Models as fastText has them, and as they are read, by the length of their runs of words."""
    found: dict[int, tuple[Any, FastTextFile]] = {}
    for n in (1, 2, 4):
        folder = tmp_path_factory.mktemp("m")
        model = trained(folder, wordNgrams=n)
        found[n] = model, read(model, folder)
    return found


@pytest.mark.parametrize("ngrams", [1, 2, 4])
@settings(deadline=None, max_examples=40)
@given(texts=st.lists(st.one_of(
    st.lists(st.sampled_from([*WORDS, "new", "\n", "\t", "\x0b", "\x00", "</s>", "__label__hq", "\u00a0"])).map(" ".join),
    st.text(max_size=40),
), max_size=5))  # fmt: skip
def test_it_is_what_fasttext_says(models: dict[int, tuple[Any, FastTextFile]], ngrams: int, texts: list[str]) -> None:
    texts = [text.encode("utf-8", "replace").decode() for text in texts]
    model, file = models[ngrams]
    raw = linear_fasttext(file, "__label__hq")
    assert raw is not None
    assert np.allclose(raw(pa.array(texts, pa.string())), asked(model, texts), atol=2e-6)


def test_the_other_label_and_a_text_that_is_clear(models: dict[int, tuple[Any, FastTextFile]]) -> None:
    texts = ["river mill wheel " * 9, "casino cheap buy, now! " * 9]
    for label in ("__label__hq", "__label__cc"):
        model, file = models[2]
        raw = linear_fasttext(file, label)
        assert raw is not None
        found = raw(pa.array(texts))
        assert np.allclose(found, asked(model, texts, label), atol=2e-6)
        assert abs(found[0] - found[1]) > 0.5


def test_other_kinds_of_models_are_left_to_fasttext(tmp_path: Path) -> None:
    assert linear_fasttext(read(trained(tmp_path, maxn=4, minn=2), tmp_path), "__label__hq") is None
    assert linear_fasttext(read(trained(tmp_path, loss="hs"), tmp_path), "__label__hq") is None
    assert linear_fasttext(read(trained(tmp_path), tmp_path), "__label__good") is None
    quantized = trained(tmp_path, bucket=1000)
    quantized.quantize(input=str(tmp_path / "lines.txt"))
    quantized.save_model(str(tmp_path / "model.ftz"))
    assert read_file(tmp_path / "model.ftz") is None
    words = fasttext.train_unsupervised(input=str(tmp_path / "lines.txt"), dim=8, bucket=300, thread=1, verbose=0)
    words.save_model(str(tmp_path / "words.bin"))
    assert read_file(tmp_path / "words.bin") is None
    (tmp_path / "other").write_bytes(b"no model at all")
    assert read_file(tmp_path / "other") is None


def test_a_file_is_read_as_fasttext_reads_it(models: dict[int, tuple[Any, FastTextFile]], monkeypatch: pytest.MonkeyPatch) -> None:
    model, file = models[2]
    assert [word.decode() for word in file.words] == model.get_words()
    assert list(file.labels) == model.get_labels()
    monkeypatch.setattr("filters.fasttext_file._SLAB", 4 * file.dim * 7)  # so that the last slab is a shorter one
    slabs = list(file.slabs())
    assert [first for first, _ in slabs] == list(range(0, file.rows, 7))
    assert np.array_equal(np.concatenate([rows for _, rows in slabs]), model.get_input_matrix())
    assert np.array_equal(file.output, model.get_output_matrix())


def test_a_file_that_is_cut_short_is_told(models: dict[int, tuple[Any, FastTextFile]], tmp_path: Path) -> None:
    whole = models[1][1].path.read_bytes()
    cut = tmp_path / "cut.bin"
    for size in [*range(8, 200, 7), *range(200, len(whole), 997), len(whole) - 1]:
        cut.write_bytes(whole[:size])
        with pytest.raises(ValueError, match=r"cut short|its "):
            read_file(cut)


@settings(deadline=None, max_examples=100)
@given(st.integers(8, 600), st.binary(min_size=1, max_size=8))
def test_a_damaged_file_gives_no_other_error(models: dict[int, tuple[Any, FastTextFile]], at: int, bytes_: bytes) -> None:
    path = models[1][1].path
    whole = path.read_bytes()
    damaged = path.with_suffix(".damaged")
    damaged.write_bytes(whole[:at] + bytes_ + whole[at + len(bytes_) :])
    try:
        file = read_file(damaged)
        if file is not None:
            linear_fasttext(file, "__label__hq")
    except ValueError:
        pass
