from __future__ import annotations

import random
import re
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import ScorerError
from filters.flagged_words import FlaggedWords


@pytest.fixture
def lists(tmp_path: Path) -> dict[str, str]:
    words = {
        "en": "# comment\nbad\nvery bad idea\nidea of\n\nCafé\nx-ray\n!!!\n", "de": "Schlecht\nüble Sache\nstraße\n",
        "ja": "悪い\n悪い言葉\nAV女優\nワル\n", "zh": "坏话\n", "th": "คำหยาบ\n", "any": "spamword\nпло́хо\n",
    }  # fmt: skip
    for language, text in words.items():
        (tmp_path / language).write_text(text)
    return {language: str(tmp_path / language) for language in words}


def counted(scorer: FlaggedWords, text: str | None, language: str | None = "en") -> tuple[int, int, float, str]:
    scorer.open()
    batch = pa.record_batch({"text.edited": pa.array([text], pa.string()), "language.label": pa.array([language], pa.string())})
    (row,) = scorer.score(batch).to_pylist()
    share = row["share"] if row["share"] is None else round(row["share"], 4)
    return row["words"], row["places"], share, row["list"]


@pytest.mark.parametrize(
    ("language", "text", "words", "places", "share"),
    [
        ("en", "", 0, 0, 0),
        ("en", "A good day.", 3, 0, 0),
        ("en", "BAD, bad; 'Bad' badly abad not_bad", 7, 4, 0.5714),  # _ is no letter
        # What overlaps a place is no place of its own, but its words count.
        ("en", "a very bad idea of mine", 6, 1, 0.6667),
        ("en", "very\nbad idea", 3, 1, 0.3333),  # no phrase goes over a line break
        ("en", "very, bad -- idea", 3, 1, 1),
        ("en", "CAFÉ cafe x ray", 4, 2, 0.75),
        ("en", "schlecht 坏话 spamword", 4, 1, 0.25),
        ("de", "SCHLECHT! Eine üble  Sache.", 4, 2, 0.75),
        ("de", "Straße STRASSE", 2, 1, 0.5),
        ("xx", "bad spamword", 2, 1, 0.5),
        (None, "bad spamword пло́хо", 3, 2, 0.6667),
    ],
)
def test_words_and_phrases(
    lists: dict[str, str], language: str | None, text: str, words: int, places: int, share: float
) -> None:  # fmt: skip
    found = counted(FlaggedWords(lists=lists), text, language)
    assert found == (words, places, share, language if language in lists else "any")


@pytest.mark.parametrize(
    ("language", "text", "places"),
    [
        ("ja", "これは悪い言葉です。悪い。", 2), ("ja", "av女優とAV女優", 2), ("ja", "ワルい", 1),
        ("ja", "良い言葉", 0), ("zh", "他说坏话,说坏话", 2), ("th", "นี่คือคำหยาบนะ", 1),
        ("zh", "悪い", 0),
    ],
)  # fmt: skip
def test_scripts_without_spaces(lists: dict[str, str], language: str, text: str, places: int) -> None:
    words, found, share, _ = counted(FlaggedWords(lists=lists), text, language)
    assert found == places
    assert words > 0
    assert share == pytest.approx(min(1, places / words), abs=1e-4)


def test_a_text_without_a_list_has_no_flagged_words(lists: dict[str, str]) -> None:
    scorer = FlaggedWords(lists={"de": lists["de"]})
    assert counted(scorer, "schlecht und bad", "fr") == (3, 0, 0.0, "")
    assert counted(scorer, None, "de") == (None, None, None, None)
    everywhere = FlaggedWords(lists={"any": lists["en"]}, read="extracted")
    assert everywhere.inputs == ("text.text",)
    (row,) = everywhere.score(pa.record_batch({"text.text": ["so bad"]})).to_pylist()
    assert (row["places"], row["list"]) == (1, "any")


def test_the_list_of_c4_comes_with_it() -> None:
    words, places, share, used = counted(FlaggedWords(lists={"en": "en"}), "nothing here is so")
    assert (words, places, share, used) == (4, 0, 0.0, "en")
    entry = (Path(__file__).parents[2] / "filters" / "data" / "bad_words_en.txt").read_text().splitlines()[-2]
    assert counted(FlaggedWords(lists={"en": "en"}), f"so {entry} it is")[1] == 1


def test_a_changed_list_changes_the_digest_and_what_is_found(lists: dict[str, str]) -> None:
    """In one process too: the words of the old list stayed under the digest of the new one."""
    scorer = FlaggedWords(lists=lists)
    before = scorer.weights_digest()
    assert counted(scorer, "a good goose")[1] == 0
    Path(lists["en"]).write_text("good\ngoose\n")
    assert scorer.weights_digest() != before
    assert counted(scorer, "a good goose")[1] == 2


def test_a_list_that_is_not_there_is_said_before_a_run() -> None:
    with pytest.raises(ScorerError, match="the list of words /nowhere/x cannot be read"):
        FlaggedWords(lists={"en": "/nowhere/x"}).weights_digest()


def test_what_is_wrong_is_said() -> None:
    with pytest.raises(ScorerError, match="the list of words /nowhere/x cannot be read"):
        FlaggedWords(lists={"en": "/nowhere/x"}).open()
    with pytest.raises(ValueError, match="lists: give the path"):
        FlaggedWords(lists={})
    with pytest.raises(ValueError, match="read: 'raw'"):
        FlaggedWords(lists={"en": "en"}, read="raw")  # type: ignore[arg-type]


def test_many_entries_are_found_as_a_search_by_regex_finds_them(tmp_path: Path) -> None:
    chance = random.Random(5)
    lengths = [chance.choice([1, 1, 2, 3]) for _ in range(120)]
    entries = {" ".join(chance.choice("abcde") * chance.randrange(1, 4) for _ in range(length)) for length in lengths}
    (tmp_path / "list").write_text("\n".join(sorted(entries)))
    scorer = FlaggedWords(lists={"en": str(tmp_path / "list")})
    for _ in range(200):
        words = [chance.choice("abcdefg") * chance.randrange(1, 5) for _ in range(chance.randrange(1, 12))]
        ends = [k for k in range(1, len(words) + 1) if any(" ".join(words[j:k]) in entries for j in range(k))]
        covered = {
            j for k in ends
            for j in range(min(i for i in range(k) if " ".join(words[i:k]) in entries), k)
        }  # fmt: skip
        found = counted(scorer, " ".join(words))
        assert found[2] == pytest.approx(len(covered) / len(words), abs=1e-4), words
        assert (found[1] > 0) == bool(ends)


LETTERS = "ab悪い言葉ดé"


@settings(deadline=None, max_examples=60)
@given(text=st.text(st.sampled_from(LETTERS + " \n-.") | st.characters(), max_size=80))
def test_any_text_survives(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("lists") / "ja"
    path.write_text("悪い\na b\né\n")
    text = text.encode("utf-8", "replace").decode()
    words, places, share, _ = counted(FlaggedWords(lists={"ja": str(path)}), text, "ja")
    assert 0 <= share <= 1
    assert places >= len(re.findall("悪い", text)) > 0 or "悪い" not in text
    assert words <= len(text)
    assert words > 0 or not set(text) & set(LETTERS)
