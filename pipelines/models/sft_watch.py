"""What a training tells and keeps while it runs: a progress line, losses, checkpoints by the clock, an end by the clock."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR

LOSSES = "loss.jsonl"
WHOLE = "whole"
"""Marks a checkpoint that was written to its end: one that a kill cut short has none."""


class Watch(TrainerCallback):  # type: ignore[misc]
    """Tells progress to `say` and writes the losses into `out`, at every report of the Trainer."""

    def __init__(self, out: Path, items: int, say: Callable[[str], None]) -> None:
        self.out, self.items, self.say = out, items, say
        self.first_step = self.first_tokens = 0
        self.started_s = 0.0

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Remember where this run begins, which may be a checkpoint."""
        self.first_step, self.first_tokens = state.global_step, int(state.num_input_tokens_seen)
        self.started_s = time.monotonic()
        if state.global_step:
            self.say(f"goes on after step {state.global_step} of {state.max_steps}")

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float] | None = None,
        **_: Any,
    ) -> None:
        """Say how far the training is, how fast, and how long it will take; rewrite the losses."""
        if not logs or "loss" not in logs:
            return
        seconds = max(1e-9, time.monotonic() - self.started_s)
        rate = (int(state.num_input_tokens_seen) - self.first_tokens) / seconds
        steps_a_second = (state.global_step - self.first_step) / seconds
        left_s = (state.max_steps - state.global_step) / max(1e-9, steps_a_second)
        self.say(
            f"step {state.global_step} of {state.max_steps}, {rate:,.0f} tokens/s, loss {float(logs['loss']):.3f}, "
            f"{left_s / 60:.1f} minutes left"
        )
        (self.out / LOSSES).write_text("".join(json.dumps(row) + "\n" for row in self._rows(state)), "utf-8")

    def _rows(self, state: TrainerState) -> list[dict[str, float]]:
        """One row a report: mean loss a reply token since the report before."""
        return [
            {
                "step": entry["step"],
                "items": round(entry["epoch"] * self.items),
                "tokens": int(entry.get("num_input_tokens_seen", 0)),
                "loss": round(float(entry["loss"]), 5),
                "learning_rate": float(entry["learning_rate"]),
            }
            for entry in state.log_history
            if "loss" in entry
        ]


class Clock(TrainerCallback):  # type: ignore[misc]
    """Saves a checkpoint every so many minutes, ends the run after so many (0: never), and marks whole checkpoints."""

    def __init__(self, save_minutes: float, end_minutes: float) -> None:
        self.save_s, self.end_s = save_minutes * 60, end_minutes * 60
        self.started_s = self.saved_s = 0.0

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Start the clock."""
        self.started_s = self.saved_s = time.monotonic()

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Ask for a checkpoint, or for the end, when it is time."""
        now = time.monotonic()
        if self.end_s and now - self.started_s >= self.end_s:
            control.should_training_stop = control.should_save = True
        if self.save_s and now - self.saved_s >= self.save_s:
            control.should_save = True

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Mark the checkpoint that has just been written."""
        self.saved_s = time.monotonic()
        (Path(args.output_dir) / f"{PREFIX_CHECKPOINT_DIR}-{state.global_step}" / WHOLE).touch()


def newest_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint that was written to its end."""
    whole = [path.parent for path in folder.glob(f"{PREFIX_CHECKPOINT_DIR}-*/{WHOLE}")]
    return max(whole, key=lambda path: int(path.name.rpartition("-")[2]), default=None)
