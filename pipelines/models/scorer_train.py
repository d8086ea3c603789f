"""Trains the scorer with transformers' Trainer: device by configuration, resumable, fixed seed, loss curve."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.utils.data import Dataset
from transformers import Trainer, TrainerCallback, TrainingArguments, set_seed
from transformers.trainer_utils import get_last_checkpoint

from pipelines.library.scorer_memory import MEMORY, Names, ids_of
from pipelines.models.device import prepare_device
from pipelines.models.scorer_net import FROZEN_LAYERS, NetShape, ScorerNet
from pipelines.models.scorer_rows import ScorerRows, candidate_keys, without_keys

WEIGHTS, SCORES, LOSSES = "weights.safetensors", "scores.npz", "loss.jsonl"
ITEMS_A_STEP = 8
Batch = dict[str, Tensor]
Memory = tuple[Names, Names]


@dataclass(frozen=True, slots=True)
class ScorerTraining:
    """One training."""

    base_dir: str
    epochs: float
    device: str = "cpu"
    threads: int = 2
    seed: int = 0
    encoder_rate: float = 3e-4
    heads_rate: float = 8e-4
    memory_rate: float = 5e-3
    forget: float = 0.3
    warmup_steps: int = 40
    save_steps: int = 200


class ScorerItems(Dataset[Batch]):  # type: ignore[misc]
    """Some items of the rows, with the states that the frozen layers give them."""

    def __init__(self, rows: ScorerRows, chosen: Sequence[int], memory: Memory | None = None) -> None:
        self.rows, self.chosen = rows, list(chosen)
        self.states: list[Tensor] = []
        self.forget = 0.0
        known_keys, known_values = memory if memory else memory_of(rows)
        self.key_ids = ids_of(rows.key_names, known_keys)
        self.value_ids = ids_of(rows.value_names, known_values)

    def __len__(self) -> int:
        return len(self.chosen)

    def __getitem__(self, at: int) -> Batch:
        n, rows = self.chosen[at], self.rows
        cut = slice(*_between(rows.candidates_end, n))
        keys = slice(*_between(rows.keys_end, n))
        values = np.zeros((cut.stop - cut.start, rows.values.shape[1]), np.float32)
        place = rows.value_row[cut]
        values[place >= 0] = rows.values[place[place >= 0]]
        return {
            "input_ids": self.ids(at),
            "states": self.states[at] if self.states else torch.zeros(0),
            "key_at": torch.from_numpy(rows.key_at[keys].astype(np.int64)),
            "keys": torch.from_numpy(rows.keys[keys].astype(np.float32)),
            "owner": torch.from_numpy(rows.owner[cut].astype(np.int64)),
            "spans": torch.from_numpy(rows.spans[cut].astype(np.int64)),
            "values": torch.from_numpy(values),
            "numbers": torch.from_numpy(rows.numbers[cut]),
            "key_ids": self._remembered(self.key_ids[keys]),
            "value_ids": self._remembered(np.where(place >= 0, self.value_ids[place], 0)),
            "labels": torch.from_numpy(rows.labels[cut].astype(np.float32)),
        }

    def _remembered(self, ids: np.ndarray[Any, np.dtype[np.int64]]) -> Tensor:
        """Identities, some of them forgotten: what was never seen must be told by its text alone."""
        found = torch.from_numpy(ids)
        return found * (torch.rand(found.shape) >= self.forget) if self.forget else found

    def ids(self, at: int) -> Tensor:
        """The tokens of one item."""
        return torch.from_numpy(
            self.rows.ids[slice(*_between(self.rows.ids_end, self.chosen[at]))].astype(np.int64)
        )

    def encode(self, net: ScorerNet, device: str) -> None:
        """Compute the frozen states once, in half precision."""
        net.to(device).eval()
        states = []
        with torch.no_grad(), torch.autocast(device, torch.bfloat16):
            for at in range(len(self)):
                ids = self.ids(at)[None].to(device)
                states.append(net.lower(ids, torch.ones_like(ids))[0].to("cpu", torch.bfloat16))
        self.states = states


def collate(items: Sequence[Batch]) -> Batch:
    """Several items as one batch; see `Heads.forward` for the shapes."""
    lengths = [len(item["input_ids"]) for item in items]
    owners = [
        torch.stack([torch.full_like(item["owner"], n), item["owner"]], dim=1) for n, item in enumerate(items)
    ]
    pad = nn.utils.rnn.pad_sequence
    return {
        "states": pad([item["states"] for item in items], batch_first=True),
        "mask": (torch.arange(max(lengths))[None] < torch.tensor(lengths)[:, None]).long(),
        "key_at": pad([item["key_at"] for item in items], batch_first=True),
        "keys": pad([item["keys"] for item in items], batch_first=True),
        "key_ids": pad([item["key_ids"] for item in items], batch_first=True),
        "owner": torch.cat(owners),
        **{
            name: torch.cat([item[name] for item in items])
            for name in ("spans", "values", "numbers", "value_ids", "labels")
        },
    }


class _Trained(nn.Module):  # type: ignore[misc]
    """The net with its loss, as Trainer wants it."""

    def __init__(self, net: ScorerNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, labels: Tensor, num_items_in_batch: Any = None, **batch: Tensor) -> dict[str, Tensor]:
        """Binary cross entropy over the candidates, an item's pairs counting by their candidates."""
        logits = self.net(**(batch | {"states": batch["states"].float()}))
        loss = nn.functional.binary_cross_entropy_with_logits(logits, labels, reduction="sum")
        return {"loss": loss / (8 * ITEMS_A_STEP), "logits": logits}


def train_scorer(
    rows: ScorerRows,
    cfg: ScorerTraining,
    out: Path,
    left_out: Set[int] = frozenset(),
    left_out_keys: Set[int] = frozenset(),
) -> None:
    """Train on all folds of families and keys but some, from the last checkpoint if there is one.

    Writes weights, and the scores of the families' folds, or else of the keys' where a key is shown as new.
    """
    prepare_device(cfg.device, cfg.threads)
    set_seed(cfg.seed)
    net = ScorerNet(cfg.base_dir, shape_of(rows))
    taught = without_keys(rows, left_out_keys)
    sizes = np.diff(taught.candidates_end, prepend=0)
    chosen = [n for n in range(len(rows.names)) if int(rows.folds[n]) not in left_out and sizes[n]]
    train = ScorerItems(taught, chosen)
    standardise(net, rows.numbers)
    started_s = time.monotonic()
    train.encode(net, cfg.device)
    print(f"{len(train)} items, lower layers computed in {time.monotonic() - started_s:.0f} s", flush=True)
    train.forget = cfg.forget
    net.train()
    model = _Trained(net)
    steps = math.ceil(len(train) / ITEMS_A_STEP * cfg.epochs)
    memories = [net.heads.key_memory.weight, net.heads.value_memory.weight]
    memory = set(map(id, memories))
    optimizer = torch.optim.AdamW(
        [
            {"params": net.trained.parameters(), "lr": cfg.encoder_rate},
            {"params": [p for p in net.heads.parameters() if id(p) not in memory], "lr": cfg.heads_rate},
            {"params": memories, "lr": cfg.memory_rate, "weight_decay": 0.0},
        ],
        weight_decay=0.01,
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1.0, (step + 1) / cfg.warmup_steps) * max(0.02, 1 - step / steps)
    )
    trainer = Trainer(
        model=model,
        args=_arguments(cfg, out, steps),
        train_dataset=train,
        data_collator=collate,
        optimizers=(optimizer, schedule),
        callbacks=[_Say(out)],
    )
    trainer.train(
        resume_from_checkpoint=get_last_checkpoint(str(out / "checkpoints"))
        if (out / "checkpoints").exists()
        else None
    )
    kept = {name: value.contiguous() for name, value in net.state_dict().items() if is_released(name)}
    save_file(kept, out / WEIGHTS)
    known_keys, known_values = memory_of(rows)
    np.savez_compressed(out / MEMORY, keys=known_keys, values=known_values)
    if left_out_keys:
        asked = _of_new_keys(rows, left_out_keys)
        names = {
            rows.names[n]
            for n in range(len(rows.names))
            if asked[slice(*_between(rows.candidates_end, n))].any()
        }
        held = [n for n in range(len(rows.names)) if rows.names[n] in names]
        _save_scores(ScorerItems(rows, held), net, cfg.device, asked, out / SCORES)
    elif left_out:
        held = [n for n in range(len(rows.names)) if int(rows.folds[n]) in left_out]
        _save_scores(
            ScorerItems(rows, held), net, cfg.device, np.ones(len(rows.labels), np.bool_), out / SCORES
        )


def _of_new_keys(rows: ScorerRows, folds: Set[int]) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Whether a candidate is of a key of these folds that is shown as new."""
    keys = candidate_keys(rows)
    found: np.ndarray[Any, np.dtype[np.bool_]] = (rows.key_names[keys] == 0) & np.isin(
        rows.key_folds[keys], sorted(folds)
    )
    return found


def memory_of(rows: ScorerRows) -> Memory:
    """The names of the keys and values of some rows, in order: what a network trained on them remembers."""
    keys, values = (names[names != 0] for names in (rows.key_names, rows.value_names))
    return np.unique(keys), np.unique(values)


def shape_of(rows: ScorerRows) -> NetShape:
    """The network's sizes for some rows."""
    vector = rows.values.shape[1]
    kinds = rows.keys.shape[1] - vector
    known_keys, known_values = memory_of(rows)
    return NetShape(vector, kinds, rows.numbers.shape[1], len(known_keys), len(known_values))


def is_released(name: str) -> bool:
    """Whether a weight belongs to what training changed: the upper layers and the heads."""
    layer = name.removeprefix("encoder.encoder.layer.").split(".")[0]
    return name.startswith("heads.") or (layer.isdigit() and int(layer) >= FROZEN_LAYERS)


def standardise(net: ScorerNet, numbers: np.ndarray[Any, np.dtype[np.float32]]) -> None:
    """Give the heads mean and spread of the candidates' numbers."""
    net.heads.mean.copy_(torch.from_numpy(numbers.mean(0)))
    net.heads.scale.copy_(torch.from_numpy(numbers.std(0) + 1e-3))


def score(items: ScorerItems, net: ScorerNet, device: str) -> list[np.ndarray[Any, np.dtype[np.float32]]]:
    """Logits of each item's candidates."""
    if not items.states:
        items.encode(net, device)
    net.eval()
    found = []
    with torch.no_grad():
        for at in range(len(items)):
            batch = collate([items[at]])
            labels = batch.pop("labels")
            batch = {name: value.to(device) for name, value in batch.items()}
            with torch.autocast(device, torch.bfloat16):
                logits = net(**(batch | {"states": batch["states"].float()})) if len(labels) else labels
            found.append(logits.float().cpu().numpy())
    return found


def _save_scores(
    items: ScorerItems, net: ScorerNet, device: str, asked: np.ndarray[Any, np.dtype[np.bool_]], path: Path
) -> None:
    """Write the logits of the items' candidates, NaN for those that were not asked about."""
    ends = items.rows.candidates_end
    found = [
        np.where(asked[slice(*_between(ends, n))], logits, np.nan)
        for n, logits in zip(items.chosen, score(items, net, device), strict=True)
    ]
    names = items.rows.names[items.chosen]
    np.savez(path, names=names, ends=np.cumsum([len(one) for one in found]), logits=np.concatenate(found))


def _arguments(cfg: ScorerTraining, out: Path, steps: int) -> TrainingArguments:
    return TrainingArguments(
        output_dir=str(out / "checkpoints"),
        max_steps=steps,
        per_device_train_batch_size=ITEMS_A_STEP,
        train_sampling_strategy="group_by_length",
        max_grad_norm=1.0,
        bf16=True,
        use_cpu=cfg.device == "cpu",
        seed=cfg.seed,
        save_steps=cfg.save_steps,
        save_total_limit=1,
        logging_steps=20,
        remove_unused_columns=False,
        report_to=[],
        disable_tqdm=True,
        dataloader_pin_memory=False,
    )


class _Say(TrainerCallback):  # type: ignore[misc]
    """Prints loss, rate and remaining time, and keeps the losses for the curve."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.started_s = time.monotonic()
        self.first = 0

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Note where this run began."""
        self.started_s, self.first = time.monotonic(), state.global_step

    def on_log(
        self, args: Any, state: Any, control: Any, logs: Mapping[str, float] | None = None, **kwargs: Any
    ) -> None:
        """One line a report."""
        if not logs or "loss" not in logs:
            return
        spent_s = time.monotonic() - self.started_s
        rate = (state.global_step - self.first) / max(spent_s, 1e-6)
        left_s = (state.max_steps - state.global_step) / max(rate, 1e-6)
        print(
            f"step {state.global_step}/{state.max_steps} loss {logs['loss']:.4f} {rate:.2f} steps/s, {left_s:.0f} s left",
            flush=True,
        )
        with (self.out / LOSSES).open("a", encoding="utf-8") as lines:
            lines.write(json.dumps({"step": state.global_step, "loss": logs["loss"]}) + "\n")


def _between(ends: np.ndarray[Any, np.dtype[np.int64]], n: int) -> tuple[int, int]:
    return (int(ends[n - 1]) if n else 0), int(ends[n])
