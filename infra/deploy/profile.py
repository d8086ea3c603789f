"""What is known of one accelerator: its engine, the models that it serves, the cluster it runs in, training on it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from infra.deploy.typed import ProfileError, read_record

PROFILES = Path(__file__).with_name("profiles")
NAMES = ("ascend", "cuda", "cpu")
ROLES = ("encoder", "discriminator", "vision")


@dataclass(frozen=True, slots=True)
class Engine:
    """One build of vLLM. Units: block_tokens in tokens.

    `model_word`: "positional" for `vllm serve MODEL`, else the option that names the model. `visible_devices`: the
    variable that lists the devices a process uses, "" where there are none. `memory`: whether a role's `memory` is a share
    of the device's memory or GiB of KV cache, which CPU takes as a variable.
    """

    version: str
    command: tuple[str, ...]
    model_word: Literal["positional", "--model"]
    block_tokens: int
    structured_backend: Literal["xgrammar", "guidance", "outlines"]
    memory: Literal["device-share", "kv-gib"]
    visible_devices: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.block_tokens < 1 or not self.command:
            raise ProfileError("block_tokens must be above 0, command must not be empty")


@dataclass(frozen=True, slots=True)
class Role:
    """One served model. Units: tokens, cores, GiB, seconds; `memory` as `Engine.memory` says.

    `adapter`: folder of a LoRA adapter that is served beside its base, "" where it is merged. `images_per_prompt`: 0 for
    text alone. `threads`: OMP threads, 0 for the engine's choice.
    """

    enabled: bool
    model_path: str
    model_name: str
    runner: Literal["generate", "pooling"]
    dtype: Literal["bfloat16", "float16", "float32"]
    max_model_len: int
    memory: float
    compiled: bool
    replicas: int
    max_replicas: int
    cpu_cores: int
    memory_gib: int
    start_timeout_s: int
    port: int = 8000
    max_num_seqs: int = 0
    tensor_parallel: int = 1
    shm_gib: int = 1
    threads: int = 0
    prefix_caching: bool = True
    adapter: str = ""
    max_lora_rank: int = 16
    images_per_prompt: int = 0

    def __post_init__(self) -> None:
        above_0 = ("max_model_len", "memory", "replicas", "cpu_cores", "memory_gib", "start_timeout_s")
        for name in (*above_0, "tensor_parallel", "shm_gib", "max_lora_rank"):
            if getattr(self, name) <= 0:
                raise ProfileError(f"{name} must be above 0")
        if self.max_replicas < self.replicas:
            raise ProfileError("max_replicas is below replicas")
        if not 1024 <= self.port <= 65535:
            raise ProfileError("port must be 1024 to 65535: the server is no root")
        if self.runner == "pooling" and (self.adapter or self.images_per_prompt):
            raise ProfileError("a pooling role takes neither adapter nor images")


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where the servers run. `resource`: what the device plugin offers, "" for none; images are named without registry.

    `host_files`: files and folders of the node's driver, mounted read-only. `read_only_root`: whether the engine is known to
    need no writing outside of /tmp, its caches and shared memory.
    """

    namespace: str
    image: str
    resource: str
    models_claim: str
    read_only_root: bool
    user_id: int = 1000
    group_id: int = 1000
    cache_gib: int = 10
    runtime_class: str = ""
    scheduler: str = ""
    node_selector: Mapping[str, str] = field(default_factory=dict)
    host_files: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.user_id < 1:
            raise ProfileError("user_id must not be root's")


@dataclass(frozen=True, slots=True)
class Training:
    """A training job: one pod. `steps`: command lines of our modules, one after the other, run by `python`."""

    image: str
    python: str
    device: Literal["cpu", "cuda", "npu"]
    devices: int
    cpu_cores: int
    memory_gib: int
    shm_gib: int
    work_claim: str
    work_gib: int
    deadline_s: int
    retries: int
    steps: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if (self.device == "cpu") != (self.devices == 0):
            raise ProfileError("devices must be 0 on cpu, and above 0 elsewhere")
        if not self.steps:
            raise ProfileError("steps must not be empty")


@dataclass(frozen=True, slots=True)
class Images:
    """What the images are built from. `serving_base`, `training_base`: without registry. `checks`: package -> version
    that the serving base must hold; the build stops where it holds another.
    """

    serving_base: str
    training_base: str
    training_requirements: str
    training_packages: tuple[str, ...] = ()
    serving_requirements: str = ""
    serving_packages: tuple[str, ...] = ()
    checks: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Profile:
    """One accelerator. `ran`: what of this profile has ever been run, in words for people."""

    accelerator: Literal["ascend", "cuda", "cpu"]
    ran: str
    engine: Engine
    encoder: Role
    discriminator: Role
    vision: Role
    cluster: Cluster
    training: Training
    images: Images

    def __post_init__(self) -> None:
        on_cpu = self.accelerator == "cpu"
        if on_cpu != (self.engine.memory == "kv-gib") or on_cpu != (self.cluster.resource == ""):
            raise ProfileError("only a cpu profile has memory = 'kv-gib' and no resource")
        for name, role in self.roles().items():
            if not on_cpu and role.memory > 1:
                raise ProfileError(f"{name}.memory = {role.memory}: a share of the device, at most 1")

    def roles(self) -> dict[str, Role]:
        """The served models by role, those that are enabled."""
        every = {"encoder": self.encoder, "discriminator": self.discriminator, "vision": self.vision}
        return {name: role for name, role in every.items() if role.enabled}


def load_profile(name: str, path: Path | None = None) -> Profile:
    """Read the profile of an accelerator, or the file at `path`. Errors: ProfileError."""
    file = path or PROFILES / f"{name}.toml"
    try:
        table = tomllib.loads(file.read_text("utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ProfileError(f"{file}: cannot be read: {error}") from error
    found = read_record(Profile, table, file.name)
    if found.accelerator != name:
        raise ProfileError(f"{file.name}: accelerator is {found.accelerator}, not {name}")
    return found
