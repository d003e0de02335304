"""Recipes: what is read, what each mistake is told, what `--set` changes, and how a recipe is written out again."""

from __future__ import annotations

import json
import math
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

import pyarrow as pa
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import RecipeError, ScorerError
from core.scorer import column
from pipelines import recipe_scorers
from pipelines.recipe import Problem, check_recipe, load_recipe
from pipelines.recipe_scorers import build_scorer, entry_of, installed_scorers, parameters_of
from pipelines.recipe_show import recipe_schema, show_recipe
from pipelines.recipe_yaml import MAX_BYTES, read_yaml, scalar

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Base:
    """A scorer of constants."""

    version: ClassVar[int] = 1
    costly: ClassVar[bool] = False

    def weights_digest(self) -> str:
        return ""

    def open(self) -> None:
        pass

    def score(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        return batch


@dataclass(frozen=True)
class Text(Base):
    """The main text.

    Of a page.
    """

    name: ClassVar[str] = "text"
    inputs: ClassVar[tuple[str, ...]] = ("page.content",)
    schema: ClassVar[pa.Schema] = pa.schema([column("text", pa.string(), "the main text")])


@dataclass(frozen=True)
class Language(Base):
    model: str = "lid.176.ftz"
    only: frozenset[str] = frozenset()
    _model: Any = field(default=None, init=False, repr=False, compare=False)

    name: ClassVar[str] = "language"
    inputs: ClassVar[tuple[str, ...]] = ("text.text",)
    schema: ClassVar[pa.Schema] = pa.schema(
        [column("label", pa.string(), "ISO 639"), column("score", pa.float32(), "its probability", low=0, high=1)]
    )

    def __post_init__(self) -> None:
        if self.model == "missing.bin":
            raise ScorerError("no model missing.bin", "download it")


@dataclass(frozen=True)
class Gopher(Base):
    dialect: Literal["datatrove", "dclm", "dolma"] = "datatrove"
    sizes: tuple[int, ...] = (2, 3, 4)

    name: ClassVar[str] = "gopher"
    inputs: ClassVar[tuple[str, ...]] = ("text.edited",)
    schema: ClassVar[pa.Schema] = pa.schema([column("words", pa.int32(), "number of\nwords", unit="words")])

    def __post_init__(self) -> None:
        if not self.sizes:
            raise ValueError("sizes: at least one is needed")


@dataclass(frozen=True)
class Exact(Base):
    name: ClassVar[str] = "exact"
    inputs: ClassVar[tuple[str, ...]] = ("text.text", "page.url")
    schema: ClassVar[pa.Schema] = pa.schema([column("text_hash", pa.uint64(), "xxh3 of the text")])
    dedup: ClassVar[bool] = True


class Plain:
    name: ClassVar[str] = "plain"


SCORERS: dict[str, type] = {"text": Text, "language": Language, "gopher": Gopher, "exact": Exact, "plain": Plain}

GOOD = """\
name: english-web
input: {warcs: crawl/*.warc.gz}
documents:
  score:
    - text
    - language: {model: lid.176.ftz}
    - gopher: {dialect: datatrove}
    - gopher: {dialect: dolma, as: dolma}
    - exact
  keep:
    - language.label is en
    - language.score >= 0.65
    - gopher.words in 50..100000
    - {keep: dolma.words >= 10, reason: too_short}
    - gopher.words != 666
    - 'language.score >= by language {no: 0.5, other: any}'
    - duplicates.kept
output:
  text: {from: documents, format: webdataset, samples: 500, validation: 0.01}
"""


def load(text: str = GOOD, *overrides: str) -> Any:
    return load_recipe(text, overrides, SCORERS)


def check(text: str, *overrides: str) -> list[Problem]:
    return check_recipe(text, overrides, SCORERS)


def with_score(*lines: str, keep: str = "") -> str:
    items = "".join(f"    - {line}\n" for line in lines)
    rules = f"  keep:\n    - {keep}\n" if keep else ""
    return f"name: a\ninput: {{warcs: x}}\ndocuments:\n  score:\n{items}{rules}"


def test_a_recipe_is_read() -> None:
    recipe = load()
    assert (recipe.name, recipe.seed, recipe.input.warcs, recipe.input.part) == (
        "english-web",
        0,
        ["crawl/*.warc.gz"],
        128_000_000,
    )
    assert [(use.layer, use.name, use.line) for use in recipe.documents.uses] == [
        ("text", "text", 5),
        ("language", "language", 6),
        ("gopher", "gopher", 7),
        ("dolma", "gopher", 8),
        ("exact", "exact", 9),
    ]
    assert recipe.documents.uses[3].scorer == Gopher(dialect="dolma")
    assert recipe.documents.uses[3].params == {"dialect": "dolma", "sizes": [2, 3, 4]}
    assert recipe.documents.uses[1].params == {"model": "lid.176.ftz", "only": []}
    assert recipe.documents.uses[0].entry == entry_of(Text)
    assert [use.dedup for use in recipe.documents.uses] == [False, False, False, False, True]
    assert [rule.reason for rule in recipe.documents.rules] == [
        "language_label",
        "language_score",
        "gopher_words",
        "too_short",
        "gopher_words_2",
        "language_score_2",
        "duplicate",
    ]
    assert recipe.documents.audit == 0.01
    assert (recipe.output["text"].from_, recipe.output["text"].samples) == ("documents", 500)


def test_the_text_scorer_goes_by_extract_too() -> None:
    for name in ("extract", "text"):
        recipe = load(with_score(f"{name}: {{}}"))
        assert [(use.layer, use.name) for use in recipe.documents.uses] == [("text", "text")]
        assert load(with_score(name), f"documents.score.{name}={{as: other}}").documents.uses[0].layer == "other"
    assert load(with_score("extract"), "documents.score.text={as: other}").documents.uses[0].layer == "other"
    (problem,) = check(with_score("extract", "text"))
    assert "two scorers under the name `text`" in problem.message
    assert "extract" in recipe_schema(SCORERS)["$defs"]["score"]["anyOf"][1]["properties"]


def test_the_least_recipe() -> None:
    recipe = load("name: 2024\ninput: {wets: [a, b]}\n")
    assert (recipe.name, recipe.input.wets) == ("2024", ["a", "b"])
    assert recipe.documents.uses == recipe.documents.rules == ()
    assert recipe.output == {}


def test_columns_of_a_table_go_to_the_reader() -> None:
    recipe = load("name: a\ninput: {table: {path: t.parquet, text: body, url: link}}\n")
    assert recipe.ingest_options().columns == {"text": "body", "url": "link"}
    assert load().ingest_options().columns == {}


def test_sizes() -> None:
    sizes = {"128MB": 128 * 10**6, "64 MiB": 64 << 20, "1.5kB": 1500, "5000": 5000, "1_000 KiB": 1000 << 10}
    for written, size in sizes.items():
        assert load(f"name: a\ninput: {{warcs: x, part: {written}}}\n").input.part == size


def test_canonical_and_shown_forms_are_recipes_that_say_the_same() -> None:
    recipe = load()
    canonical = recipe.canonical()
    assert json.loads(json.dumps(canonical)) == canonical
    assert canonical["documents"]["score"][3] == {"gopher": {"as": "dolma", "dialect": "dolma", "sizes": [2, 3, 4]}}
    assert load(json.dumps(canonical, indent=1)) == recipe
    shown = show_recipe(recipe)
    assert load(shown) == recipe
    assert "      # dolma.words (int32, words) number of words\n" in shown
    assert "    - language.label is en\n" in shown
    assert yaml.safe_load(shown)["documents"] == canonical["documents"] | {
        "score": ["text", *canonical["documents"]["score"][1:4], "exact"],
        "keep": [
            "language.label is en",
            "language.score >= 0.65",
            "gopher.words in 50..100000",
            {"keep": "dolma.words >= 10", "reason": "too_short"},
            {"keep": "gopher.words != 666", "reason": "gopher_words_2"},
            {"keep": "language.score >= by language {no: 0.5, other: any}", "reason": "language_score_2"},
            "duplicates.kept",
        ],
    }


def test_shown_texts_keep_their_kind() -> None:
    for name in ("no", "1e3", "true", "0x1F", "12", "null", "on", "1_000", "2024-01-01"):
        recipe = load(f"name: a\ninput: {{warcs: ['{name}']}}\n")
        assert recipe.input.warcs == [name]
        assert load(show_recipe(recipe)) == recipe


PROBLEMS = {
    "name": ("input: {warcs: x}\n", "recipe:1: `name` is missing", "name: english-web"),
    "bad name": ("name: a b\ninput: {warcs: x}\n", "recipe:1: name: `a b` is no name", "letters"),
    "no input": ("name: a\n", "`input` is missing", "input: {warcs:"),
    "empty input": ("name: a\ninput: {}\n", "recipe:2: input: nothing to read", "warcs: crawl"),
    "two inputs": ("name: a\ninput: {warcs: x, wets: y}\n", "warcs and wets are both given", "keep one"),
    "typing error": (
        "name: a\ninput:\n  warc: x\n",
        "recipe:3: input.warc: unknown key `warc`",
        "did you mean `warcs`?",
    ),
    "section": (
        "name: a\ninput: {warcs: x}\nnodes: {}\n",
        "recipe:3: nodes: a section `nodes` is not there yet",
        "",
    ),
    "unknown section": ("name: a\ninput: {warcs: x}\ndocument: {}\n", "unknown key `document`", "`documents`"),
    "size": ("name: a\ninput: {warcs: x, part: 3 parsecs}\n", "`3 parsecs` is no size", "128MB"),
    "small": ("name: a\ninput: {warcs: x, part: 3}\n", "should be at least 1000, not `3`", ""),
    "audit": (
        "name: a\ninput: {warcs: x}\ndocuments:\n  audit: 2\n",
        "recipe:4: documents.audit: should be at most 1",
        "",
    ),
    "list": ("name: a\ninput: {warcs: x}\ndocuments:\n  keep:\n", "recipe:4: documents.keep: should be a list", ""),
    "from": ("name: a\ninput: {warcs: x}\noutput: {t: {}}\n", "output.t: `from` is missing", "from: documents"),
    "later": (
        "name: a\ninput: {warcs: x}\noutput: {t: {from: interleaved}}\n",
        "an output from `interleaved` is not there yet",
        "from: documents",
    ),
    "no images": (
        "name: a\ninput: {warcs: x}\noutput: {t: {from: images}}\n",
        "recipe:3: output.t.from: is made of images, and the recipe has no section `images`",
        "add `images: {}`",
    ),
    "images of texts": (
        "name: a\ninput: {wets: x}\nimages: {}\n",
        "recipe:3: images: are found in the HTML of pages, which only WARCs have",
        "input: {warcs:",
    ),
    "a fetcher's setting": (
        "name: a\ninput: {warcs: x}\nimages:\n  fetch: {max_bytes: 0}\n",
        "recipe:4: images.fetch.max_bytes: 0 is not a number above 0",
        "",
    ),
    "a caption that is not kept": (
        "name: a\ninput: {warcs: x}\nimages:\n  captions: {kinds: [alt], prefer: [title]}\n",
        "recipe:4: images.captions: prefer: `title` is not among the kinds that are kept",
        "add it to kinds",
    ),
    "sizes of texts": (
        "name: a\ninput: {warcs: x}\noutput: {t: {from: documents, resize: {size: 9}}}\n",
        "recipe:3: output.t: resize: is said of images only",
        "from: images",
    ),
    "format": (
        "name: a\ninput: {warcs: x}\noutput: {t: {from: documents, format: parket}}\n",
        "`parket` is none of webdataset, parquet, jsonl",
        "did you mean `parquet`?",
    ),
    "samples": (
        "name: a\ninput: {warcs: x}\noutput: {t: {from: documents, samples: many}}\n",
        "should be a valid integer, not `many`",
        "",
    ),
    "no scorer": (
        with_score("txt"),
        "recipe:5: documents.score[0]: no scorer `txt` is installed",
        "did you mean `text`?",
    ),
    "parameter": (
        with_score("text", "gopher: {dialekt: dclm}"),
        "recipe:6: documents.score[1].gopher.dialekt: gopher has no parameter `dialekt`",
        "did you mean `dialect`?",
    ),
    "choice": (with_score("text", "gopher: {dialect: dolmo}"), "is none of datatrove, dclm, dolma", "`dolma`"),
    "post init": (with_score("text", "gopher: {sizes: []}"), "gopher.sizes: at least one is needed", ""),
    "user error": (with_score("text", "language: {model: missing.bin}"), "no model missing.bin", "download it"),
    "private": (with_score("text", "language: {_model: 1}"), "language has no parameter `_model`", ""),
    "order": (with_score("gopher", "text"), "gopher reads text.edited, which no scorer before it makes", "`- text`"),
    "twice": (with_score("text", "text"), "two scorers under the name `text`, the first in line 5", "as: text_2"),
    "reserved": (with_score("text: {as: page}"), "the layer `page` is the pipeline's own", "as: page_2"),
    "layer": (with_score("text: {as: 'A b'}"), "text.as: `A b` cannot name a layer", "small letters"),
    "params": (with_score("text: 5"), "the parameters of text should be", ""),
    "indent": (with_score("text:\n      as: x"), "should be the name of a scorer", "indent"),
    "no dataclass": (with_score("plain"), "is no dataclass", "@dataclass"),
    "column": (
        with_score("text", "language", keep="language.scor >= 1"),
        "recipe:8: documents.keep[0]: there is no column `language.scor`",
        "did you mean `language.score`?",
    ),
    "not scored": (with_score("text", keep="gopher.words > 1"), "no column", "add `- gopher` under documents.score"),
    "no dedup": (with_score("text", keep="duplicates.kept"), "no column", "add `- exact` under documents.score"),
    "type": (with_score("text", "language", keep="language.label > 1"), "is text", "`language.score`"),
    "syntax": (with_score("text", "gopher", keep="gopher.words >"), "expected a value", ""),
    "near column": (with_score("text", "gopher", keep="words > 1"), "layer.column", "did you mean `gopher.words`?"),
    "rule": (with_score("text", keep="12"), "should be a rule, not `12`", "gopher.words >= 50"),
    "rule key": (with_score("text", keep="{kep: a.b}"), "unknown key `kep`", "`keep`"),
    "reason": (with_score("text", keep="{keep: page.truncated, reason: A B}"), "cannot be a reason", "snake_case"),
    "own reason": (with_score("text", keep="{keep: page.truncated, reason: not_scored}"), "pipeline's own", ""),
    "table, one": (
        with_score("text", "language", keep="language.score >= by language {other: 0.5}"),
        "recipe:8: documents.keep[0].language.score",
        "needs quotes",
    ),
    "table, many": (
        with_score("text", "language", keep="language.score >= by language {en: 1, other: 0.5}"),
        "recipe:8: mapping values are not allowed here",
        "needs quotes",
    ),
    "tab": ("name: a\n\tinput: x\n", "recipe:2:", "spaces, not tabs"),
    "key twice": ("name: a\nname: b\n", "recipe:2: `name` stands twice, here and in line 1", "remove one"),
    "alias": ("name: &a x\ninput: *a\n", "recipe:1: anchors and aliases", "quotes"),
    "glob": ("name: a\ninput:\n  warcs: *.gz\n", "recipe:3: expected alphabetic", "* or !"),
    "tag": ("name: !!python/object/apply:os.system [x]\n", "recipe:1: tags (!) are refused", "quotes"),
    "open": ("name: [a\n", "expected", "closed"),
    "empty": ("\n", "the recipe is empty", "name: my-run"),
    "list at the top": ("- a\n", "a recipe is keys and values", ""),
    "key of brackets": ("? [a]\n: 1\n", "a key must be a word", ""),
    "control": ("name: \x00\n", "recipe:1: special characters", ""),
    "deep": ("a: " + "[" * 60 + "\n", "more than 40 levels", ""),
    "big": ("#" + " " * MAX_BYTES + "\n", "larger than 1 MiB", ""),
    "two": ("a: 1\n---\nb: 2\n", "recipe:", ""),
}


@pytest.mark.parametrize("case", PROBLEMS)
def test_problems_name_the_place_and_the_mend(case: str) -> None:
    text, message, mend = PROBLEMS[case]
    found = check(text)
    assert len(found) == 1, found
    assert message in str(found[0])
    assert mend in found[0].mend
    with pytest.raises(RecipeError) as caught:
        load(text)
    assert found[0].message.split("\n")[0] in caught.value.message
    assert caught.value.mend == found[0].mend


def test_all_problems_are_found_at_once_in_the_order_of_lines() -> None:
    text = GOOD.replace("warcs:", "warc:").replace("model:", "mdel:").replace("dolma.words", "dolma.wrds")
    text = text.replace("samples: 500", "samples: 0")
    found = check(text)
    assert [problem.place for problem in found] == ["recipe:2", "recipe:6", "recipe:14", "recipe:19"]
    with pytest.raises(RecipeError, match="recipe: 4 problems"):
        load(text)


def test_an_error_lists_twenty_problems_at_most() -> None:
    text = "name: a\ninput: {warcs: x}\n" + "".join(f"key{i}: 1\n" for i in range(100))
    assert len(check(text)) == 100
    with pytest.raises(RecipeError, match="100 problems") as caught:
        load(text)
    assert caught.value.message.count("unknown key") == 20
    assert caught.value.message.endswith("and 80 more")


def test_a_broken_scorer_does_not_make_its_rules_wrong() -> None:
    text = with_score("text", "langauge", keep="language.label is en")
    assert len(check(text)) == 1
    assert len(check(with_score("text", "language: {mdel: x}", keep="language.label is en"))) == 1


def test_reasons_given_twice_are_refused() -> None:
    text = GOOD.replace("- gopher.words != 666", "- {keep: gopher.words != 666, reason: too_short}")
    (problem,) = check(text)
    assert "`too_short` stands twice, first at recipe:14" in problem.message
    assert "`and`" in problem.mend


def test_norwegian_is_a_text() -> None:
    recipe = load(with_score("text", "language: {only: [no, on, yes, en]}", keep="language.label in [no, is]"))
    assert recipe.documents.uses[1].scorer.only == frozenset(["no", "on", "yes", "en"])
    assert read_yaml("a: no\nb: [on, off, y, true, 0o17, 1_000, 1e3, .5, ~, 2020-01-01]\n", "x").value == {
        "a": "no",
        "b": ["on", "off", "y", True, 15, "1_000", 1000.0, 0.5, None, "2020-01-01"],
    }
    assert scalar(".inf") == math.inf
    assert math.isnan(scalar(".nan"))


SETTINGS: dict[str, tuple[list[str | int], Any]] = {
    "seed=5": (["seed"], 5),
    "input.warcs=*.gz": (["input", "warcs"], ["*.gz"]),
    "input.warcs=[a, b]": (["input", "warcs"], ["a", "b"]),
    "input.part=1MB": (["input", "part"], 1_000_000),
    "input.warcs+=more.warc": (["input", "warcs"], ["crawl/*.warc.gz", "more.warc"]),
    "documents.audit=null": (["documents", "audit"], 0.01),
    "output.text.samples=7": (["output", "text", "samples"], 7),
    "output.more={from: documents, format: jsonl}": (["output", "more", "format"], "jsonl"),
    "documents.score.gopher.dialect=dclm": (["documents", "score", 2, "gopher", "dialect"], "dclm"),
    "documents.score.dolma.sizes=[9]": (["documents", "score", 3, "gopher", "sizes"], [9]),
    "documents.score.1.model=x": (["documents", "score", 1, "language", "model"], "x"),
    "documents.score.language={model: y}": (["documents", "score", 1, "language", "model"], "y"),
    "documents.score+=gopher: {as: third}": (["documents", "score", 5, "gopher", "as"], "third"),
    "documents.keep.too_short=20": (["documents", "keep", 3], {"keep": "dolma.words >= 20", "reason": "too_short"}),
    "documents.keep.language.label=in [en, no]": (["documents", "keep", 0, "keep"], "language.label in [en, no]"),
    "documents.keep.language_score=0.8": (["documents", "keep", 1, "keep"], "language.score >= 0.8"),
    "documents.keep.gopher_words_2=7": (["documents", "keep", 4, "keep"], "gopher.words != 7"),
    "documents.keep.gopher_words=gopher.words > 1 or page.truncated": (
        ["documents", "keep", 2, "keep"],
        "gopher.words > 1 or page.truncated",
    ),
    "documents.keep.2=gopher.words >= by language {en: 5, other: 1}": (
        ["documents", "keep", 2, "keep"],
        "gopher.words >= by language {en: 5, other: 1}",
    ),
    "documents.keep.duplicate={keep: duplicates.kept, reason: copy}": (["documents", "keep", 6, "reason"], "copy"),
    "documents.keep.language.label=null": (["documents", "keep", 0, "keep"], "language.score >= 0.65"),
    "documents.keep+=page.host is example.com": (["documents", "keep", 7, "keep"], "page.host is example.com"),
}


@pytest.mark.parametrize("setting", SETTINGS)
def test_set(setting: str) -> None:
    path, value = SETTINGS[setting]
    found = load(GOOD, setting).canonical()
    for part in path:
        found = found[part]
    assert found == value


def test_set_makes_parameters_of_a_bare_name_and_removes_scorers() -> None:
    recipe = load(with_score("text", "gopher"), "documents.score.gopher.dialect=dclm")
    assert recipe.documents.uses[1].scorer == Gopher(dialect="dclm")
    assert recipe.documents.uses[1].line == 6
    recipe = load(with_score("text", "gopher"), "documents.score.gopher=null", "documents.keep=[page.truncated]")
    assert [use.layer for use in recipe.documents.uses] == ["text"]
    assert [rule.text for rule in recipe.documents.rules] == ["page.truncated"]


def test_lines_stay_right_behind_a_removed_item() -> None:
    text = GOOD.replace("duplicates.kept", "duplicates.kpt")
    (problem,) = check(text, "documents.keep.language.label=null")
    assert problem.place == "recipe:17"
    assert problem.path == "documents.keep[5]"


BAD_SETTINGS = {
    "foo": ("--set foo: expected key=value", "samples=100"),
    "=5": ("expected key=value", ""),
    "ouput.text.samples=1": ("--set ouput.text.samples=1: ouput: unknown key `ouput`", "`output`"),
    "output.text.samples=0": ("--set output.text.samples=0: output.text.samples: should be at least 1", ""),
    "documents.score.gofer.dialect=x": ("there is no `gofer` in documents.score", "did you mean `gopher`?"),
    "documents.score.image=x": ("there is no `image`", "documents.score+=image"),
    "documents.score.gopher.dialect=x": ("--set documents.score.gopher.dialect=x: documents.score[2]", ""),
    "documents.keep.gopher.words=3": ("more than one rule reads `gopher.words`", "2 (`gopher.words in 50..100000`), 4"),
    "documents.keep.langage.label=3": ("no rule reads `langage.label`", "did you mean `language.label`?"),
    "documents.keep.language.label=3": ("`language.label is en` is not one column against one number", "whole rule"),
    "documents.keep+=language.scor > 1": (
        "--set documents.keep+=language.scor > 1: documents.keep[7]: there is no",
        "",
    ),
    "name.x=3": ("`name` is 'english-web' and has nothing inside", ""),
    "input.warcs.0.x=3": ("nothing inside", ""),
}


@pytest.mark.parametrize("setting", BAD_SETTINGS)
def test_bad_settings_name_themselves(setting: str) -> None:
    message, mend = BAD_SETTINGS[setting]
    (problem,) = check(GOOD, setting)
    assert message in str(problem)
    assert mend in problem.mend


def test_files(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    assert load_recipe(file, (), SCORERS) == load()
    assert load_recipe(str(file), (), SCORERS).place == str(file)
    (problem,) = check_recipe(tmp_path / "mime.yaml", (), SCORERS)
    assert problem.place == str(tmp_path / "mime.yaml")
    assert "no such file" in problem.message
    assert "mine.yaml" in problem.mend
    (problem,) = check_recipe(tmp_path, (), SCORERS)
    assert "is a folder" in problem.message
    file.write_bytes(b"name: a\ninput: {warcs: \xff}\n")
    (problem,) = check_recipe(file, (), SCORERS)
    assert (problem.place, problem.message) == (f"{file}:2", "not UTF-8")
    file.write_text("name: a\ninput: {warc: x}\n")
    assert {problem.place for problem in check_recipe(file, (), SCORERS)} == {f"{file}:2"}


def test_the_schema_agrees_with_what_is_accepted() -> None:
    schema = recipe_schema(SCORERS)
    parameters = schema["$defs"]["scorer_gopher"]["properties"]
    assert parameters["dialect"]["enum"] == ["datatrove", "dclm", "dolma"]
    assert schema["$defs"]["scorer_text"]["description"] == "The main text."
    assert "scorer_plain" not in schema["$defs"]
    assert "_model" not in schema["$defs"]["scorer_language"]["properties"]
    json.dumps(schema)
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator(schema)
    jsonschema.Draft202012Validator.check_schema(schema)
    for text in (GOOD, show_recipe(load()), json.dumps(load().canonical(), indent=1)):
        assert list(validator.iter_errors(read_yaml(text, "x").value)) == []
    for case in ("name", "typing error", "audit", "parameter", "choice", "rule key", "format", "no scorer"):
        assert list(validator.iter_errors(read_yaml(PROBLEMS[case][0], "x").value)), case


def built_in() -> dict[str, type]:
    """The project's own scorers, as pyproject.toml registers them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    entries = project["entry-points"][recipe_scorers.GROUP]
    return {name: recipe_scorers.metadata.EntryPoint(name, value, "").load() for name, value in entries.items()}


#: Thresholds of the originals: datatrove, pipeline/filters (gopher_repetition_filter.py, gopher_quality_filter.py,
#: c4_filters.py, fineweb_quality_filter.py); Rae et al., table A1; c4_utils.py of tensorflow/datasets.
REPETITION = {
    "dup_line_frac": 0.3, "dup_para_frac": 0.3, "dup_line_chars": 0.2, "dup_para_chars": 0.2,
    "top_2gram": 0.2, "top_3gram": 0.18, "top_4gram": 0.16,
    "dup_5gram": 0.15, "dup_6gram": 0.14, "dup_7gram": 0.13, "dup_8gram": 0.12, "dup_9gram": 0.11, "dup_10gram": 0.1,
}  # fmt: skip
GOPHER = {(f"gopher.{name}", "<=", value) for name, value in REPETITION.items()} | {
    ("gopher.words", ">=", 50),
    ("gopher.words", "<=", 100_000),
    ("gopher.mean_word_length", ">=", 3),
    ("gopher.mean_word_length", "<=", 10),
    ("gopher.hash_ratio", "<=", 0.1),
    ("gopher.ellipsis_ratio", "<=", 0.1),
    ("gopher.bullet_lines", "<=", 0.9),
    ("gopher.ellipsis_lines", "<=", 0.3),
    ("gopher.alpha_words", ">=", 0.8),
    ("gopher.stop_words", ">=", 2),
}
THRESHOLDS = {
    "gopher": GOPHER,
    "fineweb": GOPHER
    | {
        ("language.score", ">", 0.65),
        ("c4.sentences", ">=", 5),
        ("fineweb.line_punct", ">=", 0.12),
        ("fineweb.short_lines", "<=", 0.67),
        ("fineweb.dup_line_chars", "<=", 0.01),
        ("fineweb.newlines", "<=", 0.3),
    },
    "c4": {
        ("text.characters", "<=", 190_000),
        ("c4.sentences", ">=", 3),
        ("c4_left.sentences", ">=", 3),  # again without repeated lines: remove_duplicate_text in c4_utils.py
        ("c4.bad_words", "==", 0),
        ("language.score", ">", 0.65),  # FineWeb's: C4's 0.99 is langdetect's
    },
}


@pytest.mark.parametrize("name", ["demo", "fineweb", "c4", "gopher"])
def test_the_recipes_that_come_with_it_load(name: str) -> None:
    recipe = load_recipe(ROOT / "recipes" / f"{name}.yaml", (), built_in())
    assert recipe.name == name
    assert load_recipe(show_recipe(recipe), (), built_in()) == recipe
    found = {(t.column, t.op, t.value) for rule in recipe.documents.rules for t in rule.thresholds()}
    assert found == THRESHOLDS.get(name, found)
    reasons = [rule.reason for rule in recipe.documents.rules]
    assert not [reason for reason in reasons if reason[-2:-1] == "_" and reason[-1].isdigit()]


def test_a_rule_reads_how_sure_the_extractor_is() -> None:
    recipe = load_recipe(with_score("extract: {engine: web2shards-fast}", keep="text.confidence >= 0.6"), (), built_in())
    assert [rule.reason for rule in recipe.documents.rules] == ["text_confidence"]
    assert recipe.documents.uses[0].params["engine"] == "web2shards-fast"


def test_scorers_are_built_from_lists_and_words() -> None:
    assert build_scorer(Gopher, {"sizes": [2, 3]}) == Gopher(sizes=(2, 3))
    assert build_scorer(Language, {"only": "no"}) == Language(only=frozenset(["no"]))
    assert build_scorer(Language, {}) == Language()
    assert parameters_of(Language(only=frozenset(["b", "a"]))) == {"model": "lid.176.ftz", "only": ["a", "b"]}


def test_installed_scorers_load_when_they_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = recipe_scorers.metadata.EntryPoint
    entries = [
        entry("good", "collections:OrderedDict", recipe_scorers.GROUP),
        entry("good", "collections:OrderedDict", recipe_scorers.GROUP),
        entry("gone", "no_such_module_at_all:X", recipe_scorers.GROUP),
        entry("two", "a:X", recipe_scorers.GROUP),
        entry("two", "b:X", recipe_scorers.GROUP),
    ]
    monkeypatch.setattr(recipe_scorers.metadata, "entry_points", lambda group: entries)
    installed_scorers.cache_clear()
    try:
        found = installed_scorers()
        assert sorted(found) == ["gone", "good", "two"]
        assert found["good"].__name__ == "OrderedDict"
        (problem,) = check_recipe(with_score("gone"))
        assert "is installed but does not load" in problem.message
        (problem,) = check_recipe(with_score("two"))
        assert "a:X and b:X" in problem.message
        assert "scorer_gone" not in recipe_schema()["$defs"]
    finally:
        installed_scorers.cache_clear()


@given(st.text(max_size=60))
@settings(deadline=None, max_examples=100)
def test_any_text_is_read_or_refused(text: str) -> None:
    for whole in (text + "\n", f"name: a\ninput: {{warcs: x}}\ndocuments:\n  keep:\n    - {text}\n"):
        problems = check(whole)
        lines = len(whole.splitlines()) + 1
        for problem in problems:
            place = re.fullmatch(r"recipe(?::(\d+))?", problem.place)
            assert place is not None, problem
            assert 1 <= int(place[1] or 1) <= lines
            assert problem.message
        if problems:  # whoever loads it is told the same
            with pytest.raises(RecipeError, match=re.escape(problems[0].message.split("\n")[0])):
                load(whole)
        else:
            load(whole)


keys = st.text(alphabet="abno1.-: ", min_size=1, max_size=6)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=3)),
    max_leaves=10,
)


@given(values)
@settings(deadline=None, max_examples=100)
def test_json_is_yaml(value: Any) -> None:
    assert read_yaml(json.dumps(value), "x").value == value
