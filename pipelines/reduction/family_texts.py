"""The text of a prompt with what siblings share first, sentence by sentence (paper section 4.3.2; L5).

A prefix cache reuses what is alike from the first character on. By whole fields a description in which one colour differs is not
shared at all; by sentences all but one of it is. What differs follows, the title first, so that each item is told from its siblings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from pipelines.reduction.lend import SENTENCE
from udfs.document import ATTRIBUTES, SEPARATOR, Document


def family_texts(documents: Sequence[Document]) -> list[tuple[str, str]]:
    """Per member, the text that all members share, and what is its own. One member alone shares everything.

    Shapes: N documents of one family in, N pairs out, same order; the first of the pairs are all alike.
    """
    parts = [_segments(found) for found in documents]
    if len(parts) == 1:
        return [(SEPARATOR.join(parts[0]), "")]
    common = Counter(parts[0])
    for other in parts[1:]:
        common &= Counter(other)
    shared = SEPARATOR.join(_taken(parts[0], common))
    return [(shared, SEPARATOR.join(_left(own, common))) for own in parts]


def _segments(found: Document) -> list[str]:
    """The sentences of a document, merchant attributes with their names; the title is one."""
    segments = []
    for part in found.parts:
        if part.name.startswith(ATTRIBUTES):
            segments.append(f"{part.name.removeprefix(ATTRIBUTES)}: {part.clean.text}")
        elif part.name == "title":
            segments.append(part.clean.text)
        else:
            segments += [text.strip() for text in SENTENCE.split(part.clean.text)]
    return [text for text in segments if text]


def _taken(segments: Sequence[str], common: Counter[str]) -> list[str]:
    left = Counter(common)
    found = []
    for text in segments:
        if left[text] > 0:
            left[text] -= 1
            found.append(text)
    return found


def _left(segments: Sequence[str], common: Counter[str]) -> list[str]:
    left = Counter(common)
    found = []
    for text in segments:
        if left[text] > 0:
            left[text] -= 1
        else:
            found.append(text)
    return found
