"""Kubernetes manifests of the model servers: per role a Deployment, a Service and what keeps it up; shared objects once."""

from __future__ import annotations

from typing import Any

from infra.deploy.profile import Cluster, Profile, Role
from infra.deploy.server import Place, server_environment, server_words

Manifest = dict[str, Any]

PROBE_PERIOD_S = 10
DRAIN_S = 15
"""Between a pod's removal from the service and the end of its server."""
GRACE_S = 120
BUSY_CPU_PERCENT = 80
WAITING_REQUESTS = 8
CLIENT_LABEL = "item-center/inference-client"
PROMETHEUS = {"app.kubernetes.io/name": "prometheus"}
API_KEY_SECRET = "aiic-inference-key"


def serving_manifests(profile: Profile, registry: str) -> list[Manifest]:
    """All objects of the model servers, in the order in which they can be applied."""
    namespace = profile.cluster.namespace
    labels = {"app.kubernetes.io/part-of": "item-center"}
    space: Manifest = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": namespace,
            "labels": labels | {"pod-security.kubernetes.io/warn": "restricted"},
        },
    }
    found = [space, _endpoints(profile), _account(profile)]
    for name, role in profile.roles().items():
        found += [_deployment(profile, name, role, registry), _service(profile, name, role)]
        found.append(_network_policy(profile, name, role))
        if role.replicas > 1:
            found.append(_disruption_budget(profile, name))
        if role.max_replicas > role.replicas:
            found.append(_autoscaler(profile, name, role))
    return found


def labels_of(profile: Profile, name: str) -> dict[str, str]:
    """What selects the pods of a role."""
    return {"app.kubernetes.io/name": f"aiic-{name}", "app.kubernetes.io/instance": profile.accelerator}


def pod_security(cluster: Cluster) -> Manifest:
    """No root, no way to become it."""
    return {
        "runAsNonRoot": True,
        "runAsUser": cluster.user_id,
        "runAsGroup": cluster.group_id,
        "fsGroup": cluster.group_id,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def container_security(cluster: Cluster) -> Manifest:
    """Nothing that a model server could need is given up: it opens one port above 1024."""
    return {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": cluster.read_only_root,
        "capabilities": {"drop": ["ALL"]},
    }


def host_mounts(cluster: Cluster) -> tuple[list[Manifest], list[Manifest]]:
    """Volumes and mounts of the node's driver files."""
    volumes: list[Manifest] = []
    mounts: list[Manifest] = []
    for place, path in enumerate(cluster.host_files):
        volumes.append({"name": f"driver-{place}", "hostPath": {"path": path}})
        mounts.append({"name": f"driver-{place}", "mountPath": path, "readOnly": True})
    return volumes, mounts


def placement(cluster: Cluster) -> Manifest:
    """Where pods may run; keys that a cluster does not use are absent."""
    found: Manifest = {}
    if cluster.runtime_class:
        found["runtimeClassName"] = cluster.runtime_class
    if cluster.scheduler:
        found["schedulerName"] = cluster.scheduler
    if cluster.node_selector:
        found["nodeSelector"] = dict(cluster.node_selector)
    if cluster.resource:
        found["tolerations"] = [{"key": cluster.resource, "operator": "Exists", "effect": "NoSchedule"}]
    return found


def resources(cluster: Cluster, cpu_cores: int, memory_gib: int, devices: int) -> Manifest:
    """Requests and limits. Memory and devices are reserved whole; CPU may be used beyond the request where it is free."""
    held: Manifest = {"memory": f"{memory_gib}Gi"}
    if cluster.resource and devices:
        held[cluster.resource] = str(devices)
    return {"requests": {"cpu": str(cpu_cores), **held}, "limits": {"cpu": str(2 * cpu_cores), **held}}


def environment_list(variables: dict[str, str]) -> list[Manifest]:
    """Variables as a container has them, in a fixed order."""
    return [{"name": name, "value": variables[name]} for name in sorted(variables)]


def scraped_at(port: int) -> dict[str, str]:
    """Annotations by which Prometheus finds a pod (infra/deploy/prometheus/prometheus.yml)."""
    return {"prometheus.io/scrape": "true", "prometheus.io/port": str(port)}


def _metadata(profile: Profile, name: str) -> Manifest:
    labels = labels_of(profile, name) | {"app.kubernetes.io/part-of": "item-center"}
    return {"name": f"aiic-{name}", "namespace": profile.cluster.namespace, "labels": labels}


def _deployment(profile: Profile, name: str, role: Role, registry: str) -> Manifest:
    labels = labels_of(profile, name)
    on_device = bool(profile.cluster.resource)
    # Where devices are scarce there is none free for a surge: one server goes before its successor comes.
    rolling = {"maxSurge": 0, "maxUnavailable": 1} if on_device else {"maxSurge": 1, "maxUnavailable": 0}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(profile, name),
        "spec": {
            "replicas": role.replicas,
            "selector": {"matchLabels": labels},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": rolling},
            "progressDeadlineSeconds": role.start_timeout_s + 300,
            "template": {
                "metadata": {"labels": dict(labels), "annotations": scraped_at(role.port)},
                "spec": _pod(profile, name, role, registry),
            },
        },
    }


def _pod(profile: Profile, name: str, role: Role, registry: str) -> Manifest:
    cluster = profile.cluster
    volumes, _ = host_mounts(cluster)
    spread = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": labels_of(profile, name)},
    }
    return {
        "serviceAccountName": "aiic-inference",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": GRACE_S,
        "securityContext": pod_security(cluster),
        **placement(cluster),
        "topologySpreadConstraints": [spread],
        "containers": [_container(profile, name, role, registry)],
        "volumes": [
            {
                "name": "models",
                "persistentVolumeClaim": {"claimName": cluster.models_claim, "readOnly": True},
            },
            {"name": "cache", "emptyDir": {"sizeLimit": f"{cluster.cache_gib}Gi"}},
            {"name": "tmp", "emptyDir": {"sizeLimit": "2Gi"}},
            {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": f"{role.shm_gib}Gi"}},
            *volumes,
        ],
    }


def _container(profile: Profile, name: str, role: Role, registry: str) -> Manifest:
    cluster, engine = profile.cluster, profile.engine
    _, mounts = host_mounts(cluster)
    place = Place(name, role.model_path, role.model_name, "0.0.0.0", role.port)  # a pod's own address
    variables = server_environment(engine, role) | {
        "HOME": "/tmp",
        "VLLM_CACHE_ROOT": "/cache/vllm",
        "TORCHINDUCTOR_CACHE_DIR": "/cache/inductor",
        "TRITON_CACHE_DIR": "/cache/triton",
    }
    key = {"name": API_KEY_SECRET, "key": "api-key", "optional": True}
    probe = {"httpGet": {"path": "/health", "port": "http"}, "timeoutSeconds": 5}
    return {
        "name": "vllm",
        "image": f"{registry}{cluster.image}",
        "imagePullPolicy": "IfNotPresent",
        "command": list(engine.command),
        "args": list(server_words(engine, role, place)),
        "env": [
            *environment_list(variables),
            {"name": "VLLM_API_KEY", "valueFrom": {"secretKeyRef": key}},
        ],
        "ports": [{"name": "http", "containerPort": role.port, "protocol": "TCP"}],
        "resources": resources(cluster, role.cpu_cores, role.memory_gib, role.tensor_parallel),
        "securityContext": container_security(cluster),
        "startupProbe": probe
        | {
            "periodSeconds": PROBE_PERIOD_S,
            "failureThreshold": -(-role.start_timeout_s // PROBE_PERIOD_S),
        },
        "readinessProbe": probe | {"periodSeconds": 5, "failureThreshold": 2},
        "livenessProbe": probe | {"periodSeconds": PROBE_PERIOD_S, "failureThreshold": 6},
        "lifecycle": {"preStop": {"exec": {"command": ["sleep", str(DRAIN_S)]}}},
        "volumeMounts": [
            {"name": "models", "mountPath": "/models", "readOnly": True},
            {"name": "cache", "mountPath": "/cache"},
            {"name": "tmp", "mountPath": "/tmp"},
            {"name": "shm", "mountPath": "/dev/shm"},
            *mounts,
        ],
    }


def _service(profile: Profile, name: str, role: Role) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata(profile, name),
        "spec": {
            "type": "ClusterIP",
            "selector": labels_of(profile, name),
            "ports": [{"name": "http", "port": role.port, "targetPort": "http", "protocol": "TCP"}],
        },
    }


def _network_policy(profile: Profile, name: str, role: Role) -> Manifest:
    """Only pods that say they are clients come in, and Prometheus; nothing goes out: models come from a volume."""
    clients = {"namespaceSelector": {}, "podSelector": {"matchLabels": {CLIENT_LABEL: "true"}}}
    watcher = {"namespaceSelector": {}, "podSelector": {"matchLabels": PROMETHEUS}}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": _metadata(profile, name),
        "spec": {
            "podSelector": {"matchLabels": labels_of(profile, name)},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": [clients, watcher], "ports": [{"protocol": "TCP", "port": role.port}]}],
            "egress": [],
        },
    }


def _disruption_budget(profile: Profile, name: str) -> Manifest:
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": _metadata(profile, name),
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": labels_of(profile, name)}},
    }


def _autoscaler(profile: Profile, name: str, role: Role) -> Manifest:
    """By CPU where that is what works; by waiting requests on devices, which needs an adapter for Prometheus' metrics."""
    by_cpu = {
        "type": "Resource",
        "resource": {
            "name": "cpu",
            "target": {"type": "Utilization", "averageUtilization": BUSY_CPU_PERCENT},
        },
    }
    by_queue = {
        "type": "Pods",
        "pods": {
            "metric": {"name": "vllm_num_requests_waiting"},
            "target": {"type": "AverageValue", "averageValue": str(WAITING_REQUESTS)},
        },
    }
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": _metadata(profile, name),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": f"aiic-{name}"},
            "minReplicas": role.replicas,
            "maxReplicas": role.max_replicas,
            "metrics": [by_queue if profile.cluster.resource else by_cpu],
            # A model takes minutes to load: come quickly, go slowly.
            "behavior": {"scaleDown": {"stabilizationWindowSeconds": 900}},
        },
    }


def _endpoints(profile: Profile) -> Manifest:
    """What jobs take into their environment (`envFrom`) to find the servers."""
    namespace = profile.cluster.namespace
    urls = {
        f"AIIC_{name.upper()}_URL": f"http://aiic-{name}.{namespace}.svc:{role.port}/v1"
        for name, role in profile.roles().items()
    }
    metadata = {"name": "aiic-inference-endpoints", "namespace": namespace}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": urls}


def _account(profile: Profile) -> Manifest:
    metadata = {"name": "aiic-inference", "namespace": profile.cluster.namespace}
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": metadata,
        "automountServiceAccountToken": False,
    }
