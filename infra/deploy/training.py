"""The Kubernetes Job that trains on an accelerator, and the claim that keeps its work between attempts."""

from __future__ import annotations

import shlex
from typing import Any

from infra.deploy.kubernetes import (
    Manifest,
    container_security,
    environment_list,
    host_mounts,
    placement,
    pod_security,
    resources,
)
from infra.deploy.profile import Profile

DAY_S = 86_400


def training_manifests(profile: Profile, registry: str) -> list[Manifest]:
    """The claim and the job. A pod that dies is started again and goes on from its checkpoints in the claim."""
    training, namespace = profile.training, profile.cluster.namespace
    labels = {"app.kubernetes.io/name": "aiic-training", "app.kubernetes.io/instance": profile.accelerator}
    claim: Manifest = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": training.work_claim, "namespace": namespace, "labels": labels},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": f"{training.work_gib}Gi"}},
        },
    }
    job: Manifest = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "aiic-training", "namespace": namespace, "labels": labels},
        "spec": {
            "backoffLimit": training.retries,
            "activeDeadlineSeconds": training.deadline_s,
            "ttlSecondsAfterFinished": 7 * DAY_S,
            "template": {"metadata": {"labels": dict(labels)}, "spec": _pod(profile, registry)},
        },
    }
    return [claim, job]


def training_commands(profile: Profile) -> list[list[str]]:
    """The command lines of the steps, each as words."""
    return [[profile.training.python, *shlex.split(step)] for step in profile.training.steps]


def _pod(profile: Profile, registry: str) -> Manifest:
    training, cluster = profile.training, profile.cluster
    volumes, mounts = host_mounts(cluster)
    commands = training_commands(profile)

    def container(name: str, command: list[str]) -> Manifest:
        return {
            "name": name,
            "image": f"{registry}{training.image}",
            "imagePullPolicy": "IfNotPresent",
            "command": command,
            "env": environment_list({"HOME": "/tmp", **training.environment}),
            "resources": resources(cluster, training.cpu_cores, training.memory_gib, training.devices),
            "securityContext": container_security(cluster),
            "volumeMounts": [
                {"name": "models", "mountPath": "/models", "readOnly": True},
                {"name": "output", "mountPath": "/output"},
                {"name": "tmp", "mountPath": "/tmp"},
                {"name": "shm", "mountPath": "/dev/shm"},
                *mounts,
            ],
        }

    containers = [container(f"step-{place}", command) for place, command in enumerate(commands, 1)]
    spec: dict[str, Any] = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": pod_security(cluster),
        **placement(cluster),
    }
    if containers[:-1]:
        spec["initContainers"] = containers[:-1]  # one after the other, then the last
    return spec | {
        "containers": containers[-1:],
        "volumes": [
            {
                "name": "models",
                "persistentVolumeClaim": {"claimName": cluster.models_claim, "readOnly": True},
            },
            {"name": "output", "persistentVolumeClaim": {"claimName": training.work_claim}},
            {"name": "tmp", "emptyDir": {"sizeLimit": "10Gi"}},
            {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": f"{training.shm_gib}Gi"}},
            *volumes,
        ],
    }
