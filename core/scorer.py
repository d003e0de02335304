"""The contract between a stage that computes columns and the pass that runs it.

A scorer adds columns to a batch of records; it never drops, counts, logs or catches. Rules
(`filters.rules`) turn columns into keep or drop.
"""

from __future__ import annotations

from typing import ClassVar, Protocol, runtime_checkable

import pyarrow as pa


@runtime_checkable
class Scorer(Protocol):
    """Adds columns to a batch of records.

    A scorer is a frozen dataclass whose fields are its parameters (they go into its fingerprint and
    into `web2shards recipe schema`); it pickles, and compares equal to another with the same ones.
    Where some decide only how the columns are used, a property `column_parameters` (a JSON-able dict) gives what the
    columns follow from, and only that goes into the fingerprint. One whose parameters name files has a method `files` that
    gives them as `core.named_files.NamedFile`s: they are looked at before a run.

    `inputs` are columns as `layer.column`. Two are special: `text.text` is the extracted text,
    `text.edited` the text after all edits (cuts and masks) of the scorers before this one.
    `page.content` is the decoded HTML, which is not stored but read again when it is needed.
    """

    name: ClassVar[str]        # the layer's name, unless the recipe says `as:`
    version: ClassVar[int]     # bumped when the output changes
    costly: ClassVar[bool]     # True: rows that an earlier rule dropped are skipped, but for the audit sample

    @property
    def inputs(self) -> tuple[str, ...]: ...

    @property
    def schema(self) -> pa.Schema: ...

    def weights_digest(self) -> str:
        """A digest of the weights or lists read from files, empty if there are none."""
        ...

    def open(self) -> None:
        """Once a worker: load a model, compile a kernel."""
        ...

    def score(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Same rows, `self.schema`. Columns of `batch` are named as in `inputs`; any may hold nulls."""
        ...


#: Spans that an edit scorer adds: UTF-8 byte offsets into the text it reads, half-open, sorted, disjoint. Those of one that
#: reads `text.edited` are brought back to `text.text` by the pass, so that a layer holds offsets into that one alone.
#: A scorer is an edit scorer when its schema has a column `cut` of CUT or `mask` of MASK. What it does to the title beside the
#: text are columns `title_cut` and `title_mask`: offsets into `text.title`, which nobody reads edited but the shards.
CUT = pa.list_(pa.struct([pa.field("start", pa.int32()), pa.field("end", pa.int32())]))
MASK = pa.list_(
    pa.struct([pa.field("start", pa.int32()), pa.field("end", pa.int32()), pa.field("replacement", pa.string())])
)

TITLE_CUT, TITLE_MASK = "title_cut", "title_mask"

#: Places in an image that a scorer of images adds as a column `boxes`: edges as shares of its width and height, 0 to 1 from the
#: left and the top, and how sure it is of each. What an output's `blur` names has them, and is blurred before it is encoded.
BOXES = pa.list_(pa.struct([pa.field(name, pa.float32()) for name in ("left", "top", "right", "bottom", "confidence")]))


def edits_of_text(schema: pa.Schema) -> list[pa.Field]:
    """The columns of a scorer that edit `text.text`."""
    return [f for f in schema if f.type in (CUT, MASK) and f.name not in (TITLE_CUT, TITLE_MASK)]


def edits_of_title(schema: pa.Schema) -> list[pa.Field]:
    """The columns of a scorer that edit `text.title`."""
    return [f for f in schema if f.type in (CUT, MASK) and f.name in (TITLE_CUT, TITLE_MASK)]


def column(
    name: str, type: pa.DataType, doc: str, *, unit: str = "", low: float | None = None, high: float | None = None,
    bounds: tuple[float, float] | None = None, quotes: bool = False, copies: bool = False,
) -> pa.Field:  # fmt: skip
    """A column of a layer with what the report needs to know about it.

    `low` and `high` are the range that its histogram covers; values outside are counted at its ends. `bounds` are the
    same, and no value is outside: a rule whose number is, is a mistake. What `quotes` a text, or
    an evaluation set, is told by layers and report, and by no sample. What `copies` words of `text.edited` goes into samples:
    no edit may stand behind it.
    """
    metadata = {"doc": doc}
    if unit:
        metadata["unit"] = unit
    if quotes:
        metadata["quotes"] = "true"
    if copies:
        metadata["copies"] = "true"
    if bounds is not None:
        low, high = bounds
        metadata["bounded"] = "true"
    if low is not None and high is not None:
        metadata["range"] = f"{low}..{high}"
    return pa.field(name, type, metadata=metadata)
