from __future__ import annotations

import re
from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import ScorerError
from core.scorer import CUT
from core.spans import apply_edits
from filters.c4 import C4

# Cases of tensorflow/datasets, tensorflow_datasets/text/c4_utils_test.py (Apache-2.0).
EN_TEXT = """This line has enough words and ends in punctuation, Dr. Roberts!
Economic History | All Institutions | Open Access Articles | Digital Commons Network
"Open Access. Powered by Scholars. Published by Universities."
Digital Commons Network™/ Social and Behavioral Sciences...
Too few words.
You need to enable javascript in your browser in order to see this page.
You have JavaScript disabled and that means you can't see this page.
Adam Roberts has a cookie policy: always eat them.
Colin has a privacy policy: don't share people's secrets.
You'd better follow our terms of use!
"""


def run(text: str, scorer: C4 | None = None) -> tuple[str, dict]:
    scorer = scorer or C4()
    scorer.open()
    batch = pa.record_batch({"text.text": pa.array([text])})
    result = scorer.score(batch)
    assert result.schema == scorer.schema
    edited = apply_edits(batch.column(0), [result.column("cut")])
    return edited[0].as_py(), result.to_pylist()[0]


def counters(row: dict) -> dict[str, int]:
    """TFDS's names of the counts that are not 0."""
    names = {
        "lines_kept": "lines-valid", "short_lines": "lines-too-short", "no_punctuation_lines": "lines-no-endmark",
        "javascript_lines": "lines-javascript", "policy_lines": "lines-policy",
        "long_word_lines": "lines-with-too-long-word",
    }  # fmt: skip
    return {name: row[column] for column, name in names.items() if row[column]}


def test_clean_page() -> None:
    text, row = run(EN_TEXT)
    assert text == (
        "This line has enough words and ends in punctuation, Dr. Roberts!\n"
        '"Open Access. Powered by Scholars. Published by Universities."'
    )
    assert counters(row) == {
        "lines-valid": 2, "lines-too-short": 1, "lines-no-endmark": 2, "lines-javascript": 2, "lines-policy": 3
    }  # fmt: skip
    assert row["sentences"] >= 3
    assert row["lines"] == 10
    assert row["kept_share"] == pytest.approx(0.2)
    assert row["words"] == 19


def test_clean_page_too_few_sentences() -> None:
    _, row = run(
        "This first line has one sentence.\n"
        "This line looks like it has three sentences...but it's actually just 1."
    )
    assert counters(row) == {"lines-valid": 2}
    assert row["sentences"] < 3


def test_clean_page_squiggly_bracket() -> None:
    _, row = run(
        "This page starts out with some text.\nEverything looks good at first, since these are sentences.\n"
        "But then, all of a sudden, there's a bunch of code like the next block.\nfn foo(a) { bar = a + 10; }."
    )
    assert row["curly_brace"]
    assert row["lines_kept"] - 1 == 3  # TFDS stops at the brace, and does not count its line


def test_clean_page_lorem_ipsum() -> None:
    assert run("Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod.")[1]["lorem_ipsum"]
    assert run("A title with LOREM Ipsum in it, but no end")[1]["lorem_ipsum"] is False


@pytest.mark.parametrize(
    ("sentence", "dropped"),
    [
        ("I asked my friend for assistance polishing my cutlass.", False),
        ("He took the saddle and put it on his ass in preparation for travel.", True),
        ('Ass is one of several species of small, horse-like animals. Donkey is one synonym for the word "ass".', True),
        ("A place where the words stand at the end of it is the ass", False),
    ],
)
def test_clean_page_bad_words(sentence: str, dropped: bool, tmp_path) -> None:
    listed = tmp_path / "bad.txt"
    listed.write_text("ass\n")
    padding = (
        "This page starts out with some text.\nEverything looks good at first, since these are sentences.\n"
        "But then, all of a sudden, there's a badword... or not?\n"
    )
    assert (run(padding + sentence, C4(bad_words=str(listed)))[1]["bad_words"] > 0) == dropped


def test_bad_words_of_datatrove_may_stand_at_the_edges(tmp_path) -> None:
    listed = tmp_path / "bad.txt"
    listed.write_text("ass\n\n# a comment\nbad phrase\n🖕\n")
    scorer = C4(dialect="datatrove", terminal_punctuation=False, bad_words=str(listed))
    assert run("Ass stands at the very edge", scorer)[1]["bad_words"] == 1
    assert run("one of the ass\nand a Bad Phrase 🖕 here", scorer)[1]["bad_words"] == 3
    assert run("ass_ and éass and assé and ass9 are words", scorer)[1]["bad_words"] == 0
    tfds = C4(bad_words=str(listed))
    assert run("These are éassé and ass9 and _ass_ here.", tfds)[1]["bad_words"] == 3


def test_clean_page_citations() -> None:
    text, row = run(
        "This page has some text.\nSome lines don't end with punctuation\n"
        "And some of these lines end with citations.[3]\n"
        "Or have requested citations[citation needed]. Or the option to edit.[edit]\n"
    )
    assert text == (
        "This page has some text.\nAnd some of these lines end with citations.\n"
        "Or have requested citations. Or the option to edit."
    )
    assert counters(row) == {"lines-valid": 3, "lines-no-endmark": 1}
    assert row["sentences"] >= 3


def test_clean_page_policy() -> None:
    text, row = run(
        "This page has with some text. So, that's good!\nBut at the end it has some polciy lines.\n"
        "This line mentions the Terms of Use.\nThis line should be okay.\n"
        "The privacy policy is mentioned in this line.\nLet's talk about the Cookie Policy now.\n"
    )
    assert text == (
        "This page has with some text. So, that's good!\nBut at the end it has some polciy lines.\n"
        "This line should be okay."
    )
    assert counters(row) == {"lines-valid": 3, "lines-policy": 3}


@pytest.mark.parametrize("phrase", ["uses cookies", "use of cookies", "Use Cookies", "TERMS OF USE", "x-cookie policy"])
def test_every_policy_phrase(phrase: str) -> None:
    assert run(f"The site with {phrase} is here today.")[1]["policy_lines"] == 1


# What the originals do, as they stand, for whole texts: c4_utils.clean_page and datatrove's C4QualityFilter without
# their early returns and sentences (both Apache-2.0).
CITATION = re.compile(r"\[\d*\]|\[edit\]|\[citation needed\]", re.ASCII)
POLICY = ["terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies"]


def reference(text: str, datatrove: bool, terminal: bool, most: int = 20) -> tuple[str, list[int]]:
    ends = (".", "?", "!", '"', "'") if datatrove else (".", "?", "!", '"')
    least = 3 if datatrove else 5
    kept, reasons = [], [0] * 5
    for raw in text.splitlines():
        line = raw.strip()
        if not line:
            continue
        words = line.split()
        if any(len(word) > most for word in words):
            reasons[0] += 1
            continue
        line = CITATION.sub("", line)
        if terminal and (not line.endswith(ends) or line.endswith("...")):
            reasons[1] += 1
            continue
        if len(words if datatrove else line.split()) < least:
            reasons[2] += 1
            continue
        lower = line.lower()
        if "javascript" in lower:
            reasons[3] += 1
            continue
        if any(phrase in lower for phrase in POLICY):
            reasons[4] += 1
            continue
        kept.append(line)
    return "\n".join(kept).strip(), reasons


PIECES = st.sampled_from(
    ["word", "a", "end.", "end...", "end!", "[1]", "[edit]", "[citation needed]", "[x]", "[", "javascript", "é", "中文。",
     "Use of cookies", "'quoted'", "{", "\n", "\n\n", "\r\n", " \n", "\t", "\xa0", "\u3000", "x" * 21, "Dr.", '"']
)  # fmt: skip


@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(PIECES, st.sampled_from([" ", " ", ""])), max_size=40), st.booleans(), st.booleans())
def test_the_text_left_is_that_of_the_originals(pieces: list, datatrove: bool, terminal: bool) -> None:
    text = "".join(piece + gap for piece, gap in pieces)
    scorer = C4(
        dialect="datatrove" if datatrove else "tfds", terminal_punctuation=terminal, max_word_length=20, bad_words=""
    )
    expected, reasons = reference(text, datatrove, terminal)
    left, row = run(text, scorer)
    assert left == expected
    columns = ("long_word_lines", "no_punctuation_lines", "short_lines", "javascript_lines", "policy_lines")
    assert [row[column] for column in columns] == reasons
    assert row["lines"] == row["lines_kept"] + sum(reasons)
    assert row["words"] == len(left.split())


def test_spans_never_split_a_character_and_are_disjoint() -> None:
    text = "é中 [1] 😀\u2028ü\x85 und so weiter bis zum Ende. [2]\n"
    result = C4().score(pa.record_batch({"text.text": pa.array([text])}))
    spans = result.column("cut").to_pylist()[0]
    assert all(a["end"] < b["start"] for a, b in pairwise(spans))


def test_nulls_empty_texts_and_slices() -> None:
    text = pa.array(["skip", None, "", "  \n\t", EN_TEXT, None])
    whole = C4().score(pa.record_batch({"text.text": text}))
    parts = [C4().score(pa.record_batch({"text.text": text.slice(i, 2)})) for i in (0, 2, 4)]
    assert pa.Table.from_batches(parts).combine_chunks() == pa.Table.from_batches([whole])
    rows = whole.to_pylist()
    assert set(rows[1].values()) == {None}
    assert rows[2]["cut"] == []
    assert rows[3]["cut"] == [{"start": 0, "end": 4}]
    assert whole.column("cut").type == CUT


def test_edit_false_gives_counts_and_no_edit() -> None:
    scorer = C4(edit=False)
    row = scorer.score(pa.record_batch({"text.text": pa.array([EN_TEXT])})).to_pylist()[0]
    assert "cut" not in scorer.schema.names
    assert row == {name: value for name, value in run(EN_TEXT)[1].items() if name != "cut"}


@pytest.mark.parametrize(
    ("arguments", "field"),
    [({"dialect": "c4"}, "dialect"), ({"min_words_line": -1}, "min_words_line"),
     ({"max_word_length": -5}, "max_word_length")],
)  # fmt: skip
def test_bad_parameters_name_the_field(arguments: dict, field: str) -> None:
    with pytest.raises(ValueError, match=field):
        C4(**arguments)


def test_a_list_that_is_missing_is_a_broken_set_up() -> None:
    with pytest.raises(ScorerError, match="cannot be read"):
        C4(bad_words="no/such/list").open()
    assert C4(bad_words="").weights_digest() == ""
    assert len(C4().weights_digest()) == 32
