"""Language identification beside the bare model: accuracy by length and language, what is no language, time a text.

    python benchmarks/language.py UDHR.jsonl.gz LINGUA [--fresh SET.jsonl.gz [--half judged]] [--messages /usr/share/locale]

`fresh` is a half of the set of make_language_set.py, of packages that nothing was learned from: settings were chosen with its
half `choice`, and `judged` was looked at once they stood. Settings were chosen with the other sets too: the halves of the
declaration and of lingua's sentences that no weight was learned from (see filters/data/make_letter_ngrams.py), and messages of
the machine's programs.
"""

from __future__ import annotations

import argparse
import collections
import gettext
import gzip
import json
import random
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "filters" / "data")]

from machine import begin  # noqa: E402
from make_letter_ngrams import cut, declaration, learned, sentences  # noqa: E402
from not_text import kinds  # noqa: E402

from filters.fasttext_model import find_model, load_labels, load_model  # noqa: E402
from filters.language import Language, language_code  # noqa: E402

LENGTHS = (10, 20, 40, 80, 0)  # characters; 0 for the whole text
Texts = list[tuple[str, str]]  # language, text


def messages(folder: Path) -> Texts:
    """At most 100 messages of 30 characters or more of each language, without marks of the program."""
    codes = {"nb": "no", "fil": "tl", "kmr": "ku", "quz": "qu"}
    found: dict[str, set[str]] = collections.defaultdict(set)
    for path in sorted(folder.glob("*/LC_MESSAGES/*.mo")):
        locale = path.parts[-3]
        if locale.startswith(("en", "uz@", "tt@")) or "iso_" in path.name:
            continue
        try:
            with path.open("rb") as file:
                catalog: dict[object, str] = vars(gettext.GNUTranslations(file))["_catalog"]
        except (UnicodeDecodeError, LookupError, OSError, ValueError):
            continue
        code = re.split("[_@]", locale)[0]
        for key, text in catalog.items():
            if not isinstance(key, str) or not key or key == text:
                continue
            pattern = r"%[-#0-9.*]*l*[a-zA-Z]|%\([a-z_]+\)s|<[^>]*>|\{[^}]*\}|[_&](?=\w)|`[^`']*[`']"
            for language, held in ((codes.get(code, code), text), ("en", key)):
                plain = " ".join(re.sub(pattern, "", held).split())
                if len(plain) >= 30 and sum(c.isalpha() or c.isspace() for c in plain) > 0.85 * len(plain) and "--" not in plain:
                    found[language].add(plain)
    rng, out = random.Random(2), []
    for language, texts in sorted(found.items()):
        kept = sorted(texts - (found["en"] if language != "en" else set()))
        rng.shuffle(kept)
        if len(kept) >= 25:
            out += [(language, text) for text in kept[:100]]
    return out


def fresh(path: Path, half: str) -> tuple[Texts, dict[str, list[str]]]:
    """The sentences of a half with their languages, and what is no language by its kind."""
    sentences_of_half, code = [], collections.defaultdict[str, list[str]](list)
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for row in map(json.loads, file):
            if row["half"] == half and row["language"] == "und":
                code[f"fresh {row['source']}"].append(row["text"])
            elif row["half"] == half:
                sentences_of_half.append((row["language"], row["text"]))
    return sentences_of_half, code


def batches(texts: list[str]) -> list[pa.RecordBatch]:
    return [pa.record_batch({"text.text": pa.array(texts[i : i + 256], pa.string())}) for i in range(0, len(texts), 256)]


def identify(scorer: Language, texts: list[str]) -> tuple[list[str], list[str]]:
    """Labels, and why they are und."""
    tables = [scorer.score(batch) for batch in batches(texts)]
    return [x for t in tables for x in t["label"].to_pylist()], [x for t in tables for x in t["undetermined"].to_pylist()]


def by_language(truth: list[str], labels: list[str]) -> dict[str, float]:
    right: dict[str, list[bool]] = collections.defaultdict(list)
    for code, label in zip(truth, labels, strict=True):
        right[code].append(code == label)
    return {code: float(np.mean(marks)) for code, marks in right.items()}


def best_time(run: Callable[[], object], texts: int, runs: int) -> float:
    """µs a text, the best of the runs."""
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return 1e6 * min(times) / texts


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    arguments.add_argument("udhr")
    arguments.add_argument("lingua")
    arguments.add_argument("--model", default="lid.176.ftz")
    arguments.add_argument("--messages", type=Path, default=Path("/usr/share/locale"))
    arguments.add_argument("--fresh", type=Path, default=None)
    arguments.add_argument("--half", choices=("choice", "judged"), default="judged")
    arguments.add_argument("--runs", type=int, default=5)
    options = arguments.parse_args()
    scorer = Language(model=options.model)
    scorer.open()
    path = str(find_model(options.model))
    predict = load_model(path, "")
    known = {language_code(label) for label in load_labels(path, "")}

    def bare(texts: list[str]) -> list[str]:
        found = [predict(" ".join(text.split()) + "\n", 1, 0.0, "strict") for text in texts]
        return [language_code(each[0][1]) if each else "und" for each in found]

    held = {
        "declaration": [(code, text) for code, _, text in declaration(options.udhr) if not learned(text)],
        "sentences": [(code, text) for code, _, text in sentences(options.lingua) if not learned(text)],
        "messages": messages(options.messages),
    }
    texts_of_kinds = kinds("judge")
    if options.fresh:
        held["fresh"], code = fresh(options.fresh, options.half)
        texts_of_kinds |= code
    results: dict[str, Any] = {**begin(wait=False), "model": options.model, "accuracy": [], "und recall": {}, "µs a text": {}}
    print("set          length  texts languages   bare   ours false und  worst against bare")
    for name, texts in held.items():
        rng = random.Random(4)
        for length in (20, 40, 0) if name == "fresh" else LENGTHS:
            pieces = [cut(text, length, rng) if length else text for _, text in texts]
            labels, reasons = identify(scorer, pieces)
            of_bare = bare(pieces)
            rows = [i for i, (code, _) in enumerate(texts) if code in known]  # those the model could name
            truth = [texts[i][0] for i in rows]
            ours, theirs = by_language(truth, [labels[i] for i in rows]), by_language(truth, [of_bare[i] for i in rows])
            worst = sorted((round(ours[code] - theirs[code], 4), code, truth.count(code)) for code in ours)
            lost = sum(reason in ("not_prose", "script") for reason in reasons) / len(texts)
            results["accuracy"].append({
                "set": name, "length": length, "texts": len(texts), "languages": len(ours), "false und": lost,
                "bare": float(np.mean(list(theirs.values()))), "ours": float(np.mean(list(ours.values()))),
                "worse by more than .01": sum(w[0] < -0.01 for w in worst),
                "worst": worst[:5], "by language": {code: [theirs[code], ours[code]] for code in sorted(ours)},
            })  # fmt: skip
            last = results["accuracy"][-1]
            told = " ".join(f"{code} {change:+.2f} ({n})" for change, code, n in worst[:5])
            figures = f"{last['bare']:6.3f} {last['ours']:6.3f} {lost:9.4f}"
            print(f"{name:12} {length or 'whole':>6} {len(texts):6} {len(ours):9} {figures}  {told}")
    for kind, texts_of_kind in texts_of_kinds.items():
        results["und recall"][kind] = sum(label == "und" for label in identify(scorer, texts_of_kind)[0]) / len(texts_of_kind)
    recalls = results["und recall"]
    for group in ("code:", "letters:", "fresh", ""):
        others = ("code:", "letters:", "fresh")
        chosen = {k: r for k, r in recalls.items() if (k.startswith(group) if group else not k.startswith(others))}
        lowest = sorted((round(r, 3), kind) for kind, r in chosen.items())[:5]
        if not chosen:
            continue
        print(f"und of {group or 'other'} {np.mean(list(chosen.values())):.3f}  lowest", lowest)
    print(f"und of all kinds {np.mean(list(recalls.values())):.3f}")
    timed = [text for _, text in held["declaration"]]
    made = batches(timed)
    with_lines = Language(model=options.model, lines=16)
    for name, run in {
        "bare": lambda: bare(timed),
        "ours": lambda: [scorer.score(batch) for batch in made],
        "ours with lines: 16": lambda: [with_lines.score(batch) for batch in made],
    }.items():
        results["µs a text"][name] = best_time(run, len(timed), options.runs)
        print(f"{name}: {results['µs a text'][name]:.1f} µs a text")
    (HERE / "results" / "language.json").write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
