"""The dashboard and the alarms: every metric that they name is one that a part really prints, every alarm is explained."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry, Counter

from infra.deploy import dashboard
from infra.http_keys import ApiKey, digest_of
from infra.http_look import get_text
from infra.kv import open_kv
from infra.status_page import status_page
from jobs.services.algorithms import algorithms_app
from jobs.services.algorithms_work import Algorithms
from jobs.services.lookup import LookupConfig, lookup_app
from jobs.services.ontologies import Ontologies
from pipelines.tunnel.merge import MergeResult
from pipelines.tunnel.merge_stream import MergeStatus, prometheus
from pipelines.tunnel.operations import METRICS
from pipelines.tunnel.store_follow import FollowStatus, status_bytes
from pipelines.tunnel.store_knowledge import KnowledgeStore
from schemas.dead_letter import DeadLetter
from schemas.topics import CHANGES, RESULTS
from tests.http_service import served
from tests.promql import OF_THE_SCRAPE, labels_in, metrics_in, names_on
from tests.unit.pipelines.library import small
from tests.unit.pipelines.library.test_s2d import Model, recogniser

ROOT = Path(__file__).resolve().parents[3]
RULES = ROOT / "infra/deploy/prometheus/alerts.yml"
SCRAPED = ROOT / "infra/deploy/prometheus/prometheus.yml"
VLLM = "vllm:"
"""vLLM's own metrics: tests/integration/test_operations.py checks them against the real server."""


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text("utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def queries() -> list[str]:
    panels = json.loads(dashboard.FILE.read_text("utf-8"))["panels"]
    shown = [target["expr"] for panel in panels for target in panel.get("targets", [])]
    return [one.replace("$__rate_interval", "5m") for one in shown] + [rule["expr"] for rule in rules()]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """What lookup, algorithms and merge print, over HTTP, after some work of each."""
    home = tmp_path_factory.mktemp("pages")
    yield [_lookup(home), _algorithms(home), _merge()]


def _lookup(home: Path) -> str:
    store = KnowledgeStore(open_kv(str(home / "kv")))
    told = FollowStatus(
        1, 2, 3, lag={RESULTS: 4, CHANGES: 0}, read={RESULTS: 5}, refused={"not_json": 1}, changed_rows=6
    )
    store.note("status", status_bytes(told), store.begin_term())
    app = lookup_app(store, Ontologies(home), [ApiKey("k", digest_of("key"))], LookupConfig())
    with served(app, "key") as client:
        assert client.get("/v1/items/none").status == 404
        assert client.ask("GET", "/v1/items/none", headers={}).status == 401
        page = client.get("/metrics").body.decode()
    store.kv.close()
    return page


def _algorithms(home: Path) -> str:
    registry = CollectorRegistry()
    pairs = Counter("aiic_pairs_total", "Pairs.", ["method"], registry=registry)
    found = recogniser(home, 0.95, "off", Model("[]"))
    service = Algorithms(found, found, small.snapshot(), pairs)
    with served(algorithms_app(service, [ApiKey("k", digest_of("key"))], registry), "key") as client:
        body = {"listings": [{"title": "Red ceramic mug", "category_id": "mugs"}]}
        assert client.post("/v1/algorithms/attributes", body).status == 200
        return client.get("/metrics").body.decode()


def _merge() -> str:
    status = MergeStatus()
    status.merged(MergeResult(3, 3, 2, 2, "20261101000000000"), [("nearline", 1_000)], 3_000)
    status.refused([DeadLetter(RESULTS, 0, 0, None, "not_json", "", "", 0, 0)])
    status.note(unpublished=0, waiting_files=0, lag_messages=0.0, batch_s=1.5, problem=None)
    with status_page("127.0.0.1", 0, status.told, prometheus) as port:
        return get_text(f"http://127.0.0.1:{port}/metrics", 10)


def test_the_file_is_what_the_panels_make() -> None:
    assert dashboard.FILE.read_text("utf-8") == dashboard.text(), "run `python -m infra.deploy.dashboard`"


def test_every_metric_named_is_one_that_is_printed(pages: list[str]) -> None:
    printed = set(names_on(pages)) | {plan.name for plan in METRICS}
    named = set[str]().union(*map(metrics_in, queries()))
    assert {name for name in named - printed if not name.startswith(VLLM)} == set()
    assert len(named) > 40
    assert {plan.name for plan in METRICS} - named == {"aiic_daily_items"}, "an idle metric, or a panel gone"


def test_every_label_chosen_by_is_one_of_the_metric(pages: list[str]) -> None:
    printed = names_on(pages)
    wrong = [
        (metric, label)
        for query in queries()
        for metric, label in labels_in(query)
        if metric in printed and label not in printed[metric] | OF_THE_SCRAPE
    ]
    assert wrong == []


def test_the_reading_of_queries_finds_what_is_wrong() -> None:
    assert metrics_in('sum by (le) (rate(a_b{job="x"}[5m])) > 0.5 and on(tier) gone == 1') == {"a_b", "gone"}
    assert metrics_in("histogram_quantile(0.99, sum by (le, job) (rate(vllm:x_bucket[5m])))") == {
        "vllm:x_bucket"
    }
    assert list(labels_in('a{tier=~"x|y",place!="z"} > b{q="1"}')) == [
        ("a", "tier"),
        ("a", "place"),
        ("b", "q"),
    ]
    assert names_on(['# TYPE a counter\na{x="1",y="2"} 3\nb 4\n']) == {"a": {"x", "y"}, "b": set()}


def test_every_alarm_has_a_chapter_and_every_chapter_an_alarm() -> None:
    chapters: dict[str, str] = {}
    for rule in rules():
        path, _, anchor = rule["annotations"]["runbook"].partition("#")
        text = (ROOT / path).read_text("utf-8")
        found = {
            title.lower(): body
            for title, body in re.findall(r"^### (\w+)\n(.+?)(?=\n#|\Z)", text, re.M | re.S)
        }
        assert anchor == rule["alert"].lower()
        assert "Look at" in found.get(anchor, "") or "says" in found.get(anchor, ""), (
            f"{path}: {rule['alert']}"
        )
        assert "Do" in found[anchor], f"{rule['alert']}: what is to be done?"
        chapters |= found
    assert set(chapters) == {rule["alert"].lower() for rule in rules()}


def test_alarms_are_whole() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(names) == len(set(names)) >= 15
    for rule in rules():
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"]["summary"]
        assert rule["expr"].count("(") == rule["expr"].count(")")


def test_jobs_that_queries_choose_are_scraped() -> None:
    scraped = {one["job_name"] for one in yaml.safe_load(SCRAPED.read_text("utf-8"))["scrape_configs"]}
    chosen = {
        job
        for query in queries()
        for jobs in re.findall(r'job=~?"([^"]+)"', query)
        for job in jobs.split("|")
    }
    assert chosen <= scraped
    assert {"lookup", "algorithms", "discriminator"} <= chosen


def test_panels_do_not_overlap_and_ids_are_unique() -> None:
    panels = dashboard.dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= dashboard.COLUMNS
        taken |= cells
