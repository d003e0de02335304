"""What is there and what is missing: each layer file's footer against the plan.

A layer file is done when its method is the plan's and its rows are those of the first layer; a first layer is done
when the input it was read from is unchanged.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import xxhash

from core.errors import StorageError
from core.remote import at_once, is_remote
from core.remote_path import Stats
from ingest.parts import Part
from ingest.read import slice_digest
from pipelines.causes import METHOD, MISSING, READS, RULES
from pipelines.context import Context
from pipelines.fingerprints import Made, before_fingerprint, reads_fingerprint
from pipelines.image_layers import FETCHED, REACHED
from pipelines.layers import Footer, check_seal, layer_path, read_footer
from pipelines.plan import CONTENT, DUPLICATES, FATE, IDENTITY, Layer, Plan, got, read_digest
from pipelines.store import Store
from pipelines.summaries import are_decided
from pipelines.tables import DOCUMENTS, Table

MANIFEST = "_layer.json"
Footers = Mapping[str, Footer | None]
#: What a manifest says, by part.
Entries = Mapping[str, dict[str, Any]]


@dataclass(frozen=True)
class PartWork:
    """What a map pass has to do for one part: `layers` → why. `ingest` says why the input is read, or is empty."""

    part: Part
    ingest: str
    layers: Mapping[str, str]

    @property
    def anything(self) -> bool:
        return bool(self.ingest or self.layers)


@dataclass
class Survey:
    """Footers of the current parts by layer, read once; `damaged` names files that were set aside."""

    store: Store
    parts: Sequence[Part]
    damaged: list[str] = field(default_factory=list[str])
    #: What tells cheaply that a part's input is as it was when it was last read or digested.
    stamps: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    #: Files that no manifest vouches for and that were read whole: size and time of change by path.
    _read: dict[Path, tuple[int, int]] = field(default_factory=dict[Path, tuple[int, int]])
    #: Files that this run wrote since it last looked at them, by table, layer and part: they are not read whole.
    _written: set[tuple[str, str, str]] = field(default_factory=set[tuple[str, str, str]])
    #: True: what was read of the input is taken as it is, and the input is not looked at (it may be gone).
    frozen: bool = False
    table: Table = DOCUMENTS
    #: The manifest of the first layer, which all questions need: its size, time and number, what it holds, whether it is sound.
    _pages: tuple[tuple[int, int, int], Entries, bool] | None = None

    def footers(self, table: str, layer: str, *, mend: bool = True) -> dict[str, Footer | None]:
        """The footer of every part, None where there is no sound file. A manifest that says otherwise is mended.

        A file that is as the manifest says is believed, and so is one that this run wrote; any other is read whole: it
        was changed behind the run's back, or the run that wrote it was killed before its manifest.
        """
        folder = self.store.path(table, layer)
        stats = Stats(folder)
        manifest, sound = self.pages_manifest(stats) if layer == self.table.first else _read_manifest(folder / MANIFEST)
        found: dict[str, Footer | None] = {}
        stale = not sound
        looks: list[tuple[Path, tuple[int, int], bool]] = []
        for part in self.parts:
            path = layer_path(self.store, table, layer, part.name)
            wrote = (table, layer, part.name) in self._written
            self._written.discard((table, layer, part.name))
            found[part.name] = None
            try:
                stat = stats[path.name]
            except FileNotFoundError:
                continue
            entry = manifest.get(part.name)
            if entry is not None and entry["bytes"] == stat.st_size and entry["changed"] == stat.st_mtime_ns:
                found[part.name] = Footer(**entry["footer"])
                continue
            seen = stat.st_size, stat.st_mtime_ns
            looks.append((path, seen, wrote or self._read.get(path) == seen))
        for (path, seen, _), footer in zip(looks, at_once(_looked_at, looks, self.store.remote), strict=True):
            if isinstance(footer, StorageError):
                self._set_aside(path, footer)
            else:
                found[path.name.removesuffix(".parquet")], self._read[path] = footer, seen
                stale = True
        if mend and stale and layer != self.table.first and self.store.generation and any(found.values()):
            write_manifest(self.store, table, layer, found)  # of pages it holds the input's stamps, which a pass adds
        return found

    @property
    def first(self) -> dict[str, Footer | None]:
        """The footers of the table's first layer."""
        return self.footers(self.table.name, self.table.first)

    def of(self, layer: str, *, mend: bool = True) -> dict[str, Footer | None]:
        """The footers of a layer of the table."""
        return self.footers(self.table.name, layer, mend=mend)

    def pages_manifest(self, stats: Stats | None = None) -> tuple[Entries, bool]:
        """The manifest of the pages, read again only when it has changed; the others are each asked for once a pass."""
        folder = self.store.path(self.table.name, self.table.first)
        try:
            stat = (stats or Stats(folder))[MANIFEST]
        except FileNotFoundError:
            return {}, False
        seen = (stat.st_size, stat.st_mtime_ns, stat.st_ino)
        if self._pages is None or self._pages[0] != seen:
            self._pages = (seen, *_read_manifest(folder / MANIFEST))
        return self._pages[1], self._pages[2]

    def forget(self) -> None:
        """Has manifests read again: this run has written them, perhaps within one tick of a store's clock."""
        self._pages = None

    def wrote(self, table: str, layer: str, parts: Iterable[str]) -> None:
        """Tasks of this run have just written a layer's files of these parts."""
        self._written.update((table, layer, part) for part in parts)

    def _set_aside(self, path: Path, error: StorageError) -> None:
        self.damaged.append(error.message)
        if self.store.generation:
            self.store.check_lease()
            path.unlink(missing_ok=True)


def _looked_at(look: tuple[Path, tuple[int, int], bool]) -> Footer | StorageError | None:
    """The footer of a file, which is read whole unless it is known to be sound; or what is wrong with it."""
    path, _, sound = look
    try:
        footer = read_footer(path)
        if not sound:
            check_seal(path)
        return footer
    except StorageError as error:
        return error


def write_manifest(
    store: Store, table: str, layer: str, footers: Footers, stamps: Mapping[str, dict[str, Any]] | None = None
) -> None:  # fmt: skip
    """Writes `_layer.json`: parts, rows and digests, so that nobody has to open every footer.

    `stamps` go into the manifest and not into the files, whose bytes follow from the input's content alone.
    """
    folder = store.path(table, layer)
    if not folder.is_dir():
        return
    parts, stats = {}, Stats(folder)
    for name, footer in sorted(footers.items()):
        if footer is None:
            continue
        stat = stats[layer_path(store, table, layer, name).name]
        parts[name] = {"bytes": stat.st_size, "changed": stat.st_mtime_ns, "footer": asdict(footer)}
        if stamps is not None:
            parts[name]["input"] = stamps[name]
    rows = sum(entry["footer"]["rows"] for entry in parts.values())
    store.write_bytes(folder / MANIFEST, manifest_json({"layer": layer, "rows": rows, "parts": parts}))


def manifest_json(manifest: Mapping[str, Any]) -> bytes:
    """A manifest as it is written, with the digest by which a damaged one is known."""
    values = {key: value for key, value in manifest.items() if key != "xxh3"}
    return json.dumps({**values, "xxh3": _digest(values)}, indent=1, sort_keys=True).encode()


def _digest(values: Mapping[str, Any]) -> str:
    return xxhash.xxh3_128_hexdigest(json.dumps(values, sort_keys=True).encode())


def survey_stage(context: Context, survey: Survey, stage: int, made: Made) -> list[PartWork]:
    """What the map pass `stage` has to do; `made` are the passes that it comes after."""
    plan = context.plan
    if plan.table is not DOCUMENTS:
        return _survey_images(context, survey, stage, made)
    pages = survey.first
    records = survey.footers("records", "record")
    references = survey.footers("references", "reference") if stage == 0 and plan.references_method else {}
    layers = {layer.name: survey.of(layer.name) for layer in plan.stage_layers(stage)}
    before = survey.pages_manifest()[0] if stage == 0 else {}
    files = {(part.uri, part.format): part for part in survey.parts} if stage == 0 and not survey.frozen else {}
    far = any(is_remote(part.uri) for part in files.values())
    stamps = dict(zip(files, at_once(context.stamp, list(files.values()), far), strict=True))
    work: list[PartWork] = []
    for part in survey.parts:
        ingest = ""
        if stage == 0:
            known = before.get(part.name, {}).get("input")
            seen = known if survey.frozen and known else stamps.get((part.uri, part.format)) or context.stamp(part)
            stamp = survey.stamps[part.name] = seen
            unchanged = known == stamp
            ingest = _ingest_reason(context.plan, part, pages[part.name], records[part.name], unchanged)
            if not ingest and references:
                ingest = _references_reason(plan, references[part.name], pages[part.name])
        todo: dict[str, str] = {}
        for layer in plan.stage_layers(stage):
            why = _layer_reason(plan, layer, layers[layer.name][part.name], pages[part.name], made)
            if why:
                todo[layer.name] = why
                if CONTENT in layer.scorer.inputs and not ingest:
                    ingest = f"{layer.name} needs the pages' HTML"
        work.append(PartWork(part, ingest, todo))
    return work


def _survey_images(context: Context, survey: Survey, stage: int, made: Made) -> list[PartWork]:
    """The same for images, whose first layers are there already."""
    plan = context.plan
    images, reached, fetched = survey.first, survey.of(REACHED), survey.of(FETCHED)
    layers = {layer.name: survey.of(layer.name) for layer in plan.stage_layers(stage)}
    work: list[PartWork] = []
    for part in survey.parts:
        todo: dict[str, str] = {}
        for layer in plan.stage_layers(stage):
            footer = layers[layer.name][part.name]
            why = _layer_reason(plan, layer, footer, images[part.name], made, reached[part.name])
            if not why and footer is not None and footer.extra.get("got") != got(layer, fetched[part.name], reached[part.name]):
                why = "other images were got"
            if why:
                todo[layer.name] = why
        work.append(PartWork(part, "", todo))
    return work


def pass_done(context: Context, survey: Survey, name: str, made: str) -> bool:
    """Whether every part's files come from this pass, by its fingerprint."""
    if name == DUPLICATES:
        return election_done(context, survey, made)
    pages, layer = survey.first, context.plan.by_name[name]
    return all(
        footer is not None and page is not None and footer.rows_digest == page.rows_digest
        and footer.method == layer.method and footer.extra.get("reads") == made
        for footer, page in zip(survey.of(name).values(), pages.values(), strict=True)
    )


def election_done(context: Context, survey: Survey, elected: str) -> bool:
    """Whether every part's files come from this election."""
    names = [IDENTITY, *([DUPLICATES] if context.plan.dedup_layers else [])]
    pages = survey.first
    return all(
        footer is not None and page is not None and footer.method == elected and footer.rows_digest == page.rows_digest
        for name in names
        for footer, page in zip(survey.of(name).values(), pages.values(), strict=True)
    )


def is_new(survey: Survey, layer: str) -> bool:
    """Whether there is no file of a layer yet, of whatever parts."""
    return not survey.store.path(survey.table.name, layer).is_dir()


def fates_missing(context: Context, survey: Survey, method: str) -> list[Part]:
    """The parts whose fates or statistics are not of this method."""
    pages = survey.first
    fates = survey.of(FATE)

    def decided(part: Part) -> bool:
        return are_decided(context, part.name, method, fates[part.name], pages[part.name])

    there = at_once(decided, survey.parts, survey.store.remote)
    return [part for part, is_there in zip(survey.parts, there, strict=True) if not is_there]


def _ingest_reason(plan: Plan, part: Part, page: Footer | None, record: Footer | None, unchanged: bool) -> str:
    if page is None or record is None:
        return "new" if page is None and record is None else "a first layer is missing"
    if page.method != plan.ingest_method or record.method != plan.ingest_method:
        return "the reader changed"
    if page.source.get("digest") != record.source.get("digest"):
        return "its first layers differ"
    if page.source.get("format") != part.format:
        return "it is read as another format"
    return "" if unchanged or slice_digest(part) == page.source.get("digest") else "the input changed"


def _references_reason(plan: Plan, references: Footer | None, page: Footer | None) -> str:
    if references is None or page is None or references.source.get("digest") != page.source.get("digest"):
        return "references need the pages' HTML"
    return "" if references.method == plan.references_method else "references changed, and need the pages' HTML"


def _layer_reason(
    plan: Plan, layer: Layer, footer: Footer | None, page: Footer | None, made: Made, reached: Footer | None = None
) -> str:  # fmt: skip
    if footer is None:
        return MISSING
    if footer.method != layer.method:
        return METHOD
    if page is None or footer.rows_digest != page.rows_digest:
        return "its records changed"
    if footer.extra.get("reads") != reads_fingerprint(plan, layer, made):
        return READS
    if not layer.carries and footer.extra.get("input") != read_digest(layer, page, reached):
        return "the input changed" if reached is None else "captions changed"
    if layer.costly and footer.extra.get("before") != before_fingerprint(plan, layer, made):
        return RULES
    return ""


def _read_manifest(path: Path) -> tuple[dict[str, dict[str, Any]], bool]:
    """The entries of a manifest by part, and whether there is one that is sound; without it the files tell as much."""
    try:
        manifest = json.loads(path.read_bytes())
        if manifest.pop("xxh3") != _digest(manifest):
            return {}, False
        return {
            name: entry for name, entry in manifest["parts"].items()
            if {"bytes", "changed", "footer"} <= entry.keys() and set(entry["footer"]) == set(Footer.__dataclass_fields__)
        }, True  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}, False
