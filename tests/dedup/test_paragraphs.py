"""Repeated lines: what the packed passes cut is what a plain reading of the rules cuts, however the rows are dealt out."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import pairwise
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.spans import apply_edits, cut_array
from dedup import repeats
from dedup.paragraph_keys import mapping
from dedup.paragraphs import Paragraphs
from dedup.repeats import Keys

NO_DATE = np.iinfo(np.int64).max


@dataclass(frozen=True)
class Page:
    id: bytes
    text: str
    host: str | None = "a.example"
    date: int = 0
    alive: bool = True

    @property
    def order(self) -> tuple[int, int, bytes]:
        return self.date if self.date == NO_DATE else self.date // 1_000_000, -len(self.text), self.id[:8]


def normalised(line: str, how: str) -> str:
    line = line.strip()
    if how == "none":
        return line
    line = "".join(character.lower() if len(character.lower()) == 1 else character for character in line)
    if how == "ccnet":  # cc_net's normalize_for_dedup
        line = re.sub(r"\d", "0", line)
        line = re.sub("[，。、„”“«»１」「《》´∶：？！（）；–—．～’…━〈〉【】％►\x00-\x1f\x7f-\x9f]", "", line)
    return line


def plain(pages: list[Page], scorer: Paragraphs) -> list[str]:
    """What is left of the texts of pages: the rules read out, with dictionaries."""
    lines: list[list[tuple[int, int]]] = []
    runs: list[list[tuple[Any, ...] | None]] = []
    for page in pages:
        found, at, parted = [], 0, r"\n{2,}" if scorer.by == "paragraph" else r"\n"
        if not re.search(parted, page.text):
            parted = r"\n"
        for gap in [*re.finditer(parted, page.text), None]:
            end = gap.start() if gap else len(page.text)
            if page.text[at:end].strip():
                found.append((at, end))
            at = gap.end() if gap else end
        lines.append(found)
        of_page: list[tuple[Any, ...] | None] = []
        for i in range(len(found)):
            run = [normalised(page.text[a:b], scorer.normalise) for a, b in found[i : i + scorer.span]]
            there = len(run) == scorer.span and sum(map(len, run)) >= scorer.min_characters
            there = there and page.alive and not (scorer.within and page.host is None)
            of_page.append((page.host if scorer.within else None, *run) if there else None)
        runs.append(of_page)
    owners: dict[Any, dict[bytes, int]] = defaultdict(dict)
    for page, of_page in zip(pages, runs, strict=True):
        for run, times in Counter(run for run in of_page if run is not None).items():
            owners[run][page.id] = times
    orders = {page.id: min(p.order for p in pages if p.id == page.id and p.alive) for page in pages if page.alive}
    left: list[str] = []
    for page, of_page, found in zip(pages, runs, lines, strict=True):
        gone: set[int] = set()
        kept_until: dict[Any, int] = {}
        for i, run in enumerate(of_page):
            if run is None or sum(owners[run].values()) <= scorer.most:
                continue
            first = min(owners[run], key=lambda owner: orders[owner])
            start = i
            if scorer.keep == "first" and first == page.id:
                if run not in kept_until:
                    kept_until[run] = i + scorer.span
                    continue
                start = max(i, kept_until[run])
            gone.update(range(start, i + scorer.span))
        left.append(without(page.text, found, gone))
    return left


def without(text: str, lines: list[tuple[int, int]], gone: set[int]) -> str:
    """The text without some of its lines. Of what parted them from those before and behind the longer stays, the first of two; but
    nothing before the first line that is left, if the text began with one that is not, nor behind the last."""
    if not gone:
        return text
    kept = [i for i in range(len(lines)) if i not in gone]
    if not kept:
        return ""
    lines = [*lines[:-1], (lines[-1][0], len(text))]
    out = text[: lines[0][1]] if kept[0] == 0 else text[slice(*lines[kept[0]])]
    for before, i in pairwise(kept):
        gaps = text[lines[before][1] : lines[before + 1][0]], text[lines[i - 1][1] : lines[i][0]]
        out += max(gaps, key=len) + text[slice(*lines[i])]
    return out


def packed(pages: list[Page], scorer: Paragraphs, sources: list[int]) -> list[str]:
    """The same by the kernels: `sources` says which source a page is of."""
    texts, hosts = [p.text for p in pages], [p.host for p in pages]
    columns = {"text.edited": pa.array(texts, pa.string()), "page.host": pa.array(hosts, pa.string())}
    scored = scorer.score(pa.record_batch([columns[name] for name in scorer.inputs], names=list(scorer.inputs)))
    units = scored.column("units")
    bounds = np.cumsum([0, *(len(value) for value in units.to_pylist())]).astype(np.int32)
    start, end, characters, key = (np.ascontiguousarray(units.flatten().field(i).to_numpy()) for i in range(4))
    docs = repeats.documents_of(np.frombuffer(b"".join(p.id for p in pages), np.uint8).reshape(-1, 16))
    ranks = repeats.ranks(np.array([p.date for p in pages]), np.array([len(p.text) for p in pages]), NO_DATE)
    alive = np.array([p.alive for p in pages])
    rows = np.repeat(np.arange(len(pages)), np.diff(bounds))
    sent = []
    for source in sorted(set(sources)):
        mine = (key != 0) & alive[rows] & (np.array(sources)[rows] == source)
        sent.append(repeats.of_source(key[mine], rows[mine], docs, ranks, scorer.most))
    for keys in sent:
        _, counts = np.unique(keys.key, return_counts=True)
        assert counts.max(initial=0) <= scorer.most  # however many pages have it
        assert (np.diff(keys.key.astype(object)) >= 0).all()
    of = [np.concatenate([getattr(keys, name) for keys in sent]) for name in ("key", "doc", "rank", "times")]
    mixed = Random(len(pages)).sample(range(len(of[0])), len(of[0]))
    answers = repeats.match(Keys(*(column[mixed] for column in of)), scorer.most)
    repeated, first = np.unique(answers.key, return_index=True)
    winners = answers.doc[first] if scorer.keep == "first" else None
    offsets, starts, ends, counts, longest = repeats.cut(
        bounds, start, end, characters, key, docs, alive, repeated, winners, scorer.span
    )
    assert (counts[:, 0] > 0).tolist() == (longest >= 0).tolist()
    text = columns["text.edited"]
    assert (counts[:, 1] <= counts[:, 2]).all()
    assert counts[:, 2].tolist() == [int(characters[bounds[i] : bounds[i + 1]].sum()) for i in range(len(counts))]
    return apply_edits(text, [cut_array(offsets, starts, ends)]).to_pylist()


LINES = st.sampled_from(["a", "A ", "b", " b", "c1", "c２", "”c2", "", "", "é", "中 中", "\t"])
TEXTS = st.lists(LINES, max_size=8).map("\n".join)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[Page], Paragraphs, list[int]]:
    records = draw(st.lists(st.tuples(TEXTS, st.sampled_from(["a.example", "b.example", None])), min_size=1, max_size=6))
    ids = draw(st.permutations(range(len(records))))
    chosen = draw(st.lists(st.integers(0, len(records) - 1), min_size=1, max_size=10))  # copies of a record among them
    dates = st.sampled_from([0, 1_000_000, 1_400_000, NO_DATE])
    pages = [
        Page(bytes([ids[i]] * 8) + bytes(8), records[i][0], records[i][1], draw(dates), draw(st.integers(0, 4)) > 0) for i in chosen
    ]
    scorer = Paragraphs(
        by=draw(st.sampled_from(["line", "paragraph"])), span=draw(st.integers(1, 3)), most=draw(st.integers(1, 3)),
        within=draw(st.sampled_from(["", "page.host"])), keep=draw(st.sampled_from(["first", "none"])),
        normalise=draw(st.sampled_from(["none", "lower", "ccnet"])), min_characters=draw(st.integers(1, 3)),
    )  # fmt: skip
    return pages, scorer, draw(st.lists(st.integers(0, 3), min_size=len(pages), max_size=len(pages)))


@settings(deadline=None, max_examples=300)
@given(worlds())
def test_what_is_cut_is_what_the_rules_say_however_rows_are_dealt_out(world: tuple[list[Page], Paragraphs, list[int]]) -> None:
    pages, scorer, sources = world
    assert packed(pages, scorer, sources) == plain(pages, scorer)
    turned = packed(pages[::-1], scorer, [0] * len(pages))
    assert turned[::-1] == packed(pages, scorer, sources)


def pages_of(*texts: str, **more: Any) -> list[Page]:
    return [Page(bytes([i] * 16), text, date=i * 1_000_000, **more) for i, text in enumerate(texts)]


def test_c4_keeps_the_first_of_three_lines_in_a_row() -> None:
    scorer = Paragraphs(span=3)
    pages = pages_of("one\ntwo\nthree\nfour", "zero\nOne\ntwo \nthree", "one\ntwo\nfour")
    assert packed(pages, scorer, [0, 0, 0]) == ["one\ntwo\nthree\nfour", "zero", "one\ntwo\nfour"]


def test_the_earliest_page_keeps_its_line_then_the_longest_then_the_smallest_id() -> None:
    same = "the same line"
    early = [Page(bytes([9] * 16), same, date=1_000_000), Page(bytes([1] * 16), f"{same}\nand more", date=2_000_000)]
    assert packed(early, Paragraphs(), [0, 1]) == [same, "and more"]
    longer = [Page(bytes([1] * 16), same), Page(bytes([9] * 16), f"{same}\nand more")]
    assert packed(longer, Paragraphs(), [0, 1]) == ["", f"{same}\nand more"]
    ids = [Page(bytes([9] * 16), same), Page(bytes([1] * 16), same)]
    assert packed(ids, Paragraphs(), [0, 1]) == ["", same]


def test_obelics_cuts_all_copies_of_what_a_host_has_more_than_twice() -> None:
    scorer = Paragraphs(by="paragraph", within="page.host", most=2, keep="none", normalise="none")
    texts = ["Share this\n\nfirst", "Share this\n\nsecond", "Share this\n\nthird"]
    assert packed(pages_of(*texts), scorer, [0, 1, 2]) == ["first", "second", "third"]
    assert packed(pages_of(*texts[:2]), scorer, [0, 1]) == texts[:2]
    apart = [Page(bytes([i] * 16), text, host=f"{i}.example") for i, text in enumerate(texts)]
    assert packed(apart, scorer, [0, 1, 2]) == texts
    assert packed(pages_of(*texts, host=None), scorer, [0, 1, 2]) == texts


def cut(texts: list[str], **parameters: Any) -> list[str]:
    pages = [Page(bytes([i] * 16), text) for i, text in enumerate(texts)]
    return packed(pages, Paragraphs(keep="none", **parameters), [0] * len(pages))


TABLE = "| Name | Value |\n| --- | :-: |\n"


@pytest.mark.parametrize(
    ("parameters", "texts", "left"),
    [
        ({}, [f"{TABLE}| a | 1 |\n| s | 2 |", f"{TABLE}| b | 1 |\n| s | 2 |"], [f"{TABLE}| a | 1 |", f"{TABLE}| b | 1 |"]),
        ({"span": 3}, [f"{TABLE}| s | 1 |\n| t | 2 |\n| u | 3 |", f"{TABLE}| s | 1 |\n| t | 2 |\n| u | 3 |"], [TABLE[:-1]] * 2),
        ({}, ["> |a|\n> |-|\n> |1|\ns", "> |a|\n> |-|\n> |2|\ns"], ["> |a|\n> |-|\n> |1|", "> |a|\n> |-|\n> |2|"]),
        ({}, ["```py\na\ns\n```", "- ```py\n  b\n  s\n  ```"], ["```py\na\n```", "- ```py\n  b\n  ```"]),
        ({}, ["```py\na\n```", "```py\nb\n```"], ["```py\na\n```", "```py\nb\n```"]),
        ({}, ["a ```x``` b", "a ```x``` b"], ["", ""]),
        ({}, ["a\ns\n\n## B\n\nb", "c\ns\n\n## D\n\nd"], ["a\n\n## B\n\nb", "c\n\n## D\n\nd"]),
        ({}, ["a\n\n## B\n\ns\n\nb", "c\n\n## D\n\ns\nd"], ["a\n\n## B\n\nb", "c\n\n## D\n\nd"]),
        ({"by": "paragraph"}, ["```\na\n\ns\n\nb\n```", "```\na\n\ns\n\nc\n```"], ["```\na\n\nb\n```", "```\na\n\nc\n```"]),
        ({"by": "paragraph"}, ["a\ns\nb", "c\ns\nd"], ["a\nb", "c\nd"]),  # as extractors write
        ({"by": "paragraph"}, ["a\n\ns\nt", "c\n\ns\nt", "s\nd"], ["a", "c", "s\nd"]),
    ],
)
def test_markdown_stays_markdown(parameters: dict[str, Any], texts: list[str], left: list[str]) -> None:
    assert cut(texts, **parameters) == left


def test_copies_of_one_record_do_not_count() -> None:
    pages = [Page(b"x" * 16, "line\nother", date=date) for date in (0, 5_000_000)]
    assert packed(pages, Paragraphs(), [0, 1]) == ["line\nother"] * 2


def test_ccnet_s_digits_are_those_of_python() -> None:
    table = mapping("ccnet")
    digits = [cp for cp in range(0x110000) if not 0xD800 <= cp < 0xE000 and re.match(r"\d", chr(cp))]
    if unicodedata.unidata_version == "14.0.0":
        assert all(table[cp] == ord("0") for cp in digits)
    assert [int(table[ord(character)]) for character in "A！!"] == [ord("a"), 0xFFFFFFFF, ord("!")]


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"by": "word"}, "by"), ({"span": 0}, "span"), ({"most": 0}, "most"), ({"keep": "last"}, "keep"),
        ({"within": "host"}, "within"), ({"normalise": "nfc"}, "normalise"), ({"min_characters": 0}, "min_characters"),
        ({"read": "html"}, "read"), ({"span": True}, "span"),
    ],
)  # fmt: skip
def test_bad_parameters_name_their_field(parameters: dict[str, Any], field: str) -> None:
    with pytest.raises(ValueError, match=f"^{field}: "):
        Paragraphs(**parameters)


def test_a_line_that_a_million_pages_have_is_as_many_keys_as_sources() -> None:
    rows = np.arange(1_000_000)
    docs = np.arange(1_000_000, dtype=np.uint64)
    keys = repeats.of_source(np.full(len(rows), 7, np.uint64), rows, docs, docs, 2)
    assert (len(keys), int(keys.times[0]), int(keys.doc[0])) == (1, 1_000_000, 0)
