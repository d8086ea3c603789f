"""Every server's arguments, of every profile, as the real parser of the installed vLLM understands them."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from infra.deploy.profile import NAMES, Profile, load_profile
from infra.deploy.server import Place, server_words
from infra.local.config import INFERENCE_PYTHON, ROOT

pytestmark = pytest.mark.integration
PARSE = ROOT / "infra/deploy/parse_arguments.py"


def parsed(commands: list[list[str]], folder: Path) -> list[dict[str, Any] | None]:
    """What vLLM's parser makes of each command line; None where it refuses it."""
    ran = subprocess.run(
        [str(ROOT / INFERENCE_PYTHON), "-P", str(PARSE)], input=json.dumps(commands), capture_output=True, text=True,
        cwd=folder, env={"HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", "HOME": str(folder)}, timeout=300, check=True,
    )  # fmt: skip
    (line,) = [line for line in ran.stdout.splitlines() if line.startswith("PARSED ")]
    found: list[dict[str, Any] | None] = json.loads(line.removeprefix("PARSED "))
    return found


def every_server() -> list[tuple[str, str, Profile, list[str]]]:
    """Profile, role, profile as changed, words: all roles, the one that sees too, and one with an adapter."""
    found = []
    for name in NAMES:
        profile = load_profile(name)
        adapted = replace(profile.discriminator, adapter="/models/adapter", tensor_parallel=2)
        seen = {
            "encoder": profile.encoder,
            "discriminator": profile.discriminator,
            "vision": profile.vision,
            "adapted": adapted,
        }
        for role_name, role in seen.items():
            place = Place(role_name, role.model_path, role.model_name, "0.0.0.0", role.port)
            changed = replace(profile, discriminator=role) if role_name == "adapted" else profile
            found.append((name, role_name, changed, list(server_words(profile.engine, role, place))))
    return found


def test_vllm_understands_every_argument_as_it_is_meant(tmp_path: Path) -> None:
    servers = every_server()
    found = parsed([words for *_, words in servers] + [["m", "--guided-decoding-backend", "x"]], tmp_path)
    assert found.pop() is None, "a parser that takes anything would prove nothing"
    assert len(found) == 12
    for (name, role_name, profile, _), args in zip(servers, found, strict=True):
        assert args is not None, f"{name} {role_name}"
        role = profile.discriminator if role_name == "adapted" else getattr(profile, role_name)
        model = args["model_tag"] if profile.engine.model_word == "positional" else args["model"]
        assert (model, args["port"], args["host"]) == (role.model_path, role.port, "0.0.0.0")
        assert (args["runner"], args["dtype"], args["max_model_len"]) == (
            role.runner,
            role.dtype,
            role.max_model_len,
        )
        assert args["enforce_eager"] is not role.compiled
        assert args["tensor_parallel_size"] == role.tensor_parallel
        if profile.engine.memory == "device-share":
            assert args["gpu_memory_utilization"] == role.memory
            assert args["max_num_seqs"] == role.max_num_seqs
        if role.runner == "pooling":
            assert args["convert"] == "embed"
            continue
        assert args["block_size"] == profile.engine.block_tokens
        assert args["enable_prefix_caching"] is True and args["enable_prompt_tokens_details"] is True
        assert args["structured_outputs_config"]["backend"] == "xgrammar"
        assert args["structured_outputs_config"]["disable_any_whitespace"] is True
        if role.images_per_prompt:
            assert args["limit_mm_per_prompt"] == {"image": role.images_per_prompt}
        if role.adapter:
            (module,) = args["lora_modules"]
            assert (module["name"], module["path"], args["max_lora_rank"]) == (
                "adapted",
                "/models/adapter",
                16,
            )
            assert (args["enable_lora"], args["served_model_name"]) == (True, [role.model_name])
        else:
            assert args["served_model_name"] == [role_name, role.model_name]
