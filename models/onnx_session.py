"""ONNX models on one core: one image at a time, in a shape that never changes, so that neighbours and threads change nothing.

ONNX Runtime (onnxruntime.ai) with one thread runs an image of a batch of eight no faster than one alone
(benchmarks/image_models.py), so that a batch is one image: nothing to pad, and the memory of one.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from core.errors import MissingPackage, ScorerError
from models.packages import PackagedFile, install

F32 = npt.NDArray[np.float32]


class Session:
    """A model that is loaded. Forked processes share its weights; what it works in, of the largest shape it was shown, stays with
    each: 80 MB for 640 × 640 pixels (given back after each image, a third more time)."""

    def __init__(self, model: bytes, name: str, extra: str) -> None:
        ort = _library(extra)
        options = ort.SessionOptions()
        # One thread: sums are taken in one order, and as many workers run as there are cores.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        try:
            self._session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # the library raises nothing narrower
            raise ScorerError(f"the model {name} cannot be loaded: {error}", f"{install(extra)} --force-reinstall") from error
        self._input = self._session.get_inputs()[0].name

    def run(self, batch: F32) -> list[F32]:
        """All outputs for one input, in the model's order."""
        return self._session.run(None, {self._input: batch})

    @property
    def metadata(self) -> dict[str, str]:
        """What the model's file says of itself."""
        return dict(self._session.get_modelmeta().custom_metadata_map)


def session(file: PackagedFile) -> Session:
    """The model of a file, loaded once a process. MissingPackage, or ScorerError for what is no model."""
    return _load(file, file.find(), file.digest())


@lru_cache(maxsize=8)
def _load(file: PackagedFile, path: Path, digest: str) -> Session:
    """`digest` is there for the cache."""
    return Session(path.read_bytes(), file.path, file.extra)


def weights_digest(*files: PackagedFile) -> str:
    """What tells models apart in a method: their bytes, and the library that runs them, as another may sum in another order."""
    return " ".join([*(file.digest() for file in files), f"onnxruntime {_library(files[0].extra).__version__}"])


def _library(extra: str) -> Any:
    try:
        import onnxruntime  # pyright: ignore[reportMissingImports] - of the extras that run models
    except ImportError as error:
        raise MissingPackage("the library onnxruntime is not installed", install(extra)) from error
    return onnxruntime
