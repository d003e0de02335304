"""Applies `--set key=value` to the values of a recipe before they are checked.

The key is a dotted path. An item of a list goes by its place from 0, a scorer by its name (or its `as`), a rule by its
reason or by a column it reads; `key+=value` appends to a list. The value is YAML; null removes an item of a list, and
sets a key of a mapping back to its default. A rule takes a new threshold (`documents.keep.language.score=0.8`), a new
test (`documents.keep.gopher.words=10..1000`, `documents.keep.language.label="in [en, de]"`) or a whole new line.
"""

from __future__ import annotations

import copy
import difflib
import re
from collections.abc import Sequence
from typing import Any, NoReturn

from core.errors import RecipeError
from filters.rule_nodes import Compare, Within, leaves
from filters.rules import Rule, parse_rule, unique_reasons
from pipelines.recipe_scorers import OTHER_NAMES
from pipelines.recipe_yaml import Path, Source, read_yaml

_RANGE = re.compile(r"[-+]?[\d.]*\d\.\.([-+]?\d[\d.]*)?|\.\.[-+]?\d[\d.]*")
_TEST = re.compile(r"(>=|<=|==|!=|>|<|(is|in|not in|contains|starts with|ends with|matches)\b)")


def apply_settings(source: Source, settings: Sequence[str]) -> Source:
    """The source with every `key=value` applied in turn. Raises RecipeError naming the setting."""
    value, lines = copy.deepcopy(source.value), dict(source.lines)
    for text in settings:
        key, equals, raw = text.partition("=")
        setting = _Setting(f"--set {text[:120]}", lines)
        if not equals or not key.strip(" +."):
            setting.fail("expected key=value", "for example --set output.text.samples=100")
        if not isinstance(value, dict):
            value = {}
        append = key.rstrip().endswith("+")
        parts = key.strip().rstrip("+").split(".")
        setting.into_mapping(value, parts, (), raw.strip(), append)
    return Source(source.name, value, lines)


def parse_value(raw: str) -> Any:
    """The value as YAML; as it stands where it is none (`*.warc.gz`)."""
    try:
        return read_yaml(raw, "--set").value
    except RecipeError:
        return raw


class _Setting:
    """Walks down the path of one setting and changes the value there; `lines` learns where it came from."""

    def __init__(self, name: str, lines: dict[Path, int | str]) -> None:
        self.name = name
        self.lines = lines

    def fail(self, problem: str, mend: str = "") -> NoReturn:
        raise RecipeError(f"{self.name}: {problem}", mend)

    def mark(self, path: Path) -> None:
        """From now on the value at `path` comes from this setting."""
        for known in [known for known in self.lines if known[: len(path)] == path]:
            del self.lines[known]
        self.lines[path] = self.name

    def into_mapping(self, node: dict[str, Any], parts: list[str], path: Path, raw: str, append: bool) -> None:
        key, rest = parts[0], parts[1:]
        here = (*path, key)
        if rest:
            if node.get(key) is None:
                node[key] = {}
                self.mark(here)
            if isinstance(node[key], dict):
                self.into_mapping(node[key], rest, here, raw, append)
            elif isinstance(node[key], list):
                self.into_list(node[key], rest, here, raw)
            else:
                self.fail(f"`{'.'.join(map(str, here))}` is {node[key]!r} and has nothing inside")
        elif append:
            old = node.get(key)
            items = list(old) if isinstance(old, list) else [] if old is None else [old]
            items.append(raw if key == "keep" and raw[:1] != "{" else parse_value(raw))
            node[key] = items
            self.mark((*here, len(items) - 1))
        else:
            value = parse_value(raw)
            if value is None and "score" not in path:
                node.pop(key, None)
            else:
                node[key] = value
            self.mark(here)

    def into_list(self, items: list[Any], parts: list[str], path: Path, raw: str) -> None:
        if path[-1] == "keep":
            self.rule(items, ".".join(parts), path, raw)
            return
        names = [next(iter(item), "") if isinstance(item, dict) else str(item) for item in items]
        layers = [_alias(item) or OTHER_NAMES.get(name, name) for item, name in zip(items, names, strict=True)]
        key, rest = parts[0], parts[1:]
        if key.isdigit() and int(key) < len(items):
            at = int(key)
        elif key in layers:
            at = layers.index(key)
        elif key in names:
            at = names.index(key)
        else:
            close = difflib.get_close_matches(key, layers, 1, 0.6)
            near = f"did you mean `{close[0]}`?" if close else ""
            append = f"there are {', '.join(layers)}; append with --set {'.'.join(map(str, path))}+={key}"
            self.fail(f"there is no `{key}` in {'.'.join(map(str, path))}", near or append)
        here = (*path, at)
        if rest:
            if path[-1] != "score":
                self.fail(f"`{'.'.join(map(str, path))}` holds single values")
            inner = items[at][names[at]] if isinstance(items[at], dict) else None
            items[at] = {names[at]: dict(inner) if isinstance(inner, dict) else {}}
            self.into_mapping(items[at][names[at]], rest, (*here, names[at]), raw, False)
            return
        value = parse_value(raw)
        if value is None:
            self.remove(items, at, path)
        elif path[-1] == "score" and isinstance(value, dict) and names[at] not in value:
            items[at] = {names[at]: value}
            self.mark(here)
        else:
            items[at] = value
            self.mark(here)

    def remove(self, items: list[Any], at: int, path: Path) -> None:
        """Takes an item out; the lines of those behind it move up with them."""
        del items[at]
        depth = len(path)
        moved: dict[Path, int | str] = {}
        for known in [known for known in self.lines if len(known) > depth and known[:depth] == path]:
            place, line = known[depth], self.lines.pop(known)
            if isinstance(place, int) and place != at:
                moved[(*path, place - (place > at), *known[depth + 1 :])] = line
        self.lines.update(moved)

    def rule(self, items: list[Any], key: str, path: Path, raw: str) -> None:
        at, rule = self.find_rule(items, key)
        value = parse_value(raw)
        if value is None:
            self.remove(items, at, path)
            return
        column = key if rule and key in rule.columns else rule.columns[0] if rule else ""
        if isinstance(value, int | float) and not isinstance(value, bool):
            test = rule.keep if rule else None
            if not isinstance(test, Compare) or type(test.right) not in (int, float):
                written = rule.text if rule else items[at]
                given = f"give a range: --set {'.'.join(map(str, path))}.{key}=50..1000"
                mend = given if isinstance(test, Within) else "give the whole rule as the value"
                self.fail(f"`{written}` is not one column against one number", mend)
            text = f"{test.column} {test.op} {value}"
        elif raw[:1] == "{":
            items[at] = value
            self.mark((*path, at))
            return
        else:
            raw = f"in {raw}" if column and _RANGE.fullmatch(raw) else raw
            text = f"{column} {raw}" if _TEST.match(raw) else str(value) if raw[:1] in "'\"" else raw
        items[at] = {**items[at], "keep": text} if isinstance(items[at], dict) else text
        self.mark((*path, at))

    def find_rule(self, items: list[Any], key: str) -> tuple[int, Rule | None]:
        rules = [_rule_of(item) for item in items]
        if key.isdigit() and int(key) < len(items):
            return int(key), rules[int(key)]
        named = [(rule.reason if rule else "", isinstance(item, dict)) for rule, item in zip(rules, items, strict=True)]
        found = [at for at, reason in enumerate(unique_reasons(named)) if rules[at] and key == reason]
        found = found or [at for at, rule in enumerate(rules) if rule and key == next(leaves(rule.keep))[0].column]
        found = found or [at for at, rule in enumerate(rules) if rule and key in rule.columns]
        if len(found) > 1:
            places = ", ".join(f"{at} (`{rule.text}`)" for at in found if (rule := rules[at]))
            self.fail(f"more than one rule reads `{key}`", f"name one by its place: {places}")
        if not found:
            names = sorted({name for rule in rules if rule for name in (rule.reason, *rule.columns)})
            close = difflib.get_close_matches(key, names, 1, 0.6)
            near = f"did you mean `{close[0]}`?" if close else f"there are {', '.join(names)}"
            self.fail(f"no rule reads `{key}`", near)
        return found[0], rules[found[0]]


def _alias(item: Any) -> str:
    inner = next(iter(item.values()), None) if isinstance(item, dict) else None
    return str(inner["as"]) if isinstance(inner, dict) and "as" in inner else ""


def _rule_of(item: Any) -> Rule | None:
    """The rule of one item under `keep`, None if it does not parse (which is reported later)."""
    text = item.get("keep") if isinstance(item, dict) else item
    reason = item.get("reason") if isinstance(item, dict) else ""
    try:
        return parse_rule(text, str(reason or "")) if isinstance(text, str) else None
    except RecipeError:
        return None
