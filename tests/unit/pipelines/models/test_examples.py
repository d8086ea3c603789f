"""What an item sees of its ontology in training: nothing that it brought, and some entries as if they were new."""

from dataclasses import replace

import numpy as np
import pytest

from pipelines.library.candidates import candidates, item_text
from pipelines.library.keys import CategoryViews
from pipelines.models.examples import AS_NEW, NONE_NEW, Shares, examples, without_category, without_names
from tests.unit.pipelines.library import small
from udfs.document import document

ALL_KEYS, ALL_VALUES = (
    Shares(1.0, categories=0.0, keys=1.0),
    Shares(1.0, categories=0.0, keys=0.0, values=1.0),
)
LABELS = {"colour": ("Navy Blue",), "material": ("Ceramic",)}


def seen(shares, labels=LABELS, leave_one_out=True, listed="Navy Blue ceramic mug", snapshot=None):
    listing = small.listing(listed)
    views = CategoryViews(snapshot or small.snapshot())
    vectors = np.zeros((1, 4), np.float32)
    return list(examples(views, [listing], {"i1": labels}, vectors, leave_one_out, shares))


def offered(one, place=0):
    found = candidates(item_text(document(one.listing)), one.category, [{}] * 5, one.own)[place]
    return {candidate.folded: candidate for candidate in found}


def test_without_shares_each_item_is_seen_once_without_what_it_brought():
    (one,) = seen(NONE_NEW)
    assert offered(one)["navy blue"].frequency == 2  # three sightings, one of them its own


@pytest.mark.parametrize("shares", [ALL_KEYS, ALL_VALUES])
def test_shown_again_a_true_value_is_there_but_was_never_counted(shares):
    _, again = seen(shares)
    assert again.name == "i1" + AS_NEW
    for place, value in ((0, "navy blue"), (1, "ceramic")):
        view, found = again.category.keys[place], offered(again, place)[value]
        assert found.position >= 0
        assert (view.frequency(found.position, again.own[place]), found.frequency) == (0, view.typical)


def test_of_a_new_key_nothing_is_counted_of_the_others_a_share_of_the_values_whether_true_or_not():
    (_, every), (_, key), (_, some) = (
        seen(ALL_VALUES),
        seen(ALL_KEYS),
        seen(Shares(1.0, categories=0.0, keys=0.0, values=0.5)),
    )
    assert [sum(view.frequencies) for view in every.category.keys[:2]] == [0, 0]
    assert every.new_keys == frozenset()
    assert key.category.keys[0].total == 0 and key.new_keys == {0, 1}
    assert key.category.keys[2].total == small.view().keys[2].total  # no label: it stays as it is
    colour, before = some.category.keys[0], small.view().keys[0]
    assert 0 < sum(map(bool, colour.frequencies)) < sum(map(bool, before.frequencies))
    assert colour.total == sum(colour.frequencies)


def test_of_a_new_category_nothing_is_counted_and_no_key_is_new_in_itself():
    _, again = seen(Shares(1.0, categories=1.0))
    assert again.in_new_category and again.new_keys == frozenset()
    assert [view.total for view in again.category.keys[:2]] == [0, 0]
    assert dict(again.labels) == LABELS


def test_in_a_category_that_was_never_seen_a_key_has_the_tokens_of_its_name_alone():
    view, category = small.view().keys[0], small.view()
    kind = f"{view.key.value_kind}.{view.rule.kind}|"
    tokens = [[kind + "b", "colour|b", "mugs.colour|b"]]
    assert without_category(tokens, category, view) == [[kind + "b", "colour|b"]]


def test_a_pair_without_any_value_is_learned_again_too():
    _, again = seen(ALL_VALUES, {"colour": ("Navy Blue",), "material": ()})
    assert dict(again.labels) == {"colour": ("Navy Blue",), "material": ()}


def test_a_value_that_was_never_counted_is_not_there_for_no_label_tells_of_it():
    snapshot = small.snapshot()
    link = snapshot.keys_of("mugs")[0]
    values = tuple(
        replace(value, frequency=0) if value.text.lower() == "red" else value
        for value in snapshot.values_of(link)
    )
    sets = dict(snapshot.value_sets)
    sets[link.value_set_id] = replace(sets[link.value_set_id], values=values)
    (one,) = seen(NONE_NEW, listed="Red or Navy Blue mug", snapshot=replace(snapshot, value_sets=sets))
    assert [name for name, found in offered(one).items() if found.position >= 0] == ["navy blue"]


def test_an_ontology_that_never_saw_the_items_shows_them_once():
    (one,) = seen(ALL_KEYS, leave_one_out=False)
    assert one.own is None


def test_which_items_and_pairs_are_shown_again_depends_on_names_alone():
    shares = Shares(0.5)
    views = CategoryViews(small.snapshot())
    items = [small.listing("Navy Blue mug") for _ in range(1)]
    first = [
        one.name for one in examples(views, items, {"i1": LABELS}, np.zeros((1, 4), np.float32), True, shares)
    ]
    again = [
        one.name for one in examples(views, items, {"i1": LABELS}, np.zeros((1, 4), np.float32), True, shares)
    ]
    assert first == again


def test_a_key_that_was_never_seen_has_no_tokens_of_its_name():
    view = small.view().keys[0]
    kind = f"{view.key.value_kind}.{view.rule.kind}|"
    assert without_names([[kind + "b", "colour|b", "mugs.colour|b"]], view) == [[kind + "b"]]
