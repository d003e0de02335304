"""N-grams of evaluation sets in texts: all that are there and no other, and what GPT-3 would cut."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InputError
from core.spans import apply_edits
from dedup import evaluation_sets
from dedup.decontamination import Decontaminate, cut_around
from dedup.ngram_index import find, make_index
from dedup.shingles import normalise, shingles

QUESTION = "Which of the planets of our sun has the shortest day, and how long is it there?"
NGRAM = "which of the planets of our sun has the shortest day and how"


@pytest.fixture
def sets(tmp_path: Path) -> dict[str, str]:
    path = tmp_path / "planets.jsonl"
    rows = [{"question": QUESTION, "choices": ["Jupiter, ten hours", "Mars"]}, {"question": "Short?", "choices": []}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return {"planets": str(path)}


def batch(texts: Sequence[str | None], titles: Sequence[str | None] | None = None) -> pa.RecordBatch:
    title = pa.array(titles or [""] * len(texts), pa.string())
    return pa.record_batch({"text.edited": pa.array(texts, pa.string()), "text.title": title})


def scored(scorer: Decontaminate, *texts: str | None, titles: Sequence[str | None] | None = None) -> list[dict[str, Any]]:
    scorer.open()
    result = scorer.score(batch(texts, titles))
    result.validate(full=True)
    return result.to_pylist()


def test_the_set_and_the_words_are_named(sets: dict[str, str]) -> None:
    text = "He asked: WHICH of the planets of our “sun” has the shortest day... and how long\nis it there, Jupiter? Ten hours."
    clean = "Which of the planets has the shortest day?"
    found, none, empty, null = scored(Decontaminate(sets), text, clean, "", None)
    assert found == {"matches": 8, "set": "planets", "ngram": NGRAM}
    assert none == empty == {"matches": 0, "set": None, "ngram": None}
    assert null == {"matches": None, "set": None, "ngram": None}


WORDS = st.lists(st.sampled_from(["a", "B", "c", "é", "e\u0301", "中", "文字", "x-y", "1", "…"]), max_size=14).map(" ".join)


@settings(deadline=None, max_examples=200)
@given(
    st.lists(st.lists(WORDS, max_size=4), min_size=1, max_size=3), st.lists(WORDS, max_size=3), WORDS, st.integers(2, 4),
    st.integers(1, 3),
)  # fmt: skip
def test_all_n_grams_are_found_and_no_other(sets: list[list[str]], texts: list[str], ignored: str, ngram: int, most: int) -> None:
    index = make_index(sets, ngram, most, [ignored])
    owner: dict[bytes, int] = {}
    for number, of in enumerate(sets):
        for text in of:
            for gram in shingles(text, ngram):
                owner.setdefault(gram, number)
    having = {gram: sum(gram in shingles(text, ngram) for of in sets for text in of) for gram in owner}
    wanted = {gram for gram in owner if having[gram] <= most and gram not in shingles(ignored, ngram)}
    assert {index.text(i).encode(): int(index.sets[i]) for i in range(len(index))} == {gram: owner[gram] for gram in wanted}
    hits = find(pa.array(texts, pa.string()), index)
    for row, text in enumerate(texts):
        at = slice(int(hits.offsets[row]), int(hits.offsets[row + 1]))
        assert [index.text(int(i)).encode() for i in hits.which[at]] == [g for g in shingles(text, ngram) if g in wanted]
        for i, start, end in zip(hits.which[at], hits.starts[at], hits.ends[at], strict=True):
            assert normalise(text.encode()[start:end].decode()) == index.text(int(i))


def plainly_cut(text: str, spans: list[tuple[int, int]], window: int, least: int) -> tuple[int, str]:
    """GPT-3's cut with a flag a character; spans are characters."""
    gone = [any(a - window <= i < b + window for a, b in spans) for i in range(len(text))]
    pieces, kept, i = 0, "", 0
    while i < len(text):
        j = i
        while j < len(text) and gone[j] == gone[i]:
            j += 1
        if not gone[i] and j - i >= least:
            pieces += 1
            kept += text[i:j]
        i = j
    return pieces, kept


@settings(deadline=None, max_examples=200)
@given(st.text(alphabet="aé中 ", max_size=30), st.data(), st.integers(0, 4), st.integers(0, 5))
def test_what_is_cut_is_what_a_flag_a_character_says(text: str, data: st.DataObject, window: int, least: int) -> None:
    spans = []
    for _ in range(data.draw(st.integers(1, 3))):
        a = data.draw(st.integers(0, max(0, len(text) - 1)))
        spans.append((a, min(len(text), a + data.draw(st.integers(1, 6)))))
    raw = text.encode()
    starts = np.array([len(text[:a].encode()) for a, _ in spans], np.int32)
    ends = np.array([len(text[:b].encode()) for _, b in spans], np.int32)
    pieces, gone = cut_around(np.frombuffer(raw, np.uint8), starts, ends, window, least)
    kept, at = b"", 0
    for a, b in gone:
        assert at <= a < b
        kept, at = kept + raw[at:a], b
    assert (pieces, (kept + raw[at:]).decode()) == plainly_cut(text, spans, window, least)


def test_cut_leaves_what_is_far_enough(sets: dict[str, str]) -> None:
    text = "x" * 500 + " " + QUESTION + " " + "y" * 350
    scorer = Decontaminate(sets, action="cut")
    (row,) = scored(scorer, text)
    left = apply_edits(pa.array([text]), [scorer.score(batch([text])).column("cut")])
    assert left.to_pylist() == ["x" * 301]
    assert (row["pieces"], row["matches"]) == (1, 5)
    (near,) = scored(Decontaminate(sets, action="cut", window=0, least=0), text)
    assert near["pieces"] == 2


def test_a_title_is_searched_too_and_cut_whole(sets: dict[str, str]) -> None:
    told = {"set": "planets", "ngram": NGRAM}
    title, text, null = scored(
        Decontaminate(sets, action="cut"), "Fine.", "y" * 900, None, titles=[f"Answers: {QUESTION}", "Fine", QUESTION]
    )
    assert title == {"cut": [], "title_cut": [{"start": 0, "end": 9 + len(QUESTION)}], "pieces": 1, "matches": 5, **told}
    assert (text["title_cut"], text["matches"]) == ([], 0)
    assert null["matches"] is null["set"] is null["cut"] is None
    assert null["title_cut"] == [{"start": 0, "end": len(QUESTION)}]
    (drop,) = scored(Decontaminate(sets), "Fine.", titles=[QUESTION])
    assert drop == {"matches": 5, **told}


def test_prompts_and_ignored_phrases_are_left_out(tmp_path: Path, sets: dict[str, str]) -> None:
    path = tmp_path / "prompts.jsonl"
    prompt = "the following is a question about the world and here are its four answers"
    path.write_text("".join(json.dumps({"q": f"{prompt} number {i}"}) + "\n" for i in range(12)))
    (row,) = scored(Decontaminate({"prompts": str(path)}), f"So {prompt}.")
    assert row["matches"] == 0
    assert scored(Decontaminate({"prompts": str(path)}, most=12), prompt)[0]["matches"] == 2
    phrases = tmp_path / "phrases.txt"
    phrases.write_text(f"{NGRAM} long\n")
    assert scored(Decontaminate(sets, ignore=str(phrases)), QUESTION)[0]["matches"] == 3


@pytest.mark.parametrize("kind", ["jsonl.gz", "csv", "parquet"])
def test_tables_of_all_kinds_are_read(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"set.{kind}"
    if kind == "csv":
        path.write_text(f'question,answer\n"{QUESTION}",it\n')
    elif kind == "parquet":
        pq.write_table(pa.table({"question": [QUESTION], "number": [1]}), path)
    else:
        path.write_bytes(gzip.compress(json.dumps({"question": QUESTION, "n": 1}).encode()))
    assert scored(Decontaminate({"s": str(path)}, columns=("question",)), QUESTION)[0]["matches"] == 5


@pytest.mark.parametrize(
    ("content", "columns", "message"),
    [
        (b"not json\n", (), "is no table of texts"), (b'{"a": "b"}\n', ("question",), "has no column `question`"),
        (b'{"a": "too short"}\n', (), "all its 1 texts have fewer than 13 words"), (b"[1]\n", (), "is no object"),
        (b"\xff\xfe", (), "is no table"), (b"", (), "has not one text"), (b"\x1f\x8bxx", (), "its gzip is damaged"),
        (b'{"a": "b"}\n{"a": \n', (), "after row 1: is no table"),
        (b"PAR1xx", (), "is no table"), (b"[" * 100_000, (), "is no table"),
        (None, (), "no such file"),
    ],
)  # fmt: skip
def test_what_is_no_set_is_refused(tmp_path: Path, content: bytes | None, columns: tuple[str, ...], message: str) -> None:
    path = tmp_path / "bad.jsonl"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        Decontaminate({"bad": str(path)}, columns=columns).open()


def test_a_changed_set_is_another_method(sets: dict[str, str]) -> None:
    scorer = Decontaminate(sets)
    before = scorer.weights_digest()
    Path(sets["planets"]).write_text('{"a": "b"}\n')
    assert scorer.weights_digest() != before


def test_a_changed_set_is_read_again_and_another_is_not(sets: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    scorer = Decontaminate(sets)
    (before,) = scored(scorer, QUESTION)
    read: list[str] = []
    monkeypatch.setattr(evaluation_sets, "read_bytes", lambda path: read.append(path) or Path(path).read_bytes())
    assert scored(scorer, QUESTION) == [before]
    scorer.weights_digest()
    assert read == []
    Path(sets["planets"]).write_text(json.dumps({"q": QUESTION.replace("planets", "moons")}) + "\n")
    (after,) = scored(scorer, QUESTION)
    assert (before["matches"], after["matches"]) == (5, 1)
    assert read == [sets["planets"]] * 2  # its digest, its rows


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"sets": {}}, "sets"), ({"ngram": 1}, "ngram"), ({"most": 0}, "most"), ({"action": "mask"}, "action"),
        ({"window": -1}, "window"), ({"least": True}, "least"), ({"read": "html"}, "read"),
    ],
)  # fmt: skip
def test_bad_parameters_name_their_field(parameters: dict[str, Any], field: str) -> None:
    with pytest.raises(ValueError, match=f"^{field}: "):
        Decontaminate(**({"sets": {"a": "a.jsonl"}} | parameters))
