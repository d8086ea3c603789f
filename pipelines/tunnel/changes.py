"""What a batch of rows changes in the settled state of its items, and changes replayed into that state (T4, T8)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from schemas.change import Change
from schemas.knowledge import KnowledgeRow
from udfs.version import order, says_the_same, settle

Key = tuple[str, str]
State = dict[Key, KnowledgeRow]


@dataclass(frozen=True, slots=True)
class RowChange:
    """One row of an item before and after a merge. `before` is None where there was none."""

    before: KnowledgeRow | None
    after: KnowledgeRow

    @property
    def says_something_new(self) -> bool:
        """Whether the fact itself changed, and not only its version, confidence or provenance."""
        return self.before is None or not says_the_same(self.before, self.after)


def merge_into(present: Iterable[KnowledgeRow], given: Iterable[KnowledgeRow]) -> list[RowChange]:
    """What merging rows into the present rows of their items changes, ordered by key; empty where nothing wins.

    `present` must hold every present row of each item that `given` names: settle(present + given) is then the new
    state, whatever the history before it (`udfs.version.settle`).
    """
    before = {(row.item_id, row.attr_id): row for row in present}
    after = settle([*before.values(), *given])
    return [
        RowChange(before.get(key), row)
        for key, row in sorted(after.items())
        if key not in before or order(before[key]) != order(row)
    ]


def replay(changes: Iterable[Change], base: Mapping[Key, KnowledgeRow] | None = None) -> State:
    """The state that a subscriber has after some changes, over the snapshot that it began with.

    Repeated changes and changes of different partitions in any order do no harm: for each row the greatest sequence
    counts, since the sequence grows with the commits.
    """
    newest: dict[Key, Change] = {}
    for change in changes:
        key = (change.item_id, change.attr_id)
        if key not in newest or newest[key].sequence < change.sequence:
            newest[key] = change
    return dict(base or {}) | {key: change.after for key, change in newest.items()}


def gaps(sequences: Iterable[int]) -> list[tuple[int, int]]:
    """The runs of sequence numbers that are absent between the smallest and the greatest, both ends included.

    >>> gaps([5, 3, 3, 9])
    [(4, 4), (6, 8)]
    """
    found = sorted(set(sequences))
    return [(left + 1, right - 1) for left, right in pairwise(found) if right > left + 1]
