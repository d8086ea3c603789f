"""Rules of a FlinkDeployment: what the operator's own schema says of its shape, and what would lose state."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from infra.deploy.check_pod import user_faults
from infra.deploy.kubernetes import Manifest

FLINK = "FlinkDeployment"
CONTAINER = "flink-main-container"
SPEC = {
    "image", "imagePullPolicy", "flinkVersion", "serviceAccount", "flinkConfiguration", "podTemplate", "jobManager",
    "taskManager", "job", "ingress", "logConfiguration", "mode", "restartNonce",
}  # fmt: skip
JOB = {
    "jarURI", "entryClass", "args", "parallelism", "upgradeMode", "state", "allowNonRestoredState",
    "initialSavepointPath", "savepointTriggerNonce", "savepointRedeployNonce", "checkpointTriggerNonce",
}  # fmt: skip
UPGRADES = ("savepoint", "last-state", "stateless")
KEEPS_STATE = (
    "execution.checkpointing.dir", "execution.checkpointing.savepoint-dir", "high-availability.storageDir",
)  # fmt: skip


def flink_faults(where: str, one: Manifest, manifests: Sequence[Manifest]) -> Iterator[str]:
    """What is wrong with a FlinkDeployment, in words."""
    spec, job = one["spec"], one["spec"]["job"]
    yield from (f"{where}: unknown spec.{name}" for name in sorted(set(spec) - SPEC))
    yield from (f"{where}: unknown spec.job.{name}" for name in sorted(set(job) - JOB))
    if not re.fullmatch(r"v\d+_\d+", spec.get("flinkVersion", "")):
        yield f"{where}: flinkVersion is {spec.get('flinkVersion')!r}, not as v2_2"
    if job.get("upgradeMode") not in UPGRADES:
        yield f"{where}: upgradeMode is {job.get('upgradeMode')!r}, not one of {', '.join(UPGRADES)}"
    yield from _state_faults(where, spec)
    for name in ("jobManager", "taskManager"):
        held = spec[name].get("resource", {})
        if not isinstance(held.get("cpu"), float) or not re.fullmatch(r"\d+[mg]", held.get("memory", "")):
            yield f"{where}: {name} needs resource.cpu as a number and resource.memory as 2048m"
    names = [container["name"] for container in spec["podTemplate"]["spec"]["containers"]]
    if names != [CONTAINER]:
        yield f"{where}: the operator looks for {CONTAINER}, the template has {names}"
    yield from user_faults(where, spec["podTemplate"]["spec"])
    yield from _account_faults(where, one, manifests)


def _state_faults(where: str, spec: Manifest) -> Iterator[str]:
    """State must outlive pods: in folders of a mounted volume."""
    settings = spec["flinkConfiguration"]
    yield from (
        f"{where}: {name} is no text" for name, value in settings.items() if not isinstance(value, str)
    )
    mounts = [
        mount["mountPath"]
        for container in spec["podTemplate"]["spec"]["containers"]
        for mount in container.get("volumeMounts", [])
        if mount["name"] != "tmp"
    ]
    for name in KEEPS_STATE:
        path = str(settings.get(name, "")).removeprefix("file://")
        is_file = str(settings.get(name, "")).startswith("file://")
        if not settings.get(name):
            yield f"{where}: {name} is not set"
        elif is_file and not any(path.startswith(f"{mount}/") for mount in mounts):
            yield f"{where}: {name} lies on no volume"


def _account_faults(where: str, one: Manifest, manifests: Sequence[Manifest]) -> Iterator[str]:
    """Flink must be allowed to make its pods."""
    account, namespace = one["spec"]["serviceAccount"], one["metadata"]["namespace"]
    bound = {
        (subject["name"], subject["namespace"])
        for binding in manifests
        if binding["kind"] == "RoleBinding"
        for subject in binding["subjects"]
    }
    if (account, namespace) not in bound:
        yield f"{where}: account {account} is bound to no role"
