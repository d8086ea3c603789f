"""State of one encoder training: its settings, the vectors that negatives are mined with, its notes and checkpoints."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from transformers import TrainerCallback

from pipelines.models.encoder_batches import Vectors
from pipelines.models.encoder_model import Tokens, encode
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


class EncoderRun:
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
        (checkpoint / LOSSES).write_text(lines_of(self.notes), "utf-8")
        _save(checkpoint / KEPT_VECTORS, self.vectors.rows(self.texts))

    def begin(self, checkpoint: Path | None) -> Vectors:
        """Make the vectors of the start, or take those of a checkpoint; returns the entries' vectors of the start.

        Errors: ValueError for a checkpoint of other data.
        """
        if checkpoint is None:
            self._encode(self.texts)
            self.renew(0)
            _save(self.out / FIRST_VECTORS, self.vectors.rows(self.entries))
        else:
            kept = np.load(checkpoint / KEPT_VECTORS)
            if len(kept) != len(self.texts):
                raise ValueError(f"{checkpoint} is of other training data: remove it, or name another folder")
            self.vectors.put(self.texts, kept)
            self.notes = [json.loads(line) for line in (checkpoint / LOSSES).open(encoding="utf-8")]
        first = Vectors()
        first.put(self.entries, np.load(self.out / FIRST_VECTORS))
        return first

    def _encode(self, texts: list[str]) -> None:
        if self.tokens is None:
            raise RuntimeError("the run has not been opened")
        rows = encode(self.model, self.tokens, texts, self.cfg.device, self.cfg.half)
        self.vectors.put(texts, rows)


class Watch(TrainerCallback):  # type: ignore[misc]
    """Renews the entries' vectors, watches recall, keeps vectors with a checkpoint, tells progress, ends in time."""

    def __init__(self, run: EncoderRun) -> None:
        self.run, self.started_s = run, time.monotonic()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Renew and watch when it is time; stop, with a checkpoint, when time is spent."""
        if state.global_step % self.run.cfg.refresh_steps == 0:
            self.run.renew(state.global_step)
        if (
            time.monotonic() - self.started_s > self.run.cfg.minutes * 60
            and state.global_step < state.max_steps
        ):
            control.should_save = control.should_training_stop = True

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Make the checkpoint whole."""
        self.run.keep(Path(args.output_dir) / f"checkpoint-{state.global_step}")

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        """Note and tell the loss."""
        if logs and "loss" in logs:
            minutes = (time.monotonic() - self.started_s) / 60
            self.run.note(state.global_step, {"loss": round(float(logs["loss"]), 4)})
            at = f"step {state.global_step} of {state.max_steps}"
            self.run.say(f"{at}, loss {logs['loss']:.3f}, {minutes:.1f} minutes")


def last_whole_checkpoint(out: Path) -> Path | None:
    """The checkpoint to go on from: the newest whose vectors are there, which are written last."""
    found = [path.parent for path in out.glob(f"checkpoint-*/{KEPT_VECTORS}")]
    return max(found, key=lambda path: int(path.name.rpartition("-")[2]), default=None)


def _save(path: Path, rows: np.ndarray[Any, Any]) -> None:
    """Write an array whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    with partial.open("wb") as file:
        np.save(file, rows)
    partial.rename(path)


def lines_of(notes: list[dict[str, float]]) -> str:
    """Notes as JSON lines."""
    return "".join(json.dumps(note) + "\n" for note in notes)
