"""An evaluation for the terminal."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from pipelines.apps.evaluation import Evaluation
from pipelines.apps.evaluation_set import EvaluationSet
from pipelines.apps.scoring import Score

SHOWN_KEYS = 30


def about_lines(args: argparse.Namespace, found: EvaluationSet) -> dict[str, str]:
    """What is evaluated and how, in words."""
    about = {
        "listings": f"{args.listings.name}: {len(found.listings):,} listings, {len(found.gold):,} gold pairs",
        "ontology": f"ontology: {found.ontology.counts().entries:,} known values",
        "discriminator": f"discriminator: {args.discriminator}",
    }
    if found.rejects:
        reasons = ", ".join(f"{count} {reason}" for reason, count in found.rejects.most_common())
        about["rejects"] = f"rejected listings: {reasons}"
    if found.split:
        about["split"] = (
            f"split {found.split}: only items that training never sees are scored, and the ontology has only the "
            "values that the other items' labels have, with their frequency there"
        )
    return about


def print_evaluation(found: Evaluation, about: Mapping[str, str]) -> None:
    """Print scores overall, by kind, category and key."""
    console = Console(highlight=False)
    overall, density = found.overall, found.density
    console.print(
        f"\n[bold]F1 {overall.f1:.4f}[/bold]  precision {overall.precision:.4f}  recall {overall.recall:.4f}"
        f"  ({overall.pairs:,} pairs; {overall.true_positives:,} right, {overall.false_positives:,} wrong,"
        f" {overall.false_negatives:,} missed)"
    )
    at = ", ".join(
        f"{recall:.3f} at precision {least:.2f}" for least, recall in found.recall_at_precision.items()
    )
    console.print(f"recall {at}")
    errors_of = (
        ("all", found.trust_all),
        ("stated", found.trust_stated),
        ("not stated", found.trust_not_stated),
    )
    ece = ", ".join(f"{name} {part.ece:.3f}" for name, part in errors_of if part)
    console.print(f"expected calibration error (15 bins of equal width): {ece or 'nothing was claimed'}")
    merchants = "merchants state none" if density.ratio is None else f"{density.ratio:.2f} x the merchants'"
    console.print(
        f"per SKU: {density.attributes_per_sku:.2f} attributes, {density.triples_per_sku:.2f} triples ({merchants});"
        f" {about['speed']}"
    )
    if found.items_without_answers:
        console.print(
            f"[red]{len(found.items_without_answers):,} labelled items are not among the listings[/red]"
        )
    for title, scores in (
        ("kind of value", found.per_value_kind),
        ("method", found.per_method),
        ("category", found.per_category),
        ("key", found.per_key),
    ):
        console.print(_table(title, scores))
    errors = ", ".join(f"{count:,} {kind}" for kind, count in found.errors.items())
    console.print(f"pairs that are not right: {errors or 'none'}")


def _table(title: str, scores: Mapping[str, Score]) -> Table:
    shown = list(scores.items())[:SHOWN_KEYS]
    left = len(scores) - len(shown)
    table = Table(
        caption=f"and {left} more: --json has all" if left else None, box=None, padding=(0, 2, 0, 0)
    )
    table.add_column(title, style="bold", overflow="fold")
    for head in ("pairs", "P", "R", "F1", "right", "wrong", "missed"):
        table.add_column(head, justify="right")
    for name, score in shown:
        cells = (f"{score.precision:.3f}", f"{score.recall:.3f}", f"{score.f1:.3f}")
        counts = (score.true_positives, score.false_positives, score.false_negatives)
        # A name may come from a file: no markup in it is ours.
        table.add_row(_plain(name), f"{score.pairs:,}", *cells, *(f"{count:,}" for count in counts))
    return table


def _plain(text: str) -> str:
    return "".join(char for char in text if char.isprintable()).replace("[", r"\[")
