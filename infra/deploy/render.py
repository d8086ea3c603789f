"""All files of one profile: manifests, Dockerfiles, and commands for machines without a cluster."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from infra.deploy.check import ManifestError, require_sound
from infra.deploy.docker import serving_dockerfile, training_dockerfile, tunnel_dockerfile
from infra.deploy.flink_kubernetes import flink_manifests
from infra.deploy.kubernetes import Manifest, serving_manifests
from infra.deploy.profile import Profile
from infra.deploy.server import Place, server_environment, server_words
from infra.deploy.training import training_commands, training_manifests
from infra.deploy.tunnel import Tunnel, load_tunnel
from infra.deploy.tunnel_kubernetes import tunnel_manifests


def render(profile: Profile, registry: str = "", tunnel: Tunnel | None = None) -> dict[str, str]:
    """Relative path -> content. `registry` goes before every image's name; it ends in a slash or is empty.

    `tunnel`: streams and services; None: those of tunnel.toml.
    Errors: ManifestError where the profile leads to manifests that break a rule; ProfileError of tunnel.toml.
    """
    tunnel = tunnel or load_tunnel()
    serving, training = serving_manifests(profile, registry), training_manifests(profile, registry)
    streams = [*tunnel_manifests(profile, tunnel, registry), *flink_manifests(profile, tunnel, registry)]
    for manifests in (serving, training, streams):
        require_sound(manifests)
    files = {
        "kubernetes/serving.yaml": _yaml(profile, profile.ran, serving),
        "kubernetes/training.yaml": _yaml(profile, profile.ran, training),
        "kubernetes/tunnel.yaml": _yaml(profile, tunnel.ran, streams),
        "docker/serving.Dockerfile": serving_dockerfile(profile),
        "docker/training.Dockerfile": training_dockerfile(profile),
        "docker/tunnel.Dockerfile": tunnel_dockerfile(profile, tunnel),
        "commands/train.sh": _script(profile, dict(profile.training.environment), training_commands(profile)),
    }
    for name, role in profile.roles().items():
        place = Place(name, role.model_path, role.model_name, "127.0.0.1", role.port)
        words = [*profile.engine.command, *server_words(profile.engine, role, place)]
        files[f"commands/{name}.sh"] = _script(profile, server_environment(profile.engine, role), [words])
    return files


def write(files: Mapping[str, str], folder: Path) -> list[Path]:
    """Write rendered files below a folder, each whole or not at all; returns their paths."""
    written = []
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}.tmp")
        unfinished.write_text(text, "utf-8")
        if path.suffix == ".sh":
            unfinished.chmod(0o755)
        unfinished.replace(path)
        written.append(path)
    return written


def _yaml(profile: Profile, ran: str, manifests: Sequence[Manifest]) -> str:
    head = (
        f"# Made by `aiic deploy render --profile {profile.accelerator}`: change infra/deploy/profiles or tunnel.toml instead.\n"
        f"# What of this has ever been run: {ran}\n"
    )
    apart = json.loads(
        json.dumps(list(manifests))
    )  # what occurs twice is written twice: people read these files
    text: str = yaml.dump_all(apart, sort_keys=False, allow_unicode=True, width=110)
    return head + text


def _script(profile: Profile, variables: Mapping[str, str], commands: Sequence[Sequence[str]]) -> str:
    """A script that runs commands on a machine with the engine and no cluster; variables of its caller win."""
    exports = [f'export {name}="${{{name}:-{_plain(value)}}}"' for name, value in sorted(variables.items())]
    lines = [shlex.join(words) for words in commands]
    lines[-1] = f"exec {lines[-1]}"
    head = ["#!/bin/sh", f"# Made by `aiic deploy render --profile {profile.accelerator}`.", "set -eu"]
    return "\n".join([*head, *exports, *lines]) + "\n"


def _plain(value: str) -> str:
    """A value that a shell takes as it is between double quotes. Errors: ManifestError."""
    if not re.fullmatch(r"[\w./:,=+@ -]*", value):
        raise ManifestError(f"a variable's value is {value!r}: give letters, digits and ./:,=+@- only")
    return value
