"""Arguments that several commands read alike."""

from __future__ import annotations

import argparse


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


def add_precision(parser: argparse.ArgumentParser) -> None:
    """Add `--precision`."""
    parser.add_argument(
        "--precision",
        type=wanted_precision,
        default=0.0,
        metavar="P",
        help="state only values sure enough for this precision, e.g. 0.94; 0: the best F1 (%(default)g)",
    )
