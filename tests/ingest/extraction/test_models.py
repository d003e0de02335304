"""Trees, the context that the second model reads, and the choice of blocks."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.extraction import layout as at
from ingest.extraction.agreement import agree, drop_few
from ingest.extraction.choice import LEAST, LINKED, SHARPENED, choose, drop_orphans, expected_f1, keep_headings
from ingest.extraction.context import CONTEXT, N_CONTEXT, fill_context
from ingest.extraction.extractor import select
from ingest.extraction.layout import Tables, new_tables
from ingest.extraction.lookup import make_scores
from ingest.extraction.measures import measure
from ingest.extraction.plain import plain
from ingest.extraction.repeats import drop_copies, drop_repeats
from ingest.extraction.scan import scan
from ingest.extraction.signs import pieces
from ingest.extraction.trees import Trees, check_trees, masks_of, predict
from tests.ingest.extraction.pages import PAGES

STUDY = np.load(Path(__file__).parent / "study.npz", allow_pickle=False)
NOTHING = make_scores(np.zeros(0, np.uint32), np.zeros(0, np.float32))


@pytest.mark.parametrize("k", range(len(PAGES)))
def test_the_context_is_the_studys(k: int) -> None:
    tables = scan(np.frombuffer(PAGES[k].encode(), np.uint8))
    expected = STUDY[f"context{k}"]
    rows = np.empty(expected.shape, np.float32)
    assert fill_context(tables, measure(tables, NOTHING, NOTHING), STUDY[f"probability{k}"], rows) == N_CONTEXT
    for i, name in enumerate(CONTEXT):
        np.testing.assert_allclose(rows[:, i], expected[:, i], rtol=1e-4, atol=1e-5, err_msg=name)


def random_trees(rng: np.random.Generator, n_trees: int, n_features: int, deep: int = 5) -> Trees:
    """Trees of random shapes, breadth first as in training, of 2 ** deep leaves at most."""
    feature, threshold, child, value, root, depth = ([] for _ in range(6))
    for _ in range(n_trees):
        root.append(len(feature))
        queue = [0]
        places = [len(feature)]
        for part in (feature, threshold, child, value):
            part.append(0)
        deepest = 0
        for k, level in enumerate(queue):
            at_ = places[k]
            deepest = max(deepest, level)
            if level == deep or rng.random() < 0.3:
                feature[at_], threshold[at_], child[at_], value[at_] = 0, np.inf, at_, rng.normal()
                continue
            feature[at_], threshold[at_], child[at_] = rng.integers(n_features), rng.normal(), len(feature)
            for _ in range(2):
                queue.append(level + 1)
                places.append(len(feature))
                for part in (feature, threshold, child, value):
                    part.append(0)
        depth.append(deepest)
    kinds = (np.int32, np.float32, np.int32, np.float32, np.int32, np.int32)
    return Trees(*(np.array(part, kind) for part, kind in zip((feature, threshold, child, value, root, depth), kinds, strict=True)))


@pytest.mark.parametrize("n", [0, 1, 7, 8, 9, 37])
def test_trees_are_walked_to_their_leaves(n: int) -> None:
    rng = np.random.default_rng(n)
    trees = check_trees(random_trees(rng, 20, 5), 5)
    rows = rng.normal(size=(n, 5)).astype(np.float32)
    if n > 3:
        rows[3, 0] = trees.threshold[np.isfinite(trees.threshold)][0]  # equal to a threshold goes left
    out = np.full(n, 7, np.float32)
    predict(rows, n, masks_of(trees), out)
    for i in range(n):
        total = 0.0
        for root in trees.root:
            node = int(root)
            while trees.child[node] != node:
                node = int(trees.child[node]) + int(rows[i, trees.feature[node]] > trees.threshold[node])
            total += float(trees.value[node])
        assert out[i] == pytest.approx(1 / (1 + np.exp(-total)), rel=1e-4)


@pytest.mark.parametrize(
    ("field", "index", "value"),
    [
        ("feature", 0, 5), ("feature", 0, -1), ("child", 0, 10**6), ("child", 0, -1), ("root", 0, -1), ("root", 0, 10**6),
        ("depth", 0, 65), ("depth", 0, 0), ("value", 0, np.nan), ("child", 0, 3), ("threshold", 0, np.nan), ("root", 1, 2),
    ],
)  # fmt: skip
def test_unsound_trees_are_refused(field: str, index: int, value: Any) -> None:
    trees = random_trees(np.random.default_rng(0), 3, 5)
    getattr(trees, field)[index] = value
    with pytest.raises(ValueError, match="trees"):
        check_trees(trees, 5)


def test_trees_of_more_leaves_than_a_mask_has_bits_are_refused() -> None:
    rng = np.random.default_rng(1)
    wide = next(trees for _ in range(99) if np.sum((trees := random_trees(rng, 1, 5, 9)).threshold == np.inf) > 32)
    with pytest.raises(ValueError, match="more than 32 leaves"):
        check_trees(wide, 5)


def test_a_tree_of_as_many_leaves_as_a_mask_has_bits_is_walked_to_each() -> None:
    """31 splits of one feature: a block of value k is in leaf k, the last of which is the sign of the mask."""
    feature, threshold, child, value = ([] for _ in range(4))  # type: list[Any], list[Any], list[Any], list[Any]
    for k in range(31):
        feature += [0, 0]
        threshold += [float(k), np.inf]
        child += [2 * k + 1, 2 * k + 1]
        value += [0.0, float(k)]
    for part, last in ((feature, 0), (threshold, np.inf), (child, 62), (value, 31.0)):
        part.append(last)
    trees = Trees(
        np.array(feature, np.int32), np.array(threshold, np.float32), np.array(child, np.int32), np.array(value, np.float32),
        np.zeros(1, np.int32), np.array([31], np.int32),
    )  # fmt: skip
    rows = np.arange(33, dtype=np.float32)[:, None]
    out = np.empty(33, np.float32)
    predict(rows, 33, masks_of(check_trees(trees, 1)), out)
    expected = 1 / (1 + np.exp(-np.minimum(np.arange(33.0), 31)))
    np.testing.assert_allclose(out, expected, rtol=1e-6)


def blocks_of(words: list[int]) -> Tables:
    tables = new_tables(1000, 1)
    tables.state[at.N_BLOCKS] = len(words)
    tables.blocks[: len(words), at.B_WORDS] = words
    return tables


@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(st.integers(1, 50), st.floats(0, 1, width=32)), min_size=1, max_size=9))
def test_no_set_of_blocks_has_a_higher_expected_f1(blocks: list[tuple[int, float]]) -> None:
    words, probability = [w for w, _ in blocks], np.array([q for _, q in blocks], np.float32)
    kept = np.zeros(len(blocks), np.bool_)
    found = choose(blocks_of(words), probability, LEAST, kept)
    w, q = np.array(words, float), probability.astype(float) ** SHARPENED
    if probability.max() < LEAST:
        assert not kept.any()
        assert found == 0
        return
    sets = (np.array(s, bool) for s in itertools.product([False, True], repeat=len(words)) if any(s))
    best = max(2 * (w * q)[s].sum() / (w[s].sum() + (w * q).sum()) for s in sets)
    assert found == pytest.approx(best, abs=1e-6)
    assert 2 * (w * q)[kept].sum() / (w[kept].sum() + (w * q).sum()) == pytest.approx(best, abs=1e-6)


def test_headings_stay_with_their_text() -> None:
    tables = scan(np.frombuffer(b"<h1>one</h1><h2>two</h2><h3><i>three</i></h3><p>four<h2>five</h2><p>six<h2>seven</h2>", np.uint8))
    kept = np.array([False, False, False, True, False, True, False])
    keep_headings(tables, np.array([0.9, 0.3, 0.3, 0.9, 0.1, 0.9, 0.9], np.float32), kept)
    assert kept.tolist() == [False, True, True, True, False, True, False]


def test_what_a_heading_says_is_said_once() -> None:
    html = b"<td>one two</td><h1>One two</h1><p>one two three<p>four<h2>five</h2><p>five<p>six<p>six<h2>seven</h2><h3>seven</h3>"
    tables = scan(np.frombuffer(html, np.uint8))
    kept = np.ones(int(tables.state[at.N_BLOCKS]), np.bool_)
    kept[3] = False
    drop_repeats(tables, kept)
    assert kept.tolist() == [False, True, True, False, True, False, True, True, False, True]


def scanned(html: str) -> Tables:
    return scan(np.frombuffer(html.encode(), np.uint8))


def agreed(html: str, probability: list[float]) -> list[float]:
    tables, found = scanned(html), np.array(probability, np.float32)
    agree(tables, measure(tables, NOTHING, NOTHING), found)
    return found.tolist()


def test_what_a_template_made_alike_has_one_probability() -> None:
    table = "<table><tr><th>a<td>b<td>c<tr><th>d<td>e<td>f</table><p>g"
    found = agreed(table, [0.6, 0.4, 0.4, 0.6, 0.4, 0.4, 0.9])
    assert found == pytest.approx([7 / 15] * 6 + [0.9])
    assert agreed(table, [0.9, 0.1, 0.4, 0.9, 0.1, 0.4, 0.9]) == pytest.approx([0.9, 0.1, 0.4, 0.9, 0.1, 0.4, 0.9])  # in doubt
    cards = "<div class=x><b>name</b></div>" * 3
    assert agreed(cards, [0.4, 0.5, 0.55]) == pytest.approx([29 / 60] * 3)
    assert agreed(cards, [0.2, 0.5, 0.55]) == pytest.approx([0.2, 0.5, 0.55])
    long = f"<p>{'word ' * 16}</p>" * 3  # paragraphs stand for themselves
    assert agreed(long, [0.4, 0.5, 0.55]) == pytest.approx([0.4, 0.5, 0.55])
    assert agreed("<ul><li>one two three<li>four</ul>", [0.4, 0.6]) == pytest.approx([0.45, 0.45])  # by words


QUOTE = "I would buy it again, and so would all my friends who saw how well it keeps."


@pytest.mark.parametrize(
    ("html", "dropped"),
    [
        (f"<div><p>{QUOTE}</p><p>Anne</div><div><p>{QUOTE}</p><p>Anne</div>", [2, 3]),  # the slides of a carousel
        (f"<div><p>{QUOTE}</p><p>Anne</div><div><p>{QUOTE}</p><p>Peter</div>", []),
        (f"<div><div>{QUOTE}</div><p>Anne</div><div><div>{QUOTE}</div><p>Peter</div>", [2]),
        (f"<div><p>{QUOTE}<p>More</div><div><blockquote><p>{QUOTE}</blockquote><p>Yes", [2]),  # a quotation of a post
        (f"<p>{QUOTE}<p>Verse<p>{QUOTE}", []),  # a refrain
        (f"<p>{QUOTE}<br>Verse<br>{QUOTE}", []),
        (f"<div><pre>{QUOTE}</pre></div><section><pre>{QUOTE}</pre></section>", []),
        (f"<div>{QUOTE}</div><table><tr><td>{QUOTE}</table>", []),
        ("<div><p>Weight: 5 kg<p>One</div><div><p>Weight: 5 kg<p>Two</div>", []),  # a field of cards
        (f"<ul><li><a href=#a>{QUOTE}</a></ul><div><h2>{QUOTE}</h2></div>", []),  # a table of contents
        (f"<div><h2>Say</h2><p>{QUOTE}</div><div><h2>Say</h2><p>{QUOTE}</div>", [2, 3]),
        (f"<dl><dt>get()<dd><p>{QUOTE}<dt>take()<dd><p>{QUOTE}</dl>", []),  # the same of two functions
        (f"<section><h3>get</h3><div>{QUOTE}</div></section><section><h3>take</h3><div>{QUOTE}</div></section>", []),
        (f"<section><h3>get</h3><div>{QUOTE * 9}</div></section><section><h3>take</h3><div>{QUOTE * 9}</div></section>", [3]),
    ],
)
def test_copies(html: str, dropped: list[int]) -> None:
    tables = scanned(html)
    kept = np.ones(int(tables.state[at.N_BLOCKS]), np.bool_)
    drop_copies(tables, kept)
    assert np.flatnonzero(~kept).tolist() == dropped


def test_headings_go_with_their_section() -> None:
    tables = scanned("<h2>1</h2><p>2" + "<h2>3</h2><p>4<p>5" * 5 + "<h2>6</h2><ul><li>7</ul>")
    probability = np.full(int(tables.state[at.N_BLOCKS]), 0.7, np.float32)
    kept = np.ones(len(probability), np.bool_)
    kept[-1] = False
    drop_orphans(tables, probability, kept)
    assert np.flatnonzero(~kept).tolist() == [len(kept) - 2, len(kept) - 1]
    kept[-2], probability[-2] = True, 0.9
    drop_orphans(tables, probability, kept)
    assert kept[-2]
    listing = scanned("<h2>item</h2><p>price" * 4)
    kept = np.array([True, False] * 4)
    drop_orphans(listing, np.full(8, 0.7, np.float32), kept)
    assert kept.sum() == 4


def test_links_that_are_alike_go_where_few_of_them_are_kept() -> None:
    cards = "".join(f"<div class=card><h4><a href=/{i}>Title of page {i}</a></h4></div>" for i in range(4))
    page = scanned(f"<p>text</p>{cards}<p>text</p><p><a href=/>one</a></p>")

    def after(*marks: bool) -> list[bool]:
        kept = np.array([True, *marks, True, True])
        drop_few(page, kept)
        assert kept[[0, 5, 6]].all()  # of those that are no links, and of a link alone, none goes
        return kept[1:5].tolist()

    assert after(True, False, False, False) == [False] * 4
    assert after(True, True, False, False) == [True, True, False, False]
    assert after(True, True, True, False) == [True, True, True, False]
    long = scanned("".join(f"<h4 class=a><a href=/>{'long title ' * 8}</a></h4>" for _ in range(4)))
    kept = np.array([True, False, False, False])
    drop_few(long, kept)
    assert kept[0]


@pytest.mark.parametrize(("best", "count"), [(0.3, 0), (0.5, 1)])
def test_where_no_block_is_likely_two_models_keep_nothing(best: float, count: int) -> None:
    page, probability = scanned("<p>one two three"), np.array([best], np.float32)
    assert select(page, probability)[0].sum() == count
    assert select(page, probability, fast=True)[0].sum() == 1


def test_the_expected_f1_of_what_stands_in_no_block() -> None:
    tables, probability = blocks_of([10, 20]), np.array([0.9, 0.1], np.float32)
    kept = np.zeros(2, np.bool_)
    likely = 10 * 0.9**SHARPENED + 20 * 0.1**SHARPENED
    assert expected_f1(tables, probability, kept, 100) == pytest.approx(2 * 100 * LINKED / (100 + 100 * LINKED + likely))
    best = choose(tables, probability, LEAST, kept)
    assert expected_f1(tables, probability, kept, 0) == pytest.approx(best)


def test_kept_blocks_are_written_a_line_each() -> None:
    tables = scan(np.frombuffer(b"<p>one<p>two &amp;<p>three", np.uint8))
    assert plain(tables, pieces(tables, np.array([True, False, True]))) == "one\nthree"
