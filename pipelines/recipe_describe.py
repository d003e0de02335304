"""What a scorer computes, told for people: its docstring, parameters with defaults, columns with units and ranges, and a rule.

All of it comes from the scorer itself: nothing is written here that could grow old.
"""

from __future__ import annotations

import ast
import contextlib
import inspect
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, fields
from importlib import resources
from typing import Any, get_type_hints

import pyarrow as pa
import yaml

from core.errors import RecipeError, UserError
from core.scorer import Scorer
from filters.rule_check import FLAG, NUMBER, TEXT, kind_of
from filters.rule_ranges import bounds_of
from filters.rules import parse_rule
from pipelines.recipe_model import near
from pipelines.recipe_scorers import OTHER_NAMES, build_scorer, installed_scorers, parameter_names
from pipelines.recipe_section import columns_of
from pipelines.recipe_yaml import read_yaml

#: What stands for a parameter that has no default, so that a scorer can be asked for its columns; files are not read for that.
_EXAMPLES: Mapping[str, tuple[Any, ...]] = {
    "model": ("demo",), "models": ({"en": "en.arpa"},), "sets": ({"name": "set.jsonl"},),
    "lists": ({"any": "list.txt"}, ["list.txt"]), "columns": (["quality.score", "quality_2.score"],),
    "how": ("block",),
}  # fmt: skip


def list_scorers(scorers: Mapping[str, type] | None = None) -> list[tuple[str, str]]:
    """Every installed scorer and what it says of itself in a sentence, by name; one that does not load says why."""
    scorers = installed_scorers() if scorers is None else scorers
    found: list[tuple[str, str]] = []
    for name in sorted(scorers):
        try:
            found.append((name, _first_sentence(inspect.getdoc(scorers[name]) or "")))
        except RecipeError as error:
            found.append((name, error.message))
    return found


def describe_scorer(name: str, scorers: Mapping[str, type] | None = None) -> str:
    """All that there is to know of a scorer, as text. RecipeError if there is none of this name."""
    scorers = installed_scorers() if scorers is None else scorers
    name = OTHER_NAMES.get(name, name)
    if name not in scorers:
        raise RecipeError(f"no scorer `{name}` is installed", near(name, sorted(scorers)))
    cls = scorers[name]
    given, scorer = _example(cls)
    out = [name, "", inspect.getdoc(cls) or "it says nothing of itself", ""]
    if about := inspect.getdoc(sys.modules[cls.__module__]):
        out += ["Method and source", *_indented(about), ""]
    out += ["Parameters", *(_parameters(cls) or ["  none"]), ""]
    if scorer is None:
        told = "  they follow from its parameters: `web2shards recipe show` prints those of a recipe"
        return "\n".join([*out, "Columns", told, ""])
    out += ["Reads", f"  {', '.join(scorer.inputs) or 'nothing'}", ""]
    out += ["Columns", *(line for layer, column in columns_of(scorer, name) for line in _column(layer, column)), ""]
    return "\n".join([*out, "In a recipe", *(f"  {line}" for line in _in_a_recipe(name, given, scorer)), ""])


def _first_sentence(doc: str) -> str:
    text = " ".join(doc.split("\n\n")[0].split())
    return text.split(". ")[0].rstrip(".") + "."


def _indented(text: str) -> list[str]:
    return [f"  {line}".rstrip() for line in text.splitlines()]


def _parameters(cls: type) -> list[str]:
    hints = get_type_hints(cls)
    names = set(parameter_names(cls))
    return [f"  {one.name}: {_kind(hints[one.name])}; {_default(one)}" for one in fields(cls) if one.name in names]


def _kind(hint: Any) -> str:
    """A type in the words of a recipe."""
    plain = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
    if hint in plain:
        return plain[hint]
    text = str(hint).replace("typing.", "").replace("collections.abc.", "")
    with contextlib.suppress(ValueError, SyntaxError):
        if text.startswith("Literal["):
            values = ast.literal_eval(text.removeprefix("Literal"))
            return "one of " + ", ".join(str(value) for value in values)
    return text


def _default(one: Field[Any]) -> str:
    value = one.default_factory() if one.default_factory is not MISSING else one.default
    if value is MISSING:
        return "must be given"
    text = "not set" if value in ("", None) else str(value).lower() if isinstance(value, bool) else str(value)
    return f"{text if len(text) <= 80 else text[:79] + '…'} if not given"


def _example(cls: type) -> tuple[dict[str, Any], Scorer | None]:
    """Examples of the parameters without a default, and the scorer with those; None if it does not take them."""
    needed = [one.name for one in fields(cls) if one.init and one.default is MISSING and one.default_factory is MISSING]
    for at in range(max([1, *(len(_EXAMPLES.get(name, ())) for name in needed)])):
        with contextlib.suppress(ValueError, TypeError, OSError, LookupError, UserError):
            given = {name: _EXAMPLES[name][min(at, len(_EXAMPLES[name]) - 1)] for name in needed}
            scorer: Scorer = build_scorer(cls, given)
            if isinstance(scorer.schema, pa.Schema):
                return given, scorer
    return {}, None


def _column(layer: str, column: pa.Field) -> list[str]:
    told = {key.decode(): value.decode() for key, value in (column.metadata or {}).items()}
    bounds = bounds_of(column)
    kind = kind_of(column.type)
    if bounds is not None:
        span = f", {bounds[0]:g} to {bounds[1]:g}" if bounds[1] is not None else f", {bounds[0]:g} or more"
    else:
        span = f", mostly {told['range']}" if "range" in told else ""
    unit = f", {told['unit']}" if told.get("unit", "share") != "share" else ""
    shown = str(column.type) if kind not in (NUMBER, TEXT, FLAG) else kind
    shown = shown if len(shown) <= 40 else f"{shown[:39]}…"
    return [f"  {layer}.{column.name}: {shown}{unit}{span}", f"      {' '.join(told.get('doc', '').split())}".rstrip()]


def _in_a_recipe(name: str, given: Mapping[str, Any], scorer: Scorer) -> list[str]:
    """A line for `score` and one for `keep`: as a recipe of the project or the scorer itself has it, else the plainest that there
    is."""
    params = yaml.safe_dump(dict(given), default_flow_style=True, width=1000).strip()
    score = f"score: - {name}: {params}" if given else f"score: - {name}"
    if getattr(scorer, "dedup", False):
        return [score, "keep:  - duplicates.kept"]
    layers = {layer for layer, _ in columns_of(scorer, name)}
    told = [*_rules(), *_told_rules(inspect.getdoc(type(scorer)) or "")]
    rule = next((rule for rule in told if rule.removeprefix("not ").partition(".")[0] in layers), "")
    for layer, column in columns_of(scorer, name):
        kind = kind_of(column.type)
        share = (column.metadata or {}).get(b"range") in (b"0..1", b"0..1.0")
        if not rule and kind == NUMBER:
            rule = f"{layer}.{column.name} >= {0.5 if share else 1}"
        elif not rule and kind == FLAG:
            rule = f"not {layer}.{column.name}"
    return [score, *([f"keep:  - {rule}"] if rule else [])]


def _told_rules(doc: str) -> Iterator[str]:
    """The rules that a docstring tells of."""
    for quoted in re.findall(r"`([^`]+)`", doc):
        with contextlib.suppress(RecipeError):
            if len(parse_rule(" ".join(quoted.split())).text.split()) > 1:
                yield " ".join(quoted.split())


def _rules() -> Iterator[str]:
    """The rules of one line of the recipes that come with the project."""
    for file in sorted(resources.files("recipes").iterdir(), key=lambda file: file.name):
        if file.name.endswith(".yaml"):
            value = read_yaml(file.read_text(encoding="utf-8"), file.name).value
            for table in ("documents", "images"):
                for item in (value.get(table) or {}).get("keep") or []:
                    rule = item.get("keep") if isinstance(item, dict) else item
                    if isinstance(rule, str) and "\n" not in rule and len(rule) < 100:
                        yield rule
