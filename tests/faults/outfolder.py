"""What an out folder holds, told so that two can be compared: bytes of everything that follows from the input."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

#: Folders and files whose contents tell of times, processes or the run itself.
_ABOUT_THE_RUN = ("lease", "logs", "run.json", "report/index.html", "shards/_")


def contents(out: Path) -> dict[str, str]:
    """sha256 by path of every file that follows from input and recipe; of stats.json, without its times."""
    found: dict[str, str] = {}
    for path in sorted(p for p in out.rglob("*") if p.is_file()):
        name = path.relative_to(out).as_posix()
        if name.startswith(_ABOUT_THE_RUN):
            continue
        found[name] = hashlib.sha256(_without_times(path)).hexdigest()
    return found


def _without_times(path: Path) -> bytes:
    data = path.read_bytes()
    try:
        if path.name == "_layer.json":
            return json.dumps(_without_stamps(json.loads(data)), sort_keys=True).encode()
        if path.name == "stats.json":
            return json.dumps({k: v for k, v in json.loads(data).items() if k != "timing"}, sort_keys=True).encode()
    except (ValueError, KeyError, TypeError, AttributeError):  # damaged: as it is
        pass
    return data


def _without_stamps(manifest: dict[str, Any]) -> dict[str, Any]:
    """A manifest without the times of change of files, which differ between runs."""
    kept = {key: value for key, value in manifest.items() if key not in ("parts", "xxh3")}
    kept["parts"] = {
        name: {"bytes": entry["bytes"], "footer": entry["footer"]}
        for name, entry in manifest["parts"].items()
    }
    return kept


def differences(out: Path, sound: dict[str, str]) -> list[str]:
    """What an out folder lacks, has too much or has otherwise than `sound`; strays of the run itself too."""
    found = contents(out)
    wrong = [f"lacks {name}" for name in sound.keys() - found.keys()]
    wrong += [f"has {name} too much" for name in found.keys() - sound.keys()]
    wrong += [f"{name} differs" for name in found.keys() & sound.keys() if found[name] != sound[name]]
    leases = [p.name for p in (out / "lease").glob("*")]
    if len([n for n in leases if n.endswith(".json")]) != 1 or any(not n.endswith((".json", ".beat")) for n in leases):
        wrong.append(f"lease holds {sorted(leases)}")
    logs = sorted(p.name for p in (out / "logs").glob("*") if p.name not in ("workers.log", "engine.log", "engine.log.1"))
    if logs:
        wrong.append(f"logs holds {logs}")
    return sorted(wrong)
