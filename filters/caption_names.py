"""Captions that are names of files, and captions that say nothing: what stands in alt because something had to.

The shapes are those that cameras, telephones, editors and content systems give names; the phrases are a list of our own
(data/caption_boilerplate.txt).
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from pathlib import Path
from typing import Final
from urllib.parse import unquote

#: A longer caption is no name and no phrase.
LONGEST: Final = 200
_PHRASES: Final = Path(__file__).parent / "data" / "caption_boilerplate.txt"

_EXTENSION: Final = re.compile(r"\.(?:jpe?g?|jfif|png|gif|webp|bmp|tiff?|svg|avif|hei[cf]|ico|psd|eps|raw|cr2|nef)$", re.IGNORECASE)
_NAME: Final = re.compile(
    r"""
    (?:IMG|DSC|DSCN|DSCF|DSC_|IMGP|PICT|MVC|SAM|GOPR|CIMG|KODAK|VID|MVIMG|PXL|WP|HPIM|SDC|STA|STB|PHOTO|IMAGE|FOTO|SCAN)
        [-_ ]?\d{2,} [-_.\w~()]* (?:[ ](?:\(\d+\)|\d{1,4}|copy|Kopie|copie|copia))*      # cameras and telephones
    | [A-Z]?\d{7,} [-_\w]*                                                           # numbers
    | (?:Screen[ ]?shot|Screen[ ]Capture|Bildschirmfoto|Captura\ de\ pantalla|Capture\ d.écran|Schermata|Снимок\ экрана)
        [-_ ]+ \d{4} .*
    | WhatsApp[ ]Image[ ]\d{4}.*
    | [0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12} .{0,12}            # UUID
    | (?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{16,}                                 # hash
    | \S+[-_]\d{2,4}x\d{2,4}                                                         # name-300x200
    | [a-z0-9]+(?:_[a-z0-9]+){2,}                                                    # name_with_lines
    """,
    re.IGNORECASE | re.VERBOSE,
)
_BETWEEN: Final = re.compile(r"[\W\d_]+")
_SIZE: Final = re.compile(r"[-_ ]?(?:\d{2,4}x\d{2,4}|scaled|@\dx|thumb(?:nail)?|small|medium|large|copy|\(\d+\))$", re.IGNORECASE)


def is_file_name(caption: str) -> bool:
    """Whether a caption is a name of a file, by its extension or its shape."""
    name = caption.strip()
    if not name or len(name) > LONGEST:
        return False
    if _EXTENSION.search(name):
        return len(name.split()) <= 6
    return _NAME.fullmatch(name) is not None


def is_boilerplate(caption: str) -> bool:
    """Whether a caption is one that says nothing: `Image 3`, `logo`, `Bild`, `click to enlarge`, punctuation or numbers alone."""
    if len(caption) > LONGEST:
        return False
    return _plain(caption) in _phrases()


def equals_file(caption: str, url: str) -> bool:
    """Whether a caption is the name of the file in a URL, however it is spelled: `red-fox_2.jpg` and `Red fox 2`."""
    if len(caption) > LONGEST:
        return False
    path = url.split("#", 1)[0].split("?", 1)[0]
    name = _words(unquote(path.rsplit("/", 1)[-1][: 4 * LONGEST]))
    return bool(name) and _words(caption) == name


def _words(name: str) -> str:
    """A name without its extension, a size at its end, and what stands between its words."""
    name = unicodedata.normalize("NFKC", name).strip()
    bare = _EXTENSION.sub("", name)
    shorter = _SIZE.sub("", bare)
    return re.sub(r"[\W_]+", "", shorter or bare).casefold()


def _plain(caption: str) -> str:
    return _BETWEEN.sub(" ", unicodedata.normalize("NFC", caption)).strip().casefold()


@lru_cache(maxsize=1)
def _phrases() -> frozenset[str]:
    lines = _PHRASES.read_text("utf-8").splitlines()
    return frozenset({"", *(_plain(line) for line in lines if line and not line.startswith("#"))})
