"""Training of the encoder where torch is: its loss by hand, learning, going on after a stop, adapters merged, missing devices."""

from __future__ import annotations

import json
import math
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".local" / "inference" / "bin" / "python"
BASE = ROOT / ".local" / "models" / "all-minilm-l6-v2"

pytestmark = pytest.mark.integration


def run(script: str, *words: str) -> dict[str, object]:
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "TRANSFORMERS_OFFLINE": "1"}
    done = subprocess.run(
        [str(PYTHON), "-c", f"import json, sys\nfrom pathlib import Path\n{script}", *words],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


LOSS = """
import torch
from pipelines.models.encoder_train import info_nce
vectors = torch.tensor([[1.0, 0.0], [0.6, 0.8], [0.8, 0.6], [0.0, 1.0]])
batch = dict(anchors=torch.tensor([0]), positives=torch.tensor([2]), columns=torch.tensor([1, 2, 3]), allowed=torch.tensor([[True, True, True]]))
whole = float(info_nce(vectors, batch, 0.1))
batch["allowed"] = torch.tensor([[False, True, True]])
print(json.dumps({"whole": whole, "masked": float(info_nce(vectors, batch, 0.1))}))
"""


def test_the_loss_is_info_nce_over_the_allowed_columns() -> None:
    found = run(LOSS)
    others = [math.exp(6.0), math.exp(0.0)]
    assert found["whole"] == pytest.approx(-8 + math.log(math.exp(8.0) + sum(others)), abs=1e-4)
    assert found["masked"] == pytest.approx(-8 + math.log(math.exp(8.0) + others[1]), abs=1e-4)


# What the words mean is made up, so that the base cannot know it.
DATA = """
from pipelines.models.encoder_batches import BatchConfig
from pipelines.models.encoder_records import Anchor, Asked, EncoderData
from pipelines.models.encoder_run import EncoderConfig
from pipelines.models.encoder_train import train_encoder
names = ["red", "blue", "green", "black", "white", "pink", "gray", "brown", "gold", "olive", "coral", "ivory", "plum"]
entries = tuple(f"Colour: {name}" for name in names)
nouns = ["apple", "ocean", "forest", "night", "snow", "rose", "ash", "wood", "crown", "tree", "reef", "tusk", "fruit"]
def item(n, at): return Anchor(f"{nouns[n]} mug number {at}", "mugs", (Asked(0, ((n + 5) % 13,), (False,)),))
data = EncoderData([entries], [item(n, at) for n in range(13) for at in range(4)], [item(n, 9) for n in range(13)])
out, said = Path(sys.argv[1]), []
def train(steps, minutes=60.0, **more):
    cfg = EncoderConfig(sys.argv[2], "all-minilm-l6-v2", steps=steps, minutes=minutes, refresh_steps=5, report_steps=5, first_layer=3, **more)
    return train_encoder(cfg, BatchConfig(negatives=8, twin=0.99), data, out, said.append)
def notes(): return [json.loads(line) for line in (out / "loss.jsonl").read_text().splitlines()]
"""
LEARN = f"""{DATA}
folder = train(40, learning_rate=2e-3)
found = notes()
print(json.dumps({{"folder": folder.name, "rank": [n["reciprocal_rank"] for n in found if "reciprocal_rank" in n], "loss": [n["loss"] for n in found if "loss" in n]}}))
"""


def test_training_teaches_what_the_base_cannot_know_and_writes_a_small_adapter(tmp_path: Path) -> None:
    found = run(LEARN, str(tmp_path), str(BASE))
    rank, loss = found["rank"], found["loss"]
    assert isinstance(rank, list) and isinstance(loss, list)
    assert len(rank) == 9 and rank[0] < 0.5 and rank[-1] > rank[0] + 0.3
    assert loss[-1] < 0.7 * loss[0]
    settings = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text("utf-8"))
    assert found["folder"] == "adapter" and settings["base_model_name_or_path"] == "all-minilm-l6-v2"
    assert (tmp_path / "adapter" / "adapter_model.safetensors").stat().st_size < 4_000_000


RESUME = f"""{DATA}
train(15)
whole = notes()
import shutil
# As after a kill: the last checkpoint is torn, the one before is whole.
(out / "checkpoint-15" / "vectors.npy").unlink()
(out / "loss.jsonl").unlink()
before = len(said)
train(15)
went_on = [line for line in said[before:] if line.startswith("step")]
print(json.dumps({{"whole": whole, "again": notes(), "first": went_on[0]}}))
"""


def test_training_goes_on_from_its_last_whole_checkpoint_and_ends_alike(tmp_path: Path) -> None:
    found = run(RESUME, str(tmp_path), str(BASE))
    whole, again = found["whole"], found["again"]
    assert str(found["first"]).startswith("step 15")
    assert isinstance(whole, list) and isinstance(again, list)
    assert [note["step"] for note in again] == [note["step"] for note in whole]
    losses = [[note["loss"] for note in notes if "loss" in note] for notes in (whole, again)]
    assert losses[0][:2] == losses[1][:2] and losses[1][2] == pytest.approx(losses[0][2], abs=0.15)


STOP = f"""{DATA}
train(15, minutes=0.0)
stopped = sorted(path.name for path in out.glob("checkpoint-*"))
train(15)
print(json.dumps({{"stopped": stopped, "steps": [note["step"] for note in notes() if "loss" in note]}}))
"""


def test_a_training_whose_time_is_spent_leaves_a_checkpoint_to_go_on_from(tmp_path: Path) -> None:
    found = run(STOP, str(tmp_path), str(BASE))
    assert found["stopped"] == ["checkpoint-1"]
    assert found["steps"] == [5, 10, 15]


MERGE = f"""{DATA}
import numpy as np
from infra.models.merge_encoder import merge
from infra.models.package import ModelError
from pipelines.models.encoder_model import Tokens, encode, open_adapted, open_base, open_tokenizer
train(10, learning_rate=1e-3)
base, adapter, merged = Path(sys.argv[2]), out / "adapter", out / "merged"
merge(base, adapter, merged)
texts = ["Colour: red", "apple mug number 3", "a much longer text that says nothing of colours " * 20]
tokens = Tokens(open_tokenizer(base))
def near(a, b): return float((a * b).sum(1).min())
plain, adapted = encode(open_base(base), tokens, texts), encode(open_adapted(base, adapter), tokens, texts)
served, none = encode(open_base(merged), tokens, texts), encode(open_adapted(base, adapter, 0.0), tokens, texts)
from sentence_transformers import SentenceTransformer
library = SentenceTransformer(str(merged), device="cpu").encode(texts, normalize_embeddings=True)
settings = json.loads((adapter / "adapter_config.json").read_text())
(adapter / "adapter_config.json").write_text(json.dumps(settings | {{"base_model_name_or_path": "other"}}))
try: merge(base, adapter, out / "wrong"); refused = ""
except ModelError as error: refused = str(error)
print(json.dumps({{"served": near(served, adapted), "library": near(library, served), "none": near(none, plain), "moved": near(plain, adapted),
  "id": json.loads((merged / "aiic_model.json").read_text())["name"], "files": sorted(p.name for p in merged.iterdir()), "refused": refused}}))
"""


def test_a_merged_adapter_encodes_as_adapter_and_base_and_has_its_own_name(tmp_path: Path) -> None:
    found = run(MERGE, str(tmp_path), str(BASE))
    assert float(str(found["served"])) > 0.9999 and float(str(found["library"])) > 0.9999
    assert float(str(found["none"])) > 0.9999 > float(str(found["moved"]))
    assert str(found["id"]).startswith("all-minilm-l6-v2+")
    assert {"model.safetensors", "tokenizer.json", "modules.json", "1_Pooling"} <= set(found["files"])  # type: ignore[call-overload]
    assert "not on all-minilm-l6-v2" in str(found["refused"])


SHARE = f"""{DATA}
from pipelines.models.encoder_model import Tokens, encode, open_adapted, open_tokenizer, scaled
train(6, learning_rate=1e-3)
base, tokens, texts = Path(sys.argv[2]), Tokens(open_tokenizer(Path(sys.argv[2]))), ["Colour: red", "apple mug number 3"]
scaled(out / "adapter", out / "kept", 0.3)
one, other = (encode(open_adapted(base, folder, share), tokens, texts) for folder, share in ((out / "adapter", 0.3), (out / "kept", 1.0)))
whole = encode(open_adapted(base, out / "adapter"), tokens, texts)
print(json.dumps({{"same": float((one * other).sum(1).min()), "whole": float((one * whole).sum(1).min())}}))
"""


def test_a_share_of_an_adapter_does_that_share(tmp_path: Path) -> None:
    found = run(SHARE, str(tmp_path), str(BASE))
    assert float(str(found["same"])) > 0.99999 > float(str(found["whole"]))


DEVICES = """
from pipelines.models.encoder_model import DeviceMissing, check_device
said = {}
for device in ("npu", "cuda", "abacus", "cpu"):
    try: check_device(device); said[device] = ""
    except DeviceMissing as error: said[device] = str(error)
print(json.dumps(said))
"""


def test_a_device_that_is_not_here_is_named_with_what_to_do() -> None:
    said = run(DEVICES)
    assert said["cpu"] == "" and "cpu, cuda or npu" in str(said["abacus"])
    if said["npu"]:
        assert "torch-npu" in str(said["npu"]) and "--device cpu" in str(said["npu"])
    if said["cuda"]:
        assert "finds no CUDA GPU" in str(said["cuda"])
