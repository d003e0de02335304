"""The commands of runbooks, run as they stand there."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RECIPE = """
name: mine
input: {warcs: crawl/*.warc.gz, part: 300kB}
documents:
  score: [text, language, exact]
  keep:
    - text.characters >= 200
    - language.score >= 0.5
    - duplicates.kept
output:
  text: {from: documents, samples: 50}
"""


def commands(page: str) -> list[list[str]]:
    """The commands of a page's blocks of shell, without comments."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", (ROOT / "runbooks" / page).read_text(encoding="utf-8"), re.M | re.S)
    return [words for block in blocks for line in block.splitlines() if (words := shlex.split(line, comments=True))]


@pytest.mark.parametrize("page", ["local.md", "tuning.md"])
def test_every_command_works(page: str, tmp_path: Path) -> None:
    (tmp_path / "crawl").mkdir()
    shutil.copy(ROOT / "examples" / "web.warc.gz", tmp_path / "crawl")
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    found = commands(page)
    assert len(found) > 2
    for words in found:
        assert words[0] == "web2shards"
        command = [sys.executable, "-m", "web2shards", *words[1:]]
        done = subprocess.run(
            command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, f"{shlex.join(words)}\n{done.stderr}"


def test_every_link_leads_somewhere() -> None:
    broken: list[str] = []
    for page in [*(ROOT / "runbooks").glob("*.md"), ROOT / "README.md", ROOT / "docs" / "design.md"]:
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if "://" not in target and not (page.parent / target).exists():
                broken.append(f"{page.name}: {target}")
    assert broken == []
