"""The nearline job for real: Kafka, the Flink session cluster and a fake model server; then outage, kill and savepoint."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

import psutil
import pytest
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType

from infra.fake_vllm import ERROR_500, OK
from infra.flink_cluster import newest_state
from infra.local.state import load
from schemas.moment import time_ms
from schemas.results import KnowledgeResults, fault_of
from tests.stream_tunnel import CATALOG, Model, Tunnel, own_env, release_demo, wait_for
from tests.zipped import send_zipped
from udfs.version import ITEM_ATTR, settle

REUSE = "AIIC_TEST_REUSE_STACK"
LISTINGS = [json.loads(line) for line in (CATALOG / "listings.jsonl").read_text("utf-8").splitlines()[:40]]


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
        release_demo(warehouse, model.server.url)
        assert "submitted" in made.start("--fresh")
        yield made
    finally:
        made.aiic("stream", "stop", "nearline", "--now")
        if not reuse:
            made.aiic("down", "--only", "kafka,flink")


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
    tunnel.send([*bad.values()])
    # Flink has no library for zstd: it need not, as the broker unzips what a producer zips.
    send_zipped(tunnel.config.kafka_servers, "item-events", "zstd", good["item_id"], event)
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
    kill_in_cluster(tunnel, "TaskManagerRunner")
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
    with pytest.raises(AssertionError, match=r"retention\.ms is 1000, planned") as told:
        tunnel.aiic("topics", "check")
    assert "`./aiic topics apply`" in str(told.value)
    assert "topics: item-knowledge.changes: retention.ms is 1000" in tunnel.aiic("up", "--only", "kafka")
    assert tunnel.aiic("topics", "apply") == "item-knowledge.changes: settings corrected\n"
    assert "as planned" in tunnel.aiic("topics", "check")
    assert "topics:" not in tunnel.aiic("up", "--only", "kafka")
    as_before(tunnel, "item-knowledge.results")
    assert "item-knowledge.results: settings corrected" in tunnel.aiic("supervise", "kafka")
    assert "settings corrected" not in tunnel.aiic("supervise", "kafka")
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


def test_a_killed_jobmanager_comes_back_with_its_jobs_from_their_last_checkpoint(tunnel: Tunnel) -> None:
    """By `aiic supervise`: the cluster forgets its jobs, the supervisor knows their settings and their newest checkpoint."""
    before, meanwhile, fence = listing(10), listing(11), listing(12)
    tunnel.say(**before)
    tunnel.wait_for_results(lambda found: bool(of(found, before["item_id"])))
    jobs, told_ms = tunnel.config.stack.state_dir / "flink/jobs/nearline", int(time.time() * 1000)
    wait_for(lambda: newest_state(jobs, told_ms), bool)
    kill_in_cluster(tunnel, "StandaloneSessionClusterEntrypoint")
    tunnel.say(**meanwhile)
    said = tunnel.aiic("supervise", "flink", "nearline", "--timeout", "300")
    assert re.search(r"nearline: submitted, goes on from chk-\d+ ", said), said
    tunnel.wait_for_results(lambda found: bool(of(found, meanwhile["item_id"])))
    # The state came along: a text that was told before the kill is not told again for a price.
    tunnel.say(**(before | {"price": 1.0}))
    tunnel.say(**fence)
    results = tunnel.wait_for_results(lambda found: bool(of(found, fence["item_id"])))
    assert len(of(results, before["item_id"])) == 1
    assert "runs already" in tunnel.start()


def spoil_topic(tunnel: Tunnel, name: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=tunnel.config.kafka_servers)
    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, configs={"retention.ms": "1000"})])
    admin.close()


def as_before(tunnel: Tunnel, name: str) -> None:
    """A topic as an earlier version made it: with settings that were not planned then left to the broker."""
    given = {"max.message.bytes": str(8 << 20)}
    given |= dict.fromkeys(("message.timestamp.type", "compression.type"), ("DELETE", ""))
    with closing(KafkaAdminClient(bootstrap_servers=tunnel.config.kafka_servers)) as admin:
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, configs=given)])


def kill_in_cluster(tunnel: Tunnel, name: str) -> None:
    running = load(tunnel.config.stack.state_dir, "flink")
    assert running is not None
    for one in psutil.Process(running.process.pid).children(recursive=True):
        if name in " ".join(one.cmdline()):
            one.send_signal(signal.SIGKILL)
            return
    raise AssertionError(f"no {name} runs")
