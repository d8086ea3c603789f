"""What an item itself brought to an ontology's counts: training takes it out, so that each item is seen as a new one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from pipelines.library.keys import CategoryView
from udfs.text import fold


def own_values(category: CategoryView, labels: Mapping[str, Sequence[str]]) -> list[Counter[str]]:
    """Per key, how often an item's labels brought each folded value into the ontology's counts.

    Two spellings that fold to one value ("Cube", "cube") were counted twice there, so they count twice here.
    """
    return [Counter(map(fold, labels.get(view.key.key_id, ()))) for view in category.keys]
