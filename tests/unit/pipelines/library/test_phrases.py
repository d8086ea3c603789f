"""Which runs of words may be values of a key, by the values that it has."""

import string

from hypothesis import given
from hypothesis import strategies as st

from pipelines.library.candidates import MAX_PHRASES, candidates, item_text
from pipelines.library.keys import category_view
from pipelines.library.phrases import LONGEST, SHORTEST_REACH, shape_of
from pipelines.ontology.snapshot import CategoryKey, Snapshot, Value, ValueSet
from schemas.listing import Listing
from schemas.ontology import AttributeKey, Category
from udfs.document import document

KEY = AttributeKey("tea", "size", "Size", value_kind="free")
VALUES = ("Pack of 6", "24 Count", "Dr. Brown's", "12 fl oz (340 ml)")


def offered(title, values=VALUES):
    known = ValueSet("sizes", "Size", tuple(Value(str(n), text, 1) for n, text in enumerate(values)))
    snapshot = Snapshot(
        version="v1",
        categories={"tea": Category("tea", "Tea")},
        keys={"tea": (CategoryKey(KEY, "sizes"),)},
        value_sets={"sizes": known},
        tags={},
    )
    view = category_view(snapshot, "tea")
    listing = Listing("1", title, category_id="tea")
    (found,) = candidates(item_text(document(listing)), view, [{}])
    return {candidate.folded: [title[slice(*span)] for span in candidate.spans] for candidate in found}


def test_a_run_in_brackets_is_offered_without_them():
    assert offered("Green tea (48 Count)")["48 count"] == ["48 Count"]


def test_a_bracket_inside_a_run_is_closed():
    found = offered("Green tea 32 fl oz (946 ml) tin")
    assert "32 fl oz (946 ml)" in found
    assert not any(text.count("(") != text.count(")") for text in found)


def test_an_abbreviations_stop_does_not_end_a_run_a_sentences_does():
    assert "dr. smith's" in offered("Dr. Smith's tea")
    assert not any("leaves. cup" in text for text in offered("Fine leaves. Cup not included"))


def test_a_mark_after_the_name_is_offered_with_and_without():
    found = offered("OxiClean® powder")
    assert {"oxiclean", "oxiclean®"} <= set(found)


def test_the_likeliest_runs_are_kept_of_a_long_title():
    words = " ".join("Word" + letter for letter in string.ascii_lowercase[:20])
    found = offered(f"{words} pack of 99")
    assert "pack of 99" in found
    assert "wordt" not in found
    assert len(found) <= MAX_PHRASES


def test_reach_follows_the_known_values():
    assert shape_of([("a b", 100)]).reach == SHORTEST_REACH
    assert shape_of([("a b c d e", 10), ("a", 90)]).reach == 5
    assert shape_of([("a b c d e", 1), ("a", 99)]).reach == SHORTEST_REACH
    assert shape_of([(" ".join("abcdefghijkl"), 5)]).reach == LONGEST


texts = st.lists(st.tuples(st.text("ab 1", min_size=1, max_size=9), st.integers(1, 5)), max_size=8)


@given(texts, texts)
def test_own_values_are_taken_out_as_if_they_had_never_been_counted(others, own):
    counts: dict[str, int] = {}
    for text, seen in own:
        counts[text] = counts.get(text, 0) + seen
    assert shape_of([*others, *counts.items()]).without(counts) == shape_of(others)
