"""A look at every part: what is shown of parts that work, that are away, that hang, and that answer nonsense."""

from __future__ import annotations

import argparse
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Counter

from infra.http_keys import ApiKey, digest_of
from infra.http_look import NoAnswer, get_json, get_text
from infra.kv import open_kv
from infra.local.config import load_config
from infra.status_page import healthy, look, status_page
from jobs.cli import main
from jobs.operations.exporter import Newest, serve_metrics
from jobs.operations.kafka_probe import KafkaProbe
from jobs.operations.look import Looker
from jobs.operations.places import Places, add_places, local_places, named_places
from jobs.operations.probes import (
    algorithms_part,
    daily_part,
    lookup_part,
    merge_part,
    model_part,
    probes,
    stream_part,
)
from jobs.operations.table import tables
from jobs.services.algorithms import algorithms_app
from jobs.services.algorithms_work import Algorithms
from jobs.services.lookup import LookupConfig, lookup_app
from jobs.services.ontologies import Ontologies
from pipelines.tunnel.merge import MergeResult
from pipelines.tunnel.merge_stream import MergeStatus, prometheus
from pipelines.tunnel.operations import DOWN, SICK, SLOW, UP, Part, Sample, page, samples_of
from pipelines.tunnel.store_follow import FollowStatus, status_bytes
from pipelines.tunnel.store_knowledge import KnowledgeStore
from schemas.contract import contract_of
from schemas.report import RunReport
from schemas.topics import CHANGES, RESULTS
from tests.http_service import served
from tests.ports import free_ports
from tests.promql import names_on
from tests.unit.pipelines.library import small
from tests.unit.pipelines.library.test_s2d import Model, recogniser

NOW_MS = 1_790_000_000_000
JOB = "aiic-nearline-item-knowledge"
FLINK = {
    "/overview": {"slots-total": 4},
    "/jobs/overview": {
        "jobs": [{"jid": "j", "name": JOB, "state": "RUNNING", "start-time": NOW_MS - 90_000}]
    },
    "/jobs/j/metrics?get=numRestarts": [{"id": "numRestarts", "value": "2"}],
    "/jobs/j/checkpoints": {"latest": {"completed": {"latest_ack_timestamp": NOW_MS - 4_000}}},
    "/jobs/j": {"vertices": [{"id": "v"}]},
    "/jobs/j/vertices/v/subtasks/metrics": [{"id": "0.tally.aiic_remembered"}, {"id": "0.x.numRecordsIn"}],
    "/jobs/j/vertices/v/subtasks/metrics?agg=sum&get=0.tally.aiic_remembered": [
        {"id": "0.tally.aiic_remembered", "sum": 7.0}
    ],
}
"""What the cluster's REST interface answers, as it was seen; a real cluster is asked in tests/integration."""
VLLM = """# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="discriminator"} 3.0
vllm:num_requests_waiting{engine="0",model_name="discriminator"} 1.0
# TYPE vllm:prompt_tokens_total counter
vllm:prompt_tokens_total{engine="0"} 600.0
vllm:prompt_tokens_total{engine="1"} 400.0
# TYPE vllm:generation_tokens_total counter
vllm:generation_tokens_total{engine="0"} 50.0
# TYPE vllm:prefix_cache_queries_total counter
vllm:prefix_cache_queries_total{engine="0"} 1000.0
# TYPE vllm:prefix_cache_hits_total counter
vllm:prefix_cache_hits_total{engine="0"} 250.0
# TYPE vllm:request_success_total counter
vllm:request_success_total{finished_reason="stop"} 40.0
vllm:request_success_total{finished_reason="length"} 2.0
"""


@contextmanager
def pages(found: dict[str, object]) -> Iterator[str]:
    """A small server of fixed pages."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = found.get(self.path)
            body = (answer if isinstance(answer, str) else json.dumps(answer)).encode()
            self.send_response(404 if answer is None else 200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def by_name(part: Part) -> dict[str, float]:
    return {f"{one.name}{sorted(one.labels.values())}": one.value for one in part.samples}


@pytest.fixture
def nowhere(tmp_path: Path) -> Places:
    """Places where nobody is."""
    [port] = free_ports(1)
    at = f"http://127.0.0.1:{port}"
    return Places(f"127.0.0.1:{port}", at, at, at, at, at, at, at, tmp_path)


def test_a_stream_job_by_flinks_rest_interface() -> None:
    with pages(dict(FLINK)) as url:
        found = stream_part(url, "nearline", lambda: NOW_MS)
        gone = stream_part(url, "realtime", lambda: NOW_MS)
    assert (found.state, found.detail) == (UP, "running, 2 restarts, checkpoint 4 s ago")
    assert by_name(found) == {
        "aiic_stream_up['nearline']": 1,
        "aiic_stream_restarts['nearline']": 2,
        "aiic_stream_checkpoint_age_seconds['nearline']": 4,
        "aiic_stream_items_total['nearline', 'remembered']": 7,
    }
    assert (gone.state, by_name(gone)) == (DOWN, {"aiic_stream_up['realtime']": 0})
    assert "./aiic stream start realtime" in gone.detail


def test_a_job_without_a_checkpoint_counts_from_its_start() -> None:
    restarting = {"jobs": [{"jid": "j", "name": JOB, "state": "RESTARTING", "start-time": NOW_MS - 90_000}]}
    with pages(
        FLINK | {"/jobs/overview": restarting, "/jobs/j/checkpoints": {"latest": {"completed": None}}}
    ) as url:
        found = stream_part(url, "nearline", lambda: NOW_MS)
    assert (found.state, found.detail) == (SICK, "restarting, 2 restarts, no checkpoint yet")
    assert by_name(found)["aiic_stream_checkpoint_age_seconds['nearline']"] == 90


def test_the_merge_by_its_page() -> None:
    status = MergeStatus()
    status.merged(MergeResult(3, 3, 2, 2, "20261101000000000"), [("nearline", 1_000)], 3_000)
    status.note(lag_messages=12.0, problem=None)
    with status_page("127.0.0.1", 0, status.told, prometheus) as port:
        well = merge_part(f"http://127.0.0.1:{port}")
        status.note(problem="no broker")
        sick = merge_part(f"http://127.0.0.1:{port}")
    assert (well.state, well.detail, sick.state, sick.detail) == (
        UP,
        "1 commits, 2 rows written",
        SICK,
        "no broker",
    )
    assert by_name(well) == {f"aiic_lag_messages['{RESULTS}', 'merge']": 12}


def test_the_lookup_service_by_its_readiness(tmp_path: Path) -> None:
    store = KnowledgeStore(open_kv(str(tmp_path / "kv")))
    term = store.begin_term()
    status = FollowStatus(NOW_MS, NOW_MS, NOW_MS, lag={RESULTS: 4, CHANGES: 0}, changed_rows=1_234)
    store.note("status", status_bytes(status), term)
    app = lookup_app(
        store, Ontologies(tmp_path), [ApiKey("k", digest_of("key"))], LookupConfig(), lambda: NOW_MS
    )
    with served(app, "key") as client:
        well = lookup_part(f"http://127.0.0.1:{client.port}")
        store.note("status", status_bytes(replace(status, problem="no topic")), term)
        sick = lookup_part(f"http://127.0.0.1:{client.port}")
    store.kv.close()
    assert (well.state, well.detail) == (UP, "1,234 rows changed since its start")
    assert by_name(well)[f"aiic_lag_messages['{RESULTS}', 'lookup']"] == 4
    assert (sick.state, sick.detail) == (SICK, "no topic")


def test_the_algorithm_service_by_its_readiness_and_its_counts(tmp_path: Path) -> None:
    registry = CollectorRegistry()
    pairs = Counter("aiic_pairs_total", "Pairs.", ["method"], registry=registry)
    found = recogniser(tmp_path, 0.95, "off", Model("[]"))
    service = Algorithms(found, found, small.snapshot(), pairs)
    with served(algorithms_app(service, [ApiKey("k", digest_of("key"))], registry), "key") as client:
        url = f"http://127.0.0.1:{client.port}"
        assert algorithms_part(url).detail == "ready, 0 pairs answered since its start"
        asked = {"listings": [{"title": "Red ceramic mug", "category_id": "mugs"}]}
        [told] = client.post("/v1/algorithms/attributes", asked).json["answers"]
        part = algorithms_part(url)
    answered = len(told["answers"])
    assert answered > 1
    assert (part.state, part.detail) == (UP, f"ready, {answered} pairs answered since its start")
    assert part.facts["aiic_pairs_total"] == answered


def test_a_model_server_by_its_own_metrics() -> None:
    with pages({"/metrics": VLLM}) as url:
        found = model_part("discriminator", url)
    assert (found.state, found.detail) == (UP, "3 requests at work, 1 waiting")
    assert found.facts["vllm:prompt_tokens_total"] == 1_000
    assert found.facts["vllm:request_success_total"] == 42


def test_the_newest_daily_run(nowhere: Places) -> None:
    assert daily_part(nowhere, lambda: NOW_MS).state == DOWN
    report = dict(contract_of(RunReport).valid.value)
    folder = nowhere.warehouse / "offline/2026-11-01/abc"
    folder.mkdir(parents=True)
    (folder / "report.json").write_text(json.dumps(report), "utf-8")
    found = daily_part(nowhere, lambda: int(report["finished_ms"]) + 3_600_000)
    assert (found.state, by_name(found)["aiic_daily_age_seconds[]"]) == (UP, 3_600)
    report["counts"] = dict(report["counts"]) | {"shards_unfinished": 2}
    (folder / "report.json").write_text(json.dumps(report), "utf-8")
    assert "2 shards unfinished" in daily_part(nowhere, lambda: NOW_MS).detail


def test_parts_that_are_away_say_how_they_are_started(nowhere: Places) -> None:
    kafka = KafkaProbe(nowhere.kafka, lambda: NOW_MS)
    parts = {part.name: part for part in Looker(probes(nowhere, kafka, lambda: NOW_MS), 20.0).look()}
    assert {part.state for part in parts.values()} == {DOWN}
    for name, remedy in (
        ("kafka", "up --only kafka"), ("nearline", "up --only flink"), ("merge", "merge --follow"),
        ("lookup", "up --only lookup"), ("encoder", "up --only encoder"), ("daily", "run --day"),
        ("algorithms", "serve algorithms --ontology"),
    ):  # fmt: skip
        assert f"`./aiic {remedy}" in parts[name].detail, parts[name].detail


def test_parts_that_answer_nonsense_are_sick_and_hurt_no_other(nowhere: Places) -> None:
    nonsense = {"/overview": "{}", "/jobs/overview": "[]", "/status": '{"lag_messages": "x"}', "/readyz": "[]", "/metrics": "{{{"}  # fmt: skip
    with pages(dict(nonsense)) as url:
        places = replace(
            nowhere,
            realtime=url,
            nearline=url,
            merge=url,
            lookup=url,
            algorithms=url,
            encoder=url,
            discriminator=url,
        )
        kafka = KafkaProbe(nowhere.kafka, lambda: NOW_MS)
        found = {part.name: part for part in Looker(probes(places, kafka, lambda: NOW_MS), 20.0).look()}
    for name in ("nearline", "realtime", "merge", "lookup", "algorithms", "encoder"):
        assert (found[name].state, "something else than expected" in found[name].detail) == (SICK, True), name


def test_a_part_that_hangs_is_slow_and_is_waited_for_by_the_next_look() -> None:
    go, looks = threading.Event(), []

    def hanging() -> Part:
        looks.append(1)
        go.wait(30)
        return Part("a", UP, "at last")

    def broken() -> Part:
        raise RuntimeError("oops")

    looker = Looker({"a": hanging, "b": broken, "c": lambda: Part("c", UP)}, 0.3)
    began = time.monotonic()
    first = looker.look()
    assert time.monotonic() - began < 5
    assert [(part.name, part.state) for part in first] == [("a", SLOW), ("b", SICK), ("c", UP)]
    assert "RuntimeError: oops" in first[1].detail
    assert looker.look()[0].state == SLOW
    go.set()
    looker.limit_s = 20.0
    assert looker.look()[0] == Part("a", UP, "at last")
    assert len(looks) == 1


def test_a_page_that_drips_or_is_no_json_is_no_answer() -> None:
    with pages({"/x": "not json"}) as url:
        with pytest.raises(NoAnswer, match="not JSON"):
            get_json(f"{url}/x", 5)
        with pytest.raises(NoAnswer, match="answers 404"):
            get_text(f"{url}/none", 5)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(NoAnswer):
        get_text(f"http://127.0.0.1:{silent.getsockname()[1]}/", 0.2)


def test_the_exporter_serves_the_newest_look_and_says_when_it_is_old() -> None:
    now = [NOW_MS]
    newest = Newest(lambda: now[0], 1_000)
    assert newest.told()["problem"] == "starting"
    newest.keep([Part("merge", UP, samples=[Sample("aiic_stream_up", 1.0, {"tier": "nearline"})])])
    assert newest.told()["problem"] is None
    assert names_on([newest.page({})]) == {
        "aiic_part_up": {"part"}, "aiic_look_timestamp_seconds": set(), "aiic_stream_up": {"tier"},
    }  # fmt: skip
    now[0] += 6_000
    assert "not been looked at" in str(newest.told()["problem"])


def test_the_exporter_over_http(nowhere: Places) -> None:
    stop, said, found = threading.Event(), list[str](), list[bool]()
    newest = Newest(lambda: NOW_MS, 10_000)
    looker = Looker({"a": lambda: Part("a", UP, "well")}, 5.0)
    args = (looker, newest, "127.0.0.1", 0, stop, said.append)
    thread = threading.Thread(target=serve_metrics, args=args, daemon=True)
    thread.start()
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (said and newest.told()["parts"]):
        time.sleep(0.02)
    url = said[0].split()[2].removesuffix(";").removesuffix("/metrics")
    assert get_text(f"{url}/metrics", 10) == page(samples_of([Part("a", UP, "well")], NOW_MS))
    assert healthy(url, 10)
    told = look(url, 10) or {}
    assert told["parts"] == [{"name": "a", "state": "up", "detail": "well", "samples": [], "facts": {}}]
    stop.set()
    thread.join(30)
    assert not thread.is_alive(), found


def test_tables_show_what_is_there_and_leave_out_what_is_not() -> None:
    tier = {"tier": "realtime"}
    parts = [
        Part("kafka", UP, "6 topics", [
            Sample("aiic_lag_messages", 1_200, {"reader": "nearline", "topic": "item-events"}),
            Sample("aiic_freshness_seconds", 0.84, tier | {"place": "lookup", "quantile": "0.5"}),
            Sample("aiic_freshness_seconds", 2.5, tier | {"place": "lookup", "quantile": "0.99"}),
            Sample("aiic_newest_age_seconds", 65.0, tier | {"place": "lookup"}),
            Sample("aiic_dead_letters", 3, {"topic": "item-events", "reason": "not\x1b[31mjson"}),
        ]),
        Part("realtime", SICK, "restarting\x1b[2J", [
            Sample("aiic_stream_items_total", 30, tier | {"outcome": "remembered"}),
            Sample("aiic_stream_items_total", 90, tier | {"outcome": "recognised"}),
            Sample("aiic_stream_pairs_total", 5, tier | {"method": "lent"}),
            Sample("aiic_stream_pairs_total", 15, tier | {"method": "discriminator"}),
            Sample("aiic_stream_tokens_total", 500, tier | {"kind": "prompt"}),
        ]),
        Part("discriminator", UP, "", (), {
            "vllm:prompt_tokens_total": 1_000, "vllm:generation_tokens_total": 50, "vllm:prefix_cache_queries_total": 1_000,
            "vllm:prefix_cache_hits_total": 250, "vllm:request_success_total": 42,
        }),
    ]  # fmt: skip
    assert tables(parts) == "\n".join([
        "part           state  what it says",
        "kafka          up     6 topics",
        "realtime       sick   restarting\\x1b[2J",
        "discriminator  up",
        "",
        "lag: reader  topic        messages",
        "nearline     item-events  1,200",
        "",
        "freshness: tier  event to lookup p50  p99   event to table p50  p99  newest",
        "realtime         0.8s                 2.5s  -                   -    1m05s ago",
        "",
        "cache                             asked  hits  share",
        "prefixes, discriminator (tokens)  1,000  250   25%",
        "equal texts, realtime (items)     120    30    25%",
        "pairs kept or lent, realtime      20     5     25%",
        "",
        "tokens                         requests  prompt  cached  generated",
        "discriminator since its start  42        1,000   250     50",
        "realtime                       0         500     0       0",
        "",
        "dead letters: topic  reason           letters",
        "item-events          not\\x1b[31mjson  3",
    ])  # fmt: skip


def test_status_as_json_and_brief(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], nowhere: Places
) -> None:
    monkeypatch.setenv("AIIC_STACK_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("AIIC_WAREHOUSE", str(tmp_path / "none"))
    for name in ("KAFKA", "DISCRIMINATOR", "ENCODER", "FLINK", "LOOKUP", "MERGE"):
        monkeypatch.setenv(f"AIIC_{name}_PORT", nowhere.kafka.partition(":")[2])
    assert main(["status", "--json", "--limit", "30"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert {one["name"]: one["health"] for one in found["components"]} == {
        "kafka": "down", "encoder": "down", "discriminator": "down",
    }  # fmt: skip
    assert {one["name"]: one["state"] for one in found["parts"]}["merge"] == DOWN
    assert main(["status", "--brief"]) == 1
    assert "what it says" not in capsys.readouterr().out
    assert main(["status", "--limit", "30"]) == 1
    shown = capsys.readouterr()
    assert "`./aiic merge --follow`" in shown.out and "Traceback" not in shown.out + shown.err


def test_places_of_the_stack_and_elsewhere(tmp_path: Path) -> None:
    env = {
        "AIIC_ENCODER_URL": "http://models.example:8001/v1",
        "AIIC_MERGE_PORT": "7",
        "AIIC_ALGORITHMS_PORT": "8",
        "AIIC_WAREHOUSE": str(tmp_path),
    }
    found = local_places(load_config(env=env), env)
    assert (found.encoder, found.merge, found.warehouse) == (
        "http://models.example:8001", "http://127.0.0.1:7", tmp_path,
    )  # fmt: skip
    assert (found.discriminator, found.algorithms) == ("http://127.0.0.1:18100", "http://127.0.0.1:8")
    # Both services run on one machine, each at its own port.
    alone = local_places(load_config(env={}), {})
    assert (alone.lookup, alone.algorithms) == ("http://127.0.0.1:18200", "http://127.0.0.1:18201")
    parser = argparse.ArgumentParser()
    add_places(parser)
    given = parser.parse_args(["--flink", "http://f:1/", "--realtime", "http://r:2", "--kafka", "k:9092"])
    named = named_places(given, found)
    assert (named.kafka, named.nearline, named.realtime, named.merge) == (
        "k:9092", "http://f:1", "http://r:2", "http://127.0.0.1:7",
    )  # fmt: skip


def test_metrics_once_prints_the_page(nowhere: Places, capsys: pytest.CaptureFixture[str]) -> None:
    words = [f"--{name}={getattr(nowhere, name)}" for name in ("kafka", "merge", "lookup", "encoder")]
    words += [
        f"--flink={nowhere.nearline}",
        f"--discriminator={nowhere.discriminator}/v1",
        f"--warehouse={nowhere.warehouse}",
        "--limit",
        "30",
    ]
    assert main(["metrics", "--once", *words]) == 0
    page_of = capsys.readouterr().out
    assert 'aiic_part_up{part="kafka"} 0' in page_of and 'aiic_stream_up{tier="nearline"} 0' in page_of
