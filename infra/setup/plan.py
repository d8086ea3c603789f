"""The steps of set-up: uv, three environments, jars, models."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from infra.setup.step import RunCommand, Step

ENVIRONMENTS = ("engines", "airflow", "inference")
JAR_PROFILES = ("kafka", "spark", "flink")
BASE_MODEL, ENCODER_MODEL = "smollm2-135m-instruct", "all-minilm-l6-v2"
TORCH_WHEEL = "AIIC_TORCH_WHEEL"
# What the CUDA build of torch brings along, and a CPU wheel does not want.
CUDA_PACKAGES = re.compile(r"^(torch|triton|nvidia-[a-z0-9-]+|cuda-[a-z0-9-]+)==")


def plan(root: Path, env: "os._Environ[str] | dict[str, str]") -> list[Step]:
    """All steps, each after the ones that it needs."""
    wheel = env.get(TORCH_WHEEL, "")
    environments = [_environment(root, name, wheel if name == "inference" else "") for name in ENVIRONMENTS]
    return [_uv(root), *environments, _jars(root), *_models(root)]


def without_cuda(requirements: str) -> str:
    r"""Drop torch and its CUDA libraries from a hashed requirements file.

    >>> without_cuda("a==1 --hash=x\nnvidia-nccl==2 --hash=y\n    --hash=z\ntorch==3\nvllm==4\n")
    'a==1 --hash=x\nvllm==4\n'
    """
    kept, dropping = [], False
    for line in requirements.splitlines(keepends=True):
        if not line.startswith((" ", "#")):
            dropping = bool(CUDA_PACKAGES.match(line))
        if not dropping:
            kept.append(line)
    return "".join(kept)


def _uv(root: Path) -> Step:
    """uv, which makes the environments: itself a package, in an environment of its own."""
    home, hashed = root / ".local" / "uv", root / "infra" / "requirements" / "uv.txt"

    def run(command: RunCommand) -> None:
        if not (home / "bin" / "python").exists():
            command([sys.executable, "-m", "venv", "--clear", str(home)])
        pip = [str(home / "bin" / "python"), "-m", "pip", "install", "--no-deps", "--require-hashes"]
        command([*pip, "-r", str(hashed)])

    return Step("uv", (hashed,), (home / "bin" / "uv",), run)


def _environment(root: Path, name: str, torch_wheel: str) -> Step:
    """One environment, exactly as its hashed requirements say: what is not in them is removed."""
    uv, home = str(root / ".local" / "uv" / "bin" / "uv"), root / ".local" / name
    python, hashed = home / "bin" / "python", root / "infra" / "requirements" / f"{name}.txt"

    def run(command: RunCommand) -> None:
        if not _works(python, home):
            command([uv, "venv", "--clear", "--python", sys.executable, str(home)])
        requirements = hashed
        if torch_wheel:
            requirements = root / ".local" / f"{name}-without-cuda.txt"
            requirements.write_text(without_cuda(hashed.read_text("utf-8")), encoding="utf-8")
        # Compiled now: a machine with PYTHONDONTWRITEBYTECODE would compile thousands of files at every start.
        target = ["--python", str(python), "--compile-bytecode"]
        command([uv, "pip", "sync", "--require-hashes", *target, str(requirements)])
        if torch_wheel:
            command([uv, "pip", "install", "--no-deps", *target, torch_wheel])

    settings = ("exact", torch_wheel)
    return Step(name, (hashed,), (python,), run, after=("uv",), settings=settings)


def _works(python: Path, home: Path) -> bool:
    """Tell whether an environment's interpreter runs and is still where it was made."""
    if not python.exists():
        return False
    show = [str(python), "-c", "import sys; print(sys.prefix)"]
    shown = subprocess.run(show, capture_output=True, text=True, check=False)
    return shown.returncode == 0 and shown.stdout.strip() == str(home)


def _jars(root: Path) -> Step:
    """The jars of each engine, in a folder of its own."""
    pom, home = root / "infra" / "jars" / "pom.xml", root / ".local" / "jars"

    def run(command: RunCommand) -> None:
        for profile in JAR_PROFILES:
            shutil.rmtree(home / profile, ignore_errors=True)
            maven = ["mvn", "--batch-mode", "--no-transfer-progress", "--strict-checksums", "-f", str(pom)]
            command([*maven, "-P", profile, f"-Daiic.jars.dir={home}", "dependency:copy-dependencies"])

    return Step("jars", (pom,), tuple(home / profile for profile in JAR_PROFILES), run)


def _models(root: Path) -> list[Step]:
    """The models, each made by a module of infra.models in the inference environment."""
    python, models = str(root / ".local" / "inference" / "bin" / "python"), root / ".local" / "models"
    source, adapter = root / "infra" / "models", root / "models" / "discriminator"
    base, encoder, discriminator = (models / name for name in (BASE_MODEL, ENCODER_MODEL, "discriminator"))

    def step(
        module: str, words: list[Path], after: str, inputs: tuple[Path, ...] = (), name: str | None = None
    ) -> Step:
        def run(command: RunCommand) -> None:
            command([python, "-m", f"infra.models.{module}", *map(str, words)])

        files = (source / f"{module}.py", source / "package.py", *inputs)
        return Step(name or module, files, (words[-1] / "config.json",), run, after=(after,))

    names = ("adapter_config.json", "adapter_model.safetensors")
    adapter_files = tuple(adapter / name for name in names)
    encoder_adapter = root / "models" / "encoder"
    encoder_files = (source / "minilm.py", source / "merge_adapter.py", *(encoder_adapter / n for n in names))
    return [
        step("minilm", [encoder], "inference"),
        step("smollm2", [base], "inference"),
        # Made whether it is served or not: `[encoder] model_dir` in infra/deploy/local.toml chooses.
        step(
            "merge_encoder",
            [encoder, encoder_adapter, models / "encoder"],
            "minilm",
            encoder_files,
            "encoder",
        ),
        step("merge_adapter", [base, adapter, discriminator], "smollm2", adapter_files, "discriminator"),
    ]
