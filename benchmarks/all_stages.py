"""All stages of the text side in one run over a WARC of real damage, beside datatrove's: time, processor time, memory.

`python benchmarks/all_stages.py`. Extraction, language, Gopher, C4, FineWeb, a fastText classifier with DCLM's settings,
near-duplicates, repeated lines, decontamination and masks on both sides; web2shards also looks hosts up, reads permissions
and counts flagged words. datatrove extracts with Trafilatura, as its FineWeb example does. Start-up is in all times; what a
page costs beside it is told by two runs of each tool over crawls of different length (inputs.py).
"""

from __future__ import annotations

import statistics
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from crawls import DEV, halves, third
from end_to_end import HERE, PACKAGES, datatrove, growth, medians, web2shards
from heuristics import read_texts
from inputs import DATA, SHORT, build, shorter
from machine import begin, save, versions
from paragraphs import write_set
from peer import versions_of
from quality import model
from texts import texts_file

RECIPE = HERE / "recipes" / "all_stages.yaml"
RUNS = 3


def filled(folder: Path) -> dict[str, Path]:
    """The recipe with its model, evaluation set and list of hosts, by name."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = read_texts(texts_file(), "text")
    found = {"MODEL": model(texts), "SET": folder / "set.jsonl", "HOSTS": folder / "hosts.txt", "RECIPE": folder / RECIPE.name}
    write_set(texts, found["SET"])
    found["HOSTS"].write_text("".join(f"listed{i}.example\n" for i in range(100_000)))
    recipe = RECIPE.read_text(encoding="utf-8")
    for name in ("MODEL", "SET", "HOSTS"):
        recipe = recipe.replace(f"{name}}}", f"{found[name]}}}").replace(f"[{name}]", f"[{found[name]}]")
    found["RECIPE"].write_text(recipe, encoding="utf-8")
    return found


def main() -> None:
    if not DEV.is_file():
        print(f"{DEV.name} is not there: nothing is measured (WEB2SHARDS_CORPORA names the folder of corpora)")
        return
    files = filled(DATA / "all-stages")
    whole = build()
    tenth = shorter(whole)
    theirs = [str(files["MODEL"] / "model.bin"), str(files["SET"])]
    web2shards(DEV, "all-stages-kernels", recipe=files["RECIPE"])  # not counted: compiles kernels
    began = begin()
    runs: dict[str, list[dict[str, Any]]] = {
        "web2shards": [web2shards(DEV, "all-stages", recipe=files["RECIPE"]) for _ in range(RUNS)],
        "datatrove, trafilatura": [
            datatrove(halves(DEV), "all-stages", "trafilatura", *theirs)
        ],
        "web2shards, short": [web2shards(tenth, "all-stages-short", recipe=files["RECIPE"])],
        "web2shards, long": [web2shards(whole, "all-stages-long", recipe=files["RECIPE"])],
        "datatrove, short": [datatrove(third(tenth, SHORT // 3), "all-stages-short", "trafilatura", *theirs)],
        "datatrove, long": [datatrove(tenth, "all-stages-long", "trafilatura", *theirs)],
    }
    middle = {name: medians(rows) for name, rows in runs.items()}
    for name, rows in runs.items():
        if "crashed" not in middle[name]:
            middle[name]["cpu_ms_a_page"] = round(statistics.median(1e3 * r["cpu_seconds"] / r["pages"] for r in rows), 3)
    told = {"versions": versions(PACKAGES), "peers": versions_of("datatrove")}
    grown = {name: growth(runs[f"{name}, short"][0], runs[f"{name}, long"][0]) for name in ("web2shards", "datatrove")}
    save("all_stages", {**began, **told, "runs": runs, "medians": middle, "growth": grown})
    for name, found in grown.items():
        if found:
            print(f"{name}: {found['start_up_seconds']} s and {1e3 * found['seconds_a_page']:.2f} ms a page")
    for name, row in middle.items():
        print(name, row)


if __name__ == "__main__":
    main()
