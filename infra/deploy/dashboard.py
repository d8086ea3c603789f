"""The Grafana dashboard, from a list of panels: `python -m infra.deploy.dashboard` writes grafana/item-center.json.

Queries are Prometheus'; jobs are named as in prometheus/prometheus.yml.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("grafana") / "item-center.json"
SOURCE = {"type": "prometheus", "uid": "${source}"}
COLUMNS, HEIGHT = 24, 8
OVER = "[$__rate_interval]"


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel: title, unit as Grafana names it, and (query, legend) pairs. `kind`: timeseries, stat or table."""

    title: str
    unit: str
    queries: tuple[tuple[str, str], ...]
    kind: str = "timeseries"
    words: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under one title, three beside each other."""

    title: str
    panels: tuple[Panel, ...]


def quantile(q: float, metric: str, by: str, where: str = "") -> str:
    """A quantile of a histogram."""
    return f"histogram_quantile({q}, sum by (le, {by}) (rate({metric}_bucket{where}{OVER})))"


def rate(metric: str, by: str, where: str = "") -> str:
    """A counter's rate a second, summed by labels."""
    return f"sum by ({by}) (rate({metric}{where}{OVER}))"


def share(hits: str, asked: str, by: str, of_hits: str, of_asked: str) -> str:
    """How much of what is asked is a hit."""
    return f"{rate(hits, by, of_hits)} / {rate(asked, by, of_asked)}"


ITEMS, PAIRS = "aiic_stream_items_total", "aiic_stream_pairs_total"
KEPT = '{method=~"unchanged|moved|neighbour|lent"}'
LOOKUP, ALGORITHMS, DISCRIMINATOR = '{job="lookup"}', '{job="algorithms"}', '{job="discriminator"}'
STREAMS = '{tier=~"realtime|nearline"}'
MODELS = '{job=~"encoder|discriminator"}'

ROWS = (
    Row("Now", (
        Panel("Parts at work", "bool_yes_no", (("aiic_part_up", "{{part}}"),), "stat"),
        Panel("Lookup ready", "bool_yes_no", (("aiic_lookup_ready", "lookup"),), "stat"),
        Panel("Newest daily run ended", "s", (("aiic_daily_age_seconds", "ago"), ("aiic_daily_seconds", "took")), "stat"),
    )),
    Row("Lag", (
        Panel("Messages that wait, by reader and topic", "short", (("aiic_lag_messages", "{{reader}}: {{topic}}"),),
              words="Streams commit offsets with their checkpoints: up to 10 s of messages always wait."),
        Panel("Messages a second, by topic", "cps", ((rate("aiic_topic_messages_total", "topic"), "{{topic}}"),)),
        Panel("Lookup store: messages that wait", "short", (("aiic_lookup_lag_messages", "{{topic}}"),)),
    )),
    Row("Freshness", (
        Panel("Real time: event to lookup", "s",
              (('aiic_freshness_seconds{tier="realtime",place="lookup"}', "quantile {{quantile}}"),)),
        Panel("Nearline: event to lookup", "s",
              (('aiic_freshness_seconds{tier="nearline",place="lookup"}', "quantile {{quantile}}"),)),
        Panel("Event to table, p99", "s",
              (('aiic_freshness_seconds{tier=~"realtime|nearline",place="table",quantile="0.99"}', "{{tier}}"),)),
        Panel("Newest message of a tier", "s", (("aiic_newest_age_seconds", "{{tier}} in {{place}}"),)),
        Panel("Result to table (merge)", "s", (("aiic_merge_freshness_seconds", "{{tier}} quantile {{quantile}}"),)),
        Panel("Result to lookup store", "s", (("aiic_lookup_behind_seconds", "newest message"),)),
    )),
    Row("Stream jobs", (
        Panel("Items a second by what happened", "cps",
              ((rate("aiic_stream_items_total", "tier, outcome"), "{{tier}}: {{outcome}}"),)),
        Panel("Pairs a second by what answered", "cps",
              ((rate("aiic_stream_pairs_total", "tier, method"), "{{tier}}: {{method}}"),)),
        Panel("Last checkpoint, restarts", "short", (
            ("aiic_stream_checkpoint_age_seconds", "{{tier}}: seconds since a checkpoint"),
            ("aiic_stream_restarts", "{{tier}}: restarts"),
            ("aiic_stream_up", "{{tier}}: runs"),
        )),
    )),
    Row("Merge", (
        Panel("Commits a minute", "short", ((f"60 * rate(aiic_merge_commits{OVER})", "commits"),)),
        Panel("Rows a second", "cps", (
            (f"rate(aiic_merge_rows_read{OVER})", "read"), (f"rate(aiic_merge_rows_written{OVER})", "written"),
        )),
        Panel("Batches and what waits", "short", (
            ("aiic_merge_batch_s", "seconds of the last batch"), ("aiic_merge_lag_messages", "messages"),
            ("aiic_merge_waiting_files", "files"), ("aiic_merge_unpublished", "changes not published"),
        )),
    )),
    Row("Models", (
        Panel("Latency of requests", "s", (
            (quantile(0.5, "vllm:e2e_request_latency_seconds", "job", MODELS), "{{job}} p50"),
            (quantile(0.99, "vllm:e2e_request_latency_seconds", "job", MODELS), "{{job}} p99"),
        )),
        Panel("Time to the first token, in the queue", "s", (
            (quantile(0.99, "vllm:time_to_first_token_seconds", "job", MODELS), "{{job}} first token p99"),
            (quantile(0.99, "vllm:request_queue_time_seconds", "job", MODELS), "{{job}} queue p99"),
        )),
        Panel("Requests", "short", (
            (f"vllm:num_requests_running{MODELS}", "{{job}} at work"), (f"vllm:num_requests_waiting{MODELS}", "{{job}} waiting"),
        )),
        Panel("Tokens a second", "cps", (
            (rate("vllm:prompt_tokens_total", "job", MODELS), "{{job}} prompt"),
            (rate("vllm:generation_tokens_total", "job", MODELS), "{{job}} generated"),
            (rate("vllm:prefix_cache_hits_total", "job", MODELS), "{{job}} from the prefix cache"),
        )),
        Panel("Cache hits", "percentunit", (
            (share("vllm:prefix_cache_hits_total", "vllm:prefix_cache_queries_total", "job", DISCRIMINATOR, DISCRIMINATOR),
             "prefixes (tokens)"),
            (share(ITEMS, ITEMS, "tier", '{outcome="remembered"}', '{outcome=~"remembered|recognised"}'),
             "equal texts, {{tier}} (items)"),
            (share(PAIRS, PAIRS, "tier", KEPT, ""),
             "pairs kept or lent, {{tier}}"),
        )),
        Panel("Tokens by tier", "cps", (
            (rate("aiic_stream_tokens_total", "tier, kind", STREAMS), "{{tier}}: {{kind}}"),
            ("aiic_daily_tokens", "newest daily run: {{kind}} (whole)"),
            ("aiic_daily_pairs", "newest daily run: pairs by {{method}} (whole)"),
        )),
    )),
    Row("Lookup", (
        Panel("Requests a second", "reqps", ((rate("aiic_http_requests_total", "route, status", LOOKUP), "{{route}} {{status}}"),)),
        Panel("Latency", "s", (
            (quantile(0.5, "aiic_http_seconds", "route", LOOKUP), "{{route}} p50"),
            (quantile(0.99, "aiic_http_seconds", "route", LOOKUP), "{{route}} p99"),
        )),
        Panel("Refused, and rows changed", "cps", (
            (rate("aiic_http_refused_total", "reason", LOOKUP), "refused: {{reason}}"),
            (f"rate(aiic_lookup_changed_rows_total{OVER})", "rows changed"),
            (rate("aiic_lookup_messages_total", "topic"), "messages of {{topic}}"),
        )),
    )),
    Row("Algorithms", (
        Panel("Requests a second", "reqps",
              ((rate("aiic_http_requests_total", "route, status", ALGORITHMS), "{{route}} {{status}}"),)),
        Panel("Latency", "s", (
            (quantile(0.5, "aiic_http_seconds", "route", ALGORITHMS), "{{route}} p50"),
            (quantile(0.99, "aiic_http_seconds", "route", ALGORITHMS), "{{route}} p99"),
        )),
        Panel("Pairs a second by what answered", "cps", ((rate("aiic_pairs_total", "method", ALGORITHMS), "{{method}}"),)),
    )),
    Row("Dead letters", (
        Panel("New in an hour, by topic", "short", (("increase(aiic_dead_letters_written_total[1h])", "{{topic}}"),)),
        Panel("By topic that refused and reason", "short", (("aiic_dead_letters", "{{topic}}: {{reason}}"),), "table"),
        Panel("Refused a second, by who refuses", "cps", (
            (rate("aiic_stream_refused_total", "tier, reason"), "{{tier}}: {{reason}}"),
            (rate("aiic_merge_dead_letters_total", "reason"), "merge: {{reason}}"),
            (rate("aiic_lookup_refused_total", "reason"), "lookup: {{reason}}"),
        )),
    )),
)  # fmt: skip


def dashboard(rows: Sequence[Row] = ROWS) -> dict[str, Any]:
    """The dashboard as Grafana imports it."""
    panels: list[dict[str, Any]] = []
    top = 0
    for row in rows:
        panels.append(_row(row.title, len(panels) + 1, top))
        top += 1
        width = COLUMNS // 3
        for place, one in enumerate(row.panels):
            at = {"h": HEIGHT, "w": width, "x": place % 3 * width, "y": top + place // 3 * HEIGHT}
            panels.append(_panel(one, len(panels) + 1, at))
        top += -(-len(row.panels) // 3) * HEIGHT
    source = {"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus"}
    return {
        "uid": "aiic-item-center",
        "title": "AI item center",
        "tags": ["item-center"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "timezone": "browser",
        "time": {"from": "now-1h", "to": "now"},
        "refresh": "15s",
        "templating": {"list": [source]},
        "panels": panels,
    }


def _row(title: str, number: int, top: int) -> dict[str, Any]:
    at = {"h": 1, "w": COLUMNS, "x": 0, "y": top}
    return {"id": number, "type": "row", "title": title, "collapsed": False, "gridPos": at, "panels": []}


def _panel(panel: Panel, number: int, at: dict[str, int]) -> dict[str, Any]:
    instant = panel.kind != "timeseries"
    targets = [
        {
            "refId": chr(ord("A") + place),
            "datasource": SOURCE,
            "expr": query,
            "legendFormat": legend,
            "instant": instant,
            "range": not instant,
            "format": "table" if panel.kind == "table" else "time_series",
        }
        for place, (query, legend) in enumerate(panel.queries)
    ]
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.words,
        "datasource": SOURCE,
        "gridPos": at,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": targets,
    }


def text() -> str:
    """The file's content."""
    return json.dumps(dashboard(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(text(), "utf-8")
