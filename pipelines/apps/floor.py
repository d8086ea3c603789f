"""The floor that every model must be above: the longest ontology value whose words stand in the item."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pipelines.library.answers import Answer, ItemAnswers, Usage
from pipelines.ontology.snapshot import Snapshot, Value
from schemas.listing import Listing
from udfs.document import document
from udfs.text import fold

METHOD = "rule"


@dataclass
class LongestValue:
    """A `Recogniser` by word match alone. An item without a known category is not answered.

    Confidence means nothing here; it is 0.5 throughout.
    """

    ontology: Snapshot
    model: str = "longest ontology value found"
    _views: dict[str, list[tuple[str, Mapping[str, Value]]]] = field(default_factory=dict, init=False)

    @property
    def ontology_version(self) -> str:
        """Version of the ontology that values come from."""
        return self.ontology.version

    async def recognise(self, listings: Sequence[Listing]) -> tuple[list[ItemAnswers], Usage]:
        """Answers of N listings, same order."""
        usage = Usage()
        found = [self._item(listing) for listing in listings]
        usage.pairs[METHOD] += sum(len(item.answers) for item in found)
        return found, usage

    async def close(self) -> None:
        """There is nothing to close."""

    def _item(self, listing: Listing) -> ItemAnswers:
        category_id = listing.category_id or ""
        if category_id not in self.ontology.categories:
            return ItemAnswers(listing.item_id, category_id, 0.0, ())
        text = fold(document(listing).text)
        answers = []
        for key_id, values in self._values(category_id):
            found = [form for form in values if form in text and is_word(form, text)]
            best = max(found, key=lambda form: (len(form), form), default=None)
            chosen = (values[best],) if best is not None else ()
            texts, ids = tuple(value.text for value in chosen), tuple(value.value_id for value in chosen)
            answers.append(Answer(key_id, texts, ids, (), 0.5, METHOD))
        return ItemAnswers(listing.item_id, category_id, 1.0, tuple(answers))

    def _values(self, category_id: str) -> list[tuple[str, Mapping[str, Value]]]:
        """Each key of a category with its values by folded text."""
        if category_id not in self._views:
            self._views[category_id] = [
                (
                    link.key.key_id,
                    {fold(value.text): value for value in self.ontology.values_of(link) if fold(value.text)},
                )
                for link in self.ontology.keys_of(category_id)
            ]
        return self._views[category_id]


def is_word(form: str, text: str) -> bool:
    """Whether a form stands in a text with no letter or digit beside it.

    >>> is_word("red", "a red mug"), is_word("red", "a bored mug")
    (True, False)
    """
    return re.search(rf"(?<!\w){re.escape(form)}(?!\w)", text) is not None
