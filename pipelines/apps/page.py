"""HTML reports of one file: all but our own markup is escaped, nothing is loaded from outside."""

from __future__ import annotations

import html
import string
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


class Html(str):
    """Text that is markup already; every other text is escaped where it enters a page."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a bar list: a share of 0 to 1, and what is written beside it."""

    label: str
    share: float
    note: str


class _Escaping(string.Formatter):
    def format_field(self, value: object, format_spec: str) -> str:
        text = format(value, format_spec)
        return text if isinstance(value, Html) else html.escape(text, quote=True)


def fill(template: str, **values: object) -> Html:
    """A template of markup with its `{names}` filled in; values that are not `Html` are escaped.

    >>> fill("<b>{name}</b>", name="<i>tea</i>")
    '<b>&lt;i&gt;tea&lt;/i&gt;</b>'
    """
    return Html(_Escaping().vformat(template, (), values))


def join(parts: Iterable[object], between: str = "\n") -> Html:
    """Parts one after the other, each escaped unless it is `Html`."""
    return Html(between.join(fill("{part}", part=part) for part in parts))


def page(title: str, parts: Iterable[Html]) -> str:
    """A whole document. Its policy lets a browser load and run nothing, whatever a listing smuggles in."""
    return fill(_PAGE, title=title, style=Html(_STYLE), body=join(parts))


def section(title: str, *parts: Html, note: str = "") -> Html:
    """A titled part of a page."""
    said = fill('<p class="note">{note}</p>', note=note) if note else Html("")
    return fill("<section><h2>{title}</h2>{said}{body}</section>", title=title, said=said, body=join(parts))


def columns(*parts: Html) -> Html:
    """Parts side by side, one below the other on a narrow screen."""
    return fill(
        '<div class="columns">{body}</div>', body=join(fill("<div>{part}</div>", part=part) for part in parts)
    )


def tiles(figures: Sequence[tuple[str, str, str]]) -> Html:
    """The figures that matter most: (name, figure, remark)."""
    found = (
        fill(
            '<div class="tile"><div class="name">{name}</div><div class="figure">{figure}</div>'
            '<div class="remark">{remark}</div></div>',
            name=name,
            figure=figure,
            remark=remark,
        )
        for name, figure, remark in figures
    )
    return fill('<div class="tiles">{found}</div>', found=join(found))


def table(head: Sequence[str], rows: Iterable[Sequence[object]], numbers: Sequence[int] = ()) -> Html:
    """A table; `numbers` are the columns that are set to the right."""
    cells = [_row("th", head, numbers), *(_row("td", row, numbers) for row in rows)]
    return fill('<div class="wide"><table>{cells}</table></div>', cells=join(cells))


def bars(found: Iterable[Bar]) -> Html:
    """Bars with their names in any script: text is the browser's, so that it never becomes boxes."""
    return fill('<div class="bars">{found}</div>', found=join(_bar(bar) for bar in found))


def picture(data_uri: str, alt: str) -> Html:
    """An embedded picture."""
    return fill('<img src="{uri}" alt="{alt}">', uri=data_uri, alt=alt)


def _row(kind: str, row: Sequence[object], numbers: Sequence[int]) -> Html:
    cells = (
        fill(
            "<{kind}{style}>{cell}</{kind}>",
            kind=Html(kind),
            style=Html(' class="number"' if place in numbers else ""),
            cell=cell,
        )
        for place, cell in enumerate(row)
    )
    return fill("<tr>{cells}</tr>", cells=join(cells, ""))


def _bar(bar: Bar) -> Html:
    width = f"{100 * min(1.0, max(0.0, bar.share)):.1f}"
    return fill(
        '<div class="label" title="{label}">{label}</div>'
        '<div class="track"><div class="bar" style="width:{width}%"></div></div>'
        '<div class="amount">{note}</div>',
        label=bar.label,
        width=width,
        note=bar.note,
    )


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body><main>
{body}
</main></body>
</html>
"""

_STYLE = """
:root { --ink: #1c2733; --soft: #5b6b7b; --line: #e1e7ee; --back: #f4f6f9; --blue: #2f6fb5; --mark: #fff0b8;
  --wrong: #b3372b; --right: #23774a; }
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--ink); line-height: 1.5; font-size: 15px;
  font-family: "Inter", "Segoe UI", "Helvetica Neue", "Noto Sans", "PingFang SC", "Microsoft YaHei",
  "Noto Sans CJK SC", "WenQuanYi Micro Hei", sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 28px 20px 60px; }
h1 { font-size: 26px; margin: 0 0 4px; }
h2 { font-size: 17px; margin: 0 0 10px; }
h3 { font-size: 14px; margin: 4px 0 8px; color: var(--soft); font-weight: 600; }
.subtitle, .note { color: var(--soft); margin: 0 0 14px; }
section { background: #fff; border: 1px solid var(--line); border-radius: 10px; padding: 18px 20px;
  margin-top: 18px; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px;
  margin-top: 18px; }
.tile { background: #fff; border: 1px solid var(--line); border-radius: 10px; padding: 12px 16px; }
.tile .name, .tile .remark { color: var(--soft); font-size: 13px; }
.tile .figure { font-size: 25px; font-weight: 650; font-variant-numeric: tabular-nums; }
.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(400px, 1fr)); gap: 24px; }
@media (max-width: 520px) { .columns { grid-template-columns: 1fr; } }
.columns > div { min-width: 0; }
img { width: 100%; height: auto; display: block; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th, td { text-align: left; padding: 5px 12px 5px 0; border-bottom: 1px solid var(--line);
  vertical-align: top; }
th { color: var(--soft); font-weight: 600; }
th.number, td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td { overflow-wrap: anywhere; }
td:first-child { overflow-wrap: break-word; }
.bars { display: grid; grid-template-columns: fit-content(240px) minmax(80px, 1fr) max-content; gap: 6px 12px;
  align-items: center; font-size: 14px; }
.bars .label { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.bars .track { background: var(--back); border-radius: 4px; height: 14px; }
.bars .bar { background: var(--blue); border-radius: 4px; height: 14px; }
.bars .amount { color: var(--soft); font-variant-numeric: tabular-nums; }
.case { border-top: 1px solid var(--line); padding: 10px 0; }
.case .head { display: flex; flex-wrap: wrap; gap: 4px 14px; font-size: 14px; }
.case .item { color: var(--soft); }
.case .text { font-size: 14px; color: #33414f; white-space: pre-wrap; overflow-wrap: anywhere;
  margin-top: 4px; }
.wrong { color: var(--wrong); } .right { color: var(--right); }
mark { background: var(--mark); padding: 0 1px; border-radius: 2px; }
code { font-size: 13px; background: var(--back); padding: 1px 4px; border-radius: 4px; }
"""
