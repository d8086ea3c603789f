"""What the state of items must be, said a second time and without any of the product's rules (docs: spec T4, design "version").

Two oracles that know nothing of each other, of `udfs.version`, or of any store:

- of rows: every row that was ever said is kept, and each question is answered by looking at all of them. "Last write wins per
  item-attribute", "on equal versions the greater digest wins", "deletes are versioned", "a change of category retires the
  old category's rows".
- of states: the facts of an item are those of the newest state of its listing, whatever was computed of which state, by
  whom, when, and how often; an item that ended has none.

Slow on purpose: pairs of rows are compared, nothing is folded, nothing is remembered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from schemas.knowledge import KnowledgeRow

Key = tuple[str, str]
ITEM_END, LEFT_BEHIND = "_item", "_moved"
"""How the published contract names an item's end, and the merge's memory of a category that was left (nobody's fact)."""


@dataclass(frozen=True, slots=True)
class Expected:
    """The last word on one item and attribute, and whether it still holds."""

    row: KnowledgeRow
    holds: bool


def expected_of_rows(said: Sequence[KnowledgeRow]) -> dict[Key, Expected]:
    """What all rows that were ever said come to, in whatever order they were said."""
    return {key: _last_word(key, said) for key in {(row.item_id, row.attr_id) for row in said}}


def _last_word(key: Key, said: Sequence[KnowledgeRow]) -> Expected:
    item_id, attr_id = key
    item = [row for row in said if row.item_id == item_id]
    mine = [row for row in item if row.attr_id == attr_id]
    # The last write: no other one is later, and none of the same version has a greater digest.
    [last] = {
        row.digest: row
        for row in mine
        if not any(
            other.version > row.version or (other.version == row.version and other.digest > row.digest)
            for other in mine
        )
    }.values()
    if attr_id == ITEM_END:
        return Expected(last, not last.is_deleted)
    ended = any(row.attr_id == ITEM_END and row.version > last.version for row in item)
    moved = any(
        row.attr_id != ITEM_END and row.category_id != last.category_id and row.version > last.version
        for row in item
    )
    return Expected(last, not (last.is_deleted or ended or moved))


def faults_of_rows(state: Mapping[Key, KnowledgeRow], expected: Mapping[Key, Expected]) -> list[str]:
    """In what a state is not what the rows come to, in words."""
    faults = []
    for key in sorted({*state, *expected}):
        if key[1] == LEFT_BEHIND:
            continue
        found, wanted = state.get(key), expected.get(key)
        if found is None or wanted is None:
            faults.append(f"{key}: {'absent' if found is None else 'from nowhere'}")
        elif wanted.holds and found != wanted.row:
            faults.append(f"{key}: version {found.version}, {found.value_texts}; expected {wanted.row}")
        elif not wanted.holds and not (found.is_deleted and found.version == wanted.row.version):
            faults.append(f"{key}: holds {found.value_texts}, but it ended")
    return faults


Facts = Mapping[str, tuple[str, ...]]
"""Values by attribute; () where the listing does not state it."""


def facts_in(state: Mapping[Key, KnowledgeRow]) -> dict[str, dict[str, tuple[str, ...]]]:
    """What a state says of each item, for a reader."""
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for (item_id, attr_id), row in state.items():
        if not row.is_deleted and attr_id not in (ITEM_END, LEFT_BEHIND):
            found.setdefault(item_id, {})[attr_id] = row.value_texts
    return found


def faults_of_facts(state: Mapping[Key, KnowledgeRow], truth: Mapping[str, Facts]) -> list[str]:
    """In what a state does not say what the newest states of the items say, in words."""
    found = facts_in(state)
    return [
        f"{item_id}: says {found.get(item_id, {})}, its newest state {dict(truth.get(item_id, {}))}"
        for item_id in sorted({*found, *truth})
        if found.get(item_id, {}) != dict(truth.get(item_id, {}))
    ]


def of_items(state: Mapping[Key, KnowledgeRow], item_ids: Iterable[str]) -> dict[Key, KnowledgeRow]:
    """The part of a state that is of some items."""
    wanted = set(item_ids)
    return {key: row for key, row in state.items() if key[0] in wanted}
