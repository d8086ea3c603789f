"""Training of the discriminator's adapter, run where torch is: packing equals single requests, training resumes, adapters fit."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".local" / "inference" / "bin" / "python"
BASE = ROOT / ".local" / "models" / "smollm2-135m-instruct"

pytestmark = pytest.mark.integration

# A packed sequence must give each branch the hidden states that it has alone behind the prefix.
PACKING = """
import torch
from transformers import LlamaConfig, LlamaModel
from pipelines.models.packing import ATTENTION, NOT_SCORED, pack, register_attention
register_attention()
torch.manual_seed(0)
small = dict(hidden_size=64, intermediate_size=96, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2, vocab_size=99)
packed_model = LlamaModel(LlamaConfig(**small, attn_implementation=ATTENTION)).eval()
plain = LlamaModel(LlamaConfig(**small, attn_implementation="eager")).eval()
plain.load_state_dict(packed_model.state_dict())
prefix, branches = [5, 6, 7, 8], [([9, 10, 11], [12, 13]), ([14], [15]), ([16, 17], [18, 19, 20])]
packed = pack(prefix, branches)
with torch.no_grad():
    whole = packed_model(input_ids=packed.ids, position_ids=packed.positions, lengths=packed.lengths, use_cache=False)[0][0]
    at, worst = len(prefix), 0.0
    for prompt, reply in branches:
        alone = plain(input_ids=torch.tensor([prefix + prompt + reply]))[0][0, len(prefix):]
        worst = max(worst, float((whole[at:at + len(alone)] - alone).abs().max()))
        at += len(alone)
said = [int(packed.labels[n]) for n in range(len(packed.labels)) if packed.labels[n] != NOT_SCORED]
print(json.dumps({"worst": worst, "said": said, "lengths": packed.lengths}))
"""


def run(script: str, *words: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "TRANSFORMERS_OFFLINE": "1"}
    return subprocess.run(
        [str(PYTHON), "-c", f"import json, sys\n{script}", *words],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=600,
    )


def test_a_packed_sequence_equals_its_requests_alone() -> None:
    done = run(PACKING)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["worst"] < 1e-4
    assert found["said"] == [12, 13, 15, 18, 19, 20] and found["lengths"] == [4, 5, 2, 5]


TRAINING = """
from pathlib import Path
from pipelines.models.sft import TrainConfig, Trainer
out, base = Path(sys.argv[1]), sys.argv[2]
made = {"prefix": "Item: red shirt", "requests": [{"prompt": "\\na) Color\\n0 blue\\n1 red\\nReply:", "reply": '["a1"]'}]}
asked = []
def examples(limit):
    def of(first):
        asked.append(first)
        return (made for _ in range(limit))
    return of
cfg = TrainConfig(base, "smollm2-135m-instruct", minutes=60, learning_rate=2e-3, warmup_steps=1, items_a_step=1, report_items=3)
first = Trainer(cfg, out, lambda line: None).run(examples(6))
again = Trainer(cfg, out, lambda line: None).run(examples(6))
print(json.dumps({"asked": asked, "items": [first.items, again.items], "losses": again.losses, "steps": again.steps}))
"""


def test_training_learns_goes_on_from_its_checkpoint_and_writes_a_small_adapter(tmp_path: Path) -> None:
    done = run(TRAINING, str(tmp_path), str(BASE))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["asked"] == [0, 6] and found["items"] == [6, 12] and found["steps"] == 12
    losses = [loss for _, loss in found["losses"]]
    assert len(losses) == 4 and losses[-1] < 0.3 * losses[0]
    settings = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text("utf-8"))
    assert settings["base_model_name_or_path"] == "smollm2-135m-instruct"
    assert (tmp_path / "adapter" / "adapter_model.safetensors").stat().st_size < 10 << 20


def test_the_released_adapter_names_no_machine_and_fits() -> None:
    folder = ROOT / "models" / "discriminator"
    settings = json.loads((folder / "adapter_config.json").read_text("utf-8"))
    assert settings["base_model_name_or_path"] == "smollm2-135m-instruct"
    assert (folder / "adapter_model.safetensors").stat().st_size <= 10_000_000
    assert (folder / "README.md").exists()
