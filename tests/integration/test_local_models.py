"""The merge of an adapter into the base model, on a tiny model, in the environment that set-up uses for it."""

import json
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".local/inference/bin/python"
TOKENIZER = ROOT / ".local/models/smollm2-135m-instruct"
pytestmark = pytest.mark.integration

MAKE_TINY_MODEL_AND_ADAPTER = """
import pathlib, sys, torch
from peft import LoraConfig, get_peft_model
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM
home, tokenizer_dir = pathlib.Path(sys.argv[1]), sys.argv[2]
torch.manual_seed(7)
tokenizer = AutoTokenizer.from_pretrained(tokenizer_dir)
config = LlamaConfig(vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2,
                     num_attention_heads=4, num_key_value_heads=2)
LlamaForCausalLM(config).save_pretrained(home / "tiny")
tokenizer.save_pretrained(home / "tiny")
model = LlamaForCausalLM.from_pretrained(home / "tiny")
model.config.name_or_path = "anywhere/tiny"
model.name_or_path = "anywhere/tiny"
adapted = get_peft_model(model, LoraConfig(r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False))
adapted.save_pretrained(home / "adapter")
"""
# The largest change of any weight that the adapter aims at, and of any other.
COMPARE = """
import sys, torch
from safetensors.torch import load_file
base, out = (load_file(f"{folder}/model.safetensors") for folder in sys.argv[1:3])
aimed = [name for name in base if "q_proj" in name or "v_proj" in name]
change = {name: float((base[name].bfloat16().float() - out[name].float()).abs().max()) for name in base}
print(out[aimed[0]].dtype, min(change[name] for name in aimed), max(change[name] for name in set(base) - set(aimed)))
"""


def python(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([str(PYTHON), *words], cwd=ROOT, capture_output=True, text=True, timeout=300)


def merge(base: Path, adapter: Path, out: Path) -> "subprocess.CompletedProcess[str]":
    return python("-m", "infra.models.merge_adapter", str(base), str(adapter), str(out))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny random base model and a random adapter for it."""
    folder = tmp_path_factory.mktemp("models")
    made = python("-c", MAKE_TINY_MODEL_AND_ADAPTER, str(folder), str(TOKENIZER))
    assert made.returncode == 0, made.stderr
    return folder


def test_the_adapter_is_merged_into_the_weights_it_aims_at_and_no_other(home: Path, tmp_path: Path) -> None:
    out = tmp_path / "discriminator"
    merged = merge(home / "tiny", home / "adapter", out)
    assert merged.returncode == 0, merged.stderr
    kind, aimed, others = python("-c", COMPARE, str(home / "tiny"), str(out)).stdout.split()
    assert kind == "torch.bfloat16"
    assert float(aimed) > 1e-3
    assert float(others) == 0.0
    made = json.loads((out / "aiic_model.json").read_text())
    assert made["base"] == "tiny"
    assert made["name"] == f"tiny+{made['adapter_sha256'][:12]}"
    assert (out / "tokenizer.json").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["discriminator"]


def test_without_an_adapter_the_base_is_served_under_its_own_name(home: Path, tmp_path: Path) -> None:
    out = tmp_path / "discriminator"
    (tmp_path / "empty").mkdir()
    assert merge(home / "tiny", tmp_path / "empty", out).returncode == 0
    made = json.loads((out / "aiic_model.json").read_text())
    assert made == {"name": "tiny", "base": "tiny", "adapter_sha256": None}
    assert (out / "model.safetensors").read_bytes() == (home / "tiny/model.safetensors").read_bytes()


def test_an_adapter_for_another_base_is_refused_and_the_old_model_stays(home: Path, tmp_path: Path) -> None:
    out = tmp_path / "discriminator"
    out.mkdir()
    (out / "old").touch()
    other = tmp_path / "other"
    (home / "tiny").rename(other)
    try:
        refused = merge(other, home / "adapter", out)
    finally:
        other.rename(home / "tiny")
    assert refused.returncode != 0
    assert "was trained on tiny, not on other" in refused.stderr
    assert [path.name for path in out.iterdir()] == ["old"]


def test_half_an_adapter_is_refused(home: Path, tmp_path: Path) -> None:
    half = tmp_path / "half"
    half.mkdir()
    (half / "adapter_config.json").write_text((home / "adapter/adapter_config.json").read_text())
    refused = merge(home / "tiny", half, tmp_path / "out")
    assert refused.returncode != 0
    assert "holds half an adapter: adapter_model.safetensors is missing" in refused.stderr
    assert not (tmp_path / "out").exists()


def test_the_packaged_model_splits_digits() -> None:
    """GGUF drops this step of the tokenizer; conversion restores it (numbers are most of what we read)."""
    code = (
        "import sys; from transformers import AutoTokenizer;"
        "print(AutoTokenizer.from_pretrained(sys.argv[1]).tokenize('E5335'))"
    )
    shown = python("-c", code, str(TOKENIZER))
    assert shown.stdout.strip() == "['E', '5', '3', '3', '5']", shown.stderr
