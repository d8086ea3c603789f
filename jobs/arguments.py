"""Arguments that several commands read alike."""

from __future__ import annotations

import argparse

from pipelines.reduction.config import NAMED, NOTHING_REDUCED, PARTS, Reduce, reduce_of
from pipelines.reduction.ledger import MACHINE_HOUR


def wanted_precision(text: str) -> float:
    """Read a wanted precision; 0 is that of the best F1.

    >>> wanted_precision("0.94")
    0.94
    """
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not (found == 0 or 0.5 <= found < 1):
        raise argparse.ArgumentTypeError(
            f"{text!r}: give a precision from 0.5 to below 1, or 0 for the best F1"
        )
    return found


def wanted_reduce(text: str) -> Reduce:
    """Read what a run is to leave out.

    >>> wanted_reduce("sku,flow")
    Reduce(parts=('sku', 'flow'))
    """
    try:
        return reduce_of(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def add_reduce(parser: argparse.ArgumentParser) -> None:
    """Add `--reduce`."""
    parser.add_argument(
        "--reduce",
        type=wanted_reduce,
        default=NOTHING_REDUCED,
        metavar="WHAT",
        help=f"leave out what need not be computed: {', '.join(NAMED)}, or parts: {','.join(PARTS)} (%(default)s); "
        "pipelines/reduction/README.md",
    )


def price(text: str) -> float:
    """Read a price; a price is not negative.

    >>> price("0.25")
    0.25
    """
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 <= found < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r}: give a price of 0 or more")
    return found


def add_machine_hour(parser: argparse.ArgumentParser) -> None:
    """Add `--machine-hour`."""
    parser.add_argument(
        "--machine-hour",
        type=price,
        default=MACHINE_HOUR,
        metavar="MONEY",
        help="price of an hour of the machine, for the report's ledger (%(default)g)",
    )


def add_precision(parser: argparse.ArgumentParser) -> None:
    """Add `--precision`."""
    parser.add_argument(
        "--precision",
        type=wanted_precision,
        default=0.0,
        metavar="P",
        help="state only values sure enough for this precision, e.g. 0.94; 0: the best F1 (%(default)g)",
    )
