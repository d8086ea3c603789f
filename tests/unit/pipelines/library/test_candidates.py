"""Candidates: every way in which a listing can state a value, and only from the listing's own words."""

from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.library.candidates import candidates, item_text
from pipelines.library.features import ItemFeatures
from tests.unit.pipelines.library.small import listing, view
from udfs.document import document

COLOUR, MATERIAL, HEIGHT, MODEL, SCENARIO = range(5)
NONE = [{}, {}, {}, {}, {}]


def found(item, key, own=None, similar=NONE):
    offered = candidates(item_text(document(item)), view(), similar, own)
    return {candidate.folded: candidate for candidate in offered[key]}


def test_value_is_found_whatever_its_hyphen_or_case():
    item = listing("STAINLESS-STEEL mug")
    steel = found(item, MATERIAL)["stainless steel"]
    assert steel.position == 0
    assert [item.title[slice(*span)] for span in steel.spans] == ["STAINLESS-STEEL"]


def test_synonym_in_another_language_gives_the_canonical_value():
    assert found(listing("红色保温杯"), COLOUR)["red"].value == "Red"


def test_values_that_scoring_takes_for_one_are_one_candidate_with_their_frequencies():
    red = found(listing("a red mug"), COLOUR)["red"]
    assert (red.value, red.frequency, red.position) == ("Red", 6, 0)


def test_measure_is_extracted_and_converted():
    assert "10.2" in found(listing("mug 4 inch tall"), HEIGHT)


def test_identifier_is_a_code_of_the_text():
    assert set(found(listing("Mug KX-1200B by Acme"), MODEL)) == {"kx-1200b"}


def test_merchant_attribute_named_like_the_key_is_a_source():
    item = listing("mug", attributes={"颜色": "Navy blue", "note": "x"})
    assert "attribute" in found(item, COLOUR)["navy blue"].sources


def test_key_colon_value_in_running_text_is_a_source():
    assert "stated" in found(listing("mug", "Colour: teal, nice"), COLOUR)["teal"].sources


def test_scenario_tag_is_found_by_its_words():
    assert found(listing("mug 送礼自用"), SCENARIO)["gift for her"].position == 0


def test_search_brings_values_that_no_word_names():
    similar = [{1: 0.8}, {}, {}, {}, {}]
    blue = found(listing("ocean tone mug"), COLOUR, similar=similar)["navy blue"]
    assert (blue.spans, blue.similarity) == ([], 0.8)


def test_an_item_does_not_see_the_ontology_values_that_only_it_brought():
    item = listing("navy blue mug")
    own = [{"navy blue": 3}, {}, {}, {}, {}]
    seen = found(item, COLOUR, own).get("navy blue")
    assert seen is None or seen.position == -1
    assert found(item, COLOUR, [{"navy blue": 2}, {}, {}, {}, {}])["navy blue"].frequency == 1


@given(
    st.text(max_size=150),
    st.text(max_size=150),
    st.dictionaries(st.text(min_size=1, max_size=9), st.text(max_size=40), max_size=3),
)
def test_every_span_is_inside_one_field(title, description, attributes):
    item = listing(title, description, attributes=attributes)
    doc = document(item)
    for offered in candidates(item_text(doc), view(), NONE):
        for candidate in offered:
            assert candidate.value.strip()
            assert all(doc.inside(start, end) for start, end in candidate.spans)


@settings(deadline=None, max_examples=30)
@given(
    st.sampled_from(["1 ", "9", "1x", "1,111", "A1 ", "(", "&lt;<b>", "Colour: ", "😀", "İ ", "\ufdfa"]),
    st.integers(1, 3_000),
)
def test_one_thing_repeated_at_length_is_an_item_like_any_other(piece, count):
    item = listing("mug", piece * count)
    text = item_text(document(item))
    for key, offered in zip(view().keys, candidates(text, view(), NONE), strict=True):
        assert len(ItemFeatures(text, view()).dense(key, offered)) == len(offered)
        assert all(len(candidate.spans) == len(set(candidate.spans)) for candidate in offered)
