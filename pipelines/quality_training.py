"""Trains a quality classifier and measures it on texts that it has not seen.

fastText with the settings of DCLM (arXiv 2406.11794; mlfoundations/dclm, baselines/train_fasttext_classifier.py), or
logistic regression over hashed n-grams as in GPT-3 (arXiv 2005.14165, appendix A), fitted by scikit-learn.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from core.characters import CLASSES
from core.columns import utf8_view
from core.errors import InputError, ScorerError
from filters.fasttext_model import check_installation
from filters.hashed_ngrams import MAX_BITS, MAX_NGRAMS, MIN_BITS, features
from filters.quality_figures import (
    SHARES,
    Floats,
    at_shares,
    auc,
    auc_interval,
    calibrate,
    calibration_error,
    cross_calibrated,
    precision_at_share,
    reliability,
)
from filters.quality_model import FORMAT, one_line, raw_scores
from pipelines.quality_card import check_folder, write_model
from pipelines.quality_texts import Sample, Source, hold_out, read_sample

Json = dict[str, Any]
LABELS = ("hq", "cc")  # DCLM's labels: high quality, Common Crawl
#: Texts of a class that there must be, and of which at least must be held out.
LEAST, LEAST_HELD_OUT = 20, 4
#: Held-out texts of a class below which figures are rough.
FEW = 200
#: A wider 95% interval of the AUC is told of, and scores of nine tenths of the texts that are nearer than this.
WIDE, ALIKE = 0.1, 0.02
#: Texts of a language from which it has a reference of its own.
LEAST_REFERENCE = 100
QUANTILES = 1001
_BATCH = 512


@dataclass(frozen=True)
class Training:
    """How to train. `keep` is the share of a crawl that is meant to be kept: its precision is among the figures.

    `most`: texts of a class; more are sampled. fastText has `rate`, `epochs`, `dimensions`, `buckets`, `min_count`, and
    DCLM's values unless they are said; logistic regression has 2 ** `bits` buckets and `strength` (scikit-learn's C).
    Both count runs of up to `ngrams` words. `about` is what people should know of the model, for its card.
    """

    method: Literal["fasttext", "logistic"] = "fasttext"
    seed: int = 0
    held_out: float = 0.1
    keep: float = 0.1
    most: int = 200_000
    ngrams: int = 2
    rate: float = 0.1
    epochs: int = 5
    dimensions: int = 100
    buckets: int = 2_000_000
    min_count: int = 1
    bits: int = 18
    strength: float = 10.0
    by_language: bool = False
    about: str = ""

    def __post_init__(self) -> None:
        if self.method not in ("fasttext", "logistic"):
            raise ValueError(f"method: {self.method!r} is neither 'fasttext' nor 'logistic'")
        for name, low, high in (
            ("seed", 0, 2**31 - 1), ("held_out", 0.01, 0.5), ("keep", 0.001, 0.999), ("most", LEAST, 10**8),
            ("ngrams", 1, MAX_NGRAMS), ("rate", 1e-5, 10), ("epochs", 1, 1000), ("dimensions", 1, 2000),
            ("buckets", 1, 10**8), ("min_count", 1, 10**6), ("bits", MIN_BITS, MAX_BITS), ("strength", 1e-6, 1e6),
        ):  # fmt: skip
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"{name}: {getattr(self, name)} is not in {low}..{high}")

    @property
    def settings(self) -> Json:
        """Those that the method has."""
        other = ("bits", "strength") if self.method == "fasttext" else ("rate", "epochs", "dimensions", "buckets", "min_count")
        return {name: value for name, value in asdict(self).items() if name not in ("about", *other)}


@dataclass(frozen=True)
class Trained:
    """The card of a trained model, and what the user should know of it."""

    card: Json
    warnings: list[str] = field(default_factory=list[str])


def train(
    positive: Source, negative: Source, out: str, training: Training, reference: Source | None = None,
    tell: Callable[[str], None] = lambda _: None, overwrite: bool = False,
) -> Trained:  # fmt: skip
    """Trains a model, writes its folder `out`, and returns its card. A model that is there is replaced only by `overwrite`.

    The same texts, settings and versions give the same bytes. `reference` are the texts that percentiles are among: by
    default the negatives that were held out. InputError for texts that cannot be used, StorageError for the folder.
    """
    check_folder(out, overwrite)
    warnings: list[str] = []
    tell("reading texts")
    samples = [read_sample(source, training.most, training.seed) for source in (positive, negative)]
    both = samples[1].without(set(samples[0].keys))
    if both:
        warnings.append(f"{both:,} texts are in both classes, and count as positives alone")
    for sample, name in zip(samples, ("positive", "negative"), strict=True):
        _check(sample, name, both)
        if sample.unusable:
            warnings.append(f"{sample.unusable:,} {name} records hold no text; the first: {sample.first_unusable}")
    held, ways = hold_out(samples, training.held_out, training.seed, LEAST_HELD_OUT)
    few = [sum(side) for side in held if sum(side) < FEW]
    if few:
        warnings.append(f"only {min(few):,} texts of a class are held out, so that the figures are rough")
    texts = _merged(samples, held)
    with tempfile.TemporaryDirectory() as folder:
        tell(f"training on {int((~texts.held).sum()):,} texts")
        fit = _fit_fasttext if training.method == "fasttext" else _fit_logistic
        path, libraries = fit(texts, training, Path(folder))
        raw = raw_scores(path, LABELS[0])
        tell(f"measuring on {int(texts.held.sum()):,} texts")
        scores, positive_ = _scored(raw, texts.of(texts.held)), texts.positive[texts.held]
        if reference is None:
            judged, among = _judged(raw, texts.of(texts.held & ~texts.positive), training), "held-out negatives"
        else:
            other = read_sample(reference, training.most, training.seed)
            judged, among = _judged(raw, other.texts, training), "texts of --reference"
            samples.append(other)
        card: Json = {
            "format": FORMAT, "method": training.method, "label": LABELS[0], "about": training.about, "settings": training.settings,
            "data": {
                name: _data(sample, way) for name, sample, way in
                zip(("positive", "negative", "reference"), samples, (*ways, "not used for training"), strict=False)
            },
            "in_both_classes": both, "figures": _figures(scores, positive_, judged[0], training),
            "calibration": calibrate(scores, positive_).to_json(), "reference": _reference(*judged, among),
            "versions": {name: version(name) for name in libraries},
        }  # fmt: skip
        warnings += _doubts(scores, positive_, card["figures"]["auc"])
        write_model(Path(out), path, card, overwrite)
    return Trained(card, warnings)


def _doubts(scores: Floats, positive: npt.NDArray[np.bool_], area: float) -> list[str]:
    """What speaks against the figures: an AUC that chance may give, or a wide one; scores that are all but equal."""
    told: list[str] = []
    low, high = auc_interval(area, int(positive.sum()), int((~positive).sum()))
    if low <= 0.5 or high - low > WIDE:
        told.append(
            f"few texts are held out: an AUC of {area:.2f} may be {low:.2f} to {high:.2f} (95%): give more texts of more hosts"
        )
    first, last = np.quantile(scores, (0.05, 0.95))
    if last - first < ALIKE:
        told.append(
            f"held-out scores are all but equal, nine tenths within {first:.4f} to {last:.4f}: the model learned little; "
            "give more texts, more --epochs or a higher --rate, or take --method logistic"
        )
    return told


@dataclass(frozen=True)
class _Texts:
    """The texts of both classes in the order of their hashes."""

    texts: list[str]
    positive: npt.NDArray[np.bool_]
    held: npt.NDArray[np.bool_]

    def of(self, mask: npt.NDArray[np.bool_]) -> list[str]:
        return [self.texts[i] for i in np.flatnonzero(mask)]


def _merged(samples: Sequence[Sample], held: Sequence[Sequence[bool]]) -> _Texts:
    rows = sorted(
        (key, text, number == 0, side)
        for number, (sample, sides) in enumerate(zip(samples, held, strict=True))
        for key, text, side in zip(sample.keys, sample.texts, sides, strict=True)
    )
    return _Texts([row[1] for row in rows], np.array([row[2] for row in rows]), np.array([row[3] for row in rows]))


def _check(sample: Sample, name: str, both: int) -> None:
    if len(sample) >= LEAST:
        return
    told = f" ({sample.copies:,} copies of them were left out)" if sample.copies else ""
    told += f" ({both:,} that are positives too were left out)" if both and name == "negative" else ""
    raise InputError(
        f"{' '.join(sample.source.paths)}: {len(sample):,} different {name} texts{told}; at least {LEAST} are needed",
        f"give more files to {sample.source.option}", sample.source.paths[0],
    )  # fmt: skip


def _fit_fasttext(texts: _Texts, training: Training, folder: Path) -> tuple[Path, tuple[str, ...]]:
    check_installation()
    import fasttext

    lines, path = folder / "lines.txt", folder / "model.bin"
    with lines.open("w", encoding="utf-8", newline="\n") as file:
        for i in np.flatnonzero(~texts.held):
            file.write(f"__label__{LABELS[0 if texts.positive[i] else 1]} {one_line(texts.texts[i])}\n")
    try:
        # One thread: more of them write over each other's updates, so that no two models are the same.
        model = fasttext.train_supervised(
            input=str(lines), lr=training.rate, epoch=training.epochs, dim=training.dimensions, wordNgrams=training.ngrams,
            minCount=training.min_count, bucket=training.buckets, seed=training.seed, thread=1, verbose=0,
        )  # fmt: skip
    except (RuntimeError, ValueError) as error:
        raise ScorerError(f"fastText could not be trained: {error}", "lower --rate or --min-count") from error
    except MemoryError as error:
        size = 4 * training.buckets * training.dimensions
        raise ScorerError(f"fastText's buckets alone take {size / 1e9:.1f} GB", "lower --buckets or --dimensions") from error
    model.save_model(str(path))
    return path, ("fasttext-community",)


def _fit_logistic(texts: _Texts, training: Training, folder: Path) -> tuple[Path, tuple[str, ...]]:
    try:
        from scipy.sparse import csr_matrix
        from sklearn.linear_model import LogisticRegression
    except ImportError as error:
        raise ScorerError(
            "scikit-learn is not installed, which fits logistic regressions", "pip install 'web2shards[train]'"
        ) from error
    chosen = texts.of(~texts.held)
    pieces: list[Any] = []
    for start in range(0, len(chosen), _BATCH):
        offsets, data = utf8_view(pa.array(chosen[start : start + _BATCH], pa.string()))
        indptr, indices, values = features(offsets, data, CLASSES, training.bits, training.ngrams)
        pieces.append((np.diff(indptr), indices, values))
    lengths, indices, values = (np.concatenate(column) for column in zip(*pieces, strict=True))
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    matrix = csr_matrix((values, indices, indptr), shape=(len(chosen), 1 << training.bits))
    model = LogisticRegression(C=training.strength, max_iter=1000, random_state=training.seed)
    model.fit(matrix, texts.positive[~texts.held])
    path = folder / "model.npz"
    fitted: Any = model
    weights, bias = np.asarray(fitted.coef_[0], np.float32), np.float64(fitted.intercept_[0])
    np.savez_compressed(path, weights=weights, bias=bias, ngrams=np.int64(training.ngrams))
    return path, ("scikit-learn", "scipy", "numpy")


def _scored(raw: Callable[[pa.Array], Floats], texts: Sequence[str]) -> Floats:
    """As the scorer stores them."""
    pieces = [raw(pa.array(texts[i : i + _BATCH], pa.string())) for i in range(0, len(texts), _BATCH)]
    return np.concatenate([np.zeros(0), *pieces]).astype(np.float32).astype(np.float64)


def _judged(raw: Callable[[pa.Array], Floats], texts: Sequence[str], training: Training) -> tuple[Floats, list[str]]:
    """Scores and languages of the reference; no languages unless they are asked for."""
    scores = _scored(raw, texts)
    if not training.by_language:
        return scores, []
    from filters.language import Language

    language = Language()
    labels: list[str] = []
    for start in range(0, len(texts), _BATCH):
        batch = pa.record_batch({"text.text": pa.array(texts[start : start + _BATCH], pa.string())})
        labels += language.score(batch).column("label").to_pylist()
    return scores, labels


def _reference(scores: Floats, labels: list[str], among: str) -> Json:
    named = np.array(labels, object)
    languages = {
        label: scores[named == label] for label in sorted(set(labels))
        if int((named == label).sum()) >= LEAST_REFERENCE
    }  # fmt: skip
    return {"of": among, **_quantiles(scores), "languages": {label: _quantiles(found) for label, found in languages.items()}}


def _quantiles(scores: Floats) -> Json:
    shares = np.linspace(0, 1, max(2, min(QUANTILES, len(scores))))
    return {"texts": len(scores), "quantiles": np.quantile(scores, shares).tolist()}


def _figures(scores: Floats, positive: npt.NDArray[np.bool_], reference: Floats, training: Training) -> Json:
    """On held-out texts; what is said of probabilities is by tables of the other half of them."""
    halves = np.arange(len(scores)) % 2 == 0
    probabilities = cross_calibrated(scores, positive, halves)
    said = (("score", scores), ("probability", probabilities))
    shares = tuple(sorted({*SHARES, training.keep}))
    return {
        "held_out": {"positive": int(positive.sum()), "negative": int((~positive).sum())},
        "auc": auc(scores, positive),
        "keep": training.keep, "precision_at_keep": precision_at_share(scores, positive, training.keep),
        "shares_of_reference": at_shares(scores, positive, reference, shares),
        "calibration_error": {name: calibration_error(values, positive) for name, values in said},
        "reliability": {name: reliability(values, positive) for name, values in said},
    }  # fmt: skip


def _data(sample: Sample, way: str) -> Json:
    return {
        "files": sample.files, "texts": sample.read, "used": len(sample), "copies": sample.copies,
        "unusable": sample.unusable, "split": way,
    }  # fmt: skip
