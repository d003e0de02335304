"""Gopher's kernels against slow plain Python that restates the originals, on random texts that repeat themselves.

Restated from datatrove 0.10 (gopher_quality_filter.py, gopher_repetition_filter.py), DCLM (content_filters.py,
core_utils.py) and Dolma (taggers/gopher.py). Words of spaCy and UAX #29 come from core; tests/core checks those.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from statistics import mean, median

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.characters import CLASSES, PUNCTUATION
from core.splitters import words_of
from filters.gopher import ENGLISH, Gopher


def is_punctuation(c: str) -> bool:
    return bool(CLASSES[ord(c)] & PUNCTUATION)


def share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def repeats_of(items: list[str]) -> tuple[float, float]:
    """datatrove: how many items came before, and their characters."""
    seen: set[str] = set()
    count = chars = 0
    for item in items:
        if item in seen:
            count += 1
            chars += len(item)
        seen.add(item)
    return count, chars


def datatrove(text: str) -> dict[str, float]:
    words = words_of(text, "english")
    spoken = [word for word in words if not all(map(is_punctuation, word))]
    lines = text.splitlines()
    pieces = re.split(r"\n+", text)
    paragraphs = re.split(r"\n{2,}", text.strip())
    hashes, ellipses = text.count("#"), text.count("...") + text.count("…")
    result = {
        "words": len(spoken),
        "mean_word_length": mean(map(len, spoken)) if spoken else 0,
        "hash_ratio": share(hashes, len(words)),
        "ellipsis_ratio": share(ellipses, len(words)),
        "symbol_ratio": share(hashes + ellipses, len(words)),
        "bullet_lines": share(sum(line.lstrip().startswith(("•", "-")) for line in lines), len(lines)),
        "ellipsis_lines": share(sum(line.rstrip().endswith(("...", "…")) for line in lines), len(lines)),
        "alpha_words": share(sum(any(c.isalpha() for c in word) for word in words), len(words)),
        "stop_words": len(set(ENGLISH) & set(words)),
    }
    for name, items in (("line", pieces), ("para", paragraphs)):
        count, chars = repeats_of(items) if text else (0, 0)
        result[f"dup_{name}_frac"] = share(count, len(items))
        result[f"dup_{name}_chars"] = share(chars, len(text))
    for n in range(2, 5):
        counts = Counter(" ".join(words[i : i + n]) for i in range(len(words) - n + 1))
        gram, count = counts.most_common(1)[0] if counts else ("", 0)
        result[f"top_{n}gram"] = share(len(gram) * count, len(text))
    for n in range(5, 11):
        seen: set[str] = set()
        chars = i = 0
        while i <= len(words) - n:
            gram = "".join(words[i : i + n])
            chars += len(gram) if gram in seen else 0
            i += n if gram in seen else 1
            seen.add(gram)
        result[f"dup_{n}gram"] = share(chars, len(text))
    return result


def dclm(text: str) -> dict[str, float]:
    words = text.split()
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    paragraphs = [piece.strip() for piece in text.split("\n\n") if piece.strip()]
    hashes = text.count("#")
    ellipses = sum(text.count(symbol) for symbol in ("...", ". . .", "…"))
    result = {
        "words": sum(word[0].isalnum() for word in re.split(r"[ \n\r\t\v\f\0]+", text) if word),
        "mean_word_length": mean(map(len, words)) if words else 0,
        "hash_ratio": share(hashes, len(words)),
        "ellipsis_ratio": share(ellipses, len(words)),
        "symbol_ratio": share(hashes + ellipses, len(words)),
        "bullet_lines": share(sum(line.startswith(("●", "•", "*", "-")) for line in lines), len(lines)),
        "ellipsis_lines": share(sum(line.endswith(("...", ". . .", "…")) for line in lines), len(lines)),
        "alpha_words": share(sum(any(c.isalpha() for c in word) for word in words), len(words)),
        "stop_words": sum(word.lower() in ENGLISH for word in words),
    }
    for name, items in (("line", lines), ("para", paragraphs)):
        counts = {item: count for item, count in Counter(items).items() if count > 1}
        result[f"dup_{name}_frac"] = share(sum(counts.values()), len(items))
        result[f"dup_{name}_chars"] = share(sum(len(i) * c for i, c in counts.items()), sum(map(len, items)))
    words = words_of(text, "boundaries")
    total = sum(map(len, words))
    for n in range(2, 11):
        grams = [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
        counts = Counter(grams)
        highest = max(counts.values(), default=0)
        if n < 5:
            longest = max((sum(map(len, g)) for g, c in counts.items() if c == highest), default=0)
            result[f"top_{n}gram"] = share(longest * highest, total) if highest > 1 else 0.0
        else:
            covered = {i + k for i, gram in enumerate(grams) if counts[gram] > 1 for k in range(n)}
            result[f"dup_{n}gram"] = share(sum(len(words[i]) for i in covered), total)
    return result


def dolma(text: str) -> dict[str, float]:
    words = text.split()
    lines = text.split("\n") if text else []
    total = sum(map(len, words))
    result = {
        "words": len(words),
        "mean_word_length": mean(map(len, words)) if words else 0,
        "median_word_length": float(median(map(len, words))) if words else 0.0,
        "hash_ratio": share(sum("#" in word for word in words), len(words)),
        "ellipsis_ratio": share(sum("…" in word for word in words), len(words)),
        "symbol_ratio": share(sum("#" in word or "…" in word for word in words), len(words)),
        "bullet_lines": share(sum(line.startswith(("*", "-")) for line in lines), len(lines)),
        "ellipsis_lines": share(sum(line.endswith("…") for line in lines), len(lines)),
        "alpha_words": share(sum(any(c.isalpha() for c in word) for word in words), len(words)),
        "stop_words": sum(word in ENGLISH for word in words),
    }
    repeated = {line: count for line, count in Counter(lines).items() if count > 1}
    result["dup_line_frac"] = share(sum(repeated.values()), len(lines))
    result["dup_line_chars"] = sum(len(line) * count for line, count in repeated.items()) / max(total, 1)
    for n in range(2, 11):
        counts = Counter(zip(*(words[i:] for i in range(n)), strict=False))
        mass = {gram: count * sum(map(len, gram)) for gram, count in counts.items()}
        if n < 5:
            result[f"top_{n}gram"] = mass[counts.most_common(1)[0][0]] / max(total, 1) if counts else 0.0
        else:
            duplicate = sum(chars for gram, chars in mass.items() if counts[gram] > 1)
            result[f"dup_{n}gram"] = duplicate / max(sum(mass.values()), 1)
    return result


REFERENCES = {"datatrove": datatrove, "dclm": dclm, "dolma": dolma}

#: Pieces that, few as they are, repeat; with what each rule looks at. No code points younger than Unicode 10.
PIECES = [
    "the", "and", "be", "a", "ab", "b", "word", "words", "don't", "3.5", "1", "11", "é", "Ünï", "#", "##", "...", "…",
    ". . .", "•", "●", "- item", "* item", "!", "?!", "https://a.example/x-y", "well-known", "\n", "\n\n", "\n \n",
    "\r\n", "\u2028", "\x1f", "\t", "  ", "\u00a0", "(see", "end).", "don't\n", "The", "AND", "한국어", "слово", "😀",
    "İ", "ß", "a_b", "x\u0301", "\u200d", "\u0e01\u0e32\u0e23", "漢字", "かな", "カナ", "5km", "\0",
]  # fmt: skip


@st.composite
def texts(draw: st.DrawFn) -> str:
    pieces = draw(st.lists(st.sampled_from(PIECES), min_size=1, max_size=12))
    generator = random.Random(draw(st.integers(0, 2**32)))
    separator = draw(st.sampled_from([" ", "", "\n"]))
    drawn = [generator.choice(pieces) for _ in range(draw(st.integers(0, 80)))]
    return separator.join(drawn) * draw(st.sampled_from([1, 1, 2, 3]))


def scores(dialect: str, *documents: str) -> list[dict[str, float]]:
    scorer = Gopher(dialect=dialect)  # pyright: ignore[reportArgumentType]
    return scorer.score(pa.record_batch([pa.array(documents, pa.string())], ["text.edited"])).to_pylist()


@pytest.mark.parametrize("dialect", REFERENCES)
@settings(deadline=None, max_examples=100)
@given(documents=st.lists(texts(), min_size=1, max_size=4))
def test_kernels_agree_with_plain_python(dialect: str, documents: list[str]) -> None:
    for text, row in zip(documents, scores(dialect, *documents), strict=True):
        expected = REFERENCES[dialect](text)
        assert row.keys() == expected.keys()
        assert row == pytest.approx(expected, abs=1e-12), text


@pytest.mark.parametrize("dialect", REFERENCES)
@settings(deadline=None, max_examples=30)
@given(text=st.text(st.characters(exclude_categories=["Cs", "Cn"], max_codepoint=0x2FFF), max_size=300))
def test_kernels_agree_on_arbitrary_text(dialect: str, text: str) -> None:
    assert scores(dialect, text)[0] == pytest.approx(REFERENCES[dialect](text), abs=1e-12)
