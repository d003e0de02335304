"""The published recipes for images, each run as it stands on a small table or crawl against a server on loopback."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

from pipelines.recipe import Recipe, load_recipe

from .image_runs import Server, page, picture, rows, warc
from .runs import small_run
from .test_image_tables import samples, write

RECIPES = Path(__file__).parents[2] / "recipes"
#: What opens the fetcher to loopback.
LOOPBACK = (
    "images.fetch.open_networks=127.0.0.0/8", "images.fetch.ports=[]", "images.fetch.host_interval_seconds=0",
    "images.fetch.retries=0", "images.fetch.robots=false", "images.fetch.tdmrep=false",
)  # fmt: skip
ENGLISH = "a small dog runs over the green grass of the park"


def published(name: str, *settings: str) -> Recipe:
    return load_recipe(RECIPES / f"{name}.yaml", [*settings, *LOOPBACK])


def reasons(out: Path) -> dict[str, str]:
    return {url.rpartition("/")[2]: row["fate.reason"] for url, row in rows(out, "fate").items()}


def test_laion(server: Server, tmp_path: Path) -> None:
    large, small = picture(1, (120, 90), "PNG"), picture(2, (8, 8))
    assert len(small) < 5000 <= len(large)
    server.answers = {"/large.png": (200, large), "/small.jpg": (200, small), "/short.png": (200, large)}
    texts = [
        ("/large.png", "again"), ("/large.png", "what it shows"), ("/large.png", "what it shows"), ("/small.jpg", "a small one"),
        ("/short.png", "dogs"),
    ]  # fmt: skip
    path = write(tmp_path / "t.parquet", [{"url": server.url(path), "alt": text} for path, text in texts])
    out = tmp_path / "out"
    result = small_run(out, published("laion", f"input.table.path={path}"))
    assert reasons(out) == {"large.png": "", "small.jpg": "fetched_size", "short.png": "document"}
    documents = next(t for t in result.stats["tables"] if t["name"] == "documents")["reasons"]
    assert (documents["same_record"], documents["text_characters"]) == (1, 1)
    assert "/short.png" not in server.asked
    ((image, text, told),) = samples(out).values()
    assert (text, told["width"], told["height"]) == ("what it shows", 256, 256)
    assert image[:2] == b"\xff\xd8"


def test_datacomp(server: Server, tmp_path: Path) -> None:
    sizes = {"good": (300, 250), "narrow": (900, 250), "small": (199, 300), "changed": (300, 300)}
    files = {name: picture(i, size) for i, (name, size) in enumerate(sizes.items())}
    server.answers = {f"/{name}.jpg": (200, file) for name, file in files.items()}
    table = [
        {"uid": name, "url": server.url(f"/{name}.jpg"), "text": f"{ENGLISH} {name}", "sha256": hashlib.sha256(file).hexdigest()}
        for name, file in files.items()
    ]
    table[3]["sha256"] = "0" * 64
    others = {"two": "dogs running", "german": "ein kleiner Hund läuft über das grüne Gras im Park"}
    table += [{**table[0], "uid": name, "url": server.url(f"/{name}.jpg"), "text": text} for name, text in others.items()]
    out = tmp_path / "out"
    result = small_run(out, published("datacomp", f"input.table.path={write(tmp_path / 't.parquet', table)}"))
    assert reasons(out) == {
        "good.jpg": "", "narrow.jpg": "image_quality_aspect", "small.jpg": "image_quality_min_side",
        "changed.jpg": "hash_mismatch", "two.jpg": "document", "german.jpg": "document",
    }  # fmt: skip
    documents = next(t for t in result.stats["tables"] if t["name"] == "documents")["reasons"]
    assert (documents["language_label"], documents["caption_words"]) == (1, 1)
    ((_, text, told),) = samples(out).values()
    assert (text, told["uid"], told["width"], told["height"]) == (f"{ENGLISH} good", "good", 300, 250)


def test_lvd_pool(server: Server, tmp_path: Path) -> None:
    file = picture(1, (300, 200))
    server.answers = {"/a.jpg": (200, file), "/copy.jpg": (200, file), "/other.jpg": (200, picture(2, (300, 200)))}
    images = [f"<img src='{server.url(path)}'>" for path in server.answers]
    shared = f"<meta property='og:image' content='{server.url('/shared.jpg')}'>"
    crawl = warc(tmp_path / "c.warc.gz", {"http://a.example/": page(*images).replace("<title>", f"{shared}<title>")}, {})
    out = tmp_path / "out"
    small_run(out, published("lvd-pool", f"input.warcs={crawl}"))
    assert Counter(reasons(out).values()) == {"": 2, "duplicate": 1}
    assert "/shared.jpg" not in server.asked
    assert reasons(out)["other.jpg"] == ""
