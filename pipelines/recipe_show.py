"""A recipe written out in full as YAML, and the JSON schema that editors check recipes with.

The schema is draft 2020-12 as pydantic writes it, with the parameters of every installed scorer.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import yaml

from core.errors import RecipeError
from filters.rules import default_reason
from pipelines.recipe import Recipe, Scored
from pipelines.recipe_model import RecipeModel
from pipelines.recipe_scorers import OTHER_NAMES, installed_scorers, parameters_model
from pipelines.recipe_section import columns_of
from pipelines.recipe_yaml import scalar


class _Dumper(yaml.SafeDumper):
    """Quotes a text that YAML 1.1 or 1.2 would read as another kind of value."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = None if isinstance(scalar(text), str) else "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def _yaml(value: Any, indent: int) -> str:
    text = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000)
    return "".join(f"{' ' * indent}{line}\n" for line in text.rstrip("\n").split("\n"))


def show_recipe(recipe: Recipe) -> str:
    """The recipe as YAML, defaults filled in, each scorer followed by the columns that it adds."""
    whole = recipe.canonical()
    out = [_yaml({key: whole[key] for key in ("name", "seed", "input")}, 0)]
    out.append(_section("documents", whole["documents"], recipe.documents))
    out += [_yaml({"references": whole["references"]}, 0)] if "references" in whole else []
    if recipe.images is not None:
        images = whole["images"]
        out.append(_section("images", images, recipe.images))
        out.append(_yaml({"fetch": images["fetch"], "captions": images["captions"]}, 2))
    out.append(_yaml({"output": whole["output"]}, 0))
    return "".join(out)


def _section(table: str, values: Mapping[str, Any], section: Scored) -> str:
    """A table's section, each scorer followed by its columns."""
    out = [f"{table}:\n", "  score:\n" if values["score"] else "  score: []\n"]
    for use, item in zip(section.uses, values["score"], strict=True):
        out.append(_yaml([item if item[use.name] else use.name], 4))
        for layer, column in columns_of(use.scorer, use.layer):
            metadata = {key.decode(): value.decode() for key, value in (column.metadata or {}).items()}
            unit = f", {metadata['unit']}" if "unit" in metadata else ""
            doc = " ".join(metadata.get("doc", "").split())
            out.append(f"      # {layer}.{column.name} ({column.type}{unit}) {doc}".rstrip() + "\n")
    out.append("  keep:\n" if values["keep"] else "  keep: []\n")
    for rule, item in zip(section.rules, values["keep"], strict=True):
        out.append(_yaml([rule.text if rule.reason == default_reason(rule.keep) else item], 4))
    out.append(_yaml({"audit": values["audit"]}, 2))
    return "".join(out)


def recipe_schema(scorers: Mapping[str, type] | None = None) -> dict[str, Any]:
    """The JSON schema of a recipe, with the parameters of every scorer that loads."""
    scorers = installed_scorers() if scorers is None else scorers
    schema = RecipeModel.model_json_schema(by_alias=True)
    definitions: dict[str, Any] = schema.setdefault("$defs", {})
    named: dict[str, Any] = {}
    docs: list[dict[str, Any]] = []
    for name in sorted(scorers):
        try:
            cls = scorers[name]
            model = parameters_model(cls).model_json_schema(ref_template="#/$defs/{model}")
        except RecipeError:
            continue
        definitions |= model.pop("$defs", {})
        about = (inspect.getdoc(cls) or "").split("\n\n")[0].replace("\n", " ")
        model |= {"title": name, "description": about}
        model.setdefault("properties", {})["as"] = {
            "type": "string",
            "pattern": "^[a-z][a-z0-9_]{0,39}$",
            "description": "another name for the layer",
        }
        definitions[f"scorer_{name}"] = model
        for known in (name, *(other for other, meant in OTHER_NAMES.items() if meant == name)):
            named[known] = {"anyOf": [{"$ref": f"#/$defs/scorer_{name}"}, {"type": "null"}]}
            docs.append({"const": known, "description": about})
    definitions["score"] = {
        "anyOf": [
            {"oneOf": docs} if docs else {"type": "string"},
            {"type": "object", "properties": named, "additionalProperties": False, "maxProperties": 1},
        ]
    }
    rule = {"type": "string", "examples": ["gopher.words in 50..100000", "language.label is en"]}
    definitions["keep"] = {
        "anyOf": [
            rule,
            {
                "type": "object",
                "properties": {"keep": rule, "reason": {"type": "string", "pattern": "^[a-z][a-z0-9_]{0,63}$"}},
                "required": ["keep"],
                "additionalProperties": False,
            },
        ]
    }
    for section in ("TableSection", "ImagesSection"):
        for key in ("score", "keep"):
            definitions[section]["properties"][key]["items"] = {"$ref": f"#/$defs/{key}"}
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return schema
