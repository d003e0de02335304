"""A recipe, read and checked before anything runs: input, scorers, rules and outputs.

Every problem names its line, its key and the mend, and all of them are reported at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path as File
from typing import Any

from pydantic import ValidationError

from core.errors import RecipeError
from core.scorer import BOXES, CUT, MASK
from dedup.paragraphs import Paragraphs
from filters.rules import Rule
from filters.tokens import Tokens
from ingest.image_addresses import ImageOptions
from ingest.options import IngestOptions
from pipelines.recipe_images import Captions, Fetch
from pipelines.recipe_model import Input, Output, Problem, RecipeModel, each_size, error_of, problems_of
from pipelines.recipe_scorers import installed_scorers
from pipelines.recipe_section import PARAGRAPHS_MEND, ScorerUse, Section
from pipelines.recipe_set import apply_settings
from pipelines.recipe_yaml import Source, read_source


@dataclass(frozen=True)
class Scored:
    """A table's section: scorers and rules in the recipe's order."""

    uses: tuple[ScorerUse, ...] = ()
    rules: tuple[Rule, ...] = ()
    audit: float = 0.01
    against: tuple[str, ...] = ()
    repeat: Mapping[int, int] = field(default_factory=dict[int, int])


@dataclass(frozen=True)
class Recipe:
    """A checked recipe. `source` tells where its keys stand; paths in `input` are as written."""

    name: str
    seed: int
    input: Input
    documents: Scored
    references: ImageOptions | None = None
    images: Scored | None = None
    fetch: Fetch = field(default_factory=Fetch)
    captions: Captions = field(default_factory=Captions)
    output: Mapping[str, Output] = field(default_factory=dict[str, Output])
    source: Source = field(default_factory=lambda: Source("recipe", None), compare=False, repr=False)

    @property
    def place(self) -> str:
        """The file it came from."""
        return self.source.name

    def section(self, table: str) -> Scored:
        """What is said of a table."""
        found: Scored | None = getattr(self, table)
        return Scored() if found is None else found

    def ingest_options(self) -> IngestOptions:
        """How the input is read: the limits, and which column of a table is what."""
        table = self.input.table
        if self.input.held is not None:
            return IngestOptions(pairs=True, extra=self.input.columns)
        if table is None:
            return IngestOptions()
        names = {key: getattr(table, key) for key in ("text", "url", "id", "date")}
        names["text"] = table.text if table.caption is None else table.caption
        columns = {key: name for key, name in names.items() if name is not None}
        return IngestOptions(columns=columns, pairs=self.pairs, extra=table.columns, hash=table.verify_hash)

    @property
    def pairs(self) -> bool:
        """Whether the input's rows are images: a table of them, or files."""
        return self.input.pairs

    def canonical(self) -> dict[str, Any]:
        """The recipe with every default filled in, JSON-able; it is a recipe itself, equal to this one when read."""
        images: dict[str, Any] = {}
        if self.images is not None:
            given = {"fetch": self.fetch, "captions": self.captions}
            told = {name: value.model_dump(mode="json", exclude_none=True) for name, value in given.items()}
            images["images"] = {**_canonical(self.images), **told}
        return {
            "name": self.name,
            "seed": self.seed,
            "input": self.input.model_dump(mode="json", exclude_none=True),
            "documents": _canonical(self.documents),
            **({} if self.references is None else {"references": asdict(self.references)}),
            **images,
            "output": {
                name: output.model_dump(mode="json", by_alias=True, exclude_none=True) for name, output in self.output.items()
            },
        }


def _canonical(section: Scored) -> dict[str, Any]:
    """A table's section with every default filled in."""
    more: dict[str, Any] = {"against": list(section.against)} if section.against else {}
    if section.repeat:
        more["repeat"] = {str(size): times for size, times in section.repeat.items()}
    return {
        "score": [{use.name: ({"as": use.layer} if use.layer != use.name else {}) | dict(use.params)} for use in section.uses],
        "keep": [{"keep": rule.text, "reason": rule.reason} for rule in section.rules],
        "audit": section.audit,
        **more,
    }


def load_recipe(path_or_text: str | File, overrides: Sequence[str] = (), scorers: Mapping[str, type] | None = None) -> Recipe:
    """The recipe of a file, or of a text of several lines, with `--set` overrides applied.

    `scorers` are the scorer classes by name, by default those installed. Relative paths in the recipe start at the
    folder that the command runs in. Raises RecipeError that lists every problem.
    """
    source = apply_settings(read_source(path_or_text, "recipe", "recipe", "give the path of a recipe"), overrides)
    recipe, problems = _resolve(source, installed_scorers() if scorers is None else scorers)
    if recipe is None:
        raise error_of(problems, source)
    return recipe


def check_recipe(
    path_or_text: str | File, overrides: Sequence[str] = (), scorers: Mapping[str, type] | None = None
) -> list[Problem]:
    """Every problem of a recipe in the order of its lines; empty when it can be run. Raises nothing for bad recipes."""
    try:
        source = apply_settings(read_source(path_or_text, "recipe", "recipe", "give the path of a recipe"), overrides)
    except RecipeError as error:
        return [Problem(*_split_place(error.message, path_or_text), error.mend)]
    return _resolve(source, installed_scorers() if scorers is None else scorers)[1]


def _split_place(message: str, path_or_text: str | File) -> tuple[str, str, str]:
    name = "recipe" if "\n" in str(path_or_text) else str(path_or_text)
    found = re.match(rf"({re.escape(name)}(?::\d+)?|--set .*?): ", message)
    return (found[1], "", message[found.end() :]) if found else (name, "", message)


def _resolve(source: Source, scorers: Mapping[str, type]) -> tuple[Recipe | None, list[Problem]]:
    if not isinstance(source.value, dict):
        message = "the recipe is empty" if source.value is None else "a recipe is keys and values"
        return None, [Problem(source.place(()), "", message, "begin with `name: my-run`; recipes/ has some to copy")]
    problems: list[Problem] = []
    model: RecipeModel | None = None
    try:
        model = RecipeModel.model_validate(source.value)
    except ValidationError as error:
        problems.extend(problems_of(error, source))
    section = Section(source, "documents", scorers, {} if model is None else model.input.columns)
    section.resolve()
    problems.extend(section.problems)
    pictures = Section(source, "images", scorers)
    pictures.resolve()
    problems.extend(pictures.problems)
    if model is not None and not any(use.dedup for use in section.uses) and not section.broken:
        for key in ("against", "repeat"):
            if getattr(model.documents, key):
                place = source.place(("documents", key))
                message = "asks for duplicates, and no scorer finds them"
                problems.append(Problem(place, f"documents.{key}", message, "put `- exact` or `- minhash` under documents.score"))
    problems.extend(_budget_problems(model, source, {"documents": section, "images": pictures}) if model is not None else ())
    one_only = any(rule.text == "duplicates.kept" for rule in section.rules)
    if model is not None and model.documents.repeat and not section.broken and not one_only:
        place = source.place(("documents", "repeat"))
        message = "each document of a cluster would be repeated, as no rule keeps one only"
        problems.append(Problem(place, "documents.repeat", message, "put `- duplicates.kept` under documents.keep"))
    if model is not None:
        problems.extend(_image_problems(model, source))
        problems.extend(_blur_problems(model, pictures, source))
    if model is not None and model.input.pairs:
        problems.extend(_caption_problems(section))
    if model is None or problems:
        return None, sorted(problems, key=_line)
    outputs = each_size(model.output)
    documents = Scored(
        tuple(section.uses), tuple(section.rules), model.documents.audit, tuple(model.documents.against),
        dict(sorted(model.documents.repeat.items())),
    )  # fmt: skip
    references = None if model.references is None else ImageOptions(**model.references.model_dump())
    if model.images is None:
        return Recipe(model.name, model.seed, model.input, documents, references, output=outputs, source=source), []
    images = Scored(tuple(pictures.uses), tuple(pictures.rules), model.images.audit)
    return Recipe(
        model.name, model.seed, model.input, documents, references or ImageOptions(), images, model.images.fetch,
        model.images.captions, outputs, source,
    ), []  # fmt: skip


def _budget_problems(model: RecipeModel, source: Source, sections: Mapping[str, Section]) -> Iterator[Problem]:
    """Outputs with a budget of tokens, which no scorer of their table counts."""
    for name, output in model.output.items():
        section = sections[output.from_]
        if output.tokens is not None and not section.broken and not any(isinstance(use.scorer, Tokens) for use in section.uses):
            message = f"is a budget of tokens, and no scorer of {output.from_} counts them"
            mend = f"put `- tokens` under {output.from_}.score, behind what edits texts; `tokens: {{tokenizer: …}}` counts exactly"
            yield Problem(source.place(("output", name, "tokens")), f"output.{name}.tokens", message, mend)


def _image_problems(model: RecipeModel, source: Source) -> Iterator[Problem]:
    """What does not fit together in what is said of images."""
    pairs = model.input.pairs
    for section in ("references", "images"):
        if getattr(model, section) is not None and not model.input.has_html and not pairs:
            message = "are found in the HTML of pages, which only WARCs have, in a table that says so, or are the input themselves"
            mend = "read `input: {warcs: …}`, name the captions of a table (`input.table.caption`), or leave the section out"
            yield Problem(source.place((section,)), section, message, mend)
    if pairs:
        for name, output in model.output.items():
            if output.from_ == "documents":
                message = "is made of texts, and the rows of the input are images"
                yield Problem(source.place(("output", name, "from")), f"output.{name}.from", message, "write `from: images`")
    for name, output in model.output.items():
        for made in each_size({name: output}):
            if made != name and made in model.output:
                message = f"one of its sizes would be called {made}, as another output is"
                yield Problem(source.place(("output", name, "sizes")), f"output.{name}.sizes", message, "rename one of them")
        resize = output.resize
        # A recipe as run.json has it names each size; there a size says which of them an output is.
        if output.sizes and resize is not None and "size" in resize.model_fields_set and not name.endswith(f"-{resize.size}"):
            message = f"{resize.size} is one of the sizes, and no other would be written"
            mend = "leave it out: every size gets an output"
            yield Problem(source.place(("output", name, "resize", "size")), f"output.{name}.resize.size", message, mend)
        if output.from_ == "images" and model.images is None:
            message = "is made of images, and the recipe has no section `images`"
            yield Problem(source.place(("output", name, "from")), f"output.{name}.from", message, "add `images: {}`")


def _blur_problems(model: RecipeModel, pictures: Section, source: Source) -> Iterator[Problem]:
    """Layers that an output blurs, and that have no places."""
    boxes = [use.layer for use in pictures.uses if BOXES in use.scorer.schema.types]
    for name, output in model.output.items():
        for layer in output.blur or ():
            if layer not in boxes and layer not in pictures.broken:
                message = f"no scorer of images tells places under the name `{layer}`"
                mend = f"name one of {', '.join(boxes)}" if boxes else "put `- faces` under images.score"
                yield Problem(source.place(("output", name, "blur")), f"output.{name}.blur", message, mend)


def _caption_problems(section: Section) -> Iterator[Problem]:
    """Scorers of rows that cut or mask their texts, which samples do not follow: a caption is chosen of all rows of an image."""
    for use in section.uses:
        if any(f.type in (CUT, MASK) for f in use.scorer.schema) or isinstance(use.scorer, Paragraphs):
            place = f"{section.source.name}:{use.line}" if use.line else section.source.name
            message = f"{use.layer} edits the texts of rows, and samples have the captions of images"
            mend = f"leave it out: {PARAGRAPHS_MEND}" if isinstance(use.scorer, Paragraphs) else (
                "put it under images.score, where captions are edited"
            )  # fmt: skip
            yield Problem(place, "documents.score", message, mend)


def _line(problem: Problem) -> int:
    found = re.search(r":(\d+)$", problem.place)
    return int(found[1]) if found else 0


__all__ = [
    "Input", "Output", "Problem", "Recipe", "Scored", "ScorerUse", "check_recipe", "load_recipe",
]  # fmt: skip
