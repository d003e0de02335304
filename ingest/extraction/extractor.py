"""A page's title and main text: scan, features, trees, choice, and the text plain or with its structure.

Time and memory grow with the page alone: blocks go through the models a slab at a time.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from core.characters import Bytes
from ingest.extraction import layout as at
from ingest.extraction.agreement import agree, drop_few
from ingest.extraction.choice import LEAST, LEAST_FAST, choose, drop_orphans, expected_f1, keep_headings
from ingest.extraction.contents import drop_contents
from ingest.extraction.context import N_CONTEXT, fill_context
from ingest.extraction.examples import keep_code
from ingest.extraction.features import N_FEATURES, fill_features, relations_of
from ingest.extraction.languages import drop_languages
from ingest.extraction.layout import Tables
from ingest.extraction.linked_data import missing_text
from ingest.extraction.markdown import markdown
from ingest.extraction.measures import measure
from ingest.extraction.model import Model, default_model
from ingest.extraction.pages import survey
from ingest.extraction.plain import plain
from ingest.extraction.repeats import drop_copies, drop_repeats
from ingest.extraction.scan import scan
from ingest.extraction.signs import pieces
from ingest.extraction.titles import drop_heading, keep_heading
from ingest.extraction.trees import predict
from ingest.extraction.unseen import hide
from ingest.references import unescape, with_letters

#: Blocks whose features are in memory at once: 2 MB, which most pages do not fill.
_SLAB = 2048
#: A text of fewer words may lack what the page says in JSON-LD.
SHORT = 200


class Extraction(NamedTuple):
    """`text`: blocks, a line each; `confidence`: the F1 that is expected of it, text of JSON-LD included, 0 to 1, 0 where nothing
    was found, None where all blocks were asked for."""

    title: str
    text: str
    confidence: float | None


def extract(
    data: Bytes, *, fast: bool = False, main: bool = True, structure: bool = False, model: Model | None = None
) -> Extraction:
    """Title and main text of a page: UTF-8 as uint8 of shape (n,), which may be read-only, and hold anything.

    `fast`: with one small model in place of two. `main`: if not, all blocks are kept, without a confidence. `structure`: the
    text is Markdown, with headings, lists, tables and code.
    """
    data = np.frombuffer(with_letters(data.data), np.uint8)
    tables = scan(data)
    count = int(tables.state[at.N_BLOCKS])
    title = _title(data, tables)
    kept, confidence, probability = np.ones(count, np.bool_), None, np.zeros(count, np.float32)
    if main:
        probability = probabilities(tables, model or default_model(), fast=fast)
        kept, confidence = select(tables, probability, title, structure=structure, fast=fast)
    chosen = pieces(tables, kept)
    text = markdown(data, tables, chosen) if structure else plain(tables, chosen)
    if main and int(tables.blocks[:count][kept, at.B_WORDS].sum()) < SHORT and b"ld+json" in (page := data.tobytes()):
        more = missing_text(page, text)
        if more:
            confidence = expected_f1(tables, probability, kept, len(more.split()))
        text += ("\n\n" if structure else "\n") * bool(text and more) + (more.replace("\n", "\n\n") if structure else more)
    return Extraction(title, text, confidence)


def select(
    tables: Tables, probability: npt.NDArray[np.float32], title: str = "", *, structure: bool = False, fast: bool = False
) -> tuple[npt.NDArray[np.bool_], float]:
    """Which blocks are written (bool, (blocks,)), and the F1 that is expected of them, 0 to 1. With `structure` the page's own
    heading is among them, else it is not if `title`, the page's <title>, says it. `fast`: the probabilities are those of the small
    model."""
    kept = np.zeros(len(probability), np.bool_)
    confidence = float(choose(tables, probability, LEAST_FAST if fast else LEAST, kept))
    keep_code(tables, probability, kept)
    keep_headings(tables, probability, kept)
    drop_languages(tables, probability, kept)
    drop_contents(tables, kept)
    (keep_heading if structure else drop_heading)(tables, title, kept)
    drop_repeats(tables, kept)
    drop_copies(tables, kept)
    drop_few(tables, kept)
    drop_orphans(tables, probability, kept)
    return kept, confidence


def probabilities(tables: Tables, model: Model, *, fast: bool = False) -> npt.NDArray[np.float32]:
    """How probable each block is to be main text: float32 of shape (blocks,)."""
    count = int(tables.state[at.N_BLOCKS])
    if count == 0:
        return np.zeros(0, np.float32)
    measures = measure(tables, model.words, model.names)
    known = (tables, measures, survey(tables, measures), relations_of(tables, measures), model.elements)
    rows = np.empty((min(count, _SLAB), N_FEATURES + N_CONTEXT), np.float32)
    result = np.empty(count, np.float32)
    for first in range(0, count, _SLAB):
        fill_features(*known, first, rows)
        part = result[first : first + _SLAB]
        predict(rows, len(part), model.fast if fast else model.first, part)
    if fast:
        agree(tables, measures, result)
        hide(tables, measures, result)
        return result
    context = np.empty((count, N_CONTEXT), np.float32)
    fill_context(tables, measures, result, context)
    for first in range(0, count, _SLAB):
        part = result[first : first + _SLAB]
        if count > _SLAB:
            fill_features(*known, first, rows)
        rows[: len(part), N_FEATURES:] = context[first : first + _SLAB]
        predict(rows, len(part), model.second, part)
    agree(tables, measures, result)
    hide(tables, measures, result)
    return result


def title(data: Bytes) -> str:
    """A page's title alone, empty if it has none."""
    return _title(data, scan(data))


def _title(data: Bytes, tables: Tables) -> str:
    raw = data[int(tables.state[at.TITLE_START]) : int(tables.state[at.TITLE_END])].tobytes()
    return " ".join(unescape(raw.decode("utf-8", "replace")).replace("\x00", "").split())


__all__ = ["Extraction", "extract", "probabilities", "select", "title"]
