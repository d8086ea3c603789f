"""Rules of any pod: who it runs as, and whether what its containers mount and set is there and there once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from infra.deploy.kubernetes import Manifest


def user_faults(where: str, pod: Manifest) -> Iterator[str]:
    """What is wrong with a pod's user, mounts and variables, in words."""
    if not pod["securityContext"].get("runAsNonRoot") or not pod["securityContext"].get("runAsUser"):
        yield f"{where}: runs as root"
    volumes = [volume["name"] for volume in pod.get("volumes", [])]
    for container in [*pod.get("initContainers", []), *pod["containers"]]:
        yield from _container_faults(f"{where}, container {container['name']}", container, volumes)


def _container_faults(where: str, container: Manifest, volumes: Sequence[str]) -> Iterator[str]:
    security = container["securityContext"]
    if security.get("allowPrivilegeEscalation") is not False or security["capabilities"]["drop"] != ["ALL"]:
        yield f"{where}: may gain privileges"
    for mount in container.get("volumeMounts", []):
        if mount["name"] not in volumes:
            yield f"{where}: mounts {mount['name']}, which is no volume"
    for name, count in Counter(variable["name"] for variable in container.get("env", [])).items():
        if count > 1:
            yield f"{where}: variable {name} is set {count} times"
