"""What operators see of the tunnel: numbers by name, the state of each part, and Prometheus' text of them (T10)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

UP, SICK, DOWN, SLOW = "up", "sick", "down", "slow"
"""States of a part: at work; answers that something is wrong; does not answer; gave no answer in time."""


@dataclass(frozen=True, slots=True)
class MetricPlan:
    """One metric of the `aiic metrics` page, and what it counts."""

    name: str
    kind: Literal["gauge", "counter"]
    words: str


METRICS = (
    MetricPlan("aiic_part_up", "gauge", "1 where a part is at work, 0 where it is not."),
    MetricPlan("aiic_look_timestamp_seconds", "gauge", "When these numbers were taken, Unix seconds."),
    MetricPlan("aiic_lag_messages", "gauge", "Messages of a topic that a reader has not finished with."),
    MetricPlan("aiic_topic_messages_total", "counter", "Messages ever written to a topic."),
    MetricPlan("aiic_freshness_seconds", "gauge", "From an event's own time until it was visible, by quantile."),
    MetricPlan("aiic_newest_age_seconds", "gauge", "Age of the newest message of a tier."),
    MetricPlan("aiic_dead_letters", "gauge", "Dead letters read so far, by the topic that refused them and reason."),
    MetricPlan("aiic_dead_letters_written_total", "counter", "Dead letters ever written, by their topic."),
    MetricPlan("aiic_stream_up", "gauge", "1 where a tier's job runs in Flink."),
    MetricPlan("aiic_stream_restarts", "gauge", "Restarts of a tier's job since it was submitted."),
    MetricPlan("aiic_stream_checkpoint_age_seconds", "gauge", "Time since a tier's last whole checkpoint."),
    MetricPlan("aiic_stream_items_total", "counter", "Items of a tier's job by what happened to them."),
    MetricPlan("aiic_stream_refused_total", "counter", "Events that a tier's job refused, by reason."),
    MetricPlan("aiic_stream_tokens_total", "counter", "Tokens and requests of a tier's job, by kind."),
    MetricPlan("aiic_stream_pairs_total", "counter", "Item x key pairs of a tier's job, by what answered."),
    MetricPlan("aiic_daily_age_seconds", "gauge", "Time since the newest daily run ended."),
    MetricPlan("aiic_daily_seconds", "gauge", "How long the newest daily run took."),
    MetricPlan("aiic_daily_items", "gauge", "Counts of the newest daily run: listings, shards, pairs, rows."),
    MetricPlan("aiic_daily_pairs", "gauge", "Item x key pairs of the newest daily run, by what answered."),
    MetricPlan("aiic_daily_tokens", "gauge", "Tokens and requests of the newest daily run, by kind."),
)  # fmt: skip
_PLANS = {plan.name: plan for plan in METRICS}


@dataclass(frozen=True, slots=True)
class Sample:
    """One number. Errors: ValueError for a name that `METRICS` does not plan."""

    name: str
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.name not in _PLANS:
            raise ValueError(f"no metric {self.name} is planned")


@dataclass(frozen=True, slots=True)
class Part:
    """What was seen of one part. `detail`: in words. `facts`: numbers for people, not for the page."""

    name: str
    state: str
    detail: str = ""
    samples: Sequence[Sample] = ()
    facts: Mapping[str, float] = field(default_factory=dict)


def samples_of(parts: Iterable[Part], now_ms: int) -> list[Sample]:
    """All numbers of all parts, and whether each is up."""
    given = list(parts)
    found = [Sample("aiic_look_timestamp_seconds", now_ms / 1000)]
    found += [Sample("aiic_part_up", float(part.state == UP), {"part": part.name}) for part in given]
    return found + [sample for part in given for sample in part.samples]


def page(samples: Iterable[Sample]) -> str:
    r"""Prometheus' text, each metric once with its words.

    >>> print(page([Sample("aiic_part_up", 1.0, {"part": 'a"b'})]))
    # HELP aiic_part_up 1 where a part is at work, 0 where it is not.
    # TYPE aiic_part_up gauge
    aiic_part_up{part="a\"b"} 1
    <BLANKLINE>
    """
    by_name: dict[str, list[Sample]] = {}
    for sample in samples:
        by_name.setdefault(sample.name, []).append(sample)
    lines: list[str] = []
    for plan in METRICS:
        if plan.name in by_name:
            lines += [f"# HELP {plan.name} {plan.words}", f"# TYPE {plan.name} {plan.kind}"]
            lines += [_line(sample) for sample in by_name[plan.name]]
    return "\n".join(lines) + "\n"


def _line(sample: Sample) -> str:
    labels = ",".join(f'{name}="{_escaped(value)}"' for name, value in sorted(sample.labels.items()))
    value = int(sample.value) if float(sample.value).is_integer() else round(sample.value, 6)
    return f"{sample.name}{{{labels}}} {value}" if labels else f"{sample.name} {value}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
