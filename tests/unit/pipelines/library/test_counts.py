"""What training sees of counts must not tell a true value from a false one: an item's own sightings are taken out of them."""

from dataclasses import replace

import numpy as np
import pytest

from pipelines.library.candidates import candidates, item_text
from pipelines.library.features import DENSE_NAMES, ItemFeatures
from pipelines.library.keys import UNCOUNTED, CategoryView, category_view, coarse, key_view, log_share
from pipelines.library.pairs import item_pairs
from pipelines.library.scorer_input import scorer_inputs, value_name
from pipelines.ontology.snapshot import CategoryKey, Value
from tests.unit.pipelines.library import small
from udfs.document import document

COUNTS = [DENSE_NAMES.index(name) for name in ("log_share", "log_frequency")]
NOTHING = [{}] * 5


def counted(red: int) -> CategoryView:
    """The view with a number of sightings of "Red"."""
    view = small.view()
    colour = replace(view.keys[0], frequencies=(red, *view.keys[0].frequencies[1:]))
    return replace(view, keys=(colour, *view.keys[1:]))


def seen(view: CategoryView, own: dict[str, int]) -> tuple[list[float], list[str]]:
    """Counts and value tokens of "Red", as a training item sees them that brought `own` itself."""
    item = document(small.listing("Red mug"))
    text = item_text(item)
    offered = candidates(text, view, NOTHING, [own, *NOTHING[1:]])[0]
    features = ItemFeatures(text, view)
    at = next(n for n, candidate in enumerate(offered) if candidate.folded == "red")
    numbers = features.dense(view.keys[0], offered)[at]
    tokens = features.sparse(view.keys[0], offered)[at]
    return [numbers[n] for n in COUNTS], [t for t in tokens if "|v=" in t or "&" in t]


def test_counts_are_rough():
    assert [coarse(n) for n in (0, 1, 2, 3, 4, 5, 6, 11, 12, 1000)] == [0, 1, 2, 4, 4, 4, 8, 8, 16, 1024]


def test_a_value_that_nobody_counted_stands_as_those_that_were_do_on_average():
    snapshot = small.snapshot()
    values = (Value("c1", "Red", 9), Value("c2", "Blue", 3), Value("c3", "Teal", 0))
    colours = replace(snapshot.value_sets["colours"], values=values)
    views = category_view(
        replace(snapshot, value_sets=snapshot.value_sets | {"colours": colours}), "mugs"
    ).keys
    text = item_text(document(small.listing("Teal mug")))
    offered = candidates(text, replace(small.view(), keys=views, surfaces={"teal": ((0, 2),)}), NOTHING)
    assert [(c.folded, c.frequency) for c in offered[0] if c.position >= 0] == [("teal", 6)]
    assert views[0].share(6) == log_share(6, 12)


def test_of_a_key_that_nobody_counted_all_values_stand_alike():
    colour = small.view().keys[0]
    new = key_view(
        CategoryKey(colour.key, colour.value_set_id), [replace(v, frequency=0) for v in colour.values]
    )
    assert {new.standing(new.frequency(place, {})) for place in range(3)} == {UNCOUNTED}
    assert new.share(UNCOUNTED) == log_share(UNCOUNTED, 3 * UNCOUNTED)


def test_an_items_own_sighting_does_not_show_in_the_counts():
    assert seen(counted(40), {"red": 1}) == seen(counted(40), {})


@pytest.mark.parametrize(("sightings", "has_tokens"), [(1, False), (2, True), (40, True)])
def test_the_name_of_a_value_is_learned_from_only_where_its_items_meet_it_too(sightings, has_tokens):
    others = seen(counted(sightings), {})[1]
    own = seen(counted(sightings), {"red": 1})[1]
    assert (bool(others), own) == (has_tokens, others)


@pytest.mark.parametrize(("sightings", "is_remembered"), [(1, False), (2, True)])
def test_scorer_remembers_no_value_of_one_item(sightings, is_remembered):
    view = counted(sightings)
    item = small.listing("Red mug")
    made = item_pairs(0, item, document(item), view, NOTHING)
    at = [candidate.folded for candidate in made.pairs[0].candidates].index("red")
    values = [np.ones((len(key.values), 4), np.float32) for key in view.keys]
    keys = np.ones((5, 9), np.float32)
    (group,) = scorer_inputs(made, lambda _text, _most: ([1, 2, 3], [(0, 0), (0, 3), (4, 7)]), keys, values)
    assert group.values[at].tolist() == [1.0] * 4  # its text is read all the same
    assert group.value_names[at] == (value_name(view.keys[0], 0) if is_remembered else 0)
