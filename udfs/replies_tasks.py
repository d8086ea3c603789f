"""Replies of the extraction tasks: attributes named by the model, and words that must stand in the item's text.

They have the form of `udfs/replies.py`, a name, a colon and what is said, parted by semicolons:

    Attributes: Material; Color               (attributes alone; "none" for no attribute)
    Material: linen; cotton                   (words of one attribute)
    Material: linen; cotton / Color: red / -  (attributes with their words, a line each, and an empty line at the end)

Recognition's replies are those of one question in `udfs/replies.py`. Nothing that a model says is taken on trust: words that
the item does not have are rejected, and code, not the model, makes values of the words that it has.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from udfs.prompts import MOST_KEYS, NAME_CHARS, NONE, as_data, estimate_tokens
from udfs.prompts_tasks import ATTRIBUTES, key_label
from udfs.replies import AND, END, MOST_VALUES, ReplyRejected, escaped

WORDS_CHARS = 80
_NAME = f"[^:;\\n]{{1,{NAME_CHARS}}}"
_WORDS = f"[^;\\n]{{1,{WORDS_CHARS}}}"
_CJK = re.compile("[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")


@dataclass(frozen=True, slots=True)
class Stated:
    """Words of an item: where they stand in the shared (`part` 0) or own (1) text that the prompt showed."""

    words: str
    part: int
    start: int
    end: int


def values_regex(name: str) -> str:
    """What a reply about the words of one attribute looks like."""
    return f"{escaped(key_label(name))}: ({NONE}|{_listed(_WORDS, MOST_VALUES)})\\n"


def keys_regex() -> str:
    """What a reply that names attributes looks like."""
    return f"{ATTRIBUTES}: ({NONE}|{_listed(_NAME, MOST_KEYS)})\\n"


def key_values_regex() -> str:
    """What a reply that names attributes with their words looks like."""
    line = f"{_NAME}: {_listed(_WORDS, MOST_VALUES)}\\n"
    return f"({NONE}\\n|({line}){{1,{MOST_KEYS}}})\\n"


def write_values(name: str, words: Sequence[str]) -> str:
    """The reply that copies these words, each of which must be `sayable`."""
    return f"{key_label(name)}: {AND.join(words) or NONE}{END}"


def write_keys(names: Sequence[str]) -> str:
    """The reply that names these attributes."""
    return f"{ATTRIBUTES}: {AND.join(map(key_label, names)) or NONE}{END}"


def write_key_values(stated: Mapping[str, Sequence[str]]) -> str:
    """The reply that names these attributes with their words."""
    return ("".join(write_values(name, words) for name, words in stated.items()) or f"{NONE}{END}") + END


def parse_values(reply: str, name: str, texts: Sequence[str]) -> tuple[Stated, ...]:
    """The words that a reply copies for one attribute, as they stand in the texts that the prompt showed.

    Errors: ReplyRejected for another form, too many words, or words that no text has.
    """
    head = f"{key_label(name)}: "
    if not reply.startswith(head):
        raise ReplyRejected("wrong_key", reply)
    lines = reply.rstrip(END).split(END)
    if len(lines) != 1:
        raise ReplyRejected("wrong_length", reply)
    return _held(lines[0][len(head) :], texts, reply)


def parse_keys(reply: str) -> tuple[str, ...]:
    """The attributes that a reply names, each once. Errors: ReplyRejected for another form or too many."""
    head = f"{ATTRIBUTES}: "
    lines = reply.rstrip(END).split(END)
    if len(lines) != 1 or not reply.startswith(head):
        raise ReplyRejected("wrong_length" if len(lines) != 1 else "wrong_key", reply)
    said = lines[0][len(head) :]
    names = () if said == NONE else tuple(dict.fromkeys(said.split(AND)))
    if len(names) > MOST_KEYS:
        raise ReplyRejected("too_many", reply)
    if any(not _is_name(name) for name in names):
        raise ReplyRejected("wrong_key", reply)
    return names


def parse_key_values(reply: str, texts: Sequence[str]) -> dict[str, tuple[Stated, ...]]:
    """Attributes and their words. Errors: as `parse_values`; an attribute that is named twice is rejected too."""
    lines = reply.rstrip(END).split(END)
    if lines == [NONE]:
        return {}
    if len(lines) > MOST_KEYS:
        raise ReplyRejected("too_many", reply)
    found: dict[str, tuple[Stated, ...]] = {}
    for line in lines:
        name, colon, said = line.partition(": ")
        if not colon or not _is_name(name) or said == NONE:
            raise ReplyRejected("wrong_key", reply)
        if name in found:
            raise ReplyRejected("twice", reply)
        found[name] = _held(said, texts, reply)
    return found


def find_words(words: str, texts: Sequence[str]) -> Stated | None:
    """Where words stand in the texts: as they are written if they do so, else in another case; not inside a word.

    >>> find_words("red", ("A Redwood shelf, RED",))
    Stated(words='RED', part=0, start=17, end=20)
    """
    for flags in (re.NOFLAG, re.IGNORECASE):
        for part, text in enumerate(texts):
            for match in re.finditer(re.escape(words), text, flags):
                if _stands_alone(text, *match.span()):
                    return Stated(match[0], part, *match.span())
    return None


def sayable(words: str) -> bool:
    """Whether a reply can carry these words: short, one line, without the sign that parts words, and not "none"."""
    return (
        bool(words)
        and len(words) <= WORDS_CHARS
        and words == as_data(words)
        and ";" not in words
        and words.lower() != NONE
    )


def longest_values(several: bool) -> int:
    """About how many tokens the longest likely reply about one attribute has."""
    return 16 + estimate_tokens("x" * NAME_CHARS) + 30 * (3 if several else 1)


def longest_keys() -> int:
    """About how many tokens the longest likely reply that names attributes has."""
    return 16 + 6 * MOST_KEYS


def longest_key_values() -> int:
    """About how many tokens the longest likely reply with attributes and their words has."""
    return 16 + 20 * MOST_KEYS


def _held(said: str, texts: Sequence[str], reply: str) -> tuple[Stated, ...]:
    if said == NONE:
        return ()
    pieces = said.split(AND)
    if len(pieces) > MOST_VALUES:
        raise ReplyRejected("too_many", reply)
    if not all(map(sayable, pieces)):
        raise ReplyRejected("wrong_words", reply)
    found = [find_words(words, texts) for words in pieces]
    if None in found:
        raise ReplyRejected("not_in_text", reply)
    return tuple(dict.fromkeys(stated for stated in found if stated is not None))


def _is_name(name: str) -> bool:
    return bool(name) and len(name) <= NAME_CHARS and name == key_label(name)


def _stands_alone(text: str, start: int, end: int) -> bool:
    """Whether a span cuts no word or number in two. Chinese and Japanese have no spaces between words to go by."""
    return not (
        _one_word(text[start - 1 : start], text[start]) or _one_word(text[end - 1], text[end : end + 1])
    )


def _one_word(left: str, right: str) -> bool:
    if not left or not right or _CJK.match(left) or _CJK.match(right):
        return False
    return (left.isalpha() and right.isalpha()) or (left.isdigit() and right.isdigit())


def _listed(one: str, most: int) -> str:
    return f"{one}({AND}{one}){{0,{most - 1}}}"
