"""Random histories of items for tests of the merge: rows of any version, category and kind, repeated and out of order."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

from schemas.knowledge import KnowledgeRow
from tests.spark.conftest import knowledge_row
from udfs.version import ITEM_ATTR

Drawn = tuple[str, int, str, str, bool]
ONE_ITEM = st.lists(
    st.tuples(
        st.sampled_from(["form", "origin", "form", "origin", ITEM_ATTR]),
        st.integers(1, 4),
        st.sampled_from(["a", "b"]),
        st.sampled_from(["tea", "tea", "cup"]),
        st.booleans(),
    ),
    min_size=1,
    max_size=7,
)
SIXTY_ITEMS = st.lists(ONE_ITEM, min_size=60, max_size=60)

# Items are independent of each other, so one example is 60 of them: 60 cases in few commits. Shrinking an example
# would take an hour of commits.
FEW_HISTORIES = settings(
    max_examples=2,
    deadline=None,
    phases=(Phase.generate,),
    suppress_health_check=list(HealthCheck),
    database=None,
)


def history(
    items: Sequence[Sequence[Drawn]], chance: Random
) -> tuple[list[KnowledgeRow], list[KnowledgeRow]]:
    """The drawn rows, and the same in the order of their arrival, a third of them twice."""
    rows = [
        knowledge_row(f"i{number}", attr, version, text, "" if attr == ITEM_ATTR else category, deleted)
        for number, drawn in enumerate(items)
        for attr, version, text, category, deleted in drawn
    ]
    arrivals = [*rows, *chance.sample(rows, len(rows) // 3)]
    chance.shuffle(arrivals)
    return rows, arrivals
