"""What a regular expression forces a reply to begin with: given to the server with the prompt, it need not be generated.

Generating is what a reply costs: on two cores a token of it takes as long as 15 of the prompt. Source: ours; engines that skip
forced tokens by themselves ("jump-forward decoding", Zheng et al. 2024, SGLang) do the same, vLLM does not.
"""

from __future__ import annotations

from dataclasses import replace

from schemas.inference import Completion, Token

SPECIAL = frozenset(".^$*+?()[]{}|")
MANY = frozenset("*+?{")


def forced(regex: str) -> tuple[str, str]:
    r"""What every match begins with, cut before its last space, and the regular expression of what then follows.

    The cut is where the model's tokenizer would begin a token, too: a word goes with the space before it.

    >>> forced("Screen size: (5 in|none)\\n"), forced("(a|b): c"), forced("a b|c")
    (('Screen size:', ' (5 in|none)\\n'), ('', '(a|b): c'), ('', 'a b|c'))
    """
    if _has_open_choice(regex):
        return "", regex
    said, ends = "", [0]
    at = 0
    while at < len(regex) and regex[at] not in SPECIAL:
        step = 2 if regex[at] == "\\" else 1
        letter = regex[at : at + step][-1]
        if step == 2 and letter.isalnum():  # \n, \d: no letter of its own
            break
        if regex[at + step : at + step + 1] in MANY:
            break
        said, at = said + letter, at + step
        ends.append(at)
    cut = max(said.rfind(" "), 0)
    return said[:cut], regex[ends[cut] :]


def begun_with(begun: str, reply: Completion) -> Completion:
    """A reply to a prompt that its beginning was given with, as if it had been generated."""
    tokens = (Token(begun, 0.0, {}), *reply.tokens) if begun and reply.tokens else reply.tokens
    return replace(reply, text=begun + reply.text, tokens=tokens)


def _has_open_choice(regex: str) -> bool:
    """Whether there is a choice outside all brackets, so that matches need not begin alike."""
    depth, at, in_class = 0, 0, False
    while at < len(regex):
        if regex[at] == "\\":
            at += 1
        elif in_class:
            in_class = regex[at] != "]"
        elif regex[at] == "[":
            in_class = True
        elif regex[at] in "()":
            depth += 1 if regex[at] == "(" else -1
        elif regex[at] == "|" and depth == 0:
            return True
        at += 1
    return False
