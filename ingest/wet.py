"""WET files: text that a crawler extracted, as conversion records (commoncrawl.org/get-started, WET format)."""

from __future__ import annotations

from ingest.http import charset_parameter, media_type
from ingest.records import RawRecord


def conversion_type(record: RawRecord) -> tuple[str, str]:
    """Media type and charset of a conversion record's text; what is not said is plain text in UTF-8."""
    declared = record.headers.get("content-type", "")
    return media_type(declared) or "text/plain", charset_parameter(declared) or "utf-8"


def is_text(record: RawRecord) -> bool:
    """Whether a record is a conversion to text."""
    return record.headers.get("warc-type", "").lower() == "conversion" and conversion_type(record)[0].startswith("text/")
