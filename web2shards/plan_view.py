"""How `plan` and `status` look: a table of passes or layers, what changed, and the estimate."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from web2shards.console import by_number, count, duration, grid, plain, results, size

if TYPE_CHECKING:
    from pipelines.placement import Placement
    from pipelines.preview import PassWork, Preview
    from pipelines.status import Status


def show_preview(preview: Preview, as_json: bool, profile: str = "") -> None:
    """Prints what a run would do; `profile` is the path of the cluster profile, if there is one."""
    if as_json:
        shared = [dataclasses.asdict(pipeline) for pipeline in preview.pipelines]
        _json(dataclasses.asdict(preview) | {
            "nothing": preview.nothing, "pipelines": shared, "warning": preview.estimate.warning,
        })  # fmt: skip
        return
    out = results()
    left_out = f" ({count(preview.left_out, 'part')} left out by --limit)" if preview.left_out else ""
    out.print(
        f"[bold]{plain(preview.name)}[/] in {plain(preview.out)}: {count(preview.parts, 'part')}, "
        f"{size(preview.bytes)} of input{left_out}"
    )
    if preview.images:
        out.print(f"images {plain(preview.images)}")
    for warning in preview.warnings:
        out.print(f"[yellow]warning:[/] {plain(warning)}")
    for message in preview.damaged:
        out.print(f"[yellow]damaged:[/] {plain(message)}")
    for change in preview.changes:
        out.print(f"  since the last run: {plain(change)}")
    out.print(grid(["pass", "to do", "there", "rows", "why"], _rows(preview), right=(1, 2, 3)))
    for number, pipeline in enumerate(preview.pipelines, 1):
        why = f" [dim](after the one before: {plain(pipeline.why)})[/]" if pipeline.why else ""
        out.print(f"pipeline {number}: {plain(', '.join(pipeline.passes))}{why}")
    if preview.nothing:
        out.print("[green]nothing is to be computed: everything is up to date[/]")
    _placement(preview, profile)
    _estimate(preview)


def _rows(preview: Preview) -> list[tuple[str, str, str, str, str]]:
    rows: list[tuple[str, str, str, str, str]] = []
    for work in preview.passes:
        rows.append((
            f"[bold]{plain(work.name)}[/]", _parts(work.todo), f"{work.parts - work.todo:,}", _documents(work), _why(work),
        ))  # fmt: skip
        for layer in work.layers:
            why = _reasons(layer.why, work.parts) or "[dim]nothing to do[/]"
            rows.append((f"  {plain(layer.layer)}", _parts(layer.parts), f"{work.parts - layer.parts:,}", "", why))
    return rows


def _parts(number: int) -> str:
    return f"[yellow]{number:,}[/]" if number else "0"


def _documents(work: PassWork) -> str:
    if not work.todo or work.name.startswith("write "):
        return ""
    return "not known yet" if work.rows is None else f"{work.rows:,}"


def _why(work: PassWork) -> str:
    if not work.todo:
        return "[dim]nothing to do[/]"
    told = _reasons(work.why, work.parts)
    return f"perhaps: {told}" if work.perhaps else told


#: What `pipelines.survey` calls in one word.
_PHRASES = {"rules": "rules before it changed: rows that newly reach it are scored"}


def _reasons(why: Mapping[str, int], parts: int) -> str:
    """The reason, with how many parts it is for where there are several or it is not for all."""
    told = {_PHRASES.get(reason, reason): number for reason, number in why.items()}
    ranked = sorted(told.items(), key=lambda item: (-item[1], item[0]))
    if len(ranked) == 1 and ranked[0][1] == parts:
        return plain(ranked[0][0])
    return "; ".join(f"{plain(reason)} ({count(number, 'part')})" for reason, number in ranked)


def _placement(preview: Preview, profile: str) -> None:
    """Where it would run, what starting costs there, how much runs at a time, and where exchange files go."""
    out, told = results(), preview.placement
    number = len(preview.pipelines)
    where = f" at {told.master}" if told.master else ""
    out.print(f"{told.runner}{plain(where)}: {_starting(told, number)}")
    tasks = "as many tasks at a time as the engine decides" if told.parallelism is None else (
        f"{count(told.parallelism, 'task')} at a time"
    )  # fmt: skip
    idle = 0 if told.parallelism is None or not number else told.parallelism - preview.parts
    few = f", {idle:,} of them idle for want of parts" if idle > 0 else ""
    out.print(f"  {tasks}{few}; workers: {plain(told.workers)}")
    kind = "in the store" if told.exchange_in_store else "on a disk that all hosts must see" if told.shared else "on this disk"
    out.print(f"  exchange files {kind}: {plain(told.exchange)}")
    if profile:
        command = f"web2shards doctor --cluster {profile} --out {preview.out}"
        out.print(f"  [dim]no cluster was asked; `{plain(command)}` does[/]")


def _starting(told: Placement, pipelines: int) -> str:
    if not pipelines:
        return "nothing is started"
    number = count(pipelines, "pipeline")
    if told.start is None or (waiting := told.waiting(pipelines)) is None:
        return f"{number}; what starting one costs there was not measured"
    server = f", after {_range(told.job_server)} for the run's own job server" if told.job_server else ""
    in_all = f"; {_range(waiting)} in all" if pipelines > 1 or server else ""
    return f"{number}, {_range(told.start)} to start each{server}{in_all}"


def _range(seconds: tuple[float, float]) -> str:
    return f"{seconds[0]:g} to {seconds[1]:g} s"


def _estimate(preview: Preview) -> None:
    out, told = results(), preview.estimate
    if not preview.nothing:
        if told.from_parts:
            time = "time not known" if told.seconds is None else f"about {duration(told.seconds)}"
            disk = "" if told.disk is None else f", {size(told.disk)} of disk"
            trial = f"from the last run's {count(told.from_parts, 'part')}"
            done = f"; {told.there:,} of {count(preview.parts, 'part')} are there" if told.there < preview.parts else ""
            out.print(f"estimate: {time}{disk} ({trial}, with the same workers{done})")
        elif told.there:
            out.print(
                f"estimate: not yet, as the run that began here has not finished; {told.there:,} of "
                f"{count(preview.parts, 'part')} are read already, and what is above is left to do"
            )
        else:
            out.print(
                "estimate: not yet; `web2shards run … --limit 1` makes a trial to scale from, in the same out folder"
            )
    out.print(f"free disk: {size(told.free)}")
    if told.warning:
        out.print(f"[bold red]warning:[/] {told.warning}")


def show_status(status: Status, as_json: bool) -> None:
    """Prints how far a run is."""
    if as_json:
        _json(dataclasses.asdict(status))
        return
    out = results()
    trial = f", a trial of the first {count(status.limit, 'part')}" if status.limit is not None else ""
    out.print(f"[bold]{plain(status.name)}[/]: {count(status.parts, 'part')}, {size(status.bytes)} of input{trial}")
    if status.holder is not None:
        state = f"running: process {status.holder.get('pid')} on {plain(str(status.holder.get('host')))}, since {status.started}"
    elif status.finished is None:
        state = f"[yellow]not finished[/], begun {status.started}; the same command goes on"
    else:
        state = f"[green]finished[/] {status.finished}"
    out.print(state)
    if status.crawl is not None:
        told = ", ".join(f"{plain(name)} {number:,}" for name, number in by_number(status.crawl["statuses"]))
        out.print(f"crawl: {count(status.crawl['pages'], 'page')} of {count(status.crawl['total'], 'URL')} ({told})")
    if status.copied is not None:
        out.print(f"copied of Common Crawl: {count(status.copied, 'WARC')}")
    rows = [
        (plain(f"{layer.table}/{layer.layer}"), f"{layer.done:,} of {layer.parts:,}", f"{layer.rows:,}",
         f"{layer.scored:,}" if layer.scored != layer.rows else "", size(layer.bytes))
        for layer in status.layers
    ]  # fmt: skip
    out.print(grid(["layer", "parts", "rows", "scored", "size"], rows, right=(1, 2, 3, 4)))
    for output in status.outputs:
        if output.shards is None:
            out.print(f"shards/{plain(output.name)}: not there yet")
        else:
            out.print(
                f"shards/{plain(output.name)}: {count(output.shards, 'shard')}, {count(output.samples or 0, 'sample')}, "
                f"{size(output.bytes or 0)}"
            )
    out.print(f"report: {plain(status.report) if status.report else 'not there yet'}")


def _json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, indent=1, ensure_ascii=False) + "\n")
