"""A recipe written out in full as YAML, and the JSON schema that editors check recipes with.

The schema is draft 2020-12 as pydantic writes it, with the parameters of every installed scorer.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import yaml

from core.errors import RecipeError
from dedup.paragraphs import Paragraphs
from filters.rules import default_reason
from pipelines.recipe import Recipe
from pipelines.recipe_model import RecipeModel
from pipelines.recipe_scorers import OTHER_NAMES, installed_scorers, parameters_model
from pipelines.recipe_section import repeated_layer
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
    documents = whole["documents"]
    out = [_yaml({key: whole[key] for key in ("name", "seed", "input")}, 0), "documents:\n"]
    out.append("  score:\n" if documents["score"] else "  score: []\n")
    for use, item in zip(recipe.documents.uses, documents["score"], strict=True):
        out.append(_yaml([item if item[use.name] else use.name], 4))
        made = use.scorer.repeated.schema if isinstance(use.scorer, Paragraphs) else ()
        for layer, column in [*((use.layer, f) for f in use.scorer.schema), *((repeated_layer(use.layer), f) for f in made)]:
            metadata = {key.decode(): value.decode() for key, value in (column.metadata or {}).items()}
            unit = f", {metadata['unit']}" if "unit" in metadata else ""
            doc = " ".join(metadata.get("doc", "").split())
            out.append(f"      # {layer}.{column.name} ({column.type}{unit}) {doc}".rstrip() + "\n")
    out.append("  keep:\n" if documents["keep"] else "  keep: []\n")
    for rule, item in zip(recipe.documents.rules, documents["keep"], strict=True):
        out.append(_yaml([rule.text if rule.reason == default_reason(rule.keep) else item], 4))
    out.append(_yaml({"audit": documents["audit"]}, 2))
    out += [_yaml({"references": whole["references"]}, 0)] if "references" in whole else []
    out.append(_yaml({"output": whole["output"]}, 0))
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
    section = definitions["TableSection"]["properties"]
    for key in ("score", "keep"):
        section[key]["items"] = {"$ref": f"#/$defs/{key}"}
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return schema
