"""The command crawl."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ingest.crawl_options import CRAWL_OPTIONS, default, meaning, read_seeds
from web2shards import options
from web2shards.console import by_number, count, grid, plain, results, say, size

if TYPE_CHECKING:
    from ingest.crawling import CrawlSettings, Summary

PANEL = "Recipes"
#: URLs between two lines of progress, and refused seeds that are named.
_TOLD_EVERY, _TOLD_SEEDS = 500, 10


def _help(name: str) -> str:
    """What an option means, as a sentence."""
    text = meaning(name)
    return f"{text[0].upper()}{text[1:]}."


def register(app: typer.Typer) -> None:
    """Adds the command to the application."""
    app.command(rich_help_panel=PANEL)(crawl)


def crawl(
    ctx: typer.Context,
    seeds: Annotated[Path, typer.Argument(metavar="SEEDS", help="A file with a URL or host a line; # begins a comment.")],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE", help="The WARC, such as out.warc.gz. A crawl that is there goes on.")
    ],
    depth: Annotated[int, typer.Option("--depth", "-d", min=0, help=_help("depth"))] = default("depth"),
    scope: Annotated[str, typer.Option("--scope", "-s", help=_help("scope"))] = default("scope"),
    pages_per_host: Annotated[int, typer.Option(min=1, metavar="N", help=_help("pages_per_host"))] = default("pages_per_host"),
    hosts: Annotated[int, typer.Option(min=0, metavar="N", help=_help("hosts"))] = default("hosts"),
    pages: Annotated[int, typer.Option(min=0, metavar="N", help=_help("pages"))] = default("pages"),
    sitemaps: Annotated[bool, typer.Option("--sitemaps/--no-sitemaps", help=_help("sitemaps"))] = default("sitemaps"),
    nofollow: Annotated[bool, typer.Option("--nofollow/--no-nofollow", help=_help("nofollow"))] = default("nofollow"),
    interval: Annotated[float, typer.Option(min=0, metavar="SECONDS", help="Between two requests to a host, at least.")] = 1.0,
    concurrency: Annotated[int, typer.Option(min=1, metavar="N", help="Requests at a time, one a host.")] = 256,
    deadline: Annotated[float, typer.Option(min=0, metavar="SECONDS", help="When this run ends (0: when all is done).")] = 0.0,
    user_agent: Annotated[
        str, typer.Option(metavar="TEXT", help="Who asks, and where you can be reached; robots.txt is read for its first word.")
    ] = "web2shards/0.1",
    open_network: Annotated[
        list[str] | None, typer.Option(metavar="CIDR", help="A network that is not public and may be crawled, such as 10.1.0.0/16.")
    ] = None,
    port: Annotated[
        list[int] | None, typer.Option(min=1, max=65_535, metavar="N", help="A port that may be used, besides 80, 443, 8080, 8443.")
    ] = None,
    verbose: options.Verbose = False,
) -> None:
    """Crawl pages to WARC, politely: robots.txt, one request a host at a time, opt-outs, and only public addresses."""
    options.remember(ctx, verbose)
    from core.errors import InputError, RecipeError
    from ingest.crawling import CrawlSettings, crawl_fetch_settings
    from ingest.crawling import crawl as run

    values: dict[str, Any] = {
        "host_interval_seconds": interval, "concurrency": concurrency, "deadline_seconds": deadline, "user_agent": user_agent,
        "open_networks": tuple(open_network or ()), "ports": (80, 443, 8080, 8443, *(port or ())),
    }  # fmt: skip
    try:
        fetch = crawl_fetch_settings(**values)
        settings = CrawlSettings(scope, depth, pages_per_host, pages, hosts, sitemaps, nofollow, fetch)
    except ValueError as error:
        raise RecipeError(str(error), "see web2shards crawl --help") from None
    try:
        listed = read_seeds(seeds.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{seeds}: {error}", "give a file with a URL a line", str(seeds)) from None
    told = 0

    def note(summary: Summary) -> None:
        nonlocal told
        told += 1
        if told % _TOLD_EVERY == 0:
            say(f"{count(summary.records, 'page')} written, {count(summary.spent.requests, 'request')} made")

    _tell(run(listed, out, settings, note=note), out, settings)


def _tell(summary: Summary, out: Path, settings: CrawlSettings) -> None:
    for seed, why in islice(summary.refused.items(), _TOLD_SEEDS):
        say(plain(f"not crawled: {seed[:200]}: {why}"))
    counted = by_number(summary.statuses)
    console = results()
    console.print(grid(["what came of them", "URLs"], [(plain(status), f"{number:,}") for status, number in counted], right=(1,)))
    console.print(f"{count(summary.records, 'page')}, {size(summary.bytes)} in {plain(str(out))}")
    for reason, number in sorted(summary.left.items()):
        say(f"{count(number, 'link')} not followed: --{reason.replace('_', '-')} was reached" if reason in CRAWL_OPTIONS else
            f"{count(number, 'link')} not followed: too many URLs are remembered")  # fmt: skip
    if summary.waiting:
        console.print(f"{count(summary.waiting, 'URL')} were not reached: the same command goes on")
    if settings.fetch.user_agent == "web2shards/0.1":
        say("say who you are with --user-agent, so that a site can tell you if you are a burden")
