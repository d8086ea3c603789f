"""Discrimination stage (paper section 4.2.2): the model picks, for each key, the candidates that the item supports, or none.

Nothing outside the candidates can come out: the server is held to a regular expression of the possible replies, and a
reply that is no answer all the same (another server, a fault) is rejected and never guessed at.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from pipelines.library.answers import Usage
from schemas.inference import BadReply, Completion, RequestRefused
from udfs.prompts import MOST_KEYS, PROMPT_VERSION, Question, build_prompt, estimate_tokens
from udfs.replies import ReplyRejected, candidate_probabilities, longest_reply, parse_reply, reply_regex

__all__ = [
    "PROMPT_VERSION",
    "DiscriminateConfig",
    "Discriminator",
    "Question",
    "Verdict",
    "discriminate",
    "together",
]

T = TypeVar("T")


class Discriminator(Protocol):
    """What discrimination needs of a text-model client (`infra.vllm.CompletionClient`)."""

    async def complete(
        self, prompt: str, max_tokens: int, *, regex: str | None = None, logprobs: int = 0
    ) -> Completion:
        """The continuation of a prompt that matches `regex`."""


@dataclass(frozen=True, slots=True)
class DiscriminateConfig:
    """How questions are put into requests. Fewer keys a request cost more prompt tokens, more keys some accuracy."""

    keys_per_request: int = 8
    question_tokens_per_request: int = 900
    logprobs: int = 12


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the model says of one key.

    `chosen` are positions in the question's candidates, growing; empty: the item states none of them. `p` holds, for
    every candidate, the probability that it is in the reply: not yet calibrated, see
    `udfs.replies.candidate_probabilities`. `failed`: no usable reply came; `chosen` and `p` are empty then.
    `seen`: the source field of the images that the model was shown, "" for none.
    """

    key_id: str
    chosen: tuple[int, ...]
    p: tuple[float, ...]
    failed: bool = False
    seen: str = ""


async def discriminate(
    shared_text: str,
    own_text: str,
    questions: Sequence[Question],
    client: Discriminator,
    cfg: DiscriminateConfig,
) -> tuple[list[Verdict], Usage]:
    """Answer the questions about one item, several keys a request; requests share the prompt's beginning.

    A group whose reply is rejected is asked again once, each key alone; a key that fails alone too gets a `failed` verdict.
    Usage: `tokens` counts requests, prompt_tokens, cached_tokens, completion_tokens and rejected_replies; `pairs` counts
    the keys under "discriminator" or "failed".

    Shapes: N questions in, N verdicts out, same order.
    Errors: ServerUnavailable; RequestRefused when the server refuses even a single key; ValueError for a question
    without candidates or with more than 10.
    """
    usage = Usage()
    asked = list(groups(questions, cfg))
    verdicts = await together([_ask(shared_text, own_text, group, client, cfg, usage) for group in asked])
    found = [verdict for group in verdicts for verdict in group]
    for verdict in found:
        usage.pairs["failed" if verdict.failed else "discriminator"] += 1
    return found, usage


async def _ask(
    shared: str,
    own: str,
    group: Sequence[Question],
    client: Discriminator,
    cfg: DiscriminateConfig,
    usage: Usage,
) -> list[Verdict]:
    """Verdicts of one group: in one request, or, where that fails, of each key alone."""
    try:
        return await _ask_once(shared, own, group, client, cfg, usage)
    except (ReplyRejected, BadReply):
        usage.tokens["rejected_replies"] += 1
    except RequestRefused:
        if len(group) == 1:
            raise
        usage.tokens["rejected_replies"] += 1
    alone = [_ask_alone(shared, own, question, client, cfg, usage) for question in group]
    return await together(alone)


async def _ask_alone(
    shared: str, own: str, question: Question, client: Discriminator, cfg: DiscriminateConfig, usage: Usage
) -> Verdict:
    try:
        return (await _ask_once(shared, own, [question], client, cfg, usage))[0]
    except (ReplyRejected, BadReply):
        usage.tokens["rejected_replies"] += 1
        return Verdict(question.key_id, (), (), failed=True)


async def _ask_once(
    shared: str,
    own: str,
    group: Sequence[Question],
    client: Discriminator,
    cfg: DiscriminateConfig,
    usage: Usage,
) -> list[Verdict]:
    prompt = build_prompt(shared, own, group)
    usage.tokens["requests"] += 1
    reply = await client.complete(
        prompt, longest_reply(group), regex=reply_regex(group), logprobs=cfg.logprobs
    )
    usage.tokens["prompt_tokens"] += reply.prompt_tokens
    usage.tokens["cached_tokens"] += reply.cached_tokens
    usage.tokens["completion_tokens"] += reply.completion_tokens
    chosen = parse_reply(reply.text, group)
    sure = candidate_probabilities(reply.tokens, group)
    return [Verdict(q.key_id, picks, p) for q, picks, p in zip(group, chosen, sure, strict=True)]


def groups(questions: Sequence[Question], cfg: DiscriminateConfig) -> Iterator[list[Question]]:
    """Consecutive questions, as many a request as the configuration and the model's window allow."""
    most = max(1, min(cfg.keys_per_request, MOST_KEYS))
    group: list[Question] = []
    tokens = 0
    for question in questions:
        size = 12 + sum(2 + estimate_tokens(text) for text in question.candidates)
        if group and (len(group) == most or tokens + size > cfg.question_tokens_per_request):
            yield group
            group, tokens = [], 0
        group.append(question)
        tokens += size
    if group:
        yield group


async def together(calls: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """Run calls at once; the first failure cancels the rest, so that none is left running."""
    tasks = [asyncio.ensure_future(call) for call in calls]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
