"""Several requests about one item in one training sequence, and the attention that keeps them apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from transformers import AttentionInterface

NOT_SCORED = -100
ATTENTION = "packed_branches"


@dataclass(frozen=True, slots=True)
class Packed:
    """One sequence: token ids, positions, lengths of the prefix and of each branch, and the next token to be said.

    Shapes: ids and positions (1, T), labels (T), `NOT_SCORED` where nothing is to be said; lengths sum to T.
    """

    ids: torch.Tensor
    positions: torch.Tensor
    lengths: tuple[int, ...]
    labels: torch.Tensor


def pack(prefix: list[int], branches: list[tuple[list[int], list[int]]]) -> Packed:
    """Pack (prompt, reply) branches behind one prefix; each branch goes on at the prefix's end."""
    ids, positions = list(prefix), list(range(len(prefix)))
    labels, lengths = [NOT_SCORED] * len(prefix), [len(prefix)]
    for prompt, reply in branches:
        ids += prompt + reply
        positions += range(len(prefix), len(prefix) + len(prompt) + len(reply))
        labels += [NOT_SCORED] * (len(prompt) - 1) + reply + [NOT_SCORED]
        lengths.append(len(prompt) + len(reply))
    return Packed(torch.tensor([ids]), torch.tensor([positions]), tuple(lengths), torch.tensor(labels))


def register_attention() -> None:
    """Make the attention known to transformers under the name `ATTENTION`."""
    AttentionInterface.register(ATTENTION, attend)


def attend(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    lengths: tuple[int, ...] = (),
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """The prefix sees itself; a branch sees the prefix and itself. A third of the work of one mask over all.

    Shapes: query (1, H, T, d), key and value (1, H / groups, T, d) in; (1, T, H, d) out.
    """
    groups = query.shape[1] // key.shape[1]
    key, value = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
    scaled = torch.nn.functional.scaled_dot_product_attention
    shared = slice(0, lengths[0])
    out = [scaled(query[:, :, shared], key[:, :, shared], value[:, :, shared], is_causal=True)]
    at = lengths[0]
    for length in lengths[1:]:
        own = slice(at, at + length)
        keys = torch.cat([key[:, :, shared], key[:, :, own]], 2)
        values = torch.cat([value[:, :, shared], value[:, :, own]], 2)
        sees = torch.ones(length, keys.shape[2], dtype=torch.bool, device=query.device).tril(lengths[0])
        out.append(scaled(query[:, :, own], keys, values, attn_mask=sees))
        at += length
    return torch.cat(out, 2).transpose(1, 2).contiguous(), None
