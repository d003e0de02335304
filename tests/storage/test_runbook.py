"""Every web2shards command of runbooks/storage.md, in its order, on an S3 server."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.pipelines.runs import EXAMPLES
from tests.storage.conftest import S3
from web2shards.cli import app

pytestmark = pytest.mark.storage
PAGE = Path(__file__).parents[2] / "runbooks" / "storage.md"


def test_the_commands_of_the_runbook(s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = re.findall(r"^```(\w+)\n(.*?)^```", PAGE.read_text("utf-8"), re.M | re.S)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WEB2SHARDS_CACHE", str(tmp_path / "cache"))
    Path("recipe.yaml").write_text(next(text for kind, text in blocks if kind == "yaml" and "documents:" in text))
    s3.put("in/web.warc.gz", (EXAMPLES / "web.warc.gz").read_bytes())
    commands = [line for kind, text in blocks if kind == "sh" for line in text.splitlines() if line.startswith("web2shards ")]
    assert len(commands) >= 7
    for command in commands:
        told = CliRunner().invoke(app, command.split()[1:])
        assert told.exit_code == 0, (command, told.output)
    assert sorted(path.name for path in Path().iterdir()) == ["cache", "recipe.yaml", "s3", "versitygw.log"]
    assert len(list((s3.folder / "out" / "shards" / "text").glob("*.tar"))) > 3
