"""Several sizes of the same samples: outputs with the same keys in the same order, made from one decoding."""

from __future__ import annotations

import io
import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

import PIL.Image
import pytest

import core.images
from core.errors import RecipeError
from core.images import Output, Resize
from pipelines.lease import Lease
from pipelines.recipe import Recipe, load_recipe
from pipelines.redaction import settle
from pipelines.removal import Takedown, add_takedowns
from pipelines.verify import verify

from .image_runs import picture, samples
from .runs import hashes, small_run

RECIPE = """
name: sizes
input: {{images: {path}}}
images: {{}}
output:
  pairs: {{from: images, samples: 4, validation: 0.3, sizes: [16, 32], resize: {{mode: center_crop}}}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for i in range(11):
        (folder / f"{i:02d}.jpg").write_bytes(picture(i, (200, 150)))
    return folder


def recipe(folder: Path, *settings: str) -> Recipe:
    return load_recipe(RECIPE.format(path=f"{folder}/**"), settings)


def keys(out: Path, name: str) -> list[list[str]]:
    """The names of the members of each shard, in their order."""
    found: list[list[str]] = []
    for path in sorted((out / "shards" / name).glob("*.tar")):
        with tarfile.open(path) as tar:
            found.append([path.name, *tar.getnames()])
    return found


def test_each_size_is_an_output_with_the_same_samples(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[int] = []
    convert = core.images.convert

    def counting(data: bytes, outputs: list[Output], **more: Any) -> object:
        decoded.append(len(outputs))
        return convert(data, outputs, **more)

    monkeypatch.setattr(core.images, "convert", counting)
    out = tmp_path / "out"
    small_run(out, recipe(folder))
    assert decoded == [2] * 11  # once for both
    assert keys(out, "pairs-16") == keys(out, "pairs-32")
    assert len(keys(out, "pairs-16")) > 2
    small, large = samples(out, "pairs-16"), samples(out, "pairs-32")
    files = [Output(Resize(size, "center_crop", downscale="bicubic")) for size in (16, 32)]
    for i in range(11):
        name = f"{i:02d}.jpg"
        _, made = convert((folder / name).read_bytes(), files)
        for one, expected, side in zip((small[name], large[name]), made, (16, 32), strict=True):
            assert one["jpg"] == expected.data
            assert (one["json"]["width"], one["json"]["height"], one["json"]["original_width"]) == (side, side, 200)
            assert PIL.Image.open(io.BytesIO(one["jpg"])).size == (side, side)
    same = [{**one["json"], "width": 0, "height": 0} for one in small.values()]
    assert same == [{**one["json"], "width": 0, "height": 0} for one in large.values()]
    assert {path.name for path in (out / "shards").iterdir() if path.is_dir()} == {"pairs-16", "pairs-32"}
    verify(str(out))


def test_a_size_that_is_gone_comes_back_as_it_was(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    made = recipe(folder)
    small_run(out, made)
    before = hashes(out, "shards")
    for name in ("pairs-16", "pairs-32"):
        shutil.rmtree(out / "shards" / name)
        small_run(out, made)
        assert hashes(out, "shards") == before
    small_run(tmp_path / "three", made, workers=3)
    assert hashes(tmp_path / "three", "shards") == before


def test_a_takedown_reaches_every_size(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    made = recipe(folder)
    small_run(out, made)
    with Lease(str(out)) as lease:
        add_takedowns(lease.store, [Takedown.of("name", "03.jpg")])
        settle(lease.store)
    small_run(out, made)
    assert "03.jpg" not in samples(out, "pairs-16")
    assert samples(out, "pairs-16").keys() == samples(out, "pairs-32").keys()
    assert len(samples(out, "pairs-16")) == 10


def test_a_recipe_with_sizes(folder: Path) -> None:
    made = recipe(folder)
    assert list(made.output) == ["pairs-16", "pairs-32"]
    assert load_recipe(json.dumps(made.canonical(), indent=1)) == made
    assert {o.resize.downscale for o in made.output.values() if o.resize} == {"bicubic"}
    area = recipe(folder, "output.pairs.resize.downscale=area")
    assert {o.resize.downscale for o in area.output.values() if o.resize} == {"area"}
    for setting, message in (
        ("output.pairs.sizes=[16, 16]", "a size stands twice"), ("output.pairs.resize.mode=no", "have no other size"),
        ("output.pairs.resize.size=20", "is none of the sizes"), ("output.pairs.resize.size=32", "no other would be written"),
        ("output.pairs.sizes=[16]", "should be two sizes or more"), ("output.pairs.from=documents", "images"),
    ):  # fmt: skip
        with pytest.raises(RecipeError, match=message):
            recipe(folder, setting)
    with pytest.raises(RecipeError, match="would be called pairs-16"):
        load_recipe(RECIPE.format(path="a/**") + "  pairs-16: {from: images}\n")
