"""Labelled sets as encoder training and its evaluation see them, and the texts that have to be encoded for both."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.apps.evaluation_set import HELD_OUT_FIFTH, EvaluationSet, load_set, training_part
from pipelines.library.pairs import encoded_text
from pipelines.ontology.snapshot import Snapshot
from pipelines.ontology.texts import PROBE, category_text, value_text
from schemas.listing import Listing
from udfs.document import document


@dataclass(frozen=True, slots=True)
class SetParts:
    """One set: training items and their labels, and the held-out fifth with the ontology of the training items."""

    name: str
    train: Sequence[Listing]
    gold: Mapping[str, Mapping[str, Sequence[str]]]
    held_out: EvaluationSet

    @property
    def ontology(self) -> Snapshot:
        """What an encoder may know: categories, keys, and the values of training items."""
        return self.held_out.ontology


def read_parts(folder: Path, now_ms: int) -> SetParts:
    """Read a folder in the interchange form and split it. Errors: those of `load_set`."""
    paths = folder / "ontology", folder / "listings.jsonl", folder / "gold.jsonl"
    whole = load_set(*paths, now_ms, None)
    gold: dict[str, dict[str, Sequence[str]]] = defaultdict(dict)
    for pair in whole.gold:
        gold[pair.item_id][pair.key_id] = pair.values
    held_out = load_set(*paths, now_ms, HELD_OUT_FIFTH)
    return SetParts(folder.absolute().name, training_part(whole), gold, held_out)


def needed_texts(parts: SetParts) -> Iterator[str]:
    """Every text that training, a release, or the evaluation of this set encodes."""
    ontology = parts.ontology
    yield PROBE
    for found in ontology.value_sets.values():
        for value in found.values:
            yield value_text(found.context, value.text)
            yield from (value_text(found.context, name) for name in value.synonyms)
    for category_id in ontology.categories:
        yield category_text(ontology, category_id)
    for link in (*ontology.links(), *ontology.spare_keys):
        yield link.key.name
    for listing in (*parts.train, *parts.held_out.listings):
        yield encoded_text(document(listing))
