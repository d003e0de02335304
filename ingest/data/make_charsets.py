"""Makes `charsets.npz`, the character statistics that `ingest.detection` chooses an encoding by.

Letter pairs of a language and character frequencies of Chinese, Japanese and Korean, counted over the word lists
of wordfreq 3.1.1 (Speer, doi:10.5281/zenodo.7199437) and, for languages it lacks, over translations of the
Universal Declaration of Human Rights. Usage: `python make_charsets.py UDHR.jsonl.gz charsets.npz`.
"""

from __future__ import annotations

import argparse
import collections
import gzip
import itertools
import json
import math
import unicodedata
from collections.abc import Iterable
from pathlib import Path

import numpy as np

#: wordfreq's languages that were written in an 8-bit encoding, and those taken from the Declaration.
WORDFREQ = (
    *("ar", "bg", "ca", "cs", "da", "de", "el", "en", "es", "fa", "fi", "fr", "he", "hu", "is", "it", "lt", "lv"),
    *("mk", "nb", "nl", "pl", "pt", "ro", "ru", "sh", "sk", "sl", "sv", "tr", "uk", "vi"),
)
#: `xx` is every language of the Declaration that windows-1252 can write, for those without a model of their own.
DECLARATION = {"et": "et", "be": "be", "th": "th", "sr": "sr-Cyrl", "gl": "gl", "eu": "eu", "ga": "ga", "fo": "fo",
               "sq": "als", "af": "af", "lb": "lb", "cy": "cy", "eo": "eo", "mt": "mt", "ku": "ku", "yi": "yi"}
CJK = ("zh", "ja", "ko")

#: Pseudo-count of the unigram distribution behind each letter, per thousand words.
SMOOTHING = 0.5
STEP = 8  # table units a bit
UNKNOWN = 20.0  # bits of a letter that the language does not use

_TONES = "\u0300\u0301\u0303\u0309\u0323"
_LEGACY = str.maketrans({"ș": "ş", "ț": "ţ", "ی": "ي", "ک": "ك", "ہ": "ه", "’": "'"})


def legacy_spelling(word: str, language: str) -> str:
    """The word as an 8-bit encoding spells it: Vietnamese tones apart, Romanian cedillas, Arabic yeh and kaf."""
    if language == "vi":
        word = "".join(
            unicodedata.normalize("NFC", "".join(c for c in unicodedata.normalize("NFD", ch) if c not in _TONES))
            + "".join(c for c in unicodedata.normalize("NFD", ch) if c in _TONES)
            for ch in word
        )
    return word.translate(_LEGACY)


def letter_pairs(words: Iterable[tuple[str, float]]) -> tuple[str, np.ndarray]:
    """The letters of weighted words (weights sum to a thousand), and bits of letter j after letter i, in 1/STEP.

    Row and column 0 stand for what is no letter.
    """
    pairs: collections.Counter[tuple[str, str]] = collections.Counter()
    for word, weight in words:
        letters = ["", *(c if unicodedata.category(c)[0] in "LM" else "" for c in word.lower()), ""]
        for a, b in itertools.pairwise(letters):
            pairs[a, b] += weight
    after = collections.Counter[str]()
    for (_, b), n in pairs.items():
        after[b] += n
    total = sum(after.values())
    latin = sum(n for c, n in after.items() if c.isascii()) > total / 2
    alphabet = "".join(sorted(c for c, n in after.items() if c and n > total * 1e-5 and (latin or not c.isascii())))
    symbols = ["", *alphabet]
    before = collections.Counter[str]()
    for (a, _), n in pairs.items():
        before[a] += n
    table = np.empty((len(symbols), len(symbols)), np.uint8)
    for i, a in enumerate(symbols):
        for j, b in enumerate(symbols):
            p = (pairs[a, b] + SMOOTHING * after[b] / total) / (before[a] + SMOOTHING)
            table[i, j] = round(STEP * min(UNKNOWN, -math.log2(p)))
    return alphabet, table


def frequencies(words: Iterable[tuple[str, float]]) -> tuple[str, np.ndarray]:
    """Characters of weighted words and the bits of each, in 1/STEP."""
    counts = collections.Counter[str]()
    for word, weight in words:
        for c in word:
            if ord(c) >= 0x80:
                counts[c] += weight
    total = sum(counts.values())
    chars = sorted(c for c, n in counts.items() if n > total * 2e-6 and ord(c) < 0x10000)
    bits = [round(STEP * min(UNKNOWN, -math.log2(counts[c] / total))) for c in chars]
    return "".join(chars), np.array(bits, np.uint8)


def word_list(language: str) -> list[tuple[str, float]]:
    import wordfreq

    words = wordfreq.get_frequency_dict(language, "small")
    if language == "de":  # wordfreq writes ss for ß
        halves = {word: n / 2 for word, n in words.items() if "ss" in word}
        words = {word: n - halves.get(word, 0) for word, n in words.items()}
        words |= {word.replace("ss", "ß"): n for word, n in halves.items()}
    total = sum(words.values())
    return [(legacy_spelling(word, language), 1000 * n / total) for word, n in words.items()]


def all_western(path: str) -> list[tuple[str, float]]:
    """Words of all languages that windows-1252 can write, each language with the same weight."""
    texts: dict[str, list[str]] = collections.defaultdict(list)
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            texts[row["lang_bcp47"]].append(row["text"])
    out: list[tuple[str, float]] = []
    languages = [" ".join(paragraphs) for paragraphs in texts.values()]
    western = [text for text in languages if not text.isascii() and text == text.encode("cp1252", "ignore").decode("cp1252")]
    for text in western:
        words = text.lower().split()
        out += [(word, 1000 / len(words) / len(western)) for word in words]
    return out


def declaration(path: str, tag: str) -> list[tuple[str, float]]:
    counts = collections.Counter[str]()
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            if row["lang_bcp47"] == tag:
                counts.update(row["text"].lower().split())
    total = sum(counts.values())
    return [(word, 1000 * n / total) for word, n in counts.items()]


def traditional(words: list[tuple[str, float]]) -> list[tuple[str, float]]:
    """wordfreq folds traditional characters into simplified ones; this gives them their frequencies back."""
    import msgpack
    import wordfreq

    path = Path(wordfreq.__file__).parent / "data" / "_chinese_mapping.msgpack.gz"
    mapping: dict[int, str] = msgpack.unpackb(gzip.decompress(path.read_bytes()), raw=False, strict_map_key=False)
    back: dict[str, list[str]] = {}
    for code, simple in mapping.items():
        char = chr(code)
        if len(simple) == 1 and simple != char:
            try:
                char.encode("big5")
            except UnicodeEncodeError:
                continue
            back.setdefault(simple, []).append(char)
    out: list[tuple[str, float]] = []
    for word, weight in words:
        for c in word:
            options = back.get(c, [])
            try:
                c.encode("big5")
                options = [*options, c]
            except UnicodeEncodeError:
                pass
            out += [(option, weight / len(options)) for option in options]
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("udhr")
    parser.add_argument("out")
    arguments = parser.parse_args()
    arrays: dict[str, np.ndarray] = {}
    sources = {language: word_list(language) for language in WORDFREQ}
    sources |= {language: declaration(arguments.udhr, tag) for language, tag in DECLARATION.items()}
    sources["xx"] = all_western(arguments.udhr)
    for language, words in sources.items():
        alphabet, arrays[f"pairs_{language}"] = letter_pairs(words)
        arrays[f"letters_{language}"] = np.array([ord(c) for c in alphabet], np.uint16)
    han = {language: word_list(language) for language in CJK}
    han["tw"] = traditional(han["zh"])
    for language, words in han.items():
        chars, arrays[f"bits_{language}"] = frequencies(words)
        arrays[f"chars_{language}"] = np.array([ord(c) for c in chars], np.uint16)
    np.savez_compressed(arguments.out, **dict(sorted(arrays.items())))


if __name__ == "__main__":
    main()
