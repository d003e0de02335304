"""All benchmarks against peers, one after the other, and the README's tables made from them: what `make bench` runs.

`python benchmarks/bench.py [inputs|long|peers|dev|minhash|scale|filters|table]…`: all, or the steps named. Each writes its raw
figures to results/. On 2 cores all of it takes about twenty minutes.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
STEPS: dict[str, tuple[str, ...]] = {
    "inputs": ("inputs.py",),
    "long": ("end_to_end.py", "long"),
    "peers": ("end_to_end.py", "peers"),
    "dev": ("end_to_end.py", "dev"),
    "minhash": ("signatures.py",),
    "scale": ("minhash_scale.py",),
    "filters": ("heuristics.py", "--peers"),
    "table": ("table.py",),
}


def main() -> None:
    wanted = sys.argv[1:] or list(STEPS)
    unknown = [step for step in wanted if step not in STEPS]
    if unknown:
        raise SystemExit(f"no step {', '.join(unknown)}; there are {', '.join(STEPS)}")
    for step in wanted:
        began = time.monotonic()
        print(f"== {step} (load {os.getloadavg()[0]:.1f})", flush=True)
        script, *arguments = STEPS[step]
        done = subprocess.run([sys.executable, str(HERE / script), *arguments], check=False)
        if done.returncode:
            raise SystemExit(f"{step} failed")
        print(f"   {time.monotonic() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
