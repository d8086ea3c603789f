"""Contrastive training of the encoder (InfoNCE) on transformers' Trainer. Runs in the inference environment.

The Trainer brings devices, mixed precision, checkpoints, resuming and the schedule; ours are loss, batches, and vectors that
are kept while training goes on: negatives are mined with them.
Source: paper section 3.2.2 (M6); a temperature of .05 as sentence-transformers has it.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import Trainer, TrainerCallback, TrainingArguments

from pipelines.models.encoder_batches import Batch, BatchConfig, Batches, Vectors
from pipelines.models.encoder_model import (
    Tokens,
    check_device,
    encode,
    export,
    open_base,
    open_tokenizer,
    pooled,
    with_lora,
)
from pipelines.models.encoder_recall import recall_at
from pipelines.models.encoder_records import EncoderData

KEPT_VECTORS, FIRST_VECTORS = "vectors.npy", "first.npy"
LOSSES = "loss.jsonl"


@dataclass(frozen=True, slots=True)
class EncoderConfig:
    """One training. `minutes` ends it early, with a checkpoint to go on from; `method` is "lora" or "full".

    `refresh_steps`: how often all entries are encoded anew for mining, and the watched items are searched.
    """

    base_dir: str
    base_name: str
    steps: int = 600
    minutes: float = 60.0
    device: str = "cpu"
    threads: int = 1
    seed: int = 0
    method: str = "lora"
    rank: int = 16
    alpha: int = 32
    first_layer: int = 2
    learning_rate: float = 5e-4
    warmup: float = 0.06
    temperature: float = 0.05
    half: bool = True
    refresh_steps: int = 150
    report_steps: int = 10


def info_nce(vectors: torch.Tensor, batch: Mapping[str, torch.Tensor], temperature: float) -> torch.Tensor:
    """Mean negative log-likelihood of each question's positive among the columns that it allows.

    Shapes: vectors (T, d); anchors and positives (Q), columns (C), allowed (Q, C); a scalar out.
    """
    # Half precision would round cosines to steps of .004, which a temperature of .05 makes a tenth of a nat.
    with torch.autocast(vectors.device.type, enabled=False):
        scores = vectors[batch["anchors"]] @ vectors[batch["columns"]].T / temperature
        scores = scores.masked_fill(~batch["allowed"], float("-inf"))
        target = (batch["columns"][None, :] == batch["positives"][:, None]).float().argmax(1)
        return torch.nn.functional.cross_entropy(scores, target)


class _Numbers(torch.utils.data.Dataset[int]):  # type: ignore[misc]
    """The numbers of the batches: a batch is made when it is its turn, with the vectors of then."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, number: int) -> int:
        if not 0 <= number < self.steps:
            raise IndexError(number)
        return number


class _ContrastiveTrainer(Trainer):  # type: ignore[misc]
    """Trainer with our loss; it keeps the vectors that each step makes."""

    def __init__(self, batches: Batches, tokens: Tokens, cfg: EncoderConfig, **settings: Any) -> None:
        super().__init__(data_collator=self._collate, **settings)
        self.batches, self.tokens, self.cfg = batches, tokens, cfg

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """InfoNCE of one batch."""
        parts = [pooled(model, chunk) for chunk in inputs["chunks"]]
        vectors = torch.cat(parts)[inputs["order"]]
        self.batches.vectors.put(inputs["texts"], vectors.detach().float().cpu().numpy())
        loss = info_nce(vectors, inputs, self.cfg.temperature)
        return (loss, {"vectors": vectors}) if return_outputs else loss

    def _collate(self, numbers: list[int]) -> dict[str, Any]:
        made: Batch = self.batches.batch(numbers[0])
        chunks = self.tokens.chunks(made.texts)
        order = np.argsort([place for places, _ in chunks for place in places])
        rows = {
            name: torch.from_numpy(getattr(made, name))
            for name in ("anchors", "positives", "columns", "allowed")
        }
        return {
            **rows,
            "texts": made.texts,
            "chunks": [chunk for _, chunk in chunks],
            "order": torch.from_numpy(order),
        }


class _Watch(TrainerCallback):  # type: ignore[misc]
    """Renews the entries' vectors, watches recall, keeps vectors with a checkpoint, tells progress, ends in time."""

    def __init__(self, run: _Run) -> None:
        self.run, self.started_s = run, time.monotonic()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step % self.run.cfg.refresh_steps == 0:
            self.run.renew(state.global_step)
        if (
            time.monotonic() - self.started_s > self.run.cfg.minutes * 60
            and state.global_step < state.max_steps
        ):
            control.should_save = control.should_training_stop = True

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.run.keep(Path(args.output_dir) / f"checkpoint-{state.global_step}")

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        if logs and "loss" in logs:
            left = (time.monotonic() - self.started_s) / 60
            self.run.note(state.global_step, {"loss": round(float(logs["loss"]), 4)})
            self.run.say(
                f"step {state.global_step} of {state.max_steps}, loss {logs['loss']:.3f}, {left:.1f} minutes"
            )


class _Run:
    """One training's model, vectors and notes."""

    def __init__(self, cfg: EncoderConfig, data: EncoderData, out: Path, say: Callable[[str], None]) -> None:
        self.cfg, self.data, self.out, self.say = cfg, data, out, say
        self.entries = data.entries()
        self.texts = [*self.entries, *(anchor.text for anchor in data.anchors)]
        self.vectors = Vectors()
        self.model: Any = None
        self.tokens: Tokens | None = None
        self.notes: list[dict[str, float]] = []

    def renew(self, step: int) -> None:
        """Encode all entries with the present encoder, and look how the watched items find theirs."""
        self._encode(self.entries)
        self._encode([anchor.text for anchor in self.data.dev])
        found = recall_at(self.data.dev, self.data.groups, self.vectors)
        self.note(step, found)
        self.say(
            f"step {step}, watched items: "
            + ", ".join(f"{name} {value:.4f}" for name, value in found.items())
        )

    def note(self, step: int, found: Mapping[str, float]) -> None:
        """Keep what was measured at a step."""
        self.notes.append({"step": step, **found})

    def keep(self, checkpoint: Path) -> None:
        """Store vectors and notes with a checkpoint; the vectors come last and whole, and so mark it as whole."""
        (checkpoint / LOSSES).write_text(_lines(self.notes), "utf-8")
        _save(checkpoint / KEPT_VECTORS, self.vectors.rows(self.texts))

    def begin(self, checkpoint: Path | None) -> Vectors:
        """Make the vectors of the start, or take those of a checkpoint; returns the entries' vectors of the start."""
        if checkpoint is None:
            self._encode(self.texts)
            self.renew(0)
            _save(self.out / FIRST_VECTORS, self.vectors.rows(self.entries))
        else:
            self.vectors.put(self.texts, np.load(checkpoint / KEPT_VECTORS))
            self.notes = [json.loads(line) for line in (checkpoint / LOSSES).open(encoding="utf-8")]
        first = Vectors()
        first.put(self.entries, np.load(self.out / FIRST_VECTORS))
        return first

    def _encode(self, texts: list[str]) -> None:
        if self.tokens is None:
            raise RuntimeError("the run has not been opened")
        rows = encode(self.model, self.tokens, texts, self.cfg.device, self.cfg.half)
        self.vectors.put(texts, rows)


def last_whole_checkpoint(out: Path) -> Path | None:
    """The checkpoint to go on from: the newest whose vectors are there, which are written last."""
    found = [path.parent for path in out.glob(f"checkpoint-*/{KEPT_VECTORS}")]
    return max(found, key=lambda path: int(path.name.rpartition("-")[2]), default=None)


def train_encoder(
    cfg: EncoderConfig, batch_cfg: BatchConfig, data: EncoderData, out: Path, say: Callable[[str], None]
) -> Path:
    """Train, or go on from the last whole checkpoint in `out`; returns the folder of adapter or model.

    Writes `loss.jsonl` (loss and watched recall by step). Errors: DeviceMissing; ValueError for an unknown method.
    """
    if cfg.method not in ("lora", "full"):
        raise ValueError(f"unknown method {cfg.method!r}: lora or full")
    check_device(cfg.device)
    torch.set_num_threads(cfg.threads)
    torch.manual_seed(cfg.seed)
    run = _Run(cfg, data, out, say)
    base = open_base(Path(cfg.base_dir))
    run.model = with_lora(base, cfg.rank, cfg.alpha, cfg.first_layer) if cfg.method == "lora" else base
    run.model.to(cfg.device)
    tokenizer = open_tokenizer(Path(cfg.base_dir))
    run.tokens = Tokens(tokenizer)
    checkpoint = last_whole_checkpoint(out)
    batches = Batches(data, run.vectors, run.begin(checkpoint), batch_cfg)
    trainer = _ContrastiveTrainer(
        batches,
        run.tokens,
        cfg,
        model=run.model,
        args=_arguments(cfg, out),
        train_dataset=_Numbers(cfg.steps),
        callbacks=[_Watch(run)],
    )
    say(
        f"{len(data.anchors)} anchors, {batches.an_epoch} batches an epoch, {cfg.steps} steps: {asdict(batch_cfg)}"
    )
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    if trainer.state.global_step % cfg.refresh_steps:
        run.renew(trainer.state.global_step)
    (out / LOSSES).write_text(_lines(run.notes), "utf-8")
    return _export(run, tokenizer, out)


def _arguments(cfg: EncoderConfig, out: Path) -> TrainingArguments:
    return TrainingArguments(
        output_dir=str(out),
        max_steps=cfg.steps,
        per_device_train_batch_size=1,
        train_sampling_strategy="sequential",
        learning_rate=cfg.learning_rate,
        lr_scheduler_type="linear",
        warmup_steps=round(cfg.warmup * cfg.steps),
        weight_decay=0.01,
        max_grad_norm=1.0,
        bf16=cfg.half,
        use_cpu=cfg.device == "cpu",
        seed=cfg.seed,
        logging_steps=cfg.report_steps,
        save_steps=cfg.refresh_steps,
        save_total_limit=2,
        dataloader_num_workers=0,
        dataloader_pin_memory=False,
        remove_unused_columns=False,
        label_names=[],
        report_to=[],
        disable_tqdm=True,
    )


def _export(run: _Run, tokenizer: Any, out: Path) -> Path:
    if run.cfg.method == "lora":
        export(run.model, run.cfg.base_name, out / "adapter")
        return out / "adapter"
    run.model.save_pretrained(out / "model")
    tokenizer.save_pretrained(out / "model")
    return out / "model"


def _save(path: Path, rows: np.ndarray[Any, Any]) -> None:
    """Write an array whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    with partial.open("wb") as file:
        np.save(file, rows)
    partial.rename(path)


def _lines(notes: list[dict[str, float]]) -> str:
    return "".join(json.dumps(note) + "\n" for note in notes)
