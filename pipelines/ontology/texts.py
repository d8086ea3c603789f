"""What is encoded of an ontology element. A change here needs a new release of every ontology."""

from __future__ import annotations

from pipelines.ontology.snapshot import Snapshot

TEXT_FORM = 1
PROBE = "Colour: navy blue"


def value_text(context: str, text: str) -> str:
    """A value under the name of its key: "Closure: zipper".

    Source: paper section 3 (a value is encoded inside its key's context).
    """
    return f"{context}: {text}"


def category_text(snapshot: Snapshot, category_id: str) -> str:
    """A category with the path that leads to it: "Shoes > Boots > Rain boots"."""
    return " > ".join(snapshot.path(category_id))
