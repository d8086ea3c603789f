"""Supervised fine-tuning of a causal model on packed examples, by transformers' Trainer: LoRA (peft) or all weights.

Runs in the inference environment. What is trained on is what `sft_data` draws; a training goes on from its own checkpoint,
and an interrupted one ends in the same weights as one that was not. Source: paper sections 3.2.2, 4.2.2 and 5.1 (M1, M9).
"""

from __future__ import annotations

import hashlib
import json
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from torch.utils.data import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer, PrinterCallback, Trainer, TrainingArguments

from pipelines.models.device import prepare_device
from pipelines.models.packing import ATTENTION, Packed, collate, packed_example, register_attention
from pipelines.models.sft_export import export_adapter, export_model
from pipelines.models.sft_watch import Clock, Watch, newest_checkpoint

LORA, FULL = "lora", "full"
METHODS = (LORA, FULL)
RATES = {LORA: 1e-3, FULL: 5e-5}
FIRST_LAYERS = {LORA: 6, FULL: 0}
# One item is several replies, and small steps soon teach their form: after 40 items at one a step the loss was .44, at
# four a step 1.5. With all weights the optimiser's own work, the same for any number of items, is worth sharing.
ITEMS_A_STEP = {LORA: 1, FULL: 8}
LORA_MODULES = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
RECORD = "training.json"
NEVER = 10**9


class TrainingRefused(ValueError):
    """A training that cannot begin or go on; the message says what to do."""


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """One training. `steps` 0: `epochs` passes over the examples. None: what suits the method.

    Layers below `first_layer` stay as they are: no gradient has to reach them, which saves time (a fifth for 6 of 30).
    """

    base_dir: str
    method: str = LORA
    steps: int = 0
    epochs: float = 1.0
    device: str = "cpu"
    bf16: bool = True
    seed: int = 0
    rank: int = 8
    alpha: int = 16
    first_layer: int | None = None
    learning_rate: float | None = None
    floor: float = 0.05
    warmup_steps: int = 20
    items_a_step: int | None = None
    report_steps: int = 10

    def filled(self) -> TrainConfig:
        """With numbers for what is left to the method."""
        return replace(
            self,
            first_layer=FIRST_LAYERS[self.method] if self.first_layer is None else self.first_layer,
            learning_rate=RATES[self.method] if self.learning_rate is None else self.learning_rate,
            items_a_step=ITEMS_A_STEP[self.method] if self.items_a_step is None else self.items_a_step,
        )


@dataclass(frozen=True, slots=True)
class RunConfig:
    """How a run of a training is watched over; no part of what it computes. Minutes 0: to the last step."""

    minutes: float = 0.0
    threads: int = 1
    checkpoint_minutes: float = 5.0
    checkpoint_steps: int = 0


class Examples(Dataset[Packed]):  # type: ignore[misc]
    """The lines of a training file as packed sequences, made when they are asked for."""

    def __init__(self, path: Path, tokenizer: Any) -> None:
        self.lines = path.read_text("utf-8").splitlines()
        self.tokenizer = tokenizer

    def __len__(self) -> int:
        return len(self.lines)

    def __getitem__(self, at: int) -> Packed:
        return packed_example(self.tokenizer, json.loads(self.lines[at]))


def train(
    cfg: TrainConfig, run: RunConfig, examples: Path, out: Path, say: Callable[[str], None]
) -> Path | None:
    """Train, from the newest checkpoint in `out` if there is one, and write the adapter or model when the last step is done.

    Returns the folder of the adapter or model; None when the time was up before.
    Errors: TrainingRefused, DeviceMissing; OSError.
    """
    if cfg.method not in METHODS:
        raise TrainingRefused(f"method {cfg.method!r}: choose {', '.join(METHODS)}")
    cfg = cfg.filled()
    prepare_device(cfg.device, run.threads)
    _keep_record(cfg, examples, out)
    torch.manual_seed(cfg.seed)
    random.seed(cfg.seed)
    tokenizer = AutoTokenizer.from_pretrained(cfg.base_dir)
    found = Examples(examples, tokenizer)
    trainer = Trainer(
        model=open_model(cfg),
        args=_arguments(cfg, run, out),
        train_dataset=found,
        data_collator=collate,
        callbacks=[Watch(out, len(found), say), Clock(run.checkpoint_minutes, run.minutes)],
    )
    trainer.remove_callback(PrinterCallback)
    checkpoint = newest_checkpoint(out)
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    if trainer.state.global_step < trainer.state.max_steps:
        say(
            f"time is up after step {trainer.state.global_step} of {trainer.state.max_steps}: run again to go on"
        )
        return None
    base_name = Path(cfg.base_dir).name
    if cfg.method == LORA:
        return export_adapter(trainer.model, base_name, out / "adapter")
    return export_model(trainer.model, tokenizer, base_name, out / "model")


def open_model(cfg: TrainConfig) -> Any:
    """The base model with what is trained: LoRA adapters in fp32 on frozen bf16 weights, or its own weights in fp32."""
    first_layer = cfg.filled().first_layer or 0
    register_attention()
    frozen_in_bf16 = cfg.method == LORA and cfg.bf16
    base = AutoModelForCausalLM.from_pretrained(
        cfg.base_dir,
        dtype=torch.bfloat16 if frozen_in_bf16 else torch.float32,
        attn_implementation=ATTENTION,
    )
    base.config.use_cache = False
    layers = base.config.num_hidden_layers
    if not 0 <= first_layer < layers:
        raise TrainingRefused(f"first layer {first_layer}: the model has layers 0 to {layers - 1}")
    if cfg.method == FULL:
        if first_layer:
            base.get_input_embeddings().requires_grad_(False)
            for layer in base.model.layers[:first_layer]:
                layer.requires_grad_(False)
        return base
    lora = LoraConfig(
        r=cfg.rank,
        lora_alpha=cfg.alpha,
        target_modules=list(LORA_MODULES),
        layers_to_transform=list(range(first_layer, layers)),
        task_type="CAUSAL_LM",
    )
    return get_peft_model(base, lora)


def _arguments(cfg: TrainConfig, run: RunConfig, out: Path) -> TrainingArguments:
    return TrainingArguments(
        output_dir=str(out),
        max_steps=cfg.steps or -1,
        num_train_epochs=cfg.epochs,
        per_device_train_batch_size=cfg.items_a_step,
        learning_rate=cfg.learning_rate,
        lr_scheduler_type="cosine_with_min_lr",
        lr_scheduler_kwargs={"min_lr_rate": cfg.floor},
        warmup_steps=cfg.warmup_steps,
        weight_decay=0.01,
        max_grad_norm=1.0,
        bf16=cfg.bf16,
        use_cpu=cfg.device == "cpu",
        seed=cfg.seed,
        data_seed=cfg.seed,
        logging_steps=cfg.report_steps,
        include_num_input_tokens_seen="all",
        save_strategy="steps",
        save_steps=run.checkpoint_steps or NEVER,
        save_total_limit=2,
        remove_unused_columns=False,
        dataloader_pin_memory=cfg.device != "cpu",
        disable_tqdm=True,
        report_to="none",
    )


def _keep_record(cfg: TrainConfig, examples: Path, out: Path) -> None:
    """Write what this training is; refuse to go on from checkpoints of another one."""
    if not examples.exists():
        raise TrainingRefused(f"{examples} is missing: run the step `data` first")
    raw = examples.read_bytes()
    settings = asdict(cfg) | {"base_dir": Path(cfg.base_dir).name}
    made = {"settings": settings, "data": _described(raw.decode("utf-8"), hashlib.sha256(raw).hexdigest())}
    path = out / RECORD
    if path.exists() and newest_checkpoint(out) and json.loads(path.read_text("utf-8")) != made:
        raise TrainingRefused(
            f"{out} holds checkpoints of a training with other settings or examples ({path} says which): "
            "give the same ones to go on, or another --out to begin"
        )
    out.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(made, indent=1) + "\n", "utf-8")


def _described(text: str, digest: str) -> dict[str, Any]:
    """What a training file holds: how many examples of which set, task and labels."""
    rows = [json.loads(line) for line in text.splitlines()]
    if not rows:
        raise TrainingRefused("the training file is empty: run the step `data` again")
    return {
        "sha256": digest,
        "examples": len(rows),
        "requests": sum(len(row["requests"]) for row in rows),
        "tasks": dict(sorted(Counter(f"{row['family']}.{row['task']}" for row in rows).items())),
        "sets": dict(sorted(Counter(row["set"] for row in rows).items())),
        "labels": dict(sorted(Counter(label for row in rows for label in row["labels"]).items())),
    }
