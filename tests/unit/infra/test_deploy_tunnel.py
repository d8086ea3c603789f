"""Streams and services on Kubernetes: schemas, rules, and whether our own commands understand what the manifests say."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from infra.deploy.check import faults
from infra.deploy.flink_kubernetes import API, TIERS, flink_manifests
from infra.deploy.kubernetes import serving_manifests
from infra.deploy.profile import NAMES, load_profile
from infra.deploy.render import render
from infra.deploy.tunnel import FILE, load_tunnel
from infra.deploy.tunnel_kubernetes import SETTINGS, settings, tunnel_manifests, workloads
from infra.deploy.typed import ProfileError
from infra.local.config import load_config
from infra.local.flink import cluster_settings
from jobs.cli import build_parser, main
from jobs.operations.places import local_places, named_places
from jobs.streaming.arguments import parse
from pipelines.tunnel.stream_config import StreamConfig
from schemas.topics import TOPICS

ROOT = Path(__file__).resolve().parents[3]
KUBERNETES = ("1.29", "1.35")
FLINK_SETTINGS = (
    "state.backend.type", "execution.checkpointing.incremental", "restart-strategy.type",
    "restart-strategy.exponential-delay.max-backoff", "execution.checkpointing.externalized-checkpoint-retention",
)  # fmt: skip


def manifests(name: str = "cpu") -> list[dict[str, Any]]:
    profile, tunnel = load_profile(name), load_tunnel()
    found = [*tunnel_manifests(profile, tunnel, ""), *flink_manifests(profile, tunnel, "")]
    return copy.deepcopy(found)


def named(found: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    return next(one for one in found if (one["kind"], one["metadata"]["name"]) == (kind, f"aiic-{name}"))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("version", KUBERNETES)
def test_manifests_keep_to_the_schemas_of_kubernetes(name: str, version: str) -> None:
    text = render(load_profile(name), "registry.example/")["kubernetes/tunnel.yaml"]
    assert not any(mark in text for mark in ("&id", "*id"))
    found = list(yaml.safe_load_all(text))
    for one in found:
        if one["apiVersion"] == API:
            # The operator's own resource: what Kubernetes knows of it is its pods.
            pod = one["spec"]["podTemplate"]
            metadata = {"name": "pod", **pod["metadata"]}
            containers = [{"image": "i", **container} for container in pod["spec"]["containers"]]
            whole = {**pod, "metadata": metadata, "spec": {**pod["spec"], "containers": containers}}
            kubernetes_validate.validate(whole, version, strict=True)
        else:
            kubernetes_validate.validate(one, version, strict=True)
    kinds = [one["kind"] for one in found]
    assert {kind: kinds.count(kind) for kind in ("Deployment", "Service", "FlinkDeployment", "RoleBinding")} == {
        "Deployment": 5, "Service": 5, "FlinkDeployment": 2, "RoleBinding": 1,
    }  # fmt: skip
    images = set(re.findall(r"image: (\S+)", text))
    assert images == {f"registry.example/{load_tunnel().image}"}


def test_prometheus_finds_and_reaches_every_pod_that_serves() -> None:
    profile = load_profile("cpu")
    found = [*manifests(), *serving_manifests(profile, "")]
    policies = {
        json.dumps(one["spec"]["podSelector"]["matchLabels"], sort_keys=True): one["spec"]["ingress"][0][
            "from"
        ]
        for one in found
        if one["kind"] == "NetworkPolicy"
    }
    for one in (one for one in found if one["kind"] == "Deployment"):
        template = one["spec"]["template"]
        port = template["spec"]["containers"][0]["ports"][0]["containerPort"]
        assert template["metadata"]["annotations"] == {
            "prometheus.io/scrape": "true",
            "prometheus.io/port": str(port),
        }
        callers = policies[json.dumps(one["spec"]["selector"]["matchLabels"], sort_keys=True)]
        assert {"app.kubernetes.io/name": "prometheus"} in [
            who["podSelector"]["matchLabels"] for who in callers
        ]


def test_a_writer_is_never_there_twice() -> None:
    found = manifests()
    for name in ("merge", "lookup-writer"):
        spec = named(found, "Deployment", name)["spec"]
        assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    assert named(found, "Deployment", "lookup")["spec"]["strategy"]["type"] == "RollingUpdate"


def test_our_commands_understand_the_deployments_words() -> None:
    tunnel = load_tunnel()
    given = {one.name: list(one.words) for one in workloads(load_profile("cpu"), tunnel)}
    assert given["merge"][:2] == ["-m", "jobs.streaming.merge"]
    args, _, _ = parse(given["merge"][2:])
    assert (args.kafka, args.host, args.port, str(args.warehouse)) == (
        tunnel.kafka, "0.0.0.0", tunnel.merge.port, "/data/warehouse",
    )  # fmt: skip
    parsed = {}
    for name in ("lookup-writer", "lookup", "algorithms", "metrics"):
        assert given[name][:2] == ["-m", "jobs.cli"]
        parsed[name] = build_parser().parse_args(given[name][2:])
        assert parsed[name].host == "0.0.0.0"
    assert (parsed["lookup"].no_follow, parsed["lookup-writer"].no_follow) == (True, False)
    assert (parsed["algorithms"].service, parsed["algorithms"].ontology) == ("algorithms", tunnel.ontology)
    places = named_places(parsed["metrics"], local_places(load_config(env={}), {}))
    services = {
        f"http://{one['metadata']['name']}.item-center.svc:{one['spec']['ports'][0]['port']}"
        for one in manifests()
        if one["kind"] == "Service"
    }
    assert {places.merge, places.lookup, places.algorithms} <= services
    assert {places.nearline, places.realtime} == {
        f"http://aiic-{tier}-rest.item-center.svc:8081" for tier in TIERS
    }


def test_the_variables_lead_the_services_to_kafka_and_store() -> None:
    tunnel = load_tunnel()
    config = load_config(env=settings(tunnel))
    assert (config.kafka_servers, config.lookup.store) == (tunnel.kafka, tunnel.store)
    referred = {
        source["configMapRef"]["name"]
        for one in manifests()
        if one["kind"] == "Deployment"
        for source in one["spec"]["template"]["spec"]["containers"][0]["envFrom"]
    }
    assert referred == {SETTINGS, "aiic-inference-endpoints"}


@pytest.mark.parametrize("tier", TIERS)
def test_a_stream_job_understands_its_settings(tier: str) -> None:
    spec = named(manifests(), "FlinkDeployment", tier)["spec"]
    assert spec["job"]["args"][:3] == ["-py", f"/app/jobs/{tier}/item_knowledge.py", "--config"]
    assert (ROOT / "jobs" / tier / "item_knowledge.py").exists()
    config = StreamConfig.of_json(spec["job"]["args"][3])
    tunnel = load_tunnel()
    assert (config.servers, config.warehouse, config.parallelism) == (tunnel.kafka, "/data/warehouse", 2)
    assert config.parallelism == spec["job"]["parallelism"]
    assert config.checkpoints == spec["flinkConfiguration"]["execution.checkpointing.dir"]
    assert config.parallelism <= min(plan.partitions for plan in TOPICS if plan.name == "item-events")


def test_flink_keeps_state_as_the_local_cluster_does() -> None:
    local = yaml.safe_load(cluster_settings(load_config(env={})))
    for tier in TIERS:
        given = named(manifests(), "FlinkDeployment", tier)["spec"]["flinkConfiguration"]
        assert {name: given[name] for name in FLINK_SETTINGS} == {
            name: local[name] for name in FLINK_SETTINGS
        }


def flink(found: list[dict[str, Any]]) -> dict[str, Any]:
    spec = named(found, "FlinkDeployment", "nearline")["spec"]
    assert isinstance(spec, dict)
    return spec


def container(found: list[dict[str, Any]]) -> dict[str, Any]:
    made = named(found, "Deployment", "lookup")["spec"]["template"]["spec"]["containers"][0]
    assert isinstance(made, dict)
    return made


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda all: flink(all).update(flinkVersion="2.2"), "flinkVersion is '2.2'"),
        (lambda all: flink(all).update(replicas=2), "unknown spec.replicas"),
        (lambda all: flink(all)["job"].update(pyFile="x"), "unknown spec.job.pyFile"),
        (lambda all: flink(all)["job"].update(upgradeMode="never"), "upgradeMode is 'never'"),
        (lambda all: flink(all)["flinkConfiguration"].update(x=1), "x is no text"),
        (lambda all: flink(all)["flinkConfiguration"].pop("high-availability.storageDir"), "storageDir is not set"),
        (
            lambda all: flink(all)["flinkConfiguration"].update({"execution.checkpointing.dir": "file:///tmp/c"}),
            "execution.checkpointing.dir lies on no volume",
        ),
        (lambda all: flink(all)["jobManager"]["resource"].update(memory="2Gi"), "jobManager needs"),
        (lambda all: flink(all).update(serviceAccount="default"), "account default is bound to no role"),
        (
            lambda all: flink(all)["podTemplate"]["spec"]["containers"][0].update(name="main"),
            "looks for flink-main-container",
        ),
        (lambda all: flink(all)["podTemplate"]["spec"]["securityContext"].clear(), "runs as root"),
        (lambda all: flink(all)["podTemplate"]["spec"]["volumes"].clear(), "mounts warehouse, which is no volume"),
        (lambda all: flink(all)["podTemplate"]["metadata"]["labels"].clear(), "selects the pods of 0 workloads"),
        (lambda all: container(all)["args"].remove("--port"), "do not say on which --port"),
        (lambda all: container(all)["ports"][0].update(containerPort=9), "listens on 18200"),
        (lambda all: container(all).pop("readinessProbe"), "no readinessProbe"),
        (lambda all: container(all)["resources"]["requests"].pop("cpu"), "no cpu in requests"),
        (lambda all: named(all, "Service", "lookup")["spec"]["selector"].update(x="y"), "selects the pods of 0"),
    ],
)  # fmt: skip
def test_every_rule_catches_what_it_is_for(
    spoil: Callable[[list[dict[str, Any]]], object], told: str
) -> None:
    found = manifests()
    assert list(faults(found)) == []
    spoil(found)
    assert any(told in fault for fault in faults(found)), list(faults(found))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("[merge]\nreplicas = 1 ", "[merge]\nreplicas = 2 ", "merge.replicas must be 1"),
        ('store = "redis://', 'store = "http://', "must be a redis:// or rediss:// address"),
        ("port = 18140", "port = 80", "the server is no root"),
        ("parallelism = 2", "parallelism = 0", "parallelism and window_s must be above 0"),
        ("slots = 2", "slotz = 2", "unknown keys"),
    ],
)
def test_a_tunnel_that_cannot_be_is_refused(tmp_path: Path, old: str, new: str, told: str) -> None:
    text = FILE.read_text("utf-8")
    assert old in text
    (tmp_path / "t.toml").write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(ProfileError, match=re.escape(told)):
        load_tunnel(tmp_path / "t.toml")


def test_a_tunnel_of_ones_own_is_rendered(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = tmp_path / "t.toml"
    own.write_text(FILE.read_text("utf-8").replace('ontology = "demo"', 'ontology = "shoes"'), "utf-8")
    out = tmp_path / "out"
    assert main(["deploy", "render", "--profile", "cpu", "--tunnel", str(own), "--out", str(out)]) == 0
    found = list(yaml.safe_load_all((out / "kubernetes/tunnel.yaml").read_text("utf-8")))
    assert json.loads(flink(found)["job"]["args"][3])["ontology"] == "shoes"
    capsys.readouterr()


def test_the_image_copies_what_is_there_and_ends_as_no_root() -> None:
    lines = render(load_profile("cpu"))["docker/tunnel.Dockerfile"].splitlines()
    assert [line for line in lines if line.startswith("USER ")][-1] == "USER 1000:1000"
    assert all(line.startswith("FROM ${REGISTRY}") for line in lines if line.startswith("FROM "))
    copied = [line.split()[1] for line in lines if line.startswith("COPY ") and "--from" not in line]
    assert copied and all((ROOT / path).exists() for path in copied)
    assert {"jobs", "models", "infra/requirements/engines.txt"} <= set(copied)
