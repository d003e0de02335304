"""Main text of pages by an extractor in an environment of its own, one after the other: `extraction_job.py ENGINE PAGES OUT`.

PAGES is JSON lines with `html`; OUT gets JSON lines with `text` and `ms`, the processor time of the page. Texts come without
Markdown and without links.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable


def engine(name: str) -> Callable[[str], str]:
    if name == "rs-trafilatura":
        import rs_trafilatura

        return lambda html: rs_trafilatura.extract(html).main_content or ""
    from trafilatura import extract

    fast = name == "trafilatura-fast"
    return lambda html: extract(html, fast=fast) or ""


def main(name: str, pages: str, out: str) -> None:
    work = engine(name)
    with open(pages, encoding="utf-8") as lines, open(out, "w", encoding="utf-8") as results:
        for line in lines:
            html = json.loads(line)["html"]
            began = time.process_time()
            try:
                text = work(html)
            except Exception as error:  # a page that an engine cannot read has no text
                print(f"{name}: {error!r}", file=sys.stderr)
                text = ""
            results.write(json.dumps({"text": text, "ms": 1e3 * (time.process_time() - began)}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
