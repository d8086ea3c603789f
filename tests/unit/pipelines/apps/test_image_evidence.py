"""Evidence in images on the evaluation's page and in `aiic item`: words where there are any, escaped like all text."""

from __future__ import annotations

from pipelines.apps.evidence_view import marked_fields
from schemas.knowledge import Evidence
from schemas.listing import Listing

ITEM = Listing(item_id="i", title="Mug", image_urls=("file:a.png",))


def test_words_printed_in_an_image_are_shown_as_its_field() -> None:
    shown = marked_fields(
        ITEM, [Evidence("250", "images.0", 11, 16, "250 <g>"), Evidence("Red", "title", 0, 3, "Mug")]
    )
    assert "<code>images.0</code> <mark>250 &lt;g&gt;</mark>" in shown
    assert "<code>title</code> <mark>Mug</mark>" in shown


def test_what_an_image_shows_without_words_is_named() -> None:
    shown = marked_fields(ITEM, [Evidence("Red", "images", 0, 0, "")])
    assert "<code>images</code> <mark>Red (seen)</mark>" in shown
