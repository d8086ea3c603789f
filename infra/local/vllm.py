"""The two local vLLM servers: the encoder and the discriminator, OpenAI-compatible, on CPU.

Measured on 2 cores (AMD, AVX-512 with bf16, no AMX), which is where the defaults of local.toml come from; see there.
"""

import hashlib
import json
import shutil
import urllib.request
from pathlib import Path

from infra.local.component import Component, Need, Port
from infra.local.config import INFERENCE_PYTHON, ROOT, LocalConfig, VllmSection

MODEL_ID_FILE = "aiic_model.json"
# torch.compile writes C++; without a compiler the server still works, about 3 times slower.
CXX_COMPILERS = ("g++", "clang++")
# On CPU a block holds a multiple of 32 tokens; the smallest shares the longest prefixes.
BLOCK_TOKENS = 32
# The old `guided_*` fields of a request are ignored by this version: requests use `response_format`.
# Without free white space the model cannot spend its tokens on blanks, and replies are compact.
STRUCTURED = {"backend": "xgrammar", "disable_any_whitespace": True}


def vllm_component(name: str, section: VllmSection, config: LocalConfig) -> Component:
    """Describe the server that serves the model of `section` under the model name `name`."""
    url = config.url(section)
    return Component(
        name=name,
        argv=_argv(name, section, config.stack.host),
        env=_environment(section),
        ports=(Port(section.port, f"AIIC_{name.upper()}_PORT"),),
        needs=(
            Need(ROOT / INFERENCE_PYTHON, "the inference environment", "run `make setup`"),
            Need(section.model_dir / "config.json", f"the {name}'s model", "run `make setup`"),
        ),
        healthy=lambda: serves(url, name, timeout_s=2.0),
        start_timeout_s=section.start_timeout_s,
        identity=model_digest(section.model_dir),
        model=model_name(section.model_dir),
    )


def serves(url: str, model: str, timeout_s: float) -> bool:
    """Tell whether the server at `url` is healthy and serves `model`."""
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=timeout_s):
            pass
        with urllib.request.urlopen(f"{url}/v1/models", timeout=timeout_s) as reply:
            return model in [entry["id"] for entry in json.load(reply)["data"]]
    except (OSError, ValueError, KeyError, TypeError):
        return False


def model_name(model_dir: Path) -> str:
    """Return the name in the model's id file, or its folder's name where there is none."""
    try:
        return str(json.loads((model_dir / MODEL_ID_FILE).read_text(encoding="utf-8"))["name"])
    except (OSError, ValueError, KeyError, TypeError):
        return model_dir.name


def model_digest(model_dir: Path) -> str:
    """Digest of what is in a model folder, cheap: names, sizes and times of its files."""
    entries = sorted(path for path in model_dir.glob("*") if path.is_file())
    stats = [(path.name, path.stat().st_size, path.stat().st_mtime_ns) for path in entries]
    return hashlib.sha256(json.dumps(stats).encode("utf-8")).hexdigest()


def _argv(name: str, section: VllmSection, host: str) -> tuple[str, ...]:
    """The command line; there is no `vllm` command in the CPU distribution."""
    options = {
        "model": str(section.model_dir),
        "host": host,
        "port": str(section.port),
        "runner": section.runner,
        "dtype": section.dtype,
        "max-model-len": str(section.max_model_len),
    }
    flags = ["--no-enable-log-requests", "--disable-uvicorn-access-log"]
    if section.runner == "pooling":
        options["convert"] = "embed"
    else:
        options |= {"block-size": str(BLOCK_TOKENS), "structured-outputs-config": json.dumps(STRUCTURED)}
        flags += ["--enable-prefix-caching", "--enable-prompt-tokens-details"]
    if not section.compiled or not any(map(shutil.which, CXX_COMPILERS)):
        flags.append("--enforce-eager")
    words = [word for key, value in options.items() for word in (f"--{key}", value)]
    # The second name tells clients which weights they talk to: it changes with the adapter.
    words += ["--served-model-name", name, model_name(section.model_dir)]
    return (str(ROOT / INFERENCE_PYTHON), "-m", "vllm.entrypoints.openai.api_server", *words, *flags)


def _environment(section: VllmSection) -> dict[str, str]:
    """What makes vLLM work offline, on CPU, and start from its own compile cache."""
    cache = ROOT / ".local" / "cache"
    return {
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        "VLLM_CPU_KVCACHE_SPACE": str(section.kv_cache_gib),
        # Two servers and Spark share the cores: pinned threads would wait for each other's core, so let them move.
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",
        "OMP_NUM_THREADS": str(section.threads),
        # Threads that wait for each other must sleep: spinning took 5 times the CPU on a busy machine (0.93 against
        # 0.19 CPU seconds a request, 0.7 against 2.5 requests/s at a load of 12 and more on 2 cores).
        "OMP_WAIT_POLICY": "passive",
        # The ahead-of-time form compiles again at every start; this kept cache is used by the other form.
        "VLLM_USE_AOT_COMPILE": "0",
        "TORCHINDUCTOR_CACHE_DIR": str(cache / "inductor"),
        "VLLM_CACHE_ROOT": str(cache / "vllm"),
    }
