"""What Prometheus queries name: metrics and labels, read as far as a test needs it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
STRING = re.compile(r'"[^"]*"')
SELECTED = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)\s*\{([^}]*)\}")
GROUPED = re.compile(r"\b(by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")
WORDS = {
    "by",
    "without",
    "on",
    "ignoring",
    "and",
    "or",
    "unless",
    "bool",
    "offset",
    "group_left",
    "group_right",
}
OF_THE_SCRAPE = {"job", "instance"}
"""Labels that Prometheus adds."""


def metrics_in(query: str) -> set[str]:
    """The metrics that a query reads.

    >>> sorted(metrics_in('sum by (le) (rate(a_total{x="b"}[5m])) / c:d > 2 and on(x) e == time()'))
    ['a_total', 'c:d', 'e']
    """
    plain = re.sub(r"\{[^}]*\}|\[[^\]]*\]", " ", GROUPED.sub(" ", STRING.sub('""', query)))
    found = set()
    for match in NAME.finditer(plain):
        is_call = plain[match.end() :].lstrip().startswith("(")
        is_unit = match.start() > 0 and plain[match.start() - 1].isdigit()
        if not is_call and not is_unit and match.group() not in WORDS:
            found.add(match.group())
    return found


def labels_in(query: str) -> Iterator[tuple[str, str]]:
    """(metric, label) of each selector."""
    for metric, inside in SELECTED.findall(query):
        for label in re.findall(r"([a-zA-Z_]+)\s*(?:=~|!~|!=|=)", STRING.sub('""', inside)):
            yield metric, label


def names_on(pages: Iterable[str]) -> dict[str, set[str]]:
    """The metrics that pages print, as a query names them, and their labels."""
    found: dict[str, set[str]] = {}
    for line in (line for page in pages for line in page.splitlines()):
        if line and not line.startswith("#"):
            name = NAME.match(line)
            assert name is not None, line
            inside = line[name.end() : line.rindex(" ")] if "{" in line else ""
            found.setdefault(name.group(), set()).update(re.findall(r'([a-zA-Z_]+)="', inside))
    return found
