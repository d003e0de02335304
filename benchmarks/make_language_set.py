"""Writes what language identification is judged by: sentences of six packages of Debian and what is none of others, in halves.

    apt-get download mediawiki wesnoth-1.16-data gnome-user-docs debian-handbook tuxpaint-data wordpress-l10n ansible …
    apt-get source --download-only glibc xterm postfix
    python benchmarks/make_language_set.py OUT.jsonl.gz FOLDER [--seen UDHR LINGUA ID DJANGO FIREFOX OFFICE] [--locale FOLDER]

FOLDER holds the files of Debian 12 (PACKAGES, CODE). Their licences: MediaWiki, Wesnoth, Tux Paint, WordPress GPL-2+, GNOME's
help CC BY-SA 3.0, the Administrator's Handbook GPL-2+ or CC BY-SA 3.0. The texts are not in the repository;
results/language_set.json has their digest. `--seen` leaves out sentences that were learned from. Settings are chosen with the
half `choice` in view; `judged` is looked at when they stand. Messages are split by the hash of what they translate, pages and
code by that of their name, so that no message has translations in both halves. What is no language has the language `und`, and
its kind as source.
"""

from __future__ import annotations

import argparse
import collections
import gzip
import hashlib
import html
import json
import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import xxhash

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "filters" / "data"), str(HERE)]

from language import messages as programs  # noqa: E402
from make_letter_ngrams import LINGUA, declaration, messages, sentences  # noqa: E402
from make_letter_ngrams import MOST as LEARNED  # noqa: E402
from not_text import cut_code  # noqa: E402
from translations import catalog, letters  # noqa: E402

from filters.fasttext_model import find_model, load_labels  # noqa: E402
from filters.language_labels import language_code, scripts  # noqa: E402

PACKAGES = ("mediawiki", "wesnoth-1.16-data", "gnome-user-docs", "debian-handbook", "tuxpaint-data", "wordpress-l10n")
#: Where configuration, programs and patches are cut from, by kind: packages and ends of names.
CODE = {
    "yaml": (("ansible", "prometheus-node-exporter-collectors", "puppet-module-puppetlabs-apt"), (".yml", ".yaml")),
    "perl": (("libmojolicious-perl", "libimage-exiftool-perl", "spamassassin", "libdancer2-perl", "munin-node"), (".pm", ".pl")),
    "ini": (
        ("collectd-core", "fail2ban", "freeradius-config", "icinga2-common", "tuned", "php8.2-common", "dovecot-core"),
        (".conf", ".ini", ".cfg", ".service", ".local"),
    ),
    "diff": (("glibc", "xterm", "postfix"), (".diff", ".patch")),
}
SNIPPETS = 300  # of a kind in a half

#: Locales whose language is another's code, or that are left out: formal and local variants, scripts that no one else writes.
CODES = {
    "nb": "no", "fil": "tl", "als": "gsw", "eml": "egl", "bh": "bho", "be-tarask": "be", "zh-hans": "zh", "zh-hant": "zh",
    "zh-cn": "zh", "zh-tw": "zh", "yue-hant": "yue", "yue-hans": "yue", "wuu-hans": "wuu", "wuu-hant": "wuu", "pt-br": "pt",
    "pt-pt": "pt", "tt-cyrl": "tt", "kk-cyrl": "kk", "ku-latn": "ku", "tg-cyrl": "tg", "ug-arab": "ug", "crh-latn": "crh",
    "gom-latn": "gom", "gom-deva": "gom", "hif-latn": "hif", "cbk-zam": "cbk", "sr-ec": "sr", "uz-cyrl": "uz", "es-419": "es",
    "es-mx": "es", "mni@meiteimayek": "", "ca@valencia": "ca", "ca-es@valencia": "ca", "kmr": "ku",
}  # fmt: skip
#: Of locales with a country the language is taken, of those with a script nothing.
_COUNTRY = re.compile(r"^([a-z]{2,3})[-_][A-Za-z]{2}$")
HALVES = ("choice", "judged")
MOST = 300  # sentences of a language in a half
OF_SOURCE = 120  # and from one package, where others have some too
LEAST = 30
RUN = 16  # letters of a run that tells whether a sentence was seen

Found = tuple[str, str, str, str]  # language, source, what decides the half, text


def code_of(locale: str) -> str:
    """The language of a locale's name, empty where it is left out."""
    name = locale.replace("_", "-").lower()
    if name in CODES:
        return CODES[name]
    match = _COUNTRY.match(name)
    name = CODES.get(match[1], match[1]) if match else name
    return language_code(name) if re.fullmatch("[a-z]{2,3}", name) and name not in ("qqq", "sh", "mo", "hbs") else ""


def media_wiki(root: Path) -> Iterator[Found]:
    for path in sorted(root.glob("**/i18n/**/*.json")):
        code = code_of(path.stem)
        if not code:
            continue
        held = json.loads(path.read_text("utf-8"))
        english = path.with_name("en.json")
        source = json.loads(english.read_text("utf-8")) if english.exists() else {}
        for key, text in held.items():
            if isinstance(text, str) and (code == "en" or text != source.get(key)):
                yield code, "mediawiki", key, text


def catalogs(root: Path, source: str) -> Iterator[Found]:
    for path in sorted(root.glob("**/*.mo")):
        locale = path.parts[path.parts.index("LC_MESSAGES") - 1] if "LC_MESSAGES" in path.parts else path.stem
        locale = re.sub("^(admin-network|admin|continents-cities)-", "", locale)
        if path.name.startswith("continents") or not (code := code_of(locale)):
            continue
        for key, text in catalog(path.read_bytes()):
            plain = key.split("^")[-1]
            if text != plain:
                yield code, source, plain, text
                yield "en", source, plain, plain


def pages(root: Path, pattern: str, source: str, element: str) -> Iterator[Found]:
    for path in sorted(root.glob(pattern)):
        # usr/share/help/LOCALE, usr/share/doc/debian-handbook/html/LOCALE
        locale = path.relative_to(root).parts[3 if source == "gnome" else 5]
        if path.is_symlink() or not (code := "en" if locale == "C" else code_of(locale)):
            continue
        for text in re.findall(rf"<{element}>(.*?)</{element.split()[0]}>", path.read_text("utf-8"), re.DOTALL):
            yield code, source, path.name, html.unescape(re.sub("<[^>]*>", "", text))


def code_in(folder: Path) -> Iterator[tuple[str, str, str]]:
    """Kind, half and text of what is no language."""
    for kind, (packages, ends) in CODE.items():
        rng = random.Random(kind)
        found: dict[str, list[str]] = {half: [] for half in HALVES}
        paths = [path for name in packages for path in sorted((folder / name).rglob("*")) if path.name.endswith(ends)]
        rng.shuffle(paths)
        for path in paths:
            half = HALVES[xxhash.xxh3_64_intdigest(path.name.encode()) & 1]
            if len(found[half]) < SNIPPETS and path.is_file() and not path.is_symlink():
                found[half] += cut_code(path.read_bytes().decode("utf-8", "replace")[:400_000], 4, rng)
        for half, texts in found.items():
            yield from ((kind, half, text) for text in texts[:SNIPPETS])


def found_in(folder: Path) -> Iterator[Found]:
    yield from media_wiki(folder / "mediawiki")
    yield from catalogs(folder / "wesnoth-1.16-data", "wesnoth")
    yield from catalogs(folder / "tuxpaint-data", "tuxpaint")
    yield from catalogs(folder / "wordpress-l10n", "wordpress")
    yield from pages(folder / "gnome-user-docs", "**/usr/share/help/*/*/*.page", "gnome", "p")
    yield from pages(folder / "debian-handbook", "**/html/*/*.html", "handbook", "div class=\"para\"")


def split(text: str) -> Iterator[str]:
    """The sentences of a message that hold no marks of a program: 20 to 200 characters, Han, kana and Hangul counted twice."""
    text = re.sub(r"\[\[[^\]|]*\|([^\]|]*)\]\]|\[\[([^\]|]*)\]\]", r"\1\2", html.unescape(text))
    text = re.sub(r"<[^>]*>|'''?|&nbsp;", " ", text)
    for sentence in re.split(r"(?<=[.!?؟।。！？…])\s+|(?<=[。！？])|\n\s*\n|\n\s*[*#:]+", text):
        plain = " ".join(sentence.split())
        size = len(plain) + len(re.findall("[\u3041-\u30ff\u3400-\u9fff\uac00-\ud7a3]", plain))
        marks = re.search(r"[$%{}\[\]<>|=_\\/@#~*^\x00-\x1f]|--|://|www", plain)
        if 20 <= size <= 200 and letters(plain) > 0.85 * len(plain) and not marks:
            yield plain


def key(text: str) -> str:
    """The letters of a text, without case: two texts of one key are one."""
    return "".join(c for c in text.lower() if c.isalpha())


def runs(text: str) -> set[int]:
    size = RUN if ord(max(text)) < 0x2E80 else 6
    return {xxhash.xxh3_64_intdigest(text[i : i + size].encode()) for i in range(max(1, len(text) - size + 1))}


def script_of(text: str) -> str:
    table, names = scripts()
    found = collections.Counter(names[table[ord(c)]] for c in text if table[ord(c)])
    name = found.most_common(1)[0][0] if found else ""
    return "Jpan" if name in ("Hani", "Hira", "Kana") else name


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    arguments.add_argument("out", type=Path)
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--seen", nargs=6, metavar=("UDHR", "LINGUA", "ID", "DJANGO", "FIREFOX", "OFFICE"), default=None)
    arguments.add_argument("--locale", type=Path, default=Path("/usr/share/locale"), help="messages that settings were chosen with")
    options = arguments.parse_args()
    seen: set[int] = set()
    if options.seen:
        udhr, lingua, *learned_from = options.seen
        trained = [row[2] for row in declaration(udhr) + sentences(lingua) + messages(*learned_from, LEARNED)]
        for text in [*trained, *(text for _, text in programs(options.locale))]:
            seen |= runs(key(text)) if key(text) else set()
    known = {language_code(label) for label in load_labels(str(find_model("lid.176.ftz")), "")} | set(LINGUA.values())
    with tempfile.TemporaryDirectory() as scratch:
        packages = {}
        for name in [*PACKAGES, *(name for names, _ in CODE.values() for name in names)]:
            file = next(path for end in ("deb", "debian.tar.xz") for path in options.folder.glob(f"{name}_*.{end}"))
            unpack = ["dpkg-deb", "-x", file] if file.suffix == ".deb" else ["tar", "-xf", file, "-C"]
            Path(scratch, name).mkdir()
            subprocess.run([*unpack, f"{scratch}/{name}"], check=True)
            packages[name] = {"file": file.name, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
        technical = list(code_in(Path(scratch)))
        texts: dict[str, tuple[str, str, str, str]] = {}
        of_key: dict[str, set[str]] = collections.defaultdict(set)
        for code, source, unit, text in found_in(Path(scratch)):
            half = HALVES[xxhash.xxh3_64_intdigest(unit.encode()) & 1]
            for sentence in split(text):
                held = key(sentence)
                if held:
                    of_key[held].add(code)
                    texts[held] = min(texts.get(held, (code, source, half, sentence)), (code, source, half, sentence))
    kept = {held: row for held, row in texts.items() if len(of_key[held]) == 1}
    usual: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for code, _, _, sentence in kept.values():
        usual[code][script_of(sentence)] += 1
    dropped, by_language = collections.Counter[str](), collections.defaultdict(list)
    for held, row in kept.items():
        found = runs(held)
        if row[0] not in known:
            continue
        if usual[row[0]][script_of(row[3])] < 0.3 * usual[row[0]].total():
            dropped["another script"] += 1
        elif len(found & seen) > 0.2 * len(found):
            dropped["seen"] += 1
        else:
            by_language[row[0], row[2]].append((xxhash.xxh3_64_intdigest(held.encode()), row))
    rows: list[dict[str, str]] = []
    for (code, half), found in sorted(by_language.items()):
        of_source = collections.Counter[str]()
        first, rest = [], []
        for _, row in sorted(found):
            of_source[row[1]] += 1
            (first if of_source[row[1]] <= OF_SOURCE else rest).append(row)
        chosen = first if len(first) >= MOST else first + rest
        if min(len(by_language[code, h]) for h in HALVES) >= LEAST:
            rows += [{"language": code, "half": half, "source": row[1], "text": row[3]} for row in chosen[:MOST]]
    rows += [{"language": "und", "half": half, "source": kind, "text": text} for kind, half, text in technical]
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
    options.out.write_bytes(gzip.compress(lines, mtime=0))
    counts = collections.Counter((row["language"], row["half"]) for row in rows)
    codes = sorted({code for code, _ in counts} - {"und"})
    told = {
        "packages": packages, "sha256 of the lines": hashlib.sha256(lines).hexdigest(), "texts": len(rows),
        "languages": {code: [counts[code, half] for half in HALVES] for code in codes},
        "sources": dict(collections.Counter(row["source"] for row in rows)), "dropped": dict(dropped),
    }  # fmt: skip
    (HERE / "results" / "language_set.json").write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", "utf-8")
    print(f"{len(rows)} texts, {len(codes)} languages, left out {dict(dropped)}")


if __name__ == "__main__":
    main()
