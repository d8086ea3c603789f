"""Replies of extraction: what may be said, and that nothing but the item's own words comes out."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udfs.prompts import MOST_KEYS
from udfs.prompts_tasks import key_label
from udfs.replies import MOST_VALUES, ReplyRejected
from udfs.replies_tasks import (
    Stated,
    find_words,
    key_values_regex,
    keys_regex,
    parse_key_values,
    parse_keys,
    parse_values,
    sayable,
    values_regex,
    write_key_values,
    write_keys,
    write_values,
)

TEXTS = ("A Redwood shelf of linen and cotton, 14 in. wide, RED", "size M, 棉质衬衫")


def test_words_are_read_back_as_they_stand_in_the_text() -> None:
    reply = write_values("Material", ("linen", "cotton"))
    assert reply == "Material: linen; cotton\n" and re.fullmatch(values_regex("Material"), reply)
    assert parse_values(reply, "Material", TEXTS) == (
        Stated("linen", 0, 19, 24),
        Stated("cotton", 0, 29, 35),
    )
    assert parse_values("Color: red\n", "Color", TEXTS) == (Stated("RED", 0, 50, 53),)
    assert parse_values("Size: m; 棉\n", "Size", TEXTS) == (Stated("M", 1, 5, 6), Stated("棉", 1, 8, 9))
    assert parse_values("Size: none\n", "Size", TEXTS) == ()


REJECTED = {
    "": "wrong_key",
    "Color: linen\n": "wrong_key",
    "Material: linen\nColor: RED\n": "wrong_length",
    "Material: wool\n": "not_in_text",
    "Material: lin\n": "not_in_text",
    "Material: linen; none\n": "wrong_words",
    "Material: \n": "wrong_words",
    "Material: linen<|im_end|>\n": "wrong_words",
    "Material: linen; cotton; linen; cotton; linen; cotton\n": "too_many",
}


@pytest.mark.parametrize("reply", REJECTED)
def test_what_the_text_does_not_say_is_rejected(reply: str) -> None:
    with pytest.raises(ReplyRejected) as caught:
        parse_values(reply, "Material", TEXTS)
    assert caught.value.reason == REJECTED[reply]


def test_attributes_are_read_back_each_once() -> None:
    assert parse_keys(write_keys(["Color", "Size: EU"])) == ("Color", "Size, EU")
    assert parse_keys("Attributes: none\n") == () and parse_keys("Attributes: A; A; B\n") == ("A", "B")
    for reply, reason in {
        "Color\n": "wrong_key",
        "Attributes: a: b\n": "wrong_key",
        "Attributes: A\nB\n": "wrong_length",
        "Attributes: " + "; ".join(f"k{n}" for n in range(MOST_KEYS + 1)): "too_many",
    }.items():
        with pytest.raises(ReplyRejected) as caught:
            parse_keys(reply)
        assert caught.value.reason == reason


def test_attributes_with_words_are_read_back_line_by_line() -> None:
    reply = write_key_values({"Material": ("linen", "cotton"), "Width": ("14 in",)})
    assert reply == "Material: linen; cotton\nWidth: 14 in\n\n" and re.fullmatch(key_values_regex(), reply)
    found = parse_key_values(reply, TEXTS)
    assert {name: [one.words for one in words] for name, words in found.items()} == {
        "Material": ["linen", "cotton"],
        "Width": ["14 in"],
    }
    assert write_key_values({}) == "none\n\n" and parse_key_values("none\n\n", TEXTS) == {}
    for reply, reason in {
        "Material: linen\nMaterial: cotton\n\n": "twice",
        "Material: gold\n\n": "not_in_text",
        "Material: none\n\n": "wrong_key",
        "linen\n\n": "wrong_key",
        "\n".join(f"K{n}: linen" for n in range(MOST_KEYS + 1)): "too_many",
    }.items():
        with pytest.raises(ReplyRejected) as caught:
            parse_key_values(reply, TEXTS)
        assert caught.value.reason == reason


@given(st.text(min_size=5, max_size=200), st.data())
def test_whatever_is_accepted_is_in_the_text(text: str, data: st.DataObject) -> None:
    shown = " ".join(text.split())
    start = data.draw(st.integers(0, max(0, len(shown) - 1)))
    words = shown[start : start + data.draw(st.integers(1, 20))]
    found = find_words(words, (shown,)) if words else None
    if found is not None:
        assert shown[found.start : found.end] == found.words and found.words.lower() == words.lower()


@given(
    st.lists(
        st.sampled_from(["Material", "Color", ": ", "linen", "RED", "none", "; ", "\n", "x"]), max_size=14
    )
)
def test_the_parsers_accept_only_what_the_constraints_let_through(parts: list[str]) -> None:
    reply = "".join(parts)
    try:
        parse_values(reply, "Material", TEXTS)
        assert re.fullmatch(values_regex("Material"), reply.rstrip("\n") + "\n")
    except ReplyRejected:
        pass
    try:
        if parse_key_values(reply, TEXTS):
            assert re.fullmatch(key_values_regex(), reply.rstrip("\n") + "\n\n")
    except ReplyRejected:
        pass


@given(st.lists(st.text(min_size=1, max_size=40), max_size=MOST_KEYS, unique_by=key_label))
def test_any_names_can_be_said_and_read_back(names: list[str]) -> None:
    if any(key_label(name).lower() == "none" for name in names):
        return
    reply = write_keys(names)
    assert parse_keys(reply) == tuple(map(key_label, names))
    assert re.fullmatch(keys_regex(), reply)


def test_words_with_signs_of_the_form_cannot_be_said() -> None:
    assert sayable("14 in.") and not any(map(sayable, ("", "a; b", "None", "x" * 81, "a\nb", "a|b")))
    assert MOST_VALUES == 5
