"""Inputs that a run gets from the web first: WARCs in the out folder, which stay as they are once they are written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from ingest.files import FoundFile
from ingest.parts import Part, parts_of_files
from pipelines.context import Context
from pipelines.passes import Passes
from pipelines.recipe import Recipe
from pipelines.store import Store

Json = dict[str, Any]
#: Where they lie, in the out folder.
FOLDER, WARCS = "input", "warcs"
#: What is read where nothing was got, so that the report can say why: a WARC without a page.
EMPTY = "nothing.warc.gz"


class GotInput(Protocol):
    """How far the input of a run was got."""

    @property
    def name(self) -> str:
        """What its pass is called."""
        ...

    @property
    def parts(self) -> int:
        """Of how many pieces its pass is."""
        ...

    @property
    def left(self) -> Mapping[str, int]:
        """How many of these there is something to do for, by reason."""
        ...

    @property
    def files(self) -> Mapping[str, int]:
        """The WARCs that there are, by name, with their bytes."""
        ...

    @property
    def outcomes(self) -> Json | None:
        """What the report tells of it; None if nothing."""
        ...

    def get(self, passes: Passes) -> None:
        """Gets what is missing. UserError if the folder holds another input of this kind."""
        ...


def got_input(context: Context) -> GotInput | None:
    """The input that the recipe has got from the web; None if it is there already."""
    if context.recipe.input.crawl is not None:
        from pipelines.crawl_run import CrawlRun

        return CrawlRun(context)
    if context.recipe.input.common_crawl is not None:
        from pipelines.common_crawl_run import CommonCrawlRun

        return CommonCrawlRun(context)
    return None


def warc_path(store: Store, name: str) -> Any:
    """Where a WARC of the out folder lies."""
    return store.path(FOLDER, WARCS, name)


def get_input(passes: Passes, context: Context, got: GotInput) -> None:
    """Gets what is missing of an input."""
    from ingest.crawling.warc import WarcWriter

    got.get(passes)
    store = context.store
    if not got.files and not warc_path(store, EMPTY).exists():
        draft = store.temporary(EMPTY)
        writer = WarcWriter(draft)
        writer.information({"description": "nothing was got"})
        writer.close()
        store.commit(draft, warc_path(store, EMPTY))


def parts_of(context: Context, got: GotInput, limit: int | None = None) -> list[Part]:
    """The parts of what was got, sorted by name; the first `limit`."""
    root = context.store.path(FOLDER, WARCS)
    files = [FoundFile(name, str(root / name), size) for name, size in sorted(got.files.items())]
    if not files and (root / EMPTY).exists():
        files = [FoundFile(EMPTY, str(root / EMPTY), (root / EMPTY).stat().st_size)]
    parts = sorted(parts_of_files(files, "warc", context.recipe.input.part), key=lambda part: part.name)
    return parts[:limit] if limit is not None else parts


def told_of(recipe: Recipe) -> list[str]:
    """What such an input is, for a report and for messages."""
    crawl, common = recipe.input.crawl, recipe.input.common_crawl
    if crawl is not None:
        return [f"crawl of {seed}" for seed in crawl.seeds]
    return [f"{common.dump} of {common.base}"] if common is not None else []
