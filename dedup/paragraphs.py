"""Lines and paragraphs that stand more than once, on a host or in all texts, as spans to cut.

OBELICS cuts all copies of a paragraph that a domain has more than twice (arXiv 2306.16527, appendix A.2), C4's code all but
one copy of a line (tensorflow/datasets, text/c4_utils.py), CCNet paragraphs by their hash (arXiv 1911.00359).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import numpy as np
import pyarrow as pa

from core.columns import utf8_view, with_nulls
from core.scorer import CUT, column
from dedup.minhash import group_salts
from dedup.paragraph_keys import By, Normalise, hash_units

Keep = Literal["first", "none"]
Read = Literal["edited", "text"]
MOST_SPAN = 100
#: Characters of a line that the report shows.
MOST_SHOWN = 100
_COLUMN = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")

#: Lines or paragraphs: where one stands in the text, its characters, and the key by which others are found that are alike.
UNITS = pa.list_(
    pa.struct([("start", pa.int32()), ("end", pa.int32()), ("characters", pa.int32()), ("key", pa.uint64())])
)


@dataclass(frozen=True)
class Paragraphs:
    """Cuts lines (paragraphs) that are there more than `most` times, all of them or all but the first.

    `by` says what is compared: "line", or "paragraph" for what blank lines part, which in a text without blank lines, as
    extractors write, is a line. `span` of them in a row are compared as
    one, and all that stand in a repeated run are cut. `normalise` is "none" for as they stand, "lower" for
    without case, "ccnet" for also without digits (0 for each), control characters and some punctuation; white space
    around them never counts. What has fewer than `min_characters` characters then is never cut, nor are lines that Markdown
    needs: fences of code, and a table's header. Blank lines beside what is cut stay.

    `within` names a column, such as `page.host`: only texts with one value of it are compared, and nothing is cut of
    those with none. `keep` is "first" or "none" of the copies. The first is that of the document with the earliest date
    (to the second), then the longest text, then the smallest id, and its first one there: the order of the election among
    duplicates. `read` is "edited" for the text that scorers before this one have left, or "text" as extracted.
    A rule may ask what is left: `paragraphs_repeated.share <= 0.5`.

    C4's paper (arXiv 1910.10683, section 2.2) compares three sentences in a row, its code whole lines without case, one at a
    time, as the defaults here; sentences within a line are never compared, and a `span` of 3 is three lines. C4 keeps the line
    of the URL with the least MD5. It drops a page that then has fewer than 3 sentences: recipes/c4.yaml has the rule.

    Documents that a rule before this scorer dropped neither count nor are cut; nor do copies of one record count. Earlier
    runs that the recipe names under `against` take no part: a line that they kept is kept once more. What is cut stands in a
    layer of its own, named as this one with `_repeated` behind, whose columns rules can read.
    """

    by: By = "line"
    span: int = 1
    within: str = ""
    most: int = 1
    keep: Keep = "first"
    normalise: Normalise = "lower"
    min_characters: int = 1
    read: Read = "edited"

    name: ClassVar[str] = "paragraphs"
    version: ClassVar[int] = 2
    costly: ClassVar[bool] = False

    def __post_init__(self) -> None:
        for field, choices in (
            ("by", get_args(By)), ("keep", get_args(Keep)), ("normalise", get_args(Normalise)), ("read", get_args(Read)),
        ):  # fmt: skip
            if getattr(self, field) not in choices:
                raise ValueError(f"{field}: {' or '.join(choices)}, not {getattr(self, field)!r}")
        for field, high in (("span", MOST_SPAN), ("most", 1_000_000), ("min_characters", 1_000_000)):
            value = getattr(self, field)
            if isinstance(value, bool) or not 1 <= value <= high:
                raise ValueError(f"{field}: 1 to {high:,}, not {value}")
        if self.within and not _COLUMN.fullmatch(self.within):
            raise ValueError(f"within: a column as layer.column, such as page.host, not {self.within!r}")

    @property
    def column_parameters(self) -> dict[str, str | int]:
        """What the keys follow from: to move `most` or `keep` hashes nothing anew."""
        names = ("by", "span", "within", "normalise", "min_characters", "read")
        return {name: getattr(self, name) for name in names}

    @property
    def repeated(self) -> Repeated:
        """What makes the layer of cuts, once all texts have their keys."""
        return Repeated(self.most, self.keep, self.span)

    @property
    def inputs(self) -> tuple[str, ...]:
        text = f"text.{self.read}"
        return (text, self.within) if self.within and self.within != text else (text,)

    @property
    def schema(self) -> pa.Schema:
        return pa.schema([
            pa.field("units", UNITS, metadata={"doc": f"each {self.by} that is not blank, and its key; 0 for none"}),
            column("count", pa.int32(), f"{self.by}s that are not blank", low=0, high=1000),
        ])  # fmt: skip

    def weights_digest(self) -> str:
        return ""

    def open(self) -> None:
        return None

    def score(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        text = batch.column(f"text.{self.read}")
        n = len(text)
        if self.within:
            salts, grouped = group_salts(batch.column(self.within))
        else:
            salts, grouped = np.zeros(n, np.uint64), np.ones(n, bool)
        offsets, data = utf8_view(text)
        bounds, *columns = hash_units(
            offsets, data, self.by, self.normalise, self.span, self.min_characters, salts, grouped
        )
        values = pa.StructArray.from_arrays([pa.array(c) for c in columns], fields=list(UNITS.value_type))
        mask = text.is_null() if text.null_count else None
        units = pa.ListArray.from_arrays(pa.array(bounds), values, type=UNITS, mask=mask)
        return pa.RecordBatch.from_arrays([units, with_nulls(np.diff(bounds), text)], schema=self.schema)


@dataclass(frozen=True)
class Repeated:
    """The layer of what `Paragraphs` cuts; written by a pass over all texts (pipelines.repeats), and never scored.

    All columns are null for a document that took no part, the last also where nothing is cut.
    """

    most: int
    keep: Keep
    span: int

    name: ClassVar[str] = "repeated"
    version: ClassVar[int] = 3
    costly: ClassVar[bool] = False

    @property
    def inputs(self) -> tuple[str, ...]:
        return ()

    @property
    def schema(self) -> pa.Schema:
        return pa.schema([
            pa.field("cut", CUT, metadata={"doc": "spans to cut"}),
            column("count", pa.int32(), "lines or paragraphs that are cut", low=0, high=1000),
            column("characters", pa.int32(), "characters of what is cut, without what stands between", low=0, high=10_000),
            column("share", pa.float32(), "characters that are cut, of all", bounds=(0, 1)),
            column("line", pa.string(), f"the longest of what is cut, its first {MOST_SHOWN} characters; null for nothing"),
        ])  # fmt: skip

    def weights_digest(self) -> str:
        return ""

    def open(self) -> None:
        return None

    def score(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Raises TypeError: no batch of rows knows what the others hold."""
        raise TypeError("what is repeated is known of all texts together")
