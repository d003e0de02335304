from __future__ import annotations

import math
import random

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from filters.vocabulary import Vocabulary

PROSE = (
    "The river rises in the hills behind the town. It runs past the mill, where the old wheel still turns. In spring "
    "the water is high. Boats cannot pass under the bridge then! Who would have thought so? Some people walk along the "
    "bank in the evening. They talk about the weather and the price of bread.\n"
)


def score(texts: list[str | None]) -> list[dict]:
    scorer = Vocabulary()
    result = scorer.score(pa.record_batch({"text.edited": pa.array(texts, pa.string())}))
    result.validate(full=True)
    assert result.schema == scorer.schema
    return result.to_pylist()


def test_numbers_of_a_small_text() -> None:
    row = score(["One, two (two) three.\n— Three"])[0]
    assert row["words"] == 5
    assert row["unique_words"] == pytest.approx(3 / 5)
    assert row["entropy"] == pytest.approx(math.log(5) - 2 * (2 * math.log(2)) / 5)
    assert row["letters"] == pytest.approx(19 / 24)
    assert row["sentence_case"] == 1


def test_prose_is_told_from_the_same_words_shuffled() -> None:
    words = (PROSE * 4).split()
    random.Random(1).shuffle(words)
    prose, salad = score([PROSE * 4, " ".join(words)])
    assert prose["sentence_case"] == 1
    assert prose["stutter"] == 0
    assert salad["sentence_case"] < 0.6
    assert salad["entropy"] == pytest.approx(prose["entropy"])


def test_keyword_spam_stutters_and_has_little_entropy() -> None:
    draw = random.Random(2)
    spam = ", ".join(draw.choice(["cheap", "deals", "buy", "now", "best", "price"]) for _ in range(300))
    row = score([spam])[0]
    assert row["entropy"] < 2.5
    assert row["stutter"] > 0.05
    assert row["unique_words"] == pytest.approx(6 / 300)


def test_one_repeated_word_is_no_stutter_nor_are_lines_that_begin_alike() -> None:
    assert score(["that that is so"])[0]["stutter"] == 0
    assert score(["12 12 12 12 3 3 3"])[0]["stutter"] == 0
    assert score(["item\nitem\nitem\nitem"])[0]["stutter"] == 0
    assert score(["very very very very good"])[0]["stutter"] == pytest.approx(2 / 5)


def test_only_a_capital_after_a_sentence_counts() -> None:
    row = score(["It ends. then it goes on. 다음 a.b. c e.g. see. (then) again? yes! no"])[0]
    assert row["sentence_case"] == pytest.approx(3 / (3 + 6))
    assert score(["Und so weiter. Ja! Nein? 5. 終わり. x"])[0]["sentence_case"] == 1


def test_scripts_without_spaces_have_words() -> None:
    row = score(["これは本です。あれは犬です。これは本です。"])[0]
    assert 6 <= row["words"] <= 18
    assert row["unique_words"] < 1
    assert row["letters"] == pytest.approx(18 / 21)


def test_noise_has_few_letters() -> None:
    assert score(["a7]85#[51*6#=+&f332#8[15*f%^%$5=/10~^44"])[0]["letters"] < 0.2


def test_nulls_and_texts_without_words() -> None:
    null, empty, marks = score([None, "", "... --- !!!"])
    assert set(null.values()) == {None}
    for row in (empty, marks):
        assert row["words"] == row["entropy"] == row["stutter"] == row["unique_words"] == 0
        assert row["sentence_case"] == 1


@settings(deadline=None, max_examples=50)
@given(st.lists(st.lists(st.sampled_from(["a", "B", "é.", "中文", "12", "...", "ok?"]), max_size=6), max_size=6))
def test_shares_are_shares_and_splitting_a_batch_changes_nothing(lines: list[list[str]]) -> None:
    texts = [" ".join(line) for line in lines] + ["\n".join(" ".join(line) for line in lines)]
    whole = score(texts)
    assert [row for text in texts for row in score([text])] == whole
    for row in whole:
        for column in ("unique_words", "stutter", "sentence_case", "letters"):
            assert 0 <= row[column] <= 1
        assert -1e-6 <= row["entropy"] <= math.log(max(row["words"], 1)) + 1e-6
