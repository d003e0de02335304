from __future__ import annotations

import pyarrow as pa
import pytest

from filters.fineweb2 import FineWeb2

GERMAN = "Das ist ein Satz, der auf der Seite steht.\n\nUnd die Seite ist für alle da.\nMenü\n"


def score(rows: list[tuple[str | None, str | None]]) -> pa.RecordBatch:
    scorer = FineWeb2()
    scorer.open()
    texts = pa.array([text for text, _ in rows], pa.string())
    labels = pa.array([label for _, label in rows], pa.string())
    result = scorer.score(pa.record_batch({"text.edited": texts, "language.label": labels}))
    result.validate(full=True)
    assert result.schema == scorer.schema
    return result


def row(text: str | None, label: str | None) -> dict:
    return score([(text, label)]).to_pylist()[0]


def test_metrics_of_a_text() -> None:
    found = row(GERMAN, "de")
    assert found["words"] == 17
    assert found["alpha_words"] == pytest.approx(17 / 20)  # a comma and two full stops are tokens too
    letters = sum(map(len, GERMAN.replace(".", "").replace(",", "").split()))
    assert found["mean_word_length"] == pytest.approx(letters / 17)
    assert found["stop_words"] == 5  # Das der Und die für
    assert found["line_punct"] == pytest.approx(2 / 3)
    assert found["newlines"] == pytest.approx(3 / 20)  # runs: a blank line counts for nothing
    assert found["dup_line_frac"] == found["dup_line_chars"] == 0


def test_repeated_lines() -> None:
    found = row("eins zwei\nEnde.\n\neins zwei\neins zwei", "de")
    assert found["dup_line_frac"] == 2 / 4
    assert found["dup_line_chars"] == 18 / 32


def test_limits_are_those_of_the_language() -> None:
    # huggingface/fineweb-2, configs/deu_Latn.yml
    found = row(GERMAN, "de")
    assert found["known"]
    assert found["language_score_min"] == 0.821
    assert (found["line_punct_min"], found["newlines_max"]) == (0.0, 0.152)
    assert (found["word_length_min"], found["word_length_max"]) == (0, 15)
    assert (found["alpha_words_min"], found["dup_line_frac_max"], found["stop_words_min"]) == (0.774, 0.263, 2)
    assert (found["top_2gram_max"], found["top_4gram_max"]) == (0.169, 0.137)
    assert (found["dup_5gram_max"], found["dup_10gram_max"]) == (0.141, 0.098)
    assert row("x", "en")["line_punct_min"] == 0.12


@pytest.mark.parametrize("label", ["xx", "und", None])
def test_a_language_without_settings_has_the_medians(label: str | None) -> None:
    found = row("Ein Satz.", label)
    assert not found["known"]
    assert found["stop_words_min"] == 0
    assert found["stop_words"] == 0
    assert 0.05 < found["line_punct_min"] < 0.2
    assert 0.25 < found["dup_line_frac_max"] < 0.35


@pytest.mark.parametrize(
    ("text", "label", "stop_words"),
    [
        ("The cat and THE dog", "en", 2),
        ("the the the", "en", 1),
        ("theory of everything", "en", 1),
        ("这是我的书和你的书。", "zh", 3),  # 是 的 和, inside a run without spaces
        ("これは本です", "ja", 3),  # れ は で
        ("나는 학교에 간다", "ko", 3),  # 는 에 다
        ("в доме и на улице", "ru", 3),
    ],
)
def test_stop_words(text: str, label: str, stop_words: int) -> None:
    assert row(text, label)["stop_words"] == stop_words


def test_every_language_asked_for_has_settings() -> None:
    codes = (
        "en de fr es it pt nl sv da no fi is pl cs sk sl hr sr bg ru uk el tr ro hu lt lv et ca eu gl ga cy sq mk be ar fa "
        "he ur hi bn ta te mr gu kn ml pa ne si th lo my km vi id ms tl zh ja ko ka hy az kk uz mn sw af eo la"
    )
    found = score([("x", code) for code in codes.split()])
    assert all(found.column("known").to_pylist())
    assert set(found.column("stop_words_min").to_pylist()) == {2}


def test_nulls_empty_texts_and_slices() -> None:
    rows = [(GERMAN, "de"), (None, "de"), ("", "en"), (" \n ", None), ("终于。\n终于。", "zh")]
    whole = score(rows)
    assert pa.Table.from_batches([score(rows[:2]), score(rows[2:])]).combine_chunks() == pa.Table.from_batches([whole])
    found = whole.to_pylist()
    assert set(found[1].values()) == {None}
    assert found[2]["words"] == found[3]["words"] == 0
    assert found[2]["line_punct_min"] == 0.12
    assert found[4]["dup_line_frac"] == 0.5


def test_bad_parameters_name_the_field() -> None:
    with pytest.raises(ValueError, match="read"):
        FineWeb2(read="raw")  # type: ignore[arg-type]
    assert FineWeb2(read="extracted").inputs == ("text.text", "language.label")
    assert len(FineWeb2().weights_digest()) == 32
