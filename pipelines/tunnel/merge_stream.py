"""The streaming merge, engine-free: its settings, messages sorted out, what it has done (T4, T6, T7)."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pipelines.tunnel.merge import MergeResult
from pipelines.tunnel.merge_intake import IntakeLimits, RawMessage, dead_letter, read_results
from schemas.dead_letter import DeadLetter
from schemas.derive import BadRecord
from schemas.knowledge import KnowledgeRow
from schemas.results import KnowledgeResults

LATENCIES_KEPT = 20_000


@dataclass(frozen=True, slots=True)
class MergeStreamConfig:
    """How the streaming merge runs.

    `trigger_s`: a commit begins so long after the one before began, or at once when that took longer.
    `messages_per_batch`: bounds memory and the time of a commit when much has piled up. `rows_per_slice`: rows of batch
    files that are merged at a time, between the batches of the stream, so that a daily run holds nothing up.
    """

    trigger_s: float = 10.0
    messages_per_batch: int = 4_000
    rows_per_slice: int = 20_000
    restart_after_s: float = 5.0
    limits: IntakeLimits = field(default_factory=IntakeLimits)


@dataclass(frozen=True, slots=True)
class Sorted:
    """One batch of messages: rows to merge, messages that name files, and what was refused.

    `arrivals`: tier and time (Unix ms) of each message whose rows are to be merged.
    """

    rows: list[KnowledgeRow]
    pointers: list[tuple[RawMessage, KnowledgeResults]]
    refused: list[DeadLetter]
    arrivals: list[tuple[str, int]]


def sort_out(messages: Iterable[RawMessage], now_ms: int, limits: IntakeLimits) -> Sorted:
    """Read messages; a bad one becomes a dead letter and stops nothing."""
    found = Sorted([], [], [], [])
    for message in messages:
        try:
            results = read_results(message, now_ms, limits)
        except BadRecord as error:
            found.refused.append(dead_letter(message, error.reason, f"{error.field}: {error.detail}"))
            continue
        if results.files:
            found.pointers.append((message, results))
        else:
            found.rows.extend(results.rows)
            found.arrivals.append((results.tier, message.time_ms))
    return found


class MergeStatus:
    """What the merge has done since it started, for its page. Safe for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._refused: Counter[str] = Counter()
        self._latencies_s: dict[str, deque[float]] = {}
        self._facts: dict[str, float | str | None] = {}

    def merged(self, result: MergeResult, arrivals: Sequence[tuple[str, int]], now_ms: int) -> None:
        """Count one merge; its messages' rows are in the table since `now_ms`."""
        with self._lock:
            self._counts["rows_read"] += result.read
            self._counts["rows_written"] += result.written
            self._counts["rows_changed"] += result.changed
            self._counts["commits"] += result.commit is not None
            for tier, arrived_ms in arrivals:
                kept = self._latencies_s.setdefault(tier, deque(maxlen=LATENCIES_KEPT))
                kept.append(max(0, now_ms - arrived_ms) / 1000)

    def count(self, name: str, number: float = 1) -> None:
        """Add to a counter."""
        with self._lock:
            self._counts[name] += number  # type: ignore[assignment]

    def refused(self, letters: Iterable[DeadLetter]) -> None:
        """Count dead letters by reason."""
        with self._lock:
            self._refused.update(letter.reason for letter in letters)

    def note(self, **facts: float | str | None) -> None:
        """Set what is true now: queue lengths, the problem that keeps it from working."""
        with self._lock:
            self._facts.update(facts)

    def waits(self, messages: float) -> None:
        """Set how many messages wait to be merged, those of the batch that is at work included."""
        self.note(lag_messages=messages)

    def told(self) -> dict[str, object]:
        """Everything, as one JSON object. Units: latencies in seconds from a message's arrival to its commit."""
        with self._lock:
            latencies = {tier: sorted(kept) for tier, kept in self._latencies_s.items()}
            told: dict[str, object] = {**self._counts, **self._facts, "dead_letters": dict(self._refused)}
        told["freshness_s"] = {tier: quantiles(kept) for tier, kept in latencies.items() if kept}
        return told


def quantiles(ordered: Sequence[float]) -> dict[str, float]:
    """Median, 99th percentile and greatest of sorted numbers.

    >>> quantiles([1.0, 2.0, 3.0])
    {'p50': 2.0, 'p99': 3.0, 'max': 3.0}
    """
    last = len(ordered) - 1
    return {
        "p50": ordered[round(last * 0.5)],
        "p99": ordered[round(last * 0.99)],
        "max": ordered[-1],
    }


def prometheus(told: Mapping[str, object], prefix: str = "aiic_merge_") -> str:
    """The page of `MergeStatus.told` in Prometheus' text form; text facts are left out."""
    lines = []
    for name, value in sorted(told.items()):
        if name == "dead_letters" and isinstance(value, Mapping):
            lines += [f'{prefix}dead_letters_total{{reason="{key}"}} {n}' for key, n in sorted(value.items())]
        elif name == "freshness_s" and isinstance(value, Mapping):
            for tier, found in sorted(value.items()):
                lines += [
                    f'{prefix}freshness_seconds{{tier="{tier}",quantile="{quantile}"}} {found[key]:.3f}'
                    for key, quantile in (("p50", "0.5"), ("p99", "0.99"), ("max", "1"))
                ]
        elif isinstance(value, int | float):
            lines.append(f"{prefix}{name} {float(value):g}")
    return "\n".join(lines) + "\n"
