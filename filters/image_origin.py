"""Marks that an image was made by a model: what its metadata says of where it comes from, found without reading all of it.

C2PA 2.1 (JUMBF boxes in APP11, in caBX or C2PA chunks), IPTC's DigitalSourceType (cv.iptc.org/newscodes/digitalsourcetype) in XMP
or C2PA, and what Stable Diffusion's programs, NovelAI, ComfyUI, InvokeAI and Midjourney write into PNG text, EXIF and XMP.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice
from typing import Any, ClassVar, Final

import pyarrow as pa

from core.images.metadata import metadata
from core.scorer import column

#: IPTC's terms for what a trained model made, whole or in part.
_SYNTHETIC: Final = (
    "trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia", "algorithmicMedia", "compositeSynthetic",
)  # fmt: skip
_SOURCE_TYPE: Final = re.compile(rb"(?i)digitalsourcetype")
_OTHERS: Final = (
    "digitalCapture", "computationalCapture", "negativeFilm", "positiveFilm", "print", "minorHumanEdits", "humanEdits",
    "compositeCapture", "composite", "algorithmicallyEnhanced", "digitalArt", "digitalCreation", "dataDrivenMedia",
    "virtualRecording", "screenCapture",
)  # fmt: skip
_TERM: Final = re.compile("|".join((*sorted(_SYNTHETIC, key=len, reverse=True), *_OTHERS)).encode(), re.IGNORECASE)
_MANIFEST: Final = (b"jumdc2pa", b"caBX", b"C2PA", b"c2pa.assertions")
#: Marks of programs: bytes that stand in each, the whole mark, and the program. A mark is looked for around those bytes.
_GENERATORS: Final = tuple(
    (anchor, re.compile(pattern, re.DOTALL), name)
    for anchor, pattern, name in (
        (b"Steps: ", rb"Steps: \d+, (?:Sampler|CFG scale): |Negative prompt: .*Steps: \d+, ", "stable-diffusion-webui"),
        (b'"class_type"', rb'"(?:inputs|class_type)"', "comfyui"),
        (b"NovelAI", rb"Software\x00NovelAI|NovelAI generated image|NovelAI Diffusion", "novelai"),
        (b"invokeai_metadata", rb"invokeai_metadata\x00", "invokeai"),
        (b"sd-metadata", rb"sd-metadata\x00", "invokeai"),
        (b"fooocus_scheme", rb"fooocus_scheme\x00", "fooocus"),
        (b"Job ID: ", rb"Job ID: [0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}", "midjourney"),
        (b"Made with Google AI", rb"Made with Google AI", "google"),
        (b"OpenAI", rb"(?:claim_generator|softwareAgent|Software).*?OpenAI", "openai"),
        (b"DALL", rb"(?:claim_generator|softwareAgent|Software).*?DALL.{1,3}E", "openai"),
        (b"ChatGPT", rb"(?:claim_generator|softwareAgent|Software).*?ChatGPT", "openai"),
        (b"Firefly", rb"(?:claim_generator|softwareAgent|Software|CreatorTool).*?Adobe.Firefly", "firefly"),
        (b"Bing Image Creator", rb"Bing Image Creator", "microsoft"),
        (b"Microsoft Designer", rb"(?:claim_generator|softwareAgent|Software).*?Microsoft Designer", "microsoft"),
    )
)  # fmt: skip
_BEFORE, _BEHIND, _PLACES = 2_000, 200, 16


@dataclass(frozen=True)
class ImageOrigin:
    """Whether an image says that it is synthetic. That it does not say so means nothing: most marks are lost on the way.

    Reads `image.bytes`, of which it looks at what is not pixels, and decodes nothing. Manifests are noticed, not verified.
    """

    name: ClassVar[str] = "image_origin"
    version: ClassVar[int] = 1
    costly: ClassVar[bool] = False

    @property
    def inputs(self) -> tuple[str, ...]:
        return ("image.bytes",)

    @property
    def schema(self) -> pa.Schema:
        return pa.schema([
            column("synthetic", pa.bool_(), "a generator's mark, or a source type of a trained model"),
            column("manifest", pa.bool_(), "a C2PA manifest, which cameras and editors write too"),
            column("source_type", pa.string(), "IPTC's DigitalSourceType as said in metadata; empty for none"),
            column("generator", pa.string(), "the program whose mark was found; empty for none"),
        ])  # fmt: skip

    def weights_digest(self) -> str:
        return ""

    def open(self) -> None:
        return None

    def score(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        rows = [self._row(file) for file in batch.column("image.bytes").to_pylist()]
        return pa.RecordBatch.from_pylist(rows, schema=self.schema)

    def _row(self, file: bytes | None) -> dict[str, Any]:
        if file is None:
            return dict.fromkeys(self.schema.names)
        marks = metadata(file)
        if b"UNICODE\0" in marks:  # EXIF's UserComment in UTF-16
            marks += marks.replace(b"\0", b"")
        source, generator = source_type(marks), generator_of(marks)
        return {
            "synthetic": bool(generator) or source in _SYNTHETIC,
            "manifest": any(mark in marks for mark in _MANIFEST),
            "source_type": source,
            "generator": generator,
        }


def source_type(data: bytes) -> str:
    """The first of IPTC's terms that stands within 200 bytes behind the name of the property; a synthetic one before others."""
    found: list[str] = []
    for place in islice(_SOURCE_TYPE.finditer(data), _PLACES):
        term = _TERM.search(data, place.end(), place.end() + 200)
        if term:
            found.append(_spelled(term[0].decode("ascii")))
    return next((term for term in found if term in _SYNTHETIC), found[0] if found else "")


def _spelled(term: str) -> str:
    """As IPTC spells it: terms are compared without case."""
    return next((known for known in (*_SYNTHETIC, *_OTHERS) if known.lower() == term.lower()), term)


def generator_of(data: bytes) -> str:
    """The program whose mark stands in the bytes; empty for none. Of a mark's bytes the first 16 places are looked at."""
    for anchor, pattern, name in _GENERATORS:
        at = data.find(anchor)
        for _ in range(_PLACES):
            if at < 0:
                break
            if pattern.search(data, max(0, at - _BEFORE), at + len(anchor) + _BEHIND):
                return name
            at = data.find(anchor, at + len(anchor))
    return ""
