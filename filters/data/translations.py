"""Reads translations of programs as plain messages: catalogs of gettext (.mo), Fluent in Firefox's language packs, JSON.

The formats as of GNU gettext's manual (The Format of GNU MO Files) and projectfluent.org.
"""

from __future__ import annotations

import json
import re
import struct
import unicodedata
import zipfile
from collections.abc import Iterator
from pathlib import Path

#: Codes of locales that are another's here; nothing where what is written there is not the language alone.
CODES = {
    "nb": "no", "fil": "tl", "be-tarask": "", "udm": "", "ki": "", "index": "", "sr@latin": "", "gug": "gn", "ca-valencia": "ca",
    "fy-NL": "fy", "hy-AM": "hy", "ga-IE": "ga", "gu-IN": "gu", "hi-IN": "hi", "nb-NO": "no", "ne-NP": "ne", "nn-NO": "nn",
    "pa-IN": "pa", "sv-SE": "sv", "es-AR": "es", "es-CL": "es", "es-ES": "es", "es-MX": "es", "pt-BR": "pt", "pt-PT": "pt",
    "zh-CN": "zh", "zh-TW": "zh",
}  # fmt: skip


def code_of(locale: str) -> str:
    return CODES.get(locale.replace("_", "-"), re.split("[-_]", locale)[0] if "@" not in locale else "")


def plain(text: str) -> str:
    """A message without placeholders, tags and addresses."""
    pattern = r"%[-#0-9.*]*l*[a-zA-Z]|%\([a-z_A-Z]+\)[sd]?|%[A-Z]+%|<[^>]*>|\{[^}]*\}|\[\[[^\]]*\]\]|https?://\S+|`[^`]*`"
    return " ".join(re.sub(pattern, " ", text).replace("~", "").split())


def letters(text: str) -> int:
    """How many of its characters are letters, marks on them and spaces."""
    return sum(unicodedata.category(c)[0] in "LMZ" for c in text)


def leaves(tree: object) -> Iterator[str]:
    if isinstance(tree, dict):
        for value in tree.values():
            yield from leaves(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from leaves(value)
    elif isinstance(tree, str):
        yield tree


def catalog(data: bytes) -> Iterator[tuple[str, str]]:
    """The messages of a .mo file, without their context, and their translations (of plurals the first)."""
    order = "<" if data[:4] == b"\xde\x12\x04\x95" else ">"
    _, number, sources, translations = struct.unpack_from(f"{order}4I", data, 4)
    for i in range(number):
        pair = []
        for table in (sources, translations):
            length, at = struct.unpack_from(f"{order}2I", data, table + 8 * i)
            pair.append(data[at : at + length].split(b"\0")[0].decode("utf-8", "replace"))
        if pair[0]:
            yield pair[0].split("\x04")[-1], pair[1]


def fluent(text: str) -> Iterator[str]:
    """The values of a Fluent file that stand on one line, but for keys of the keyboard and styles."""
    for line in text.splitlines():
        match = re.match(r"(?:[a-zA-Z][\w-]*|\s+\.([a-z-]+)) = (.+)$", line)
        if match and match[1] not in ("accesskey", "key", "style"):
            yield match[2]


def language_pack(path: Path) -> tuple[str, list[str]]:
    """The locale of one of Firefox's language packs, and all that it says."""
    with zipfile.ZipFile(path) as pack:
        names = sorted(name for name in pack.namelist() if name.endswith(".ftl"))
        said = [text for name in names for text in fluent(pack.read(name).decode("utf-8"))]
        return json.loads(pack.read("manifest.json"))["langpack_id"], said
