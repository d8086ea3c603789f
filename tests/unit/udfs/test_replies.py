"""Replies: what may be said, what was said, how sure the model was."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.inference import Token
from udfs.prompts import Question, labels
from udfs.replies import (
    MOST_VALUES,
    ReplyRejected,
    candidate_probabilities,
    longest_reply,
    parse_reply,
    reply_regex,
    write_reply,
)

MATERIAL = Question("material", "Material", "", ("cotton", "linen", "cotton blend"), True)
COLOR = Question("color", "Color", "", ("red", "navy blue"), False)
WIDTH = Question("width", "Width", "", ("14 in. = 35.6", "9.5 in = 24.1"), False)
ASKED = [MATERIAL, COLOR, WIDTH]


def test_a_reply_is_read_as_it_was_written() -> None:
    reply = "Material: linen; cotton blend\nColor: none\nWidth: 14 in.\n"
    assert write_reply(ASKED, [(1, 2), (), (0,)]) == reply
    assert parse_reply(reply, ASKED) == [(1, 2), (), (0,)]
    assert re.fullmatch(reply_regex(ASKED), reply)


def test_order_and_repetition_of_values_do_not_matter() -> None:
    assert parse_reply("Material: linen; linen\n", [MATERIAL]) == [(1,)]
    assert parse_reply("Material: linen; cotton\n", [MATERIAL]) == [(0, 1)]


@given(st.data())
def test_every_answer_can_be_said_and_read_back(data: st.DataObject) -> None:
    question = st.builds(
        Question,
        st.just("k"),
        st.text(min_size=1, max_size=20),
        st.just(""),
        st.lists(st.text(max_size=30), min_size=1, max_size=10).map(tuple),
        st.booleans(),
    )
    asked = data.draw(st.lists(question, min_size=1, max_size=4))
    answers = []
    for one in asked:
        most = min(MOST_VALUES, len(one.candidates)) if one.multi else 1
        chosen = data.draw(st.sets(st.integers(0, len(one.candidates) - 1), max_size=most))
        answers.append(tuple(sorted(chosen)))
    reply = write_reply(asked, answers)
    assert parse_reply(reply, asked) == answers
    assert re.fullmatch(reply_regex(asked), reply)


REJECTED = {
    "": "wrong_length",
    "Material: linen\nColor: red\n": "wrong_length",
    "Material: linen\nColor: red\nWidth: none\nand more": "wrong_length",
    "Material: linen\nWidth: none\nColor: red\n": "wrong_key",
    "Material: linen\ncolor: red\nWidth: none\n": "wrong_key",
    "Material:\nColor: red\nWidth: none\n": "wrong_key",
    "Material: gold\nColor: red\nWidth: none\n": "no_such_candidate",
    "Material: Linen\nColor: red\nWidth: none\n": "no_such_candidate",
    "Material: linen; none\nColor: red\nWidth: none\n": "no_such_candidate",
    "Material: linen\nColor: red\nWidth: 35.6\n": "no_such_candidate",
    "Material: linen\nColor: red<|im_end|>\nWidth: none\n": "no_such_candidate",
    "Material: linen\nColor: red; navy blue\nWidth: none\n": "too_many",
}


@pytest.mark.parametrize("reply", REJECTED)
def test_anything_else_is_rejected(reply: str) -> None:
    with pytest.raises(ReplyRejected) as caught:
        parse_reply(reply, ASKED)
    assert caught.value.reason == REJECTED[reply]
    assert not re.fullmatch(reply_regex(ASKED), reply)


@given(
    st.lists(
        st.sampled_from(["Material", "Color", ": ", "linen", "none", "; ", "red", "\n", "x"]), max_size=14
    )
)
def test_the_parser_accepts_only_what_the_constraint_lets_through(parts: list[str]) -> None:
    reply = "".join(parts)
    try:
        answers = parse_reply(reply, [MATERIAL, COLOR])
    except ReplyRejected:
        return
    assert re.fullmatch(reply_regex([MATERIAL, COLOR]), reply.removesuffix("\n") + "\n")
    assert len(answers) == 2


def test_signs_of_regular_expressions_in_values_mean_themselves() -> None:
    question = Question("k", "Size (cm)?", "", ("1.5*", "a+b", "c\\d", "½ (x)"), False)
    for number in range(4):
        assert re.fullmatch(reply_regex([question]), write_reply([question], [(number,)]))
    assert not re.fullmatch(reply_regex([question]), "Size (cm)?: 1x5*\n")


def test_the_token_limit_leaves_room_for_the_longest_value() -> None:
    long = Question("k", "Key", "", ("x" * 60, "棉" * 20), False)
    assert longest_reply([long]) >= len(labels(long)[1].encode()) + 8


def said(*parts: tuple[str, dict[str, float]] | str) -> list[Token]:
    """Tokens of a reply: a text, or a text with the probabilities at its place."""
    tokens = []
    for part in parts:
        text, shares = (part, {part: 1.0}) if isinstance(part, str) else part
        tokens.append(Token(text, math.log(shares[text]), {one: math.log(p) for one, p in shares.items()}))
    return tokens


def approx(*values: float) -> object:
    return pytest.approx(values, abs=1e-6)


def test_probability_is_the_share_at_the_token_where_candidates_part() -> None:
    tokens = said("Color", ":", (" red", {" red": 0.7, " navy": 0.2, " none": 0.1}), "\n")
    assert candidate_probabilities(tokens, [COLOR]) == [approx(0.7, 0.2)]


def test_none_leaves_each_candidate_its_small_share() -> None:
    tokens = said("Color", ":", (" none", {" none": 0.9, " n": 0.04, " red": 0.06}), "\n")
    assert candidate_probabilities(tokens, [COLOR]) == [approx(0.06, 0.02)]


def test_what_the_form_forbids_does_not_count() -> None:
    tokens = said("Color", ":", (" red", {" red": 0.3, " gold": 0.6, " none": 0.1}), "\n")
    assert candidate_probabilities(tokens, [COLOR]) == [approx(0.75, 0.0)]


def test_a_value_that_begins_another_parts_from_it_where_it_ends() -> None:
    question = Question("m", "M", "", ("cotton", "cotton blend", "wool"), False)
    tokens = said("M", ":", (" cotton", {" cotton": 0.8, " wool": 0.2}), ("\n", {"\n": 0.6, " blend": 0.4}))
    assert candidate_probabilities(tokens, [question]) == [approx(0.48, 0.32, 0.2)]


def test_values_of_several_tokens_are_followed_to_their_end() -> None:
    tokens = said("Color", ":", (" nav", {" nav": 0.9, " red": 0.1}), "y", " blue", "\n")
    assert candidate_probabilities(tokens, [COLOR]) == [approx(0.1, 0.9)]


def test_a_second_value_counts_with_the_probability_that_there_is_one() -> None:
    question = Question("m", "M", "", ("cotton", "linen", "wool"), True)
    first = (" cotton", {" cotton": 0.8, " linen": 0.2})
    end = (";", {";": 0.5, "\n": 0.5})
    second = (" linen", {" linen": 0.6, " wool": 0.4})
    tokens = said("M", ":", first, end, second, "\n")
    assert candidate_probabilities(tokens, [question]) == [approx(0.8, 0.2 + 0.5 * 0.6, 0.5 * 0.4)]


def test_each_key_is_read_at_its_own_name() -> None:
    tokens = said(
        *("Color", ":", (" none", {" none": 0.75, " red": 0.25}), "\n"),
        *("Width", ":", (" ", {" ": 0.6, " none": 0.4}), ("1", {"1": 0.5, "9": 0.5}), "4", " in", ".", "\n"),
    )
    assert candidate_probabilities(tokens, [COLOR, WIDTH]) == [approx(0.25, 0.0), approx(0.3, 0.3)]


def test_without_tokens_nothing_is_known() -> None:
    assert candidate_probabilities([], ASKED) == [(0.0,) * 3, (0.0,) * 2, (0.0,) * 2]
