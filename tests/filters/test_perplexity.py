from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from core.errors import ScorerError
from filters.perplexity import Perplexity, normalized

TINY = str(Path(__file__).parent / "tiny.arpa")


def score(scorer: Perplexity, texts: list[str | None], labels: list[str | None] | None = None) -> list[dict[str, Any]]:
    scorer.open()
    columns = {scorer.inputs[0]: pa.array(texts, pa.string())}
    if len(scorer.inputs) > 1:
        columns["language.label"] = pa.array(labels, pa.string())
    found = scorer.score(pa.record_batch(columns))
    found.validate(full=True)
    assert found.schema == scorer.schema
    return found.to_pylist()


def test_perplexity_is_ten_to_the_mean_over_all_lines() -> None:
    scorer = Perplexity({"any": TINY}, cutoffs={"any": (2.5, 4)})
    assert scorer.inputs == ("text.edited",)
    one, two, both, none = score(scorer, ["The CAT sat", "cat dog the", "The cat sat\ncat dog the", None])
    assert one == {"perplexity": pytest.approx(10 ** (1.37 / 4), rel=1e-5), "tokens": 4, "unknown": 0, "bucket": "head"}
    assert two["perplexity"] == pytest.approx(10 ** (3.75 / 4), rel=1e-5)
    assert (two["unknown"], two["bucket"]) == (0.25, "tail")
    assert both["perplexity"] == pytest.approx(10 ** (5.12 / 8), rel=1e-5)
    assert both["bucket"] == "tail"
    assert set(none.values()) == {None}


def test_each_language_has_its_model_and_its_cutoffs(tmp_path: Path) -> None:
    other = tmp_path / "de.arpa"
    other.write_text(Path(TINY).read_text().replace("-0.7\tthe", "-0.7\tdie"))
    scorer = Perplexity({"en": TINY, "de": str(other)}, cutoffs={"en": (1, 100)})
    assert scorer.inputs == ("text.edited", "language.label")
    english, german, french, none = score(scorer, ["the cat"] * 4, ["en", "de", "fr", None])
    assert english["unknown"] == 0 < german["unknown"]
    assert (english["bucket"], german["bucket"]) == ("middle", None)
    assert set(french.values()) == set(none.values()) == {None}
    other_ = score(Perplexity({"en": TINY, "any": str(other)}), ["die cat"] * 3, ["en", "fr", None])
    assert other_[0]["unknown"] > 0 == other_[1]["unknown"] == other_[2]["unknown"]


@pytest.mark.parametrize(
    ("line", "plain"),
    [  # facebookresearch/cc_net, tests/test_normalizer.py
        ("，。、„”“«»」「《》´∶：？！（）；–—．～’…━〈〉【】％", ',.,"""""""""\'::?!();- - . ~\'...-<>[]%'),
        ("０２３４５６７８９ | 0123456789", "000000000 | 0000000000"),
        ("  Hèllo\x10 W\u0308ORLD 1a ", "hello world 0a"), ("a\tb", "a b"), ("", ""),
    ],
)  # fmt: skip
def test_lines_are_made_plain_as_cc_net_does(line: str, plain: str) -> None:
    assert normalized(line) == plain


def test_without_it_they_stay() -> None:
    assert score(Perplexity({"any": TINY}, normalize="none"), ["The CAT sat"])[0]["unknown"] == 0.5


def test_pieces_of_sentencepiece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sentencepiece = pytest.importorskip("sentencepiece")
    lines = ["the cat sat on the mat", "a cat and a dog", "the dog sat down"] * 30
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_prefix=str(tmp_path / "sp"), vocab_size=18, minloglevel=2
    )
    scorer = Perplexity({"any": TINY}, sentencepiece={"any": str(tmp_path / "sp.model")})
    found = score(scorer, ["the cat\n\nsat"])[0]
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "sp.model"))
    wanted = [pieces.encode(line, out_type=str) for line in ("the cat", "sat")]
    assert found["tokens"] == sum(len(line) + 1 for line in wanted)
    before = scorer.weights_digest()
    monkeypatch.setattr(sentencepiece, "__version__", "0.0.1")
    assert scorer.weights_digest() != before
    (tmp_path / "sp.model").write_bytes(b"broken")
    with pytest.raises(ScorerError, match="no model of sentencepiece"):
        scorer.open()


def test_where_models_lie_is_no_matter(tmp_path: Path) -> None:
    copy = shutil.copy(TINY, tmp_path / "copy.arpa")
    one, two = Perplexity({"en": TINY}), Perplexity({"en": str(copy)})
    assert one.weights_digest() == two.weights_digest() != Perplexity({"de": TINY}).weights_digest()
    assert one.column_parameters == two.column_parameters
    with pytest.raises(ScorerError, match="cannot be read"):
        Perplexity({"en": str(tmp_path / "none")}).weights_digest()


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"models": {}}, "models"), ({"models": {"en": ""}}, "models"),
        ({"models": {"en": TINY}, "cutoffs": {"de": (1, 2)}}, "cutoffs"),
        ({"models": {"en": TINY}, "cutoffs": {"en": (2, 1)}}, "cutoffs"),
        ({"models": {"en": TINY}, "sentencepiece": {"de": "x"}}, "sentencepiece"),
        ({"models": {"en": TINY}, "normalize": "nfkc"}, "normalize"), ({"models": {"en": TINY}, "read": "both"}, "read"),
    ],
)  # fmt: skip
def test_parameters_are_checked(given: dict[str, Any], field: str) -> None:
    with pytest.raises(ValueError, match=field):
        Perplexity(**given)
