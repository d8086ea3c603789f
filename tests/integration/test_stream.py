"""The nearline job for real: Kafka, the Flink session cluster and a fake model server; then outage, kill and savepoint."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pytest
from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import ConfigResource, ConfigResourceType

from infra.fake_vllm import ERROR_500, OK, FakeVllm
from infra.flink_cluster import Cluster
from infra.kafka import consume
from infra.local.config import load_config
from infra.local.flink import rest_url
from infra.local.state import load
from infra.vllm import EncoderClient
from pipelines.ontology.interchange import load_interchange
from pipelines.ontology.make_release import make_release
from pipelines.ontology.store import OntologyStore, Source
from pipelines.tunnel.stream_config import job_name
from schemas.dead_letter import DeadLetter
from schemas.moment import time_ms
from schemas.parse import parse_record
from schemas.results import KnowledgeResults, fault_of
from udfs.version import ITEM_ATTR, settle

ROOT = Path(__file__).resolve().parents[2]
WAIT_S = 240
REUSE = "AIIC_TEST_REUSE_STACK"
ENCODER, DIMENSIONS = "all-minilm-l6-v2", 384
LISTINGS = [
    json.loads(line)
    for line in (ROOT / "infra/demo/catalog/listings.jsonl").read_text("utf-8").splitlines()[:40]
]


class Model:
    """A fake model server in a thread of its own; it can be broken and mended while a job runs."""

    def __init__(self) -> None:
        self.server = FakeVllm(encoder=ENCODER, dimensions=DIMENSIONS)
        self._loop = asyncio.new_event_loop()
        self._ended = asyncio.Event()
        ready = threading.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(ready),))
        self._thread.start()
        assert ready.wait(30)

    async def _serve(self, ready: threading.Event) -> None:
        async with self.server:
            ready.set()
            await self._ended.wait()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join()

    def encoded(self, words: str) -> int:
        """How many texts with these words were encoded."""
        return sum(words in text for body in self.server.requests for text in body.get("input", ()))


class Tunnel:
    """The stack, the model server, and commands against both."""

    def __init__(self, env: dict[str, str], warehouse: Path, model: Model) -> None:
        self.env, self.warehouse, self.model = env, warehouse, model
        self.config = load_config(env=env)
        self.cluster = Cluster(rest_url(self.config), {})
        self.started_ms = int(time.time() * 1000)

    def aiic(self, *words: str) -> str:
        done = subprocess.run(
            [str(ROOT / "aiic"), *words], env=self.env, cwd=ROOT, capture_output=True, text=True, timeout=600
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start(self, *words: str, tier: str = "nearline") -> str:
        where = ("--warehouse", str(self.warehouse), "--ontology", "demo", "--discriminator", "off")
        return self.aiic("stream", "start", tier, *where, "--window-s", "3", *words)

    def send(self, messages: Sequence[tuple[str | None, bytes | None]]) -> None:
        producer = KafkaProducer(
            bootstrap_servers=self.config.kafka_servers, acks="all", max_request_size=16 << 20,
            value_serializer=None,
        )  # fmt: skip
        for key, value in messages:
            producer.send("item-events", key=None if key is None else key.encode(), value=value)
        producer.flush()
        producer.close()

    def say(self, **event: Any) -> dict[str, Any]:
        """Send one event, now unless it says when."""
        event = {"event_time": datetime.now(UTC).isoformat(timespec="milliseconds")} | event
        self.send([(event["item_id"], json.dumps(event).encode())])
        return event

    def say_all(self, listings: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Send events at once, a millisecond apart."""
        now_ms = int(time.time() * 1000)
        times = (datetime.fromtimestamp((now_ms + n) / 1000, UTC) for n in range(len(listings)))
        events = [
            one | {"event_time": when.isoformat(timespec="milliseconds")}
            for one, when in zip(listings, times, strict=True)
        ]
        self.send([(event["item_id"], json.dumps(event).encode()) for event in events])
        return events

    def results(self) -> list[KnowledgeResults]:
        return self._read("item-knowledge.results", KnowledgeResults)

    def dead(self) -> list[DeadLetter]:
        return [one for one in self._read("item-events.dead", DeadLetter) if one.time_ms >= self.started_ms]

    def _read(self, topic: str, record: type) -> list[Any]:
        return [
            parse_record(record, json.loads(message.value or b""))
            for message in consume(self.config.kafka_servers, topic, idle_s=2.0)
            if message.timestamp_ms >= self.started_ms
        ]

    def wait_for_counter(self, tier: str, name: str) -> None:
        def counters() -> dict[str, int]:
            job = self.cluster.live_job(job_name(tier))
            return self.cluster.counters(job.job_id) if job else {}

        wait_for(counters, lambda found: found.get(name, 0) > 0)

    def wait_for_results(self, enough: Callable[[list[KnowledgeResults]], bool]) -> list[KnowledgeResults]:
        return wait_for(self.results, enough)


def wait_for(read: Callable[[], Any], enough: Callable[[Any], bool]) -> Any:
    deadline = time.monotonic() + WAIT_S
    while not enough(found := read()):
        assert time.monotonic() < deadline, f"not in {WAIT_S} s: {str(found)[:3000]}"
        time.sleep(0.5)
    return found


def own_env(state_dir: Path) -> dict[str, str]:
    """Variables for a stack of its own: free ports, its own state."""
    names = ("KAFKA_PORT", "KAFKA_CONTROLLER_PORT", "FLINK_PORT", "FLINK_RPC_PORT")
    held = [socket.create_server(("127.0.0.1", 0)) for _ in names]
    ports = {f"AIIC_{name}": str(one.getsockname()[1]) for name, one in zip(names, held, strict=True)}
    for one in held:
        one.close()
    return {**os.environ, **ports, "AIIC_STACK_STATE_DIR": str(state_dir)}


@pytest.fixture(scope="module")
def model() -> Iterator[Model]:
    made = Model()
    yield made
    made.close()


@pytest.fixture(scope="module")
def tunnel(tmp_path_factory: pytest.TempPathFactory, model: Model) -> Iterator[Tunnel]:
    """Kafka and Flink up, a released ontology, the nearline job running."""
    reuse = os.environ.get(REUSE) == "1"
    env = dict(os.environ) if reuse else own_env(tmp_path_factory.mktemp("stack"))
    warehouse = tmp_path_factory.mktemp("warehouse")
    for role in ("ENCODER", "DISCRIMINATOR"):
        env |= {f"AIIC_{role}_URL": model.server.url, f"AIIC_{role}_MODEL": "any"}
    made = Tunnel(env, warehouse, model)
    made.aiic("up", "--only", "kafka,flink")
    try:
        store = OntologyStore(warehouse, "demo")
        store.commit(load_interchange(ROOT / "infra/demo/catalog/ontology"), Source("test"), 0)
        asyncio.run(_release(store, model.server.url))
        assert "submitted" in made.start("--fresh")
        yield made
    finally:
        made.aiic("stream", "stop", "nearline", "--now")
        if not reuse:
            made.aiic("down", "--only", "kafka,flink")


async def _release(store: OntologyStore, url: str) -> None:
    async with EncoderClient(url) as client:
        folder = store.folder / "releases" / f"{store.find().version}--fake"
        await make_release(store, None, client.embed, await client.model_id(), folder)


def listing(place: int, **changes: Any) -> dict[str, Any]:
    """A listing of the demo catalog as an event's fields."""
    kept = {name: value for name, value in LISTINGS[place].items() if name not in ("event_time", "priority")}
    return kept | {"item_id": f"stream-{os.getpid()}-{place}"} | changes


def of(results: Sequence[KnowledgeResults], item_id: str) -> list[KnowledgeResults]:
    return [one for one in results if one.item_id == item_id]


def test_only_the_last_state_of_a_window_is_computed_and_prices_compute_nothing(tunnel: Tunnel) -> None:
    base = listing(0)
    last = base | {"title": base["title"] + " zanzibar"}
    transient = [base | {"title": f"{base['title']} {word}"} for word in ("kilimanjaro", "serengeti")]
    event = tunnel.say_all([base, *transient, last])[-1]
    results = tunnel.wait_for_results(lambda found: bool(of(found, base["item_id"])))
    (only,) = of(results, base["item_id"])
    assert fault_of(only) is None
    assert (only.tier, only.category_id) == ("nearline", base["category_id"])
    assert only.event_ms == time_ms(event["event_time"]) == max(row.event_ms for row in only.rows)
    assert (tunnel.model.encoded("kilimanjaro"), tunnel.model.encoded("serengeti")) == (0, 0)
    assert tunnel.model.encoded("zanzibar") == 1
    tunnel.say(**(last | {"price": 99.0}))
    fence = tunnel.say(**listing(1))
    results = tunnel.wait_for_results(lambda found: bool(of(found, fence["item_id"])))
    assert len(of(results, base["item_id"])) == 1
    assert tunnel.model.encoded("zanzibar") == 1


def test_bad_messages_become_dead_letters_and_good_ones_go_on(tunnel: Tunnel) -> None:
    good = listing(2)
    event = json.dumps(good | {"event_time": "2026-11-01T08:00:00Z"}).encode()
    bad = {
        "not_json": ("x", b'{"item_id": "x"'),
        "bad_utf8": ("x", b'{"item_id": "\xff"}'),
        "missing_field": ("x", b'{"item_id": "x", "title": "no time"}'),
        "wrong_type": ("x", b'{"item_id": "x", "event_time": "2026-11-01", "title": 7}'),
        "wrong_key": ("another", event),
        "time_in_future": ("x", b'{"item_id": "x", "event_time": "2099-01-01", "title": "t"}'),
        "unknown_category": (
            "x",
            b'{"item_id": "x", "event_time": "2026-11-01", "title": "t", "category_id": "?"}',
        ),
        "too_large": ("x", b'{"item_id": "x", "title": "' + b"a" * 10_000_000 + b'"}'),
        "no_value": ("x", None),
    }
    tunnel.send([*bad.values(), (good["item_id"], event)])
    dead = wait_for(tunnel.dead, lambda found: len({one.reason for one in found}) >= len(bad))
    assert sorted(one.reason for one in dead) == sorted(bad)
    assert {one.reason: one.raw_bytes for one in dead} == {
        reason: len(value or b"") for reason, (_, value) in bad.items()
    }
    results = tunnel.wait_for_results(lambda found: bool(of(found, good["item_id"])))
    assert {one.item_id for one in results}.isdisjoint({"x", "another"})


def test_an_outage_a_killed_taskmanager_and_a_savepoint_lose_nothing(tunnel: Tunnel) -> None:
    first, second, third, gone = (listing(place) for place in (3, 4, 5, 6))
    tunnel.say(**gone)
    tunnel.wait_for_results(lambda found: bool(of(found, gone["item_id"])))
    tunnel.model.server.mode = ERROR_500
    tunnel.say(**first)
    time.sleep(5)
    kill_taskmanager(tunnel)
    tunnel.say(**second)
    tunnel.say(item_id=gone["item_id"], is_deleted=True)
    tunnel.model.server.mode = OK
    wanted = {first["item_id"], second["item_id"]}
    results = tunnel.wait_for_results(
        lambda found: wanted <= {one.item_id for one in found} and len(of(found, gone["item_id"])) > 1
    )
    rows = settle(row for one in results for row in one.rows)
    assert rows[gone["item_id"], ITEM_ATTR].is_deleted
    assert all(row.is_deleted for (item_id, _), row in rows.items() if item_id == gone["item_id"])
    assert "savepoint" in tunnel.aiic("stream", "stop", "nearline")
    tunnel.say(**third)
    assert "goes on from savepoint" in tunnel.start()
    # The state came along: a text that was told before the stop is not told again.
    tunnel.say(**(first | {"price": 1.0}))
    results = tunnel.wait_for_results(lambda found: bool(of(found, third["item_id"])))
    assert len(of(results, first["item_id"])) == 1
    tunnel.wait_for_counter("nearline", "recognised")
    said = json.loads(tunnel.aiic("stream", "status", "nearline", "--json"))["nearline"]
    assert said["state"] == "RUNNING"
    assert said["counters"]["recognised"] >= 1
    assert said["counters"]["unchanged"] >= 1


def test_topics_are_as_planned_and_put_right_when_not(tunnel: Tunnel) -> None:
    assert "as planned" in tunnel.aiic("topics", "check")
    spoil_topic(tunnel, "item-knowledge.changes")
    with pytest.raises(AssertionError, match=r"retention\.ms is 1000, planned"):
        tunnel.aiic("topics", "check")
    assert tunnel.aiic("topics", "apply") == "item-knowledge.changes: settings corrected\n"
    assert "as planned" in tunnel.aiic("topics", "check")


def test_real_time_takes_stars_alone_and_hands_over_what_it_cannot_answer(tunnel: Tunnel) -> None:
    star, price, late, plain = (listing(place, priority="star") for place in (7, 7, 8, 9))
    refused = len(tunnel.dead())
    assert "submitted" in tunnel.start("--fresh", "--give-up-s", "2", tier="realtime")
    try:
        tunnel.say(**star)
        (only,) = of(tunnel.wait_for_results(lambda found: bool(of(found, star["item_id"]))), star["item_id"])
        assert (only.tier, {row.provenance.tier for row in only.rows}) == ("realtime", {"realtime"})
        tunnel.say(**(price | {"price": 3.0}))
        tunnel.say(**(plain | {"priority": None}))
        (other,) = of(
            tunnel.wait_for_results(lambda found: bool(of(found, plain["item_id"]))), plain["item_id"]
        )
        assert other.tier == "nearline"
        tunnel.model.server.mode = ERROR_500
        tunnel.say(**late)
        tunnel.wait_for_counter("realtime", "deferred")
        tunnel.model.server.mode = OK
        (handed,) = of(
            tunnel.wait_for_results(lambda found: bool(of(found, late["item_id"]))), late["item_id"]
        )
        assert handed.tier == "nearline"
        assert len(of(tunnel.results(), star["item_id"])) == 1
        # Both jobs have read the bad messages, one has reported them.
        assert len(tunnel.dead()) == refused
    finally:
        tunnel.aiic("stream", "stop", "realtime", "--now")


def spoil_topic(tunnel: Tunnel, name: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=tunnel.config.kafka_servers)
    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, configs={"retention.ms": "1000"})])
    admin.close()


def kill_taskmanager(tunnel: Tunnel) -> None:
    running = load(tunnel.config.stack.state_dir, "flink")
    assert running is not None
    for one in psutil.Process(running.process.pid).children(recursive=True):
        if "TaskManagerRunner" in " ".join(one.cmdline()):
            one.send_signal(signal.SIGKILL)
            return
    raise AssertionError("no TaskManager runs")
