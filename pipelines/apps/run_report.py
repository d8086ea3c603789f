"""The run report as a page: throughput, stage times, confidence, coverage, cost, rejects, versions (T10)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import numpy as np

from pipelines.apps import pictures
from pipelines.apps.page import Bar, Html, bars, columns, fill, join, page, picture, section, table, tiles
from pipelines.reduction.flow import Span
from pipelines.reduction.flow import seconds as stage_seconds
from pipelines.reduction.timeline_picture import timeline_uri
from schemas.report import (
    SERVER_HITS,
    SERVER_QUERIES,
    CategoryCoverage,
    ProgressPoint,
    RunReport,
)

_MOST_CATEGORIES = 40
_MOST_SPANS = 24


def render_run_report(report: RunReport) -> str:
    """The page of one run: one file that needs nothing else."""
    parts = [
        _head(report),
        _tiles(report),
        section("Speed", columns(_throughput(report), _stages(report))),
        *_flow(report),
        section("Answers", columns(_confidence(report), _methods(report), _answered(report))),
        _coverage(report.coverage),
        _cost(report),
        *_ledger(report),
        _rejects(report),
        section("Details", columns(_named("What was counted", report.counts), _texts(report))),
    ]
    return page(f"Run {report.run_id}", parts)


def _head(report: RunReport) -> Html:
    notes = [fill('<p class="note">{note}</p>', note=note) for note in report.notes]
    return fill(
        '<h1>Run {run}</h1><p class="subtitle">Day {day} · {start} to {end} UTC · {took}</p>{notes}',
        run=report.run_id,
        day=report.day,
        start=_moment(report.started_ms),
        end=_moment(report.finished_ms),
        took=_duration(_total_s(report)),
        notes=Html("".join(notes)),
    )


def _tiles(report: RunReport) -> Html:
    counts, triples, pairs = report.counts, _triples(report), _pairs(report)
    items = counts.get("items_recognised", sum(found.items for found in report.coverage))
    recognise_s = report.seconds.get("recognise", 0.0)
    rejected = sum(report.rejects.values()) or counts.get("rejected", 0)
    tokens = report.tokens.get("prompt_tokens", 0) + report.tokens.get("completion_tokens", 0)
    return tiles(
        [
            ("Listings read", _count(counts.get("listings_read", 0)), f"{_count(rejected)} rejected"),
            ("Items recognised", _count(items), f"{_count(pairs)} item-key pairs"),
            ("Triples", _count(triples), f"{_ratio(triples, items)} per item"),
            ("Pairs a second", _ratio(pairs, recognise_s), "while recognising"),
            ("Rows written", _count(counts.get("rows_merged", 0)), "into item_knowledge"),
            ("Tokens per triple", _ratio(tokens, triples), f"{_count(tokens)} in all"),
        ]
    )


def _throughput(report: RunReport) -> Html:
    title = fill("<h3>Items a second, over the run</h3>")
    points = _rates(report.progress)
    if len(points) < 2:
        return fill('{title}<p class="note">Too short a run for a curve.</p>', title=title)
    drawn = pictures.line_picture(
        [x for x, _ in points], [y for _, y in points], "seconds since the start", "items/s"
    )
    return join([title, picture(drawn, "items a second over the run")])


def _rates(progress: tuple[ProgressPoint, ...]) -> list[tuple[float, float]]:
    """Items a second in equal spans of time, at the middle of each: shards end in bursts, work does not."""
    moments, items = [point.after_s for point in progress], [point.items for point in progress]
    if len(progress) < 3 or moments[-1] <= moments[0]:
        return []
    edges = np.linspace(moments[0], moments[-1], min(_MOST_SPANS, len(progress) - 1) + 1)
    done = np.interp(edges, moments, items)
    rates = np.diff(done) / np.diff(edges)
    return [(float(at), float(rate)) for at, rate in zip((edges[1:] + edges[:-1]) / 2, rates, strict=True)]


def _stages(report: RunReport) -> Html:
    title = fill("<h3>Seconds by stage</h3>")
    found = sorted(report.seconds.items(), key=lambda stage: -stage[1])
    if not found:
        return fill('{title}<p class="note">No stage was timed.</p>', title=title)
    drawn = pictures.bar_picture(
        [name.replace("_", " ") for name, _ in found], [s for _, s in found], "seconds"
    )
    return join([title, picture(drawn, "seconds by stage")])


def _confidence(report: RunReport) -> Html:
    title = fill("<h3>Confidence of stated values</h3>")
    if not sum(report.confidence):
        return fill('{title}<p class="note">No value was stated.</p>', title=title)
    drawn = pictures.histogram_picture(report.confidence, "confidence", "rows")
    return join([title, picture(drawn, "rows by confidence")])


def _methods(report: RunReport) -> Html:
    return join(
        [fill("<h3>Pairs by the method that answered</h3>"), _shares(report.methods, "No pair was answered.")]
    )


def _answered(report: RunReport) -> Html:
    return join([fill("<h3>Pairs by who answered</h3>"), _shares(report.answered, "No pair was answered.")])


def _flow(report: RunReport) -> list[Html]:
    """Who waited for whom, where chunks overlapped."""
    if not report.timeline:
        return []
    spans = [Span(one.chunk, one.stage, one.came_s, one.began_s, one.ended_s) for one in report.timeline]
    rows = [
        (stage, *(f"{found[name]:,.1f}" for name in ("worked", "waited", "idle")))
        for stage, found in stage_seconds(spans).items()
    ]
    drawn = picture(timeline_uri(spans), "who worked and who waited, chunk by chunk")
    shown = len({span.chunk for span in spans})
    return [
        section(
            "Flow",
            drawn,
            table(["stage", "worked, s", "waited, s", "nobody there, s"], rows, numbers=(1, 2, 3)),
            note=f"The first {shown} chunks: colour where a chunk works, grey where it waits before a stage.",
        )
    ]


def _ledger(report: RunReport) -> list[Html]:
    """What it cost by who answered."""
    if not report.ledger:
        return []
    rows = [
        (
            line.tier,
            _count(line.pairs),
            _count(line.triples),
            _count(line.prompt_tokens + line.completion_tokens),
            _count(line.cached_tokens),
            f"{line.seconds:,.1f}",
            f"{line.money:,.4f}",
            *(_each(amount, line.triples) for amount in (line.seconds, line.money)),
        )
        for line in report.ledger
    ]
    head = [
        "tier",
        "pairs",
        "triples",
        "tokens",
        "cached",
        "seconds",
        "money",
        "s a triple",
        "money a triple",
    ]
    return [
        section(
            "Ledger",
            table(head, rows, numbers=range(1, len(head))),
            note="Seconds are those of recognition, shared out as its stages' own; money by the price of a machine hour.",
        )
    ]


def _each(amount: float, of: int) -> str:
    return f"{amount / of:.3g}" if of else "–"


def _coverage(coverage: tuple[CategoryCoverage, ...]) -> Html:
    if not coverage:
        return section("Coverage by category", fill('<p class="note">No item was recognised.</p>'))
    shown = coverage[:_MOST_CATEGORIES]
    left = len(coverage) - len(shown)
    return section(
        "Coverage by category",
        bars(map(_coverage_bar, shown)),
        note="Share of item-key pairs for which the item states a value."
        + (f" The {len(shown)} largest of {len(coverage)} categories." if left else ""),
    )


def _coverage_bar(found: CategoryCoverage) -> Bar:
    note = (
        f"{_percent(found.stated, found.pairs)} of {_count(found.pairs)} pairs · {_count(found.items)} items"
        f" · {_ratio(found.triples, found.items)} triples per item"
    )
    return Bar(found.name or found.category_id, found.stated / max(1, found.pairs), note)


def _cost(report: RunReport) -> Html:
    tokens, triples = report.tokens, _triples(report)
    pairs = _pairs(report)
    rows = [
        ("Requests to the model", "requests"),
        ("Prompt tokens", "prompt_tokens"),
        ("  of them from the cache", "cached_tokens"),
        ("Completion tokens", "completion_tokens"),
        ("Texts encoded", "encoded_texts"),
    ]
    known = {name for _, name in rows}
    rows += [(name.replace("_", " "), name) for name in sorted(tokens) if name not in known]
    return section(
        "Cost",
        table(
            ["", "in all", "per triple", "per 1,000 pairs"],
            [
                (
                    label,
                    _count(tokens.get(name, 0)),
                    _ratio(tokens.get(name, 0), triples),
                    _ratio(1000 * tokens.get(name, 0), pairs),
                )
                for label, name in rows
            ],
            numbers=(1, 2, 3),
        ),
        note=_asked(tokens, triples),
    )


def _asked(tokens: Mapping[str, int], triples: int) -> str:
    prompt = tokens.get("prompt_tokens", 0)
    if not prompt:
        return f"No prompt was sent; {_count(triples)} triples."
    cached = _percent(tokens.get("cached_tokens", 0), prompt)
    return f"{cached} of the prompt came from the cache; {_count(triples)} triples. {_server_cache(tokens)}"


def _server_cache(tokens: Mapping[str, int]) -> str:
    """The prefix cache's hit rate by the model server's own count, whoever else asked it meanwhile included."""
    asked, hits = tokens.get(SERVER_QUERIES, 0), tokens.get(SERVER_HITS, 0)
    if not asked:
        return "The model server counted no prefix of its cache during the run."
    return f"The model server found {_percent(hits, asked)} of {_count(asked)} prompt tokens in its prefix cache."


def _rejects(report: RunReport) -> Html:
    return section(
        "Rejected listings",
        _shares(report.rejects, "None."),
        note="By reason; the rejects file beside this report has each with its line.",
    )


def _texts(report: RunReport) -> Html:
    both = [("Versions", report.versions), ("Machine", report.machine)]
    return join(
        join([fill("<h3>{title}</h3>", title=title), table(["", ""], sorted(found.items()))])
        for title, found in both
        if found
    )


def _named(title: str, found: Mapping[str, int]) -> Html:
    rows = [(name.replace("_", " "), _count(amount)) for name, amount in found.items()]
    return join([fill("<h3>{title}</h3>", title=title), table(["", ""], rows, numbers=(1,))])


def _shares(found: Mapping[str, int], nothing: str) -> Html:
    total = sum(found.values())
    if not total:
        return fill('<p class="note">{nothing}</p>', nothing=nothing)
    return bars(
        Bar(name.replace("_", " "), amount / total, f"{_count(amount)} · {_percent(amount, total)}")
        for name, amount in sorted(found.items(), key=lambda entry: -entry[1])
    )


def _triples(report: RunReport) -> int:
    return report.counts.get("triples", sum(found.triples for found in report.coverage))


def _pairs(report: RunReport) -> int:
    return sum(report.methods.values()) or report.counts.get(
        "pairs", sum(found.pairs for found in report.coverage)
    )


def _total_s(report: RunReport) -> float:
    return max(0.0, (report.finished_ms - report.started_ms) / 1000)


def _moment(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return (
        " ".join(f"{amount} {unit}" for amount, unit in ((hours, "h"), (minutes, "min")) if amount)
        + f" {rest} s"
    )


def _count(amount: int) -> str:
    return f"{amount:,}"


def _ratio(amount: float, of: float) -> str:
    if not of:
        return "–"
    return f"{amount / of:,.2f}" if amount < 10 * of else f"{amount / of:,.1f}"


def _percent(amount: float, of: float) -> str:
    return f"{100 * amount / of:.1f} %" if of else "–"
