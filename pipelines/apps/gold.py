"""Reading gold labels."""

from __future__ import annotations

from pathlib import Path

from pipelines.tunnel.intake_read import EmptyInput, input_files, raw_records
from schemas.gold import GoldPair
from schemas.parse import BadRecord, parse_record


class BadGold(ValueError):
    """A line of gold labels that breaks its contract. A score over the rest would not be the set's score."""


def read_gold(path: Path) -> list[GoldPair]:
    """The labels of a JSONL or Parquet file; a pair given twice has the values of both.

    Errors: AbsentInput, EmptyInput, UnreadableInput; BadGold with file and line.
    """
    pairs: dict[tuple[str, str], GoldPair] = {}
    for file in input_files([path]):
        for raw in raw_records(file):
            if raw.fault is not None:
                raise BadGold(f"{raw.source}:{raw.line}: {raw.fault}")
            try:
                found = parse_record(GoldPair, raw.content)
            except BadRecord as error:
                raise BadGold(f"{raw.source}:{raw.line}: {error}") from error
            key = (found.item_id, found.key_id)
            known = pairs[key].values if key in pairs else ()
            pairs[key] = GoldPair(*key, tuple(dict.fromkeys((*known, *found.values))))
    if not pairs:
        raise EmptyInput(f"{path}: not a single label; give lines with item_id, key_id and values")
    return list(pairs.values())
