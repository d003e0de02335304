"""What the samples of an output tell, and the fingerprint of its shards.

Shards are counted and planned by `pipelines.shard_plan`, and their samples sent and written by `pipelines.shard_exchange`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa

from core.hashing import ID_TYPE
from ingest.parts import Part
from pipelines.context import Context
from pipelines.image_samples import ALTERNATES, TEXT, told_by_images
from pipelines.image_samples import members as image_members
from pipelines.plan import DUPLICATES, EDITED_TITLE, READABLE, Plan, fingerprint
from pipelines.tables import DOCUMENTS
from pipelines.view import title_edits
from sharding.shard import TEXT as TEXT_MEMBERS

TITLE = "text.title"


def metadata_columns(plan: Plan) -> list[tuple[str, pa.DataType]]:
    """What a sample tells of itself beside its text: where it is from, and every score that is one value."""
    columns: list[tuple[str, pa.DataType]] = [("page.url", pa.string()), ("page.date", pa.timestamp("us", "UTC"))]
    if plan.table is not DOCUMENTS:
        alternates = [ALTERNATES] if plan.dedup_layers else []
        columns = [(f.name, f.type) for f in (*told_by_images(plan.recipe), *alternates)]
    title = EDITED_TITLE if title_edits(layer for layer in plan.layers if layer.edits) else TITLE
    for layer in plan.layers:
        for f in layer.scorer.schema:
            name = f"{layer.name}.{f.name}"
            if name in ("text.text", f"{READABLE}.problem") or pa.types.is_nested(f.type) or _is_binary(f.type):
                continue
            if _is_text(f.type) and (layer.edits or b"quotes" in (f.metadata or {})):  # it may tell what was cut
                continue
            columns.append((title if name == TITLE else name, f.type))
    if plan.dedup_layers:
        columns.append((f"{DUPLICATES}.size", pa.int64()))
    return columns


def shards_fingerprint(context: Context, name: str, fates: str, parts: Sequence[Part]) -> str:
    """The fingerprint of an output's shards: the fates, the output's settings, the columns, the parts."""
    settings = context.recipe.output[name].to_json()
    columns = [column for column, _ in metadata_columns(context.plan)]
    return fingerprint("shards", 2, fates, settings, context.recipe.seed, columns, [part.name for part in parts])


def members_of(context: Context, name: str) -> dict[str, str]:
    """The members of an output's samples: extension → column."""
    return TEXT_MEMBERS if context.table is DOCUMENTS else image_members(context.recipe.output[name])


def sample_schema(plan: Plan, members: Mapping[str, str]) -> pa.Schema:
    """The columns of the batches that a shard of samples with these members is written from."""
    image = [(name, pa.large_binary()) for name in members.values() if name != TEXT]
    return pa.schema([
        ("key", pa.string()), ("text", pa.string()), *image, ("id", ID_TYPE),
        *((short_name(name), kind) for name, kind in metadata_columns(plan)),
    ])  # fmt: skip


def short_name(name: str) -> str:
    """`page.url` is `url` and `text.title` is `title` in a sample; scores keep their layer's name."""
    layer, _, column = name.partition(".")
    return "title" if name in (TITLE, EDITED_TITLE) else column if layer == "page" else name


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _is_text(kind.value_type)
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def _is_binary(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        return _is_binary(kind.value_type)
    is_plain = pa.types.is_binary(kind) or pa.types.is_large_binary(kind)
    return is_plain or pa.types.is_binary_view(kind) or pa.types.is_fixed_size_binary(kind)
