"""Replies: what may be said, what was said, how sure the model was."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.inference import Token
from udfs.prompts import Question
from udfs.replies import (
    ReplyRejected,
    candidate_probabilities,
    longest_reply,
    parse_reply,
    reply_regex,
    write_reply,
)


def question(candidates: int, multi: bool = False) -> Question:
    return Question("k", "K", "", tuple(f"v{number}" for number in range(candidates)), multi)


ASKED = [question(3), question(2), question(5, multi=True)]


def test_a_reply_is_read_as_it_was_written() -> None:
    assert write_reply([(2,), (), (1, 4)]) == '["a2","b","c14"]'
    assert parse_reply('["a2","b","c14"]', ASKED) == [(2,), (), (1, 4)]


@given(st.data())
def test_every_answer_can_be_said_read_back_and_fits_its_limits(data: st.DataObject) -> None:
    asked = data.draw(
        st.lists(st.builds(question, st.integers(1, 10), st.booleans()), min_size=1, max_size=16)
    )
    answers = [
        tuple(
            sorted(data.draw(st.sets(st.integers(0, len(q.candidates) - 1), max_size=10 if q.multi else 1)))
        )
        for q in asked
    ]
    reply = write_reply(answers)
    assert parse_reply(reply, asked) == answers
    assert re.fullmatch(reply_regex(asked), reply)
    assert len(reply) <= longest_reply(asked)


REJECTED = {
    "": "not_json",
    "[" * 5000: "not_json",
    '["a2","b","c14"] and more': "not_json",
    '{"a":2}': "wrong_length",
    '["a2","b"]': "wrong_length",
    '["a2","b","c","d"]': "wrong_length",
    '["a2",7,"c"]': "wrong_key",
    '["a2","c","b"]': "wrong_key",
    '["a3","b","c"]': "no_such_candidate",
    '["a","b2","c"]': "no_such_candidate",
    '["acotton","b","c"]': "not_a_number",
    '["a٢","b","c"]': "not_a_number",
    '["a-1","b","c"]': "not_a_number",
    '["a12","b","c"]': "too_many",
    '["a","b","c41"]': "repeated",
    '["a","b","c11"]': "repeated",
}


@pytest.mark.parametrize("reply", REJECTED, ids=lambda reply: reply[:24])
def test_anything_else_is_rejected_and_the_constraint_forbids_it(reply: str) -> None:
    with pytest.raises(ReplyRejected) as caught:
        parse_reply(reply, ASKED)
    assert caught.value.reason == REJECTED[reply]
    assert not re.fullmatch(reply_regex(ASKED), reply)


@given(st.text(alphabet='[]"abc0123456789, ', max_size=24))
def test_the_parser_accepts_only_what_the_constraint_lets_through(reply: str) -> None:
    try:
        answers = parse_reply(reply, ASKED)
    except ReplyRejected:
        return
    assert re.fullmatch(reply_regex(ASKED), reply.replace(" ", ""))
    assert len(answers) == 3


def token(text: str, **shares: float) -> Token:
    named = {
        name.removeprefix("n").replace("stop", '","').replace("end", '"]'): share
        for name, share in shares.items()
    }
    top = {name: math.log(share) for name, share in named.items()}
    return Token(text, top.get(text, 0.0), top)


def test_probability_of_one_of_several_is_its_share_at_the_deciding_token() -> None:
    tokens = [token('["'), token("a"), token("1", n0=0.2, n1=0.7, stop=0.1), token('"]')]
    assert candidate_probabilities(tokens, [question(3)]) == [pytest.approx((0.2, 0.7, 0.0), abs=1e-6)]


def test_probability_of_none_leaves_each_candidate_its_small_share() -> None:
    tokens = [token('["'), token("a"), token('"]', n0=0.1, end=0.9)]
    assert candidate_probabilities(tokens, [question(2)]) == [pytest.approx((0.1, 0.0), abs=1e-6)]


def test_what_the_form_forbids_does_not_count() -> None:
    tokens = [token('["'), token("a"), token("1", n1=0.3, n7=0.4, Yes=0.2, end=0.1)]
    assert candidate_probabilities(tokens, [question(2)]) == [pytest.approx((0.0, 0.75), abs=1e-6)]


def test_a_later_place_of_a_multi_valued_key_adds_to_its_candidates() -> None:
    tokens = [
        token('["'),
        token("a"),
        token("0", n0=0.8, n2=0.1, end=0.1),
        token("2", n1=0.3, n2=0.5, end=0.2),
        token('"]', end=1.0),
    ]
    (found,) = candidate_probabilities(tokens, [question(3, multi=True)])
    assert found == pytest.approx((0.8, 0.8 * 0.3, 0.1 + 0.8 * 0.5), abs=1e-6)


def test_each_key_is_read_at_its_own_letter_also_where_tokens_hold_several_digits() -> None:
    tokens = [
        token('["'),
        token("a"),
        token('","', n0=0.25, stop=0.75),
        token("b"),
        token("13", n13=0.6, n0=0.4),
        token('"]'),
    ]
    first, second = candidate_probabilities(tokens, [question(2), question(4, multi=True)])
    assert first == pytest.approx((0.25, 0.0), abs=1e-6)
    assert second == pytest.approx((0.4, 0.6, 0.0, 0.6), abs=1e-6)


def test_without_tokens_nothing_is_known() -> None:
    assert candidate_probabilities([], ASKED) == [(0.0,) * 3, (0.0,) * 2, (0.0,) * 5]
