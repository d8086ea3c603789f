"""Candidates of every key of one item (semantic search stage, paper section 4.2.1): found words, extraction, search.

Recall matters here, precision comes later. An ontology candidate is kept while it is among the K best of its key;
extracted candidates (identifiers, measures, values the ontology does not have) are kept beside them.
"""

from __future__ import annotations

import heapq
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from pipelines.library.keys import CategoryView, KeyView
from pipelines.library.phrases import words_of
from pipelines.library.spelled_out import spelled_out, templates_of
from udfs.document import Document
from udfs.normalize import AS_IS, SPELL_OUT, UPPER, Surface, extracted
from udfs.text import fold
from udfs.tokens import MAX_GRAM, Token, grams, match_form, tokenize

MAX_EXTRACTED = 60
MAX_PHRASES = 48
LATER = 0.15
"""Of runs that look alike the earlier is the likelier."""
_CHUNK = re.compile(r"\w[\w\-.'&+\"%]*")
# A full stop after a word of up to three letters is an abbreviation's: "Dr. Scholl's", "84 Ct. Box", "8 Fl. Oz".
_BREAK = re.compile(r"[,;:|!?。，；：！？]\s|(?<!\b\w)(?<!\b\w\w)(?<!\b\w\w\w)\.\s|\||[。，；：！？]")
_MARKS = "®™"
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9\-./'&+_#]*[A-Za-z0-9]")
_END_OF_VALUE = re.compile(r"[,;|\n。；，]|\. |\s[A-Z][\w ]{1,20}:")


@dataclass(slots=True)
class Candidate:
    """One value that a key may have. `position` is its place in the value set, -1 when the ontology lacks it."""

    value: str
    position: int
    frequency: int
    spans: list[tuple[int, int]] = field(default_factory=list)
    sources: set[str] = field(default_factory=set)
    similarity: float = 0.0

    @property
    def folded(self) -> str:
        """The form in which values are compared."""
        return fold(self.value)


@dataclass(slots=True)
class ItemText:
    """What all keys of an item share: its document, tokens, runs of words, and chunks."""

    document: Document
    tokens: list[Token]
    grams: list[tuple[str, int, int]]
    chunks: list[tuple[int, int]]
    words: list[list[str]]


def item_text(document: Document) -> ItemText:
    """Prepare a document once for all keys."""
    tokens = tokenize(document.text)
    inside = [gram for gram in grams(tokens, MAX_GRAM) if document.inside(gram[1], gram[2])]
    chunks = [span for span in map(_trim, _CHUNK.finditer(document.text)) if document.inside(*span)]
    return ItemText(
        document, tokens, inside, chunks, [words_of(document.text[slice(*span)]) for span in chunks]
    )


def _trim(match: re.Match[str]) -> tuple[int, int]:
    end = match.end()
    while (
        end > match.start() + 1
        and not match.string[end - 1].isalnum()
        and match.string[end - 1] not in "\"'%"
    ):
        end -= 1
    return match.start(), end


def candidates(
    item: ItemText,
    category: CategoryView,
    similar: Sequence[Mapping[int, float]],
    own: Sequence[Mapping[str, int]] | None = None,
    top_k: int = 10,
) -> list[list[Candidate]]:
    """Candidates per key of the category.

    Shapes: `similar[k]` maps value positions to cosine similarity (the search's best); one list per key comes back.
    `own[k]` counts the item's own gold values, so that training sees the ontology as if without the item.
    """
    found = [_Pool(view, own[k] if own else {}) for k, view in enumerate(category.keys)]
    for form, start, end in item.grams:
        for key_position, value_position in category.surfaces.get(form, ()):
            found[key_position].add_known(value_position, (start, end), "lexical")
    for k, pool in enumerate(found):
        _add_stated_pairs(item, pool)
        _add_extracted(item, pool)
        for position, similarity in similar[k].items():
            pool.add_known(position, None, "search", similarity)
    return [pool.best(top_k) for pool in found]


class _Pool:
    """The candidates of one key while they are collected."""

    def __init__(self, view: KeyView, own: Mapping[str, int]) -> None:
        self.view = view
        self.own = own
        self.known: dict[int, Candidate] = {}
        self.novel: dict[str, Candidate] = {}
        self._noted: set[tuple[int | str, int, int]] = set()

    def add_known(
        self, position: int, span: tuple[int, int] | None, source: str, similarity: float = 0.0
    ) -> None:
        """Note a value of the ontology."""
        position = self.view.same_as[position]
        frequency = self.view.frequency(position, self.own)
        if self._only_own(position, frequency):
            return
        found = self.known.get(position)
        if found is None:
            found = self.known[position] = Candidate(
                self.view.values[position].text, position, self.view.standing(frequency)
            )
        self._note(found, position, span, source)
        found.similarity = max(found.similarity, similarity)

    def _only_own(self, position: int, frequency: int) -> bool:
        """Whether the ontology would lack the value without this very item (in training only)."""
        return not frequency and bool(self.own.get(fold(self.view.values[position].text)))

    def add_text(self, text: str, span: tuple[int, int], source: str) -> None:
        """Note a text, as the ontology's value where it is one."""
        text = self.view.canonical(" ".join(text.split()))
        position = self.view.positions.get(fold(text))
        if position is not None and not self._only_own(position, self.view.frequency(position, self.own)):
            self.add_known(position, span, source)
        elif fold(text):
            self._note(self.novel.setdefault(fold(text), Candidate(text, -1, 0)), fold(text), span, source)

    def _note(self, candidate: Candidate, name: int | str, span: tuple[int, int] | None, source: str) -> None:
        """Note where a candidate was found, each place once."""
        candidate.sources.add(source)
        if span and (name, *span) not in self._noted:
            self._noted.add((name, *span))
            candidate.spans.append(span)

    def words(self) -> Collection[str]:
        """Words that known values are made of, without those that only this item's own gold brings."""
        if not self.own:
            return self.view.words
        own = Counter(
            word
            for text, seen in self.own.items()
            for word in set(match_form(text).split())
            for _ in range(seen)
        )
        return {word for word, seen in self.view.words.items() if seen > own[word]}

    def best(self, top_k: int) -> list[Candidate]:
        """The K best of the ontology, then what was extracted."""
        known = sorted(self.known.values(), key=lambda c: (-_search_score(c, self.view), c.position))
        novel = sorted(self.novel.values(), key=lambda c: c.spans[0])
        return known[:top_k] + novel[:MAX_EXTRACTED]


def _search_score(candidate: Candidate, view: KeyView) -> float:
    """Fused score of the search: words found, then similarity and how common the value is."""
    found = 2.0 + 0.05 * min(len(candidate.value), 20) if candidate.spans else 0.0
    return found + 2.0 * candidate.similarity + 0.25 * view.share(candidate.frequency)


def _add_extracted(item: ItemText, pool: _Pool) -> None:
    view, document = pool.view, item.document
    if view.rule.computes:
        for surface in _inside(document, extracted(document.text, view.rule)):
            pool.add_text(surface.value, (surface.start, surface.end), "extracted")
        return
    if view.key.value_kind == "identifier":
        for match in _CODE.finditer(document.text):
            code = match[0]
            looks_like_one = len(code) >= 4 and (any(c.isdigit() for c in code) or code.isupper())
            if looks_like_one and document.inside(*match.span()):
                pool.add_text(code, match.span(), "extracted")
    elif view.rule.kind in (AS_IS, UPPER, SPELL_OUT):
        if view.templates:
            _add_spelled_out(item, pool)
        if view.key.value_kind == "measure":
            _add_number_phrases(item, pool)
        _add_phrases(item, pool)


def _inside(document: Document, surfaces: Sequence[Surface]) -> list[Surface]:
    return [surface for surface in surfaces if document.inside(surface.start, surface.end)]


def _add_spelled_out(item: ItemText, pool: _Pool) -> None:
    """Abbreviations with a number, in the words of the key's values."""
    templates = Counter(pool.view.templates) - templates_of(pool.own.items())
    for found in spelled_out(item.document.text, templates):
        if item.document.inside(found.start, found.end):
            pool.add_text(found.value, (found.start, found.end), "extracted")


def _add_number_phrases(item: ItemText, pool: _Pool) -> None:
    """Runs of up to four chunks that begin with a number: "18 gauge", "115v", "(2) burners"."""
    text, chunks = item.document.text, item.chunks
    for first, (start, _) in enumerate(chunks):
        if not text[start].isdigit():
            continue
        for last in range(first, min(first + 4, len(chunks))):
            end = chunks[last][1]
            if _BREAK.search(text, start, end):
                break
            for span in _closed(text, start, end):
                pool.add_text(text[slice(*span)], span, "extracted")
            if text[start - 1 : start] == "(":
                for span in _closed(text, start - 1, end):
                    pool.add_text(text[slice(*span)], span, "extracted")


def _add_phrases(item: ItemText, pool: _Pool) -> None:
    """Runs of chunks that share a word with a known value, for open keys also those of the title: the likeliest."""
    view, text = pool.view, item.document.text
    words, shape = pool.words(), view.shape.without(pool.own)
    reach = shape.reach
    found: list[tuple[float, int, int]] = []
    for first, (start, _) in enumerate(item.chunks):
        in_title = start < item.document.title_end
        wanted = view.is_open and in_title
        if wanted and view.key.value_kind != "free" and view.capitalized > 0.7 and not text[start].isupper():
            wanted = False
        forms: list[str] = []
        for last in range(first, len(item.chunks)):
            end = item.chunks[last][1]
            forms = forms + item.words[last]
            if (last > first and len(forms) > reach) or _BREAK.search(text, start, end):
                break
            if forms and (wanted or any(word in words for word in forms)):
                likeness = shape.likeness(forms) - LATER * first
                found += [(likeness, *span) for span in _closed(text, start, end)]
    for _, start, end in heapq.nlargest(MAX_PHRASES, found):
        pool.add_text(text[start:end], (start, end), "phrase")


def _closed(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """A run with its bracket closed, with and without the mark that follows it; none where brackets do not match."""
    opened = text.count("(", start, end) - text.count(")", start, end)
    if opened == 1 and text[end : end + 1] == ")":
        return [(start, end + 1)]
    if opened or text.find(")", start, end) < text.find("(", start, end):
        return []
    return (
        [(start, end), (start, end + 1)]
        if text[end : end + 1] in _MARKS and end < len(text)
        else [(start, end)]
    )


def _add_stated_pairs(item: ItemText, pool: _Pool) -> None:
    """Merchant attributes named like the key, and "Key: value" in running text."""
    document = item.document
    for part in document.parts:
        is_merchants = part.name not in ("title", "description")
        if is_merchants and names_match(part.name.removeprefix("attributes."), pool.view):
            _add_statement(item, pool, part.start, part.end, "attribute")
    for form, _, end in item.grams:
        if form in pool.view.names and document.text[end : end + 2].strip()[:1] == ":":
            start = end + document.text[end : end + 4].index(":") + 1
            start += len(document.text[start:]) - len(document.text[start:].lstrip())
            limit = min(document.part_at(end - 1).end, start + 80)
            stop = _END_OF_VALUE.search(document.text, start, limit)
            _add_statement(item, pool, start, stop.start() if stop else limit, "stated")


def _add_statement(item: ItemText, pool: _Pool, start: int, end: int, source: str) -> None:
    document = item.document
    for match in re.finditer(r"[^,;/|、]+", document.text[start:end]):
        first = start + match.start() + len(match[0]) - len(match[0].lstrip())
        last = start + match.end() - (len(match[0]) - len(match[0].rstrip()))
        if first >= last or last - first > 80 or not document.inside(first, last):
            continue
        text = document.text[first:last]
        if pool.view.rule.computes:
            for surface in _inside(
                document,
                [Surface(s.value, first + s.start, first + s.end) for s in extracted(text, pool.view.rule)],
            ):
                pool.add_text(surface.value, (surface.start, surface.end), source)
        else:
            pool.add_text(text, (first, last), source)


def names_match(name: str, view: KeyView) -> bool:
    """Whether a merchant's attribute name means the key: one of its names, or all the words of one.

    Source: ours; the paper takes merchant attributes as part of the item's text.
    """
    form = match_form(name)
    if form in view.names:
        return True
    words = set(form.split())
    return any(words >= set(known.split()) for known in view.names)
