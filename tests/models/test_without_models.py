"""What can be said of models without them: what is missing is named with its mend, and boxes are found in what a model said."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from core.errors import MissingPackage, RecipeError, ScorerError
from filters.faces import Faces
from filters.nsfw import NSFW
from filters.overlaid_text import OverlaidText
from models import centerface, packages, text_detection
from models.canvas import SIDE, canvas
from models.packages import PackagedFile
from pipelines.compilation import compile_plan
from pipelines.recipe import load_recipe
from pipelines.tables import IMAGES

RECIPE = """
name: models
input: {{warcs: a.warc.gz}}
documents: {{score: [text]}}
images: {{score: [{score}]}}
"""


@pytest.mark.parametrize(("scorer", "extra"), [("nsfw", "nsfw"), ("faces", "faces"), ("overlaid_text", "ocr")])
def test_a_missing_extra_is_named(scorer: str, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packages, "find_spec", lambda name: None)
    recipe = load_recipe(RECIPE.format(score=scorer))
    with pytest.raises(ScorerError) as error:
        compile_plan(recipe, IMAGES)
    assert isinstance(error.value, MissingPackage)
    assert error.value.mend == f"pip install 'web2shards[{extra}]'"
    with pytest.raises(MissingPackage):
        {"nsfw": NSFW, "faces": Faces, "overlaid_text": OverlaidText}[scorer]().open()


def test_a_package_without_its_file_is_named() -> None:
    with pytest.raises(ScorerError, match=r"the package numpy has no file no\.onnx") as error:
        PackagedFile("numpy", "no.onnx", "nsfw").find()
    assert "--force-reinstall" in error.value.mend


def test_another_file_is_another_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "mine" / "__init__.py").write_text("raise SystemExit('it is not imported')")
    file, weights = PackagedFile("mine", "w.onnx", "nsfw"), tmp_path / "mine" / "w.onnx"
    weights.write_bytes(b"one")
    before = file.digest()
    weights.write_bytes(b"other")
    assert before != file.digest()


@pytest.mark.parametrize(
    ("name", "parameters"), [("faces", "threshold: 1.5"), ("overlaid_text", "most: -1"), ("faces", "threshold: true")]
)
def test_wrong_parameters_are_named(name: str, parameters: str) -> None:
    with pytest.raises(RecipeError, match=parameters.partition(":")[0]):
        load_recipe(RECIPE.format(score=f"{name}: {{{parameters}}}").replace("[" + name, "[{" + name).replace("}]", "}}]"))


@pytest.mark.parametrize(
    ("wide", "high", "largest"), [(512, 512, 1.0), (1024, 256, 1.0), (1, 1, 1.0), (100, 50, 2.0), (1, 4000, 2.0)]
)
def test_a_canvas_holds_the_whole_image(wide: int, high: int, largest: float) -> None:
    pixels = np.full((high, wide, 3), 200, np.uint8)
    found = canvas(pixels, largest)
    assert found.pixels.shape == (SIDE, SIDE, 3)
    assert (found.pixels[: found.height, : found.width] == 200).all()
    assert found.pixels.astype(int).sum() == 200 * 3 * found.width * found.height
    assert found.scale <= largest
    assert max(found.width, found.height) == min(SIDE, round(max(wide, high) * largest))


def test_of_boxes_that_overlap_the_surest_is_kept() -> None:
    corners = [(0, 0, 0.4, 0.4, 0.9), (0.02, 0, 0.4, 0.4, 0.8), (0.3, 0.3, 0.7, 0.7, 0.7), (0.8, 0.8, 1, 1, 0.3)]
    boxes = np.array(corners, np.float32)
    assert centerface._apart(boxes).tolist() == [0, 2, 3]  # pyright: ignore[reportPrivateUsage]
    assert centerface._apart(boxes[:0]).tolist() == []  # pyright: ignore[reportPrivateUsage]
    many = np.array([[i, 0, i + 0.5, 1, 0.5] for i in range(centerface.MOST + 5)], np.float32)
    assert len(centerface._apart(many)) == centerface.MOST  # pyright: ignore[reportPrivateUsage]


class Says:
    """A model that says one thing."""

    def __init__(self, probability: np.ndarray) -> None:
        self.probability = probability

    def run(self, batch: np.ndarray) -> list[np.ndarray]:
        assert batch.shape == (1, 3, SIDE, SIDE)
        return [self.probability[None, None]]


def lines_of(mask: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> list[text_detection.Line]:
    probability = np.where(mask, 0.9, 0.0).astype(np.float32)
    monkeypatch.setattr(text_detection, "session", lambda file: Says(probability))
    return text_detection.find(canvas(np.zeros((SIDE, SIDE, 3), np.uint8)))


@pytest.mark.parametrize("degrees", [0, 10, 45, -30, 80])
def test_a_turned_rectangle_is_found_and_grown(degrees: float, monkeypatch: pytest.MonkeyPatch) -> None:
    angle = math.radians(degrees)
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    along = (x - 300) * math.cos(angle) + (y - 320) * math.sin(angle)
    across = (y - 320) * math.cos(angle) - (x - 300) * math.sin(angle)
    (line,) = lines_of((np.abs(along) <= 100) & (np.abs(across) <= 10), monkeypatch)
    grown = 1.6 * 200 * 20 / 220
    assert sorted([line.length, line.height]) == pytest.approx([20 + grown, 200 + grown], abs=4)
    assert line.middle == pytest.approx([300, 320], abs=1)
    turned = math.degrees(math.atan2(line.along[1], line.along[0]))
    assert min(abs(turned - d) for d in (degrees, degrees - 90, degrees + 90)) < 1
    assert abs(line.along[0]) >= abs(line.along[1]) - 0.01


def test_regions_are_told_apart_and_specks_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    mask = np.zeros((SIDE, SIDE), bool)
    mask[10:30, 10:200] = mask[100:110, 50:90] = mask[100:110, 95:140] = True
    mask[300, 300] = mask[400:402, 400:402] = True
    mask[500:520, 500:520] = np.eye(20, dtype=bool)  # touches by corners, and fills too little of its box
    found = lines_of(mask, monkeypatch)
    assert [round(line.middle[0]) for line in found] == [105, 118, 70]
    assert lines_of(np.zeros((SIDE, SIDE), bool), monkeypatch) == []
    assert len(lines_of(np.ones((SIDE, SIDE), bool), monkeypatch)) == 1


def test_a_thousand_regions_cost_what_the_largest_do(monkeypatch: pytest.MonkeyPatch) -> None:
    mask = np.zeros((SIDE, SIDE), bool)
    for y in range(0, SIDE - 8, 12):
        for x in range(0, SIDE - 8, 12):
            mask[y : y + 8, x : x + 8] = True
    assert len(lines_of(mask, monkeypatch)) == text_detection.MOST
