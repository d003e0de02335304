"""RESULTS.md's tables of images, made of results/fetching.json, image_resize.json, image_duplicates.json and host_exchange.json."""

from __future__ import annotations

from typing import Any

from goals import Goal, ratio, value_at

Row = dict[str, Any]
OURS, PEER = "web2shards", "img2dataset"


def fetching(result: Row) -> tuple[list[str], list[list[str]]]:
    """Header and rows: images from the same servers, resized to the same size."""
    rows = [
        [
            name, f"{row['images']:,.0f}", f"{row['images_a_second']:.0f}", f"{row['cpu_ms_an_image']:.1f}",
            f"{row['peak_pss_mb']:,.0f}",
        ]
        for name, row in result["medians"].items()
    ]  # fmt: skip
    title = f"{result['images']:,} addresses of {result['hosts']} hosts on loopback, {result['hosts_hanging']} of which hang"
    return [title, "images", "images/s", "CPU ms an image", "peak MB"], rows


def fetching_goals(result: Row) -> list[Goal]:
    """Twice the peer's images a second in less memory; what hosts that hang cost."""
    ours, theirs, calm = (value_at(result, "medians", name) for name in (OURS, PEER, f"{OURS}, no host hangs"))
    with_them, without = (value_at(run, "wall_seconds") for run in (ours, calm))
    faster, more = (ratio(value_at(ours, name), value_at(theirs, name)) for name in ("images_a_second", "peak_pss_mb"))
    return [
        Goal("images/s of img2dataset, fetched and resized", 2, faster, "×", least=True),
        Goal("peak memory of img2dataset's", 1, more, "×"),
        Goal("longer for hosts that hang, by", result["timeout_seconds"],
             None if with_them is None or without is None else max(0.0, with_them - without), " s"),
    ]  # fmt: skip


def resizing(result: Row) -> tuple[list[str], list[list[str]]]:
    """Header and rows: images a second on one core, by how the JPEG is coded."""
    names = list(next(iter(result["codings"].values()))["images_a_second"])
    rows = [
        [coding, f"{found['psnr_db']:.1f}", *(f"{found['images_a_second'][name]:.0f}" for name in names)]
        for coding, found in result["codings"].items()
    ]
    return [f"{result['pixels'] / 1e6:.1f} MP to {result['size']}, images/s a core", "PSNR, dB", *names], rows


def resizing_goals(result: Row) -> list[Goal]:
    """Decoded, resized and encoded."""
    return [
        Goal(f"images/s a core, {coding}", 150, found["images_a_second"][OURS], "", least=True)
        for coding, found in result["codings"].items()
    ]


def duplicate_goals(result: Row) -> list[Goal]:
    """Of the half of the pairs that the threshold was not chosen on."""
    other = result["other_half"]
    return [
        Goal("planted near-duplicates of images found, half that was not looked at", 95, 100 * other["recall"], "%", least=True),
        Goal("distinct images merged, half that was not looked at", 0.1, 100 * other["merged_share"], "%"),
    ]


def exchange_goals(result: Row) -> list[Goal]:
    """References on their way to groups of hosts."""
    name = f"{result['references']:,} references gathered by host"
    return [Goal(name, 20, result["seconds"], " s"), Goal(f"{name}, peak memory", 600, result["peak_pss_mb"], " MB")]
