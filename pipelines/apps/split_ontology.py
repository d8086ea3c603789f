"""The ontology as it would be had the held-out items never been seen."""

from __future__ import annotations

import contextlib
import hashlib
import json
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipelines.ontology.identity import Identities
from pipelines.ontology.snapshot import CategoryKey, Snapshot, Value, ValueSet
from schemas.gold import GoldPair
from schemas.json_form import to_mapping
from schemas.listing import Listing
from schemas.ontology import AttributeValue
from udfs.text import fold

Pair = tuple[str, str]


def training_ontology(ontology: Snapshot, gold: Iterable[GoldPair], train: Iterable[Listing]) -> Snapshot:
    """The ontology with only the values that the training items' gold has, each with its frequency there.

    Categories and keys stay. Without this, the values of held-out items would be among the candidates, which
    no new item enjoys.
    """
    counts = _training_counts(ontology, gold, train)
    identities = Identities()
    keys: dict[str, tuple[CategoryKey, ...]] = {}
    value_sets: dict[str, ValueSet] = {"": ValueSet("", "", ())}
    for category_id, links in ontology.keys.items():
        cut: list[CategoryKey] = []
        for link in links:
            values = _seen(ontology.values_of(link), counts.get((category_id, link.key.key_id), Counter()))
            found = identities.value_set_of(link.key.name, values) if values else value_sets[""]
            value_sets[found.value_set_id] = found
            cut.append(replace(link, value_set_id=found.value_set_id))
        keys[category_id] = tuple(cut)
    del value_sets[""]
    return replace(ontology, version=f"{ontology.version}-training", keys=keys, value_sets=value_sets)


def write_interchange(ontology: Snapshot, folder: Path) -> None:
    """Write an ontology in the interchange form, for import."""
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "categories.jsonl", map(to_mapping, ontology.categories.values()))
    _write(
        folder / "keys.jsonl", (to_mapping(link.key) for links in ontology.keys.values() for link in links)
    )
    _write(folder / "values.jsonl", map(to_mapping, _attribute_values(ontology)))
    if ontology.tags:
        _write(folder / "tags.jsonl", map(to_mapping, ontology.tags.values()))


def cached_interchange(ontology: Snapshot, cache: Path) -> Path:
    """A folder of the cache that holds this ontology in the interchange form: equal content, equal folder."""
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".writing-", dir=cache) as scratch:
        written = Path(scratch) / "ontology"
        write_interchange(ontology, written)
        content = hashlib.blake2b(digest_size=8)
        for path in sorted(written.iterdir()):
            content.update(path.name.encode() + path.read_bytes())
        folder = cache / content.hexdigest()
        if not folder.exists():
            # Another process may be first: then its folder, which holds the same, stays.
            with contextlib.suppress(OSError):
                written.rename(folder)
    return folder


def _training_counts(
    ontology: Snapshot, gold: Iterable[GoldPair], train: Iterable[Listing]
) -> Mapping[Pair, Counter[str]]:
    """How often each value is in the training gold of each (category, key), as it is written there."""
    categories = {listing.item_id: listing.category_id for listing in train}
    counts: dict[Pair, Counter[str]] = defaultdict(Counter)
    for found in gold:
        category_id = categories.get(found.item_id)
        if category_id is not None and category_id in ontology.categories:
            for link in ontology.keys_of(category_id):
                if link.key.key_id == found.key_id:
                    counts[link.key.category_id, found.key_id].update(found.values)
    return counts


def _seen(values: Iterable[Value], counts: Counter[str]) -> tuple[Value, ...]:
    """The values that occur; a text counts once, for the value written that way, else for one folded so."""
    known = list(values)
    by_text = {text: place for place, value in reversed(list(enumerate(known))) for text in _forms(value)}
    exact = {value.text: place for place, value in reversed(list(enumerate(known)))}
    found: Counter[int] = Counter()
    for text, count in counts.items():
        place = exact.get(text, by_text.get(fold(text)))
        if place is not None:
            found[place] += count
    return tuple(replace(known[place], frequency=found[place]) for place in sorted(found))


def _forms(value: Value) -> Iterable[str]:
    return map(fold, (value.text, *value.synonyms))


def _attribute_values(ontology: Snapshot) -> Iterable[AttributeValue]:
    for category_id, links in ontology.keys.items():
        for link in links:
            for value in ontology.values_of(link):
                yield AttributeValue(
                    category_id=category_id,
                    key_id=link.key.key_id,
                    value_id=value.value_id,
                    text=value.text,
                    frequency=value.frequency,
                    synonyms=value.synonyms,
                    status=value.status,
                    importance=value.importance,
                    provenance=value.provenance,
                )


def _write(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
