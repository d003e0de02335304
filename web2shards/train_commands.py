"""The commands that train models: quality."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from web2shards import options
from web2shards.console import count, grid, plain, results, say

if TYPE_CHECKING:
    from rich.table import Table

app = typer.Typer(help="Train models on texts of your own.", no_args_is_help=True)


def _many(name: str, help: str, *more: str) -> Any:
    return typer.Option(name, *more, metavar="PATH", help=help, show_default=False)


def _number(help: str) -> Any:
    return typer.Option(metavar="N", help=help)


@app.callback()
def _train() -> None:  # pyright: ignore[reportUnusedFunction]
    """Train models on texts of your own."""


@app.command()
def quality(
    ctx: typer.Context,
    positive: Annotated[list[str], _many(
        "--positive", "Texts to find more of: tables, WET files, or the out folder of a run (what it kept). Globs are allowed; "
        "may stand several times.", "-p",
    )],
    negative: Annotated[list[str], _many("--negative", "Texts to tell them from: a sample of the crawl.", "-n")],
    out: Annotated[str, typer.Option("--out", "-o", metavar="DIR", help="The folder of the model.", show_default=False)],
    method: Annotated[
        str, typer.Option("--method", "-m", help="fasttext (as DCLM) or logistic (hashed n-grams, as GPT-3).")
    ] = "fasttext",
    keep: Annotated[float, typer.Option(help="The share of a crawl that is to be kept: figures are told for it.")] = 0.1,
    held_out: Annotated[float, typer.Option(help="The share of texts that only figures are made of.")] = 0.1,
    reference: Annotated[
        list[str] | None, _many("--reference", "Texts that percentiles are among. Default: the held-out negatives.")
    ] = None,
    by_language: Annotated[
        bool, typer.Option("--by-language", help="Percentiles within each language that has enough texts.")
    ] = False,
    positive_rule: Annotated[str, typer.Option(metavar="RULE", help="What rows of out folders must fulfil.")] = "fate.kept",
    negative_rule: Annotated[
        str, typer.Option(metavar="RULE", help="The same for negatives and the reference.")
    ] = "fate.kept",
    text_column: Annotated[str, typer.Option(metavar="NAME", help="The column of tables with the text.")] = "text",
    url_column: Annotated[str, typer.Option(metavar="NAME", help="The column of tables with the URL.")] = "url",
    most: Annotated[int, _number("Texts of a class; more are sampled.")] = 200_000,
    seed: Annotated[int, _number("For samples, the split and the training.")] = 0,
    ngrams: Annotated[int, _number("Longest run of words that counts as a feature.")] = 2,
    rate: Annotated[float, typer.Option(help="fastText: learning rate.")] = 0.1,
    epochs: Annotated[int, _number("fastText: passes over the texts.")] = 5,
    dimensions: Annotated[int, _number("fastText: size of vectors.")] = 100,
    buckets: Annotated[int, _number("fastText: for n-grams; a model has 4 × buckets × dimensions bytes.")] = 2_000_000,
    min_count: Annotated[int, _number("fastText: rarer words are left out.")] = 1,
    bits: Annotated[int, _number("logistic: 2 ** bits buckets.")] = 18,
    strength: Annotated[float, typer.Option(help="logistic: scikit-learn's C; smaller is smoother.")] = 10.0,
    about: Annotated[str, typer.Option(metavar="TEXT", help="What people should know of the model, for its card.")] = "",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a model that is in the folder.")] = False,
    verbose: options.Verbose = False,
) -> None:  # fmt: skip
    """Train a quality classifier on texts to find more of and texts to tell them from, and measure it on held-out texts.

    Writes the model, card.json and card.md into a folder that the scorer `quality` takes as `model`.
    """
    options.remember(ctx, verbose)
    from core.errors import RecipeError
    from pipelines.quality_texts import Source
    from pipelines.quality_training import Training, train

    try:
        training = Training(
            method=method, seed=seed, held_out=held_out, keep=keep, most=most, ngrams=ngrams,  # type: ignore[arg-type]
            rate=rate, epochs=epochs, dimensions=dimensions, buckets=buckets, min_count=min_count, bits=bits,
            strength=strength, by_language=by_language, about=about,
        )  # fmt: skip
    except ValueError as error:
        name, _, told = str(error).partition(": ")
        raise RecipeError(f"--{name.replace('_', '-')}: {told}", "web2shards train quality --help says what it is") from error
    columns = (("text", text_column), ("url", url_column))
    of_reference = Source("--reference", tuple(reference), columns, negative_rule) if reference else None
    trained = train(
        Source("--positive", tuple(positive), columns, positive_rule),
        Source("--negative", tuple(negative), columns, negative_rule), out, training, of_reference,
        lambda text: say(f"[dim]{text}[/]"), overwrite,
    )  # fmt: skip
    for warning in trained.warnings:
        say(f"[yellow]warning:[/] {plain(warning)}")
    _show(trained.card)
    say(f"the model and its card are in {plain(out)}; use it as `- quality: {{model: {plain(out)}}}`")


def _show(card: dict[str, Any]) -> None:
    figures, held = card["figures"], card["figures"]["held_out"]
    error = figures["calibration_error"]
    out = results()
    out.print(
        f"[bold]held-out AUC {figures['auc']:.4f}[/] on {count(held['positive'], 'positive')} and "
        f"{count(held['negative'], 'negative')}; of the best {figures['keep']:.3g} of them "
        f"{figures['precision_at_keep']:.4f} are positives"
    )
    out.print(f"calibration error: {error['score']:.4f} of the score, {error['probability']:.4f} of the probability")
    out.print(_thresholds(card))


def _thresholds(card: dict[str, Any]) -> Table:
    rows = [
        (
            f"{row['share']:.3g}", f"quality.score >= {_shortest(row['threshold'])}", f"{row['recall']:.3f}",
            f"{row['false_positives']:.3f}",
        )
        for row in card["figures"]["shares_of_reference"]
    ]  # fmt: skip
    title = f"what a threshold keeps of the reference ({card['reference']['texts']:,} {card['reference']['of']})"
    return grid(["share", "rule", "positives kept", "negatives kept"], rows, right=(0, 2, 3), title=title)


def _shortest(value: float) -> str:
    """The fewest digits that are the number as the column stores it."""
    import numpy as np

    return str(np.float32(value))
