"""Reads YAML as plain values with the line of every one, and refuses what only makes trouble in a recipe.

The scalars are those of YAML 1.2's core schema (yaml.org/spec/1.2.2, §10.3): `no` is a text (Norwegian), not false.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field
from pathlib import Path as File
from typing import Any

import yaml
from yaml.composer import ComposerError

from core.errors import RecipeError

MAX_BYTES = 1 << 20
MAX_NODES = 100_000
MAX_DEPTH = 40

Path = tuple[str | int, ...]

_NULL = re.compile(r"~|null|Null|NULL|")
_BOOL = re.compile(r"true|True|TRUE|false|False|FALSE")
_INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")

QUOTE_RULE = "a rule with `: ` in it, such as a table, needs quotes around it: '… by language {en: 0.65, other: 0.5}'"


@dataclass(frozen=True)
class Source:
    """The values of a YAML text, and the place that each came from: its line, or the `--set` that made it."""

    name: str
    value: Any
    lines: dict[Path, int | str] = field(default_factory=dict[Path, "int | str"])

    def place(self, path: Path) -> str:
        """`file:line` of the value at the path, or of the nearest one that holds it."""
        found = self.line(path)
        return found if isinstance(found, str) else f"{self.name}:{found}"

    def line(self, path: Path) -> int | str:
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def dotted(path: Path) -> str:
    """`documents.keep[1]`, for messages."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def scalar(text: str) -> Any:
    """The value of a plain scalar by YAML 1.2's core schema."""
    if _NULL.fullmatch(text):
        return None
    if _BOOL.fullmatch(text):
        return text.lower() == "true"
    if _INT.fullmatch(text) and len(text) < 300:
        return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
    if _FLOAT.fullmatch(text):
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return text


class _Loader(yaml.SafeLoader):
    """Composes nodes only; tags are left unresolved, anchors refused, nodes and depth counted."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's own attribute

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.nodes = 0
        self.depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event: Any = self.peek_event()
        self.nodes += 1
        self.depth += 1
        if self.nodes > MAX_NODES:
            raise ComposerError(None, None, f"more than {MAX_NODES:,} values", event.start_mark)
        if self.depth > MAX_DEPTH:
            raise ComposerError(None, None, f"more than {MAX_DEPTH} levels", event.start_mark)
        if getattr(event, "anchor", None):
            raise ComposerError(None, None, "anchors and aliases (& and *) are refused", event.start_mark)
        if getattr(event, "tag", None):
            raise ComposerError(None, None, "tags (!) are refused", event.start_mark)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


def read_yaml(text: str, name: str) -> Source:
    """The text's values and lines; mappings come as dict with text keys. Raises RecipeError naming the line."""
    if len(text) > MAX_BYTES:
        raise RecipeError(f"{name}: larger than {MAX_BYTES >> 20} MiB", "a recipe is a short text; is this the file?")
    try:
        node = _Loader(text).get_single_node()
    except yaml.YAMLError as error:
        raise _broken(error, text, name) from None
    source = Source(name, None)
    if node is None:
        return source
    return Source(name, _value(node, (), source), source.lines)


def read_source(path_or_text: str | File, name: str, what: str, mend: str) -> Source:
    """A file, or a text of several lines, as values. `name` is what errors call a text, `what` what such a file is;
    `mend` says what to do where there is none. RecipeError if it cannot be read."""
    if isinstance(path_or_text, str) and "\n" in path_or_text:
        return read_yaml(path_or_text, name)
    file = File(path_or_text)
    raw = b""
    try:
        with file.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
        return read_yaml(raw.decode("utf-8-sig"), str(path_or_text))
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise RecipeError(f"{path_or_text}:{line}: not UTF-8", f"save the {what} as UTF-8") from None
    except OSError as error:
        others = sorted(other.name for other in file.parent.glob("*.y*ml")) if file.parent.is_dir() else []
        close = difflib.get_close_matches(file.name, others, 1, 0.6)
        problem = "is a folder" if file.is_dir() else (error.strerror or str(error)).lower()
        raise RecipeError(f"{path_or_text}: {problem}", f"did you mean {file.with_name(close[0])}?" if close else mend) from None


def _broken(error: yaml.YAMLError, text: str, name: str) -> RecipeError:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "not YAML"
    line = mark.line + 1 if mark else text.count("\n", 0, getattr(error, "position", 0)) + 1
    lines = text.splitlines()
    shown = lines[line - 1].strip() if 0 < line <= len(lines) else ""
    mend = ""
    if "\\t" in problem or "\t" in shown[:1]:
        mend = "indent with spaces, not tabs"
    elif "mapping values are not allowed" in problem:
        mend = QUOTE_RULE if "{" in shown else "put quotes around text with `: ` in it, and look at the indentation"
    elif any(word in problem for word in ("alias", "tag", "anchor", "alphabetic")):
        mend = "put quotes around text that begins with & * or !"
    elif "expected" in problem or "could not find" in problem:
        mend = "look at the indentation, and whether a bracket or a quote is closed, here or above"
    return RecipeError(f"{name}:{line}: {problem}\n  {shown[:120]}".rstrip(), mend)


def _value(node: yaml.Node, path: Path, source: Source) -> Any:
    source.lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, (*path, place), source) for place, item in enumerate(node.value)]
    if isinstance(node, yaml.ScalarNode):
        text = _whole_characters(node, source)
        return scalar(text) if node.style is None else text
    found: dict[str, Any] = {}
    for key, item in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise RecipeError(f"{source.name}:{line}: a key must be a word", "put quotes around text with brackets")
        name = _whole_characters(key, source)
        if name in found:
            first = source.lines[(*path, name)]
            raise RecipeError(f"{source.name}:{line}: `{name}` stands twice, here and in line {first}", "remove one")
        source.lines[(*path, name)] = line
        found[name] = _value(item, (*path, name), source)
    return found


def _whole_characters(node: yaml.ScalarNode, source: Source) -> str:
    """The scalar's text with UTF-16 pairs, which JSON writes as two escapes, put together."""
    try:
        return node.value.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    except UnicodeDecodeError:
        raise RecipeError(f"{source.name}:{node.start_mark.line + 1}: half a character (a lone surrogate)") from None
