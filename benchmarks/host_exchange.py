"""References on their way to their hosts: seconds and memory of the pass that gathers the images of pages, without any network.

`python benchmarks/host_exchange.py [REFERENCES]`: pages with made-up references (100,000 unless said otherwise, to images of
which some are shown twice or more; few hosts have most of them) are written as a WARC and run with two workers. Seconds are
those of the pass, memory is the peak of the whole run's processes together, which reading the pages is part of. Kernels are
warm: compiling them takes more.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from machine import ROOT, begin, save, versions
from memory import watch

from examples.warc_writer import Capture, Writer

PAGE_REFERENCES, HOSTS, WORKERS = 50, 20_000, 2
RECIPE = """
name: host-exchange
input: {{warcs: {warc}, part: 1MB}}
documents: {{score: [text]}}
images:
  fetch: {{web: false}}
"""
WORDS = ["red", "blue", "small", "large", "old", "new", "cat", "dog", "house", "tree", "river", "street", "lamp", "garden"]
TEXT = "<p>A paragraph of a page that shows pictures, long enough to be taken for its text, and so not dropped as empty.</p>" * 3


def write(path: Path, references: int) -> None:
    """Pages with so many references in all."""
    rng = random.Random(7)
    hosts = [min(HOSTS, int(rng.paretovariate(0.9))) for _ in range(references)]
    writer = Writer(path.name, datetime(2026, 1, 1))
    for page in range(-(-references // PAGE_REFERENCES)):
        shown: list[str] = []
        for _ in range(min(PAGE_REFERENCES, references - page * PAGE_REFERENCES)):
            image = rng.randrange(references)
            alt = " ".join(rng.choices(WORDS, k=6))
            shown.append(f'<p><img src="http://h{hosts[image]}.example/{image}.jpg" alt="{alt}"></p>')
        html = f"<html><head><title>{page}</title></head><body>{TEXT}{''.join(shown)}</body></html>"
        writer.write(Capture(f"http://p{page % 97}.example/{page}", html.encode(), "text/html", {}, request=False))
    path.write_bytes(writer.data)


def main() -> None:
    references = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    subprocess.run([sys.executable, "-m", "web2shards", "warm-up"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    began = begin()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write(root / "pages.warc.gz", references)
        (root / "recipe.yaml").write_text(RECIPE.format(warc=root / "pages.warc.gz"))
        command = [sys.executable, "-m", "web2shards", "run", str(root / "recipe.yaml"), "--out", str(root / "out")]
        usage = watch([*command, "--workers", str(WORKERS)], cwd=ROOT, log=root / "log", environment={"PYTHONPATH": str(ROOT)})
        stats: dict[str, Any] = json.loads((root / "out/report/stats.json").read_bytes())
    seconds = {one["name"]: one["seconds"] for one in stats["timing"]["passes"]}
    images = next(table for table in stats["tables"] if table["name"] == "images")
    result = {
        **began, "references": stats["references"]["total"], "images": images["total"], "workers": WORKERS,
        "seconds": seconds["gather images"], "seconds_by_pass": seconds, **usage.json(),
        "versions": versions(("apache-beam", "numpy", "pyarrow")),
    }
    save("host_exchange", result)
    print({name: result[name] for name in ("references", "images", "seconds", "peak_pss_mb", "peak_by_process", "seconds_by_pass")})


if __name__ == "__main__":
    main()
