"""The card of a quality model, as JSON for the scorer and as Markdown for people, and the folder that holds both.

What a card says follows Mitchell et al., Model Cards for Model Reporting (arXiv 1810.03993).
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import StorageError
from core.files import storage_errors, sync
from core.hashing import digest
from core.remote import is_remote
from filters.quality_model import CARD, MODELS, read_card, set_aside, standing

Json = dict[str, Any]
README = "card.md"


def check_folder(out: str, overwrite: bool = False) -> None:
    """StorageError if a model cannot be written there: a file, a folder of something else, a URI, or, unless it is to be
    overwritten, another model."""
    if is_remote(out):
        raise StorageError(f"{out} is no folder of this machine", "write the model to a local folder, and copy it")
    folder = standing(Path(out))
    if folder.exists() and not folder.is_dir():
        raise StorageError(f"{out} is a file", "give --out a folder", out)
    strange = sorted(path.name for path in folder.iterdir() if path.name not in (*MODELS, CARD, README)) if folder.is_dir() else []
    if strange:
        raise StorageError(f"{out} holds {strange[0]}, which is of no quality model", "give --out a folder of its own", out)
    if folder.is_dir() and not overwrite and any(folder.iterdir()):
        raise StorageError(f"{out} holds a model already", "give --out another folder, or --overwrite to replace it", out)


def write_model(folder: Path, model: Path, card: Json, overwrite: bool = False) -> None:
    """Writes the folder of a model in one go; one that is there is replaced if it is to be overwritten.

    That is two renames: between them, and if it is cut off there, the earlier model is found where it was set aside.
    """
    check_folder(str(folder), overwrite)
    draft = folder.parent / f".{folder.name}.{uuid.uuid4().hex}.tmp"
    with storage_errors(folder):
        try:
            draft.mkdir(parents=True)
            raw = model.read_bytes()
            card = {**card, "model": {"file": model.name, "bytes": len(raw), "digest": digest(raw).hex()}}
            (draft / model.name).write_bytes(raw)
            (draft / CARD).write_text(json.dumps(card, indent=1, ensure_ascii=False, allow_nan=False) + "\n", "utf-8")
            (draft / README).write_text(markdown(card), "utf-8")
            read_card(draft / CARD)
            for path in (*draft.iterdir(), draft):
                sync(path)
            old = set_aside(folder)
            if folder.exists():
                shutil.rmtree(old, ignore_errors=True)  # left by one that was cut off behind its renames
                os.replace(folder, old)
            try:
                os.replace(draft, folder)
            except OSError:
                if old.exists() and not folder.exists():
                    os.replace(old, folder)
                raise
            sync(folder.parent)
            shutil.rmtree(old, ignore_errors=True)
        finally:
            shutil.rmtree(draft, ignore_errors=True)


def markdown(card: Json) -> str:
    """The card for people."""
    figures, reference = card["figures"], card["reference"]
    held = figures["held_out"]
    error = figures["calibration_error"]
    lines = [
        f"# A quality classifier ({card['method']})", "", *([card["about"], ""] if card["about"] else []),
        "| class | texts read | different, used | held out | files (sum of the documents' ids) |", "|---|---|---|---|---|",
    ]  # fmt: skip
    for name, data in card["data"].items():
        files = "; ".join(f"{file['path']}: {file['texts']:,} ({file['digest'][:12]})" for file in data["files"])
        out = f"{held[name]:,}, {data['split']}" if name in held else "–"
        lines.append(f"| {name} | {data['texts']:,} | {data['used']:,} | {out} | {files} |")
    lines += [
        "", f"In both classes, taken for positive: {card['in_both_classes']:,}.", "",
        "Settings: " + ", ".join(f"{name} {value}" for name, value in card["settings"].items()) + ".", "",
        f"Held-out AUC **{figures['auc']:.4f}**; of the best {figures['keep']:.3g} of the held-out texts "
        f"**{figures['precision_at_keep']:.4f}** are positives. Calibration error {error['score']:.4f} as scored, "
        f"{error['probability']:.4f} as calibrated (each half by the other's table).", "",
        f"Percentiles are among {reference['texts']:,} {reference['of']}"
        + (f"; languages with their own: {', '.join(reference['languages'])}" if reference["languages"] else "") + ".", "",
        "| keep of the reference | threshold | positives kept | negatives kept | positives among what is kept |",
        "|---|---|---|---|---|",
    ]  # fmt: skip
    for row in figures["shares_of_reference"]:
        kept = f"{row['recall']:.3f} | {row['false_positives']:.3f} | {_plain(row['precision'])}"
        lines.append(f"| {row['share']:.3g} | {np.float32(row['threshold'])!s} | {kept} |")
    lines += ["", "| probability | texts | mean | positives |", "|---|---|---|---|"]
    for bin in figures["reliability"]["probability"]:
        lines.append(f"| from {bin['low']:.1f} | {bin['texts']:,} | {bin['probability']:.3f} | {bin['positive']:.3f} |")
    lines += ["", "A probability holds for the mix of positives and negatives of the held-out texts, not for a crawl's.", ""]
    return "\n".join(lines)


def _plain(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
