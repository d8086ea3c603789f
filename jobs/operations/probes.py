"""A look at each part: what it says of itself, as samples and in words. A part that is away is told, never raised."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from functools import partial

from prometheus_client.parser import text_string_to_metric_families

from infra.flink_cluster import Cluster, FlinkError
from infra.http_look import NoAnswer, get_json, get_text
from infra.kafka import KafkaUnavailable
from jobs.operations.kafka_probe import KafkaProbe
from jobs.operations.places import Places
from pipelines.tunnel.operations import DOWN, SICK, UP, Part, Sample
from pipelines.tunnel.operations_samples import daily_samples, stream_samples
from pipelines.tunnel.stream_config import job_name
from schemas.topics import RESULTS

TIERS = ("realtime", "nearline")
TIMEOUT_S = 2.0
FLINK = "`./aiic up --only flink`"
REMEDIES = {
    **dict.fromkeys(TIERS, FLINK),
    "merge": "`./aiic merge --follow`",
    "algorithms": "`./aiic serve algorithms --ontology NAME`",
    **{name: f"`./aiic up --only {name}`" for name in ("lookup", "encoder", "discriminator")},
}
"""How a part is started that nobody answers for."""
Probe = Callable[[], Part]
Clock = Callable[[], int]


def now_ms() -> int:
    """The time in Unix ms."""
    return time.time_ns() // 1_000_000


def probes(places: Places, kafka: KafkaProbe, now_ms: Clock) -> dict[str, Probe]:
    """A look at every part, by name, in the order in which people read them."""
    found: dict[str, Probe] = {"kafka": kafka.look}
    for tier in TIERS:
        found[tier] = partial(_told, tier, partial(stream_part, getattr(places, tier), tier, now_ms))
    found["merge"] = partial(_told, "merge", partial(merge_part, places.merge))
    found["lookup"] = partial(_told, "lookup", partial(lookup_part, places.lookup))
    found["algorithms"] = partial(_told, "algorithms", partial(algorithms_part, places.algorithms))
    for name in ("encoder", "discriminator"):
        found[name] = partial(_told, name, partial(model_part, name, getattr(places, name)))
    found["daily"] = partial(_told, "daily", partial(daily_part, places, now_ms))
    return found


def _told(name: str, look: Probe) -> Part:
    """The part, or that it is away."""
    try:
        return look()
    except (NoAnswer, FlinkError, KafkaUnavailable) as error:
        samples = [Sample("aiic_stream_up", 0.0, {"tier": name})] if name in TIERS else []
        remedy = REMEDIES.get(name)
        said = f"{error}: {remedy}" if remedy and remedy not in str(error) else str(error)
        return Part(name, DOWN, said, samples)
    except (KeyError, TypeError, ValueError, OSError) as error:
        return Part(name, SICK, f"it answers something else than expected: {type(error).__name__}: {error}")


def stream_part(url: str, tier: str, now_ms: Clock) -> Part:
    """A tier's job in Flink: its state, restarts, last checkpoint and counters. Errors: FlinkError, NoAnswer."""
    get_json(
        f"{url}/overview", TIMEOUT_S
    )  # a cluster that hangs is told at once, not after the client's patience
    cluster, labels = Cluster(url, {}), {"tier": tier}
    job = cluster.live_job(job_name(tier))
    if job is None:
        said = f"no job: `./aiic stream start {tier} --ontology NAME`"
        return Part(tier, DOWN, said, [Sample("aiic_stream_up", 0.0, labels)])
    running = job.state == "RUNNING"
    samples = [Sample("aiic_stream_up", float(running), labels)]
    restarts = _number(get_json(f"{url}/jobs/{job.job_id}/metrics?get=numRestarts", TIMEOUT_S))
    samples += [Sample("aiic_stream_restarts", restarts, labels)]
    checkpoints = get_json(f"{url}/jobs/{job.job_id}/checkpoints", TIMEOUT_S)
    done = (checkpoints.get("latest") or {}).get("completed")
    words = [job.state.lower(), f"{restarts:.0f} restarts"]
    since_ms = done["latest_ack_timestamp"] if done else job.started_ms
    age_s = max(0, now_ms() - since_ms) / 1000
    samples.append(Sample("aiic_stream_checkpoint_age_seconds", age_s, labels))
    words.append(f"checkpoint {age_s:.0f} s ago" if done else "no checkpoint yet")
    samples += stream_samples(tier, cluster.counters(job.job_id))
    return Part(tier, UP if running else SICK, ", ".join(words), samples)


def merge_part(url: str) -> Part:
    """The streaming merge by its page. Errors: NoAnswer."""
    told = get_json(f"{url}/status", TIMEOUT_S)
    samples = []
    if "lag_messages" in told:
        samples.append(
            Sample("aiic_lag_messages", float(told["lag_messages"]), {"reader": "merge", "topic": RESULTS})
        )
    names = ("commits", "rows_written", "unpublished", "waiting_files", "batch_s")
    facts = {name: float(told[name]) for name in names if told.get(name) is not None}
    words = f"{facts.get('commits', 0):,.0f} commits, {facts.get('rows_written', 0):,.0f} rows written"
    problem = told.get("problem")
    return Part("merge", SICK if problem else UP, str(problem or words), samples, facts)


def lookup_part(url: str) -> Part:
    """The lookup service by its readiness and its metrics. Errors: NoAnswer."""
    ready = get_json(f"{url}/readyz", TIMEOUT_S, any_status=True)
    samples = [
        Sample("aiic_lag_messages", float(number), {"reader": "lookup", "topic": topic})
        for topic, number in ready["lag"].items()
    ]
    facts = numbers(get_text(f"{url}/metrics", TIMEOUT_S), ("aiic_lookup_changed_rows", "aiic_http_requests"))
    words = f"{facts.get('aiic_lookup_changed_rows_total', 0):,.0f} rows changed since its start"
    state = UP if ready["ready"] else SICK
    return Part("lookup", state, "; ".join(ready["why_not"]) or words, samples, facts)


def algorithms_part(url: str) -> Part:
    """The algorithm service by its readiness and its metrics. Errors: NoAnswer."""
    status = get_json(f"{url}/readyz", TIMEOUT_S)["status"]
    facts = numbers(get_text(f"{url}/metrics", TIMEOUT_S), ("aiic_pairs", "aiic_http_requests"))
    words = f"{status}, {facts.get('aiic_pairs_total', 0):,.0f} pairs answered since its start"
    return Part("algorithms", UP, words, (), facts)


VLLM = (
    "vllm:prompt_tokens", "vllm:generation_tokens", "vllm:prefix_cache_queries", "vllm:prefix_cache_hits",
    "vllm:num_requests_running", "vllm:num_requests_waiting", "vllm:request_success",
)  # fmt: skip
"""What `aiic status` takes of a vLLM server's own metrics."""


def model_part(name: str, url: str) -> Part:
    """A model server by its own metrics. Errors: NoAnswer."""
    facts = numbers(get_text(f"{url}/metrics", TIMEOUT_S), VLLM)
    running = facts.get("vllm:num_requests_running", 0)
    waiting = facts.get("vllm:num_requests_waiting", 0)
    return Part(name, UP, f"{running:.0f} requests at work, {waiting:.0f} waiting", (), facts)


def daily_part(places: Places, now_ms: Clock) -> Part:
    """The newest daily run by its report."""
    reports = sorted(places.warehouse.glob("offline/*/*/report.json"), key=lambda path: path.stat().st_mtime)
    if not reports:
        return Part("daily", DOWN, f"no run has ended in {places.warehouse.name}: `./aiic run --day ...`")
    report = json.loads(reports[-1].read_text("utf-8"))
    unfinished = int(report["counts"].get("shards_unfinished", 0))
    words = f"run {report['run_id']}: {report['counts'].get('items_recognised', 0):,} items"
    state = SICK if unfinished else UP
    words += f", {unfinished} shards unfinished" if unfinished else ""
    return Part("daily", state, words, daily_samples(report, now_ms()))


def numbers(text: str, names: Iterable[str]) -> dict[str, float]:
    """Sums of metrics over their labels, by the names on the page. Errors: ValueError for text that is no such page."""
    wanted, found = set(names), dict[str, float]()
    for family in text_string_to_metric_families(text):
        if family.name in wanted:
            for sample in family.samples:
                if not sample.name.endswith("_created"):
                    found[sample.name] = found.get(sample.name, 0.0) + sample.value
    return found


def _number(found: list[dict[str, str]]) -> float:
    """The value of one of Flink's metrics; 0 before there is one."""
    return float(found[0]["value"]) if found else 0.0
