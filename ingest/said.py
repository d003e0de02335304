"""What the files beside an image say of it: its caption in a `.txt`, and further values, the caption or the address in a `.json`.

Keys are those of img2dataset's samples (github.com/rom1504/img2dataset, downloader.py).
"""

from __future__ import annotations

import json
import math
from typing import Any

from ingest.image_addresses import ImageOptions, resolve
from ingest.options import IngestOptions
from ingest.rows import Row, plain

#: Bytes of a `.txt` or `.json` that are read, and of what goes on with an image.
LONGEST_SIDECAR, LONGEST_EXTRA = 1 << 20, 1 << 16
NO_IMAGE = "no_image"
#: What a sample says anew of its image and its place, and where an earlier run's shards have what those before them said.
_ANEW = ("key", "id", "url", "caption", "status", "error_message", "width", "height")
CARRIED = "carried"
#: What of an image was true before it was resized, so that later shards say the same: key → what it is.
ORIGIN = {"original_width": "integer", "original_height": "integer", "sha256": "text", "exif": "text"}


def row_of(text: bytes | None, data: bytes | None, name: str, options: IngestOptions, file_name: str | None) -> Row:
    """A row of an image that is called `name`: its caption (of the text, else of the JSON, else `file_name`), its address (that of
    the JSON, else `name`) and the rest of the JSON as `extra`."""
    row = Row(url=name)
    value = _object(data, row)
    said = _caption(text, value, row)
    if said is None and file_name is not None:
        said, row.form = file_name, "file_name"
    row.text = (said or "").encode("utf-8", "replace")
    address = value.get("url")
    if isinstance(address, str) and address[:4].lower() == "http":
        whole, reason = resolve("", address.strip(), ImageOptions(svg=True))
        row.url = whole if whole and not reason else name
    row.extra = _extra(value, options, row)
    return row


def _caption(text: bytes | None, value: dict[str, Any], row: Row) -> str | None:
    if text is not None:
        if len(text) > LONGEST_SIDECAR:
            row.detail = row.detail or f"its caption was cut at {LONGEST_SIDECAR:,} bytes"
            text = text[:LONGEST_SIDECAR]
        return text.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace").strip() or None
    caption = value.get("caption")
    return caption.strip() or None if isinstance(caption, str) else None


def _object(data: bytes | None, row: Row) -> dict[str, Any]:
    """The object of a JSON file; empty for what is none, which `row.detail` tells."""
    if data is None:
        return {}
    if len(data) > LONGEST_SIDECAR:
        row.detail = f"its JSON is longer than {LONGEST_SIDECAR:,} bytes"
        return {}
    try:
        value = json.loads(data.decode("utf-8-sig"), parse_constant=lambda _: None, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        row.detail = f"its JSON is damaged: {' '.join(str(error).split())[:100] or 'nested too deeply'}"
        return {}
    if not isinstance(value, dict):
        row.detail = "its JSON is no object"
        return {}
    carried = value.pop(CARRIED, None)
    if isinstance(carried, str):
        try:
            before = json.loads(carried, parse_constant=lambda _: None, parse_float=_finite)
        except (ValueError, RecursionError):
            before = None
        value = {**before, **value} if isinstance(before, dict) else {**value, CARRIED: carried}
    elif carried is not None:
        value[CARRIED] = carried
    return value


def _finite(digits: str) -> float | None:
    value = float(digits)
    return value if math.isfinite(value) else None


def _extra(value: dict[str, Any], options: IngestOptions, row: Row) -> str | None:
    """What is kept of a JSON object, as JSON with sorted keys: typed what the recipe names, and the rest as it is."""
    typed = {name: plain(value.get(name), kind) for name, kind in options.extra.items()}
    origin = {name: told for name, kind in ORIGIN.items() if (told := plain(value.get(name), kind)) is not None}
    rest = {name: one for name, one in value.items() if name not in (*_ANEW, *ORIGIN) and name not in typed}
    told = {**rest, **origin, **typed}
    if not told:
        return None
    try:
        text = _dumped(told)
    except RecursionError:
        text = ""
    if not text or len(text) > LONGEST_EXTRA:
        row.detail = row.detail or f"what its JSON says beside is more than {LONGEST_EXTRA:,} characters, and left out"
        text = _dumped({**origin, **typed})
    return text


def _dumped(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode("utf-8", "replace").decode()


def carried(extra: str | None, named: frozenset[str]) -> tuple[dict[str, Any], str | None]:
    """Of what `row_of` kept: what was true before the image was resized (keys of ORIGIN), and the rest but for the columns `named`,
    as a JSON object; None if there is none."""
    if not extra:
        return {}, None
    told: dict[str, Any] = json.loads(extra)
    origin = {name: told.pop(name) for name in ORIGIN if name in told and name not in named}
    rest = {name: value for name, value in told.items() if name not in named}
    return origin, _dumped(rest) if rest else None
