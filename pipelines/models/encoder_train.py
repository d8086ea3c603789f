"""Contrastive training of the encoder (InfoNCE) on transformers' Trainer. Runs in the inference environment.

The Trainer brings devices, mixed precision, checkpoints, resuming and the schedule; ours are loss, batches, and vectors that
are kept while training goes on (`encoder_run`): negatives are mined with them.
Source: paper section 3.2.2 (M6); a temperature of .05 as sentence-transformers has it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import Trainer, TrainingArguments

from pipelines.models.encoder_batches import Batch, BatchConfig, Batches
from pipelines.models.encoder_model import (
    Tokens,
    check_device,
    export,
    open_base,
    open_tokenizer,
    pooled,
    with_lora,
)
from pipelines.models.encoder_records import EncoderData
from pipelines.models.encoder_run import (
    LOSSES,
    EncoderConfig,
    EncoderRun,
    Watch,
    last_whole_checkpoint,
    lines_of,
)


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
    run = EncoderRun(cfg, data, out, say)
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
        callbacks=[Watch(run)],
    )
    say(
        f"{len(data.anchors)} anchors, {batches.an_epoch} batches an epoch, {cfg.steps} steps: {asdict(batch_cfg)}"
    )
    trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    if trainer.state.global_step % cfg.refresh_steps:
        run.renew(trainer.state.global_step)
    (out / LOSSES).write_text(lines_of(run.notes), "utf-8")
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


def _export(run: EncoderRun, tokenizer: Any, out: Path) -> Path:
    if run.cfg.method == "lora":
        export(run.model, run.cfg.base_name, out / "adapter")
        return out / "adapter"
    run.model.save_pretrained(out / "model")
    tokenizer.save_pretrained(out / "model")
    return out / "model"
