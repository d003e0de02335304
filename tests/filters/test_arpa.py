"""ARPA models: scores worked out by hand from tiny.arpa, and files that are none."""

from __future__ import annotations

import gzip
import math
import random
from collections import defaultdict
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import ScorerError
from filters.arpa import UNKNOWN, load_arpa
from filters.ngram_model import NgramModel

TINY = Path(__file__).parent / "tiny.arpa"


def tiny() -> NgramModel:
    return load_arpa(str(TINY), "")


@pytest.mark.parametrize(
    ("text", "logs", "unknown"),
    [
        # -0.2 (<s> the), -0.1 (<s> the cat), -0.12 (the cat sat), then </s>: -0.35 (backoff of cat sat) - 0.6 (sat </s>)
        ("the cat sat", [-0.2, -0.1, -0.12, -0.35 - 0.6], 0),
        # cat: -0.3 (backoff of <s>) - 0.8; dog is <unk>: cat <unk>; the: -0.2 (backoff of cat <unk>), none of <unk>, -0.7
        ("cat dog the", [-0.3 - 0.8, -0.45, -0.2 - 0.7, -0.4 - 0.9], 1),
        ("", [-0.3 - 0.9], 0),
        ("sat", [-0.3 - 1.1, -0.6], 0),
        # words that look like the model's own marks are words that it does not know
        ("<s> </s> <unk>", [-0.3 - 1.2, -1.2, -1.2, -0.9], 3),
    ],
)
def test_scores_by_hand(text: str, logs: list[float], unknown: int) -> None:
    found, tokens, strange = tiny().score(pa.array([text]))
    assert found[0] == pytest.approx(sum(logs), abs=1e-6)
    assert tokens[0] == len(logs)
    assert strange[0] == unknown


def test_lines_are_sentences_and_blank_ones_are_none() -> None:
    texts = ["the cat sat", "sat", "\n \n the  cat\tsat \n\n sat\n", None, "\n\n"]
    logs, tokens, _ = tiny().score(pa.array(texts))
    assert logs[2] == pytest.approx(logs[0] + logs[1])
    assert tokens.tolist() == [4, 2, 6, 1, 1]


def test_spaces_and_tabs_alone_part_the_words_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "spaces.arpa"
    odd = "the\u00a0\u3000\u2028\x85cat"
    path.write_text(TINY.read_text().replace("\tcat\t", f"\t{odd}\t").replace("the cat", f"the  {odd}"), newline="\r\n")
    logs, tokens, unknown = load_arpa(str(path), "").score(pa.array([f"the {odd}", "the cat", f"the\t\x0b{odd}\r"]))
    assert tokens.tolist() == [3, 3, 3]
    assert unknown.tolist() == [0, 1, 0]
    assert logs[0] == logs[2] == pytest.approx(tiny().score(pa.array(["the cat"]))[0][0])
    path.write_text(TINY.read_text().replace("\tsat\t", "\ts\x0ca\x0bt\t"))
    assert len(load_arpa(str(path), "again").keys) == len(tiny().keys)


ORDER = 3
WORDS = ("a", "b", "c")


def random_model(seed: int) -> dict[tuple[str, ...], tuple[float, float]]:
    rng = random.Random(seed)
    table: dict[tuple[str, ...], tuple[float, float]] = {}
    for order in range(1, ORDER + 1):
        for _ in range(14):
            words = [rng.choice((*WORDS, "<unk>")) for _ in range(order)]
            if order > 1 and rng.random() < 0.3:
                words[0] = "<s>"
            if rng.random() < 0.3:
                words[-1] = "</s>"
            table[tuple(words)] = (-rng.random(), -rng.random() if order < ORDER else 0.0)
    for word in (*WORDS, "<s>", "</s>", "<unk>"):
        table.setdefault((word,), (-rng.random(), -rng.random()))
    return table


def reference(table: dict[tuple[str, ...], tuple[float, float]], words: list[str]) -> float:
    """Backing off as ARPA says, by recursion."""

    def log(context: tuple[str, ...], word: str) -> float:
        if (*context, word) in table:
            return table[*context, word][0]
        return table.get(context, (0.0, 0.0))[1] + log(context[1:], word)

    words = ["<s>", *(word if (word,) in table else "<unk>" for word in words), "</s>"]
    return sum(log(tuple(words[max(0, i - ORDER + 1) : i]), words[i]) for i in range(1, len(words)))


def write(path: Path, table: dict[tuple[str, ...], tuple[float, float]]) -> str:
    by_order: dict[int, list[str]] = defaultdict(list)
    for words, (log, backoff) in table.items():
        by_order[len(words)].append(f"{log!r}\t{' '.join(words)}\t{backoff!r}")
    counts = "".join(f"ngram {n}={len(by_order[n])}\n" for n in range(1, ORDER + 1))
    sections = "".join(f"\n\\{n}-grams:\n" + "\n".join(by_order[n]) + "\n" for n in range(1, ORDER + 1))
    path.write_text(f"\\data\\\n{counts}{sections}\n\\end\\\n")
    return str(path)


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 5), words=st.lists(st.sampled_from((*WORDS, "zebra")), max_size=12))
def test_scores_are_those_of_the_definition(tmp_path_factory: pytest.TempPathFactory, seed: int, words: list[str]) -> None:
    path = tmp_path_factory.getbasetemp() / f"random{seed}.arpa"
    table = random_model(seed)
    if not path.exists():
        write(path, table)
    logs, _, _ = load_arpa(str(path), "").score(pa.array([" ".join(words)]))
    assert logs[0] == pytest.approx(reference(table, words), abs=1e-5)


def test_a_packed_file_that_is_damaged_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tiny.arpa.gz"
    whole = gzip.compress(TINY.read_bytes())
    path.write_bytes(whole[:30] + bytes(255 - b for b in whole[30:60]) + whole[60:])
    with pytest.raises(ScorerError, match="cannot be read"):
        load_arpa(str(path), "")


def test_a_packed_file_is_the_same(tmp_path: Path) -> None:
    path = tmp_path / "tiny.arpa.gz"
    path.write_bytes(gzip.compress(TINY.read_bytes()))
    texts = pa.array(["the cat sat", "cat dog the"])
    assert np.array_equal(load_arpa(str(path), "").score(texts)[0], tiny().score(texts)[0])


def test_without_unk_an_unknown_word_costs_what_it_costs_kenlm(tmp_path: Path) -> None:
    text = TINY.read_text().replace("-1.2\t<unk>\t0\n", "").replace("-0.45\tcat <unk>\t-0.2\n", "")
    path = tmp_path / "tiny.arpa"
    path.write_text(text.replace("ngram 1=6", "ngram 1=5").replace("ngram 2=5", "ngram 2=4"))
    logs, _, unknown = load_arpa(str(path), "").score(pa.array(["dog"]))
    assert logs[0] == pytest.approx(UNKNOWN - 0.3 - 0.9)
    assert unknown[0] == 1


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("\\data\\", "data", "there is no"), ("ngram 2=5", "ngram 3=5", "line 3: expected `ngram N=COUNT`"),
        ("ngram 1=6", "ngram 1=999999999", "the limit is"), ("ngram 3=2", "ngram 3=3", "1 of its 3-grams are missing"),
        ("ngram 3=2", "ngram 3=1", "more 3-grams than the 1"), ("\\end\\", "", "cut short"),
        ("-0.12\tthe cat sat", "-0.12\tthe cat", "line 23: expected a number, 3 words"),
        ("-0.12\t", "x\t", "a number that is none"),
        ("-0.12\t", "nan\t", "no log10"), ("-0.12\t", "1e9\t", "no log10"), ("\\2-grams:", "\\4-grams:", "expected `\\\\2-grams:`"),
        ("-0.7\tthe", "-0.7\t" + "t" * 70_000, "a line of more than"),
    ],
)  # fmt: skip
def test_files_that_are_none_are_refused(tmp_path: Path, old: str, new: str, told: str) -> None:
    path = tmp_path / "broken.arpa"
    assert old in TINY.read_text()
    path.write_text(TINY.read_text().replace(old, new, 1))
    with pytest.raises(ScorerError, match=told) as error:
        load_arpa(str(path), "")
    assert error.value.path == str(path)


def test_bytes_that_are_no_text_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "bytes.arpa"
    path.write_bytes(TINY.read_bytes().replace(b"-1.1\tsat", b"-1.1\t\xff\xfe"))
    assert math.isfinite(load_arpa(str(path), "").score(pa.array(["the cat sat"]))[0][0])
    (tmp_path / "cut.arpa.gz").write_bytes(gzip.compress(TINY.read_bytes())[:100])
    for name in ("cut.arpa.gz", "none.arpa"):
        with pytest.raises(ScorerError, match="cannot be read"):
            load_arpa(str(tmp_path / name), "")
