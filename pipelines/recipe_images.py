"""What a recipe says of images: how they are fetched, which of their captions are kept, and how they are written."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from pipelines.image_layers import KINDS, PREFERRED
from pipelines.recipe_shapes import Model, Patterns, ScoredSection, fault

if TYPE_CHECKING:
    from core.images import Output as ImageFile
    from ingest.fetching import FetchSettings

Kind = Literal["caption", "alt", "figcaption", "legend", "title", "before", "after"]
#: What the fetcher is not told.
_NOT_SETTINGS = ("web", "engine")
Seconds = float | None
Count = int | None


class Fetch(Model):
    """How images are fetched that the input does not hold; what is not said is as `ingest.fetching.FetchSettings` has it."""

    web: bool = Field(default=True, description="whether the web is asked at all for what the input does not hold")
    engine: Literal["web2shards", "img2dataset"] = Field(
        default="web2shards", description="who asks; img2dataset (extra `img2dataset`) knows no robots.txt, pace or refused address"
    )
    user_agent: str | None = Field(default=None, description="who asks; its first word is what robots.txt is read for")
    formats: Patterns | None = Field(default=None, description="formats that are wanted, by content")
    max_bytes: Count = Field(default=None, description="of a file")
    max_redirects: Count = None
    connect_seconds: Seconds = None
    read_seconds: Seconds = Field(default=None, description="the longest pause of a server")
    total_seconds: Seconds = Field(default=None, description="of one request")
    dns_seconds: Seconds = None
    min_bytes_per_second: Count = None
    concurrency: Count = Field(default=None, description="requests at a time, of one worker")
    per_host: Count = Field(default=None, description="requests at a time to a host")
    per_address: Count = Field(default=None, description="requests at a time to the hosts at an address")
    host_interval_seconds: Seconds = Field(default=None, description="between two requests to a host")
    max_crawl_delay_seconds: Seconds = None
    retries: Count = Field(default=None, description="tries after the first, in the same run")
    first_pause_seconds: Seconds = None
    longest_pause_seconds: Seconds = None
    max_retry_after_seconds: Seconds = None
    host_failures: Count = None
    host_deadline_seconds: Seconds = Field(default=None, description="what one host may take; 0: no bound")
    deadline_seconds: Seconds = Field(default=None, description="what a group of hosts may take in one run; 0: no bound")
    max_requests: Count = Field(default=None, description="of a group of hosts in one run; 0: no bound")
    max_total_bytes: Count = Field(default=None, description="of a group of hosts in one run; 0: no bound")
    robots: bool | None = Field(default=None, description="whether robots.txt is read and followed")
    opt_out: Patterns | None = Field(default=None, description="directives of X-Robots-Tag that forbid")
    tdm_reservation: bool | None = Field(default=None, description="whether a reservation of text and data mining forbids")
    tdmrep: bool | None = Field(default=None, description="whether hosts are asked for /.well-known/tdmrep.json")
    ports: list[int] | None = Field(default=None, description="ports that may be asked; empty: any")
    open_networks: Patterns | None = Field(default=None, description="networks that may be reached though they are not public")
    verify_tls: bool | None = None

    @field_validator("*")
    @classmethod
    def holds(cls, value: Any, info: ValidationInfo) -> Any:
        """What the fetcher says of each."""
        if info.field_name == "engine" and value == "img2dataset" and find_spec("img2dataset") is None:
            raise fault("img2dataset is not installed", "pip install 'web2shards[img2dataset]'")
        if value is not None and info.field_name and info.field_name not in _NOT_SETTINGS:
            from ingest.fetching import FetchSettings

            try:
                FetchSettings(**{info.field_name: _plain(value)})
            except ValueError as error:
                raise fault(str(error).removeprefix(f"{info.field_name}: ")) from None
        return value

    def settings(self, seed: int) -> FetchSettings:
        """The fetcher's settings."""
        from ingest.fetching import FetchSettings

        return FetchSettings(**self.given, seed=seed)

    @property
    def given(self) -> dict[str, Any]:
        """What is said of the fetcher's settings."""
        return {name: _plain(value) for name, value in self if value is not None and name not in _NOT_SETTINGS}


def _plain(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


class Captions(Model):
    """Which of the texts that pages have with an image are kept."""

    kinds: list[Kind] = Field(default_factory=lambda: list(KINDS), min_length=1, description="in the order in which they stand")
    most: int = Field(default=16, ge=1, le=1024, description="different texts of an image at most")
    prefer: list[Kind] | None = Field(
        default=None, min_length=1,
        description="the caption of an image is the first of these that a page or row that is kept says (caption, alt, "
        "figcaption, title)",
    )

    @field_validator("kinds", "prefer")
    @classmethod
    def each_once(cls, kinds: list[str] | None) -> list[str] | None:
        if kinds is not None and len(set(kinds)) < len(kinds):
            raise fault("a kind stands twice")
        return kinds

    @model_validator(mode="after")
    def of_kinds(self) -> Captions:
        for kind in self.prefer or ():
            if kind not in self.kinds:
                raise fault(f"prefer: `{kind}` is not among the kinds that are kept", f"add it to kinds: {', '.join(self.kinds)}")
        return self

    @property
    def preferred(self) -> Sequence[str]:
        """The kinds of which an image's caption is chosen, in their order."""
        return self.prefer or [kind for kind in PREFERRED if kind in self.kinds] or self.kinds


class ImagesSection(ScoredSection):
    """How the images of pages are got, scored, and which are kept."""

    fetch: Fetch = Field(default_factory=Fetch, description="how images are fetched that the input does not hold")
    captions: Captions = Field(default_factory=Captions, description="which texts with an image are kept")


class Resizing(Model):
    """The size of images in shards, as img2dataset's modes have it."""

    size: int = Field(default=256, ge=1, le=16_384, description="pixels of a side")
    mode: Literal["no", "border", "keep_ratio", "keep_ratio_largest", "center_crop"] = "border"
    only_if_bigger: bool = False
    downscale: Literal["area", "lanczos", "bicubic"] = "area"
    upscale: Literal["lanczos", "bicubic"] = "lanczos"


class Encoding(Model):
    """The files of images in shards."""

    format: Literal["jpeg", "webp", "png"] = "jpeg"
    quality: int | None = Field(default=None, description="1 to 100 (95 if not said); of png the compression, 0 to 9 (6)")

    @model_validator(mode="after")
    def fits(self) -> Encoding:
        least, most = (0, 9) if self.format == "png" else (1, 100)
        if self.quality is not None and not least <= self.quality <= most:
            raise fault(f"quality: {least} to {most} for {self.format}, not {self.quality}")
        return self

    @property
    def extension(self) -> str:
        """Of the member of a sample."""
        return {"jpeg": "jpg"}.get(self.format, self.format)


def image_file(resize: Resizing | None, encode: Encoding | None) -> ImageFile:
    """The file that is made of an image."""
    from core.images import Output, Resize

    encode = encode or Encoding()
    quality = encode.quality if encode.quality is not None else 6 if encode.format == "png" else 95
    return Output(Resize(**(resize or Resizing()).model_dump()), encode.format, quality)
