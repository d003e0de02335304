"""Checks a rule against the columns that there are: names that exist, types that can be compared.

Near names come from difflib's ratio (Ratcliff and Obershelp's pattern matching).
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Collection, Iterator, Mapping

import pyarrow as pa
import pyarrow.types as pt

from core.errors import RecipeError
from filters import rule_nodes as nodes
from filters.rule_nodes import Column, Compare, Flag, Matches, Missing, OneOf, Table, Test, Within
from filters.rule_tokens import caret
from filters.rules import Rule, parse_date

NUMBER, TEXT, FLAG, DATE, OTHER = "a number", "text", "yes or no", "a date", "no single value"


def kind_of(type: pa.DataType) -> str:
    """What a column of this type holds, in the words of the messages."""
    if pt.is_dictionary(type):
        type = type.value_type
    if pt.is_boolean(type):
        return FLAG
    if pt.is_integer(type) or pt.is_floating(type) or pt.is_decimal(type):
        return NUMBER
    if pt.is_string(type) or pt.is_large_string(type):
        return TEXT
    if pt.is_date(type) or pt.is_timestamp(type):
        return DATE
    return OTHER


def check_columns(rule: Rule, known: Mapping[str, pa.DataType], addable: Collection[str] = ()) -> None:
    """Raises RecipeError for the first column of the rule that is unknown or of the wrong type.

    `known` are the columns by name (`layer.column`); `addable` are layers that the recipe could add.
    """
    for problem in column_problems(rule, known, addable):
        raise problem


def column_problems(rule: Rule, known: Mapping[str, pa.DataType], addable: Collection[str] = ()) -> Iterator[RecipeError]:
    """All that `check_columns` would raise, one a test of the rule."""
    for test, _ in nodes.leaves(rule.keep):
        for name in nodes.columns_of(test):
            if name not in known:
                yield _unknown(rule, name, known, addable)
                break
        else:
            problem = _mismatch(test, known)
            if problem:
                yield _at(rule, test.column, *problem)


def _at(rule: Rule, column: str, message: str, mend: str) -> RecipeError:
    """The error with a caret under the first place where the rule names the column."""
    source = rule.source or rule.text
    found = re.search(rf"(?<![\w.]){re.escape(column)}(?!\w)", source) or re.search(re.escape(column), source)
    start, end = found.span() if found else (0, 1)
    return RecipeError(f"{message}\n{caret(source, start, end)}", mend)


def _unknown(rule: Rule, name: str, known: Mapping[str, pa.DataType], addable: Collection[str]) -> RecipeError:
    layer, _, column = name.partition(".")
    siblings = [other for other in known if other.startswith(f"{layer}.")]
    close = difflib.get_close_matches(name, list(known), 3, 0.7)
    if not siblings and layer in addable:
        mend = f"add `- {layer}` to the scorers"
    elif not siblings and layer == "duplicates":
        mend = "add `- exact` to the scorers"
    elif close:
        mend = f"did you mean {_or(close)}?"
    elif siblings:
        mend = f"`{layer}` has {_or(sorted(siblings), 12)}"
    else:
        layers = sorted({other.partition(".")[0] for other in known} | set(addable))
        near = difflib.get_close_matches(layer, layers, 1, 0.6)
        same = [other for other in known if other.partition(".")[2] == column]
        if same:
            mend = f"did you mean {_or(same)}?"
        else:
            mend = f"did you mean the layer `{near[0]}`?" if near else f"the layers are {_or(layers, 20)}"
    if f" {name}" in re.sub(r"[=!]=\s*", " ", rule.text) and f"= {name}" in rule.text:
        mend += f'; if it is a text, put quotes around it: "{name}"'
    return _at(rule, name, f"there is no column `{name}`", mend)


def _or(names: Collection[str], most: int = 3) -> str:
    shown = [f"`{name}`" for name in list(names)[:most]]
    if len(names) > most:
        return ", ".join(shown) + ", …"
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} or {shown[-1]}"


def _mismatch(test: Test, known: Mapping[str, pa.DataType]) -> tuple[str, str] | None:
    """The message and the mend when the test does not suit its columns' types."""
    kind = kind_of(known[test.column])
    if isinstance(test, Missing):
        return None
    if kind == OTHER:
        plural = f"`{test.column}` is {known[test.column]}, which a rule cannot compare"
        same = isinstance(test, Compare) and isinstance(test.right, Column) and test.op in ("==", "!=")
        if same and known[test.column] == known[test.right.name] and not pt.is_nested(known[test.column]):  # type: ignore[union-attr]
            return None
        return plural, f"write `{test.column} is missing` or `is not missing`, or use another column"
    if isinstance(test, Flag):
        if kind == FLAG:
            return None
        mends = {
            NUMBER: f"compare it: {test.column} >= 1",
            TEXT: f"say what it must be: {test.column} is en",
            DATE: f"compare it: {test.column} >= 2024-01-01",
        }
        return f"`{test.column}` is {kind}, and cannot stand alone", mends[kind]
    if isinstance(test, Matches):
        mend = _near_of_kind(test.column, TEXT, known) or _usual(test.column, kind)
        return None if kind == TEXT else (f"`{test.column}` is {kind}, not text", mend)
    if isinstance(test, Within):
        return _values_mismatch(test.column, kind, [test.low if test.low is not None else test.high], known)
    if isinstance(test, OneOf):
        return _values_mismatch(test.column, kind, test.values, known)
    return _compare_mismatch(test, kind, known)


def _compare_mismatch(test: Compare, kind: str, known: Mapping[str, pa.DataType]) -> tuple[str, str] | None:
    right = test.right
    if isinstance(right, Table):
        if kind_of(known[right.by]) != TEXT:
            return f"`by {right.by}` looks labels up, but the column is {kind_of(known[right.by])}", "write by language"
        return _values_mismatch(test.column, kind, [0], known)
    if isinstance(right, Column):
        other = kind_of(known[right.name])
        if other != kind:
            return f"`{test.column}` is {kind}, `{right.name}` is {other}: they cannot be compared", _usual(test.column, kind)
    elif kind != FLAG or isinstance(right, bool):
        if isinstance(right, str) and right in known:
            return f"`is` compares with a text, but `{right}` is a column", f"write {test.column} == {right}"
        found = _values_mismatch(test.column, kind, [right], known)
        if found:
            return found
    if kind == FLAG and (test.op not in ("==", "!=") or not isinstance(right, bool | Column)):
        return f"`{test.column}` is yes or no", f"write `{test.column}` or `not {test.column}`"
    return None


def _values_mismatch(
    column: str, kind: str, values: Collection[nodes.Value | None], known: Mapping[str, pa.DataType]
) -> tuple[str, str] | None:
    for value in values:
        wanted = FLAG if isinstance(value, bool) else TEXT if isinstance(value, str) else NUMBER
        if kind == DATE and isinstance(value, str):
            try:
                parse_date(value)
            except ValueError:
                return f"`{value}` is no date", "write it as 2024-12-31"
        elif kind != wanted:
            if kind == NUMBER and isinstance(value, str) and re.fullmatch(r"[-+]?\d[\d_.]*(\.\.\d*)?", value):
                return f"`{column}` is a number, and {json.dumps(value)} is a text", f"write it without quotes: {value}"
            shown = nodes.render_value(value) if value is not None else "a number"
            noun = {NUMBER: f"the number {shown}", TEXT: f"the text {shown}", FLAG: shown}[wanted]
            near = _near_of_kind(column, wanted, known)
            return f"`{column}` is {kind}, and cannot be compared with {noun}", near or _usual(column, kind)
    return None


def _near_of_kind(column: str, kind: str, known: Mapping[str, pa.DataType]) -> str:
    """The column of the same layer that could have been meant."""
    layer = column.partition(".")[0]
    fitting = [other for other, type in known.items() if other.startswith(f"{layer}.") and kind_of(type) == kind]
    close = difflib.get_close_matches(column, fitting, 1, 0.4)
    return f"did you mean `{close[0]}`?" if close else ""


def _usual(column: str, kind: str) -> str:
    return {
        NUMBER: f"write for example {column} >= 1",
        TEXT: f"write for example {column} is en, or {column} in [en, de]",
        FLAG: f"write `{column}` or `not {column}`",
        DATE: f"write for example {column} >= 2024-01-01",
    }[kind]
