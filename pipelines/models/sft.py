"""Supervised fine-tuning of the discriminator: LoRA on a small causal model. Runs in the inference environment.

A training sequence is one item: its prompt prefix once, then each request as a branch that sees the prefix and itself
alone (`packing.py`). So training equals inference with any number of keys a request, and the item's
tokens are paid for once. Loss on reply tokens only; the head runs only there.
Source: paper section 4.2.2 and 5 (M1, M9); packing: ours.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from peft.utils import get_peft_model_state_dict, set_peft_model_state_dict
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from pipelines.models.packing import ATTENTION, NOT_SCORED, Packed, pack, register_attention

CHECKPOINT = "checkpoint.pt"
LORA_MODULES = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """One training. `minutes` counts training time over all restarts; the learning rate falls to its floor at their end.

    Layers below `first_layer` stay as they are: no gradient has to reach them, which saves a fifth of the time.
    """

    base_dir: str
    base_name: str
    minutes: float
    device: str = "cpu"
    threads: int = 1
    seed: int = 0
    rank: int = 8
    alpha: int = 16
    first_layer: int = 6
    learning_rate: float = 1e-3
    floor: float = 0.05
    warmup_steps: int = 20
    items_a_step: int = 1
    checkpoint_minutes: float = 5.0
    report_items: int = 25


@dataclass(slots=True)
class Progress:
    """How far a training is; kept in its checkpoint."""

    items: int = 0
    steps: int = 0
    tokens: int = 0
    seconds: float = 0.0
    losses: list[tuple[int, float]] = field(default_factory=list)


class Trainer:
    """Holds model, optimiser and progress of one training; `run` goes on from its checkpoint, if there is one."""

    def __init__(self, cfg: TrainConfig, out: Path, say: Callable[[str], None]) -> None:
        self.cfg, self.out, self.say = cfg, out, say
        self.progress = Progress()
        self.tokenizer: Any = None
        self.model: Any = None
        self.optimizer: Any = None

    def run(self, examples: Callable[[int], Iterator[Mapping[str, Any]]]) -> Progress:
        """Train until the time is spent. `examples(n)` yields training examples from the n-th on."""
        self._open()
        budget_s, started, before_s = self.cfg.minutes * 60, time.monotonic(), self.progress.seconds
        saved_s, lost, scored = before_s, 0.0, 0
        for made in examples(self.progress.items):
            self.progress.seconds = before_s + time.monotonic() - started
            if self.progress.seconds >= budget_s:
                break
            loss, count = self._learn(made)
            lost, scored = lost + loss, scored + count
            if self.progress.items % self.cfg.items_a_step == 0:
                self._step(self.progress.seconds / budget_s)
            if self.progress.items % self.cfg.report_items == 0:
                self._report(lost / max(1, scored), budget_s)
                lost, scored = 0.0, 0
            if self.progress.seconds - saved_s > self.cfg.checkpoint_minutes * 60:
                saved_s = self.progress.seconds
                self.save()
        self.save()
        return self.progress

    def save(self) -> None:
        """Write the checkpoint and the adapter, each under another name and renamed."""
        state = {
            "adapter": get_peft_model_state_dict(self.model),
            "optimizer": self.optimizer.state_dict(),
            "progress": asdict(self.progress),
        }
        partial = self.out / f"{CHECKPOINT}.partial"
        torch.save(state, partial)
        partial.rename(self.out / CHECKPOINT)
        export(self.model, self.cfg.base_name, self.out / "adapter")
        losses = "".join(json.dumps({"items": n, "loss": loss}) + "\n" for n, loss in self.progress.losses)
        (self.out / "loss.jsonl").write_text(losses, "utf-8")

    def _open(self) -> None:
        if self.cfg.device.startswith("npu"):
            import torch_npu  # noqa: F401  (registers the device)
        torch.set_num_threads(self.cfg.threads)
        torch.manual_seed(self.cfg.seed)
        self.out.mkdir(parents=True, exist_ok=True)
        self.tokenizer = AutoTokenizer.from_pretrained(self.cfg.base_dir)
        register_attention()
        base = AutoModelForCausalLM.from_pretrained(
            self.cfg.base_dir, dtype=torch.bfloat16, attn_implementation=ATTENTION
        )
        lora = LoraConfig(
            r=self.cfg.rank,
            lora_alpha=self.cfg.alpha,
            target_modules=list(LORA_MODULES),
            layers_to_transform=list(range(self.cfg.first_layer, base.config.num_hidden_layers)),
            task_type="CAUSAL_LM",
        )
        self.model = get_peft_model(base, lora).to(self.cfg.device)
        self.model.train()
        self.optimizer = torch.optim.AdamW(self._trained(), self.cfg.learning_rate, weight_decay=0.01)
        path = self.out / CHECKPOINT
        if path.exists():
            state = torch.load(path, map_location=self.cfg.device, weights_only=True)
            set_peft_model_state_dict(self.model, state["adapter"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.progress = Progress(**state["progress"])
            self.say(f"goes on after {self.progress.items} items, {self.progress.seconds / 60:.1f} minutes")

    def _trained(self) -> list[Any]:
        return [parameter for parameter in self.model.parameters() if parameter.requires_grad]

    def _learn(self, made: Mapping[str, Any]) -> tuple[float, int]:
        """Add one example's gradient. Returns its summed loss and how many tokens were scored."""
        packed = self._packed(made)
        keep = packed.labels != NOT_SCORED
        device = self.cfg.device
        base = self.model.get_base_model()
        with torch.autocast(torch.device(device).type, torch.bfloat16):
            hidden = base.model(
                input_ids=packed.ids.to(device),
                position_ids=packed.positions.to(device),
                lengths=packed.lengths,
                use_cache=False,
            ).last_hidden_state[0, keep.to(device)]
            logits = base.lm_head(hidden).float()
        loss = torch.nn.functional.cross_entropy(logits, packed.labels[keep].to(device), reduction="sum")
        (loss / (20 * self.cfg.items_a_step)).backward()
        self.progress.items += 1
        self.progress.tokens += packed.ids.numel()
        return float(loss.detach()), int(keep.sum())

    def _packed(self, made: Mapping[str, Any]) -> Packed:
        def tokens(text: str) -> list[int]:
            return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

        branches = [(tokens(one["prompt"]), tokens(one["reply"])) for one in made["requests"]]
        return pack(tokens(made["prefix"]), branches)

    def _step(self, done: float) -> None:
        self.progress.steps += 1
        rise = min(1.0, self.progress.steps / self.cfg.warmup_steps)
        for group in self.optimizer.param_groups:
            group["lr"] = self.cfg.learning_rate * rise * max(self.cfg.floor, 1 - done)
        torch.nn.utils.clip_grad_norm_(self._trained(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()

    def _report(self, loss: float, budget_s: float) -> None:
        now = self.progress
        now.losses.append((now.items, round(loss, 4)))
        left = max(0.0, budget_s - now.seconds) / 60
        rate = now.tokens / max(1e-9, now.seconds)
        self.say(
            f"{now.items} items, {now.tokens} tokens, {rate:.0f} tokens/s, loss {loss:.3f}, {left:.0f} minutes left"
        )


def export(model: Any, base_name: str, folder: Path) -> None:
    """Write a LoRA adapter as peft reads it, in bf16, naming its base without a path."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {
        name: value.to(torch.bfloat16).contiguous().cpu()
        for name, value in get_peft_model_state_dict(model).items()
    }
    save_file(weights, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    settings = model.peft_config["default"].to_dict()
    settings |= {
        "base_model_name_or_path": base_name,
        "inference_mode": True,
        "target_modules": sorted(LORA_MODULES),
    }
    plain = {name: value for name, value in sorted(settings.items()) if value is not None}
    (folder / "adapter_config.json").write_text(json.dumps(plain, indent=2, default=str) + "\n", "utf-8")
