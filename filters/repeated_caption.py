"""Whether the text in an image repeats its caption: such a pair teaches a model to read, and not to see.

T-MARS (Maini et al. 2023, arXiv 2307.03132) says why; the share of a caption's words that the image spells is the co-emb. text
rate of "Parrot Captions Teach CLIP to Spot Text" (Lin et al. 2023, arXiv 2312.14232, §3).
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, ClassVar, Final

import pyarrow as pa

from core.scorer import column

_WORD: Final = re.compile(r"[^\W_]+")
#: Words of so many letters count where they stand inside of others too, as readers of images lose spaces.
_INSIDE: Final = 4
#: Of a caption and of a text so many characters are looked at.
_MOST: Final = 1_000


@dataclass(frozen=True)
class RepeatedCaption:
    """Compares `image.caption` with `overlaid_text.text`, both in lower case and by letters and digits alone; null where the
    image's text is. A rule: `repeated_caption.words <= 0.5`. Captions without spaces are one word: rules on them want `longest`.
    """

    name: ClassVar[str] = "repeated_caption"
    version: ClassVar[int] = 1
    costly: ClassVar[bool] = False

    @property
    def inputs(self) -> tuple[str, ...]:
        return ("image.caption", "overlaid_text.text")

    @property
    def schema(self) -> pa.Schema:
        return pa.schema([
            column("words", pa.float32(), "words of the caption that the image spells, of all; 0 without a caption", low=0, high=1),
            column("longest", pa.int32(), "longest run that both have", unit="letters and digits", low=0, high=100),
        ])  # fmt: skip

    def weights_digest(self) -> str:
        return ""

    def open(self) -> None:
        return

    def score(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        pairs = zip(*(batch.column(name).to_pylist() for name in self.inputs), strict=True)
        rows = [dict.fromkeys(self.schema.names) if shown is None else _compared(said or "", shown) for said, shown in pairs]
        return pa.RecordBatch.from_pylist(rows, schema=self.schema)


def _compared(caption: str, shown: str) -> dict[str, Any]:
    said, spelt = _words(caption), _words(shown)
    known, run = set(spelt), "".join(spelt)
    found = [word in known or (len(word) >= _INSIDE and word in run) for word in said]
    one = "".join(said)
    longest = SequenceMatcher(None, one, run, autojunk=False).find_longest_match().size if one and run else 0
    return {"words": sum(found) / max(1, len(found)), "longest": longest}


def _words(text: str) -> list[str]:
    return _WORD.findall(unicodedata.normalize("NFKC", text[:_MOST]).casefold())
