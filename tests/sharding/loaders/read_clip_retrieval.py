"""Reads shards as `clip-retrieval inference` does and prints what it saw as JSON: read_clip_retrieval.py SHARD…"""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np

# The package's own __init__ imports its servers.
path = Path(importlib.util.find_spec("clip_retrieval").origin).parent / "clip_inference" / "reader.py"
spec = importlib.util.spec_from_file_location("reader", path)
reader = importlib.util.module_from_spec(spec)
spec.loader.exec_module(reader)

seen = []
batches = reader.WebdatasetReader(
    lambda urls: urls, lambda image: np.asarray(image.convert("RGB")), lambda texts: [len(text) for text in texts],
    sys.argv[1:], 8, 2, enable_metadata=True,
)  # fmt: skip
for batch in batches:
    pixels = batch["image_tensor"].numpy()[:, 5, 5].tolist()
    seen += zip(batch["image_filename"], batch["text"], map(json.loads, batch["metadata"]), pixels, strict=True)
print(json.dumps(seen))  # noqa: T201
