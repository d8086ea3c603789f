"""What a new state of an item ends: rows of its old category, rows of an item taken down (design.md; T4).

Last write wins decides between two states of one attribute. An item's newer state may lack attributes that an older
one had, because the item changed category or was taken down: those rows are ended by tombstones of the newer state.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from pipelines.tunnel.offline import ITEM_ATTR
from schemas.knowledge import NOT_STATED, KnowledgeRow, Provenance
from udfs.version import with_digest


@dataclass(frozen=True, slots=True)
class RowFacts:
    """What is needed here of a row of item_knowledge, of the batch (`is_new`) or of the table."""

    item_id: str
    attr_id: str
    category_id: str
    spu_id: str | None
    event_ms: int
    version: int
    is_deleted: bool
    provenance: Provenance
    is_new: bool


@dataclass(frozen=True, slots=True)
class Ended:
    """Tombstones to merge along with the batch, and whether the batch itself is older than what ended the item."""

    tombstones: tuple[KnowledgeRow, ...]
    is_outdated: bool


def facts_of(row: KnowledgeRow, is_new: bool) -> RowFacts:
    """The facts of a row."""
    shared = {name: getattr(row, name) for name in RowFacts.__slots__ if name != "is_new"}
    return RowFacts(**shared, is_new=is_new)


def ended_by(rows: Iterable[RowFacts]) -> Ended:
    """Compare what a batch and the table say of one item; all its rows in the batch share one version.

    A live row of the table that is older than the batch is ended when the item is gone or in another category now
    and the batch does not replace it. The batch is outdated when the table knows, by something newer, that the item
    is gone or in another category.
    """
    given = list(rows)
    new = [row for row in given if row.is_new]
    if not new:
        return Ended((), False)
    state = max(new, key=lambda row: row.version)
    is_gone = any(row.attr_id == ITEM_ATTR and row.is_deleted for row in new)
    known = [row for row in given if not row.is_new]
    if any(_is_newer_end(row, state) for row in known):
        return Ended((), True)
    replaced = {row.attr_id for row in new}
    left = [row for row in known if _is_left_behind(row, state, is_gone) and row.attr_id not in replaced]
    return Ended(tuple(_tombstone(row, state) for row in left), False)


def _is_newer_end(row: RowFacts, state: RowFacts) -> bool:
    if row.version <= state.version:
        return False
    return row.attr_id == ITEM_ATTR if row.is_deleted else row.category_id != state.category_id


def _is_left_behind(row: RowFacts, state: RowFacts, is_gone: bool) -> bool:
    is_other = is_gone or row.category_id != state.category_id
    return not row.is_deleted and row.version < state.version and is_other


def _tombstone(row: RowFacts, state: RowFacts) -> KnowledgeRow:
    return with_digest(
        KnowledgeRow(
            item_id=row.item_id,
            attr_id=row.attr_id,
            category_id=row.category_id,
            spu_id=row.spu_id,
            value_ids=(),
            value_texts=(),
            status=NOT_STATED,
            evidence=(),
            confidence=1.0,
            provenance=replace(state.provenance, method="none"),
            fingerprint="",
            event_ms=state.event_ms,
            version=state.version,
            digest="",
            is_deleted=True,
        )
    )


def grouped_by_item(rows: Iterable[RowFacts]) -> Iterable[Sequence[RowFacts]]:
    """Rows sorted by item, as one group an item."""
    group: list[RowFacts] = []
    for row in rows:
        if group and row.item_id != group[0].item_id:
            yield group
            group = []
        group.append(row)
    if group:
        yield group
