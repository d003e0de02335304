"""What a recipe says of inputs that are got from the web before they are read: a crawl, and records of Common Crawl."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from core.errors import InputError
from ingest.crawl_options import default, meaning, read_seeds
from ingest.files import find_files, open_file
from ingest.parts import no_file
from pipelines.recipe_images import Fetch
from pipelines.recipe_shapes import Model, Paths, Patterns, fault

if TYPE_CHECKING:
    from ingest.crawling import CrawlSettings
    from ingest.crawling.dump import CommonCrawl

#: Of the fetcher's settings, those that a crawl of pages does not leave open.
_OF_IMAGES = ("web", "engine", "formats")
_URL = re.compile(r"https?://", re.IGNORECASE)
#: A file of seeds is read up to this size.
MAX_SEEDS_BYTES = 256 << 20


class CrawlInput(Model):
    """Pages that are crawled by the run itself, into WARCs of the out folder."""

    seeds: Paths = Field(description="URLs, or files with a URL or host a line; globs and URIs of object stores are allowed")
    scope: Literal["host", "subdomains", "any"] = Field(default=default("scope"), description=meaning("scope"))
    depth: int = Field(default=default("depth"), ge=0, description=meaning("depth"))
    pages_per_host: int = Field(default=default("pages_per_host"), ge=1, description=meaning("pages_per_host"))
    hosts: int = Field(default=default("hosts"), ge=0, description=meaning("hosts"))
    pages: int = Field(default=default("pages"), ge=0, description=meaning("pages"))
    sitemaps: bool = Field(default=default("sitemaps"), description=meaning("sitemaps"))
    nofollow: bool = Field(default=default("nofollow"), description=meaning("nofollow"))
    fetch: Fetch = Field(default_factory=Fetch, description="how hosts are asked: one request at a time, a second apart")

    @field_validator("fetch")
    @classmethod
    def of_pages(cls, fetch: Fetch) -> Fetch:
        for name in _OF_IMAGES:
            if getattr(fetch, name) != Fetch.model_fields[name].default:
                raise fault(f"{name}: is said of images only", "leave it out")
        return fetch

    def settings(self, seed: int, pages: int = 0) -> CrawlSettings:
        """The crawler's settings, with what one group may ask for; a redirect to another host is a link that its own group
        follows."""
        from ingest.crawling import CrawlSettings, crawl_fetch_settings

        fetch = crawl_fetch_settings(**self.fetch.given, seed=seed, leave_host=False)
        return CrawlSettings(
            self.scope, self.depth, self.pages_per_host, pages, self.hosts, self.sitemaps, self.nofollow, fetch
        )

    @property
    def files(self) -> list[str]:
        """The seeds that are files."""
        return [seed for seed in self.seeds if not _URL.match(seed)]

    def read_seeds(self) -> list[str]:
        """All seeds, as URLs, each once. InputError for a file that is missing or no text."""
        found: dict[str, None] = {}
        for seed in self.seeds:
            found.update(dict.fromkeys([seed] if _URL.match(seed) else _of_file(seed)))
        return list(found)


def _of_file(pattern: str) -> list[str]:
    files = find_files(pattern)
    if not files:
        raise no_file(pattern)
    urls: list[str] = []
    for file in files:
        if file.size > MAX_SEEDS_BYTES:
            raise InputError(f"{file.uri}: {file.size:,} bytes of seeds", f"cut it to files of {MAX_SEEDS_BYTES:,} bytes", file.uri)
        with open_file(file.uri) as stream:
            data = stream.read(MAX_SEEDS_BYTES)
        try:
            urls += read_seeds(data.decode("utf-8-sig"))
        except UnicodeDecodeError as error:
            raise InputError(f"{file.uri}: {error}", "give a text with a URL or host a line", file.uri) from None
    return urls


class CommonCrawlInput(Model):
    """Records of a dump of Common Crawl, chosen by its columnar index and copied by range into WARCs of the out folder."""

    dump: str = Field(description="the name of the dump, such as CC-MAIN-2024-10")
    languages: Patterns = Field(default_factory=list[str], description="ISO 639-3 codes; pages whose first language is one")
    hosts: Patterns = Field(default_factory=list[str], description="pages of these hosts and of hosts under them")
    limit: Annotated[int, Field(ge=0)] = Field(
        default=0, description="records at most: a sample that stays the same and grows with the limit (0: all)"
    )
    base: str = Field(
        default="https://data.commoncrawl.org",
        description="where the dump lies: a URL, an object store (`s3://commoncrawl`) or a folder with its layout",
    )

    @model_validator(mode="after")
    def holds(self) -> CommonCrawlInput:
        try:
            _ = self.source
        except ValueError as error:
            raise fault(str(error)) from None
        return self

    @property
    def source(self) -> CommonCrawl:
        """The same, as the reader of dumps takes it."""
        from ingest.crawling.dump import CommonCrawl

        return CommonCrawl(self.dump, tuple(self.languages), tuple(self.hosts), self.limit, self.base)

    @property
    def identity(self) -> dict[str, Any]:
        """What makes it another choice of records if it changes; a mirror is the same dump."""
        return self.model_dump(mode="json", exclude={"base"})
