"""Dockerfiles of the serving, the training and the tunnel image. Bases are named without a registry: REGISTRY is a build argument."""

from __future__ import annotations

import json

from infra.deploy.profile import Profile
from infra.deploy.tunnel import Tunnel

USER = "aiic"
PYTHON = "python3"


def serving_dockerfile(profile: Profile) -> str:
    """The image of the model servers: the base, checked, and a user that is not root."""
    images = profile.images
    lines = [
        *_head(profile, images.serving_base),
        *_packages(images.serving_packages),
        *_requirements(images.serving_requirements, PYTHON),
        *_checks(profile),
        *_user(profile),
        "EXPOSE " + " ".join(str(role.port) for role in profile.roles().values()),
        f"ENTRYPOINT {json.dumps(list(profile.engine.command))}",
    ]
    return "\n".join(lines) + "\n"


def training_dockerfile(profile: Profile) -> str:
    """The image of the training job: the base, hashed requirements, our code."""
    images, python = profile.images, profile.training.python
    lines = [
        *_head(profile, images.training_base),
        *_packages(images.training_packages),
        *_requirements(images.training_requirements, python),
        "WORKDIR /app",
        "COPY schemas schemas",
        "COPY udfs udfs",
        "COPY pipelines pipelines",
        "COPY infra infra",
        "COPY jobs jobs",
        "ENV PYTHONPATH=/app PYTHONUNBUFFERED=1",
        *_user(profile),
        f'ENTRYPOINT ["{python}"]',
    ]
    return "\n".join(lines) + "\n"


def tunnel_dockerfile(profile: Profile, tunnel: Tunnel) -> str:
    """The image of stream jobs, merge and services: Python with Flink and Spark as the local stack has them, Java, our code."""
    place = "/usr/local/lib/python3.11/site-packages/pyflink"
    lines = [
        _made_by(profile).replace("infra/deploy/profiles", "infra/deploy/tunnel.toml"),
        "# Build in the repository's root; REGISTRY is empty or ends in a slash.",
        "ARG REGISTRY=",
        "FROM ${REGISTRY}maven:3.9-eclipse-temurin-17 AS jars",
        "COPY infra/jars/pom.xml /jars/pom.xml",
        "RUN mvn -q -f /jars/pom.xml -P spark -Daiic.jars.dir=/jars/of dependency:copy-dependencies \\",
        "    && mvn -q -f /jars/pom.xml -P flink -Daiic.jars.dir=/jars/of dependency:copy-dependencies",
        "FROM ${REGISTRY}python:3.11-slim-bookworm",
        "USER root",
        *_packages(("gcc", "g++", "openjdk-17-jre-headless", "libgomp1", "libgl1", "libglib2.0-0")),
        *_requirements("infra/requirements/engines.txt", PYTHON),
        # The operator looks for Flink below /opt/flink; the connector joins Flink's own jars, as in infra/local/flink.py.
        f"RUN mv {place} /opt/flink && ln -s /opt/flink {place} \\",
        "    && ln -s /opt/flink/opt/flink-python-*.jar /opt/flink/opt/flink-python.jar",
        "COPY --from=jars /jars/of/flink/ /opt/flink/lib/",
        "COPY --from=jars /jars/of/spark/ /opt/aiic/jars/spark/",
        "RUN printf '#!/bin/sh\\nexec \"$@\"\\n' > /docker-entrypoint.sh && chmod 755 /docker-entrypoint.sh",
        "WORKDIR /app",
        *(f"COPY {room} {room}" for room in ("schemas", "udfs", "pipelines", "infra", "jobs", "models")),
        "ENV FLINK_HOME=/opt/flink PATH=/opt/flink/bin:$PATH AIIC_JARS=/opt/aiic/jars",
        "ENV PYTHONPATH=/app PYTHONUNBUFFERED=1",
        f"RUN chown -R {profile.cluster.user_id}:{profile.cluster.group_id} /opt/flink/",
        *_user(profile),
        'ENTRYPOINT ["/docker-entrypoint.sh"]',
    ]
    return "\n".join(lines) + "\n"


def _made_by(profile: Profile) -> str:
    return f"# Made by `aiic deploy render --profile {profile.accelerator}`: change infra/deploy/profiles instead."


def _head(profile: Profile, base: str) -> list[str]:
    return [
        _made_by(profile),
        "# Build in the repository's root; REGISTRY is empty or ends in a slash.",
        "ARG REGISTRY=",
        f"FROM ${{REGISTRY}}{base}",
        "USER root",
    ]


def _packages(names: tuple[str, ...]) -> list[str]:
    if not names:
        return []
    listed = " ".join(names)
    install = f"apt-get update && apt-get install -y --no-install-recommends {listed}"
    return [f"RUN {install} && rm -rf /var/lib/apt/lists/*"]


def _requirements(path: str, python: str) -> list[str]:
    """Exactly what the hashed file says; the index comes from the builder's own configuration."""
    if not path:
        return []
    install = f"{python} -m pip install --no-cache-dir --no-deps --require-hashes -r /tmp/requirements.txt"
    return [f"COPY {path} /tmp/requirements.txt", f"RUN {install}"]


def _checks(profile: Profile) -> list[str]:
    """Stop the build where the base holds other versions than the profile was written for."""
    wanted = dict(profile.images.checks)
    if not wanted:
        return []
    code = (
        "from importlib.metadata import version; "
        f"w = {wanted!r}; "
        "bad = {n: version(n) for n in w if version(n).split('+')[0] != w[n]}; "
        "assert not bad, f'the base holds {bad}, wanted {w}'"
    )
    return [f"RUN {PYTHON} -c {json.dumps(code)}"]


def _user(profile: Profile) -> list[str]:
    """A user with an entry in /etc/passwd: HCCL does not start for one without."""
    cluster = profile.cluster
    add = f"useradd --uid {cluster.user_id} --gid {cluster.group_id} --home-dir /tmp --no-create-home --shell /usr/sbin/nologin {USER}"
    group = f"(getent group {cluster.group_id} >/dev/null || groupadd --gid {cluster.group_id} {USER})"
    return [
        f"RUN {group} && (getent passwd {cluster.user_id} >/dev/null || {add})",
        f"ENV HOME=/tmp USER={USER} LOGNAME={USER}",
        f"USER {cluster.user_id}:{cluster.group_id}",
    ]
