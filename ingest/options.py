"""What a user can set about reading, as one frozen value that takes part in the fingerprint of the first layer.

The limits exist because input is hostile: every one bounds memory or work for one record or one batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

TABLE_COLUMNS = ("text", "url", "id", "date")


@dataclass(frozen=True)
class IngestOptions:
    """Limits and names for reading parts.

    `max_record`: bytes of one record's block that are held; a larger record is skipped as `too_large`.
    `max_page`: bytes of a page's decoded content, in UTF-8; what is longer is cut there and marked `truncated`.
    `batch_documents`, `batch_bytes`, `batch_records`: a batch ends at whichever is reached first.
    `columns`: for tables, which column holds `text`, `url`, `id`, `date`; missing keys mean the same name.
    """

    max_record: int = 64 << 20
    max_page: int = 16 << 20
    batch_documents: int = 512
    batch_bytes: int = 16 << 20
    batch_records: int = 8192
    columns: Mapping[str, str] = field(default_factory=dict[str, str])

    def __post_init__(self) -> None:
        for name in ("max_record", "max_page", "batch_documents", "batch_bytes", "batch_records"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1")
        if max(self.max_record, self.max_page) > 1 << 30:
            raise ValueError("max_record and max_page must be at most 1 GiB")
        for key in self.columns:
            if key not in TABLE_COLUMNS:
                raise ValueError(f"columns: {key!r} is not one of {', '.join(TABLE_COLUMNS)}")
