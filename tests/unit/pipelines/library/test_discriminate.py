"""Discrimination against a fake server over real HTTP: groups, rejected replies, refusals, dead servers."""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Callable
from typing import Any

import pytest

from infra import fake_vllm
from infra.fake_vllm import FakeVllm
from infra.vllm import CompletionClient, RequestRefused, ServerUnavailable
from pipelines.library.answers import Usage
from pipelines.library.discriminate import DiscriminateConfig, Question, Verdict, discriminate
from schemas.inference import Token
from udfs.replies import write_reply

KEYS = ("material", "color", "size", "brand", "fit")
QUESTIONS = [Question(key, key.title(), "", ("red", "cotton", f"{key} one"), key == "color") for key in KEYS]


def ask(fake: FakeVllm, questions: list[Question] = QUESTIONS, keys: int = 8) -> tuple[list[Verdict], Usage]:
    async def run() -> tuple[list[Verdict], Usage]:
        async with fake, CompletionClient(fake.url, timeout_s=0.5, attempts=2, backoff_s=0.01) as client:
            return await discriminate(
                "Shirt", "size M", questions, client, DiscriminateConfig(keys_per_request=keys)
            )

    return asyncio.run(run())


def says(chooses: Callable[[str], tuple[int, ...]]) -> Callable[[str], str]:
    """A model that answers every key of a prompt by its name."""

    def answer(prompt: str) -> str:
        asked = [one for one in QUESTIONS if re.search(rf"^{one.key_name}\*?: ", prompt, re.M)]
        return write_reply(asked, [chooses(one.key_name) for one in asked])

    return answer


def by_name(name: str) -> tuple[int, ...]:
    return {"Material": (1,), "Color": (0, 2), "Size": (2,)}.get(name, ())


@pytest.mark.parametrize(("keys", "requests"), [(8, 1), (2, 3), (1, 5)])
def test_verdicts_come_in_order_whatever_the_keys_a_request(keys: int, requests: int) -> None:
    fake = FakeVllm(answer=says(by_name))
    verdicts, usage = ask(fake, keys=keys)
    assert [(v.key_id, v.chosen) for v in verdicts] == [
        ("material", (1,)), ("color", (0, 2)), ("size", (2,)), ("brand", ()), ("fit", ()),
    ]  # fmt: skip
    assert len(fake.requests) == usage.tokens["requests"] == requests
    assert usage.pairs == {"discriminator": 5}
    replies = write_reply(QUESTIONS, [by_name(question.key_name) for question in QUESTIONS])
    forced = sum(len(f"{one.key_name}:") for one in QUESTIONS[::keys])  # sent with the prompt
    assert usage.tokens["completion_tokens"] == len(replies) - forced  # the fake's tokens are characters


def test_the_request_is_held_to_its_candidates() -> None:
    fake = FakeVllm(answer=says(by_name))
    ask(fake, QUESTIONS[:2])
    value = "(red|cotton|color one)"
    regex = rf" (red|cotton|material one|none)\nColor: (none|{value}(; {value}){{0,2}})\n"
    assert fake.requests[0]["prompt"].endswith("\nReply:\nMaterial:")
    assert fake.requests[0]["structured_outputs"] == {"regex": regex}


def test_probabilities_come_from_the_deciding_tokens() -> None:
    shares = {" cotton": math.log(0.8), " none": math.log(0.2)}
    said = [Token("Material:", 0.0, {}), Token(" cotton", shares[" cotton"], shares), Token("\n", 0.0, {})]
    (verdict,), _ = ask(FakeVllm(answer=lambda prompt: said), QUESTIONS[:1])
    assert (verdict.key_id, verdict.chosen) == ("material", (1,))
    assert verdict.p == pytest.approx((0.0, 0.8, 0.0), abs=1e-6)


def test_a_group_with_a_bad_reply_is_asked_again_key_by_key() -> None:
    def answer(prompt: str) -> str:
        return "Material: gold\n" if "\nColor" in prompt and "\nFit" in prompt else says(by_name)(prompt)

    verdicts, usage = ask(FakeVllm(answer=answer))
    assert [v.chosen for v in verdicts] == [(1,), (0, 2), (2,), (), ()]
    assert not any(v.failed for v in verdicts)
    assert usage.tokens["requests"] == 6 and usage.tokens["rejected_replies"] == 1


@pytest.mark.parametrize("mode", [fake_vllm.HOSTILE, fake_vllm.WRONG_SHAPE, fake_vllm.NOT_JSON])
def test_replies_that_stay_bad_fail_their_keys_and_nothing_is_guessed(mode: str) -> None:
    verdicts, usage = ask(FakeVllm(mode=mode))
    assert verdicts == [Verdict(key, (), (), failed=True) for key in KEYS]
    assert usage.pairs == {"failed": 5} and usage.tokens["rejected_replies"] == 6


def test_only_the_key_whose_reply_is_bad_fails() -> None:
    def answer(prompt: str) -> str:
        return "Color: gold\n" if "\nColor" in prompt else says(by_name)(prompt)

    verdicts, usage = ask(FakeVllm(answer=answer))
    assert [v.failed for v in verdicts] == [False, True, False, False, False]
    assert usage.pairs == {"discriminator": 4, "failed": 1}


def test_a_server_that_refuses_or_is_gone_is_an_error() -> None:
    with pytest.raises(RequestRefused):
        ask(FakeVllm(mode=fake_vllm.REFUSE))
    with pytest.raises(ServerUnavailable):
        ask(FakeVllm(mode=fake_vllm.ERROR_500))


def test_a_request_with_much_text_is_split_and_no_questions_ask_nothing() -> None:
    long = [
        Question(f"k{n}", "Key", "", tuple(f"{i} " + "x1" * 30 for i in range(10)), False) for n in range(8)
    ]
    fake = FakeVllm(answer=lambda prompt: "Key: none\n" * prompt.count("\nKey: "))
    verdicts, usage = ask(fake, long)
    assert len(verdicts) == 8 and usage.tokens["requests"] > 1
    assert ask(FakeVllm(), [])[0] == []


def test_a_question_without_candidates_is_a_mistake_of_the_caller() -> None:
    bad: list[Any] = [Question("k", "Key", "", (), False)]
    with pytest.raises(ValueError, match="0 candidates"):
        ask(FakeVllm(), bad)
