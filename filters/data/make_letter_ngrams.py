"""Writes letter_ngrams.npz, the weights that filters.letter_ngrams reads: logistic regression, seeded, AdaGrad.

    python filters/data/make_letter_ngrams.py UDHR.jsonl.gz LINGUA ID DJANGO FIREFOX OFFICE

Run by hand from the repository's root. The arguments: paragraphs of the Universal Declaration of Human Rights (unicode.org/udhr;
one JSON a line: lang_bcp47, text); a folder of the crates lingua-*-language-model (Apache-2.0; their testdata, sentences of
Leipzig's Wortschatz); the folder dist/locales of the package @openstreetmap/id (ISC); the folder of Django (BSD-3-Clause);
folders of what is in Debian's packages firefox-esr-l10n-* and libreoffice-l10n-* (MPL-2.0).
Of the first two only the half whose hash is even is learned from; benchmarks/language.py judges by the other.
"""

from __future__ import annotations

import collections
import gzip
import json
import random
import sys
from pathlib import Path

import numpy as np
import xxhash
from numba import njit

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2]), str(Path(__file__).parents[2] / "benchmarks")]

import not_text  # noqa: E402
from translations import catalog, code_of, language_pack, leaves, letters, plain  # noqa: E402

from filters.fasttext_model import find_model, load_labels  # noqa: E402
from filters.language_labels import language_code, scripts  # noqa: E402
from filters.letter_ngrams import LANGUAGE_BITS, PROSE_BITS, SHAPES, characters, language_rows, prose_rows, weights_file  # noqa: E402

#: lingua's names of languages.
LINGUA = {
    "afrikaans": "af",
    "albanian": "sq",
    "arabic": "ar",
    "armenian": "hy",
    "azerbaijani": "az",
    "basque": "eu",
    "belarusian": "be",
    "bengali": "bn",
    "bokmal": "no",
    "bosnian": "bs",
    "bulgarian": "bg",
    "catalan": "ca",
    "chinese": "zh",
    "croatian": "hr",
    "czech": "cs",
    "danish": "da",
    "dutch": "nl",
    "english": "en",
    "esperanto": "eo",
    "estonian": "et",
    "finnish": "fi",
    "french": "fr",
    "ganda": "lg",
    "georgian": "ka",
    "german": "de",
    "greek": "el",
    "gujarati": "gu",
    "hebrew": "he",
    "hindi": "hi",
    "hungarian": "hu",
    "icelandic": "is",
    "indonesian": "id",
    "irish": "ga",
    "italian": "it",
    "japanese": "ja",
    "kazakh": "kk",
    "korean": "ko",
    "latin": "la",
    "latvian": "lv",
    "lithuanian": "lt",
    "macedonian": "mk",
    "malay": "ms",
    "maori": "mi",
    "marathi": "mr",
    "mongolian": "mn",
    "nynorsk": "nn",
    "persian": "fa",
    "polish": "pl",
    "portuguese": "pt",
    "punjabi": "pa",
    "romanian": "ro",
    "russian": "ru",
    "serbian": "sr",
    "shona": "sn",
    "slovak": "sk",
    "slovene": "sl",
    "somali": "so",
    "sotho": "st",
    "spanish": "es",
    "swahili": "sw",
    "swedish": "sv",
    "tagalog": "tl",
    "tamil": "ta",
    "telugu": "te",
    "thai": "th",
    "tsonga": "ts",
    "tswana": "tn",
    "turkish": "tr",
    "ukrainian": "uk",
    "urdu": "ur",
    "vietnamese": "vi",
    "welsh": "cy",
    "xhosa": "xh",
    "yoruba": "yo",
    "zulu": "zu",
}
UDHR = {"nb": "no", "zlm": "ms", "als": "sq", "cat": "ca", "hau": "ha", "lah": "pnb"}  # the codes of filters.language
OWN_SCRIPT = ("sa-Gran", "jv-Java", "vi-Hani", "ckb-Latn", "mn-Mong")  # the script tells them, or nobody writes so
FEW = 150  # texts beside the declaration's, of which a language needs as many to be told from its neighbours
#: Written so too, but hardly in what was learned from.
FEW_SO = ["sr_Latn", "tt_Latn", "az_Cyrl", "uz_Cyrl", "tk_Cyrl", "ug_Latn", "ku_Cyrl", "kk_Latn"]
#: Log odds for being common, which the weights, learned from as many texts of each language, say nothing of. Those of the
#: second line were raised by quarters until no language did worse than with the bare model by .007 on the half `choice` of
#: benchmarks/make_language_set.py, and on the halves of the declaration and of lingua's sentences that are not learned from;
#: Luxembourgish, Ukrainian and Bosnian further, to two standard errors of that half's 300 sentences (.03) above the bare model at
#: most lengths, as within one of it they fell behind on other sentences; their neighbours stay above it.
COMMON = {"en": 0.5, "id": 0.35, "es": 0.3, "fr": 0.3, "de": 0.3}
COMMON |= {"bs": -0.5, "lb": 1.75, "yue": 0.75, "ru": 1.0, "uk": 1.0, "ur": 0.25}
#: Letters of these scripts were too rarely seen beside symbols and figures.
RARE = [
    "ja",
    "zh",
    "ko",
    "th",
    "lo",
    "km",
    "my",
    "si",
    "ug",
    "bo",
    "am",
    "ti",
    "dv",
    "ka",
    "hy",
    "as",
    "or",
    "ml",
    "kn",
    "te",
    "ta",
    "gu",
    "pa",
    "bn",
    "ne",
    "ps",
    "ckb",
    "sd",
    "ur",
    "fa",
    "he",
    "yi",
    "el",
    "mn",
]

MOST = 1000  # messages of a language

Row = tuple[str, str, str]  # language, source, text


def declaration(path: str) -> list[Row]:
    rows = []
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            tag = row["lang_bcp47"]
            code = tag.split("-")[0]
            rows.append((f"other {tag}" if tag in OWN_SCRIPT else UDHR.get(code, code), tag, row["text"]))
    return rows


def sentences(folder: str) -> list[Row]:
    rows = []
    for path in sorted(Path(folder).expanduser().glob("lingua-*-language-model-*/testdata/sentences.txt")):
        name = path.parts[-3].split("-")[1]
        rows += [(LINGUA[name], f"lingua-{name}", line.strip()) for line in path.read_text("utf-8").split("\n") if line.strip()]
    return rows


def messages(editor: str, django: str, firefox: str, office: str, most: int) -> list[Row]:
    """What four programs say to their users, in all their translations: at most `most` of a language."""
    found: dict[str, set[str]] = collections.defaultdict(set)
    for path in sorted(Path(editor).glob("*.min.json")):
        name = path.name.split(".")[0]
        if not name.startswith("en-"):
            found[code_of(name)].update(map(plain, leaves(json.loads(path.read_text("utf-8")))))
    for path in sorted(Path(firefox).glob("**/*.xpi")):
        locale, said = language_pack(path)
        found[code_of(locale)].update(map(plain, said))
    for folder in (django, office):
        for path in sorted(Path(folder).glob("**/LC_MESSAGES/*.mo")):
            locale = path.parts[-3]
            if not locale.startswith("en_"):
                found[code_of(locale)].update(plain(text) for key, text in catalog(path.read_bytes()) if text != key)
                found["en source"].update(plain(key) for key, _ in catalog(path.read_bytes()))
    english = found["en"] | found.pop("en source")
    of_many = collections.Counter(text for texts in found.values() for text in texts)
    rows: list[Row] = []
    for language, texts in sorted(found.items()):
        held = sorted(t for t in texts if len(t) >= 12 and letters(t) > 0.8 * len(t)
                      and (language == "en" or t not in english) and of_many[t] == 1)  # fmt: skip
        random.Random(language).shuffle(held)
        if language and len(held) >= 20:
            rows += [(language, f"messages-{language}", text) for text in held[:most]]
    return rows


def learned(text: str) -> bool:
    """Whether a text is in the half that weights are learned from."""
    return xxhash.xxh3_64_intdigest(text.encode()) & 1 == 0


def cut(text: str, size: int, rng: random.Random) -> str:
    """About `size` characters of a text, from the start of a word."""
    if len(text) <= size:
        return text
    start = rng.randrange(len(text) - size + 1)
    while start > 0 and text[start - 1].isalnum() and ord(text[start - 1]) < 0x2E80:
        start -= 1
    return text[start : start + size].strip()


def pack(texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
    held = [text.encode("utf-8", "ignore") for text in texts]
    offsets = np.zeros(len(held) + 1, np.int64)
    np.cumsum([len(text) for text in held], out=offsets[1:])
    return offsets, np.frombuffer(b"".join(held) + b"\0", np.uint8)


@njit
def rows_of_languages(offsets, data, letters):  # type: ignore[no-untyped-def]
    out, ends, word = (
        np.empty((offsets[-1] + 8 * len(offsets)) * 4, np.int32),
        np.zeros(len(offsets), np.int64),
        np.zeros(4, np.int64),
    )
    at = 0
    for row in range(len(offsets) - 1):
        at += language_rows(data, offsets[row], offsets[row + 1], letters, word, out[at:])
        ends[row + 1] = at
    return out[:at].copy(), ends


@njit
def rows_of_prose(offsets, data, letters):  # type: ignore[no-untyped-def]
    out, ends, window = (
        np.empty((offsets[-1] + 8 * len(offsets)) * 6, np.int32),
        np.zeros(len(offsets), np.int64),
        np.zeros(4, np.int64),
    )
    at = 0
    for row in range(len(offsets) - 1):
        i = offsets[row]
        while i < offsets[row + 1]:
            end = i
            while end < offsets[row + 1] and data[end] != 10:
                end += 1
            first, last = i, end
            while first < last and (data[first] == 32 or data[first] == 9):
                first += 1
            while last > first and data[last - 1] == 32:
                last -= 1
            if last > first:
                at += prose_rows(data, first, last, 2 if first - i >= 2 else 1, True, letters, window, out[at:])
            i = end + 1
        ends[row + 1] = at
    return out[:at].copy(), ends


@njit
def learn_languages(rows, ends, truth, weight, languages, size, epochs, rate):  # type: ignore[no-untyped-def]
    table, sums, bias = np.zeros((size, languages), np.float32), np.full(size, 1e-3, np.float32), np.zeros(languages, np.float32)
    np.random.seed(1)
    z = np.empty(languages, np.float32)
    for _ in range(epochs):
        for r in np.random.permutation(len(truth)):
            a, b = ends[r], ends[r + 1]
            if a == b:
                continue
            scale = np.float32(1 / np.sqrt(b - a))
            z[:] = bias
            for j in range(a, b):
                z += table[rows[j]] * scale
            z = np.exp(z - z.max())
            z /= z.sum()
            z[truth[r]] -= 1
            z *= weight[r]
            bias -= np.float32(0.02 * rate) * z
            square = (z * z).sum() * scale * scale
            for j in range(a, b):
                i = rows[j]
                sums[i] += square
                table[i] -= np.float32(rate / np.sqrt(sums[i])) * scale * z
    return table, bias


@njit
def learn_prose(rows, ends, truth, weight, size, epochs, rate, decay):  # type: ignore[no-untyped-def]
    table, sums, bias = np.zeros(size, np.float32), np.full(size, 1e-2, np.float32), 0.0
    np.random.seed(1)
    for _ in range(epochs):
        for r in np.random.permutation(len(truth)):
            a, b = ends[r], ends[r + 1]
            if a == b:
                continue
            scale = 1 / np.sqrt(b - a)
            z = bias
            for j in range(a, b):
                z += table[rows[j]] * scale
            slope = (1 / (1 + np.exp(-z)) - truth[r]) * weight[r]
            bias -= 0.02 * rate * slope
            for j in range(a, b):
                i = rows[j]
                sums[i] += slope * slope * scale * scale
                table[i] -= rate / np.sqrt(sums[i]) * (slope * scale + decay * table[i])
    return table, bias


def told_by_script(codes: set[str]) -> set[str]:
    """Languages whose usual script is no other's, so that nothing is to be learned; but Japanese, as Chinese letters are not."""
    lines = (Path(__file__).parent / "language_scripts.tsv").read_text("utf-8").splitlines()
    usual = {line.split("\t")[0]: line.split("\t")[1].split()[0] for line in lines if line[0] not in "#*"}
    users = collections.Counter(usual.get(code, "Latn") for code in codes)
    return {code for code in codes if users[usual.get(code, "Latn")] == 1} - {"ja"}


def languages_of(rows: list[Row], known: set[str]) -> tuple[list[str], set[str], np.ndarray, np.ndarray]:
    alone = told_by_script(known)
    rows = [row for row in rows if row[0] not in alone]
    names = ["und", *sorted({code for code, _, _ in rows} & known)]
    elsewhere = collections.Counter(code for code, source, _ in rows if source.startswith(("lingua", "messages")))
    number = {name: i for i, name in enumerate(names)}
    rng, size = random.Random(1), collections.Counter(source for _, source, _ in rows)
    texts, truth = [], []
    for code, source, text in rows:
        pieces = 2 if code not in number or size[source] > 200 else max(2, min(24, 300 // size[source]))
        made = [text, *(cut(text, rng.choice([12, 20, 30, 40, 60, 80, 120]), rng) for _ in range(pieces))]
        made += [text.upper()] if rng.random() < 0.1 else []
        texts += made
        truth += [number.get(code, 0)] * len(made)
    y = np.array(truth)
    weight = ((400 / np.maximum(np.bincount(y, minlength=len(names)), 1)) ** 0.4)[y].clip(0.2, 3).astype(np.float32)
    found, ends = rows_of_languages(*pack(texts), characters())
    table, bias = learn_languages(found, ends, y, weight, len(names), 1 << LANGUAGE_BITS, 5, 0.15)
    return names, {name for name in names[1:] if elsewhere[name] < FEW}, table, bias


def technical(rng: random.Random) -> str:
    """A word as stands between those of a manual: a name of a file, an option, an identifier, an abbreviation."""
    word = rng.choice(not_text.TUNE_WORDS)
    short = "".join(rng.choices("abcdefghilmnoprstux", k=rng.randint(2, 4)))
    forms = (
        f"{short}2{word}", f"{short}_{word}", f"{word}.{short}", f"-{short[0]}", f"--{word}", short.upper(), short + word.title(),
        f"{word}{short}()", f"{word.upper()}_{short.upper()}", f"/{short}/{word}", f"<{word}>", f"{short}{word}", word,
        word.title() + short.title(),
    )  # fmt: skip
    return rng.choice(forms)


def prose_of(rows: list[Row]) -> tuple[np.ndarray, float]:
    rng = random.Random(3)
    rows = rows + [row for row in rows if row[1].startswith("messages") and row[0] in RARE] * 2
    positive = []
    for _, _, text in rows:
        positive += [text, cut(text, rng.choice([10, 15, 20, 30, 40, 60, 80]), rng)]
    for _ in range(6000):  # texts of several lines
        start = rng.randrange(len(rows) - 8)
        positive.append("\n".join(text for _, _, text in rows[start : start + rng.randint(2, 8)]))
    for text in positive.copy():  # capitals, no stops, figures and links within
        chance = rng.random()
        if chance < 0.1:
            positive.append(text.upper() if chance < 0.06 else text.title())
        elif chance < 0.18:
            positive.append("".join(c for c in text.lower() if c.isalnum() or c.isspace() or ord(c) > 0x2FF))
        elif chance < 0.22 and text.count(" ") > 6:
            words = text.split(" ")
            words.insert(
                rng.randrange(len(words)),
                rng.choice(["2019", "(3)", "12,5 %", "https://example.org/page", "€ 19,99", "v2.1", "#1", "PDF", "–"]),
            )
            positive.append(" ".join(words))
        elif chance < 0.3 and text.count(" ") > 6:  # as manuals write
            words = text.split(" ")
            for _ in range(rng.randint(1, max(1, len(words) // 6))):
                words.insert(rng.randrange(len(words)), technical(rng))
            positive.append(" ".join(words))
    negative = []
    for texts in not_text.kinds("tune", 400).values():
        for text in texts:
            negative += [text, text[: rng.choice([60, 100, 200, 300])]] if rng.random() < 0.5 else [text]
    table, names = scripts()
    seen: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for text in positive:
        for letter in set(text.lower()):
            if table[ord(letter)]:
                seen[names[table[ord(letter)]]][letter] += 1
    for found in seen.values():  # random letters of every script
        alphabet = "".join(letter for letter, n in found.items() if n >= (2 if len(found) > 300 else 1))
        if len(alphabet) >= 12:
            negative += [not_text.random_letters(rng, alphabet) for _ in range(400)]
    more = {"latin": 6000, "latin_extended": 1500, "cyrillic": 1600, "han": 600, "hangul": 600, "arabic": 300, "greek": 600}
    for name, n in more.items():
        negative += [not_text.random_letters(rng, not_text.ALPHABETS[name]) for _ in range(n)]
    truth = np.array([1.0] * len(positive) + [0.0] * len(negative))
    weight = np.where(truth > 0, 1.0, 0.28 * len(positive) / len(negative))
    found_rows, ends = rows_of_prose(*pack(positive + negative), characters())
    return learn_prose(found_rows, ends, truth, weight, (1 << PROSE_BITS) + SHAPES**4, 8, 0.05, 1e-6)


def main() -> None:
    udhr, lingua, *programs = sys.argv[1:]
    known = {language_code(label) for label in load_labels(str(find_model("lid.176.ftz")), "")} | set(LINGUA.values())
    said = messages(*programs, MOST)
    rows = [row for row in declaration(udhr) + sentences(lingua) if learned(row[2])]
    names, few, table, bias = languages_of(rows + [row for row in said if row[0] in known], known)
    prose, prose_bias = prose_of(rows + said)
    bias += np.array([COMMON.get(name, 0) for name in names], np.float32)
    scale, prose_scale = 127 / np.percentile(np.abs(table), 99.99), 127 / 4
    whole = np.clip(np.round(table * scale), -127, 127).astype(np.int8)
    np.savez_compressed(
        weights_file(), languages=" ".join(names), table=np.pad(whole, ((0, 0), (0, -len(names) % 16))), bias=bias, scale=scale,
        few=" ".join([*sorted(few), *FEW_SO]),
        prose=np.clip(np.round(prose * prose_scale), -127, 127).astype(np.int8), prose_bias=prose_bias,
        prose_scale=prose_scale,
    )  # fmt: skip


if __name__ == "__main__":
    main()
