"""Parts of speech by the lexicon inside textblob, and captions that are cut down by them."""

from __future__ import annotations

import pyarrow as pa
import pytest

from filters.short_caption import ShortCaption
from models import part_of_speech
from models.part_of_speech import ADJECTIVE, NOUN, OTHER, word_class

pytestmark = pytest.mark.image_models
pytest.importorskip("textblob")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("fox house Paris Italy Tokyo STREET cups blorfix", NOUN), ("red beautiful Wooden YOUNG Old", ADJECTIVE),
        ("the a in quickly and is 12 2012 & -", OTHER),
    ],
)  # fmt: skip
def test_classes_of_words(words: str, expected: int) -> None:
    assert {word: word_class(word) for word in words.split()} == dict.fromkeys(words.split(), expected)
    assert word_class("") == word_class("x" * 100_000) == OTHER


def test_nouns_stay_first_then_adjectives() -> None:
    """Golden: a change here raises the scorer's version."""
    captions = [
        "A small red fox jumps over the lazy brown dog (in the snow).", "BEAUTIFUL Old Wooden House With a Green Roof", "", None,
        "it is what it is",
    ]  # fmt: skip
    scorer = ShortCaption("syntax", 4)
    scorer.open()
    found = scorer.score(pa.record_batch({"text.edited": captions}))
    assert ShortCaption.version == 1
    assert found.column("text").to_pylist() == ["fox jumps dog snow).", "BEAUTIFUL Old House Roof", "", None, "it is what it"]
    assert found.column("cut").to_pylist() == [9, 4, 0, None, 1]


def test_the_digest_names_lexicon_and_library() -> None:
    assert part_of_speech.digest().endswith(" textblob 0.20.1")
