"""The stream jobs as resources of the Flink Kubernetes operator: an application cluster a tier, and what it may do.

Needs operator 1.14 or newer (it knows Flink 2.2). The operator adds Service `<name>-rest`, and goes on from the last state after
each change, or after a JobManager's death.
"""

from __future__ import annotations

import json

from infra.deploy.kubernetes import CLIENT_LABEL, Manifest, pod_security
from infra.deploy.profile import Profile
from infra.deploy.tunnel import Tier, Tunnel
from infra.deploy.tunnel_kubernetes import (
    PART_OF,
    SETTINGS,
    WAREHOUSE,
    container_security,
    selector,
    volumes,
)

API = "flink.apache.org/v1beta1"
TIERS = ("nearline", "realtime")
FLINK_HOME, APP = "/opt/flink", "/app"
REST_PORT = 8081
CONTAINER = "flink-main-container"
"""The name by which the operator finds the container to be its own."""
CONFIG_MAPS = ["get", "list", "watch", "create", "update", "patch", "delete"]


def flink_manifests(profile: Profile, tunnel: Tunnel, registry: str) -> list[Manifest]:
    """The account that Flink's clusters run under, what it may do, and the cluster of each tier."""
    return [
        *_account(profile, tunnel),
        *(_cluster(profile, tunnel, tier, registry) for tier in TIERS),
        *(_policy(profile, tier) for tier in TIERS),
    ]


def stream_settings(tunnel: Tunnel, tier: str) -> dict[str, object]:
    """What the job is given: fields of `pipelines.tunnel.stream_config.StreamConfig`."""
    size: Tier = getattr(tunnel, tier)
    return {
        "servers": tunnel.kafka,
        "warehouse": WAREHOUSE,
        "ontology": tunnel.ontology,
        "checkpoints": f"file:///data/flink/{tier}/checkpoints",
        "window_ms": size.window_s * 1000,
        "discriminator": size.discriminator,
        "parallelism": size.parallelism,
    }


def flink_settings(tunnel: Tunnel, tier: str) -> dict[str, str]:
    """Flink's own settings; those that decide about state are the local cluster's (`infra.local.flink.cluster_settings`)."""
    folder = f"file:///data/flink/{tier}"
    return {
        "taskmanager.numberOfTaskSlots": str(tunnel.flink.slots),
        "taskmanager.memory.managed.size": f"{tunnel.flink.managed_mb}m",
        "python.executable": "python3",
        "python.client.executable": "python3",
        "state.backend.type": "rocksdb",
        "execution.checkpointing.incremental": "true",
        "execution.checkpointing.dir": f"{folder}/checkpoints",
        "execution.checkpointing.savepoint-dir": f"{folder}/savepoints",
        "execution.checkpointing.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION",
        "restart-strategy.type": "exponential-delay",
        "restart-strategy.exponential-delay.max-backoff": "30 s",
        "high-availability.type": "kubernetes",
        "high-availability.storageDir": f"{folder}/recovery",
    }


def _account(profile: Profile, tunnel: Tunnel) -> list[Manifest]:
    """Flink asks Kubernetes for its TaskManagers, and keeps in ConfigMaps who leads."""
    name, namespace = tunnel.flink.service_account, profile.cluster.namespace
    metadata = {"name": name, "namespace": namespace, "labels": PART_OF}
    rules = [
        {"apiGroups": [""], "resources": ["pods", "configmaps"], "verbs": CONFIG_MAPS},
        {"apiGroups": [""], "resources": ["services"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "list", "watch"]},
    ]
    rbac = "rbac.authorization.k8s.io"
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": dict(metadata)},
        {"apiVersion": f"{rbac}/v1", "kind": "Role", "metadata": dict(metadata), "rules": rules},
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "RoleBinding",
            "metadata": dict(metadata),
            "roleRef": {"apiGroup": rbac, "kind": "Role", "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace}],
        },
    ]


def _cluster(profile: Profile, tunnel: Tunnel, tier: str, registry: str) -> Manifest:
    size = tunnel.flink
    job = json.dumps(stream_settings(tunnel, tier), separators=(",", ":"))
    return {
        "apiVersion": API,
        "kind": "FlinkDeployment",
        "metadata": {
            "name": f"aiic-{tier}",
            "namespace": profile.cluster.namespace,
            "labels": selector(tier) | PART_OF,
        },
        "spec": {
            "image": f"{registry}{tunnel.image}",
            "imagePullPolicy": "IfNotPresent",
            "flinkVersion": f"v{size.version.replace('.', '_')}",
            "serviceAccount": size.service_account,
            "flinkConfiguration": flink_settings(tunnel, tier),
            "podTemplate": _template(profile, tunnel, tier),
            "jobManager": {
                "resource": {"cpu": size.jobmanager_cpu, "memory": f"{size.jobmanager_mb}m"},
                "replicas": 1,
            },
            "taskManager": {"resource": {"cpu": size.taskmanager_cpu, "memory": f"{size.taskmanager_mb}m"}},
            "job": {
                "jarURI": f"local://{FLINK_HOME}/opt/flink-python.jar",
                "entryClass": "org.apache.flink.client.python.PythonDriver",
                "args": ["-py", f"{APP}/jobs/{tier}/item_knowledge.py", "--config", job],
                "parallelism": getattr(tunnel, tier).parallelism,
                "upgradeMode": "savepoint",
                "state": "running",
            },
        },
    }


def _template(profile: Profile, tunnel: Tunnel, tier: str) -> Manifest:
    """What both kinds of pods have; the operator adds command, ports, sizes, and Flink's settings."""
    held, mounts = volumes(tunnel)
    refer = [{"configMapRef": {"name": SETTINGS}}, {"configMapRef": {"name": "aiic-inference-endpoints"}}]
    container = {
        "name": CONTAINER,
        "env": [{"name": "OMP_NUM_THREADS", "value": "1"}, {"name": "PYTHONPATH", "value": APP}],
        "envFrom": refer,
        # Flink writes its own settings below FLINK_HOME at the start.
        "securityContext": container_security() | {"readOnlyRootFilesystem": False},
        "volumeMounts": mounts,
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"labels": {CLIENT_LABEL: "true", **selector(tier)}},
        "spec": {
            "enableServiceLinks": False,
            "securityContext": pod_security(profile.cluster),
            "containers": [container],
            "volumes": held,
        },
    }


def _policy(profile: Profile, tier: str) -> Manifest:
    """The job's own pods among themselves, the operator and our metrics to the REST interface; others are kept out."""
    rest = [{"protocol": "TCP", "port": REST_PORT}]
    operator = {
        "namespaceSelector": {},
        "podSelector": {"matchLabels": {"app.kubernetes.io/name": "flink-kubernetes-operator"}},
    }
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {
            "name": f"aiic-{tier}",
            "namespace": profile.cluster.namespace,
            "labels": selector(tier) | PART_OF,
        },
        "spec": {
            "podSelector": {"matchLabels": selector(tier)},
            "policyTypes": ["Ingress"],
            "ingress": [
                {"from": [{"podSelector": {"matchLabels": selector(tier)}}]},
                {"from": [operator, {"podSelector": {"matchLabels": selector("metrics")}}], "ports": rest},
            ],
        },
    }
