"""The parts as people read them: one table each of parts, lag, freshness, caches, tokens and dead letters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from pipelines.tunnel.operations import Part, Sample
from pipelines.tunnel.operations_samples import KEPT_PAIRS, TOKENS
from udfs.terminal import harmless

NONE = "-"
PLACES = ("lookup", "table")


def duration(seconds: float) -> str:
    """Seconds as 1d02h, 2h03m, 4m05s, 12.3s.

    >>> [duration(s) for s in (0.25, 12.34, 245, 7380, 93600)]
    ['0.2s', '12.3s', '4m05s', '2h03m', '1d02h']
    """
    if seconds < 60:
        return f"{seconds:.1f}s"
    minutes, rest_s = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days}d{hours:02}h"
    return f"{hours}h{minutes:02}m" if hours else f"{minutes}m{rest_s:02}s"


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Rows with columns as wide as their longest text."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(line.rstrip() for line in lines)


def tables(parts: Sequence[Part]) -> str:
    """All tables, those without a row left out."""
    samples = [sample for part in parts for sample in part.samples]
    shown = [
        (["part", "state", "what it says"], [[one.name, one.state, harmless(one.detail)] for one in parts]),
        (["lag: reader", "topic", "messages"], _lag(samples)),
        (
            ["freshness: tier", "event to lookup p50", "p99", "event to table p50", "p99", "newest"],
            _freshness(samples),
        ),
        (["cache", "asked", "hits", "share"], _caches(parts, samples)),
        (["tokens", "requests", "prompt", "cached", "generated"], _tokens(parts, samples)),
        (["dead letters: topic", "reason", "letters"], _letters(samples)),
    ]
    return "\n\n".join(aligned([head, *rows]) for head, rows in shown if rows)


def _lag(samples: Iterable[Sample]) -> list[list[str]]:
    found = [one for one in samples if one.name == "aiic_lag_messages"]
    return [[one.labels["reader"], one.labels["topic"], f"{one.value:,.0f}"] for one in found]


def _freshness(samples: Sequence[Sample]) -> list[list[str]]:
    seconds = {
        (one.labels["tier"], one.labels["place"], one.labels["quantile"]): one.value
        for one in samples
        if one.name == "aiic_freshness_seconds"
    }
    ages: dict[str, float] = {}
    for one in samples:
        if one.name == "aiic_newest_age_seconds":
            tier = one.labels["tier"]
            ages[tier] = min(one.value, ages.get(tier, one.value))
    rows = []
    for tier in sorted(ages):
        cells = [seconds.get((tier, place, quantile)) for place in PLACES for quantile in ("0.5", "0.99")]
        if tier == "offline":
            cells = [
                None
            ] * 4  # its events may be as old as the catalog: the run's own age says how fresh it is
        shown = [NONE if cell is None else duration(cell) for cell in cells]
        rows.append([tier, *shown, f"{duration(ages[tier])} ago"])
    daily = _values(samples, "aiic_daily_age_seconds", "")
    return rows + [["daily run", *[NONE] * 4, f"{duration(age)} ago"] for age in daily.values()]


def _caches(parts: Sequence[Part], samples: Sequence[Sample]) -> list[list[str]]:
    rows = []
    for part in parts:
        asked = part.facts.get("vllm:prefix_cache_queries_total", 0)
        if asked:
            hits = part.facts.get("vllm:prefix_cache_hits_total", 0)
            rows.append([f"prefixes, {part.name} (tokens)", *_share(asked, hits)])
    for tier in ("realtime", "nearline"):
        items = _values(samples, "aiic_stream_items_total", "outcome", tier)
        remembered = items.get("remembered", 0)
        asked = remembered + items.get("recognised", 0)
        if asked:
            rows.append([f"equal texts, {tier} (items)", *_share(asked, remembered)])
        pairs = _values(samples, "aiic_stream_pairs_total", "method", tier)
        rows += _kept_pairs(tier, pairs)
    return rows + _kept_pairs("newest daily run", _values(samples, "aiic_daily_pairs", "method"))


def _kept_pairs(name: str, pairs: Mapping[str, float]) -> list[list[str]]:
    """How many pairs cost nothing, where there are any."""
    kept = sum(pairs.get(method, 0) for method in KEPT_PAIRS)
    return [[f"pairs kept or lent, {name}", *_share(sum(pairs.values()), kept)]] if pairs else []


def _share(asked: float, hits: float) -> list[str]:
    return [f"{asked:,.0f}", f"{hits:,.0f}", f"{hits / asked:.0%}"]


def _tokens(parts: Sequence[Part], samples: Sequence[Sample]) -> list[list[str]]:
    rows = []
    for part in parts:
        facts = part.facts
        if "vllm:prompt_tokens_total" in facts:
            numbers = [
                facts.get(f"vllm:{name}_total", 0)
                for name in ("request_success", "prompt_tokens", "prefix_cache_hits", "generation_tokens")
            ]
            rows.append([f"{part.name} since its start", *[f"{number:,.0f}" for number in numbers]])
    used = {
        tier: _values(samples, "aiic_stream_tokens_total", "kind", tier) for tier in ("realtime", "nearline")
    }
    used["newest daily run"] = _values(samples, "aiic_daily_tokens", "kind")
    kinds = [kind for kind in TOKENS.values() if kind != "encoded_texts"]
    return rows + [
        [name, *[f"{found.get(kind, 0):,.0f}" for kind in kinds]] for name, found in used.items() if found
    ]


def _letters(samples: Iterable[Sample]) -> list[list[str]]:
    found = [one for one in samples if one.name == "aiic_dead_letters"]
    return [
        [harmless(one.labels["topic"]), harmless(one.labels["reason"]), f"{one.value:,.0f}"] for one in found
    ]


def _values(samples: Iterable[Sample], name: str, label: str, tier: str | None = None) -> Mapping[str, float]:
    """The values of one metric by one of its labels, of one tier where one is named."""
    return {
        one.labels.get(label, ""): one.value
        for one in samples
        if one.name == name and (tier is None or one.labels.get("tier") == tier)
    }
