"""Short captions go into samples beside the caption, after all edits, and follow from the image alone."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq

from pipelines.recipe import Recipe, load_recipe
from pipelines.verify import verify

from .image_runs import picture, samples
from .runs import hashes, small_run

RECIPE = """
name: short
input: {{images: {{path: "{folder}/**"}}, part: {part}}}
images:
  score:
    - pii: {{regions: []}}
    - short_caption: {{how: block, tokens: 4}}
output:
  pairs: {{from: images, samples: 4, resize: {{size: 16}}}}
"""
CAPTION = "Write to jane.doe{}@example.org for a print of this small red fox in the deep snow"


def recipe(folder: Path, *settings: str, part: str = "1MB") -> Recipe:
    return load_recipe(RECIPE.format(folder=folder, part=part), settings)


def shown(out: Path) -> dict[str, str]:
    return {path: sha for path, sha in hashes(out, "shards/pairs").items() if not path.endswith("index.json")}


def test_short_captions_in_samples(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for i in range(24):
        (folder / f"{i:02d}.jpg").write_bytes(picture(i, (24, 20)))
        (folder / f"{i:02d}.txt").write_text(CAPTION.format(i))
    one, two = tmp_path / "one", tmp_path / "two"
    small_run(one, recipe(folder))
    small_run(two, recipe(folder, part="4kB"), workers=3)
    assert shown(one) == shown(two)
    verify(str(one))
    found = samples(one)
    assert len(found) == 24
    short = {url: sample["json"]["short_caption.text"] for url, sample in found.items()}
    for url, sample in found.items():
        assert len(short[url].split()) == 4
        caption = sample["txt"].decode()
        assert "jane.doe" not in caption + short[url]
        assert short[url] in caption
        assert caption.endswith("for a print of this small red fox in the deep snow")
    assert len(set(short.values())) > 6
    sidecars = [pq.read_table(path) for path in sorted((one / "shards" / "pairs").glob("*.parquet"))]
    assert sorted(text for table in sidecars for text in table["short_caption.text"].to_pylist()) == sorted(short.values())
    # Another length is written anew.
    small_run(one, recipe(folder, "images.score.short_caption.tokens=2"))
    assert all(len(sample["json"]["short_caption.text"].split()) == 2 for sample in samples(one).values())
