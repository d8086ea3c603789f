"""How well a served model does each task, on examples of held-out items: what it says against what it should say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.library.discriminate import Discriminator
from pipelines.models.tasks import EXTRACT_KEY, EXTRACT_KEY_VALUE, EXTRACT_VALUE, Example, Request
from schemas.inference import BadReply
from udfs.replies import ReplyRejected, longest_reply, parse_reply, reply_regex
from udfs.replies_tasks import (
    key_values_regex,
    keys_regex,
    longest_key_values,
    longest_keys,
    longest_values,
    parse_key_values,
    parse_keys,
    parse_values,
    values_regex,
)

Said = frozenset[tuple[str, str]]


@dataclass(slots=True)
class TaskScore:
    """Micro counts over all requests of one task; a reply that is none counts as failed and all it should say as missed."""

    task: str
    requests: int = 0
    failed: int = 0
    right: int = 0
    wrong: int = 0
    missed: int = 0

    @property
    def precision(self) -> float:
        """The share of what was said that is true."""
        return self.right / max(1, self.right + self.wrong)

    @property
    def recall(self) -> float:
        """The share of what is true that was said."""
        return self.right / max(1, self.right + self.missed)

    @property
    def f1(self) -> float:
        """Harmonic mean of both."""
        return 2 * self.right / max(1, 2 * self.right + self.wrong + self.missed)

    def add(self, said: Said | None, true: Said) -> None:
        """Count one request; None: no usable reply."""
        self.requests += 1
        self.failed += said is None
        found = said or frozenset()
        self.right += len(found & true)
        self.wrong += len(found - true)
        self.missed += len(true - found)


async def ask(example: Example, client: Discriminator) -> list[tuple[Said | None, Said]]:
    """What the model says to each request of one example, and what it should say. Errors: ServerUnavailable, RequestRefused."""
    found: list[tuple[Said | None, Said]] = []
    for request in example.requests:
        regex, most = _constraint(example.task, request)
        true = _said(example, request, request.reply)
        try:
            reply = await client.complete(example.prefix + request.prompt, most, regex=regex)
            found.append((_said(example, request, reply.text), true))
        except (ReplyRejected, BadReply):
            found.append((None, true))
    return found


def _constraint(task: str, request: Request) -> tuple[str, int]:
    if task == EXTRACT_KEY:
        return keys_regex(), longest_keys()
    if task == EXTRACT_VALUE:
        return values_regex(_name(request)), longest_values(several=True)
    if task == EXTRACT_KEY_VALUE:
        return key_values_regex(), longest_key_values()
    questions = [asked.question for asked in request.asked]
    return reply_regex(questions), longest_reply(questions)


def _said(example: Example, request: Request, reply: str) -> Said:
    """A reply as (key, what is said of it). Errors: ReplyRejected."""
    if example.task == EXTRACT_KEY:
        return frozenset(("", name.lower()) for name in parse_keys(reply))
    if example.task == EXTRACT_VALUE:
        words = parse_values(reply, _name(request), example.shown)
        return frozenset((_name(request), stated.words.lower()) for stated in words)
    if example.task == EXTRACT_KEY_VALUE:
        read = parse_key_values(reply, example.shown)
        return frozenset((name.lower(), one.words.lower()) for name, words in read.items() for one in words)
    questions = [asked.question for asked in request.asked]
    return frozenset(
        (question.key_id, question.candidates[number])
        for question, choice in zip(questions, parse_reply(reply, questions), strict=True)
        for number in choice
    )


def _name(request: Request) -> str:
    """The key that a request of targeted filling is about, as replies name it."""
    return request.reply.partition(": ")[0]


def table(scores: Sequence[TaskScore]) -> str:
    """Scores for people, a line a task."""
    head = f"{'task':<24}{'requests':>9}{'failed':>8}{'P':>7}{'R':>7}{'F1':>7}"
    lines = [
        f"{one.task:<24}{one.requests:>9}{one.failed:>8}{one.precision:>7.3f}{one.recall:>7.3f}{one.f1:>7.3f}"
        for one in scores
    ]
    return "\n".join([head, *lines])
