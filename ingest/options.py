"""What a user can set about reading, as one frozen value that takes part in the fingerprint of the first layer.

The limits exist because input is hostile: every one bounds memory or work for one record or one batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

TABLE_COLUMNS = ("text", "url", "id", "date")
#: What a further column of a table may hold.
COLUMN_KINDS = ("text", "number", "integer", "boolean")
#: Digests by which a table may say what an image's bytes are: hexadecimal digits of each.
HASHES = {"md5": 32, "sha256": 64, "sha512": 128}


@dataclass(frozen=True)
class IngestOptions:
    """Limits and names for reading parts.

    `max_record`: bytes of one record's block that are held; a larger record is skipped as `too_large`.
    `max_page`: bytes of a page's decoded content, in UTF-8; what is longer is cut there and marked `truncated`.
    `batch_documents`, `batch_bytes`, `batch_records`: a batch ends at whichever is reached first.
    `columns`: for tables, which column holds `text`, `url`, `id`, `date`; missing keys mean the same name.
    `pairs`: the rows are images (`url`) with captions (`text`, of which a row may have none; "": no column has them).
    `extra`: further columns of such a table, with what they hold (one of COLUMN_KINDS).
    `hash`: the column with a digest of the image's bytes, and which (one of HASHES).
    """

    max_record: int = 64 << 20
    max_page: int = 16 << 20
    batch_documents: int = 512
    batch_bytes: int = 16 << 20
    batch_records: int = 8192
    columns: Mapping[str, str] = field(default_factory=dict[str, str])
    pairs: bool = False
    extra: Mapping[str, str] = field(default_factory=dict[str, str])
    hash: tuple[str, str] | None = None

    def __post_init__(self) -> None:
        for name in ("max_record", "max_page", "batch_documents", "batch_bytes", "batch_records"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1")
        if max(self.max_record, self.max_page) > 1 << 30:
            raise ValueError("max_record and max_page must be at most 1 GiB")
        for key in self.columns:
            if key not in TABLE_COLUMNS:
                raise ValueError(f"columns: {key!r} is not one of {', '.join(TABLE_COLUMNS)}")
        for name, kind in self.extra.items():
            if kind not in COLUMN_KINDS:
                raise ValueError(f"extra: {name!r} holds one of {', '.join(COLUMN_KINDS)}, not {kind!r}")
        if self.hash is not None and self.hash[1] not in HASHES:
            raise ValueError(f"hash: one of {', '.join(HASHES)}, not {self.hash[1]!r}")
