"""The label-conditioned scorer as a network: one forward of a small encoder scores all candidates of all keys of an item.

A key's encoded text makes the weights that look for its words (a start, an end, and what to attend to), so a key or value
that was never trained on is scored by its text. Embeddings and the lowest layers stay as the base model has them.
Source: ours, after label-conditioned span models; the trial with weights tied to keys reached F1 .844 on wdc_pave.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoModel

FROZEN_LAYERS = 2
FEATURE_WIDTH = 64
NOTHING = -1e4
GAIN = 20.0
"""What is remembered counts that much more than its numbers say: a rare value's row is moved by a few steps only, and by the
common scale of the products it would hardly be felt (F1 of a scorer for wdc_pave alone .77 without, .82 with)."""


@dataclass(frozen=True, slots=True)
class NetShape:
    """Sizes of what comes in: `vector` of key and value texts, `kinds` beside a key's vector, `numbers` a candidate."""

    vector: int
    kinds: int
    numbers: int
    known_keys: int = 0
    known_values: int = 0


class Heads(nn.Module):  # type: ignore[misc]
    """From token states and encoded keys and values to one logit a candidate."""

    def __init__(self, hidden: int, shape: NetShape) -> None:
        super().__init__()
        self.shape = shape
        key_in = shape.vector + shape.kinds
        self.key = nn.Sequential(nn.Linear(key_in, hidden), nn.GELU(), nn.Linear(hidden, hidden))
        self.key_read = nn.Linear(2 * hidden, hidden)
        self.key_norm = nn.LayerNorm(hidden)
        self.looks = nn.Linear(hidden, 3 * hidden)
        self.bias = nn.Linear(hidden, 2)
        self.value = nn.Linear(shape.vector, hidden)
        self.pooled = nn.Linear(hidden, hidden)
        self.numbers = nn.Sequential(nn.Linear(shape.numbers, FEATURE_WIDTH), nn.GELU())
        self.numbers_by_key = nn.Linear(hidden, FEATURE_WIDTH)
        self.numbers_alone = nn.Linear(FEATURE_WIDTH, 1)
        # What is remembered of keys and values that training saw, beside what their texts say; row 0 is "not seen".
        self.key_memory = nn.Embedding(shape.known_keys + 1, 3 * hidden, padding_idx=0)
        self.value_memory = nn.Embedding(shape.known_values + 1, hidden + 1, padding_idx=0)
        for memory in (self.key_memory, self.value_memory):
            nn.init.zeros_(memory.weight)
        self.register_buffer("mean", torch.zeros(shape.numbers))
        self.register_buffer("scale", torch.ones(shape.numbers))
        nn.init.constant_(self.bias.bias, -2.0)
        nn.init.normal_(self.looks.weight, std=0.02)

    def forward(
        self,
        states: Tensor,
        mask: Tensor,
        key_at: Tensor,
        keys: Tensor,
        owner: Tensor,
        spans: Tensor,
        values: Tensor,
        numbers: Tensor,
        key_ids: Tensor,
        value_ids: Tensor,
    ) -> Tensor:
        """Logits of the candidates of B items.

        Shapes: states (B, T, h), mask (B, T), key_at (B, K, 2), keys (B, K, d + kinds), owner (C, 2) item in the batch and key of the item,
        spans (C, S, 2), values (C, d), numbers (C, n), key_ids (B, K), value_ids (C). Returns (C).
        """
        scale = states.shape[-1] ** -0.5
        item, key = owner[:, 0], owner[:, 1]
        batch = torch.arange(states.shape[0], device=states.device)[:, None]
        read = torch.cat([states[batch, key_at[..., 0]], states[batch, key_at[..., 1]]], dim=-1)
        looked = self.key_norm(self.key(keys) + self.key_read(read))
        start, end, attend = (self.looks(looked) + GAIN * self.key_memory(key_ids)).chunk(3, dim=-1)
        places = states.transpose(1, 2)
        by_start, by_end = (start @ places) * scale, (end @ places) * scale
        first, last = spans[..., 0], spans[..., 1]
        item_of, key_of = item[:, None], key[:, None]
        z = by_start[item_of, key_of, first.clamp(min=0)] + by_end[item_of, key_of, last.clamp(min=0)]
        z = z.float().masked_fill(first < 0, NOTHING)
        bias = self.bias(looked)[item, key]
        by_span = torch.where(first[:, 0] >= 0, torch.logsumexp(z, 1) + bias[:, 0], bias[:, 1])
        weights = (attend @ places).float() * scale
        weights = torch.softmax(weights.masked_fill(mask[:, None] == 0, NOTHING), -1).to(states.dtype)
        seen = self.pooled(weights @ states) + looked
        remembered = self.value_memory(value_ids)
        has_value = values.abs().sum(-1) > 0
        by_value = (
            ((self.value(values) + GAIN * remembered[:, 1:]) * seen[item, key]).sum(-1) * scale * has_value
        )
        by_value = by_value + remembered[:, 0]
        inside = self.numbers((numbers - self.mean) / self.scale)
        by_key = (inside * self.numbers_by_key(looked)[item, key]).sum(-1)
        return (by_span + by_value + by_key + self.numbers_alone(inside).squeeze(-1)).float()


class ScorerNet(nn.Module):  # type: ignore[misc]
    """Encoder and heads. `lower` gives the states below the trained layers, which never change for an item."""

    def __init__(self, base_dir: str, shape: NetShape, dropout: float = 0.1) -> None:
        super().__init__()
        self.encoder: Any = AutoModel.from_pretrained(
            base_dir,
            dtype=torch.float32,
            attn_implementation="eager",
            hidden_dropout_prob=0.0,  # dropout inside the layers halves the speed on CPU
            attention_probs_dropout_prob=0.0,
        )
        self.encoder.requires_grad_(False)
        for layer in self.trained:
            layer.requires_grad_(True)
        self.drop = nn.Dropout(dropout)
        self.heads = Heads(self.encoder.config.hidden_size, shape)

    @property
    def frozen(self) -> Any:
        """The layers that stay as they are."""
        return self.encoder.encoder.layer[:FROZEN_LAYERS]

    @property
    def trained(self) -> Any:
        """The layers that are trained."""
        return self.encoder.encoder.layer[FROZEN_LAYERS:]

    def lower(self, ids: Tensor, mask: Tensor) -> Tensor:
        """States below the trained layers. Shapes: ids, mask (B, T); (B, T, h)."""
        states = self.encoder.embeddings(input_ids=ids)
        for layer in self.frozen:
            states = _states(layer(states, _additive(mask, states.dtype)))
        return states

    def upper(self, states: Tensor, mask: Tensor) -> Tensor:
        """The trained layers over `lower`'s states."""
        for layer in self.trained:
            states = _states(layer(states, _additive(mask, states.dtype)))
        return states

    def forward(self, states: Tensor, mask: Tensor, **batch: Tensor) -> Tensor:
        """Logits from `lower`'s states; the other inputs and shapes as `Heads.forward`."""
        return self.heads(self.drop(self.upper(states, mask)), mask, **batch)


def _additive(mask: Tensor, dtype: torch.dtype) -> Tensor:
    return (1.0 - mask[:, None, None, :].to(dtype)) * NOTHING


def _states(output: Any) -> Tensor:
    return output[0] if isinstance(output, tuple) else output
