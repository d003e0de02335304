from __future__ import annotations

import hashlib
import importlib
import io
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

inputs: Any = importlib.import_module("inputs")
documentation: Any = importlib.import_module("documentation")
web_corpus: Any = importlib.import_module("web_corpus")


def test_the_crawl_holds_every_page_then_as_many_copies_as_asked(originals: list[Any]) -> None:
    chosen = inputs.entries(originals, 25)
    assert len({entry.url for entry in chosen}) == 25
    assert sum(entry.copy == 0 for entry in chosen) == 10
    assert sum(entry.copy == 2 for entry in chosen) == 5
    assert inputs.entries(originals, 25) == chosen
    assert {(e.page, e.copy) for e in inputs.entries(originals, 10)} <= {(e.page, e.copy) for e in chosen}


def test_a_warc_is_the_same_every_time_and_holds_the_pages(originals: list[Any], tmp_path: Path) -> None:
    chosen = inputs.entries(originals, 15)
    told = [inputs.write_warc(originals, chosen, tmp_path / folder / "00000.warc.gz") for folder in made(tmp_path, "a", "b")]
    assert told[0] == told[1]
    a, b = ((tmp_path / folder / "00000.warc.gz").read_bytes() for folder in ("a", "b"))
    assert hashlib.sha256(a).digest() == hashlib.sha256(b).digest()
    found = {
        m.url: m.block.partition(b"\r\n\r\n")[2]
        for m in web_corpus.members(tmp_path / "a" / "00000.warc.gz")
        if m.type == "response"
    }
    assert found == {entry.url: inputs.body(originals, entry) for entry in chosen}
    assert told[0]["pages"] == 15
    assert told[0]["html_bytes"] == sum(len(html) for html in found.values())


def made(folder: Path, *names: str) -> list[str]:
    for name in names:
        (folder / name).mkdir()
    return list(names)


def test_a_build_that_is_there_and_up_to_date_is_left_alone(
    originals: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inputs, "pages", lambda folder: originals)
    folder = inputs.build(tmp_path, 20, processes=1)
    first = (folder / "input.json").read_bytes()
    monkeypatch.setattr(inputs, "pages", lambda folder: pytest.fail("was built again"))
    assert inputs.build(tmp_path, 20, processes=1) == folder
    assert (folder / "input.json").read_bytes() == first
    (folder / "input.json").write_text('{"made_by": "another version"}')
    monkeypatch.setattr(inputs, "pages", lambda folder: originals)
    inputs.build(tmp_path, 20, processes=1)
    assert b'"pages": 20' in (folder / "input.json").read_bytes()


def test_the_shorter_crawl_is_the_first_files_of_the_longer(
    originals: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inputs, "FILE_PAGES", 5)
    monkeypatch.setattr(inputs, "pages", lambda folder: originals)
    folder = inputs.build(tmp_path, 20, processes=1)
    short = inputs.shorter(folder, 10)
    assert [path.name for path in sorted(short.iterdir())] == ["00000.warc.gz", "00001.warc.gz"]
    assert all(path.read_bytes() == (folder / path.name).read_bytes() for path in short.iterdir())


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a package, whose files come out of a tar, as dpkg-deb gives it."""
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        for name, content in {
            "a/page.html": b"<p>one</p>" * 200, "a/seite.de.html": b"<p>zwei</p>" * 200, "b/other.htm": b"<p>three</p>" * 200,
            "a/small.html": b"<p>", "a/same.html": b"<p>one</p>" * 200, "a/notes.txt": b"text" * 1000,
        }.items():  # fmt: skip
            entry = tarfile.TarInfo(f"./usr/share/doc/{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))

    def run(command: list[str], **_: Any) -> Any:
        assert command[0] == "dpkg-deb"
        return subprocess.CompletedProcess(command, 0, stdout=tar.getvalue())

    monkeypatch.setattr(documentation.subprocess, "run", run)
    (tmp_path / "manual-doc_1_all.deb").write_bytes(b"a package")
    return tmp_path


def table_of(folder: Path, digest: str) -> Path:
    path = folder / "sources.tsv"
    path.write_text(f"package\tversion\tsha256\tpages\twithin\nmanual-doc\t1\t{digest}\t10\t\n")
    return path


def test_pages_are_taken_once_untranslated_and_of_sensible_size(package: Path) -> None:
    found = documentation.pages(package, table_of(package, hashlib.sha256(b"a package").hexdigest()))
    assert len({page.html for page in found}) == len(found) == 2
    assert {page.url.rsplit("/", 1)[1] for page in found} <= {"page.html", "same.html", "other.htm"}
    assert all(page.url.startswith("https://manual-doc.example/") for page in found)


def test_a_package_that_is_not_the_pinned_one_is_refused(package: Path) -> None:
    with pytest.raises(SystemExit, match="sha256"):
        documentation.pages(package, table_of(package, "0" * 64))


def test_every_source_is_pinned() -> None:
    found = documentation.sources()
    assert len({source.package for source in found}) == len(found) > 20
    assert all(len(source.sha256) == 64 and source.version and source.pages > 0 for source in found)
