"""Slots: where a sibling's text has another word at the place of the reference's value, that word is its value (L4).

Variants of a product are written by filling the same sentences anew. The words of both texts are aligned; what stands in the
sibling where the words of the reference's answer stood is taken as its answer, if it is one candidate of the key, and nothing
else that the sibling alone names speaks for another one. Without any of that the pair is asked, as ever.
Source: paper section 4.3.1 (2) gives a model the difference of fields; reading its value from there by rule: ours.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from pipelines.library.answers import Answer
from pipelines.library.candidates import Candidate
from pipelines.library.keys import KeyView
from pipelines.library.resolve import evidence_of, value_id
from pipelines.reduction.difference import NEGATIONS, Note
from pipelines.reduction.lend import NEIGHBOUR, SIBLING, is_own
from schemas.knowledge import Evidence
from schemas.listing import Listing
from udfs.document import ATTRIBUTES, Document, field_text
from udfs.text import fold

ALIGNED = f"aligned {SIBLING}"
"""What a row says of its source where its value was read at the place of a sibling's."""
MOST_PAIRS = 20_000
"""Of equal words of two texts, which aligning goes through, again for each part between two that are aligned: what repeats a word
hundreds of times is asked instead."""
_WORD = re.compile(r"[\u4e00-\u9fff]|[^\W_]+|[^\w\s]|_")


@dataclass(frozen=True, slots=True)
class Region:
    """A part of one raw field."""

    source_field: str
    start: int
    end: int

    def holds(self, found: Evidence) -> bool:
        """Whether words lie in it."""
        return found.source_field == self.source_field and self.start <= found.start < found.end <= self.end


@dataclass(frozen=True, slots=True)
class Slot:
    """A key of an item, and of its reference: whose text, what its words can be candidates of, and its candidates.

    `notes`: of the item and of the reference, what each names for the key (`difference.Noted`).
    """

    view: KeyView
    document: Document
    here: Listing
    there: Listing
    notes: tuple[Note, Note]
    candidates: Sequence[Candidate]


def read(slot: Slot, answer: Answer) -> Answer | None:
    """The item's answer at the place of the reference's `answer`; None where that cannot be told."""
    if len(answer.values) != 1 or not answer.evidence or not is_own(answer):
        return None
    regions = [_region(one, slot.here, slot.there) for one in answer.evidence]
    if None in regions:
        return None
    chosen = _only_one(slot, [region for region in regions if region is not None])
    if chosen is None or fold(chosen[0].value) == fold(answer.values[0]):
        return None
    candidate, evidence, named = chosen
    if not _is_alone(slot, answer, named):
        return None
    return Answer(
        slot.view.key.key_id,
        (candidate.value,),
        (value_id(slot.view, candidate),),
        evidence,
        answer.confidence,
        NEIGHBOUR,
        source=f"{ALIGNED} {slot.there.item_id}",
    )


def _only_one(
    slot: Slot, regions: Sequence[Region]
) -> tuple[Candidate, tuple[Evidence, ...], list[Candidate]] | None:
    """The one candidate that stands in every region, its words there, and all that stand in any."""
    standing = [(one, evidence_of(slot.document, one)) for one in slot.candidates]
    inside = [
        (one, [found for found in words if any(region.holds(found) for region in regions)])
        for one, words in standing
    ]
    inside = [(one, found) for one, found in inside if found]
    longest = [
        (one, found) for one, found in inside if not all(_is_part(each, inside, one) for each in found)
    ]
    if len({fold(one.value) for one, _ in longest}) != 1:
        return None
    [(candidate, words), *_] = longest
    if not all(any(region.holds(found) for found in words) for region in regions):
        return None
    return candidate, tuple(words), [one for one, _ in inside]


def _is_part(words: Evidence, inside: Iterable[tuple[Candidate, list[Evidence]]], of: Candidate) -> bool:
    """Whether words are part of longer ones of another candidate ("Blue" of "Navy Blue")."""
    return any(
        found.source_field == words.source_field
        and found.start <= words.start
        and words.end <= found.end
        and found.end - found.start > words.end - words.start
        for one, others in inside
        if one is not of
        for found in others
    )


def _is_alone(slot: Slot, answer: Answer, named: Iterable[Candidate]) -> bool:
    """Whether the item names nothing else anew, and the reference's value no more.

    Codes are told apart by their places alone: an item has several, and all of them are its own.
    """
    if slot.view.key.value_kind == "identifier":
        return True
    here, there = (set(note) for note in slot.notes)
    return (here - there) <= set(_noted(slot.view, named)) and here.isdisjoint(
        _noted_answer(slot.view, answer)
    )


def _noted(view: KeyView, candidates: Iterable[Candidate]) -> list[Hashable]:
    return [note for one in candidates for note in (one.position, ("computed", one.value))]


def _noted_answer(view: KeyView, answer: Answer) -> list[Hashable]:
    ids = set(answer.value_ids) - {""}
    places: list[Hashable] = [place for place, value in enumerate(view.values) if value.value_id in ids]
    return [*places, *(("computed", value) for value in answer.values)]


def _region(evidence: Evidence, here: Listing, there: Listing) -> Region | None:
    """Where in `here` stands what takes the place of words of `there`; None where nothing does, or nothing else."""
    name = evidence.source_field
    raw, other = field_text(name, there), field_text(name, here)
    if not raw or not other:
        return None
    if name.startswith(ATTRIBUTES) and raw.strip() == evidence.words.strip():
        return Region(name, 0, len(other))
    places, others = list(_WORD.finditer(raw)), list(_WORD.finditer(other))
    before, after = [fold(word[0]) for word in places], [fold(word[0]) for word in others]
    if _pairs(before, after) > MOST_PAIRS:
        return None
    first = next((at for at, word in enumerate(places) if word.end() > evidence.start), len(places))
    last = next((at for at, word in enumerate(places) if word.start() >= evidence.end), len(places))
    found = _aligned(before, after, first, last)
    return Region(name, others[found[0]].start(), others[found[1] - 1].end()) if found else None


def _pairs(before: Sequence[str], after: Sequence[str]) -> int:
    here = Counter(after)
    return sum(count * here[word] for word, count in Counter(before).items())


def _aligned(before: list[str], after: list[str], first: int, last: int) -> tuple[int, int] | None:
    """The words of `after` that take the place of `before[first:last]`, with what was put in beside them.

    None where they were only taken out or left as they are, where a negation came or went, or nothing around them is the same.

    >>> _aligned("a red mug".split(), "a navy blue mug".split(), 1, 2)
    (1, 3)
    >>> _aligned("a mug".split(), "a red mug".split(), 1, 2), _aligned("red".split(), "blue".split(), 0, 1)
    (None, None)
    """
    codes = SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    changed = {word for op, i, j, k, n in codes if op != "equal" for word in (*before[i:j], *after[k:n])}
    if changed & NEGATIONS or not any(op == "equal" for op, *_ in codes):
        return None
    start, end, replaced = len(after), 0, False
    for op, i, j, k, n in codes:
        if op == "equal":
            low, high = max(i, first), min(j, last)
            if low >= high:
                continue
            k, n = k + low - i, k + high - i
        elif not ((i < last and first < j) or (i == j and first <= i <= last)):
            continue
        replaced |= op == "replace"
        if k < n:
            start, end = min(start, k), max(end, n)
    return (start, end) if replaced and start < end else None
