"""Measures near-duplicates: recall by bins of the true Jaccard similarity, what edges hold clusters together, chaining.

    python benchmarks/near_duplicates.py [--gold FILE] [--warc FILE] [--pairs FILE]

By default the files are those of the development corpora (WEB2SHARDS_CORPORA); without them nothing is measured.
Over the gold texts the truth is every pair of them, compared by their sets of five words in a row in plain Python;
over the crawl it is the file of pairs, whose similarity is that of the pages' true main texts, while a run sees what
was extracted of them. Both run `exact` and `minhash` with the settings named, and nothing is dropped before.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import web_corpus
from crawls import CORPORA, DEV
from machine import begin, save, versions
from shares import Row, Share

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from dedup.shingles import shingles
from pipelines.recipe import load_recipe
from pipelines.run import RunOptions, run

BINS = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0)
SETTINGS = {
    "default": "{}",
    "threshold 0.75": "{threshold: 0.75}",
    "FineWeb (14 × 8, not verified)": "{bands: 14, rows: 8, verify: none}",
}
#: A shingle in more texts than this says little about any two of them; pairs that share nothing rarer are not looked for.
COMMON = 500
CHAINED = 0.5
RECIPE = """
name: near-duplicates
input: {input}
documents:
  score:
    - text
    - exact: {{by: text}}
    - minhash: {settings}
  keep:
    - duplicates.kept
"""


def similarity(a: frozenset[bytes], b: frozenset[bytes]) -> float:
    return len(a & b) / len(a | b) if a or b else 0.0


def all_pairs(sets: Sequence[frozenset[bytes]]) -> Iterator[tuple[int, int, float]]:
    """Every pair of at least the lowest bin's similarity, by an inverted index."""
    places: dict[bytes, list[int]] = defaultdict(list)
    for i, found in enumerate(sets):
        for shingle in found:
            places[shingle].append(i)
    shared: Counter[tuple[int, int]] = Counter()
    for found in places.values():
        if len(found) <= COMMON:
            shared.update(itertools.combinations(found, 2))
    for (i, j), common in shared.items():
        if common * 4 >= min(len(sets[i]), len(sets[j])):
            value = similarity(sets[i], sets[j])
            if value >= BINS[0]:
                yield i, j, value


def clusters_of(input: str, settings: str, folder: Path) -> list[Row]:
    """The documents of a run with their clusters."""
    run(load_recipe(RECIPE.format(input=input, settings=settings)), RunOptions(str(folder), workers=0))
    return web_corpus.read_table(folder, "documents", ["page", "text", "duplicates", "identity"]).to_pylist()


def recall(pairs: Iterable[tuple[float, bool]]) -> Row:
    """Pairs in one cluster of all, by bin of similarity, with Wilson's 95% interval of their share."""
    counts = {low: [0, 0] for low in BINS}
    for value, found in pairs:
        low = max(low for low in BINS if value >= low - 1e-9)
        counts[low][0] += found
        counts[low][1] += 1
    return {f"{low:.2f}": Share(*count).json() for low, count in counts.items()}


def cohesion(documents: Sequence[Row], sets: Sequence[frozenset[bytes]], threshold: float | None) -> Row:
    """Pairs inside clusters that are unlike, and edges under the threshold.

    An edge that was verified is a pair of at least the threshold: where such pairs leave a cluster in several pieces, one
    edge less than the pieces, at least, is under it.
    """
    members: dict[bytes, list[int]] = defaultdict(list)
    for i, document in enumerate(documents):
        if document["duplicates.cluster"] is not None:
            members[document["duplicates.cluster"]].append(i)
    pairs = chained = under = 0
    several = [group for group in members.values() if len(group) > 1]
    for group in several:
        values = {
            (i, j): 1.0 if documents[i]["text.text"] == documents[j]["text.text"] else similarity(sets[i], sets[j])
            for i, j in itertools.combinations(group, 2)
        }
        pairs += len(values)
        chained += sum(value < CHAINED for value in values.values())
        if threshold is not None:
            under += pieces(group, (pair for pair, value in values.items() if value >= threshold)) - 1
    return {
        "clusters": len(several), "largest": max(map(len, several), default=0), "pairs": pairs,
        "pairs under 0.5": chained, "share under 0.5": round(chained / max(1, pairs), 4),
        **({"edges under the threshold": under} if threshold is not None else {}),
    }  # fmt: skip


def pieces(group: Iterable[int], pairs: Iterable[tuple[int, int]]) -> int:
    """Into how many pieces pairs join the members of a group."""
    head = {i: i for i in group}

    def root(i: int) -> int:
        while head[i] != i:
            head[i] = i = head[head[i]]
        return i

    for i, j in pairs:
        head[root(i)] = root(j)
    return sum(i == above for i, above in head.items())


def measure(documents: Sequence[Row], truth: Iterable[tuple[str, str, float]], threshold: float | None) -> Row:
    """What a run found of pairs of URLs."""
    sets = [frozenset(shingles(document["text.text"] or "", 5, "word")) for document in documents]
    by_url: Mapping[str, list[Row]] = defaultdict(list)
    for document in documents:
        by_url[document["page.url"]].append(document)
    judged: list[tuple[float, bool]] = []
    missing = 0
    for a, b, value in truth:
        pairs = [(x, y) for x in by_url[a] for y in by_url[b] if x is not y]
        if not pairs:
            missing += 1
            continue
        # Of rows of one record, the one that stands for it is in a cluster.
        live = [(x["duplicates.cluster"], y["duplicates.cluster"]) for x, y in pairs]
        judged.append((value, any(a is not None and a == b for a, b in live)))
    return {"recall": recall(judged), "pairs of which a page is missing": missing, **cohesion(documents, sets, threshold)}


@dataclass(frozen=True)
class Gold:
    """The true texts, and every pair of them of at least the lowest bin's similarity."""

    rows: list[Row]
    truth: list[tuple[str, str, float]]

    @classmethod
    def of(cls, path: Path) -> Gold:
        rows = [row for row in web_corpus.read_rows(path) if row["text"]]
        sets = [frozenset(shingles(row["text"], 5, "word")) for row in rows]
        return cls(rows, [(rows[i]["url"], rows[j]["url"], value) for i, j, value in all_pairs(sets)])


def over_gold(gold: Gold, settings: str, threshold: float | None, folder: Path) -> Row:
    table = folder / "gold.jsonl"
    table.write_text("".join(json.dumps({"url": row["url"], "text": row["text"]}) + "\n" for row in gold.rows))
    documents = clusters_of(f"{{table: {{path: {table}}}}}", settings, folder / "gold")
    return measure(documents, gold.truth, threshold)


def over_crawl(warc: Path, pairs: Path, settings: str, threshold: float | None, folder: Path) -> Row:
    documents = clusters_of(f"{{warcs: {warc}, part: 8MB}}", settings, folder / "crawl")
    truth = [(row["a"], row["b"], float(row["jaccard"])) for row in web_corpus.read_rows(pairs)]
    return measure(documents, truth, threshold)


def lines(name: str, measured: Row) -> str:
    found = [f"\n{name}"]
    for low, share in measured["recall"].items():
        if share["total"]:
            counted = f"{share['hits']:>4} of {share['total']:>4}"
            found.append(f"  {low}  {counted}  {share['share']:.3f}  [{share['low']:.3f}, {share['high']:.3f}]")
    rest = {key: value for key, value in measured.items() if key != "recall"}
    return "\n".join([*found, *(f"  {key}: {value}" for key, value in rest.items())])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gold", type=Path, default=CORPORA / "web" / "dev-gold-text.jsonl.gz", help="JSONL with url and text")
    parser.add_argument("--warc", type=Path, default=DEV)
    pairs = CORPORA / "web" / "dev-neardup-pairs.jsonl.gz"
    parser.add_argument("--pairs", type=Path, default=pairs, help="JSONL with a, b and jaccard")
    parser.add_argument("--settings", nargs="*", choices=list(SETTINGS), default=list(SETTINGS))
    given = parser.parse_args()
    missing = [path.name for path in (given.gold, given.warc, given.pairs) if not path.is_file()]
    if missing:
        print(f"{', '.join(missing)}: not there, so that nothing is measured (WEB2SHARDS_CORPORA names the folder of corpora)")
        return
    began = begin(wait=False)
    gold = Gold.of(given.gold)
    measures: dict[str, Row] = {}
    for name in given.settings:
        settings = SETTINGS[name]
        threshold = None if "none" in settings else 0.75 if "0.75" in settings else 0.8
        with tempfile.TemporaryDirectory() as folder:
            measures[f"true texts, {name}"] = over_gold(gold, settings, threshold, Path(folder))
            measures[f"crawl, {name}"] = over_crawl(given.warc, given.pairs, settings, threshold, Path(folder))
    for name, measured in measures.items():
        print(lines(name, measured))
    if set(given.settings) == set(SETTINGS):
        save("near_duplicates", {**began, "versions": versions(("numba", "numpy", "pyarrow", "web2shards")), "measures": measures})


if __name__ == "__main__":
    main()
