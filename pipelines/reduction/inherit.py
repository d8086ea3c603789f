"""Key by key, what an item need not be asked about: taken over from its reference, or irrelevant (paper section 4.3.1; L3, L4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipelines.library.answers import Answer
from pipelines.library.candidates import names_match
from pipelines.library.keys import CategoryView
from pipelines.library.relevance import Relevance, key_vectors, relevance_a, relevance_b_parts
from pipelines.library.relevance_features import ItemProbe, item_probe
from pipelines.ontology.release import Release
from pipelines.ontology.search import Floats
from pipelines.reduction.config import Reduction
from pipelines.reduction.difference import Noted, changed_attributes, noted, touched
from pipelines.reduction.lend import SIBLING, irrelevant, is_own, lent, said_alike
from pipelines.reduction.references import Reference
from pipelines.reduction.said import is_settled, reread
from schemas.listing import Listing

NEVER_LENT = ("identifier", "measure")


@dataclass(frozen=True, slots=True)
class Probed:
    """One item as reduction sees it: its category, what the relevance model looks at, and where candidates can come from."""

    listing: Listing
    category: CategoryView
    probe: ItemProbe
    notes: Noted


def probed(listing: Listing, category: CategoryView, vector: Floats, text: object) -> Probed:
    """Prepare an item; `text`: its `ItemText`."""
    return Probed(listing, category, item_probe(vector, text), noted(listing, category, text))  # type: ignore[arg-type]


@dataclass(slots=True)
class Inheritance:
    """Decides what is taken over. `heads`: the relevance model, None where no switch needs it.

    Errors: ValueError for a switch without the model, or with a recall that the model has no threshold for.
    """

    reduction: Reduction
    release: Release
    heads: Relevance | None = None

    def __post_init__(self) -> None:
        if self.reduction.needs_model and self.heads is None:
            raise ValueError("tasks A and B need the relevance model: give the folder of its heads")
        for wanted, known in (
            (self.reduction.task_a, "thresholds_a"),
            (self.reduction.task_b, "thresholds_b"),
        ):
            if self.heads is not None and wanted and wanted not in getattr(self.heads.meta, known):
                raise ValueError(
                    f"the relevance model has no threshold for a recall of {wanted!r}: there are {', '.join(getattr(self.heads.meta, known))}"
                )

    def known(
        self, item: Probed, reference: Reference | None, lender: Probed | None, answers: Sequence[Answer]
    ) -> dict[int, Answer]:
        """By the key's place, what the item need not be asked about; the rest is to be computed.

        `lender`, `answers`: the reference's item and its answers, one a key in the category's order.
        """
        found: dict[int, Answer] = {}
        if reference is not None and lender is not None:
            may = self._as_sibling if reference.kind == SIBLING else self._as_neighbour
            for place, chance in may(item, lender, answers).items():
                taken = self._lent(answers[place], item, lender, reference.kind, place, chance)
                if taken is not None:
                    found[place] = taken
        if self.reduction.task_a:
            for place, chance in self._irrelevant(item).items():
                if place not in found:
                    key_id = item.category.keys[place].key.key_id
                    found[place] = irrelevant(key_id, self._heads().meta.version, chance)
        return found

    def _lent(
        self, answer: Answer, item: Probed, lender: Probed, kind: str, place: int, chance: float
    ) -> Answer | None:
        """The answer with its own words as evidence, or those from which the key's rule reads the same; None without either.

        What another item lent the reference is not handed on.
        """
        if not is_own(answer):
            return None
        to, name = item.listing, lender.listing.item_id
        again = reread(answer, item.category.keys[place], to) if kind == SIBLING else answer
        return lent(answer, to, kind, name, chance) or lent(again, to, kind, name, chance)

    def _as_sibling(self, item: Probed, lender: Probed, answers: Sequence[Answer]) -> Mapping[int, float]:
        """Keys that the difference does not touch, and the chance that it does not: told by rule, or else by task B."""
        told = [answer.values for answer in answers]
        keys = key_vectors(self.release, item.category)
        p, sure = relevance_b_parts(self._heads(), item.probe, lender.probe, told, item.category, keys)
        threshold = self._heads().meta.thresholds_b[self.reduction.task_b]
        found = {}
        for place, one in enumerate(p):
            if self._says_the_same(item, lender, answers[place], place):
                found[place] = 1.0
            elif one < threshold and not sure[place] and not self._other_codes(item, lender, place):
                found[place] = 1 - float(one)
        return found

    def _other_codes(self, item: Probed, lender: Probed, place: int) -> bool:
        """Whether the texts hold other codes, of which one may be an identifier that the reference was not known to state."""
        is_identifier = item.category.keys[place].key.value_kind == "identifier"
        return is_identifier and item.notes.notes[place] != lender.notes.notes[place]

    def _says_the_same(self, item: Probed, lender: Probed, answer: Answer, place: int) -> bool:
        """Whether what makes a number or code look touched are other keys' numbers and codes."""
        view = item.category.keys[place]
        if is_settled(answer, view, item.listing, lender.listing):
            return True
        names = changed_attributes(item.listing, lender.listing)
        is_measure = view.key.value_kind == "measure" and not any(names_match(name, view) for name in names)
        return is_measure and said_alike(answer, item.listing, lender.listing)

    def _as_neighbour(self, item: Probed, lender: Probed, answers: Sequence[Answer]) -> Mapping[int, float]:
        """L3: keys that are no identifier and no measure, and that the texts' difference cannot bear on."""
        bears = touched(lender.notes, item.notes, item.category)
        return {
            place: 1.0
            for place, view in enumerate(item.category.keys)
            if not bears[place] and not view.rule.computes and view.key.value_kind not in NEVER_LENT
        }

    def _irrelevant(self, item: Probed) -> Mapping[int, float]:
        """Task A: keys that the item does not state, and the chance of that. Scenario tags are no keys of the model's."""
        keys = key_vectors(self.release, item.category)
        p = relevance_a(self._heads(), item.probe, item.category, keys)
        threshold = self._heads().meta.thresholds_a[self.reduction.task_a]
        return {place: 1 - float(one) for place, one in enumerate(p) if one < threshold and keys[place].any()}

    def _heads(self) -> Relevance:
        if self.heads is None:
            raise ValueError("tasks A and B need the relevance model: give the folder of its heads")
        return self.heads
