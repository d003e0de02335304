"""img2dataset on a table of the benchmark `fetching.py`, in its own environment: TABLE FOLDER PROCESSES THREADS TIMEOUT SHARD."""

from __future__ import annotations

import sys

from img2dataset import download

if __name__ == "__main__":  # it spawns its workers
    table, folder, processes, threads, timeout, shard = sys.argv[1:]
    download(
        url_list=table, input_format="parquet", url_col="url", caption_col="caption", output_folder=folder,
        output_format="webdataset", processes_count=int(processes), thread_count=int(threads), timeout=int(timeout),
        image_size=256, resize_mode="keep_ratio_largest", encode_quality=95, encode_format="jpg", retries=0,
        number_sample_per_shard=int(shard), extract_exif=False, compute_hash="sha256", enable_wandb=False,
    )  # fmt: skip
