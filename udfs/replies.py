"""The discriminator's reply: what it may say, what it said, and how sure it was.

A reply is a JSON list of one short text a key: the key's letter, then the numbers of the chosen candidates, growing:
`["a2","b","c14"]` is candidate 2 for key a, none for b, 1 and 4 for c. So a key costs three tokens, and which candidate
is chosen is always decided by one token that follows the letter.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence

from schemas.inference import Token
from udfs.prompts import LETTERS, Question

UNREPORTED = -100.0
Choice = tuple[int, ...]


class ReplyRejected(ValueError):
    """A reply that is not an answer to its questions. `reason` is a short code."""

    def __init__(self, reason: str, reply: str) -> None:
        super().__init__(f"{reason}: {reply[:120]!a}")
        self.reason = reason


def reply_regex(questions: Sequence[Question]) -> str:
    r"""The regular expression that only possible replies match.

    >>> reply_regex([Question("k", "K", "", ("x", "y"), False), Question("m", "M", "", ("x", "y"), True)])
    '\\["a[0-1]?","b0?1?"\\]'
    """
    parts = [f'"{letter}{_digits(question)}"' for letter, question in zip(LETTERS, questions, strict=False)]
    return r"\[" + ",".join(parts) + r"\]"


def write_reply(choices: Sequence[Choice]) -> str:
    """The reply that says these choices: the form that the model is trained on."""
    parts = [f"{letter}{''.join(map(str, choice))}" for letter, choice in zip(LETTERS, choices, strict=False)]
    return json.dumps(parts, separators=(",", ":"))


def longest_reply(questions: Sequence[Question]) -> int:
    """Length of the longest possible reply in characters: no tokenizer makes more tokens of it."""
    return 2 + sum(4 + (len(question.candidates) if question.multi else 1) for question in questions)


def parse_reply(reply: str, questions: Sequence[Question]) -> list[Choice]:
    """The chosen candidates of each question, same order.

    Errors: ReplyRejected for anything that `reply_regex` would not let through. Nothing is guessed.
    """
    try:
        parts = json.loads(reply)
    except (ValueError, RecursionError):
        raise ReplyRejected("not_json", reply) from None
    if not isinstance(parts, list) or len(parts) != len(questions):
        raise ReplyRejected("wrong_length", reply)
    asked = zip(LETTERS, questions, parts, strict=False)
    return [_choice(letter, question, part, reply) for letter, question, part in asked]


def candidate_probabilities(
    tokens: Sequence[Token], questions: Sequence[Question]
) -> list[tuple[float, ...]]:
    """For each question the probability that each candidate is in the reply, from the tokens of a parsed reply.

    The token after a key's letter decides: its distribution, over the candidates' numbers and the end of the text, is
    renormalised to what the form allows (a server may report it before or after the constraint). A candidate of a multi-valued
    key may also come second or later: its probability is that of coming first, plus, for every later place that the
    reply reached, the probability that something smaller came before, times its share at that place. What would have
    followed another first choice is not known; the reply's own continuation stands for it. Alternatives that the
    server does not report count as zero. Where tokens do not fall apart as expected the answer is 0 for all.

    Shapes: N questions in, N tuples out, each as long as its question's candidates.
    """
    found, at, starts = [], 0, _starts(tokens)
    text = "".join(token.text for token in tokens)
    for letter, question in zip(LETTERS, questions, strict=False):
        place = text.find(f'"{letter}', at)
        if place < 0:
            found.append((0.0,) * len(question.candidates))
            continue
        at = place + 2
        found.append(_probabilities(tokens, starts, at, question))
    return found


def _probabilities(
    tokens: Sequence[Token], starts: Mapping[int, int], at: int, question: Question
) -> tuple[float, ...]:
    count = len(question.candidates)
    total, reach, least = [0.0] * count, [1.0] * count, 0
    while at in starts:
        token = tokens[starts[at]]
        shares = _shares(token, least, count)
        for number in range(least, count):
            named = sum(share for numbers, share in shares.items() if number in numbers)
            before = sum(share for numbers, share in shares.items() if numbers and numbers[-1] < number)
            total[number] += reach[number] * named
            reach[number] *= before
        said = _numbers(token.text, least, count)
        if not said or not question.multi:
            break
        least, at = said[-1] + 1, at + len(token.text)
    return tuple(min(1.0, round(value, 6)) for value in total)


def _shares(token: Token, least: int, count: int) -> dict[Choice, float]:
    """What may come at a place, and with what probability; no numbers: the end of the key's text."""
    shares: dict[Choice, float] = {}
    for text, logprob in {token.text: token.logprob, **token.top}.items():
        numbers = _numbers(text, least, count)
        if numbers is not None and logprob > UNREPORTED:
            shares[numbers] = shares.get(numbers, 0.0) + math.exp(min(0.0, logprob))
    whole = sum(shares.values())
    return {numbers: share / whole for numbers, share in shares.items()} if whole > 0 else {}


def _numbers(text: str, least: int, count: int) -> Choice | None:
    """The candidates that a token names, none for the end of the text; None for what the form does not allow."""
    digits = text.partition('"')[0]
    if not text or not all(char in "0123456789" for char in digits):
        return None
    numbers = tuple(map(int, digits))
    allowed = list(numbers) == sorted(set(numbers)) and all(least <= number < count for number in numbers)
    return numbers if allowed else None


def _starts(tokens: Sequence[Token]) -> dict[int, int]:
    """Offset in the reply -> the token that begins there."""
    starts, at = {}, 0
    for index, token in enumerate(tokens):
        starts[at] = index
        at += len(token.text)
    return starts


def _digits(question: Question) -> str:
    count = len(question.candidates)
    if question.multi:
        return "".join(f"{number}?" for number in range(count))
    return f"[0-{count - 1}]?"


def _choice(letter: str, question: Question, part: object, reply: str) -> Choice:
    if not isinstance(part, str) or part[:1] != letter:
        raise ReplyRejected("wrong_key", reply)
    if not all(char in "0123456789" for char in part[1:]):
        raise ReplyRejected("not_a_number", reply)
    numbers = tuple(int(char) for char in part[1:])
    if any(number >= len(question.candidates) for number in numbers):
        raise ReplyRejected("no_such_candidate", reply)
    if list(numbers) != sorted(set(numbers)):
        raise ReplyRejected("repeated", reply)
    if len(numbers) > 1 and not question.multi:
        raise ReplyRejected("too_many", reply)
    return numbers
