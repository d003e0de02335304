"""The report as one HTML page that asks nothing of the network and runs no script.

Every text in it comes from the web: all of it is escaped by Jinja, a link is made of http and https URLs alone,
and a Content-Security-Policy that allows only the page's own style sheet stands behind that.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import re
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jinja2
from jinja2 import BaseLoader, Environment, FileSystemLoader, ModuleLoader, StrictUndefined
from markupsafe import Markup

from core.files import sync
from reports import charts, numbers

TEMPLATES = Path(__file__).parent / "templates"
TOP_HOSTS = 50
TOP_ROWS = 30

Json = Mapping[str, Any]
_PICTURE = re.compile(r"data:image/jpeg;base64,[A-Za-z0-9+/]+={0,2}")


def safe_link(url: object) -> str | None:
    """The URL if it may be a link: absolute, http or https, with a host, without blanks or controls; else None."""
    # Printable leaves out controls, format characters such as overrides, and every blank but the space.
    if not isinstance(url, str) or not url.isprintable() or " " in url:
        return None
    try:
        parts = urlsplit(url)
        return url if parts.scheme in ("http", "https") and parts.hostname else None
    except ValueError:
        return None


def content_security_policy(style: str) -> str:
    """Nothing is loaded, nothing runs; the style sheet is named by its hash."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"


def render(stats: Json, thumbnails: Mapping[str, str] | None = None) -> str:
    """The page of a run, from what `publish` gave (or `stats.json` read back). `thumbnails` are pictures of samples by id, as data
    URIs: others are left out. A function of the two alone."""
    compiled = compiled_templates(TEMPLATES)
    environment = _environment(FileSystemLoader(TEMPLATES) if compiled is None else _modules(compiled))
    style = (TEMPLATES / "report.css").read_text(encoding="utf-8")
    return environment.get_template("report.html").render(
        stats=stats,
        thumbnails={id: uri for id, uri in (thumbnails or {}).items() if _PICTURE.fullmatch(uri)},
        style=Markup(style),
        policy=content_security_policy(style),
        chart=charts.histogram,
        chart_width=charts.WIDTH,
        chart_height=charts.HEIGHT,
        chart_top=charts.TOP,
        chart_bottom=charts.BOTTOM,
        chart_left=charts.LEFT,
        chart_right=charts.RIGHT,
        share=numbers.share,
        safe_link=safe_link,
        thresholds_on=thresholds_on,
        top_hosts=TOP_HOSTS,
        top_rows=TOP_ROWS,
    )


def compiled_templates(folder: Path) -> Path | None:
    """The templates of a folder as Python modules: compiled once, and kept beside them as Python keeps its bytecode.

    None where that cannot be, or is not wanted (PYTHONDONTWRITEBYTECODE): then each process compiles them for itself.
    """
    if sys.dont_write_bytecode:
        return None
    digest = hashlib.sha256(f"{jinja2.__version__} {sys.version}".encode())
    for path in [Path(__file__), *sorted(folder.glob("*.html"))]:  # how they are compiled stands here
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    kept = folder / "__pycache__" / digest.hexdigest()[:16]
    if kept.is_dir():
        return kept
    try:
        kept.parent.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent, ignore_cleanup_errors=True) as draft:
            environment = _environment(FileSystemLoader(folder))
            environment.compile_templates(Path(draft, "whole"), extensions=["html"], zip=None, ignore_errors=False)
            for path in Path(draft, "whole").iterdir():
                sync(path)  # else a power cut could leave empty modules
            Path(draft, "whole").rename(kept)
    except OSError:  # it cannot be written, or another process was faster
        return kept if kept.is_dir() else None
    return kept


@functools.cache
def _modules(folder: Path) -> ModuleLoader:
    """Kept as long as the process: jinja2 leaves a weak reference to it in sys.modules, and who looks through those may meet
    it just when it is no more."""
    return ModuleLoader(folder)


def _environment(loader: BaseLoader) -> Environment:
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    filters: dict[str, Callable[..., Any]] = {
        "count": numbers.count,
        "size": numbers.size,
        "duration": numbers.duration,
        "number": numbers.number,
        "layers": by_layer,
    }
    environment.filters.update(filters)
    return environment


def by_layer(columns: list[Json]) -> list[tuple[str, list[Json]]]:
    """Columns grouped by layer, in the order in which the layers first come."""
    layers: dict[str, list[Json]] = {}
    for column in columns:
        layers.setdefault(str(column["name"]).partition(".")[0], []).append(column)
    return list(layers.items())


def thresholds_on(table: Json, column: str) -> list[Json]:
    """The thresholds of all rules on one column."""
    return [t for rule in table["rules"] for t in rule["thresholds"] if t["column"] == column]
