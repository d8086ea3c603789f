"""Cleaning keeps the way back to the raw text, whatever the text is."""

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

import udfs.document
import udfs.normalize
import udfs.quantity
import udfs.text
import udfs.tokens
from schemas.listing import Listing
from udfs.document import document
from udfs.text import clean

HOSTILE = st.text(max_size=120) | st.lists(
    st.sampled_from(
        [
            "<b>",
            "</b>",
            "&quot;",
            "&#39;",
            "&amp",
            "<script>",
            "</script>",
            "１２",
            "　",
            "\u202e",
            "\x00",
            "a",
            "<",
            "£",
        ]
    ),
    max_size=30,
).map("".join)


@pytest.mark.parametrize(
    "module",
    [udfs.document, udfs.normalize, udfs.quantity, udfs.text, udfs.tokens],
    ids=lambda module: module.__name__,
)
def test_examples_in_docstrings_hold(module):
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("a <script>alert(1)</script> b", "a b"),
        ("I <3 tea & cake", "I <3 tea & cake"),
        ("one<br>two", "one two"),
        ("re<b>d</b>", "red"),
        ("１２ｃｍ　宽", "12cm 宽"),
        ("in\u200bvisible\u202etext", "invisibletext"),
        ("&lt;b&gt; stays text", "<b> stays text"),
        ("a<!-- <b> --> b", "a b"),
        ("old<STYLE media='a>b'>x{}</style >red", "old red"),
        ("<script>never closed &amp; kept", "never closed & kept"),
        ("a <!-- never closed", "a <!-- never closed"),
    ],
)
def test_clean(raw, expected):
    assert clean(raw).text == expected


@given(HOSTILE)
def test_every_clean_character_points_at_its_raw_origin(raw):
    cleaned = clean(raw)
    assert len(cleaned.text) == len(cleaned.starts) == len(cleaned.ends)
    assert all(0 <= start < end <= len(raw) for start, end in zip(cleaned.starts, cleaned.ends, strict=True))
    assert list(cleaned.starts) == sorted(cleaned.starts)
    for char, start, end in zip(cleaned.text, cleaned.starts, cleaned.ends, strict=True):
        if char.isascii() and char.isalnum() and end - start == 1 and raw[start].isascii():
            assert raw[start] == char


@given(HOSTILE, HOSTILE, st.dictionaries(HOSTILE.filter(bool), HOSTILE, max_size=3))
def test_located_words_are_the_raw_words(title, description, attributes):
    listing = Listing(item_id="i", title=title, description=description, attributes=attributes)
    found = document(listing)
    raw = {"title": title, "description": description} | {f"attributes.{n}": t for n, t in attributes.items()}
    for start in range(len(found.text)):
        if found.inside(start, start + 1):
            name, first, last, words = found.locate(start, start + 1)
            assert raw[name][first:last] == words
            assert found.text[start].isspace() or found.text[start] in clean(words).text


@pytest.mark.parametrize("piece", ["<!--", "<script>", "<script", "<b>&lt;", "</style ", "<style x='"])
def test_hostile_markup_is_read_but_once(piece, monkeypatch):
    searched = []

    class Ends(dict):
        def __getitem__(self, name):
            searched.append(name)
            return super().__getitem__(name)

    monkeypatch.setattr(udfs.text, "_END_OF", Ends(udfs.text._END_OF))
    clean(piece * 3_000)
    assert len(searched) <= 1


def test_a_long_description_leaves_room_for_brand_and_attributes():
    item = Listing(
        "i", "t", "word " * 50_000, brand="Acme", attributes={"Colour": "Red", "Note": "n " * 9_000}
    )
    found = document(item)
    texts = {part.name: part.clean.text for part in found.parts}
    assert (texts["brand"], texts["attributes.Colour"]) == ("Acme", "Red")
    assert len(texts["description"]) > len(found.text) / 2
    assert len(found.text) < 6_100


def test_of_hostile_attributes_no_more_than_a_fixed_amount_is_read(monkeypatch):
    read = []
    monkeypatch.setattr(udfs.document, "clean", lambda raw: read.append(len(raw)) or clean(raw))
    document(Listing("i", "t", attributes={f"a{n}": "<b>" * 6_000 for n in range(500)}))
    assert sum(read) < 20 * udfs.document.MAX_TEXT


def test_over_long_description_is_cut_not_refused():
    found = document(Listing(item_id="i", title="t", description="word " * 50_000), max_text=500)
    assert len(found.text) <= 500 + len(" | ")
