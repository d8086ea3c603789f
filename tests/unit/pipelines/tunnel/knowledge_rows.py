"""Rows for tests of the tunnel: few items, keys and versions, so that rows meet."""

from __future__ import annotations

from hypothesis import strategies as st

from schemas.knowledge import STATED, Evidence, KnowledgeRow, Provenance
from udfs.version import ITEM_ATTR, version_of, with_digest


def knowledge_row(item, attr, number, text="loose leaf", category="tea", deleted=False, event_ms=None):
    """A row whose event time is `number`, unless `event_ms` says otherwise."""
    event_ms = number if event_ms is None else event_ms
    return with_digest(
        KnowledgeRow(
            item_id=item,
            attr_id=attr,
            category_id=category,
            spu_id=None,
            value_ids=("v1",),
            value_texts=(text,),
            status=STATED,
            evidence=(Evidence(text, "title", 0, len(text), text),),
            confidence=0.5,
            provenance=Provenance("nearline", "rule", "m", "v1", "", "run"),
            fingerprint="f",
            event_ms=event_ms,
            version=version_of(event_ms, 1, "nearline"),
            digest="",
            is_deleted=deleted,
        )
    )


def drawn_rows(most=6):
    """Batches of rows of three items."""
    row = st.builds(
        lambda item, attr, number, text, category, deleted: knowledge_row(
            item, attr, number, text, "" if attr == ITEM_ATTR else category, deleted
        ),
        st.sampled_from(["i", "j", "k"]),
        st.sampled_from(["form", "origin", ITEM_ATTR]),
        st.integers(1, 4),
        st.sampled_from(["a", "b"]),
        st.sampled_from(["tea", "tea", "cup"]),
        st.booleans(),
    )
    return st.lists(row, max_size=most)
