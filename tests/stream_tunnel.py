"""The stream jobs' servers for tests and benchmarks: Kafka, the Flink session cluster, and a fake model server."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kafka import KafkaProducer

from infra.fake_vllm import FakeVllm
from infra.flink_cluster import Cluster
from infra.kafka import consume
from infra.local.config import load_config
from infra.local.flink import rest_url
from infra.vllm import EncoderClient
from pipelines.ontology.interchange import load_interchange
from pipelines.ontology.make_release import make_release
from pipelines.ontology.store import OntologyStore, Source
from pipelines.tunnel.stream_config import job_name
from schemas.dead_letter import DeadLetter
from schemas.parse import parse_record
from schemas.results import KnowledgeResults
from tests.ports import free_ports

ROOT = Path(__file__).resolve().parents[1]
CATALOG = ROOT / "infra/demo/catalog"
WAIT_S = 240
ENCODER, DIMENSIONS = "all-minilm-l6-v2", 384


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

    def __init__(self, env: dict[str, str], warehouse: Path, model: Model | None = None) -> None:
        self.env, self.warehouse, self.model = env, warehouse, model
        self.config = load_config(env=env)
        self.cluster = Cluster(rest_url(self.config), {})
        self.started_ms = int(time.time() * 1000)

    def aiic(self, *words: str) -> str:
        done = subprocess.run(
            [str(ROOT / "aiic"), *words], env=self.env, cwd=ROOT, capture_output=True, text=True, timeout=1200
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
    ports = {f"AIIC_{name}": str(port) for name, port in zip(names, free_ports(len(names)), strict=True)}
    return {**os.environ, **ports, "AIIC_STACK_STATE_DIR": str(state_dir)}


def release_demo(warehouse: Path, url: str, ontology: Path = CATALOG / "ontology") -> None:
    """Import the demo catalog's ontology, or one made of it, and release it with the model server's encoder."""
    store = OntologyStore(warehouse, "demo")
    store.commit(load_interchange(ontology), Source("test"), 0)
    asyncio.run(release(store, url))


async def release(store: OntologyStore, url: str) -> None:
    async with EncoderClient(url) as client:
        folder = store.folder / "releases" / f"{store.find().version}--fake"
        await make_release(store, None, client.embed, await client.model_id(), folder)
