"""The rule language: what parses to what, what it says of rows with nulls, and what its errors say."""

from __future__ import annotations

import datetime
import math
import operator
import re
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import RecipeError
from filters import rule_nodes as nodes
from filters.rule_check import check_columns, column_problems
from filters.rules import Threshold, parse_rule, unique_reasons

KNOWN = {
    "language.label": pa.string(),
    "language.score": pa.float32(),
    "gopher.words": pa.int32(),
    "fineweb2.line_punct": pa.float64(),
    "fineweb2.line_punct_min": pa.float64(),
    "duplicates.kept": pa.bool_(),
    "duplicates.cluster": pa.binary(16),
    "page.url": pa.string(),
    "page.host": pa.string(),
    "page.date": pa.timestamp("s", "UTC"),
    "c4.cut": pa.list_(pa.int32()),
}


def keeps(text: str, **columns: list[Any] | pa.Array) -> list[bool | None]:
    """What the rule says of each row; `language__score=[…]` is the column language.score."""
    arrays = {
        name.replace("__", "."): values if isinstance(values, pa.Array) else pa.array(values, KNOWN.get(name.replace("__", ".")))
        for name, values in columns.items()
    }
    return parse_rule(text).evaluate(arrays).to_pylist()


NORMAL = {
    "language.label is en": "language.label is en",
    "language.label == en": "language.label is en",
    "language.label  IS NOT  en": "language.label is not en",
    "language.label is is": 'language.label is "is"',
    "language.label in [is,or,'no', zh-Hans]": 'language.label in ["is", "or", no, zh-Hans]',
    "language.label not in [en]": "language.label not in [en]",
    "not language.label in [en]": "language.label not in [en]",
    "not (language.score>=30%)": "language.score < 0.3",
    "language.score ≥ 1e-3": "language.score >= 0.001",
    "gopher.words is 1_000": "gopher.words == 1000",
    "gopher.words in 50 .. 100_000": "gopher.words in 50..100000",
    "gopher.words in 50..": "gopher.words in 50..",
    "gopher.words not in ..-1.5": "gopher.words not in ..-1.5",
    "not not duplicates.kept": "duplicates.kept",
    "not duplicates.kept": "not duplicates.kept",
    "duplicates.kept is false": "duplicates.kept is false",
    "(a.a and (b.b and c.c)) or d.d": "a.a and b.b and c.c or d.d",
    "a.a and (b.b or c.c)": "a.a and (b.b or c.c)",
    "not (a.a or b.b)": "not (a.a or b.b)",
    "language.score >= by language.label {de: 1, other: 65%}": "language.score >= by language {de: 1, other: 0.65}",
    "language.score >= by page.host {example.com: 1, 'other': 2, other: any,}": (
        'language.score >= by page.host {example.com: 1, "other": 2, other: any}'
    ),
    "fineweb2.line_punct >= fineweb2.line_punct_min": "fineweb2.line_punct >= fineweb2.line_punct_min",
    "page.url not in ['a b']": 'page.url not in ["a b"]',
    "language.label is not missing": "language.label is not missing",
    "language.label is 'missing'": 'language.label is "missing"',
    "page.url contains x or page.url starts with 'http:'": 'page.url contains "x" or page.url starts with "http:"',
    'page.url ends with ".pdf"': 'page.url ends with ".pdf"',
    r"not page.url matches /a\/b\\\/|[^\/]\.pdf$/": r"not page.url matches /a\/b\\\/|[^\/]\.pdf$/",
    "page.date >= 2020-01-01": "page.date >= 2020-01-01",
    'page.date < "2020-01-01T10:00"': "page.date < 2020-01-01T10:00",
    "gopher.words\n  >= 5": "gopher.words >= 5",
    "page.url is 'a\u2028b\n'": 'page.url is "a\\u2028b\\n"',
    "page.url matches /a\nb\\\u2028/": "page.url matches /a\\x{a}b\\x{2028}/",
}


@pytest.mark.parametrize("text", NORMAL)
def test_normal_form(text: str) -> None:
    rule = parse_rule(text)
    assert rule.text == NORMAL[text]
    assert parse_rule(rule.text) == rule
    assert rule.source == text


def test_columns_are_sorted_and_unique() -> None:
    rule = parse_rule("language.score >= by language {de: 1, other: 0} or page.url is x and language.score > a.b")
    assert rule.columns == ("a.b", "language.label", "language.score", "page.url")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("language.score >= by language {other: 0.5}", "language_score"),
        ("duplicates.kept", "duplicate"),
        ("not (c4.curly or gopher.words > 5)", "c4_curly"),
    ],
)
def test_default_reason(text: str, reason: str) -> None:
    assert parse_rule(text).reason == reason
    assert parse_rule(text, "too_short").reason == "too_short"


def test_reasons_are_made_unique() -> None:
    given_ = [("a", False), ("a", False), ("a_2", True), ("not_scored", False), ("a", False)]
    assert unique_reasons(given_) == ["a", "a_3", "a_2", "not_scored_2", "a_4"]


def test_thresholds() -> None:
    rule = parse_rule(
        "gopher.words in 50..100 and not (language.score >= by language {de: 0.8, no: any, other: 0.5}) "
        "or gopher.words not in ..7 or page.url is x or gopher.words == fineweb2.line_punct"
    )
    assert rule.thresholds() == [
        Threshold("gopher.words", ">=", 50, None),
        Threshold("gopher.words", "<=", 100, None),
        Threshold("language.score", "<", 0.8, ("language.label", "de")),
        Threshold("language.score", "<", 0.5, ("language.label", "other")),
        Threshold("gopher.words", ">", 7, None),
    ]


def test_bounds_are_included_and_null_stays_null() -> None:
    words = [49, 50, 100, 101, None]
    assert keeps("gopher.words in 50..100", gopher__words=words) == [False, True, True, False, None]
    assert keeps("gopher.words not in 50..100", gopher__words=words) == [True, False, False, True, None]
    assert keeps("gopher.words in 50..", gopher__words=words) == [False, True, True, True, None]
    assert keeps("gopher.words in [49, 101]", gopher__words=words) == [True, False, False, True, None]
    assert keeps("gopher.words is missing", gopher__words=words) == [False, False, False, False, True]
    assert keeps("gopher.words is not missing", gopher__words=words) == [True, True, True, True, False]


def test_and_or_follow_kleene() -> None:
    a, b = [True, True, False, False, None, None], [None, False, None, True, None, True]
    columns = {"duplicates__kept": a, "x__y": pa.array(b)}
    assert keeps("duplicates.kept and x.y", **columns) == [None, False, False, False, None, None]
    assert keeps("duplicates.kept or x.y", **columns) == [True, True, None, True, None, True]
    assert keeps("not (duplicates.kept or x.y)", **columns) == [False, False, None, False, None, False]


def test_thresholds_by_language() -> None:
    text = "language.score >= by language {de: 0.82, zh: 0.69, is: any, other: 0.5}"
    labels = ["de", "de", "zh", "is", "fr", "fr", None, "de"]
    scores = [0.82, 0.81, 0.7, 0.0, 0.5, 0.4, 0.9, None]
    expected = [True, False, True, True, True, False, None, None]
    assert keeps(text, language__label=labels, language__score=scores) == expected
    dictionary = pa.array(labels).dictionary_encode()
    assert keeps(text, language__label=dictionary, language__score=scores) == expected
    large = pa.array(labels, pa.large_string())
    assert keeps(text, language__label=large, language__score=scores) == expected
    text = "gopher.words > by language {en: 2.5, other: 9}"
    assert keeps(text, language__label=["en", "x"], gopher__words=[3, 9]) == [True, False]


def test_a_float32_score_passes_its_own_threshold() -> None:
    score = np.float32(0.65)
    assert float(score) < 0.65
    for text in ("language.score >= 0.65", "language.score >= by language {other: 0.65}", "language.score in 0.65.."):
        assert keeps(text, language__score=[score], language__label=["en"]) == [True]
    doubles = pa.array([0.65], pa.float64())
    text = "language.score >= fineweb2.line_punct"
    assert keeps(text, language__score=[score], fineweb2__line_punct=doubles) == [True]


def test_nan_counts_as_null() -> None:
    values = [math.nan, 1.0]
    assert keeps("fineweb2.line_punct != 3", fineweb2__line_punct=values) == [None, True]
    assert keeps("fineweb2.line_punct is missing", fineweb2__line_punct=values) == [True, False]


def test_integers_compare_exactly_and_beyond_their_range() -> None:
    big = pa.array([2**62 + 1], pa.int64())
    assert keeps(f"x.y > {10**17}", x__y=big) == [True]
    assert keeps("x.y >= 300", x__y=pa.array([127], pa.int8())) == [False]
    assert keeps("x.y > -1", x__y=pa.array([2**64 - 1], pa.uint64())) == [True]
    assert keeps("x.y >= 2.5", x__y=pa.array([2, 3], pa.uint64())) == [False, True]
    wide = pa.array([5, None], pa.int64())
    assert keeps("x.y >= a.b", x__y=pa.array([5, 5], pa.uint64()), a__b=wide) == [True, None]


def test_text_tests() -> None:
    urls = ["http://a/x.pdf", "https://b/", None, ""]
    assert keeps('page.url contains "://a"', page__url=urls) == [True, False, None, False]
    assert keeps('page.url starts with "https"', page__url=urls) == [False, True, None, False]
    assert keeps('page.url ends with ".pdf"', page__url=urls) == [True, False, None, False]
    assert keeps(r"page.url matches /\.pdf$/", page__url=urls) == [True, False, None, False]
    assert keeps("not page.url matches /^http:/", page__url=urls) == [False, True, None, True]


def test_dates() -> None:
    midnight = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    dates = [midnight, midnight - datetime.timedelta(hours=1)]
    assert keeps("page.date >= 2020-01-01", page__date=dates) == [True, False]
    days = pa.array([datetime.date(2020, 1, 1)], pa.date32())
    assert keeps("x.day == 2020-01-01", x__day=days) == [True]
    naive = pa.array([datetime.datetime(2020, 1, 1)], pa.timestamp("us"))
    assert keeps("x.time < 2020-01-01T00:00:01Z", x__time=naive) == [True]
    assert keeps("x.text >= 2020-01-01", x__text=pa.array(["2020-02-01", "2019"])) == [True, False]


def test_empty_null_and_chunked_columns() -> None:
    assert keeps("gopher.words >= 5", gopher__words=[]) == []
    nothing = pa.nulls(2)
    for text in ("x.y >= 5", "x.y", "x.y is en", "x.y in [a]", "x.y in 1..", "x.y contains z", "x.y == x.y"):
        assert keeps(text, x__y=nothing) == [None, None], text
    chunks = pa.chunked_array([[1, 9], [None]], pa.int32())
    assert parse_rule("gopher.words > 5").evaluate({"gopher.words": chunks}).to_pylist() == [False, True, None]
    halves = pa.chunked_array([["en"], ["de"]])
    assert keeps("language.label is en", language__label=halves.combine_chunks().slice(1)) == [False]


def test_a_column_that_is_not_there_raises() -> None:
    with pytest.raises(KeyError):
        parse_rule("gopher.words > 5").evaluate({})


ERRORS = [
    ("", "the rule is empty", None),
    ("gopher.words", None, None),
    ("gopher.words >=", "expected a value", 15),
    ("gopher.words >= en", "a number, a column or `by language", 16),
    ("gopher.words 5", "after the column", 13),
    ("gopher.words iss 5", "did you mean `is`", 13),
    ("gopher.words = 5", "write `is` or `==`", 13),
    ("a.b && c.d", "write `and`", 4),
    ("gopher.words in 5", "a range such as", 17),
    ("gopher.words in 9..5", "write 5..9", 16),
    ("gopher.words in ..", "at one end", 18),
    ("gopher.words in [", "expected a value", 17),
    ("words >= 5", "did you mean `gopher.words`", 0),
    ("5 <= gopher.words", "write the column first", 0),
    ("(a.b", "expected `)`", 4),
    ("a.b)", "expected `and`, `or` or the end", 3),
    ("a.b c.d", "after the column", 4),
    ("x.rank in top 30%", "needs a rank over all rows", 10),
    ("page.host is 4chan.org", "is no number", 13),
    ("page.url matches /(/", "no regular expression", 17),
    ("page.url matches x", "a pattern between slashes", 17),
    ("page.url matches /x", "the pattern has no end", 17),
    ("page.url is 'x", "the quoted text has no end", 12),
    (r'page.url is "\x"', "has no meaning", 12),
    (r'page.url is "\ud800"', "half a character", 12),
    ('page.url contains ""', "the text is empty", 18),
    ("page.url starts x", "expected `with`", 16),
    ("a.b >= by language {de: 1}", "what holds for the others", 10),
    ("a.b >= by language {de: 1, de: 2, other: 3}", "stands twice", 27),
    ("a.b >= by language {de: x, other: 3}", "expected a number", 24),
    ("a.b >= 1e999", "too large", 7),
    ("a.b not > 5", "write `x not in", 8),
    ("a.b.c > 5", "layer.column", 0),
    ("a.b > 5 # c", "has no meaning", 8),
    ("__import__('os')", "layer.column", 0),
]


@pytest.mark.parametrize(("text", "message", "place"), ERRORS)
def test_errors_show_the_place(text: str, message: str | None, place: int | None) -> None:
    if message is None:
        assert parse_rule(text).text == text
        return
    with pytest.raises(RecipeError, match=re.escape(message)) as caught:
        parse_rule(text, known=tuple(KNOWN))
    if place is not None:
        lines = caught.value.message.split("\n")
        assert lines[-1].index("^") == place
        assert lines[-2] == text


@pytest.mark.parametrize(
    ("text", "code", "place"), [("a.b > 1\xa0", "U+00A0", 7), ("0\u3000", "U+3000", 1), ("a.b \x1f> 1", "U+001F", 4)]
)
def test_spaces_of_other_kinds_are_named(text: str, code: str, place: int) -> None:
    with pytest.raises(RecipeError, match=re.escape(code)) as caught:
        parse_rule(text)
    assert caught.value.message.split("\n")[-1] == " " * place + "^"


def test_a_caret_far_inside_a_long_rule() -> None:
    text = " and ".join(["gopher.words >= 5"] * 50) + " and gopher.words >> 5 and " + " and ".join(["a.b"] * 50)
    with pytest.raises(RecipeError) as caught:
        parse_rule(text)
    *_, shown, marks = caught.value.message.split("\n")
    assert shown[marks.index("^") :].startswith("> 5") or shown[marks.index("^") :].startswith(">> 5")
    assert len(shown) < 110


def test_limits() -> None:
    with pytest.raises(RecipeError, match="limit is 10,000"):
        parse_rule("a.b or " * 2000 + "a.b")
    with pytest.raises(RecipeError, match="inside one another"):
        parse_rule("(" * 51 + "a.b" + ")" * 51)
    with pytest.raises(RecipeError, match="inside one another"):
        parse_rule("not " * 2000 + "a.b")
    assert parse_rule("(" * 50 + "a.b" + ")" * 50).text == "a.b"
    wide = parse_rule(" or ".join(["a.b"] * 1400))
    assert wide.evaluate({"a.b": pa.array([True])}).to_pylist() == [True]


PROBLEMS = [
    ("language.scor >= 0.5", "no column `language.scor`", "did you mean `language.score`?"),
    ("langage.score >= 0.5", "no column", "`language.score`"),
    ("gopher.zzz >= 0.5", "no column", "`gopher` has `gopher.words`"),
    ("quality.score >= 0.5", "no column", "add `- quality` to the scorers"),
    ("other.host is x", "no column", "`page.host`"),
    ("language.label >= 0.5", "is text, and cannot be compared with the number 0.5", "did you mean `language.score`?"),
    ("language.score is en", "is a number", "did you mean `language.label`?"),
    ("language.score in [0.5, en]", "is a number", "did you mean"),
    ("gopher.words", "cannot stand alone", "gopher.words >= 1"),
    ("language.label", "cannot stand alone", "language.label is en"),
    ("duplicates.kept >= 1", "yes or no", "`duplicates.kept` or `not duplicates.kept`"),
    ("duplicates.kept is en", "yes or no", "`not duplicates.kept`"),
    ("gopher.words contains x", "is a number, not text", "gopher.words >= 1"),
    ("c4.cut", "cannot compare", "is missing"),
    ("page.date >= 5", "a date", "2024-01-01"),
    ("page.date >= 'x'", "`x` is no date", "2024-12-31"),
    ("gopher.words >= language.label", "cannot be compared", ""),
    ("language.label is page.host", "`page.host` is a column", "language.label == page.host"),
    ("language.label == example.com", "no column", 'put quotes around it: "example.com"'),
    ("gopher.words >= by gopher.words {x: 1, other: 2}", "looks labels up", "by language"),
    ("language.label >= by language {x: 1, other: 2}", "is text", ""),
    ("language.label in 1..2", "is text", "language.score"),
]


@pytest.mark.parametrize(("text", "message", "mend"), PROBLEMS)
def test_columns_are_checked(text: str, message: str, mend: str) -> None:
    rule = parse_rule(text)
    with pytest.raises(RecipeError) as caught:
        check_columns(rule, KNOWN, addable=("quality",))
    assert message in caught.value.message
    assert mend in caught.value.mend
    assert "^" in caught.value.message


def test_good_columns_pass_and_all_problems_are_found() -> None:
    for text in (
        "language.label is en and language.score >= by language {de: 1, other: 0} and gopher.words in 1..2",
        "duplicates.kept is true or duplicates.kept or not duplicates.kept",
        "c4.cut is missing and duplicates.cluster == duplicates.cluster and page.date >= 2020-01-01",
        "fineweb2.line_punct >= fineweb2.line_punct_min and page.host in [a, 'b'] and page.url matches /x/",
    ):
        check_columns(parse_rule(text), KNOWN)
    found = list(column_problems(parse_rule("a.b > 1 or language.label > 1 or gopher.words > 1"), KNOWN))
    assert len(found) == 2


# Properties: every tree survives being written and read; Arrow's answer is that of a reader of single rows.

COLUMNS = {"t.a": "text", "t.b": "text", "n.i": "int", "n.f": "float", "n.g": "float", "b.p": "bool", "b.q": "bool"}
TYPES = {"text": pa.string(), "int": pa.int32(), "float": pa.float32(), "bool": pa.bool_()}
LABELS = ["en", "no", "is", "other", "x y", "true", "2020-01-01", 'q"\\', ""]


def of(*kinds: str) -> st.SearchStrategy[str]:
    return st.sampled_from([name for name, kind in COLUMNS.items() if kind in kinds])


numbers = st.one_of(st.integers(-5, 5), st.sampled_from([0.5, -1.25, 1e-3, 2.0]), st.floats(allow_nan=False, allow_infinity=False))
texts = st.one_of(st.sampled_from(LABELS), st.text(max_size=4))
ops = st.sampled_from([">=", ">", "<=", "<", "==", "!="])
equals = st.sampled_from(["==", "!="])
tables = st.builds(
    lambda by, entries, other: nodes.Table(by, tuple(entries.items()), other),
    of("text"),
    st.dictionaries(texts, st.one_of(numbers, st.none()), max_size=3),
    st.one_of(numbers, st.none()),
)


@st.composite
def ranges(draw: st.DrawFn) -> nodes.Within:
    low, high = sorted([draw(numbers), draw(numbers)])
    ends = draw(st.sampled_from([(low, high), (low, None), (None, high)]))
    return nodes.Within(draw(of("int", "float")), *ends)


leaves = st.one_of(
    st.builds(nodes.Compare, of("int", "float"), ops, st.one_of(numbers, st.builds(nodes.Column, of("float", "int")))),
    st.builds(nodes.Compare, of("int", "float"), ops, tables),
    st.builds(nodes.Compare, of("text"), equals, texts),
    st.builds(nodes.Compare, of("text"), ops, st.builds(nodes.Column, of("text"))),
    st.builds(nodes.Compare, of("bool"), equals, st.booleans()),
    ranges(),
    st.builds(nodes.OneOf, of("text"), st.lists(texts, min_size=1, max_size=3).map(tuple)),
    st.builds(nodes.OneOf, of("int", "float"), st.lists(numbers, min_size=1, max_size=3).map(tuple)),
    st.builds(
        nodes.Matches,
        of("text"),
        st.sampled_from(["contains", "starts with", "ends with"]),
        texts.filter(bool),
    ),
    st.builds(nodes.Matches, of("text"), st.just("matches"), st.sampled_from(["^e", "o|n", r"\\/", "/", "[/]$", ""])),
    st.builds(nodes.Missing, st.sampled_from(list(COLUMNS))),
    st.builds(nodes.Flag, of("bool")),
)
trees = st.recursive(
    leaves,
    lambda inner: st.one_of(
        inner.map(nodes.negate),
        st.lists(inner, min_size=2, max_size=3).map(lambda items: nodes.join(nodes.And, items)),
        st.lists(inner, min_size=2, max_size=3).map(lambda items: nodes.join(nodes.Or, items)),
    ),
    max_leaves=8,
)


@st.composite
def rows(draw: st.DrawFn) -> list[dict[str, Any]]:
    values = {
        "text": st.one_of(st.none(), texts),
        "int": st.one_of(st.none(), st.integers(-5, 5)),
        "float": st.one_of(st.none(), st.sampled_from([0.5, -1.25, 2.0, math.nan]), st.floats(width=32)),
        "bool": st.one_of(st.none(), st.booleans()),
    }
    return draw(st.lists(st.fixed_dictionaries({name: values[kind] for name, kind in COLUMNS.items()}), max_size=5))


OPS = {
    ">=": operator.ge,
    ">": operator.gt,
    "<=": operator.le,
    "<": operator.lt,
    "==": operator.eq,
    "!=": operator.ne,
}


def rounded(column: str, number: Any) -> Any:
    """The number as a column compares it: in float32 where the column is one."""
    with np.errstate(over="ignore"):
        return float(np.float32(number)) if COLUMNS[column] == "float" else number


def naive(tree: nodes.Expression, row: dict[str, Any]) -> bool | None:
    """What a rule says of one row, by plain Python."""
    if isinstance(tree, nodes.Not):
        inner = naive(tree.item, row)
        return None if inner is None else not inner
    if isinstance(tree, nodes.And):
        found = [naive(item, row) for item in tree.items]
        return False if False in found else None if None in found else True
    if isinstance(tree, nodes.Or):
        found = [naive(item, row) for item in tree.items]
        return True if True in found else None if None in found else False
    value = row[tree.column]
    if isinstance(tree, nodes.Missing):
        return value is None
    if isinstance(tree, nodes.Compare) and isinstance(tree.right, nodes.Table):
        label = row[tree.right.by]
        if label is None:
            return None
        threshold = dict(tree.right.entries).get(label, tree.right.other)
        if threshold is None:
            return True
        return None if value is None else OPS[tree.op](value, rounded(tree.column, threshold))
    if value is None:
        return None
    if isinstance(tree, nodes.Flag):
        return value
    if isinstance(tree, nodes.Within):
        low = tree.low is None or value >= rounded(tree.column, tree.low)
        return low and (tree.high is None or value <= rounded(tree.column, tree.high))
    if isinstance(tree, nodes.OneOf):
        return any(value == (item if isinstance(item, str) else rounded(tree.column, item)) for item in tree.values)
    if isinstance(tree, nodes.Matches):
        if tree.how == "matches":
            return re.search(tree.pattern, value) is not None
        tests = {"contains": str.__contains__, "starts with": str.startswith, "ends with": str.endswith}
        return tests[tree.how](value, tree.pattern)
    if isinstance(tree.right, nodes.Column):
        other = row[tree.right.name]
        return None if other is None else OPS[tree.op](value, other)
    right = tree.right if isinstance(tree.right, str | bool) else rounded(tree.column, tree.right)
    return OPS[tree.op](value, right)


@given(trees)
@settings(deadline=None, max_examples=100)
def test_a_rule_survives_being_written_and_read(tree: nodes.Expression) -> None:
    text = nodes.render(tree)
    rule = parse_rule(text)
    assert rule.keep == tree
    assert rule.text == text
    assert len(text.splitlines()) == 1


@given(trees, rows())
@settings(deadline=None, max_examples=100)
def test_arrow_agrees_with_a_reader_of_rows(tree: nodes.Expression, table: list[dict[str, Any]]) -> None:
    columns = {name: pa.array([row[name] for row in table], TYPES[kind]) for name, kind in COLUMNS.items()}
    plain = [
        {name: None if isinstance(value, float) and math.isnan(value) else value for name, value in row.items()} for row in table
    ]
    found = parse_rule(nodes.render(tree)).evaluate(columns)
    assert found.type == pa.bool_()
    assert found.to_pylist() == [naive(tree, row) for row in plain]


@given(st.text(alphabet="ab.c01 ><=!in[]{}()\"'/\\,:%notrdisyegulm\n", max_size=40))
@settings(deadline=None, max_examples=100)
def test_any_text_parses_or_is_refused(text: str) -> None:
    try:
        rule = parse_rule(text)
    except RecipeError:
        return
    assert parse_rule(rule.text) == rule
