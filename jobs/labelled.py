"""Reads a labelled interchange folder (listings, gold, ontology) for training and its evaluation."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import fields
from pathlib import Path

from pipelines.models.labelled import LabelledSet, labelled_set
from pipelines.ontology.interchange import load_interchange
from schemas.listing import Listing
from udfs.split import split_fifth


def read_labelled_set(folder: Path) -> LabelledSet:
    """Read a folder in the interchange form and split it. Errors: OSError, OntologyRefused, ValueError."""
    known = {one.name for one in fields(Listing)}
    listings = [
        Listing(**{name: value for name, value in json.loads(line).items() if name in known})
        for line in (folder / "listings.jsonl").open(encoding="utf-8")
    ]
    gold: dict[str, dict[str, list[str]]] = defaultdict(dict)
    for line in (folder / "gold.jsonl").open(encoding="utf-8"):
        row = json.loads(line)
        gold[row["item_id"]][row["key_id"]] = row["values"]
    held_out = frozenset(item.item_id for item in split_fifth(listings)[1])
    return labelled_set(folder.name, load_interchange(folder / "ontology"), listings, gold, held_out)
