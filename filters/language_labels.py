"""What a model's labels stand for: ISO codes, the scripts that a language is written in, and FineWeb-2's limits by language.

Labels as of lid.176 (`de`), NLLB (`deu`) and GlotLID (`deu_Latn`); scripts as of Unicode and CLDR.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from core.errors import ScorerError

UNDETERMINED = "und"
COMMON = "Zyyy"
#: lid.176's labels are names of Wikipedias, some of which are no ISO 639 codes or another language's.
_LID_176 = {"als": "gsw", "bh": "bho", "eml": "egl", "sh": "hbs"}
#: Scripts that stand for several, as models write them.
_VARIANTS = {"Hans": "Hani", "Hant": "Hani", "Kore": "Hang", "Jpan": "Jpan Hani Hira Kana", "Aran": "Arab", "Latf": "Latn"}
FINEWEB2 = "fineweb2"


@lru_cache(maxsize=8192)
def language_code(label: str) -> str:
    """The code of a model's label: `__label__deu_Latn`, `__label__deu` and `__label__de` are all `de`."""
    code, _, script = label.removeprefix("__label__").partition("_")
    if not script and code in _LID_176:
        return _LID_176[code]
    return _languages().get(code, code)


def _rows(name: str) -> list[list[str]]:
    lines = (Path(__file__).parent / "data" / name).read_text("utf-8").splitlines()
    return [line.split("\t") for line in lines if line and not line.startswith("#")]


@lru_cache(maxsize=1)
def _languages() -> dict[str, str]:
    """ISO 639-3 → 639-1."""
    return dict(_rows("languages.tsv")[1:])


@lru_cache(maxsize=1)
def known_codes() -> frozenset[str]:
    """The codes of two letters that there are, and those of models that have none."""
    return frozenset({*_languages().values(), *_LID_176.values()})


@lru_cache(maxsize=1)
def scripts() -> tuple[npt.NDArray[np.uint8], list[str]]:
    """The number of each code point's script (0 for what is no letter), and the scripts' codes."""
    table = np.zeros(0x110000, np.uint8)
    codes = [COMMON, "Hani", "Hira", "Kana", "Jpan"]
    for first, last, code in _rows("scripts.tsv")[1:]:
        if code not in codes:
            codes.append(code)
        table[int(first, 16) : int(last, 16) + 1] = codes.index(code)
    table.setflags(write=False)
    return table, codes


@dataclass(frozen=True, eq=False)
class Labels:
    """All that may be answered, by number: first und, then the languages of the letter n-grams, the model's, the scripts'."""

    codes: npt.NDArray[np.object_]
    numbers: dict[str, int]  # of the model's labels
    allowed: npt.NDArray[np.uint8]  # (labels, scripts): 1 where the language is written so
    by_script: npt.NDArray[np.int32]  # the likeliest language of a script that tells it, else 0
    shared: npt.NDArray[np.float32]  # one through how many languages that script tells
    few: npt.NDArray[np.bool_]  # (labels, scripts): the letter n-grams know little of the language in this script
    joined: int  # Serbo-Croatian, which lid.176 has beside its parts, or -1


def make_labels(model: Sequence[str], learned: Sequence[str], few: Collection[str]) -> Labels:
    """The labels of a model, after those of the letter n-grams (none where they take no part)."""
    _, names = scripts()
    written: dict[str, str] = {}
    told: dict[str, list[str]] = {}
    for name, values in _rows("language_scripts.tsv"):
        if name.startswith("*"):
            told[name[1:]] = values.split()
        else:
            written[name] = values
    codes = [UNDETERMINED, *learned[1:]]
    of_code = {code: i for i, code in enumerate(codes)}
    known = [written.get(code, "Latn") for code in codes]
    numbers: dict[str, int] = {}
    for label in model:
        code = language_code(label)
        script = label.removeprefix("__label__").partition("_")[2]
        if not script and code in of_code:
            numbers[label] = of_code[code]
            continue
        numbers[label] = len(codes)
        if not script:
            of_code[code] = len(codes)
        codes.append(code)
        known.append(_VARIANTS.get(script, script) if script else written.get(code, "Latn"))
    by_script, shared = np.zeros(len(names), np.int32), np.ones(len(names), np.float32)
    for script, languages in told.items():
        if script in names:
            if languages[0] not in of_code:
                of_code[languages[0]] = len(codes)
                codes.append(languages[0])
                known.append(script)
            by_script[names.index(script)] = of_code[languages[0]]
            shared[names.index(script)] = 1 / len(languages)
    allowed = np.zeros((len(codes), len(names)), np.uint8)
    for i, each in enumerate(known):
        found = [names.index(script) for script in each.split() if script in names]
        allowed[i, found] = 1
        if not found:
            allowed[i] = 1  # a script that is not one of Unicode's says nothing
    marks = np.zeros((len(codes), len(names)), np.bool_)
    for i, code in enumerate(codes):
        marks[i] = [code in few or f"{code}_{script}" in few for script in names]
    joined = of_code.get("hbs", -1)
    return Labels(np.array(codes, object), numbers, allowed, by_script, shared, marks, joined)


@lru_cache(maxsize=8)
def thresholds(name: str, size: int, modified: int) -> dict[str, float]:
    """Limits by `de`, `deu_Latn`-like keys made to `de_Latn`, and `other`: FineWeb-2's, or those of a file.

    A file has a line for each language: its code (or `other`), white space, and a number from 0 to 1. Size and time of
    change are there to key the cache. Raises ScorerError.
    """
    if name == FINEWEB2:
        header, *rows = _rows("fineweb2.tsv")
        limit, source = header.index("language_score"), header.index("source")
        found: dict[str, float] = {}
        for row in rows:
            script = row[source].partition("_")[2]
            found["other" if row[0] == "*" else f"{row[0]}_{script}" if script else row[0]] = float(row[limit])
        return found
    found = {}
    for number, line in enumerate(Path(name).read_text("utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        parts = line.split()
        try:
            key, value = parts[0], float(parts[1])
        except (IndexError, ValueError):
            value = -1.0
            key = ""
        if not 0 <= value <= 1 or len(parts) != 2:
            raise ScorerError(
                f"{name}, line {number}: {line[:60]!r} is no language and a number from 0 to 1",
                "write lines such as: deu_Latn 0.82",
            )
        script = key.partition("_")[2]
        found["other" if key == "other" else language_code(key) + (f"_{script}" if script else "")] = value
    return found


def threshold(limits: dict[str, float], code: str, script: str) -> float:
    """The limit of a language in a script, else of the language, else of all others (0 where there is none)."""
    for key in (f"{code}_{script}", code, "other"):
        if key in limits:
            return limits[key]
    return 0.0
