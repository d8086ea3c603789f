"""Text of strangers made harmless for a terminal: no control sequences, no hidden or reordered characters."""

from __future__ import annotations

import unicodedata

_JOINERS = ("\u200c", "\u200d")
"""Zero width, yet part of words in Persian and Hindi and of emoji."""
_HIDING = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")


def harmless(text: str, keep: str = "") -> str:
    r"""The text with every control, direction-changing and invisible character written out as its code.

    >>> harmless("red\x1b[31m, abc\u202ecba\n")
    'red\\x1b[31m, abc\\u202ecba\\n'
    >>> harmless("two\nlines", keep="\n")
    'two\nlines'
    """
    return "".join(one if _is_harmless(one, keep) else _written_out(one) for one in text)


def _is_harmless(character: str, keep: str) -> bool:
    if character in keep or character in _JOINERS:
        return True
    return unicodedata.category(character) not in _HIDING


def _written_out(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")
