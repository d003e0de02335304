"""The import rules of docs/design.md, section 2, and what else every room keeps to."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = {
    "core": set[str](),
    "ingest": {"core"},
    "filters": {"core", "models"},
    "dedup": {"core", "retrieval"},
    "captions": {"core", "models", "filters"},
    "retrieval": {"core"},
    "models": {"core"},
    "sharding": {"core"},
    "reports": {"core"},
    "recipes": set[str](),
}
ALL = {*ROOMS, "pipelines"}
ROOMS["pipelines"] = set(ROOMS)
ROOMS["web2shards"] = set(ALL)
MODULES = [path for room in sorted(ROOMS) for path in sorted((ROOT / room).rglob("*.py")) if "__pycache__" not in path.parts]


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_module_imports_only_what_its_room_may(path: Path) -> None:
    room = path.relative_to(ROOT).parts[0]
    roots = {name.partition(".")[0] for name in imports(path)}
    assert roots & set(ROOMS) <= ROOMS[room] | {room}
    if room != "pipelines":
        assert "apache_beam" not in roots
    assert not roots & {"pickle", "shelve", "marshal", "dill"}


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_module_says_what_it_does(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text()))


def test_the_scorers_import_no_beam() -> None:
    import subprocess

    code = (
        "import sys; from pipelines.recipe_scorers import installed_scorers; "
        "[installed_scorers()[n] for n in installed_scorers()]; import pipelines.tasks; print('apache_beam' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_no_machine_path_and_no_index_address_is_committed() -> None:
    import re
    import subprocess

    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False).stdout
    wrong = re.compile(rb"(^|[^A-Za-z0-9_.])/(work|root|home)/[a-z]|--(extra-)?index-url|/simple/")
    for name in filter(None, listed.split("\0")):
        path = ROOT / name
        if path.suffix in (".gz", ".png") or path == Path(__file__) or not path.is_file():
            continue
        assert not wrong.search(path.read_bytes()), name
