"""Structural rules that a set of manifests must keep; what no schema says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from infra.deploy.check_flink import FLINK, flink_faults
from infra.deploy.check_pod import user_faults
from infra.deploy.kubernetes import Manifest

SERVING = ("Deployment",)
"""Kinds of workloads that answer requests, and so need ports and probes."""


class ManifestError(ValueError):
    """A rendered manifest breaks a rule. The message names all that do."""


def require_sound(manifests: Sequence[Manifest]) -> None:
    """Check a set of manifests that are applied together. Errors: ManifestError."""
    found = list(faults(manifests))
    if found:
        raise ManifestError("; ".join(found))


def faults(manifests: Sequence[Manifest]) -> Iterator[str]:
    """What is wrong, in words: names, selectors, ports, probes, limits, volumes, users."""
    named = Counter(
        (one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"]) for one in manifests
    )
    yield from (
        f"{kind} {name} is there {count} times" for (kind, _, name), count in named.items() if count > 1
    )
    pods = {f"{one['kind']} {one['metadata']['name']}": one for one in manifests if _template(one)}
    for where, one in pods.items():
        if one["kind"] == FLINK:
            yield from flink_faults(where, one, manifests)
        else:
            yield from _workload_faults(where, one)
    for one in manifests:
        selector = _selector(one)
        if selector is not None:
            yield from _selector_faults(one, selector, list(pods.values()))
        if one["kind"] == "HorizontalPodAutoscaler":
            yield from _autoscaler_faults(one, pods)


def _template(one: Manifest) -> Manifest:
    """The pods that a workload makes; {} for what makes none."""
    spec = one.get("spec", {})
    found: Manifest = spec.get("template") or spec.get("podTemplate") or {}
    return found


def _workload_faults(where: str, one: Manifest) -> Iterator[str]:
    template = one["spec"]["template"]
    wanted = one["spec"].get("selector", {}).get("matchLabels", {})
    if not wanted.items() <= template["metadata"]["labels"].items():
        yield f"{where}: its selector does not match its own pods"
    if template["spec"].get("automountServiceAccountToken") is not False:
        yield f"{where}: mounts a token that it does not need"
    yield from _pod_faults(where, template["spec"])
    if one["kind"] in SERVING:
        for container in template["spec"]["containers"]:
            yield from _probe_faults(f"{where}, container {container['name']}", container)


def _pod_faults(where: str, pod: Manifest) -> Iterator[str]:
    """What is wrong with any pod, whatever runs in it."""
    yield from user_faults(where, pod)
    for container in [*pod.get("initContainers", []), *pod["containers"]]:
        yield from _size_faults(f"{where}, container {container['name']}", container)


def _size_faults(where: str, container: Manifest) -> Iterator[str]:
    held = container["resources"]
    for name in ("cpu", "memory"):
        if name not in held["requests"] or name not in held["limits"]:
            yield f"{where}: no {name} in requests or limits"
    for name, count in held["limits"].items():
        if "/" in name and held["requests"].get(name) != count:
            yield f"{where}: {name} must be requested as it is limited"


def _probe_faults(where: str, container: Manifest) -> Iterator[str]:
    """A server listens on a port of its container, and is asked there whether it lives."""
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    listens = _port_in([*container.get("command", []), *container.get("args", [])])
    if listens is None:
        yield f"{where}: its words do not say on which --port it listens"
    elif listens not in ports.values():
        yield f"{where}: listens on {listens}, its ports are {sorted(ports.values())}"
    for name in ("startupProbe", "readinessProbe", "livenessProbe"):
        if container.get(name, {}).get("httpGet", {}).get("port") not in ports:
            yield f"{where}: no {name} on a port of its own"


def _port_in(words: Sequence[str]) -> int | None:
    """The number after `--port`, None where there is none."""
    followed = dict(pairwise(words)).get("--port", "")
    return int(followed) if followed.isdigit() else None


def _selector(one: Manifest) -> dict[str, str] | None:
    """What a manifest selects pods by; None where it selects none."""
    spec: dict[str, Any] = one.get("spec", {})
    if one["kind"] == "Service":
        return dict(spec["selector"])
    if one["kind"] == "NetworkPolicy":
        return dict(spec["podSelector"]["matchLabels"])
    if one["kind"] == "PodDisruptionBudget":
        return dict(spec["selector"]["matchLabels"])
    return None


def _selector_faults(one: Manifest, selector: dict[str, str], pods: Sequence[Manifest]) -> Iterator[str]:
    where = f"{one['kind']} {one['metadata']['name']}"
    chosen = [pod for pod in pods if selector.items() <= _template(pod)["metadata"]["labels"].items()]
    if len(chosen) != 1:
        yield f"{where}: selects the pods of {len(chosen)} workloads, not of one"
        return
    if chosen[0]["metadata"]["namespace"] != one["metadata"]["namespace"]:
        yield f"{where}: is not in the namespace of its pods"
    if one["kind"] == "Service":
        names = [port["name"] for port in chosen[0]["spec"]["template"]["spec"]["containers"][0]["ports"]]
        yield from (
            f"{where}: port {port['port']} leads to {port['targetPort']}, the container has {names}"
            for port in one["spec"]["ports"]
            if port["targetPort"] not in names
        )


def _autoscaler_faults(one: Manifest, pods: dict[str, Manifest]) -> Iterator[str]:
    target = one["spec"]["scaleTargetRef"]
    workload = pods.get(f"{target['kind']} {target['name']}")
    where = f"{one['kind']} {one['metadata']['name']}"
    if workload is None:
        yield f"{where}: scales {target['name']}, which is not there"
    elif not one["spec"]["minReplicas"] <= workload["spec"]["replicas"] <= one["spec"]["maxReplicas"]:
        yield f"{where}: the workload's replicas are outside of its bounds"
