"""Profiles of accelerators and what is rendered from them: refusals, goldens of arguments, schemas and rules of manifests."""

from __future__ import annotations

import copy
import importlib
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from infra.deploy.check import faults
from infra.deploy.kubernetes import serving_manifests
from infra.deploy.profile import NAMES, PROFILES, Profile, load_profile
from infra.deploy.render import render
from infra.deploy.server import Place, server_environment, server_words
from infra.deploy.training import training_commands, training_manifests
from infra.deploy.typed import ProfileError
from jobs import train_encoder, train_sft_train
from jobs.cli import main

KUBERNETES = ("1.29", "1.35")
PLACE = Place("discriminator", "/models/d", "d-1", "0.0.0.0", 8000)


def words(profile: Profile, **changes: Any) -> list[str]:
    return list(server_words(profile.engine, replace(profile.discriminator, **changes), PLACE))


def value(found: list[str], option: str) -> str:
    return found[found.index(option) + 1]


def test_ascend_takes_blocks_of_128_and_the_model_first() -> None:
    profile = load_profile("ascend")
    assert words(profile) == [
        "/models/d", "--host", "0.0.0.0", "--port", "8000", "--runner", "generate", "--dtype", "bfloat16",
        "--max-model-len", "2048", "--block-size", "128",
        "--structured-outputs-config", '{"backend": "xgrammar", "disable_any_whitespace": true}',
        "--gpu-memory-utilization", "0.85", "--max-num-seqs", "256", "--served-model-name", "discriminator", "d-1",
        "--no-enable-log-requests", "--disable-uvicorn-access-log", "--enable-prefix-caching",
        "--enable-prompt-tokens-details",
    ]  # fmt: skip
    assert server_environment(profile.engine, profile.discriminator)["ASCEND_RT_VISIBLE_DEVICES"] == "0"


@pytest.mark.parametrize(("name", "tokens"), [("ascend", "128"), ("cuda", "16"), ("cpu", "32")])
def test_block_sizes(name: str, tokens: str) -> None:
    assert value(words(load_profile(name)), "--block-size") == tokens


def test_several_devices_are_seen_and_used() -> None:
    for name, variable in (("ascend", "ASCEND_RT_VISIBLE_DEVICES"), ("cuda", "CUDA_VISIBLE_DEVICES")):
        profile = load_profile(name)
        wide = replace(profile.discriminator, tensor_parallel=4)
        assert server_environment(profile.engine, wide)[variable] == "0,1,2,3"
        assert value(words(profile, tensor_parallel=4), "--tensor-parallel-size") == "4"
        (serving,) = [
            one for one in serving_manifests(replace(profile, discriminator=wide), "")
            if one["kind"] == "Deployment" and one["metadata"]["name"] == "aiic-discriminator"
        ]  # fmt: skip
        held = serving["spec"]["template"]["spec"]["containers"][0]["resources"]
        assert held["limits"][profile.cluster.resource] == held["requests"][profile.cluster.resource] == "4"


def test_cpu_takes_its_memory_as_a_variable() -> None:
    profile = load_profile("cpu")
    assert "--gpu-memory-utilization" not in words(profile)
    assert server_environment(profile.engine, profile.discriminator)["VLLM_CPU_KVCACHE_SPACE"] == "4"


def test_an_adapter_is_served_under_the_roles_name() -> None:
    found = words(load_profile("cuda"), adapter="/models/adapter", max_lora_rank=32)
    assert value(found, "--served-model-name") == "d-1"
    assert value(found, "--lora-modules") == "discriminator=/models/adapter"
    assert (value(found, "--max-lora-rank"), "--enable-lora" in found) == ("32", True)


def test_a_model_that_sees_is_told_how_many_images() -> None:
    profile = load_profile("ascend")
    seeing = replace(profile, vision=replace(profile.vision, enabled=True))
    found = list(server_words(seeing.engine, seeing.roles()["vision"], PLACE))
    assert value(found, "--limit-mm-per-prompt") == '{"image": 4}'
    data = next(one for one in serving_manifests(seeing, "") if one["kind"] == "ConfigMap")["data"]
    assert data["AIIC_VISION_URL"] == "http://aiic-vision.item-center.svc:8002/v1"


def edited(tmp_path: Path, name: str, old: str, new: str) -> Path:
    text = (PROFILES / f"{name}.toml").read_text("utf-8")
    assert old in text
    path = tmp_path / f"{name}.toml"
    path.write_text(text.replace(old, new, 1), "utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "old", "new", "told"),
    [
        ("cpu", "block_tokens = 32", "block_tokens = 32\nblok = 1", r"cpu.toml.engine: has unknown keys \['blok'\]"),
        ("cpu", "block_tokens = 32", "", r"lacks \['block_tokens'\]"),
        ("cpu", "block_tokens = 32", 'block_tokens = "32"', "block_tokens = '32': expected int"),
        ("cpu", "block_tokens = 32", "block_tokens = true", "block_tokens = True: expected int"),
        ("cpu", "block_tokens = 32", "block_tokens = 0", "block_tokens must be above 0"),
        ("cpu", 'dtype = "bfloat16"', 'dtype = "int4"', "choose from 'bfloat16', 'float16', 'float32'"),
        ("cpu", 'accelerator = "cpu"', 'accelerator = "cuda"', "only a cpu profile"),
        ("cuda", "memory = 0.9", "memory = 9", "a share of the device, at most 1"),
        ("cuda", "memory = 0.9", "memory = -1", "discriminator: memory must be above 0"),
        ("cuda", "max_replicas = 4", "max_replicas = 1", "encoder: max_replicas is below replicas"),
        ("cuda", "port = 8001", "port = 80", "the server is no root"),
        ("cuda", "devices = 1", "devices = 0", "devices must be 0 on cpu, and above 0 elsewhere"),
        ("ascend", 'steps = [', 'steps = [3,', r"steps\[0\] = 3: expected str"),
        ("ascend", "[engine.environment]", "[engine.environment]\nA = 1", "environment.A = 1: expected str"),
        ("ascend", "[encoder]", "[[encoder]]", "encoder: must be a table"),
        ("ascend", "[engine]", "[engine", "cannot be read"),
    ],
)  # fmt: skip
def test_a_profile_that_cannot_be_is_refused(
    tmp_path: Path, name: str, old: str, new: str, told: str
) -> None:
    with pytest.raises(ProfileError, match=told):
        load_profile(name, edited(tmp_path, name, old, new))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("version", KUBERNETES)
def test_manifests_keep_to_the_schemas_of_kubernetes(name: str, version: str) -> None:
    files = render(load_profile(name), "registry.example/")
    assert not any(mark in files["kubernetes/serving.yaml"] for mark in ("&id", "*id"))
    found = [
        one
        for path in ("kubernetes/serving.yaml", "kubernetes/training.yaml")
        for one in yaml.safe_load_all(files[path])
    ]
    for one in found:
        kubernetes_validate.validate(one, version, strict=True)
    kinds = [one["kind"] for one in found]
    assert kinds.count("Deployment") == kinds.count("Service") == kinds.count("NetworkPolicy") == 2
    assert kinds.count("Job") == kinds.count("PersistentVolumeClaim") == 1
    pods = [one["spec"]["template"]["spec"] for one in found if one["kind"] in ("Deployment", "Job")]
    assert {c["image"].partition("/")[0] for pod in pods for c in pod["containers"]} == {"registry.example"}


def test_the_schemas_do_refuse() -> None:
    (one, *_) = serving_manifests(load_profile("cpu"), "")
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(one | {"metadata": {"name": 7}}, KUBERNETES[0], strict=True)


def of_kind(manifests: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    return next(one for one in manifests if one["kind"] == kind)


def container(manifests: list[dict[str, Any]]) -> dict[str, Any]:
    found = of_kind(manifests, "Deployment")["spec"]["template"]["spec"]["containers"][0]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda all: of_kind(all, "Service")["spec"]["selector"].update(x="y"), "selects the pods of 0 workloads"),
        (lambda all: of_kind(all, "Service")["spec"].update(selector={}), "selects the pods of 2 workloads"),
        (lambda all: of_kind(all, "Service")["spec"]["ports"][0].update(targetPort="web"), "leads to web"),
        (lambda all: of_kind(all, "Service")["metadata"].update(namespace="other"), "not in the namespace of its pods"),
        (lambda all: of_kind(all, "Deployment")["spec"]["selector"]["matchLabels"].update(x="y"), "not match its own"),
        (lambda all: of_kind(all, "HorizontalPodAutoscaler")["spec"].update(minReplicas=9), "outside of its bounds"),
        (lambda all: of_kind(all, "HorizontalPodAutoscaler")["spec"]["scaleTargetRef"].update(name="x"), "is not there"),
        (lambda all: container(all).pop("livenessProbe"), "no livenessProbe"),
        (lambda all: container(all)["ports"][0].update(containerPort=9), "listens on 8001, its ports are"),
        (lambda all: container(all)["args"].remove("--port"), "do not say on which --port"),
        (lambda all: container(all)["resources"]["limits"].pop("memory"), "no memory in requests or limits"),
        (lambda all: container(all)["resources"]["requests"].pop("nvidia.com/gpu"), "requested as it is limited"),
        (lambda all: container(all)["securityContext"].pop("allowPrivilegeEscalation"), "may gain privileges"),
        (lambda all: container(all)["volumeMounts"].append({"name": "x"}), "mounts x, which is no volume"),
        (lambda all: container(all)["env"].append(container(all)["env"][0]), "is set 2 times"),
        (lambda all: of_kind(all, "Deployment")["spec"]["template"]["spec"].pop("automountServiceAccountToken"), "token"),
        (lambda all: of_kind(all, "Deployment")["spec"]["template"]["spec"]["securityContext"].clear(), "runs as root"),
        (lambda all: all.append(of_kind(all, "ConfigMap")), "is there 2 times"),
    ],
)  # fmt: skip
def test_every_rule_catches_what_it_is_for(
    spoil: Callable[[list[dict[str, Any]]], object], told: str
) -> None:
    manifests = copy.deepcopy(serving_manifests(load_profile("cuda"), ""))
    assert list(faults(manifests)) == []
    spoil(manifests)
    assert any(told in fault for fault in faults(manifests))


def test_probes_wait_as_long_as_a_start_may_take() -> None:
    for name in NAMES:
        profile = load_profile(name)
        for one in serving_manifests(profile, ""):
            if one["kind"] == "Deployment":
                role = profile.roles()[one["metadata"]["name"].removeprefix("aiic-")]
                probe = one["spec"]["template"]["spec"]["containers"][0]["startupProbe"]
                assert probe["periodSeconds"] * probe["failureThreshold"] >= role.start_timeout_s


def test_training_goes_on_in_its_claim_on_its_device() -> None:
    claim, job = training_manifests(load_profile("ascend"), "")
    pod = job["spec"]["template"]["spec"]
    trainers = [*pod["initContainers"], *pod["containers"]]
    claims = {one["name"]: one["persistentVolumeClaim"]["claimName"] for one in pod["volumes"] if "persistentVolumeClaim" in one}  # fmt: skip
    assert claims["output"] == claim["metadata"]["name"]
    for trainer in trainers:
        command = trainer["command"]
        assert command[command.index("--device") + 1] == "npu"
        assert command[command.index("--out") + 1].startswith("/output/")
        assert trainer["resources"]["limits"]["huawei.com/Ascend910"] == "1"
    assert (pod["restartPolicy"], job["spec"]["backoffLimit"]) == ("Never", 3)


@pytest.mark.parametrize("name", NAMES)
def test_the_training_commands_understand_their_arguments(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}

    def note(module: str) -> Callable[[Any], int]:
        return lambda args: seen.update({module: args}) or 0

    monkeypatch.setattr(train_sft_train, "run", note("jobs.train_sft"))
    monkeypatch.setattr(train_encoder, "learn", note("jobs.train_encoder"))
    for command in training_commands(load_profile(name)):
        monkeypatch.setattr(sys, "argv", command[2:])
        with suppress(SystemExit):
            importlib.import_module(command[2]).main()
    device = load_profile(name).training.device
    assert {module: (args.device, str(args.out)) for module, args in seen.items()} == {
        "jobs.train_encoder": (device, "/output/encoder"),
        "jobs.train_sft": (device, "/output/sft"),
    }


def test_steps_before_the_last_are_run_one_after_the_other() -> None:
    profile = load_profile("cuda")
    steps = replace(profile.training, steps=("-m a --x 'y z'", "-m b", "-m c"))
    _, job = training_manifests(replace(profile, training=steps), "")
    pod = job["spec"]["template"]["spec"]
    assert [one["command"][2] for one in (*pod["initContainers"], *pod["containers"])] == ["a", "b", "c"]
    assert pod["initContainers"][0]["command"][3:] == ["--x", "y z"]


@pytest.mark.parametrize("name", NAMES)
def test_images_are_not_run_as_root_and_name_no_registry(name: str) -> None:
    files = render(load_profile(name))
    for path in ("docker/serving.Dockerfile", "docker/training.Dockerfile"):
        lines = files[path].splitlines()
        (base,) = [line for line in lines if line.startswith("FROM ")]
        assert base.startswith("FROM ${REGISTRY}") and "." not in base.removeprefix("FROM ${REGISTRY}").split("/")[0].split(":")[0]  # fmt: skip
        assert [line for line in lines if line.startswith("USER ")][-1] == "USER 1000:1000"
        for line in lines:
            if line.startswith("COPY "):
                assert (PROFILES.parents[2] / line.split()[1]).exists(), line


def test_the_build_stops_at_a_base_of_other_versions() -> None:
    text = render(load_profile("ascend"))["docker/serving.Dockerfile"]
    (check,) = [line for line in text.splitlines() if line.startswith("RUN python3 -c")]
    ran = subprocess.run(
        ["sh", "-c", check.removeprefix("RUN ")], capture_output=True, text=True, check=False
    )
    assert ran.returncode != 0 and "vllm" in ran.stderr


def test_scripts_are_shell_and_let_their_caller_choose_the_device(tmp_path: Path) -> None:
    files = render(load_profile("ascend"))
    script = files["commands/discriminator.sh"]
    echoed = script.replace("exec vllm", 'echo "$ASCEND_RT_VISIBLE_DEVICES" && exec echo')
    path = tmp_path / "d.sh"
    path.write_text(echoed)
    ran = subprocess.run(
        ["sh", str(path)], env={"ASCEND_RT_VISIBLE_DEVICES": "5", "PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    device, command = ran.stdout.splitlines()
    assert device == "5"
    assert command.startswith("serve /models/discriminator --host 127.0.0.1 --port 8000")
    assert '{"backend": "xgrammar", "disable_any_whitespace": true}' in command


def test_the_command_writes_all_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert (
        main(["deploy", "render", "--profile", "ascend", "--out", str(out), "--registry", "r.example"]) == 0
    )
    told = capsys.readouterr()
    assert sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()) == [
        "commands/discriminator.sh", "commands/encoder.sh", "commands/train.sh", "docker/serving.Dockerfile",
        "docker/training.Dockerfile", "docker/tunnel.Dockerfile", "kubernetes/serving.yaml",
        "kubernetes/training.yaml", "kubernetes/tunnel.yaml",
    ]  # fmt: skip
    assert "image: r.example/aiic/serve-ascend:0.23.0.post1" in (out / "kubernetes/serving.yaml").read_text()
    assert "run so far: Nothing." in told.err


def test_a_profile_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = edited(tmp_path, "cpu", "replicas = 2", "replicas = 0")
    assert (
        main(["deploy", "render", "--profile", "cpu", "--file", str(own), "--out", str(tmp_path / "o")]) == 1
    )
    assert "cpu.toml.encoder: replicas must be above 0" in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


def test_training_requirements_of_ascend_are_pinned_hashed_and_name_no_host() -> None:
    text = (PROFILES.parents[2] / load_profile("ascend").images.training_requirements).read_text("utf-8")
    blocks = re.split(r"\n(?=\S)", text.strip())
    assert all(re.match(r"[a-z0-9._-]+==", block) and "--hash=sha256:" in block for block in blocks)
    assert {"torch==2.10.0", "torch-npu==2.10.0.post4"} <= {block.split()[0] for block in blocks}
    assert not re.search(r"://|--index-url|--find-links", text)
