"""The README's short table: one line a job, web2shards beside the fastest or best peer of the same run, out of results/*.json."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from goals import extrapolated, value_at

Row = dict[str, Any]
Line = list[str]
HEADER = ["job", "web2shards", "peer", "times"]
MICRO = "median_microseconds_a_document"


def _faster(job: str, ours: float | None, peer: str, theirs: float | None, unit: str, mark: str = "") -> list[Line]:
    """A rate beside a rate; nothing if either is not there."""
    if not ours or not theirs:
        return []
    return [[job, f"{ours:,.0f}{unit}", f"{peer}: {theirs:,.0f}{unit}{mark}", _times(ours / theirs)]]


def _shorter(job: str, ours: float | None, peers: Mapping[str, float | None]) -> list[Line]:
    """Microseconds a document beside those of the fastest peer that ran."""
    ran = {name: value for name, value in peers.items() if value}
    if not ours or not ran:
        return []
    name = min(ran, key=lambda peer: ran[peer])
    return [[job, f"{ours:,.0f} µs", f"{name}: {ran[name]:,.0f} µs", _times(ran[name] / ours)]]


def _times(value: float) -> str:
    return f"{value:.0f}×" if value >= 10 else f"{value:.1f}×"


def _whole(found: Row) -> list[Line]:
    """WARCs to text: ours and the peer's by its runs on fewer pages, carried on to as many."""
    rate = value_at(found, "long", "medians", "30,000 pages, warm", "documents_a_second")
    peer = "datatrove with Trafilatura"
    return _faster("crawl to filtered, deduplicated text", rate, peer, extrapolated(found, "trafilatura"), " pages/s", " †")


def _stages(found: Row) -> list[Line]:
    ours, theirs = (
        value_at(found, "medians", name, "documents_a_second") for name in ("web2shards", "datatrove, trafilatura")
    )
    return _faster("every stage of the text side, a small damaged crawl", ours, "datatrove with Trafilatura", theirs, " pages/s")


def _extraction(found: Row) -> list[Line]:
    """Beside the best of the others, not the fastest: both are said."""
    engines: Row = found["engines"]
    told = {name: f"F1 {row['scores']['all'][0]:.3f} in {row['ratio']:.2g}" for name, row in engines.items()}
    best = max((name for name in engines if not name.startswith("web2shards")), key=lambda name: engines[name]["scores"]["all"][0])
    return [
        [f"main text of pages{', `fast`' if name.endswith('fast') else ''} (time in Resiliparse's)", f"{told[name]}×",
         f"{best}: {told[best]}×", _times(engines[best]["ratio"] / engines[name]["ratio"])]
        for name in ("web2shards", "web2shards-fast")
    ]  # fmt: skip


def _languages(found: Row) -> list[Line]:
    """Sentences that nothing was learned or chosen from, cut to 20 characters."""
    return [
        [f"language of 20 characters, {row['languages']} languages, accuracy", f"{row['ours']:.1%}",
         f"{found['model']}: {row['bare']:.1%}", f"{row['ours'] / row['bare']:.1f}×"]
        for row in found["accuracy"] if (row["set"], row["length"]) == ("fresh", 20)
    ]  # fmt: skip


def _signatures(found: Row) -> list[Line]:
    medians: Row = found[MICRO]
    peers = {name: value for name, value in medians.items() if name.startswith(("datasketch", "datatrove", "rensa", "Daft"))}
    return _shorter("MinHash signature, 112 permutations", medians["web2shards, 112 permutations"], peers)


def _filters(found: Row) -> list[Line]:
    ours = found[MICRO]["gopher, c4 and fineweb as in recipes/fineweb.yaml"]
    return _shorter("quality filters of FineWeb", ours, {"datatrove": value_at(found, "peers", "datatrove", "median", "all")})


def _step(job: str, ours: str, peers: Mapping[str, str]) -> Callable[[Row], list[Line]]:
    """Of one of the files of curation by step."""

    def lines(found: Row) -> list[Line]:
        theirs = {peer: value_at(found, "peers", peer, "median", name) for peer, name in peers.items()}
        return _shorter(job, value_at(found, MICRO, ours), theirs)

    return lines


def _fetching(found: Row) -> list[Line]:
    ours, theirs = (value_at(found, "medians", name, "images_a_second") for name in ("web2shards", "img2dataset"))
    return _faster("images fetched and resized", ours, "img2dataset", theirs, " images/s")


#: By the file of results, in the table's order; a file may be here more than once.
LINES: Sequence[tuple[str, Callable[[Row], list[Line]]]] = (
    ("end_to_end", _whole),
    ("all_stages", _stages),
    ("extraction", _extraction),
    ("language", _languages),
    ("heuristics", _filters),
    ("quality", _step("classifier of DCLM's kind", "quality (fastText, DCLM's settings)",
                      {"datatrove": "FastTextClassifierFilter"})),
    ("pii", _step("e-mail and IP addresses masked", "pii, emails and ips as FineWeb",
                  {"datatrove": "PIIFormatter", "Data-Juicer": "clean_email_mapper, clean_ip_mapper"})),
    ("signatures", _signatures),
    ("paragraphs", _step("13-grams of evaluation sets", "decontaminate: 13 words", {"datatrove": "n-gram decontamination"})),
    ("fetching", _fetching),
)  # fmt: skip


def lines(results: Callable[[str], Row | None]) -> list[Line]:
    """The rows whose results are there. `results` gives what was measured by a file's name."""
    return [line for name, make in LINES if (found := results(name)) for line in make(found)]
