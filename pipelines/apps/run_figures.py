"""What a run's rows say about it: confidence, coverage by category, who answered. Added up shard by shard."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from schemas.knowledge import STATED, KnowledgeRow
from schemas.report import CONFIDENCE_BINS, CategoryCoverage

UNCHANGED, MOVED, DISCRIMINATOR = "unchanged", "moved", "discriminator"
TAKEN = frozenset([UNCHANGED, MOVED, "sibling", "aligned", "neighbour", "twin", "relevance"])
"""Who answers without that anything is computed for the pair."""
SOURCE_MARK = "; from "


@dataclass(slots=True)
class RunFigures:
    """Counters of knowledge rows. The rows of one item must come one after the other.

    `methods` counts pairs by the method that answered, `answered` and `triples_by` pairs and triples by who did (`who_answered`).
    `run_id`: the run's, "" where rows of any run are its own.
    """

    run_id: str = ""

    confidence: list[int] = field(default_factory=lambda: [0] * CONFIDENCE_BINS)
    methods: Counter[str] = field(default_factory=Counter)
    answered: Counter[str] = field(default_factory=Counter)
    triples_by: Counter[str] = field(default_factory=Counter)
    _items: Counter[str] = field(default_factory=Counter)
    _pairs: Counter[str] = field(default_factory=Counter)
    _stated: Counter[str] = field(default_factory=Counter)
    _triples: Counter[str] = field(default_factory=Counter)
    _item_id: str = ""

    def add(self, rows: Iterable[KnowledgeRow]) -> None:
        """Count rows; tombstones and rows that are not of a key (`_category`) are no pairs."""
        for row in rows:
            if row.is_deleted:
                continue
            if row.item_id != self._item_id:
                self._item_id = row.item_id
                self._items[row.category_id] += 1
            if not row.attr_id.startswith("_"):
                self._add_pair(row)

    @property
    def items(self) -> int:
        """Items counted so far."""
        return self._items.total()

    @property
    def pairs(self) -> int:
        """Item x key pairs counted so far."""
        return self._pairs.total()

    @property
    def triples(self) -> int:
        """Item, key, value triples counted so far."""
        return self._triples.total()

    def coverage(self, names: Mapping[str, str]) -> tuple[CategoryCoverage, ...]:
        """What is known by category, the largest first; `names` are the categories' names by id."""
        return tuple(
            CategoryCoverage(
                category_id=category_id,
                items=items,
                pairs=self._pairs[category_id],
                stated=self._stated[category_id],
                triples=self._triples[category_id],
                name=names.get(category_id, ""),
            )
            for category_id, items in sorted(self._items.items(), key=lambda found: (-found[1], found[0]))
        )

    def _add_pair(self, row: KnowledgeRow) -> None:
        self._pairs[row.category_id] += 1
        self.methods[row.provenance.method] += 1
        who = who_answered(row, self.run_id)
        self.answered[who] += 1
        if row.status == STATED:
            self._stated[row.category_id] += 1
            self._triples[row.category_id] += len(row.value_texts)
            self.triples_by[who] += len(row.value_texts)
            self.confidence[min(CONFIDENCE_BINS - 1, int(row.confidence * CONFIDENCE_BINS))] += 1


def who_answered(row: KnowledgeRow, run_id: str) -> str:
    """Who answered a pair: an earlier run (unchanged), the item's earlier text (moved), sibling, what stands at the place of a
    sibling's value (aligned), neighbour, another item with the same text (twin), relevance model; else the discriminator where it was asked, else the method.

    `run_id`: of the run that the row is a result of, "" for any.
    """
    if run_id and row.provenance.run_id != run_id:
        return UNCHANGED
    source = row.provenance.model.partition(SOURCE_MARK)[2]
    if not source:
        # What the model chose among computed numbers has the method `extraction`.
        return DISCRIMINATOR if row.provenance.prompt_version else row.provenance.method
    kind = source.split(" ", 1)[0]
    return MOVED if kind == "earlier" else kind
