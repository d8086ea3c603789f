"""Two parts of the benchmark of the tunnel: from event to lookup in real time, and nearline.

`latency`: stars at 5 events/s in the mix of `tunnel_events`. What counts is every event whose text is another one than
before: an event that changes a price alone leaves nothing to wait for, its answers stand there before it comes; that it
computes nothing is counted instead. An event is a model's where the discriminator was asked about its text, else pruning's.
`nearline`: other items at 10 events/s, three of five transient; the time is that of every state that is to be seen, the
transient ones until they or a later state of their item are.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from schemas.topics import RESULTS
from tests.benchmarks.tunnel_events import Items, first_events, mixed_events, transient_events
from tests.benchmarks.tunnel_servers import DISCRIMINATOR, ENCODER, Call
from tests.benchmarks.tunnel_stack import Say, TunnelStack
from tests.benchmarks.tunnel_watch import Watch, Watched

REALTIME_RATE, REALTIME_ITEMS = 5.0, 60
NEARLINE_RATE = 10.0
NEARLINE_ITEMS_EACH_WINDOW_S = 12
"""So many that an item that was changed can be left alone for two windows."""
FIRST_RATE = 10.0
WARM_UP_S = 10.0
PATIENCE_S = 60.0
COUNTERS_AGE_S = 12.0
"""The cluster shows counters as of ten seconds ago at most."""
SHOWN = (
    "unchanged",
    "remembered",
    "recognised",
    "usage_lent",
    "usage_requests",
    "usage_encoded_texts",
    "rows",
)
Figures = dict[str, float]


def run_latency(stack: TunnelStack, seconds: float, say: Say) -> Figures:
    """Real time. Figures: percentiles in seconds, by whether a model had to answer."""
    items, watch = Items(f"star-{time.time():.0f}", "star"), Watch(stack.kafka, stack.lookup_port, stack.key)
    try:
        first = watch.run(first_events(items, REALTIME_ITEMS, FIRST_RATE), 300.0)
        say(f"{len(first)} items known, the slowest after {max(one.took_s for one in first):.1f} s")
        watch.run(list(mixed_events(items, WARM_UP_S, REALTIME_RATE, seed=3)), PATIENCE_S)
        counted, results = stack.counters("realtime"), stack.messages(RESULTS)
        calls_before = len(stack.servers.calls)
        sent = watch.run(list(mixed_events(items, seconds, REALTIME_RATE)), PATIENCE_S)
        calls = stack.servers.calls[calls_before:]
        computed = stack.messages(RESULTS) - results
        time.sleep(COUNTERS_AGE_S)
        counts = difference(counted, stack.counters("realtime"))
    finally:
        watch.close()
    return realtime_figures(sent, calls, seconds) | {
        "realtime_events_per_s": REALTIME_RATE,
        "realtime_items": REALTIME_ITEMS,
        "realtime_results_beyond_changes": computed - sum(one.event.is_seen for one in sent),
        **{f"realtime_counted_{name}": counts[name] for name in SHOWN if name in counts},
    }


def run_nearline(stack: TunnelStack, seconds: float, say: Say) -> Figures:
    """Nearline. Figures: percentiles in seconds, calls of model servers by event."""
    window_s = stack.plan.window_s
    items, watch = (
        Items(f"plain-{time.time():.0f}", None, seed=17),
        Watch(stack.kafka, stack.lookup_port, stack.key),
    )
    try:
        first = watch.run(
            first_events(items, NEARLINE_ITEMS_EACH_WINDOW_S * window_s, 4 * FIRST_RATE), 300.0 + window_s
        )
        say(f"{len(first)} items known, the slowest after {max(one.took_s for one in first):.1f} s")
        counted, calls_before = stack.counters("nearline"), len(stack.servers.calls)
        events = transient_events(items, seconds, NEARLINE_RATE, window_s)
        sent = watch.run(events, PATIENCE_S + window_s)
        calls = stack.servers.calls[calls_before:]
        time.sleep(COUNTERS_AGE_S)
        counts = difference(counted, stack.counters("nearline"))
    finally:
        watch.close()
    return nearline_figures(sent, calls, window_s) | {
        "nearline_seconds": seconds,
        "nearline_events_per_s": NEARLINE_RATE,
        **{f"nearline_counted_{name}": counts[name] for name in (*SHOWN, "coalesced") if name in counts},
    }


def realtime_figures(sent: Sequence[Watched], calls: Sequence[Call], seconds: float) -> Figures:
    """What the events and calls of a run come to. Events that were not seen count as `realtime_unanswered`."""
    seen = [one for one in sent if one.event.is_seen and one.seen_s is not None]
    shares = {id(one): own_s(one, calls) for one in seen}
    model = [one for one in seen if shares[id(one)] > 0]
    pruned = [one for one in seen if shares[id(one)] == 0]
    kinds = Counter(one.event.kind for one in sent)
    found: Figures = {
        "realtime_unanswered": sum(one.event.is_seen and one.seen_s is None for one in sent),
        "realtime_seconds": seconds,
        "realtime_events": len(sent),
        "realtime_events_pruned": len(pruned),
        "realtime_events_model": len(model),
        **{f"realtime_events_{kind}": number for kind, number in sorted(kinds.items())},
    }
    found |= {"realtime_p50_s": quantile([one.took_s for one in seen], 0.5)}
    for name, some in (("pruned", pruned), ("model", model)):
        if some:
            took_s = [one.took_s for one in some]
            found |= {
                f"realtime_p50_{name}_s": quantile(took_s, 0.5),
                f"realtime_p99_{name}_s": quantile(took_s, 0.99),
            }
            found |= {f"realtime_max_{name}_s": round(max(took_s), 3)}
    if model:
        own = [shares[id(one)] for one in model]
        found |= {
            "realtime_model_own_p50_s": quantile(own, 0.5),
            "realtime_model_own_p99_s": quantile(own, 0.99),
            "realtime_model_own_share": round(sum(own) / sum(one.took_s for one in model), 3),
        }
    return found


def nearline_figures(sent: Sequence[Watched], calls: Sequence[Call], window_s: float) -> Figures:
    """What the events and calls of a run come to."""
    seen = [one.took_s for one in sent if one.event.is_seen and one.seen_s is not None]
    asked = Counter(call.role for call in calls)
    return {
        "nearline_p50_s": quantile(seen, 0.5),
        "nearline_p99_s": quantile(seen, 0.99),
        "nearline_max_s": round(max(seen, default=0.0), 3),
        "nearline_window_s": window_s,
        "nearline_events": len(sent),
        "nearline_events_transient": sum(one.event.is_transient for one in sent),
        "nearline_events_to_be_seen": len(seen),
        "nearline_unanswered": sum(one.event.is_seen and one.seen_s is None for one in sent),
        "nearline_calls_per_event": round(len(calls) / max(1, len(sent)), 3),
        "nearline_discriminator_calls_per_event": round(asked[DISCRIMINATOR] / max(1, len(sent)), 3),
        "nearline_encoder_calls_per_event": round(asked[ENCODER] / max(1, len(sent)), 3),
    }


def own_s(one: Watched, calls: Iterable[Call]) -> float:
    """How long the discriminator was at work on an event's text before it was seen: overlapping calls count once."""
    end_s = one.seen_s if one.seen_s is not None else float("inf")
    spans = sorted(
        (call.began_s, min(call.ended_s, end_s))
        for call in calls
        if call.role == DISCRIMINATOR and one.due_s <= call.began_s < end_s and one.event.word in call.text
    )
    total, reached = 0.0, 0.0
    for began_s, ended_s in spans:
        total += max(0.0, ended_s - max(began_s, reached))
        reached = max(reached, ended_s)
    return total


def quantile(values: Sequence[float], share: float) -> float:
    """A percentile of some numbers, 0 for none.

    >>> quantile([3.0, 1.0, 2.0], 0.5), quantile([1.0, 2.0], 0.99)
    (2.0, 2.0)
    """
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))], 3) if ordered else 0.0


def difference(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, int]:
    """What counters have grown by."""
    return {name: number - before.get(name, 0) for name, number in after.items()}
