"""All benchmarks against peers, one after the other, and the tables made from them: what `make bench` runs.

`python benchmarks/bench.py [inputs|long|peers|dev|all|minhash|scale|filters|quality|pii|paragraphs|near|fetching|table]…`: all,
or the steps named. Each writes its raw figures to results/, and waits before that until the machine is idle, two minutes at most
(machine.begin). A step that fails does not keep the others from being done, but for the one that makes their input.
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
    "all": ("all_stages.py",),
    "minhash": ("signatures.py",),
    "scale": ("minhash_scale.py",),
    "filters": ("heuristics.py", "--peers"),
    "quality": ("quality.py",),
    "pii": ("pii.py", "--peers"),
    "paragraphs": ("paragraphs.py", "--peers"),
    "near": ("near_duplicates.py",),
    "fetching": ("fetching.py",),
    "table": ("table.py",),
}


def main() -> None:
    wanted = sys.argv[1:] or list(STEPS)
    unknown = [step for step in wanted if step not in STEPS]
    if unknown:
        raise SystemExit(f"no step {', '.join(unknown)}; there are {', '.join(STEPS)}")
    failed: list[str] = []
    for step in wanted:
        began = time.monotonic()
        print(f"== {step} (load {os.getloadavg()[0]:.1f})", flush=True)
        script, *arguments = STEPS[step]
        done = subprocess.run([sys.executable, str(HERE / script), *arguments], check=False)
        print(f"   {time.monotonic() - began:.0f} s{', failed' if done.returncode else ''}", flush=True)
        if done.returncode:
            failed.append(step)
            if step == "inputs":
                break
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
