"""The lookup service as users run it: `aiic up` with a real broker; kills in mid-load lose nothing and change no winner."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import psutil
import pytest
from kafka import KafkaAdminClient, TopicPartition
from kafka.errors import MessageSizeTooLargeError, UnknownError

from infra import kafka
from infra.change_topic import TAILS, newest_change
from infra.kafka import KafkaUnavailable, Topic
from infra.kafka_log import open_log
from infra.kv_embedded import EmbeddedStore
from pipelines.tunnel.store_knowledge import KnowledgeStore
from schemas.change import Change
from schemas.knowledge import KnowledgeRow
from schemas.results import KnowledgeResults
from schemas.topics import CHANGES, RESULTS, topic_plan
from tests.http_service import Client
from tests.integration.conftest import RunningStack, own_settings, running_stack
from tests.ports import free_ports
from tests.unit.pipelines.tunnel.test_store import row
from tests.unit.pipelines.tunnel.test_subscription import token_at_end
from tests.zipped import CODECS, send_bomb, send_zipped
from udfs.version import ITEM_ATTR, settle, with_digest

pytestmark = pytest.mark.integration

PATIENCE_S = 90.0
NOW_MS = time.time_ns() // 1_000_000


def fact(item: str, attr: str, step: int, text: str, category: str = "tea") -> KnowledgeRow:
    event_ms = NOW_MS - 1_000_000 + step
    made = replace(row(attr, event_ms << 21, text, category, item=item), event_ms=event_ms, digest="")
    return with_digest(made)


def results(rows: Sequence[KnowledgeRow]) -> tuple[str, bytes]:
    item = rows[0].item_id
    return item, orjson.dumps(KnowledgeResults(item, "tea", rows[0].event_ms, "nearline", "r", tuple(rows)))


def change(after: KnowledgeRow, sequence: int, commit: str = "20261101000000000") -> tuple[str, bytes]:
    return after.item_id, orjson.dumps(Change(after.item_id, after.attr_id, commit, sequence, None, after))


def wait(what: Callable[[], Any], expected: Any) -> None:
    """Wait until something is as expected; the last answer is shown otherwise."""
    deadline, found = time.monotonic() + PATIENCE_S, None
    while time.monotonic() < deadline:
        found = what()
        if found == expected:
            return
        time.sleep(0.1)
    assert found == expected


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """A stack of its own with broker, topics and lookup service."""
    folder = tmp_path_factory.mktemp("lookup")
    [port] = map(str, free_ports(1))
    env = {**own_settings(folder), "AIIC_LOOKUP_PORT": port, "AIIC_WAREHOUSE": str(folder / "warehouse")}
    made = running_stack(env)
    try:
        started = made.aiic("up", "--only", "kafka")
        assert started.returncode == 0, started.stdout + started.stderr
        plans = [topic_plan(name) for name in (RESULTS, CHANGES)]
        kafka.ensure_topics(
            made.kafka_servers, [Topic(p.name, p.partitions, 1, p.kafka_settings()) for p in plans]
        )
        started = made.aiic("up", "--only", "lookup")
        assert started.returncode == 0, started.stdout + started.stderr
        yield made
    finally:
        made.aiic("down", "--only", "lookup,kafka")


def client_of(own: RunningStack) -> Client:
    key = (own.state_dir / "lookup/local.key").read_text("utf-8").strip()
    return Client(int(own.env["AIIC_LOOKUP_PORT"]), key)


@pytest.fixture
def client(own: RunningStack) -> Client:
    found = client_of(own)
    wait(lambda: found.get("/readyz").status, 200)
    return found


def consumer_of(own: RunningStack) -> psutil.Process:
    """The service's consumer process; one that was killed is started again after a moment."""
    service = psutil.Process(own.status()["lookup"]["pid"])
    found: list[psutil.Process] = []

    def one_runs() -> bool:
        found[:] = [one for one in service.children() if "lookup_consumer" in " ".join(one.cmdline())]
        return len(found) == 1

    wait(one_runs, True)
    return found[0]


def present(own: RunningStack, items: Sequence[str]) -> dict[tuple[str, str], KnowledgeRow]:
    """What the store holds of some items, read from its file beside the service."""
    kv = EmbeddedStore(own.state_dir / "lookup/store")
    try:
        states = {item: KnowledgeStore(kv).state(item) for item in items}
        return {(item, attr): found for item, state in states.items() for attr, found in state.rows.items()}
    finally:
        kv.close()


def said(client: Client, item: str) -> Any:
    reply = client.get(f"/v1/items/{item}")
    facts = reply.json["facts"] if reply.status == 200 else []
    return {fact["attr_id"]: fact["value_texts"][0] for fact in facts}


def test_results_are_looked_up_at_once_and_changes_agree(own: RunningStack, client: Client) -> None:
    rows = [fact("sku-a", "form", 1, "leaf"), fact("sku-a", "origin", 1, "Fujian")]
    kafka.produce(own.kafka_servers, RESULTS, [results(rows)])
    wait(lambda: said(client, "sku-a"), {"form": "leaf", "origin": "Fujian"})
    kafka.produce(
        own.kafka_servers, CHANGES, [change(rows[0], 1), change(fact("sku-a", "form", 2, "bag"), 2)]
    )
    wait(lambda: said(client, "sku-a"), {"form": "bag", "origin": "Fujian"})
    kafka.produce(own.kafka_servers, RESULTS, [results(rows), results([fact("sku-a", ITEM_ATTR, 3, "")])])
    wait(lambda: client.get("/v1/items/sku-a").json["is_deleted"], True)
    texts = [
        one["row"]["value_texts"] for one in client.get("/v1/items/sku-a/history?attr=form").json["history"]
    ]
    assert texts == [["bag"], ["bag"], ["leaf"]]


def test_the_local_key_is_the_users_alone(own: RunningStack) -> None:
    secret = own.state_dir / "lookup/local.key"
    assert secret.stat().st_mode & 0o077 == 0
    assert secret.read_text("utf-8").strip() not in (own.state_dir / "lookup/keys.toml").read_text("utf-8")
    assert Client(int(own.env["AIIC_LOOKUP_PORT"]), "guess").get("/v1/items/sku-a").status == 401


def test_bad_messages_stop_nothing(own: RunningStack, client: Client) -> None:
    future = replace(fact("sku-b", "form", 1, "x"), version=(NOW_MS + 86_400_000) << 21)
    bad = [("sku-b", b"{"), ("sku-b", None), ("sku-c", results([fact("sku-b", "form", 1, "x")])[1])]
    kafka.produce(
        own.kafka_servers, RESULTS, [*bad, results([future]), results([fact("sku-b", "form", 1, "good")])]
    )
    wait(lambda: said(client, "sku-b"), {"form": "good"})
    lines = client.get("/metrics").body.decode().splitlines()
    refused = {line.split('"')[1] for line in lines if line.startswith("aiic_lookup_refused_total{")}
    assert {"not_json", "no_value", "wrong_key", "future"} <= refused


def test_kill_9_of_consumer_and_service_in_mid_load_loses_nothing(own: RunningStack, client: Client) -> None:
    rng = random.Random(7)
    items = [f"load-{number}" for number in range(40)]
    rows = [
        fact(
            rng.choice(items), rng.choice(["form", "origin", "grade", ITEM_ATTR]), rng.randrange(50),
            rng.choice("abc"), rng.choice(["tea", "tea", "cup"]),
        )
        for _ in range(3_000)
    ]  # fmt: skip
    rows = [
        replace(one, category_id="", is_deleted=True) if one.attr_id == ITEM_ATTR else one for one in rows
    ]
    for number in range(6):
        part = rows[number * 500 : (number + 1) * 500]
        kafka.produce(own.kafka_servers, RESULTS, [results([one]) for one in part])
        if number in (1, 3):
            consumer_of(own).kill()
        if number == 2:
            service = psutil.Process(own.status()["lookup"]["pid"])
            consumer = consumer_of(own)
            service.kill()
            psutil.wait_procs([consumer], timeout=30)
            assert not consumer.is_running(), "the consumer outlives its service"
            again = own.aiic("up", "--only", "lookup")
            assert again.returncode == 0, again.stdout + again.stderr
    kafka.produce(own.kafka_servers, RESULTS, [results([one]) for one in rng.sample(rows, 500)])
    kafka.produce(own.kafka_servers, RESULTS, [results([fact("last", "form", 1, "done")])] * 8)
    wait(lambda: client.get("/readyz").json["lag"], {RESULTS: 0, CHANGES: 0})
    wait(lambda: present(own, items) == settle(rows), True)
    assert client.get("/readyz").status == 200


def test_term_ends_service_and_consumer(own: RunningStack, client: Client) -> None:
    pid, consumer = own.status()["lookup"]["pid"], consumer_of(own)
    os.kill(pid, signal.SIGTERM)
    wait(lambda: psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE, False)
    assert not consumer.is_running() or consumer.status() == psutil.STATUS_ZOMBIE
    assert own.aiic("up", "--only", "lookup").returncode == 0
    wait(lambda: client.get("/readyz").status, 200)
    assert said(client, "sku-b") == {"form": "good"}


def test_a_rebuild_beside_a_running_consumer_is_refused(own: RunningStack, client: Client) -> None:
    refused = own.aiic("serve", "--rebuild")
    assert refused.returncode == 1
    assert "a consumer keeps this store up to date" in refused.stderr


def test_changes_command_reads_once_and_goes_on_by_its_token(own: RunningStack, tmp_path: Path) -> None:
    def changes(*words: str) -> list[Any]:
        shown = own.aiic("changes", "--format", "json", *words)
        assert shown.returncode == 0, shown.stderr
        return [json.loads(line) for line in shown.stdout.splitlines()]

    first, second, third = (f"2026120100000000{n}" for n in range(3))
    news = [
        change(fact("c-1", "form", 1, "a"), 101, first), change(fact("c-2", "form", 1, "b"), 102, first),
        change(fact("c-1", "form", 2, "c"), 103, second),
    ]  # fmt: skip
    kafka.produce(own.kafka_servers, CHANGES, [*news, *news[:2]])
    ours = [one for one in changes("--from-start") if one["commit"] >= first]
    assert sorted(one["sequence"] for one in ours) == [101, 102, 103]
    assert [one["after"]["value_texts"] for one in ours if one["item_id"] == "c-1"] == [["a"], ["c"]]
    assert [one["sequence"] for one in changes("--since", first)] == [103]
    token = tmp_path / "token"
    token.write_text(token_at_end(own.kafka_servers), "utf-8")
    assert changes("--token-file", str(token)) == []
    kafka.produce(own.kafka_servers, CHANGES, [change(fact("c-2", "form", 3, "d"), 104, third)])
    assert [one["sequence"] for one in changes("--token-file", str(token))] == [104]
    assert changes("--token-file", str(token)) == []


def test_messages_zipped_by_any_codec_reach_the_store(own: RunningStack, client: Client) -> None:
    """Our environment has none of the codecs but gzip: the broker unzips what a producer zips."""
    for codec in CODECS:
        key, value = results([fact(f"zipped-{codec}", "form", 1, codec)])
        send_zipped(own.kafka_servers, RESULTS, codec, key, value)
    for codec in CODECS:
        wait(lambda item=f"zipped-{codec}": said(client, item), {"form": codec})


def test_a_zipped_bomb_is_refused_before_any_reader_must_open_it(own: RunningStack, client: Client) -> None:
    def ends(topic: str) -> int:
        with closing(open_log(own.kafka_servers, [topic])) as log:
            return sum(log.ends().values())

    before, broker = ends(RESULTS), own.status()["kafka"]["pid"]
    # One message above the topic's limit, one above the broker's own memory, and many that are each allowed.
    for value_bytes, values in ((64 << 20, 1), (600 << 20, 1), (15 << 20, 60)):
        with pytest.raises((MessageSizeTooLargeError, UnknownError)):
            send_bomb(own.kafka_servers, RESULTS, "bomb", value_bytes, values)
    assert ends(RESULTS) == before
    kafka.ensure_topics(own.kafka_servers, [Topic("as-kafka-makes-it", 1)])
    assert send_bomb(own.kafka_servers, "as-kafka-makes-it", "bomb", 64 << 20) < 100_000
    assert ends("as-kafka-makes-it") == 1, "without our settings it is taken: nothing else refuses it"
    kafka.produce(own.kafka_servers, RESULTS, [results([fact("after-bombs", "form", 1, "well")])])
    wait(lambda: said(client, "after-bombs"), {"form": "well"})
    assert own.status()["kafka"]["pid"] == broker


def test_the_newest_change_is_found_behind_what_is_no_change(own: RunningStack) -> None:
    newest = change(fact("n-1", "form", 1, "a"), 900, "20270101000000000")
    kafka.produce(own.kafka_servers, CHANGES, [newest])
    kafka.produce(own.kafka_servers, CHANGES, [("n-1", junk) for junk in (b"{", b"[" * 9_000, b"{}", None)])
    found = newest_change(own.kafka_servers, CHANGES)
    assert found is not None
    assert (found["item_id"], found["sequence"]) == ("n-1", 900)
    kafka.produce(own.kafka_servers, CHANGES, [("n-1", b"junk")] * TAILS[-1])
    with pytest.raises(KafkaUnavailable, match="100 messages that are no changes"):
        newest_change(own.kafka_servers, CHANGES)


def test_messages_that_left_unread_make_the_service_unready_and_say_so(
    own: RunningStack, client: Client
) -> None:
    """The last that asks the service: it leaves the store behind its topics."""
    assert own.aiic("down", "--only", "lookup").returncode == 0
    kafka.produce(
        own.kafka_servers, RESULTS, [results([fact(f"gone-{n}", "form", 1, "x")]) for n in range(20)]
    )
    with closing(KafkaAdminClient(bootstrap_servers=own.kafka_servers)) as admin:
        log = open_log(own.kafka_servers, [RESULTS])
        admin.delete_records({TopicPartition(*place): end for place, end in log.ends().items()})
        log.close()
    assert own.aiic("up", "--only", "lookup").returncode == 0
    wait(lambda: "begin again from the table" in str(client_of(own).get("/readyz").json["why_not"]), True)
    assert client_of(own).get("/readyz").status == 503
    assert said(client_of(own), "sku-b") == {"form": "good"}


def test_a_token_whose_place_has_left_the_topic_is_refused_and_kept(
    own: RunningStack, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.write_text(token_at_end(own.kafka_servers), "utf-8")
    before = token.read_text("utf-8")
    kafka.produce(
        own.kafka_servers, CHANGES, [change(fact(f"t-{n}", "form", 1, "a"), 1_000 + n) for n in range(20)]
    )
    with (
        closing(KafkaAdminClient(bootstrap_servers=own.kafka_servers)) as admin,
        closing(open_log(own.kafka_servers, [CHANGES])) as log,
    ):
        admin.delete_records({TopicPartition(*place): end for place, end in log.ends().items()})
    shown = own.aiic("changes", "--token-file", str(token))
    assert (shown.returncode, shown.stdout) == (1, "")
    assert "was read up to" in shown.stderr and "begin again from the table" in shown.stderr
    assert token.read_text("utf-8") == before, "what was missed must not look read"


def test_no_broker_no_table_and_no_key_say_what_to_do(tmp_path: Path) -> None:
    env = {**own_settings(tmp_path), "AIIC_WAREHOUSE": str(tmp_path / "none")}
    nowhere = running_stack(env)
    for words, said_to in (
        (("changes",), "run `./aiic up --only kafka`"),
        (("serve", "--rebuild"), "run `./aiic up --only kafka`"),
        (("serve", "--new-key", "a b"), "use letters"),
    ):
        shown = nowhere.aiic(*words)
        assert (shown.returncode, said_to in shown.stderr) == (1, True), shown.stderr
    made = nowhere.aiic("serve", "--new-key", "me")
    assert (made.returncode, len(made.stdout.strip())) == (0, 43)
    assert "remove it there first" in nowhere.aiic("serve", "--new-key", "me").stderr
