"""The two local vLLM servers: the encoder and the discriminator, OpenAI-compatible, on CPU.

Measured on 2 cores (AMD, AVX-512 with bf16, no AMX), which is where the defaults of local.toml come from; see there.
"""

import hashlib
import json
import shutil
import urllib.request
from pathlib import Path

from infra.deploy.profile import Engine, Role, load_profile
from infra.deploy.server import Place, server_environment, server_words
from infra.local.component import Component, Need, Port
from infra.local.config import INFERENCE_PYTHON, ROOT, LocalConfig, VllmSection

MODEL_ID_FILE = "aiic_model.json"
# torch.compile writes C++; without a compiler the server still works, about 3 times slower.
CXX_COMPILERS = ("g++", "clang++")
DISCRIMINATOR = "discriminator"
# A reply takes seconds of every core: what needs none must not wait behind it.
GIVES_WAY = 10


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
        niceness=GIVES_WAY if name == DISCRIMINATOR else 0,
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


def _engine() -> Engine:
    """The engine of the cpu profile: what a cluster's servers on CPU are started with is what runs here."""
    return load_profile("cpu").engine


def _role(section: VllmSection) -> Role:
    """The section's sizes as a profile's role; what only clusters have is as small as it can be."""
    return Role(
        enabled=True,
        model_path=str(section.model_dir),
        model_name=model_name(section.model_dir),
        runner=section.runner,
        dtype=section.dtype,
        max_model_len=section.max_model_len,
        memory=section.kv_cache_gib,
        compiled=section.compiled and any(map(shutil.which, CXX_COMPILERS)),
        replicas=1,
        max_replicas=1,
        cpu_cores=section.threads,
        memory_gib=1,
        start_timeout_s=int(section.start_timeout_s) or 1,
        port=section.port,
        threads=section.threads,
    )


def _argv(name: str, section: VllmSection, host: str) -> tuple[str, ...]:
    """The command line, by the inference environment's Python."""
    role, engine = _role(section), _engine()
    place = Place(name, role.model_path, role.model_name, host, section.port)
    return (str(ROOT / INFERENCE_PYTHON), *engine.command[1:], *server_words(engine, role, place))


def _environment(section: VllmSection) -> dict[str, str]:
    """The engine's variables, and our own compile cache."""
    cache = ROOT / ".local" / "cache"
    return {
        **server_environment(_engine(), _role(section)),
        "TORCHINDUCTOR_CACHE_DIR": str(cache / "inductor"),
        "VLLM_CACHE_ROOT": str(cache / "vllm"),
    }
