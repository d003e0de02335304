"""Quality models on disk: a folder with the model, its card, and what the card says of scores.

A model is fastText's (`model.bin`, `model.ftz`) or this project's own (`model.npz`, plain arrays of a linear model over
hashed n-grams); a bare fastText file, such as DCLM's (arXiv 2406.11794), is one without a card.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from core.characters import CLASSES
from core.columns import utf8_view
from core.errors import ScorerError
from core.hashing import digest
from filters.fasttext_file import BEGIN, read_file
from filters.fasttext_linear import END, LABEL, linear_fasttext
from filters.fasttext_model import Predict, file_digest, open_model
from filters.hashed_ngrams import MAX_BITS, MAX_NGRAMS, MIN_BITS, apply_linear
from filters.quality_figures import Calibration, Floats

CARD = "card.json"
MODELS = ("model.npz", "model.ftz", "model.bin")
#: The model that comes with the package, for the demo.
DEMO = "demo"
FORMAT = "web2shards quality 1"
#: The reference of all languages together.
ALL = "all"

_DATA = Path(__file__).parent / "data"
_MAX_CARD = 64 << 20
_MAX_WEIGHTS = 4 << (MAX_BITS + 1)

#: How often a model is read anew if another takes its place meanwhile.
_TRIES = 3

T = TypeVar("T")
Raw = Callable[[pa.Array], Floats]


@dataclass(frozen=True)
class Card:
    """What is known of a model's scores: `calibration` to probabilities, and the scores that texts of a reference have,
    by language, as ascending quantiles at even shares from 0 to 1."""

    label: str
    calibration: Calibration | None = None
    references: Mapping[str, Floats] = field(default_factory=dict[str, Floats])


@dataclass(frozen=True)
class Model:
    """`raw(texts)` gives the scores of a string column, float64 of shape (n,), 0 to 1; nulls as empty texts."""

    raw: Raw
    card: Card


def set_aside(folder: Path) -> Path:
    """Where the folder of a model lies while another takes its place."""
    return folder.parent / f".{folder.name}.old"


def standing(folder: Path) -> Path:
    """The folder of a model, or the one that was set aside where its replacement is not there yet, or was cut off."""
    return folder if folder.exists() or not set_aside(folder).is_dir() else set_aside(folder)


def locate(name: str) -> tuple[Path, Path | None]:
    """The file of a model and of its card: a folder's, or a bare fastText file. Raises ScorerError."""
    path = _DATA / "quality_demo" if name == DEMO else standing(Path(name))
    if not path.exists():
        path = standing(path.parent) / path.name
    if path.is_dir():
        found = [path / model for model in MODELS if (path / model).is_file()]
        if len(found) == 1 and (path / CARD).is_file():
            return found[0], path / CARD
        raise ScorerError(
            f"{path} holds no quality model: {CARD} and one of {', '.join(MODELS)} are needed",
            "give model: the folder that `web2shards train quality` wrote", str(path),
        )  # fmt: skip
    if path.is_file():
        if path.name in MODELS and (path.parent / CARD).is_file():
            return path, path.parent / CARD
        if path.suffix == ".npz":
            raise ScorerError(f"{path} has no {CARD} beside it", "give model: the folder that it was written in", str(path))
        _require_fasttext(path)
        return path, None
    raise ScorerError(
        f"the quality model {name} was not found",
        "give model: a folder that `web2shards train quality` wrote, a fastText file, or `demo`", str(path),
    )  # fmt: skip


def _require_fasttext(path: Path) -> None:
    """ScorerError if a bare file does not begin as fastText's do."""
    try:
        with path.open("rb") as file:
            first = file.read(64)
    except OSError:  # told by who opens it
        return
    if not first.startswith(BEGIN):
        kinds = {b"{": "JSON Lines", b"[": "JSON", b"PAR1": "a Parquet file", b"\x1f\x8b": "a gzip file", b"PK": "a zip file"}
        kind = next((kind for begin, kind in kinds.items() if first.lstrip().startswith(begin)), "no fastText file")
        raise ScorerError(
            f"{path} is {kind}, and no model",
            f"of texts a model is made by `web2shards train quality --positive {path.name} --negative OTHERS --out FOLDER`: "
            "give that folder as model", str(path),
        )  # fmt: skip


def model_digest(name: str) -> str:
    """A digest of a model and its card. Raises ScorerError."""
    return _read_anew(lambda: _digest_of(name))


def _digest_of(name: str) -> str:
    return digest(*(_digest(path) for path in locate(name) if path is not None)).hex()


def _digest(path: Path) -> str:
    status = path.stat()
    return file_digest(str(path), status.st_size, status.st_mtime_ns)


def load(name: str, label: str = "") -> Model:
    """A model by its folder or file; `label` of a bare fastText file. Raises ScorerError."""

    def read() -> Model:
        key = _digest_of(name)
        path, card = locate(name)
        model = _load(str(path), "" if card is None else str(card), label, key)
        if _digest_of(name) != key:
            raise ScorerError(f"{path} is being replaced", "wait until it is trained, and run the same command again", str(path))
        return model

    return _read_anew(read)


def _read_anew(read: Callable[[], T]) -> T:
    """What is read of a model; again where its folder was renamed meanwhile, so that a file was not there or another's."""
    for _ in range(_TRIES - 1):
        with suppress(OSError, ScorerError):
            return read()
    return read()


@lru_cache(maxsize=8)
def _load(path: str, card_path: str, label: str, key: str) -> Model:
    """`key` is there for the cache."""
    card = read_card(Path(card_path)) if card_path else Card(label)
    if label and label != card.label:
        raise ScorerError(f"{card_path}: the model's label is {card.label!r}, not {label!r}", "leave label: out", card_path)
    return Model(raw_scores(Path(path), card.label), card)


def raw_scores(path: Path, label: str) -> Raw:
    """The scores of a model's file, without its card. Raises ScorerError."""
    return linear(path) if path.suffix == ".npz" else _fasttext(str(path), label)


def read_card(path: Path) -> Card:
    """The card of a model. Raises ScorerError for one that is damaged or of another version."""
    try:
        if path.stat().st_size > _MAX_CARD:
            raise ValueError(f"more than {_MAX_CARD:,} bytes")
        value = json.loads(path.read_bytes())
        if not isinstance(value, dict) or value.get("format") != FORMAT:
            raise ValueError(f"its format is not {FORMAT!r}")
        references = {str(k): _quantiles(v["quantiles"]) for k, v in value["reference"]["languages"].items()}
        references[ALL] = _quantiles(value["reference"]["quantiles"])
        return Card(str(value["label"]), Calibration.from_json(value["calibration"]), references)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        told = f"`{error.args[0]}` is missing" if isinstance(error, KeyError) else str(error)
        raise ScorerError(f"{path} is no card of a quality model: {told}", "train the model again", str(path)) from error


def _quantiles(values: Any) -> Floats:
    found = np.array(values, np.float64)
    if found.ndim != 1 or len(found) < 2 or not np.isfinite(found).all() or (np.diff(found) < 0).any():
        raise ValueError("the quantiles of its reference do not ascend")
    return found


def percentiles(scores: Floats, quantiles: Floats) -> Floats:
    """The share of a reference that scores lower, 0 to 1: linear between quantiles; where several equal the score, the
    middle of their shares, so that the texts of one score are neither all best nor all worst."""
    steps = len(quantiles) - 1
    left, right = np.searchsorted(quantiles, scores, "left"), np.searchsorted(quantiles, scores, "right")
    low = np.clip(left - 1, 0, steps - 1)
    width = quantiles[low + 1] - quantiles[low]
    within = np.divide(scores - quantiles[low], width, out=np.zeros(len(scores)), where=width > 0)
    between = low + np.clip(within, 0, 1)
    found = np.where(right > left, (left + right - 1) / 2, between)
    return np.clip(found / steps, 0, 1)


def one_line(text: str) -> str:
    """A text as fastText is to see it: one line, as in DCLM, in which no token is a label or an end of line."""
    return " ".join(text.split("\n")).replace("\r", " ").replace(LABEL, "label ").replace(END, " ")


def _fasttext(path: str, label: str) -> Raw:
    if not label:
        raise ScorerError(f"{path} has no card, so that its label has to be given", "give label: hq for DCLM's model", path)
    wanted = LABEL + label.removeprefix(LABEL)
    try:
        file = read_file(Path(path))
        exact = None if file is None else linear_fasttext(file, wanted)
    except (OSError, ValueError, MemoryError) as error:
        raise ScorerError(f"{path} is no sound fastText model ({error})", "fetch or train it again", path) from error
    if exact is not None:
        return exact
    model = open_model(path)
    labels: list[str] = model.get_labels()
    if wanted not in labels:
        known = ", ".join(sorted(found.removeprefix(LABEL) for found in labels[:20]))
        raise ScorerError(f"{path} knows no label {label!r}", f"give label: one of {known}", path)
    return _asked(model.f.predict, wanted, len(labels))


def _asked(predict: Predict, wanted: str, labels: int) -> Raw:
    """The scores by fastText's own prediction, for models that are no linear ones."""

    def raw(texts: pa.Array) -> Floats:
        out = np.zeros(len(texts))
        for i, text in enumerate(texts.to_pylist()):
            for probability, found in predict(one_line(text or "") + "\n", labels, 0.0, "strict"):
                if found == wanted:
                    out[i] = min(probability, 1.0)  # fastText adds 1e-5 to what it takes the logarithm of
        return out

    return raw


def linear(path: Path) -> Raw:
    """The linear model of a file. Raises ScorerError if it is none, or its arrays are unsound."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            if arrays.zip is not None and sum(info.file_size for info in arrays.zip.infolist()) > _MAX_WEIGHTS:  # type: ignore[union-attr]
                raise ValueError("its arrays are too large")
            weights, bias, ngrams = arrays["weights"], float(arrays["bias"]), int(arrays["ngrams"])
    except (OSError, ValueError, KeyError, TypeError, EOFError, MemoryError, BadZipFile, zlib.error) as error:
        raise ScorerError(f"{path} is no linear model ({error})", "train the model again", str(path)) from error
    weights = np.ascontiguousarray(weights, np.float32)
    bits = int(math.log2(max(1, weights.size)))
    sound = weights.ndim == 1 and weights.size == 1 << bits and MIN_BITS <= bits <= MAX_BITS and 1 <= ngrams <= MAX_NGRAMS
    if not sound or not np.isfinite(weights).all() or not math.isfinite(bias):
        raise ScorerError(f"{path}: its arrays are not those of a linear model", "train the model again", str(path))
    return of_weights(weights, bias, ngrams)


def of_weights(weights: npt.NDArray[np.float32], bias: float, ngrams: int) -> Raw:
    """The scores that weights of hashed n-grams give."""
    weights.setflags(write=False)

    def raw(texts: pa.Array) -> Floats:
        offsets, data = utf8_view(texts)
        logits = np.zeros(len(texts))
        apply_linear(offsets, data, CLASSES, weights, bias, ngrams, logits)
        return 1 / (1 + np.exp(-np.clip(logits, -500, 500)))

    return raw
