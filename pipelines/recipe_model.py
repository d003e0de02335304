"""The shape of a recipe as pydantic models, and their errors as problems with a line and a mend.

A table's section (`documents`) holds scorers and rules; sections of later tables follow the same model.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from core.errors import RecipeError
from ingest.cut import MAX_HTML
from pipelines.recipe_images import Captions, Encoding, Fetch, ImagesSection, Resizing
from pipelines.recipe_input import CommonCrawlInput, CrawlInput
from pipelines.recipe_shapes import Model, Paths, Patterns, ScoredSection, Size, fault
from pipelines.recipe_yaml import Path, Source, dotted

#: Sections that the design has and this version does not compute.
LATER = ("records", "nodes", "interleaved")
#: Problems that one error lists.
SHOWN = 20
#: How a rule may name a column of a table; what samples of images tell of themselves, in lower case.
COLUMN_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_TAKEN = frozenset({
    "key", "id", "url", "caption", "status", "error_message", "width", "height", "original_width", "original_height", "sha256",
    "exif", "error", "text", "image", "captions_alternate",
})  # fmt: skip


@dataclass(frozen=True)
class Problem:
    """What is wrong with a recipe: where (`file:line`), at which key, and how to mend it."""

    place: str
    path: str
    message: str
    mend: str = ""

    def __str__(self) -> str:
        where = f"{self.place}: {self.path}: " if self.path else f"{self.place}: "
        message = self.message.replace("\n", "\n    ")
        return f"{where}{message}" + (f"\n  → {self.mend}" if self.mend else "")


#: FineWeb-2's rehydration by cluster size (Penedo et al. 2025, arXiv 2506.20920).
FINEWEB2_REPEAT = {1: 1, 2: 2, 3: 3, 5: 5, 100: 8, 1000: 1}


def _sizes(value: Any) -> Any:
    return FINEWEB2_REPEAT if value == "fineweb2" else value


ClusterSize = Annotated[int, Field(ge=1)]
Repeats = Annotated[int, Field(ge=1, le=1000)]


class TableInput(Model):
    """Rows of text that are no web pages, or addresses of images with captions."""

    path: Paths = Field(description="Parquet, JSONL, CSV or TSV files; globs and URIs are allowed")
    format: Literal["parquet", "jsonl", "csv"] | None = Field(default=None, description="by the file's name if not set")
    text: str | None = Field(default=None, description="the column that holds the text (`text` if not given)")
    url: str | None = Field(default=None, description="the column that holds the URL (`url`), of images that of the image")
    caption: str | None = Field(
        default=None, description="the column that holds captions (`\"\"`: none does); it says that the rows are images"
    )
    columns: dict[str, Literal["text", "number", "integer", "boolean"]] = Field(
        default_factory=dict[str, Any],
        description="of images: further columns, with what they hold; rules read them as `table.<name>`, samples have them",
    )
    verify_hash: tuple[str, Literal["md5", "sha256", "sha512"]] | None = Field(
        default=None, description="of images: the column with a digest that the bytes must have, and which: `[SHA256, sha256]`"
    )
    id: str | None = Field(default=None, description="the column that holds an id (`id`)")
    date: str | None = Field(default=None, description="the column that holds the date (`date`)")

    @model_validator(mode="after")
    def of_one_kind(self) -> TableInput:
        if self.caption is None:
            for name in ("columns", "verify_hash"):
                if getattr(self, name):
                    raise fault(f"{name}: is said of tables of images", "name their captions: `caption: TEXT`, or `caption: ''`")
        elif self.text is not None:
            raise fault("text and caption are both given", "keep `caption` where rows are images, else `text`")
        for name in self.columns:
            if not COLUMN_NAME.fullmatch(name):
                raise fault(f"columns: `{name}` cannot be named in a rule", "its letters, digits and _ begin with a letter")
            if name.lower() in _TAKEN:
                raise fault(f"columns: samples have another `{name}`", "leave it out, or rename the column")
        return self


#: Kinds of input.
KINDS = ("warcs", "wets", "table", "crawl", "common_crawl")


class Input(Model):
    """What is read; exactly one of warcs, wets, table, crawl and common_crawl. Relative paths start at the folder that the command
    runs in."""

    warcs: Paths | None = Field(default=None, description="WARC files: gzip, zstd or plain; globs and URIs are allowed")
    wets: Paths | None = Field(default=None, description="WET files (text extracted by Common Crawl)")
    table: TableInput | None = Field(default=None, description="tables of texts")
    crawl: CrawlInput | None = Field(default=None, description="pages that the run crawls first")
    common_crawl: CommonCrawlInput | None = Field(default=None, description="records of Common Crawl, which the run copies first")
    part: Size = Field(default=128_000_000, description="bytes of input that one part takes")

    @model_validator(mode="after")
    def one(self) -> Input:
        given = [name for name in KINDS if getattr(self, name) is not None]
        if not given:
            raise fault("nothing to read", f"give one of {', '.join(KINDS)}: `warcs: crawl/*.warc.gz`")
        if len(given) > 1:
            raise fault(f"{' and '.join(given)} are both given", "keep one; two kinds of input are two recipes")
        return self

    @property
    def has_html(self) -> bool:
        """Whether its records are of the web, with HTML and images."""
        return self.table is None and self.wets is None

    @property
    def is_got(self) -> bool:
        """Whether the run gets it from the web first, into WARCs of its own."""
        return self.crawl is not None or self.common_crawl is not None


class TableSection(ScoredSection):
    """How documents are scored and which are kept."""

    against: Patterns = Field(
        default_factory=list[str],
        description="earlier runs (their out folders), or Parquet files of signatures: what they kept is kept from coming again",
    )
    repeat: Annotated[dict[ClusterSize, Repeats], BeforeValidator(_sizes)] = Field(
        default_factory=dict[int, int],
        description="how often a kept document goes into the shards, by the documents in its cluster: `{1: 1, 3: 2}` gives those "
        "of 3 and more twice; `fineweb2` is FineWeb-2's",
    )

    @model_validator(mode="after")
    def from_one(self) -> TableSection:
        if self.repeat and min(self.repeat) > 1:
            raise fault("repeat: nothing is said of documents that are alone", "begin with `1: 1`")
        return self


class References(Model):
    """Which images of the pages become the table `references`."""

    side: int = Field(default=4096, ge=1, le=1 << 20, description="of several sizes the largest of at most so many pixels")
    svg: bool = Field(default=False, description="drawings (SVG) too, which otherwise have the reason `svg`")
    shared: bool = Field(default=True, description="the image that a page is shared with (og:image), if it shows it nowhere")
    max_html: int = Field(default=MAX_HTML, ge=1 << 10, le=1 << 28, description="characters of HTML that are read of a page")


class Output(Model):
    """One set of shards."""

    from_: Literal["documents", "images"] = Field(alias="from", description="the table it is made of")
    format: Literal["webdataset", "parquet", "jsonl"] = "webdataset"
    samples: int = Field(default=10_000, ge=1, le=100_000_000, description="samples a shard; the last is shorter")
    validation: float = Field(default=0.0, ge=0, lt=1, allow_inf_nan=False, description="share kept for validation")
    resize: Resizing | None = Field(default=None, description="of images: their size")
    encode: Encoding | None = Field(default=None, description="of images: their files")

    @model_validator(mode="after")
    def of_its_table(self) -> Output:
        if self.from_ == "images":
            if self.format != "webdataset":
                raise fault(f"format: images are written as webdataset, not as {self.format}")
            return self
        given = [name for name in ("resize", "encode") if getattr(self, name) is not None]
        if given:
            raise fault(f"{' and '.join(given)}: is said of images only", "write `from: images`, or leave it out")
        return self

    def to_json(self) -> dict[str, Any]:
        """What is said of it, defaults filled in."""
        return self.model_dump(mode="json", exclude_none=True)


OutputName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]


class RecipeModel(Model):
    """A web2shards recipe."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$", description="names the run; an out folder has one")
    seed: int = Field(default=0, ge=0, lt=1 << 63, description="of the samples' order, of splits and audit")
    input: Input
    documents: TableSection = Field(default_factory=TableSection)
    references: References | None = Field(default=None, description="the images of pages, as a table; `{}`: the defaults")
    images: ImagesSection | None = Field(default=None, description="the images themselves; `{}`: got, and no more")
    output: dict[OutputName, Output] = Field(default_factory=dict[str, Output])


_MISSING = {
    "name": "add a line such as `name: english-web`",
    "input": "add a line such as `input: {warcs: crawl/*.warc.gz}`",
    "path": "say which files: `path: texts/*.parquet`",
    "seeds": "say where it begins: `seeds: https://example.org/`, or a file with a URL a line",
    "dump": "say which dump: `dump: CC-MAIN-2024-10`",
    "from": "say which table it is made of: `from: documents`",
}
_PATTERNS = {
    "name": "use letters, digits, `-`, `_` and `.`, and begin with a letter or digit",
    "output": "use letters, digits, `-` and `_`, and begin with a letter or digit",
}


_SHORTER = {
    "input should": "should",
    "greater than or equal to": "at least",
    "less than or equal to": "at most",
    "greater than": "more than",
    ", unable to parse string as a number": "",
    ", unable to parse string as an integer": "",
}


def _keys_at(path: Path) -> list[str]:
    """The keys that may stand at a path."""
    model: type[BaseModel] | None = None
    match path:
        case ():
            model = RecipeModel
        case ("input",):
            model = Input
        case ("input", "table"):
            model = TableInput
        case ("input", "crawl"):
            model = CrawlInput
        case ("input", "crawl", "fetch"):
            model = Fetch
        case ("input", "common_crawl"):
            model = CommonCrawlInput
        case ("documents",):
            model = TableSection
        case ("references",):
            model = References
        case ("images",):
            model = ImagesSection
        case ("images", "fetch"):
            model = Fetch
        case ("images", "captions"):
            model = Captions
        case ("output", _):
            model = Output
        case ("output", _, "resize"):
            model = Resizing
        case ("output", _, "encode"):
            model = Encoding
        case _:
            return []
    return [field.alias or name for name, field in model.model_fields.items()]


def near(word: str, words: list[str]) -> str:
    """`did you mean …?`, or which there are."""
    close = difflib.get_close_matches(word.lower(), words, 1, 0.6)
    return f"did you mean `{close[0]}`?" if close else f"there are {', '.join(words)}" if words else ""


def _problem(error: ErrorDetails, source: Source, base: Path) -> Problem:
    path: Path = (*base, *(part for part in error["loc"] if part != "[key]"))
    kind, given, context = error["type"], error["input"], error.get("ctx", {})
    message, mend = error["msg"][:1].lower() + error["msg"][1:].replace("Input should", "should"), ""
    key = str(path[-1]) if path else ""
    if kind == "fault":
        message, mend = str(context["message"]), str(context["mend"])
    elif kind == "missing":
        message, mend, path = f"`{key}` is missing", _MISSING.get(key, ""), path[:-1]
    elif kind == "extra_forbidden":
        if len(path) == 1 and key in LATER:
            message, mend = f"a section `{key}` is not there yet", "this version computes `documents`, `references` and `images`"
        else:
            message, mend = f"unknown key `{key}`", near(key, _keys_at(path[:-1]))
    elif kind == "literal_error":
        if key == "from" and given in LATER:
            message, mend = f"an output from `{given}` is not there yet", "this version has `from: documents` and `from: images`"
        else:
            words = re.findall(r"'([^']+)'", str(context["expected"]))
            close = difflib.get_close_matches(str(given), words, 1, 0.5)
            message = f"`{given}` is none of {', '.join(words)}"
            mend = f"did you mean `{close[0]}`?" if close else ""
    elif kind == "string_pattern_mismatch":
        message, mend = f"`{given}` is no name", _PATTERNS.get(str(path[0]), "")
    elif kind in ("model_type", "dict_type", "model_attributes_type", "list_type"):
        wanted = "a list of lines that begin with `- `" if kind == "list_type" else "keys and values, `key: value`"
        message = f"should be {wanted}, not {_shown(given)}"
    elif kind == "value_error":
        message = str(context.get("error", message))
    else:
        for long, short in _SHORTER.items():
            message = message.replace(long, short)
        message += f", not {_shown(given)}"
    return Problem(source.place(path), dotted(path), message, mend)


def _shown(value: Any) -> str:
    text = "nothing" if value is None else f"`{value}`"
    return text if len(text) < 60 else f"{text[:56]}…`"


def error_of(problems: Sequence[Problem], source: Source) -> RecipeError:
    """The problems, of which there are some, as one error."""
    if len(problems) == 1:
        return RecipeError(str(replace(problems[0], mend="")), problems[0].mend)
    more = f"\n… and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
    return RecipeError(f"{source.name}: {len(problems)} problems\n" + "\n".join(map(str, problems[:SHOWN])) + more)


def problems_of(error: ValidationError, source: Source, base: Path = ()) -> Iterator[Problem]:
    """The errors of pydantic below the path `base`, each with its line and a mend."""
    for details in error.errors(include_url=False):
        yield _problem(details, source, base)
