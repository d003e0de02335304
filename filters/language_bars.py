"""How much like language a text must read to be called so: bars by its length and script, a rule of Hebrew spelling, identifiers.

Set with the half `choice` of benchmarks/make_language_set.py and random letters in view: as high as leaves 99 real texts of 100
of each length and script.
"""

from __future__ import annotations

import re
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from filters.language_labels import scripts

#: Code points that were looked at: a bar holds for fewer than the first of these, than the next, …, and for all longer texts.
_SIZES = (9, 16, 32, 64)
_STRICT = (-0.3, 0.0, 0.6, 0.5, 0.6)
#: Least log odds of prose by script: little text is given the benefit of the doubt, and so are scripts whose words are many or
#: whose languages differ (Yiddish among Hebrew letters), and those that are not named.
_BARS = dict.fromkeys(("Latn", "Grek", "Deva", "Armn", "Thai", "Hang", "Arab", "Telu", "Gujr", "Guru"), _STRICT) | {
    "Taml": (0.1, 0.3, 1.4, 1.2, 0.6),
    "Beng": (-0.9, -0.9, -0.3, 0.0, 0.1), "Cyrl": (-0.8, -0.6, -0.2, 0.2, 0.1), "Geor": (-1.0, -1.0, -0.4, -0.1, 0.0),
    "Jpan": (-1.6, -1.6, -1.0, -0.7, -0.6), "Hani": (-1.0, -1.4, -1.2, -0.4, -0.6), "Hebr": (-2.0, -2.0, -1.7, -1.2, -1.0),
    "Laoo": (-3.4, -3.4, -2.8, -2.5, -2.4),
}  # fmt: skip
_UNSEEN = (-2.4, -2.4, -1.8, -1.5, -1.4)
_FINALS = "ךםןףץ"
_FINAL_WITHIN, _FINAL_LETTER = re.compile(f"[{_FINALS}](?=[א-ת])"), re.compile(f"[{_FINALS}]")


def least_odds(points: npt.NDArray[np.int64], scripts_found: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """The least log odds of prose of texts of that many code points and in scripts of that number, in which they are language."""
    return _table()[scripts_found, np.searchsorted(_SIZES, points, side="right")]


@lru_cache(maxsize=1)
def _table() -> npt.NDArray[np.float64]:
    return np.array([_BARS.get(script, _UNSEEN) for script in scripts()[1]])


def misspelt_finals(text: str) -> bool:
    """Whether Hebrew letters stand as no word has them: at least half of its final forms are followed by a letter."""
    within = len(_FINAL_WITHIN.findall(text))
    return within > 0 and 2 * within >= len(_FINAL_LETTER.findall(text))


#: Of a word of a sentence what only identifiers, options, paths, versions and abbreviations have.
_TECHNICAL = re.compile(r"[\d_`/\\()=<>{}\[\]$@#|+*&^~]|^-|\w\.\w|[a-z][A-Z]|^[A-Z]{2,}s?$")
_QUOTED = re.compile(r"`[^`]+`")


def without_identifiers(line: str) -> str:
    """A sentence with its plain words alone: empty if it is no sentence, has no identifier or as many of these as of words."""
    if not line[:1].isupper() or line[-1:] not in ".!?:":
        return ""
    words = [word.rstrip(",.;:!?") for word in _QUOTED.sub("_", line).split()]
    plain = [word for word in words if word and not _TECHNICAL.search(word)]
    identifiers = len(words) - len(plain)
    return f"{' '.join(plain)}." if 0 < identifiers < len(plain) else ""
