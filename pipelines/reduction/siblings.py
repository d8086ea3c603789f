"""Which sibling waits for which, key by key: what several of them have changed alike is asked once (L4).

The first item of a family answers what the others have not changed. Of what they have, many say the same: of eight SKUs in two
sizes and four colours each colour is asked once, of the first that has it, and taken over by the other where task B lets it.
Source: paper section 4.3.1 (2) has one reference an item; a reference a key: ours.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from pipelines.library.answers import Answer
from pipelines.library.keys import CategoryView
from pipelines.reduction.difference import Noted


def awaited(members: Sequence[tuple[Noted, Sequence[int]]]) -> list[dict[int, int]]:
    """Per member of a family, the keys that wait, and the number of the earlier member that they wait for, which is asked itself.

    `members`: what candidates can come from, and the places of the keys that are left; all of one category. A key waits for the
    first member that names the same values, numbers and codes for it. Whether it then takes over is another question.
    """
    firsts: dict[tuple[int, frozenset[Hashable]], int] = {}
    found = []
    for number, (noted, left) in enumerate(members):
        first = {place: firsts.setdefault((place, frozenset(noted.notes[place])), number) for place in left}
        found.append({place: other for place, other in first.items() if other != number})
    return found


def told_of(category: CategoryView, known: dict[int, Answer]) -> list[Answer]:
    """A member's answers in the category's order; of a key that is not answered yet, that it is not."""
    return [
        known.get(place) or Answer(view.key.key_id, (), (), (), 0.0, "none")
        for place, view in enumerate(category.keys)
    ]
