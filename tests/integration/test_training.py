"""Training of the item-understanding model, run where torch is, on a tiny random model: packing equals single requests, the
loss falls, a killed training ends in the same weights as one that was not, devices that are not there are told."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".local" / "inference" / "bin" / "python"

pytestmark = pytest.mark.integration

# A packed sequence must give each branch the hidden states that it has alone behind its item's prefix.
PACKING = """
import json, torch
from transformers import LlamaConfig, LlamaForCausalLM
from pipelines.models.packing import ATTENTION, collate, pack, register_attention
register_attention()
torch.manual_seed(0)
small = dict(hidden_size=64, intermediate_size=96, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2, vocab_size=99)
packed_model = LlamaForCausalLM(LlamaConfig(**small, attn_implementation=ATTENTION)).eval()
plain = LlamaForCausalLM(LlamaConfig(**small, attn_implementation="eager")).eval()
plain.load_state_dict(packed_model.state_dict())
items = [([5, 6, 7, 8], [([9, 10, 11], [12, 13]), ([14], [15]), ([16, 17], [18, 19, 20])]), ([30, 31], [([32, 33], [34, 35])])]
batch = collate([pack(prefix, branches) for prefix, branches in items])
with torch.no_grad():
    out = packed_model(**batch, use_cache=False)
    logits, losses, at, worst = out.logits[0], [], 0, 0.0
    for prefix, branches in items:
        for prompt, reply in branches:
            whole = prefix + prompt + reply
            alone = plain(input_ids=torch.tensor([whole])).logits[0, len(prefix + prompt) - 1 : len(whole) - 1]
            worst = max(worst, float((logits[at : at + len(reply)] - alone).abs().max()))
            losses += torch.nn.functional.cross_entropy(alone, torch.tensor(reply), reduction="none").tolist()
            at += len(reply)
print(json.dumps({"worst": worst, "said": batch["labels"][0].tolist(), "lengths": batch["lengths"],
                  "loss": float(out.loss), "alone": sum(losses) / len(losses), "rows": len(logits) - at}))
"""

# Modes: "whole" trains to the end, "cut" dies at a report after the checkpoint of step 6, "again" goes on.
TRAINING = """
import json, pathlib, sys, torch
from transformers import ByT5Tokenizer, LlamaConfig, LlamaForCausalLM
from pipelines.models.sft import RunConfig, TrainConfig, TrainingRefused, train
from pipelines.models.device import DeviceMissing
home, method, modes = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3].split(",")
base = home / "tiny"
if not base.exists():
    torch.manual_seed(7)
    tokenizer = ByT5Tokenizer()  # bytes are its tokens: nothing to load
    config = LlamaConfig(vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2,
                         num_attention_heads=4, num_key_value_heads=2, tie_word_embeddings=True, initializer_range=0.2)
    LlamaForCausalLM(config).save_pretrained(base)
    tokenizer.save_pretrained(base)
class Killed(BaseException):
    pass
said, found = [], {}
def say(line):
    said.append(line)
def dies(line):
    said.append(line)
    if line.startswith("step 8 "):
        raise Killed
cfg = dict(base_dir=str(base), method=method, steps=12, first_layer=1, learning_rate=5e-2 if method == "lora" else 1e-2,
           warmup_steps=2, items_a_step=2, report_steps=2, rank=4)
run = RunConfig(checkpoint_steps=6)
for mode in modes:
    said.clear()
    out = home / ("whole" if mode == "whole" else "cut")
    settings = TrainConfig(**cfg)
    if mode == "other":
        settings = TrainConfig(**{**cfg, "seed": 1})
    if mode in ("cuda", "npu", "tpu"):
        settings, out = TrainConfig(**cfg, device=mode), home / mode
    try:
        made = train(settings, RunConfig(minutes=1e-6) if mode == "clock" else run, home / "examples.jsonl",
                     home / "clock" if mode == "clock" else out, dies if mode == "cut" else say)
        found[mode] = {"made": made and str(made.relative_to(home)), "said": list(said)}
    except Killed:
        found[mode] = {"killed": True, "said": list(said)}
    except (TrainingRefused, DeviceMissing, ValueError) as error:
        found[mode] = {"error": str(error), "kind": type(error).__name__}
print(json.dumps(found))
"""
COMPARE = """
import json, sys
from safetensors.torch import load_file
one, two, base = (load_file(path) for path in sys.argv[1:4])
print(json.dumps({"same": sorted(one) == sorted(two) and all(bool((one[n] == two[n]).all()) for n in one), "names": sorted(one),
                  "changed": sorted(n for n in one if n in base and not bool((one[n] == base[n].to(one[n].dtype)).all()))}))
"""
COLORS = ("red", "blue", "green", "black", "white", "navy")


def run(script: str, *words: str) -> Any:
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [str(PYTHON), "-c", script, *words], cwd=ROOT, env=env, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def write_examples(home: Path) -> None:
    """24 shirts whose color is to be said: what even a tiny model learns a little of in a dozen steps."""
    rows = [
        {
            "item_id": f"i{n}", "set": "shirts", "family": "recognition", "task": "key_value", "labels": ["gold"],
            "prefix": f"Item: {COLORS[n % 6]} shirt, number {n}",
            "requests": [
                {"prompt": "\nColor: red; blue; green\nReply:\n", "reply": f"Color: {COLORS[n % 6]}\n"},
                {"prompt": "\nFit: slim\nReply:\n", "reply": "Fit: none\n"},
            ],
        }
        for n in range(24)
    ]  # fmt: skip
    (home / "examples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


def losses(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "loss.jsonl").read_text("utf-8").splitlines()]


def test_a_packed_sequence_equals_its_requests_alone() -> None:
    found = run(PACKING)
    assert found["worst"] < 1e-4 and found["rows"] == 0
    assert found["said"] == [12, 13, 15, 18, 19, 20, 34, 35]
    assert found["lengths"] == [[4, 5, 2, 5], [2, 4]]
    assert found["loss"] == pytest.approx(found["alone"], abs=1e-5)


def test_lora_learns_and_a_killed_training_ends_where_an_undisturbed_one_does(tmp_path: Path) -> None:
    write_examples(tmp_path)
    found = run(TRAINING, str(tmp_path), "lora", "whole,cut,other")
    assert found["cut"]["killed"] and found["whole"]["made"] == "whole/adapter"
    assert found["other"]["kind"] == "TrainingRefused" and "another --out" in found["other"]["error"]
    # A checkpoint that a kill left half written is no checkpoint.
    (tmp_path / "cut" / "checkpoint-7").mkdir()
    again = run(TRAINING, str(tmp_path), "lora", "again")["again"]
    assert again["said"][0] == "goes on after step 6 of 12" and again["made"] == "cut/adapter"

    whole, cut = losses(tmp_path / "whole"), losses(tmp_path / "cut")
    assert whole == cut and [row["step"] for row in whole] == [2, 4, 6, 8, 10, 12]
    assert whole[-1]["loss"] < 0.9 * whole[0]["loss"]
    assert whole[-1]["items"] == 24 and whole[-1]["tokens"] > whole[0]["tokens"] > 0

    weights = [str(tmp_path / one / "adapter" / "adapter_model.safetensors") for one in ("whole", "cut")]
    compared = run(COMPARE, *weights, str(tmp_path / "tiny" / "model.safetensors"))
    assert compared["same"]
    assert all("layers.1." in name for name in compared["names"]) and len(compared["names"]) == 14
    settings = json.loads((tmp_path / "cut" / "adapter" / "adapter_config.json").read_text("utf-8"))
    assert settings["base_model_name_or_path"] == "tiny" and settings["r"] == 4
    record = json.loads((tmp_path / "cut" / "training.json").read_text("utf-8"))
    assert record["data"]["tasks"] == {"recognition.key_value": 24} and record["data"]["requests"] == 48
    assert str(tmp_path) not in (tmp_path / "cut" / "training.json").read_text("utf-8")


def test_all_weights_can_be_trained_and_go_on_too(tmp_path: Path) -> None:
    write_examples(tmp_path)
    found = run(TRAINING, str(tmp_path), "full", "whole,cut")
    again = run(TRAINING, str(tmp_path), "full", "again")["again"]
    assert found["whole"]["made"] == "whole/model" and again["made"] == "cut/model"
    whole = losses(tmp_path / "whole")
    assert whole == losses(tmp_path / "cut") and whole[-1]["loss"] < 0.9 * whole[0]["loss"]
    weights = [str(tmp_path / one / "model" / "model.safetensors") for one in ("whole", "cut")]
    compared = run(COMPARE, *weights, str(tmp_path / "tiny" / "model.safetensors"))
    assert compared["same"]
    assert compared["changed"] and not any("layers.0." in n or "embed" in n for n in compared["changed"])
    name = json.loads((tmp_path / "cut" / "model" / "aiic_model.json").read_text("utf-8"))
    assert name["base"] == "tiny" and name["name"].startswith("tiny+full-")
    assert (tmp_path / "cut" / "model" / "tokenizer_config.json").exists()


def test_devices_that_are_not_here_are_told_and_the_clock_ends_a_run(tmp_path: Path) -> None:
    write_examples(tmp_path)
    found = run(TRAINING, str(tmp_path), "lora", "npu,tpu,clock")
    assert found["npu"]["kind"] == "DeviceMissing" and "torch-npu" in found["npu"]["error"]
    assert found["tpu"]["kind"] == "ValueError" and "cpu, cuda, npu" in found["tpu"]["error"]
    assert found["clock"]["made"] is None and "run again to go on" in found["clock"]["said"][-1]
    assert (tmp_path / "clock" / "checkpoint-1" / "whole").exists()


def test_the_released_adapter_names_no_machine_and_fits() -> None:
    folder = ROOT / "models" / "discriminator"
    settings = json.loads((folder / "adapter_config.json").read_text("utf-8"))
    assert settings["base_model_name_or_path"] == "smollm2-135m-instruct"
    assert (folder / "adapter_model.safetensors").stat().st_size <= 10_000_000
    assert (folder / "README.md").exists()
