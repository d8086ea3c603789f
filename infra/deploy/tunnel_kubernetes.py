"""Kubernetes manifests of merge, lookup, algorithms and metrics: a Deployment, a Service and a NetworkPolicy each."""

from __future__ import annotations

from dataclasses import dataclass

from infra.deploy.kubernetes import (
    CLIENT_LABEL,
    GRACE_S,
    PROBE_PERIOD_S,
    PROMETHEUS,
    Manifest,
    environment_list,
    pod_security,
    scraped_at,
)
from infra.deploy.profile import Profile
from infra.deploy.tunnel import Service, Tunnel

SETTINGS = "aiic-tunnel"
PART_OF = {"app.kubernetes.io/part-of": "item-center"}
USER_LABEL = "item-center/service-client"
"""Pods that may ask lookup and algorithms."""
WAREHOUSE, KEYS = "/data/warehouse", "/keys"


@dataclass(frozen=True, slots=True)
class Workload:
    """One service: how it is called, what it runs, and which of its pages says that it lives and that it is ready."""

    name: str
    size: Service
    words: tuple[str, ...]
    alive: str = "/healthz"
    ready: str = "/readyz"
    is_writer: bool = False
    asks_models: bool = False
    needs_keys: bool = False


def tunnel_manifests(profile: Profile, tunnel: Tunnel, registry: str) -> list[Manifest]:
    """All objects of the services, in the order in which they can be applied."""
    found = [_settings(profile, tunnel), _account(profile)]
    for one in workloads(profile, tunnel):
        found += [_deployment(profile, tunnel, one, registry), _service(profile, one), _policy(profile, one)]
        if one.size.replicas > 1:
            found.append(_budget(profile, one))
    return found


def workloads(profile: Profile, tunnel: Tunnel) -> list[Workload]:
    """What runs, with its command line."""
    aiic = ("-m", "jobs.cli")
    merge = (
        "-m",
        "jobs.streaming.merge",
        "--warehouse",
        WAREHOUSE,
        "--kafka",
        tunnel.kafka,
        *_at(tunnel.merge),
    )
    keys = ("--keys", f"{KEYS}/keys.toml")
    lookup = (*aiic, "serve", "lookup", *keys)
    algorithms = (*aiic, "serve", "algorithms", "--ontology", tunnel.ontology, *keys, *_at(tunnel.algorithms))
    return [
        Workload("merge", tunnel.merge, merge, "/status", "/health", is_writer=True),
        Workload(
            "lookup-writer", tunnel.lookup_writer, (*lookup, *_at(tunnel.lookup_writer)), is_writer=True, needs_keys=True
        ),
        Workload("lookup", tunnel.lookup, (*lookup, "--no-follow", *_at(tunnel.lookup)), needs_keys=True),
        Workload("algorithms", tunnel.algorithms, algorithms, asks_models=True, needs_keys=True),
        Workload(
            "metrics", tunnel.metrics, (*aiic, "metrics", *_places(profile, tunnel), *_at(tunnel.metrics)),
            "/status", "/health",
            asks_models=True,
        ),
    ]  # fmt: skip


def selector(name: str) -> dict[str, str]:
    """What selects the pods of a service."""
    return {"app.kubernetes.io/name": f"aiic-{name}", "app.kubernetes.io/component": "tunnel"}


def volumes(tunnel: Tunnel, needs_keys: bool = False) -> tuple[list[Manifest], list[Manifest]]:
    """Volumes and mounts: the warehouse, a folder for temporary files, and the keys where they are asked for."""
    found: list[Manifest] = [
        {"name": "warehouse", "persistentVolumeClaim": {"claimName": tunnel.warehouse_claim}},
        {"name": "tmp", "emptyDir": {"sizeLimit": "10Gi"}},
    ]
    mounts: list[Manifest] = [
        {"name": "warehouse", "mountPath": "/data"},
        {"name": "tmp", "mountPath": "/tmp"},
    ]
    if needs_keys:
        found.append({"name": "keys", "secret": {"secretName": tunnel.keys_secret}})
        mounts.append({"name": "keys", "mountPath": KEYS, "readOnly": True})
    return found, mounts


def settings(tunnel: Tunnel) -> dict[str, str]:
    """Variables of every pod of the tunnel; where models are says the ConfigMap of the model servers."""
    return {
        # The local stack's settings (infra/deploy/local.toml) lead to Kafka by the stack's host; each service is told its own address.
        "AIIC_STACK_HOST": tunnel.kafka_host,
        "AIIC_KAFKA_PORT": str(tunnel.kafka_port),
        "AIIC_STACK_STATE_DIR": "/tmp/aiic",
        "AIIC_WAREHOUSE": WAREHOUSE,
        "AIIC_MODELS": "/data/models",
        "AIIC_LOOKUP_STORE": tunnel.store,
        "HOME": "/tmp",
    }


def _at(size: Service) -> tuple[str, ...]:
    return ("--host", "0.0.0.0", "--port", str(size.port))  # a pod's own address


def _places(profile: Profile, tunnel: Tunnel) -> tuple[str, ...]:
    """Where `aiic metrics` looks."""
    namespace = profile.cluster.namespace
    urls = {
        "merge": f"http://aiic-merge.{namespace}.svc:{tunnel.merge.port}",
        "lookup": f"http://aiic-lookup-writer.{namespace}.svc:{tunnel.lookup_writer.port}",
        "algorithms": f"http://aiic-algorithms.{namespace}.svc:{tunnel.algorithms.port}",
        "nearline": f"http://aiic-nearline-rest.{namespace}.svc:8081",
        "realtime": f"http://aiic-realtime-rest.{namespace}.svc:8081",
    }
    return ("--kafka", tunnel.kafka, *(word for name, url in urls.items() for word in (f"--{name}", url)))


def _metadata(profile: Profile, name: str) -> Manifest:
    return {
        "name": f"aiic-{name}",
        "namespace": profile.cluster.namespace,
        "labels": selector(name) | PART_OF,
    }


def _settings(profile: Profile, tunnel: Tunnel) -> Manifest:
    metadata = {"name": SETTINGS, "namespace": profile.cluster.namespace}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": settings(tunnel)}


def _account(profile: Profile) -> Manifest:
    metadata = {"name": SETTINGS, "namespace": profile.cluster.namespace}
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": metadata,
        "automountServiceAccountToken": False,
    }


def _deployment(profile: Profile, tunnel: Tunnel, one: Workload, registry: str) -> Manifest:
    # Two writers must never be there at once, not even while one follows the other.
    rolling: Manifest = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    labels = dict(selector(one.name))
    if one.asks_models:
        labels[CLIENT_LABEL] = "true"
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(profile, one.name),
        "spec": {
            "replicas": one.size.replicas,
            "selector": {"matchLabels": selector(one.name)},
            "strategy": {"type": "Recreate"} if one.is_writer else rolling,
            "progressDeadlineSeconds": one.size.start_timeout_s + 300,
            "template": {
                "metadata": {"labels": labels, "annotations": scraped_at(one.size.port)},
                "spec": _pod(profile, tunnel, one, registry),
            },
        },
    }


def _pod(profile: Profile, tunnel: Tunnel, one: Workload, registry: str) -> Manifest:
    held, mounts = volumes(tunnel, one.needs_keys)
    refer = [{"configMapRef": {"name": SETTINGS}}, {"configMapRef": {"name": "aiic-inference-endpoints"}}]
    probe = {"timeoutSeconds": 5, "periodSeconds": PROBE_PERIOD_S}
    alive, ready = ({"httpGet": {"path": path, "port": "http"}, **probe} for path in (one.alive, one.ready))
    memory = f"{one.size.memory_gib}Gi"
    container: Manifest = {
        "name": one.name,
        "image": f"{registry}{tunnel.image}",
        "imagePullPolicy": "IfNotPresent",
        "command": ["python3"],
        "args": list(one.words),
        "env": environment_list({"OMP_NUM_THREADS": str(one.size.cpu_cores)}),
        "envFrom": refer,
        "ports": [{"name": "http", "containerPort": one.size.port, "protocol": "TCP"}],
        "resources": {
            "requests": {"cpu": str(one.size.cpu_cores), "memory": memory},
            "limits": {"cpu": str(2 * one.size.cpu_cores), "memory": memory},
        },
        "securityContext": container_security(),
        "startupProbe": alive | {"failureThreshold": -(-one.size.start_timeout_s // PROBE_PERIOD_S)},
        "readinessProbe": ready | {"periodSeconds": 5, "failureThreshold": 2},
        "livenessProbe": alive | {"failureThreshold": 6},
        "volumeMounts": mounts,
    }
    return {
        "serviceAccountName": SETTINGS,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": GRACE_S,
        "securityContext": pod_security(profile.cluster),
        "containers": [container],
        "volumes": held,
    }


def container_security() -> Manifest:
    """Nothing is written outside of the volumes."""
    return {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def _service(profile: Profile, one: Workload) -> Manifest:
    port = {"name": "http", "port": one.size.port, "targetPort": "http", "protocol": "TCP"}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata(profile, one.name),
        "spec": {"type": "ClusterIP", "selector": selector(one.name), "ports": [port]},
    }


def _policy(profile: Profile, one: Workload) -> Manifest:
    """Callers must say that they are: services by their label, metrics by being Prometheus or ours."""
    anywhere: Manifest = {"namespaceSelector": {}}
    callers = [
        anywhere | {"podSelector": {"matchLabels": {USER_LABEL: "true"}}},
        anywhere | {"podSelector": {"matchLabels": PROMETHEUS}},
        {"podSelector": {"matchLabels": selector("metrics")}},
    ]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": _metadata(profile, one.name),
        "spec": {
            "podSelector": {"matchLabels": selector(one.name)},
            "policyTypes": ["Ingress"],
            "ingress": [{"from": callers, "ports": [{"protocol": "TCP", "port": one.size.port}]}],
        },
    }


def _budget(profile: Profile, one: Workload) -> Manifest:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": _metadata(profile, one.name),
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": selector(one.name)}},
    }
