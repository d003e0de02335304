"""The shape of a recipe as pydantic models, and their errors as problems with a line and a mend.

A table's section (`documents`) holds scorers and rules; sections of later tables follow the same model.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from core.errors import RecipeError
from ingest.cut import MAX_HTML
from pipelines.recipe_images import Captions, Encoding, Fetch, ImagesSection, Resizing
from pipelines.recipe_input import CommonCrawlInput, CrawlInput
from pipelines.recipe_shapes import Model, Number, Paths, Patterns, ScoredSection, Size, fault
from pipelines.recipe_yaml import Path, Source, dotted

#: Sections that the design has and this version does not compute.
LATER = ("records", "nodes", "interleaved")
#: Problems that one error lists.
SHOWN = 20
#: How a rule may name a column of a table; what samples of images tell of themselves, in lower case.
COLUMN_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_TAKEN = frozenset({
    "key", "id", "url", "caption", "status", "error_message", "width", "height", "original_width", "original_height", "sha256",
    "exif", "error", "text", "image", "captions_alternate", "carried",
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


def require_names(columns: Iterable[str]) -> None:
    """A fault if a further column of images cannot be named in a rule, or samples have another of its name."""
    for name in columns:
        if not COLUMN_NAME.fullmatch(name):
            raise fault(f"columns: `{name}` cannot be named in a rule", "its letters, digits and _ begin with a letter")
        if name.lower() in _TAKEN:
            raise fault(f"columns: samples have another `{name}`", "leave it out, or rename the column")


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
        require_names(self.columns)
        return self


def _pathed(value: Any) -> Any:
    return {"path": value} if isinstance(value, str | list) else value


class HeldInput(Model):
    """Images that lie in the input, with captions beside them; they are read where they are, and never fetched."""

    path: Paths = Field(description="a pattern of files (`pictures/**`) or of shards (`laion/*.tar`); URIs are allowed")
    columns: dict[str, Literal["text", "number", "integer", "boolean"]] = Field(
        default_factory=dict[str, Any],
        description="keys of the `.json` beside an image, with what they hold; rules read `table.<name>`, samples have them",
    )

    @model_validator(mode="after")
    def nameable(self) -> HeldInput:
        require_names(self.columns)
        return self


Held = Annotated[HeldInput, BeforeValidator(_pathed)]
#: The kinds of input, of which a recipe has one.
INPUTS = ("warcs", "wets", "table", "images", "shards", "crawl", "common_crawl")


class Input(Model):
    """What is read, of one kind. Relative paths start at the folder that the command runs in."""

    warcs: Paths | None = Field(default=None, description="WARC files: gzip, zstd or plain; globs and URIs are allowed")
    wets: Paths | None = Field(default=None, description="WET files (text extracted by Common Crawl)")
    table: TableInput | None = Field(default=None, description="tables of texts")
    images: Held | None = Field(
        default=None, description="folders of images; a caption is that of the `.txt` or `.json` beside one, else its file's name"
    )
    shards: Held | None = Field(default=None, description="shards of images (WebDataset, plain .tar), ours and img2dataset's")
    crawl: CrawlInput | None = Field(default=None, description="pages that the run crawls first")
    common_crawl: CommonCrawlInput | None = Field(default=None, description="records of Common Crawl, which the run copies first")
    part: Size = Field(default=128_000_000, description="bytes of input that one part takes")

    @model_validator(mode="after")
    def one(self) -> Input:
        given = [name for name in INPUTS if getattr(self, name) is not None]
        if not given:
            raise fault("nothing to read", f"give one of {', '.join(INPUTS[:-1])} and {INPUTS[-1]}: `warcs: crawl/*.warc.gz`")
        if len(given) > 1:
            raise fault(f"{' and '.join(given)} are both given", "keep one; two kinds of input are two recipes")
        return self

    @property
    def has_html(self) -> bool:
        """Whether its records are of the web, with HTML and images."""
        return self.warcs is not None or self.is_got

    @property
    def is_got(self) -> bool:
        """Whether the run gets it from the web first, into WARCs of its own."""
        return self.crawl is not None or self.common_crawl is not None

    @property
    def held(self) -> HeldInput | None:
        """Images that lie in the input themselves."""
        return self.images or self.shards

    @property
    def pairs(self) -> bool:
        """Whether its rows are images."""
        return self.held is not None or (self.table is not None and self.table.caption is not None)

    @property
    def columns(self) -> Mapping[str, str]:
        """The further columns of images, with what they hold."""
        given = self.held or self.table
        return {} if given is None else given.columns


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
    tokens: Number | None = Field(
        default=None,
        description="at most so many tokens in all of its samples, both splits and repeats counted: `2B`, `500M`; what comes "
        "behind them in the order of the output is left out. A scorer `tokens` counts them",
    )
    resize: Resizing | None = Field(default=None, description="of images: their size")
    encode: Encoding | None = Field(default=None, description="of images: their files")
    sizes: list[Annotated[int, Field(ge=1, le=16_384)]] | None = Field(
        default=None, min_length=2, max_length=16,
        description="of images: several sizes, each an output of its own (`<name>-112`) with the same samples in the same order; "
        "made from one decoding, by antialiased bicubic unless `resize.downscale` says otherwise",
    )
    blur: Patterns | None = Field(
        default=None, min_length=1, description="of images: scorers whose places are blurred before it is encoded, such as `faces`"
    )

    @model_validator(mode="after")
    def of_its_table(self) -> Output:
        if self.from_ == "images":
            if self.format != "webdataset":
                raise fault(f"format: images are written as webdataset, not as {self.format}")
            if self.encode is not None and self.encode.format == "same" and self.resize is not None and self.resize.mode != "no":
                raise fault("resize: files are written as they came (`encode.format: same`)", "leave it out, or name a format")
            if self.encode is not None and self.encode.format == "same" and self.blur is not None:
                raise fault("blur: files are written as they came (`encode.format: same`)", "leave it out, or name a format")
            if self.sizes is not None:
                _check_sizes(self.sizes, self.resize, self.encode)
            return self
        given = [name for name in ("resize", "encode", "sizes", "blur") if getattr(self, name) is not None]
        if given:
            raise fault(f"{' and '.join(given)}: is said of images only", "write `from: images`, or leave it out")
        return self

    def to_json(self) -> dict[str, Any]:
        """What is said of it, defaults filled in."""
        return self.model_dump(mode="json", exclude_none=True)


def _check_sizes(sizes: Sequence[int], resize: Resizing | None, encode: Encoding | None) -> None:
    """A fault if sizes do not go with what else is said of images."""
    if len(set(sizes)) < len(sizes):
        raise fault("sizes: a size stands twice")
    if (encode is not None and encode.format == "same") or (resize is not None and resize.mode == "no"):
        raise fault("sizes: images that stay as they are have no other size", "leave it out, or name a mode and a format")
    if resize is not None and "size" in resize.model_fields_set and resize.size not in sizes:
        raise fault(f"resize.size: {resize.size} is none of the sizes", "leave it out: every size gets an output")


def each_size(outputs: Mapping[str, Output]) -> dict[str, Output]:
    """The outputs, with one for each size of those that have several. One that says which of its sizes it is stands as it is."""
    found: dict[str, Output] = {}
    for name, output in outputs.items():
        resize = output.resize or Resizing()
        if output.sizes is None or "size" in resize.model_fields_set:
            found[name] = output
            continue
        given: dict[str, Any] = {"downscale": "bicubic", **resize.model_dump(exclude_unset=True)}
        for size in output.sizes:
            found[f"{name}-{size}"] = output.model_copy(update={"resize": Resizing(**given, size=size)})
    return found


def together_with(outputs: Mapping[str, Output], name: str) -> list[str]:
    """The outputs that are other sizes of the same samples, made from one decoding, and this one, by size."""

    def but_size(output: Output) -> Output:
        return output.model_copy(update={"resize": (output.resize or Resizing()).model_copy(update={"size": 1})})

    mine = outputs[name]
    if mine.sizes is None:
        return [name]
    alike = [other for other, output in outputs.items() if output.sizes is not None and but_size(output) == but_size(mine)]
    return sorted(alike, key=lambda other: (outputs[other].resize or Resizing()).size)


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
    "sets": "name them, with where they lie: `sets: {name: path}`",
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
        case ("input", "images" | "shards"):
            model = HeldInput
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
        if kind == "list_type" and key in ("score", "keep"):
            first = str(given if not isinstance(given, dict) else next(iter(given), "text")).split(" - ")[0].split(":")[0].strip()
            mend = f"write `- ` before each line, the first too: `- {first[:60]}`"
    elif kind == "too_short" and key == "sizes":
        message, mend = f"should be two sizes or more, not {_shown(given)}", "for one, write `resize: {size: 224}` in its place"
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
