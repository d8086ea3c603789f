"""The discriminator's reply: what it may say, what it said, and how sure it was.

A reply has one line a key: the key's name, a colon, and the labels of the chosen candidates, or "none":

    Material: linen; cotton
    Color: none

A small model copies a value more easily than it finds its number: with numbers in place of labels a first training stayed
at chance (models/discriminator/README.md).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from schemas.inference import Token
from udfs.prompts import NONE, Question, estimate_tokens, labels, shown_name

UNREPORTED = -100.0
AND = "; "
END = "\n"
MOST_VALUES = 5
SPECIAL = frozenset("\\.^$*+?()[]{}|/")
Choice = tuple[int, ...]


class ReplyRejected(ValueError):
    """A reply that is not an answer to its questions. `reason` is a short code."""

    def __init__(self, reason: str, reply: str) -> None:
        super().__init__(f"{reason}: {reply[:120]!a}")
        self.reason = reason


def reply_regex(questions: Sequence[Question]) -> str:
    r"""The regular expression that only possible replies match.

    >>> reply_regex([Question("k", "K", "", ("x", "y"), False), Question("m", "M", "", ("1.5",), True)])
    'K: (x|y|none)\\nM: (none|(1\\.5)(; (1\\.5)){0,0})\\n'
    """
    return "".join(f"{escaped(shown_name(question))}: {_alternatives(question)}\\n" for question in questions)


def write_reply(questions: Sequence[Question], choices: Sequence[Choice]) -> str:
    """The reply that makes these choices: the form that the model is trained on."""
    lines = []
    for question, choice in zip(questions, choices, strict=True):
        named = labels(question)
        lines.append(f"{shown_name(question)}: {AND.join(named[number] for number in choice) or NONE}{END}")
    return "".join(lines)


def longest_reply(questions: Sequence[Question]) -> int:
    """About how many tokens the longest likely reply has; one that is cut there is rejected and asked again."""
    total = 8
    for question in questions:
        longest = sorted((len(label.encode("utf-8", "replace")) for label in labels(question)), reverse=True)
        total += estimate_tokens(shown_name(question)) + 8 + sum(longest[: 3 if question.multi else 1])
    return total


def parse_reply(reply: str, questions: Sequence[Question]) -> list[Choice]:
    """The chosen candidates of each question, same order; a value that is named twice counts once.

    Errors: ReplyRejected for anything that `reply_regex` would not let through. Nothing is guessed.
    """
    lines = reply.removesuffix(END).split(END)
    if len(lines) != len(questions):
        raise ReplyRejected("wrong_length", reply)
    return [_choice(line, question, reply) for line, question in zip(lines, questions, strict=True)]


def candidate_probabilities(
    tokens: Sequence[Token], questions: Sequence[Question]
) -> list[tuple[float, ...]]:
    """For each question the probability that each candidate is in the reply, from the tokens of a parsed reply.

    Along the reply, every token's alternatives are sorted by the candidates that they would begin or go on with, and
    their probabilities, renormalised to what the form allows, go to those candidates; where a token fits several, they
    share it evenly, as what would have followed is not known. A later value of a multi-valued key counts with the
    probability that there is a later value at all: the reply's own beginning stands for every other. Alternatives that
    the server does not report count as zero. Where tokens do not fall apart as expected the answer is 0 for all.

    Shapes: N questions in, N tuples out, each as long as its question's candidates.
    """
    text = "".join(token.text for token in tokens)
    starts = _starts(tokens)
    found, at = [], 0
    for question in questions:
        total = [0.0] * len(question.candidates)
        place = text.find(f"{shown_name(question)}:", at)
        if place >= 0:
            at = place + len(shown_name(question)) + 1
            for shares in _places(tokens, starts.get(at), question):
                total = [sum(pair) for pair in zip(total, shares, strict=True)]
        found.append(tuple(min(1.0, round(value, 6)) for value in total))
    return found


def _places(tokens: Sequence[Token], index: int | None, question: Question) -> Iterator[list[float]]:
    """Per place of the reply's line, what each candidate has of it."""
    forms = [f" {label}" for label in (*labels(question), NONE)]
    reach = 1.0
    while index is not None and index < len(tokens):
        shares, index, goes_on = _place(tokens, index, forms)
        yield [reach * share for share in shares[:-1]]
        reach *= goes_on
        if not question.multi or goes_on <= 0 or index >= len(tokens) or tokens[index].text[:1] == END:
            return
        index += 1
        forms = forms[:-1]
        forms.append("\0")  # "none" comes only first


def _place(tokens: Sequence[Token], index: int, forms: Sequence[str]) -> tuple[list[float], int, float]:
    """Shares of the forms at one place; the token that ends the place; the probability that another place follows."""
    shares, alive, reach, said = [0.0] * len(forms), list(range(len(forms))), 1.0, ""
    while index < len(tokens):
        token = tokens[index]
        options = {text: _fits(text, said, forms, alive) for text in {token.text: 0.0, **token.top}}
        weights = _weights(token, options)
        for text, weight in weights.items():
            if text != token.text:
                for number in options[text]:
                    shares[number] += reach * weight / len(options[text])
        alive = options[token.text]
        if not alive:
            return shares, index, 0.0
        reach *= weights[token.text]
        if token.text[:1] in (END, AND[0]):
            for number in alive:
                shares[number] += reach / len(alive)
            ends = sum(weight for text, weight in weights.items() if text[:1] in (END, AND[0]))
            goes_on = sum(weight for text, weight in weights.items() if text[:1] == AND[0])
            return shares, index, goes_on / ends if ends else 0.0
        said += token.text
        index += 1
    for number in alive:  # the reply was cut here
        shares[number] += reach / len(alive)
    return shares, index, 0.0


def _fits(text: str, said: str, forms: Sequence[str], alive: Sequence[int]) -> list[int]:
    """The forms that can go on with a token."""
    found = []
    for number in alive:
        rest = forms[number][len(said) :]
        if (rest and text and rest.startswith(text)) or (not rest and text[:1] in (END, AND[0]) and text):
            found.append(number)
    return found


def _weights(token: Token, options: Mapping[str, Sequence[int]]) -> dict[str, float]:
    """Probabilities of the tokens that fit something, renormalised."""
    raw = {
        text: math.exp(min(0.0, logprob))
        for text, logprob in {token.text: token.logprob, **token.top}.items()
        if options[text] and logprob > UNREPORTED
    }
    whole = sum(raw.values())
    return {text: weight / whole for text, weight in raw.items()} if whole else {token.text: 0.0}


def _starts(tokens: Sequence[Token]) -> dict[int, int]:
    """Offset in the reply -> the token that begins there."""
    starts, at = {}, 0
    for index, token in enumerate(tokens):
        starts[at] = index
        at += len(token.text)
    return starts


def _alternatives(question: Question) -> str:
    one = "|".join(map(escaped, labels(question)))
    if not question.multi:
        return f"({one}|{NONE})"
    more = min(MOST_VALUES, len(question.candidates)) - 1
    return f"({NONE}|({one})({AND}({one})){{0,{more}}})"


def escaped(text: str) -> str:
    """A text as a regular expression that matches just it, for servers' engines too."""
    return "".join(f"\\{char}" if char in SPECIAL else char for char in text)


def _choice(line: str, question: Question, reply: str) -> Choice:
    head = f"{shown_name(question)}: "
    if not line.startswith(head):
        raise ReplyRejected("wrong_key", reply)
    said = line[len(head) :]
    if said == NONE:
        return ()
    numbers = {label: number for number, label in enumerate(labels(question))}
    values = said.split(AND)
    if any(value not in numbers for value in values):
        raise ReplyRejected("no_such_candidate", reply)
    if len(values) > (MOST_VALUES if question.multi else 1):
        raise ReplyRejected("too_many", reply)
    return tuple(sorted({numbers[value] for value in values}))
