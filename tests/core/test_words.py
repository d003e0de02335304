"""Spans of words and lines against str's own methods, and words against spaCy's and uniseg's.

`spacy_words.jsonl` and `uniseg_words.jsonl` were made by running spaCy 3.8.18 through datatrove 0.10.1's
split_into_words(text, "en"), and uniseg 0.10.1's words() as DCLM filters them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import words as w
from core.characters import CLASSES, UNSPACED
from core.splitters import words_of

# classes of younger characters may differ between Python's Unicode and ours
OLD = st.text(st.characters(exclude_categories=["Cs", "Cn"], max_codepoint=0x2FFF))
LINES = st.text(st.sampled_from("ab \n\r\v\f\x1c\x85\u2028é\u00a0.,'(-"))


def spans(text: str, split: Callable[..., int], *extra: object) -> list[str]:
    raw = text.encode()
    room = w.max_spans(len(raw))
    starts, ends = np.empty(room, np.int32), np.empty(room, np.int32)
    n = split(np.frombuffer(raw, np.uint8), 0, len(raw), *extra, starts, ends)
    return [raw[a:b].decode() for a, b in zip(starts[:n], ends[:n], strict=True)]


@settings(deadline=None)
@given(OLD | LINES)
def test_spans_are_those_of_str(text: str) -> None:
    assert spans(text, w.split_whitespace, CLASSES) == text.split()
    assert spans(text, w.split_lines, CLASSES) == text.splitlines()
    assert spans(text, w.split_newlines) == text.split("\n")
    assert spans(text, w.split_newline_runs, 1) == re.split(r"\n+", text)
    assert spans(text, w.split_newline_runs, 2) == re.split(r"\n{2,}", text)


def test_hashes_differ() -> None:
    texts = [bytes([a, b])[: 1 + (b > 0)] * n for a in range(1, 60) for b in range(60) for n in range(1, 12)]
    distinct = set(texts)
    with np.errstate(over="ignore"):  # products wrap around
        hashes = {int(w.hash_span(np.frombuffer(text, np.uint8), 0, len(text))) for text in distinct}
    assert len(hashes) == len(distinct)
    low = {h & 0xFFFF for h in hashes}
    assert len(low) > 0.9 * 0x10000 * (1 - np.exp(-len(distinct) / 0x10000))


def golden(name: str) -> list[tuple[str, list[str]]]:
    path = Path(__file__).with_name(name)
    return [tuple(json.loads(line)) for line in path.read_text("utf-8").splitlines()]


@pytest.mark.parametrize(("text", "expected"), golden("spacy_words.jsonl"))
def test_english_words_are_those_of_spacy(text: str, expected: list[str]) -> None:
    assert words_of(text, "english") == expected


@pytest.mark.parametrize(("text", "expected"), golden("uniseg_words.jsonl"))
def test_boundaries_are_those_of_uniseg(text: str, expected: list[str]) -> None:
    assert words_of(text, "boundaries") == expected


PIECES = st.lists(
    st.sampled_from(
        ["word", "Don't", "(", ")", ":", "-", "--", ".", "...", "…", "'s", "5", "km", "°C.", "e.g.", "http://", "a@",
         "ex.com", "/x", "漢字", "。", "カナ", "ไทย", "é", "\u0301", "😀", " ", "\n", "US$", "<3", "'", "’"]
    )
).map("".join)  # fmt: skip


@settings(deadline=None)
@given(OLD | PIECES)
def test_english_words_lose_nothing(text: str) -> None:
    words = words_of(text, "english")
    assert "".join(words) == "".join(text.split())
    assert all(words)


@settings(deadline=None)
@given(PIECES, PIECES)
def test_english_words_do_not_look_across_spaces(left: str, right: str) -> None:
    assert words_of(f"{left} {right}", "english") == words_of(left, "english") + words_of(right, "english")


def test_scripts_without_spaces() -> None:
    katakana = "このレイヤーモードを使用すると、GIMPの画像を変更できます。"
    words = words_of(katakana, "english")
    assert {"レイヤーモード", "、", "GIMP", "。"} <= set(words)
    assert 1.2 < len("このを使用するとの画像を変更できます") / (len(words) - 4) < 3
    thai = "มนุษย์ทั้งหลายเกิดมามีอิสระและเสมอภาคกันในเกียรติศักดิ์และสิทธิ"
    words = words_of(thai, "english")
    assert 3 < len(thai) / len(words) < 8
    assert not any(word[0] in "\u0e31\u0e34\u0e35\u0e38\u0e48\u0e49\u0e4c" for word in words)
    assert all(CLASSES[ord(c)] & UNSPACED for c in thai)


@settings(deadline=None)
@given(st.text(st.sampled_from("图层模式允许您更改的混合方式请"), min_size=8), st.text(st.sampled_from("图层模式"), max_size=5))
def test_what_repeats_is_cut_alike_wherever_it_stands(passage: str, before: str) -> None:
    alone = words_of(passage, "english")
    assert words_of(before + "，" + passage, "english")[-len(alone) :] == alone
    inside = words_of(before + passage, "english")
    assert inside[-1] == alone[-1] or len(alone) == 1


@pytest.mark.parametrize("text", ["(", "'", ":)", "a@", "a-", "a.", "°C.", "……", "C$", "漢", "e\u0301", "1.2.", "a:'"])
@pytest.mark.parametrize("splitter", ["whitespace", "english", "boundaries"])
def test_hostile_runs_end(text: str, splitter: str) -> None:
    words = words_of(text * 100_000, splitter)  # pyright: ignore[reportArgumentType]
    if splitter == "boundaries":
        assert len(words) <= len(text) * 100_000
    else:
        assert "".join(words) == text * 100_000
