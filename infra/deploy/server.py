"""The command line and environment of one vLLM server: the same builder for the local stack and for clusters."""

from __future__ import annotations

import json
from dataclasses import dataclass

from infra.deploy.profile import Engine, Role


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server listens and under which names it serves; `model` is a folder."""

    name: str
    model: str
    model_name: str
    host: str
    port: int


def server_words(engine: Engine, role: Role, place: Place) -> tuple[str, ...]:
    """The arguments of a server, without the command itself.

    The old `guided_*` fields of a request are ignored by these versions: requests use `structured_outputs` or
    `response_format`. Without free white space a model cannot spend its tokens on blanks, and replies are compact.
    """
    options = {
        "host": place.host,
        "port": str(place.port),
        "runner": role.runner,
        "dtype": role.dtype,
        "max-model-len": str(role.max_model_len),
    }
    flags = ["--no-enable-log-requests", "--disable-uvicorn-access-log"]
    if role.runner == "pooling":
        options["convert"] = "embed"
    else:
        structured = {"backend": engine.structured_backend, "disable_any_whitespace": True}
        options |= {
            "block-size": str(engine.block_tokens),
            "structured-outputs-config": json.dumps(structured),
        }
        flags.append("--enable-prefix-caching" if role.prefix_caching else "--no-enable-prefix-caching")
        flags.append("--enable-prompt-tokens-details")
    if engine.memory == "device-share":
        options["gpu-memory-utilization"] = f"{role.memory:g}"
    if role.max_num_seqs:
        options["max-num-seqs"] = str(role.max_num_seqs)
    if role.tensor_parallel > 1:
        options["tensor-parallel-size"] = str(role.tensor_parallel)
    if role.images_per_prompt:
        options["limit-mm-per-prompt"] = json.dumps({"image": role.images_per_prompt})
    if not role.compiled:
        flags.append("--enforce-eager")
    model = (place.model,) if engine.model_word == "positional" else (engine.model_word, place.model)
    words = [word for key, value in options.items() for word in (f"--{key}", value)]
    return (*model, *words, *_names(role, place), *flags)


def _names(role: Role, place: Place) -> list[str]:
    """What the server calls its models. The role's name is what clients ask for, the other tells which weights it is."""
    if not role.adapter:
        return ["--served-model-name", place.name, place.model_name]
    adapter = f"{place.name}={role.adapter}"
    rank = ["--max-lora-rank", str(role.max_lora_rank)]
    return ["--served-model-name", place.model_name, "--enable-lora", "--lora-modules", adapter, *rank]


def server_environment(engine: Engine, role: Role) -> dict[str, str]:
    """The variables of a server: the engine's, and what the role's size asks for."""
    found = dict(engine.environment)
    if engine.memory == "kv-gib":
        found["VLLM_CPU_KVCACHE_SPACE"] = f"{role.memory:g}"
    if role.threads:
        found["OMP_NUM_THREADS"] = str(role.threads)
    if engine.visible_devices:
        found[engine.visible_devices] = ",".join(map(str, range(role.tensor_parallel)))
    return found
