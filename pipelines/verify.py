"""Verifies what a run wrote: every page checksum, the ids of every layer against its first layer, shards, sums.

Nothing is believed that can be read: manifests are compared with files, footers with rows, the index with shards.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import xxhash

from core.errors import InputError, StorageError
from core.remote_path import place
from pipelines.ending import left_out_of
from pipelines.image_layers import FETCHED
from pipelines.layers import Footer, RowReader, check_seal, id_bytes, layer_path, read_footer
from pipelines.plan import FATE
from pipelines.runfile import RUN, read_run
from pipelines.segments import Segments, segment_path
from pipelines.store import Store
from pipelines.stored_layers import PlannedLayer, layers_of, part_names_of
from pipelines.survey import MANIFEST
from pipelines.tables import FIRST_LAYERS
from reports.check_sums import verify as verify_sums
from sharding.check import check_output
from sharding.index import read_index

RUN_AGAIN = "run the same command again"
AGAIN = f"{RUN_AGAIN}: it is computed anew"
REMOVE = f"delete the file and {AGAIN}"
_ROWS = 1 << 14


@dataclass(frozen=True)
class Problem:
    """What is wrong with a file, and what to do about it."""

    file: str
    what: str
    mend: str

    def __str__(self) -> str:
        return f"{self.file}: {self.what}\n  → {self.mend}"


@dataclass
class Checked:
    """What was looked at, and what is wrong with it."""

    files: int = 0
    rows: int = 0
    shards: int = 0
    samples: int = 0
    #: sha256 of every shard, by its path in the out folder.
    sums: dict[str, str] = field(default_factory=dict[str, str])
    problems: list[Problem] = field(default_factory=list[Problem])


    @property
    def sum(self) -> str:
        """One sha256 for all shards: of what `sha256sum` says of them, in the order of their paths."""
        lines = "".join(f"{of}  {path}\n" for path, of in sorted(self.sums.items()))
        return hashlib.sha256(lines.encode()).hexdigest()


def verify(out: str, told: Callable[[str], None] | None = None) -> Checked:
    """Reads layers, shards and statistics of a run; `told` hears what is looked at. InputError if there is no run."""
    info = read_run(out)
    if not info:
        raise InputError(f"{out}: there is no run here ({RUN} is missing)", "give the --out of a run")
    checked = Checked()
    store = Store(out)
    if info["finished"] is None:
        checked.problems.append(Problem(RUN, "the last run did not finish", RUN_AGAIN))
    counts: dict[str, int] = {"documents": 0, "records": 0, "kept": 0}
    counts |= {"images": 0, "images kept": 0} if "images" in info["plan"] else {}
    for layer in layers_of(info):
        if told is not None:
            told(f"{layer.table}/{layer.name}")
        manifest = _manifest(store, layer, checked)
        for part in part_names_of(info, layer.table):
            _file(store, layer, part, manifest, checked, counts)
    if "images" in counts:
        check_segments(store, part_names_of(info, "images"), checked)
    whole = not checked.problems
    written = _outputs(store, info, checked, told)
    # Where layers are missing or damaged, the sums would only say so again.
    _sums(place(out) / "report" / "stats.json", counts if whole else {}, checked)
    for name, samples in written.items():
        table = info["recipe"]["output"][name]["from"]
        kept = counts["images kept" if table == "images" else "kept"]
        if whole and samples != kept:
            what = f"{samples:,} samples written or left out, and {table}/fate keeps {kept:,}"
            checked.problems.append(Problem(f"shards/{name}/index.json", what, RUN_AGAIN))
    return checked


def _manifest(store: Store, layer: PlannedLayer, checked: Checked) -> dict[str, Any]:
    path = store.path(layer.table, layer.name, MANIFEST)
    try:
        return json.loads(path.read_bytes())["parts"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        checked.problems.append(Problem(_short(store, path), f"cannot be read ({error})", RUN_AGAIN))
        return {}


def _file(
    store: Store, layer: PlannedLayer, part: str, manifest: dict[str, Any], checked: Checked, counts: dict[str, int]
) -> None:  # fmt: skip
    path = layer_path(store, layer.table, layer.name, part)
    name = _short(store, path)

    def add(what: str, mend: str = REMOVE) -> None:
        checked.problems.append(Problem(name, what, mend))

    first = layer_path(store, layer.table, FIRST_LAYERS[layer.table], part)
    try:
        footer = read_footer(path)
        of_rows = read_footer(first)
    except StorageError as error:
        add(error.message.partition(": ")[2], AGAIN)
        return
    if footer is None:
        add("is missing", AGAIN)
        return
    checked.files += 1
    if (footer.layer, footer.part) != (layer.name, part):
        add(f"says that it is of layer {footer.layer}, part {footer.part}")
    if layer.method and footer.method != layer.method:
        add("was made by another recipe or version than the plan in run.json", AGAIN)
    if of_rows is not None and (footer.rows, footer.rows_digest) != (of_rows.rows, of_rows.rows_digest):
        add(f"has {footer.rows:,} rows, and {first.parent.name} {of_rows.rows:,}, or their ids differ", AGAIN)
    if part in manifest and manifest[part].get("footer") != asdict(footer):
        add(f"{MANIFEST} says otherwise than its footer", RUN_AGAIN)
    try:
        check_seal(path)
        rows, kept = _read(path, footer, layer)
    except StorageError as error:
        add(error.message.partition(": ")[2])
        return
    except ValueError as error:
        add(str(error))
        return
    checked.rows += rows
    if layer.name in ("page", "record", "image"):
        counts[layer.table] += rows
    counts["images kept" if layer.table == "images" else "kept"] += kept


def _read(path: Path, footer: Footer, layer: PlannedLayer) -> tuple[int, int]:
    """Reads a file whole; its rows, and of fates how often kept rows go into the shards. ValueError: not its footer's."""
    reader = RowReader(path)
    digest = xxhash.xxh3_128()
    rows = kept = 0
    try:
        for batch in reader.batches(_ROWS):
            rows += len(batch)
            digest.update(id_bytes(batch.column("id")))
            if layer.name == FATE:
                kept += pc.sum(batch.filter(batch.column("kept")).column("repeat")).as_py() or 0
    finally:
        reader.close()
    if rows != footer.rows:
        raise ValueError(f"has {rows:,} rows, and its footer says {footer.rows:,}")
    if digest.hexdigest() != footer.rows_digest:
        raise ValueError("its ids are not those of its footer")
    return rows, kept


def check_segments(store: Store, parts: Iterable[str], checked: Checked) -> None:
    """Reads the bytes of every image that was got, against their digests."""
    for part in parts:
        path = layer_path(store, "images", FETCHED, part)
        segments = Segments(store)
        try:
            reader = RowReader(path, ["id", "segment", "row", "sha256"])
        except (StorageError, OSError):  # told already
            continue
        try:
            for batch in reader.batches(_ROWS):
                for row in batch.filter(pc.is_valid(batch.column("segment"))).to_pylist():
                    (data,) = segments.read([row["id"]], [row["segment"]], [row["row"]])
                    if hashlib.sha256(data.as_buffer()).digest() != row["sha256"]:
                        name = _short(store, segment_path(store, row["segment"]))
                        checked.problems.append(Problem(name, f"the image {row['id'].hex()} is not as it was got", REMOVE))
        except StorageError as error:
            checked.problems.append(Problem(_short(store, place(error.path)), error.message.partition(": ")[2], REMOVE))
        finally:
            reader.close()


def _outputs(
    store: Store, info: dict[str, Any], checked: Checked, told: Callable[[str], None] | None
) -> dict[str, int]:  # fmt: skip
    """Checks every output; samples by output, those that are left out of it counted."""
    written: dict[str, int] = {}
    for name in info["recipe"]["output"]:
        folder = store.path("shards", name)
        if told is not None:
            told(f"shards/{name}")
        for problem in check_output(folder):
            # A run looks at the sizes of shards; what is of the right size is made anew once it is gone.
            there = problem.mend.startswith(RUN_AGAIN) and (folder / problem.file).exists()
            mend = f"delete the file and {problem.mend}" if there else problem.mend
            checked.problems.append(Problem(f"shards/{name}/{problem.file}", problem.what, mend))
        try:
            index = read_index(folder)
        except StorageError:
            continue
        samples = sum(shard.samples for shard in index.shards)
        checked.shards += len(index.shards)
        checked.samples += samples
        checked.sums |= {f"shards/{name}/{shard.name}": shard.sha256 for shard in index.shards}
        written[name] = samples + sum(left_out_of(index).values())
    return written


def _sums(path: Path, counts: dict[str, int], checked: Checked) -> None:
    """Whether the report's numbers add up, and are those of the layers."""
    name = "report/stats.json"
    try:
        stats = json.loads(path.read_bytes())
        problems = verify_sums(stats)
        tables = {table["name"]: table for table in stats["tables"]}
        table = tables["documents"]
        told = {"documents": table["total"], "records": stats["records"]["total"], "kept": table["repeat"]}
        if "images" in counts:
            told |= {"images": tables["images"]["total"], "images kept": tables["images"]["repeat"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        checked.problems.append(Problem(name, f"cannot be read ({error})", RUN_AGAIN))
        return
    problems += [
        f"{what}: {told[what]:,} in the report, {counts[what]:,} in the layers" for what in counts if told[what] != counts[what]
    ]
    checked.problems += [Problem(name, what, RUN_AGAIN) for what in problems]


def _short(store: Store, path: Path) -> str:
    return path.relative_to(store.root).as_posix()
