"""What the encoder learns from: texts, and the entries of the ontology that are true of each.

Texts are those of recognition: an item as `encoded_text` cuts it, a value as the release encodes it ("Closure: zipper"), a
category as its path. The key's name before the value is the instruction: one item vector is searched with any key.
Source: paper sections 3.2.2 (InfoNCE) and 5.3 (instruction-templated entries); hold-outs: ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pipelines.library.candidates import ItemText, item_text
from pipelines.library.keys import CategoryView, CategoryViews
from pipelines.library.pairs import encoded_text, is_searched
from pipelines.models.encoder_records import Anchor, Asked, EncoderData, HoldOut
from pipelines.ontology.snapshot import Snapshot
from pipelines.ontology.texts import category_text, value_text
from schemas.listing import Listing
from udfs.document import document
from udfs.split import split_group
from udfs.text import fold
from udfs.tokens import match_form

Gold = Mapping[str, Mapping[str, Sequence[str]]]


def training_data(
    name: str, snapshot: Snapshot, listings: Sequence[Listing], gold: Gold, held: HoldOut
) -> EncoderData:
    """The data of one labelled set: items that ask for their values and category, other names that ask for theirs.

    `snapshot` is the ontology of the training items alone; `listings` are these items, of known categories.
    """
    made = _Made(name, snapshot, held, held.category(known_categories(snapshot)))
    for listing in listings:
        if listing.category_id == made.left_out:
            continue
        anchor = made.item(listing, gold.get(listing.item_id, {}))
        if anchor is not None:
            kept = made.data.dev if held.family(split_group(listing)) else made.data.anchors
            kept.append(anchor)
    for category_id in sorted({str(item.category_id) for item in listings} - {str(made.left_out)}):
        made.data.anchors += made.other_names(category_id)
    return made.data


def known_categories(snapshot: Snapshot) -> list[str]:
    """The categories that have values: in the ontology of training items, those that these items have."""
    return [
        category_id
        for category_id, links in snapshot.keys.items()
        if any(snapshot.values_of(link) for link in links)
    ]


class _Made:
    """One set's data while it is made; a group stands for a value set without its held-out values."""

    def __init__(self, name: str, snapshot: Snapshot, held: HoldOut, left_out: str | None) -> None:
        self.name, self.snapshot, self.held, self.left_out = name, snapshot, held, left_out
        self.data = EncoderData()
        self.views = CategoryViews(snapshot)
        self._groups: dict[str, int] = {}
        self._places: list[dict[str, int]] = []
        self._named: set[str] = set()
        with_keys = sorted(c for c in snapshot.categories if snapshot.keys.get(c) and c != left_out)
        self._categories = self._group("categories", [category_text(snapshot, c) for c in with_keys])

    def item(self, listing: Listing, labels: Mapping[str, Sequence[str]]) -> Anchor | None:
        """An item with what gold says of it; None when nothing can be asked."""
        category = self.views.of(str(listing.category_id))
        found = document(listing)
        text = item_text(found)
        forms = {form for form, _, _ in text.grams}
        asked: list[Asked] = []
        for place, view in enumerate(category.keys):
            if self._is_trained(category, place):
                asked += self._asked(category, place, labels.get(view.key.key_id, ()), forms)
        own = self._places[self._categories].get(category_text(self.snapshot, category.category_id))
        if own is not None:
            asked.append(Asked(self._categories, (own,), (True,)))
        if not asked:
            return None
        true = {self.data.groups[one.group][place] for one in asked for place in one.true}
        named = true | set(_mentioned(category, text))
        return Anchor(encoded_text(found), self._batch(category), tuple(asked), tuple(sorted(named)))

    def other_names(self, category_id: str) -> Iterator[Anchor]:
        """Synonyms, each under its key's name as a value would be: they ask for the value that they mean."""
        category = self.views.of(category_id)
        for place, view in enumerate(category.keys):
            if not self._is_trained(category, place):
                continue
            group = self._of_values(category, place)
            for value in view.values:
                entry = value_text(view.key.name, value.text)
                at = self._places[group].get(entry)
                for text in (value_text(view.key.name, name) for name in value.synonyms):
                    if at is not None and text not in self._named:
                        self._named.add(text)
                        asked = Asked(group, (at,), (False,))
                        yield Anchor(text, self._batch(category), (asked,), (entry,))

    def _asked(
        self, category: CategoryView, place: int, values: Sequence[str], forms: set[str]
    ) -> Iterator[Asked]:
        """What one key asks of an item: the values that the ontology has and that are not held out."""
        view, group = category.keys[place], self._of_values(category, place)
        true: dict[int, bool] = {}
        for text in values:
            position = view.positions.get(fold(text), -1)
            if position < 0:
                continue
            value = view.values[position]
            at = self._places[group].get(value_text(view.key.name, value.text))
            if at is not None:
                true[at] = any(match_form(name) in forms for name in (value.text, *value.synonyms))
        if true:
            yield Asked(group, tuple(true), tuple(true.values()))

    def _is_trained(self, category: CategoryView, place: int) -> bool:
        return is_searched(category, place) and not self.held.key(category.keys[place].key.name)

    def _of_values(self, category: CategoryView, place: int) -> int:
        view = category.keys[place]
        texts = [v.text for v in view.values if not self.held.value(view.key.name, v.text)]
        return self._group(view.value_set_id, [value_text(view.key.name, text) for text in texts])

    def _group(self, name: str, texts: Sequence[str]) -> int:
        if name not in self._groups:
            self._groups[name] = len(self.data.groups)
            self.data.groups.append(tuple(dict.fromkeys(texts)))
            self._places.append({text: place for place, text in enumerate(self.data.groups[-1])})
        return self._groups[name]

    def _batch(self, category: CategoryView) -> str:
        return f"{self.name}/{category.category_id}"


def _mentioned(category: CategoryView, text: ItemText) -> Iterator[str]:
    """Entries of any key whose words the item's text has."""
    for form, _, _ in text.grams:
        for key_place, position in category.surfaces.get(form, ()):
            view = category.keys[key_place]
            yield value_text(view.key.name, view.values[position].text)
