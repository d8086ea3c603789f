"""Numbers of each part as samples: a stream job's counters, tails of topics, the report of a daily run (T10)."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from pipelines.tunnel.merge_stream import quantiles
from pipelines.tunnel.operations import Sample
from schemas.knowledge import TIERS
from schemas.topics import CHANGES

RESULTS_PLACE, TABLE_PLACE = "lookup", "table"
"""Where an event is visible: in the lookup store once its result is in the topic, in Hudi once its change is."""
QUANTILES = {"p50": "0.5", "p99": "0.99", "max": "1"}
NEWEST_KEPT = 2_000
REFUSED, USAGE = "refused_", "usage_"
TOKENS = {
    "requests": "requests",
    "prompt_tokens": "prompt",
    "cached_tokens": "cached",
    "completion_tokens": "generated",
    "encoded_texts": "encoded_texts",
}
"""Counters of `pipelines.library.answers.Usage.tokens`, and the kinds that they are shown as."""

KEPT_PAIRS = ("unchanged", "moved", "neighbour", "lent", "sibling", "aligned", "twin")
"""Methods of pairs that cost nothing: their inputs did not change, their words only moved, another item or the last text lends."""


def stream_samples(tier: str, counters: Mapping[str, float]) -> list[Sample]:
    """A stream job's own counters, sorted into items, refused events, tokens and pairs."""
    found = []
    for name, value in counters.items():
        if name.startswith(REFUSED):
            metric, label, kind = "aiic_stream_refused_total", "reason", name.removeprefix(REFUSED)
        elif name.startswith(USAGE):
            used = name.removeprefix(USAGE)
            if used in TOKENS:
                metric, label, kind = "aiic_stream_tokens_total", "kind", TOKENS[used]
            else:
                metric, label, kind = "aiic_stream_pairs_total", "method", used
        else:
            metric, label, kind = "aiic_stream_items_total", "outcome", name
        found.append(Sample(metric, value, {"tier": tier, label: kind}))
    return found


def daily_samples(report: Mapping[str, Any], now_ms: int) -> list[Sample]:
    """What the report of a daily run says (`schemas.report.RunReport` as JSON)."""
    ended_ms, began_ms = int(report["finished_ms"]), int(report["started_ms"])
    found = [
        Sample("aiic_daily_age_seconds", max(0, now_ms - ended_ms) / 1000),
        Sample("aiic_daily_seconds", max(0, ended_ms - began_ms) / 1000),
    ]
    found += [Sample("aiic_daily_items", number, {"kind": kind}) for kind, number in report["counts"].items()]
    methods = report.get("methods", {})
    found += [Sample("aiic_daily_pairs", number, {"method": method}) for method, number in methods.items()]
    return found + [
        Sample("aiic_daily_tokens", number, {"kind": TOKENS[kind]})
        for kind, number in report["tokens"].items()
        if kind in TOKENS
    ]


@dataclass
class Letters:
    """Dead letters by the topic that refused them and reason."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, value: bytes | None) -> None:
        """Count one message of a topic of dead letters; one that is no letter counts as such."""
        letter = _mapping(value)
        self.counts[str(letter.get("topic", "?"))[:249], str(letter.get("reason", "not_a_letter"))[:50]] += 1

    def samples(self) -> list[Sample]:
        """The counts."""
        return [
            Sample("aiic_dead_letters", number, {"topic": topic, "reason": reason})
            for (topic, reason), number in sorted(self.counts.items())
        ]


@dataclass
class Freshness:
    """How long after its own time an event was visible, of the newest messages by tier and place. Units: Unix ms, s."""

    _seconds: dict[tuple[str, str], deque[float]] = field(default_factory=dict)
    _newest_ms: dict[tuple[str, str], int] = field(default_factory=dict)

    def add(self, topic: str, value: bytes | None, time_ms: int) -> None:
        """Take a message of item-knowledge.results or item-knowledge.changes; what says nothing of freshness is left out."""
        message = _mapping(value)
        try:
            if topic == CHANGES:
                before, after = message["before"], message["after"]
                if before is not None and before["version"] == after["version"]:
                    return  # told again, because somebody asked: nothing became visible
                tier, event_ms, place = after["provenance"]["tier"], after["event_ms"], TABLE_PLACE
            elif message["rows"]:
                tier, event_ms, place = message["tier"], message["event_ms"], RESULTS_PLACE
            else:
                return
        except (KeyError, TypeError):
            return  # its readers make a dead letter of it
        # A stranger's words must not become labels without end, nor his numbers break the look at all others.
        if tier not in TIERS or not isinstance(event_ms, int):
            return
        kept_in = (tier, place)
        kept = self._seconds.setdefault(kept_in, deque(maxlen=NEWEST_KEPT))
        kept.append(max(0, time_ms - event_ms) / 1000)
        self._newest_ms[kept_in] = max(time_ms, self._newest_ms.get(kept_in, 0))

    def samples(self, now_ms: int) -> list[Sample]:
        """Quantiles, and the age of the newest message."""
        found = []
        for (tier, place), kept in sorted(self._seconds.items()):
            labels = {"tier": tier, "place": place}
            for name, seconds in quantiles(sorted(kept)).items():
                found.append(
                    Sample("aiic_freshness_seconds", seconds, labels | {"quantile": QUANTILES[name]})
                )
            age_ms = max(0, now_ms - self._newest_ms[tier, place])
            found.append(Sample("aiic_newest_age_seconds", age_ms / 1000, labels))
        return found


def _mapping(value: bytes | None) -> Mapping[str, Any]:
    try:
        found = orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}
