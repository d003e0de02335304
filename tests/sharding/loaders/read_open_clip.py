"""Goes through an epoch with open_clip's own loader and prints pixels and captions as JSON: read_open_clip.py URLS SIZE."""

import argparse
import json
import sys

import numpy as np
from open_clip_train import data

urls, size = sys.argv[1], int(sys.argv[2])
assert data.get_dataset_size(urls)[0] == size
told = argparse.Namespace(
    train_data=urls, train_data_upsampling_factors=None, train_num_samples=size, val_data=None, val_num_samples=None,
    dataset_resampled=False, seed=0, batch_size=5, workers=2, world_size=1, device="cpu",
)  # fmt: skip
loader = data.get_wds_dataset(told, np.asarray, True, tokenizer=lambda text: [np.array([ord(letter) for letter in text.ljust(20)])])
seen = [
    [image[5, 5].tolist(), "".join(map(chr, text)).strip()]
    for images, texts in loader.dataloader for image, text in zip(np.asarray(images), np.asarray(texts), strict=True)
]  # fmt: skip
print(json.dumps(seen))  # noqa: T201
