"""What a run does between the fates of pages and the scores of images: it gathers the images that pages show, and gets them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipelines import gathering, images_fetched
from pipelines.context import Context
from pipelines.gathering import image_part
from pipelines.image_layers import FETCHED, REACHED, SEGMENTS, part_names
from pipelines.passes import Passes
from pipelines.plan import fetched_method, fingerprint
from pipelines.progress import Pass
from pipelines.survey import Survey, write_manifest
from pipelines.tables import IMAGES

Json = dict[str, Any]


class ImagesWork:
    """What there is to do for the images that the pages of `documents` show. `known` is what run.json says of groups of hosts:
    how many there are, and how many parts each has."""

    def __init__(self, context: Context, documents: Survey, fates: str, known: Mapping[str, Any]) -> None:
        self.context = context.of(IMAGES.name)
        self._documents = documents
        references = documents.footers("references", "reference")
        self.references = sum(footer.rows for footer in references.values() if footer is not None)
        self.groups = int(known.get("groups", 0)) or gathering.groups_for(self.references)
        self.known: dict[str, int] = dict(known.get("parts", {}))
        told = [[name, f.method, f.rows_digest] for name, f in sorted(references.items()) if f is not None]
        removals = [self.context.removals.digest] if self.context.removals else []
        self.method = fingerprint("gathered", self.context.plan.ingest_method, fates, told, self.groups, self.context.recipe.captions.preferred, *removals)
        self.look()

    def look(self) -> None:
        """Looks at the parts that there are."""
        names = [name for group, parts in sorted(self.known.items()) for name in part_names(group, parts)]
        self.survey = Survey(self.context.store, [image_part(name) for name in names], table=IMAGES)

    @property
    def is_gathered(self) -> bool:
        """Whether all images of these pages are there."""
        images, reached = self.survey.first, self.survey.of(REACHED)
        return len(self.known) == self.groups and all(
            image is not None and image.method == self.context.plan.ingest_method
            and mark is not None and mark.method == self.method and mark.rows_digest == image.rows_digest
            for image, mark in zip(images.values(), reached.values(), strict=True)
        )  # fmt: skip

    def gather(self, passes: Passes) -> None:
        """Brings `image` and `reached` up to date."""
        if self.is_gathered:
            return
        passes.turn_to(self.context)
        rows = {name: footer.rows for name, footer in self._documents.first.items() if footer is not None}
        self.known = gathering.gather(passes, self.context, rows, self.groups, self.known, self.method)
        self.look()
        for layer in (IMAGES.first, REACHED):
            self.survey.wrote(IMAGES.name, layer, [part.name for part in self.survey.parts])
            write_manifest(self.context.store, IMAGES.name, layer, self.survey.of(layer, mend=False))
        self.survey.forget()

    def missing(self) -> dict[str, list[str]]:
        """The parts by group whose images are not all got, or known to be no good."""
        images, reached, fetched = self.survey.first, self.survey.of(REACHED), self.survey.of(FETCHED)
        segments = {path.stem for path in self.context.store.path(IMAGES.name, SEGMENTS).glob("*.parquet")}
        web = self.context.recipe.fetch.web  # it may be asked now, and was not before
        found: dict[str, list[str]] = {}
        for part, image in images.items():
            got, mark = fetched[part], reached[part]
            if (
                got is None or image is None or mark is None or got.method != fetched_method()
                or got.rows_digest != image.rows_digest or got.extra["marks"] != mark.extra["marks"]
                or got.extra["left"] > 0 or got.extra["web"] < web or not segments.issuperset(got.extra["segments"])
            ):  # fmt: skip
                found.setdefault(part.rpartition("-")[0], []).append(part)
        return found

    def fetch(self, passes: Passes, tried: set[str], offline: bool) -> None:
        """Gets what is missing; groups that were `tried` in this run are not asked again. `offline`: nothing new is got."""
        missing = {group: parts for group, parts in self.missing().items() if group not in tried}
        if missing:
            passes.turn_to(self.context)
            images_fetched.write_inputs(self.context, self._documents.parts)
            tasks = [
                {"kind": "fetch_images", "args": {"group": group, "parts": parts, "offline": offline}}
                for group, parts in sorted(missing.items())
            ]
            passes.run(Pass(images_fetched.NAME, "fetch_images", len(tasks)), tasks)
            tried.update(missing)
            self.survey.wrote(IMAGES.name, FETCHED, [part for parts in missing.values() for part in parts])
            write_manifest(self.context.store, IMAGES.name, FETCHED, self.survey.of(FETCHED, mend=False))
            self.survey.forget()
        fetched = self.survey.of(FETCHED)
        self.parts = [image_part(name, footer.extra["bytes"] if footer else 0) for name, footer in fetched.items()]
