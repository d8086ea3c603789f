"""Operations for real: one event through Kafka, Flink, merge and a lookup service over Valkey, and what is shown of it all."""

from __future__ import annotations

import json
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from infra.http_look import get_text
from infra.kafka import produce
from infra.topics import apply_topics
from pipelines.tunnel.operations import METRICS
from schemas.contract import contract_of
from schemas.report import RunReport
from schemas.topics import CHANGES, RESULTS, TOPICS
from tests.http_service import Client
from tests.integration.conftest import RunningStack
from tests.merge_server import Merge
from tests.ports import free_ports
from tests.promql import metrics_in, names_on
from tests.stream_tunnel import CATALOG, ROOT, Model, Tunnel, own_env, release_demo, wait_for
from tests.unit.infra.test_dashboard import VLLM, queries
from tests.valkey_server import valkey_server

pytestmark = pytest.mark.integration

LISTINGS = [json.loads(line) for line in (CATALOG / "listings.jsonl").read_text("utf-8").splitlines()[:4]]
PORTS = ("LOOKUP", "MERGE", "METRICS", "SECOND")
ELSEWHERE = {"aiic_pairs_total"}
"""The algorithms' (tests/unit/infra/test_dashboard.py asks them)."""


@dataclass(frozen=True)
class Whole:
    """Everything of the tunnel, running."""

    tunnel: Tunnel
    env: dict[str, str]

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.env[f'AIIC_{name}_PORT']}"

    def client(self, name: str = "LOOKUP") -> Client:
        key = (self.tunnel.config.stack.state_dir / "lookup/local.key").read_text("utf-8").strip()
        return Client(int(self.env[f"AIIC_{name}_PORT"]), key)

    def status(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(ROOT / "aiic"), "status", *words],
            env=self.env,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=300,
        )

    def parts(self) -> dict[str, dict[str, Any]]:
        found = json.loads(self.status("--json", "--limit", "30").stdout)["parts"]
        return {part["name"]: part for part in found}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    folder, warehouse = tmp_path_factory.mktemp("operations"), tmp_path_factory.mktemp("warehouse")
    ports = {f"AIIC_{name}_PORT": str(port) for name, port in zip(PORTS, free_ports(len(PORTS)), strict=True)}
    model = Model()
    with valkey_server() as store:
        env = own_env(folder) | ports | {"AIIC_WAREHOUSE": str(warehouse), "AIIC_LOOKUP_STORE": store}
        for role in ("ENCODER", "DISCRIMINATOR"):
            env |= {f"AIIC_{role}_URL": model.server.url, f"AIIC_{role}_MODEL": "any"}
        made = Tunnel(env, warehouse, model)
        merge = Merge(made.config.kafka_servers, warehouse, int(ports["AIIC_MERGE_PORT"]))
        try:
            made.aiic("up", "--only", "kafka,flink")
            apply_topics(made.config.kafka_servers, TOPICS)
            merge.start()
            release_demo(warehouse, model.server.url)
            made.start("--fresh")
            made.aiic("up", "--only", "lookup,metrics")
            merge.ready()
            yield Whole(made, env)
        finally:
            if merge.process is not None:
                merge.signal(signal.SIGKILL)
                merge.process.wait(60)
            made.aiic("down", "--only", "metrics,lookup,flink,kafka")
            model.close()


def sample(part: dict[str, Any], name: str, **labels: str) -> float | None:
    for one in part["samples"]:
        if one["name"] == name and labels.items() <= one["labels"].items():
            return float(one["value"])
    return None


def test_an_event_is_looked_up_over_valkey_by_two_services_and_shown(whole: Whole) -> None:
    tunnel = whole.tunnel
    events = [
        {name: value for name, value in one.items() if name not in ("event_time", "priority")}
        for one in LISTINGS
    ]
    tunnel.say_all(events)
    tunnel.send([("x", b"not json")])
    produce(tunnel.config.kafka_servers, RESULTS, [("x", b"{")])
    item = f"/v1/items/{events[0]['item_id']}"
    reply = wait_for(lambda: whole.client().get(item), lambda found: found.status == 200)
    assert reply.json["category_id"] == events[0]["category_id"] and reply.json["facts"]
    second = subprocess.Popen(
        [str(ROOT / "aiic"), "serve", "--no-follow", "--port", whole.env["AIIC_SECOND_PORT"]],
        env=whole.env, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_for(lambda: _answers(f"{whole.url('SECOND')}/healthz"), lambda found: bool(found))
        assert whole.client("SECOND").get(item).json == whole.client().get(item).json
        assert whole.client("SECOND").get("/readyz").status == 200
    finally:
        second.terminate()
        assert second.wait(60) == 0

    def seen(parts: dict[str, dict[str, Any]]) -> bool:
        return (
            all(parts[name]["state"] == "up" for name in ("kafka", "nearline", "merge", "lookup"))
            and sample(parts["kafka"], "aiic_freshness_seconds", tier="nearline", place="table") is not None
            and sample(parts["kafka"], "aiic_lag_messages", reader="nearline", topic="item-events") == 0
            and (sample(parts["nearline"], "aiic_stream_items_total", outcome="recognised") or 0)
            >= len(events)
            and sample(parts["lookup"], "aiic_lag_messages", topic=CHANGES) == 0
        )

    parts = wait_for(whole.parts, seen)
    kafka = parts["kafka"]
    assert sample(kafka, "aiic_dead_letters", topic="item-events", reason="not_json") == 1
    assert sample(kafka, "aiic_dead_letters", topic=RESULTS, reason="not_json") == 1
    assert sample(kafka, "aiic_topic_messages_total", topic="item-events") == len(events) + 1
    assert (
        0
        < (sample(kafka, "aiic_freshness_seconds", tier="nearline", place="lookup", quantile="0.5") or 0)
        < 600
    )
    assert sample(parts["merge"], "aiic_lag_messages", reader="merge") is not None
    assert (sample(parts["nearline"], "aiic_stream_tokens_total", kind="encoded_texts") or 0) >= len(events)
    assert parts["realtime"]["state"] == "down"
    lines = ("lag: reader", "freshness: tier", "dead letters: topic", "nearline       up")
    wait_for(lambda: whole.status("--limit", "30").stdout, lambda shown: all(line in shown for line in lines))


def _answers(url: str) -> bool:
    try:
        return bool(get_text(url, 5))
    except ConnectionError:
        return False


def test_every_metric_of_dashboard_and_alarms_is_printed(whole: Whole) -> None:
    report = whole.tunnel.warehouse / "offline/2026-11-01/abc/report.json"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text(json.dumps(dict(contract_of(RunReport).valid.value)), "utf-8")
    wanted = {
        name
        for name in set[str]().union(*map(metrics_in, queries())) - ELSEWHERE
        if not name.startswith(VLLM)
    }
    wanted |= {plan.name for plan in METRICS}

    def missing() -> set[str]:
        pages = [get_text(f"{whole.url(name)}/metrics", 30) for name in ("METRICS", "MERGE", "LOOKUP")]
        return wanted - set(names_on(pages))

    whole.client().ask("GET", "/v1/items/x", headers={})
    assert wait_for(missing, lambda found: not found) == set()


def test_parts_that_are_gone_are_told_soon(whole: Whole) -> None:
    """The last of these: it ends the broker and Flink."""
    whole.tunnel.aiic("down", "--only", "flink,kafka")
    shown = whole.status("--limit", "20")
    assert shown.returncode == 1 and "Traceback" not in shown.stdout + shown.stderr
    lines = {line.split()[0]: line for line in shown.stdout.split("\n\n")[1].splitlines()}
    assert "`./aiic up --only kafka`" in lines["kafka"]
    assert "`./aiic up --only flink`" in lines["nearline"]
    page = wait_for(
        lambda: get_text(f"{whole.url('METRICS')}/metrics", 30),
        lambda found: 'aiic_part_up{part="kafka"} 0' in found,
    )
    assert 'aiic_stream_up{tier="nearline"} 0' in page


def test_the_model_servers_print_what_is_asked_of_them(stack: RunningStack) -> None:
    named = {name for query in queries() for name in metrics_in(query) if name.startswith(VLLM)}
    assert len(named) >= 8
    body = {"model": "discriminator", "prompt": "a cup", "max_tokens": 2}
    asked = urllib.request.Request(
        f"{stack.discriminator_url}/v1/completions",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(asked, timeout=120):
        pass
    printed = names_on([get_text(f"{stack.discriminator_url}/metrics", 30)])
    assert named - set(printed) == set()
    assert {"vllm:prompt_tokens_total", "vllm:prefix_cache_hits_total"} <= set(
        names_on([get_text(f"{stack.encoder_url}/metrics", 30)])
    )
    rows = {
        part["name"]: part
        for part in json.loads(stack.aiic("status", "--json", "--limit", "30").stdout)["parts"]
    }
    assert rows["discriminator"]["state"] == "up"
    assert rows["discriminator"]["facts"]["vllm:generation_tokens_total"] >= 2
