"""img2dataset with the options of its one argument, a JSON object, as a program of its own: it spawns its workers.

Files are kept as they came, and of one shard after the other what became of each address.
"""

from __future__ import annotations

import json
import sys


def main() -> None:
    from img2dataset import download  # pyright: ignore[reportMissingImports]  # of the extra `img2dataset`

    download(
        **json.loads(sys.argv[1]), input_format="parquet", url_col="url", output_format="parquet", processes_count=1,
        resize_mode="no", disable_all_reencoding=True, extract_exif=False, compute_hash=None, enable_wandb=False,
    )  # fmt: skip


if __name__ == "__main__":
    main()
