"""Views of categories: prepared once, kept within bounds, and safe between threads."""

import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from pipelines.library.keys import VIEW_OVERHEAD, CategoryViews
from schemas.ontology import Category
from tests.unit.pipelines.library import small

VALUES = 6
"""Values of the small ontology's one category, its scenario tag included."""


@pytest.fixture
def snapshot():
    """Thirty categories that share their parent's keys."""
    found = small.snapshot()
    more = {f"mugs-{n}": Category(f"mugs-{n}", f"Mugs {n}", "mugs") for n in range(30)}
    return replace(found, categories={**found.categories, **more})


def test_a_view_is_made_once_while_it_is_kept(snapshot):
    views = CategoryViews(snapshot)
    assert views.of("mugs") is views.of("mugs")
    assert views.values == VALUES + VIEW_OVERHEAD


def test_the_views_used_last_are_kept_within_the_bound(snapshot):
    views = CategoryViews(snapshot, max_values=3 * (VALUES + VIEW_OVERHEAD))
    first = views.of("mugs")
    for n in range(30):
        views.of(f"mugs-{n}")
        assert views.of("mugs") is first
        assert views.values <= views.max_values
    assert views.values == 3 * (VALUES + VIEW_OVERHEAD)


def test_one_view_is_kept_however_large(snapshot):
    views = CategoryViews(snapshot, max_values=1)
    assert views.of("mugs") is views.of("mugs")


def test_an_unknown_category_is_an_error(snapshot):
    with pytest.raises(KeyError):
        CategoryViews(snapshot).of("absent")


def test_threads_that_crowd_each_other_out_get_their_views(snapshot):
    views = CategoryViews(snapshot, max_values=2 * (VALUES + VIEW_OVERHEAD))
    asked = [f"mugs-{n * 7 % 30}" for n in range(1_500)]
    pause = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as threads:
            found = [view.category_id for view in threads.map(views.of, asked)]
    finally:
        sys.setswitchinterval(pause)
    assert found == asked
    assert views.values == 2 * (VALUES + VIEW_OVERHEAD)
