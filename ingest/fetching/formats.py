"""What format a body has, by its bytes alone: servers call images by each other's names, and pages by theirs.

Magic numbers as in `ingest.sniff` (WHATWG MIME Sniffing Standard), under the short names that image tools use.
"""

from __future__ import annotations

from ingest.sniff import content_type

_NAMES = {"svg+xml": "svg", "x-icon": "ico", "vnd.adobe.photoshop": "psd"}
#: What is no text, and so no page. Not gzip, in which sitemaps come.
_OTHERS = {
    "pdf": "pdf", "postscript": "ps", "zip": "zip", "vnd.rar": "rar", "x-7z-compressed": "7z", "x-xz": "xz", "x-bzip2": "bz2",
    "zstd": "zst", "ogg": "ogg", "x-shockwave-flash": "swf", "wasm": "wasm", "x-ole-storage": "ole", "vnd.sqlite3": "sqlite",
}  # fmt: skip
_HTML = ("text/html", "application/xhtml+xml")


def format_of(head: bytes) -> str:
    """`jpeg`, `png`, `webp`, `gif`, `avif`, `heic`, `heif`, `bmp`, `tiff`, `ico`, `jxl`, `jp2`, `psd`, `svg`, `html`, `pdf`, `mp4`,

    `zip`, … of a body by its first bytes (a few hundred are enough); empty if they do not show it.
    """
    kind = content_type("", head)
    if kind in _HTML:
        return "html"
    family, _, name = kind.partition("/")
    if family == "image":
        return _NAMES.get(name, name)
    return name if family in ("audio", "font", "video") else _OTHERS.get(name, "")
