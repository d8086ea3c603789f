"""Hostile text is written out, never obeyed."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from udfs.terminal import harmless


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J\x1b]0;owned\x07", r"\x1b[2J\x1b]0;owned\x07"),
        ("\x9b31mred", r"\x9b31mred"),
        ("abc\u202ecba", r"abc\u202ecba"),
        ("a\u2066b\u2069", r"a\u2066b\u2069"),
        ("zero\u200bwidth\ufeff", r"zero\u200bwidth\ufeff"),
        ("line\u2028line", r"line\u2028line"),
        ("back\bspace\r\n", r"back\x08space\r\n"),
        ("tag\U000e0041", r"tag\U000e0041"),
        ("half\ud800", r"half\ud800"),
        ("[bold]not markup[/bold] \\[x]", "[bold]not markup[/bold] \\[x]"),
        ("茶 👩‍🔬 نمی‌خواهم é", "茶 👩‍🔬 نمی‌خواهم é"),
    ],
)
def test_writes_out_what_a_terminal_would_obey_or_hide(text: str, shown: str) -> None:
    assert harmless(text) == shown


@given(st.text(st.characters()))
def test_nothing_that_controls_is_left(text: str) -> None:
    assert not {unicodedata.category(one) for one in harmless(text)} & {"Cc", "Cs", "Zl", "Zp"}


def test_keeps_lines_where_asked() -> None:
    assert harmless("a\nb\x00", keep="\n") == "a\nb\\x00"
