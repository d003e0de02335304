"""HTML to main text behind an interface, so that a better engine can take the place of today's.

Before an engine sees a page it is tamed in one linear pass: parsers cost the square of the nesting depth and of
the attributes of one tag, and multiply unclosed formatting elements (html.spec.whatwg.org §13.2.4.3). Markup past
the limits is left out; text never is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
from resiliparse.extract.html2text import extract_plain_text  # pyright: ignore[reportMissingImports]
from resiliparse.parse.html import HTMLTree  # pyright: ignore[reportMissingImports]

from ingest.cut import cut
from ingest.taming import tame

#: Browsers stop at 512 (Blink, WebKit); pages people write stay under 60.
MAX_DEPTH = 256
MAX_ATTRIBUTES = 256
MAX_FORMATTING = 16


@dataclass(frozen=True)
class Extracted:
    """`text`: blocks parted by newlines; `confidence` in 0..1, None when the engine has none."""

    title: str
    text: str
    confidence: float | None = None


class Extractor(Protocol):
    """An engine for main text."""

    def extract(self, html: str, url: str) -> Extracted:
        """Title and text of a page; never raises on what a page may hold, and is a function of its arguments."""
        ...


@dataclass(frozen=True)
class Resiliparse:
    """resiliparse's extraction (Bevendorff et al., ECIR 2018; github.com/chatnoir-eu/chatnoir-resiliparse).

    `main`: only the main content. Alt texts and bullets are left out, which is worth .02 F1 on the
    article-extraction benchmark.
    """

    main: bool = True

    def extract(self, html: str, url: str) -> Extracted:
        tree = HTMLTree.parse(html)
        text = extract_plain_text(
            tree, preserve_formatting=True, main_content=self.main, list_bullets=False, alt_texts=False
        )
        return Extracted(" ".join((tree.title or "").split()), text)


def tamed(html: str, max_characters: int, raw: npt.NDArray[np.uint8] | None = None) -> str:
    """`html` cut at `max_characters` (`ingest.cut`), and without nesting that no parser should meet.

    `raw`: its bytes in UTF-8, for a caller that has them.
    """
    if len(html) > max_characters:
        html, raw = cut(html, max_characters), None
    if raw is None:
        raw = np.frombuffer(html.encode("utf-8", "replace"), np.uint8)
    out = np.empty(len(raw), np.uint8)
    size = int(tame(raw, out, MAX_DEPTH, MAX_ATTRIBUTES, MAX_FORMATTING))
    return html if size == len(raw) else out[:size].tobytes().decode("utf-8", "ignore")
