"""What a run does between the fates of pages and the scores of images: it gathers the images that pages show, and gets them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipelines import gathering, images_fetched
from pipelines.context import Context
from pipelines.gathering import image_part
from pipelines.image_layers import FETCHED, REACHED, SEGMENTS, overlapping, part_names
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
        before: dict[str, int] = dict(known.get("parts", {}))
        self.groups = max(int(known.get("groups", 0)), gathering.groups_for(self.references))
        self.known = before if self.groups == known.get("groups") else dict[str, int]()
        #: Parts of fewer groups, or of groups of fewer parts, whose rows are carried over into those of now.
        self.older: list[str] = list(known.get("older", []))
        self._outgrow(before)
        told = [[name, f.method, f.rows_digest] for name, f in sorted(references.items()) if f is not None]
        removals = [self.context.removals.digest] if self.context.removals else []
        prefer = self.context.recipe.captions.preferred
        self.method = fingerprint("gathered", self.context.plan.ingest_method, fates, told, self.groups, prefer, *removals)
        self.look()

    def _outgrow(self, before: Mapping[str, int]) -> None:
        now = set(_names(self.known))
        self.older = sorted({*self.older, *(name for name in _names(before) if name not in now)})

    def forget_older(self) -> None:
        """Deletes what was carried over, once all layers are there."""
        store = self.context.store
        store.check_lease()
        for folder in store.path(IMAGES.name).glob("*"):
            for name in self.older if folder.name != SEGMENTS else ():
                (folder / f"{name}.parquet").unlink(missing_ok=True)
        for name in self.older:
            store.path("statistics", IMAGES.name, f"{name}.json").unlink(missing_ok=True)
        self.older = []

    @property
    def told(self) -> Json:
        """What run.json says of groups and parts."""
        return {"groups": self.groups, "parts": self.known, **({"older": self.older} if self.older else {})}

    def look(self) -> None:
        """Looks at the parts that there are."""
        self.survey = Survey(self.context.store, [image_part(name) for name in _names(self.known)], table=IMAGES)

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
        before = self.known
        self.known = gathering.gather(passes, self.context, rows, self.groups, before, self.method)
        self._outgrow(before)
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
                or got.extra.get("expected") != image.extra.get("expected")  # a table says of other bytes that they are meant
                or got.extra["left"] > 0 or got.extra["web"] < web or not segments.issuperset(got.extra["segments"])
            ):  # fmt: skip
                found.setdefault(part.rsplit("-", 2)[0], []).append(part)
        return found

    def fetch(self, passes: Passes, tried: set[str], offline: bool) -> None:
        """Gets what is missing; groups that were `tried` in this run are not asked again. `offline`: nothing new is got."""
        missing = {group: parts for group, parts in self.missing().items() if group not in tried}
        if missing:
            passes.turn_to(self.context)
            images_fetched.write_inputs(self.context, self._documents.parts)
            tasks = [
                {"kind": "fetch_images", "args": {
                    "group": group, "parts": parts, "offline": offline,
                    "older": {part: overlapping(part, self.older) for part in parts} if self.older else {},
                }}
                for group, parts in sorted(missing.items())
            ]  # fmt: skip
            passes.run(Pass(images_fetched.NAME, "fetch_images", len(tasks)), tasks)
            tried.update(missing)
            self.survey.wrote(IMAGES.name, FETCHED, [part for parts in missing.values() for part in parts])
            write_manifest(self.context.store, IMAGES.name, FETCHED, self.survey.of(FETCHED, mend=False))
            self.survey.forget()
        fetched = self.survey.of(FETCHED)
        self.parts = [image_part(name, footer.extra["bytes"] if footer else 0) for name, footer in fetched.items()]


def _names(parts: Mapping[str, int]) -> list[str]:
    """The parts of groups."""
    return [name for group, number in sorted(parts.items()) for name in part_names(group, number)]
