"""What a regular expression forces is given to the server, and the reply is whole all the same."""

import asyncio
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.fake_vllm import FakeVllm
from infra.vllm import CompletionClient
from infra.vllm_forced import forced
from schemas.inference import Completion, Token
from udfs.prompts import Question, build_prompt, labels
from udfs.replies import candidate_probabilities, escaped, parse_reply, reply_regex

SIZE = Question("size", "Screen size", "", ("5 in", "6 in"), False)
COLOR = Question("color", "Color", "", ("red",), True)


def ask(answer, questions) -> tuple[Completion, dict]:
    async def one() -> tuple[Completion, dict]:
        async with FakeVllm(answer) as fake, CompletionClient(fake.url) as client:
            prompt = build_prompt("A phone, 6 in", "", questions)
            return await client.complete(prompt, 40, regex=reply_regex(questions), logprobs=5), fake.requests[
                0
            ]

    return asyncio.run(one())


def test_the_first_name_is_sent_and_not_generated_and_the_reply_is_read_as_ever() -> None:
    says = [
        Token("Screen size:", 0.0, {}),
        Token(" 6", -0.1, {" 6": -0.1, " 5": -2.4}),
        Token(" in", 0.0, {}),
        Token("\n", 0.0, {}),
    ]
    reply, body = ask(lambda prompt: [*says, Token("Color: none\n", 0.0, {})], [SIZE, COLOR])

    assert body["prompt"].endswith("\nReply:\nScreen size:")
    assert body["structured_outputs"]["regex"].startswith(" (5 in|6 in|none)\\nColor: ")
    assert parse_reply(reply.text, [SIZE, COLOR]) == [(1,), ()]
    assert reply.completion_tokens == 4
    (five, six), _ = candidate_probabilities(reply.tokens, [SIZE, COLOR])
    assert five == pytest.approx(0.09, abs=0.01) and six == pytest.approx(0.91, abs=0.01)


def test_a_reply_that_does_not_go_on_is_no_answer() -> None:
    reply, _ = ask(lambda prompt: "gold", [COLOR])

    assert reply.text == "Color:gold"
    with pytest.raises(ValueError, match="wrong_key"):
        parse_reply(reply.text, [COLOR])


@pytest.mark.parametrize(
    ("regex", "begun"),
    [
        ("a b|c", ""),
        ("(a b)|c", ""),
        ("x y|z w", ""),
        ("a b*c d", "a"),
        ("a b?", "a"),
        ("a  b", "a "),
        ("a (b|c d)", "a"),
        (r"K\.x\| y", "K.x|"),
        (r"a b\nc d", "a"),
        (r"a \d e", "a"),
        ("[ab] c", ""),
        ("a [)|(] b", "a"),
        ("", ""),
    ],
)
def test_what_is_forced_is_what_every_match_begins_with(regex: str, begun: str) -> None:
    assert forced(regex) == (begun, regex[len(escaped(begun)) :])


@given(st.text(min_size=1, max_size=20), st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=3))
def test_whatever_the_names_are_both_parts_make_the_whole(name: str, values: list[str]) -> None:
    question = Question("k", name, "", tuple(values), True)
    regex = reply_regex([question])

    begun, rest = forced(regex)

    for said in ("none", labels(question)[0]):
        whole = f"{regex_name(regex)}: {said}\n"
        assert re.fullmatch(regex, whole)
        assert whole.startswith(begun) and re.fullmatch(rest, whole[len(begun) :])


def regex_name(regex: str) -> str:
    return re.sub(r"\\(.)", r"\1", regex.split(": (none|")[0])
