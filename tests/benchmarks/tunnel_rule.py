"""One random history through the rule alone: merged, stored and replayed, in memory, against both oracles."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from pipelines.tunnel.changes import Key, State, merge_into, replay
from pipelines.tunnel.store import EMPTY, HistoryLimits, ItemRows, ItemState, apply_rows
from schemas.change import Change
from schemas.knowledge import KnowledgeRow
from schemas.results import KnowledgeResults
from tests.benchmarks.tunnel_oracle import expected_of_rows, faults_of_facts, faults_of_rows
from tests.benchmarks.tunnel_worlds import History, deliveries
from udfs.version import settle

LIMITS = HistoryLimits(earlier_rows=1_000, days=10_000)


class Merged:
    """The merge's rule: commits of any size into a state, with the changes that they publish."""

    def __init__(self) -> None:
        self.state: State = {}
        self.changes: list[Change] = []

    def commit(self, number: int, given: Sequence[KnowledgeRow]) -> None:
        """Merge rows as one commit."""
        items = {row.item_id for row in given}
        present = [row for row in self.state.values() if row.item_id in items]
        for one in merge_into(present, given):
            after = one.after
            self.state[after.item_id, after.attr_id] = after
            self.changes.append(
                Change(after.item_id, after.attr_id, f"{number:017}", len(self.changes), one.before, after)
            )


class Stored:
    """The lookup store's rule, item by item."""

    def __init__(self) -> None:
        self._items: dict[str, ItemState] = {}
        self._now_ms = 0

    def apply(self, given: Sequence[KnowledgeRow]) -> None:
        """Apply rows of one item."""
        self._now_ms += 1
        item_id = given[0].item_id
        step = apply_rows(
            self._items.get(item_id, EMPTY), ItemRows(item_id, tuple(given), self._now_ms), LIMITS
        )
        if step is not None:
            self._items[item_id] = step.state

    @property
    def state(self) -> dict[Key, KnowledgeRow]:
        """All rows."""
        return {(item, attr): row for item, one in self._items.items() for attr, row in one.rows.items()}


def faults_of_history(history: History) -> list[str]:
    """What goes wrong when a history is merged, stored and replayed; [] where all end in what the oracles say."""
    chance = Random(history.seed + 1)
    arrived = deliveries(history, chance)
    merged, stored = Merged(), Stored()
    at = number = read = 0
    while at < len(arrived):
        size = chance.randrange(1, 6)
        merged.commit(number, [row for one in arrived[at : at + size] for row in rows_of(one)])
        at, number = at + size, number + 1
        # The store takes messages at once and changes whenever they come; files reach it as changes alone.
        if chance.random() < 0.5:
            read = _follow(stored, merged.changes, read)
    for one in deliveries(history, chance):
        if isinstance(one, KnowledgeResults):
            stored.apply(one.rows)
        if chance.random() < 0.3:
            read = _follow(stored, merged.changes, read)
    _follow(stored, merged.changes, 0 if chance.random() < 0.5 else read)
    published = [*merged.changes, *chance.choices(merged.changes, k=len(merged.changes) // 2)]
    chance.shuffle(published)
    faults = [
        f"{name} is not what the merge has"
        for name, state in (
            ("store", stored.state), ("replay", replay(published)), ("settle", settle(history.rows)),
        )
        if state != merged.state
    ]  # fmt: skip
    faults += faults_of_rows(merged.state, expected_of_rows(history.rows))
    return faults + faults_of_facts(merged.state, history.truth)


def rows_of(one: KnowledgeResults | list[KnowledgeRow]) -> Sequence[KnowledgeRow]:
    """The rows of a message or a file."""
    return one.rows if isinstance(one, KnowledgeResults) else one


def _follow(stored: Stored, changes: Sequence[Change], read: int) -> int:
    for change in changes[read:]:
        stored.apply([change.after])
    return len(changes)
