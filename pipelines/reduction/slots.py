"""Slots: where a sibling's text has another word at the place of the reference's value, that word is its value (L4).

Variants of a product are written by filling the same sentences anew. The words of both texts are aligned, field by field; what
stands in the sibling where words of the reference's answer stood is taken as its answer, if it is one candidate of the key and
nothing but that, nothing else that the sibling alone names speaks for another one, and the reference's value stands nowhere in it.
One such place will do, if every field that says the reference's value says this one: a title is often put together anew, where no
place can be told, while the description is only filled anew.
Without any of that the pair is asked, as ever.
Source: paper section 4.3.1 (2) gives a model the difference of fields; reading its value from there by rule: ours.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

from pipelines.library.answers import Answer
from pipelines.library.candidates import Candidate
from pipelines.library.keys import KeyView
from pipelines.library.resolve import evidence_of, value_id
from pipelines.reduction.difference import NEGATIONS, Note
from pipelines.reduction.lend import EARLIER, NEIGHBOUR, SIBLING, is_own
from pipelines.reduction.places import of_others, takes_place_of
from schemas.knowledge import Evidence
from schemas.listing import Listing
from udfs.document import ATTRIBUTES, Document, field_text
from udfs.text import fold

ALIGNED, ALIGNED_EARLIER = f"aligned {SIBLING}", f"aligned {EARLIER}"
"""What a row says of its source where its value was read at the place of a sibling's, or of its own in the item's earlier text."""
MOST_WORDS, MOST_PAIRS = 600, 20_000
"""Words of a field, and pairs of equal words of two texts: what aligning goes through. What has more is asked."""
FILLING = frozenset(["a", "an", "the"])
_WORD = re.compile(r"[\u4e00-\u9fff]|[^\W_]+|[^\w\s]|_")
_LETTERS, _DIGITS = re.compile(r"[^\W\d_]+"), re.compile(r"\d+")


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

    `notes`: of the item and of the reference, what each names for the key (`difference.Noted`). `is_earlier`: whether the reference
    is the item itself, as it was.
    """

    view: KeyView
    document: Document
    here: Listing
    there: Listing
    notes: tuple[Note, Note]
    candidates: Sequence[Candidate]
    is_earlier: bool = False


def read(slot: Slot, answer: Answer) -> Answer | None:
    """The item's answer at the place of the reference's `answer`; None where that cannot be told."""
    if len(answer.values) != 1 or not answer.evidence or not is_own(answer):
        return None
    if any(_stands(words, slot.document) for words in (answer.values[0], *_words(answer))):
        return None
    if any(_is_negated(name, slot) for name in {one.source_field for one in answer.evidence}):
        return None
    regions = [_region(one, slot.here, slot.there) for one in answer.evidence]
    found = _one_candidate(slot, [region for region in regions if region is not None])
    if (
        found is None
        or not _is_alone(slot, answer, found[0])
        or not _is_said_as_widely(slot, answer, found[0])
    ):
        return None
    candidate, evidence = found
    return Answer(
        slot.view.key.key_id,
        (candidate.value,),
        (value_id(slot.view, candidate),),
        evidence,
        answer.confidence,
        NEIGHBOUR,
        answer.prompt_version,
        source=ALIGNED_EARLIER if slot.is_earlier else f"{ALIGNED} {slot.there.item_id}",
    )


def _words(answer: Answer) -> list[str]:
    return [one.words for one in answer.evidence]


def _stands(words: str, document: Document) -> bool:
    """Whether words stand in a text, whatever their case; those of a script with blanks as words of their own."""
    folded, text = fold(words), fold(document.text)
    if not folded.isascii():
        return folded in text
    return bool(folded) and bool(re.search(rf"(?<![a-z0-9]){re.escape(folded)}(?![a-z0-9])", text))


def _one_candidate(slot: Slot, regions: Sequence[Region]) -> tuple[Candidate, tuple[Evidence, ...]] | None:
    """The candidate that fills a region, and its words there; None where there is none, or another one as well."""
    found: dict[str, tuple[Candidate, tuple[Evidence, ...]]] = {}
    for candidate in filter(lambda one: _may_fill(slot.view, one), slot.candidates):
        words = evidence_of(slot.document, candidate)
        filling = [one for one in words if any(_fills(one, region, slot.here) for region in regions)]
        if filling:
            found.setdefault(fold(candidate.value), (candidate, tuple(filling)))
    return next(iter(found.values())) if len(found) == 1 else None


def _may_fill(view: KeyView, candidate: Candidate) -> bool:
    """Known values alone, and what a rule has read: of a phrase nobody knows where it ends."""
    is_read = view.rule.computes or view.key.value_kind == "identifier"
    return candidate.position >= 0 or (is_read and "extracted" in candidate.sources)


def _fills(words: Evidence, region: Region, here: Listing) -> bool:
    """Whether words are all that a region says, but for articles and punctuation."""
    if not region.holds(words):
        return False
    raw = field_text(region.source_field, here) or ""
    beside = [raw[region.start : words.start], raw[words.end : region.end]]
    left = [fold(word[0]) for text in beside for word in _WORD.finditer(text) if word[0][0].isalnum()]
    return FILLING.issuperset(left)


def _is_negated(name: str, slot: Slot) -> bool:
    """Whether a negation came to a field, or went."""
    here, there = (
        {fold(word[0]) for word in _WORD.finditer(field_text(name, one) or "")}
        for one in (slot.here, slot.there)
    )
    return bool((here ^ there) & NEGATIONS)


def _is_said_as_widely(slot: Slot, answer: Answer, candidate: Candidate) -> bool:
    """Whether each field in which the reference says its value says this one in the item.

    A title that says nothing of it, or has another word there, speaks for something that the description was not changed for.
    """
    fields = {one.source_field for one in evidence_of(slot.document, candidate)}
    return fields.issuperset(one.source_field for one in answer.evidence)


def _is_alone(slot: Slot, answer: Answer, candidate: Candidate) -> bool:
    """Whether the item names nothing else anew.

    An item has several codes, all of them its own: they are told apart by their places, and by how they are made up.
    """
    if slot.view.key.value_kind == "identifier":
        return shape(candidate.value) == shape(answer.values[0])
    here, there = (set(note) for note in slot.notes)
    own: set[Hashable] = {candidate.position, ("computed", candidate.value)}
    anew = here - there - own - _parts(slot.view, candidate)
    if not anew or not slot.view.rule.computes:
        return not anew
    value, instead_of = fold(candidate.value), fold(answer.values[0])
    if not takes_place_of(slot.view, slot.here, slot.there, value, instead_of):
        return False
    others = of_others(slot.view, slot.here, slot.there, {instead_of})
    return all(isinstance(note, tuple) and fold(note[1]) in others for note in anew)


def _parts(view: KeyView, candidate: Candidate) -> set[Hashable]:
    """Known values that stand in a longer one ("Blue" of "Navy Blue")."""
    whole = f" {fold(candidate.value)} "
    return {place for place, value in enumerate(view.values) if f" {fold(value.text)} " in whole}


def shape(code: str) -> str:
    """How a code is made up of letters, digits and signs.

    >>> shape("M-300Y"), shape("MX-41Z"), shape("20cm"), shape("2024")
    ('A-9A', 'A-9A', '9A', '9')
    """
    return _DIGITS.sub("9", _LETTERS.sub("A", code))


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
    if max(len(before), len(after)) > MOST_WORDS or _pairs(before, after) > MOST_PAIRS:
        return None
    first = next((at for at, word in enumerate(places) if word.end() > evidence.start), len(places))
    last = next((at for at, word in enumerate(places) if word.start() >= evidence.end), len(places))
    found = _aligned(before, after, first, last)
    if found is None:
        return None
    whole = Region(name, others[found[0]].start(), others[found[1] - 1].end())
    beside = raw[places[first].start() : evidence.start], raw[evidence.end : places[last - 1].end()]
    return _without(other, whole, *beside)


def _without(raw: str, whole: Region, before: str, after: str) -> Region:
    """A region without what stood beside the words within their own word, if it stands there too ("EU" of "EU42")."""
    text = raw[whole.start : whole.end]
    start = len(before) if before and text.startswith(before) else 0
    end = len(after) if after and text[start:].endswith(after) else 0
    return replace(whole, start=whole.start + start, end=whole.end - end)


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
