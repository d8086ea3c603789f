"""Several requests about one item in one training sequence, several items behind one another, and the attention for it.

A sequence is an item's prompt prefix, read once, then each request as a branch that sees the prefix and itself alone, at the
positions that it has in inference: about five times fewer tokens than a sequence a request. Loss falls on replies alone, and
the model's head runs there alone. Source: ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import AttentionInterface

ATTENTION = "packed_branches"
Lengths = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Packed:
    """One item's sequence: token ids and positions, lengths of the prefix and of each branch, where a reply's next token is
    to be said, and which.

    Shapes: ids and positions T, lengths sum to T; said_at and said are equally long.
    """

    ids: tuple[int, ...]
    positions: tuple[int, ...]
    lengths: tuple[int, ...]
    said_at: tuple[int, ...]
    said: tuple[int, ...]


def pack(prefix: Sequence[int], branches: Sequence[tuple[Sequence[int], Sequence[int]]]) -> Packed:
    """Pack (prompt, reply) branches behind one prefix; each branch goes on at the prefix's end."""
    ids, positions = list(prefix), list(range(len(prefix)))
    said_at, said, lengths = list[int](), list[int](), [len(prefix)]
    for prompt, reply in branches:
        begins = len(ids) + len(prompt) - 1
        said_at += range(begins, begins + len(reply))
        said += reply
        ids += [*prompt, *reply]
        positions += range(len(prefix), len(prefix) + len(prompt) + len(reply))
        lengths.append(len(prompt) + len(reply))
    return Packed(tuple(ids), tuple(positions), tuple(lengths), tuple(said_at), tuple(said))


def collate(items: Sequence[Packed]) -> dict[str, Any]:
    """Items behind one another as the arguments of a causal model's forward pass.

    `shift_labels` is what transformers takes for labels that are already next tokens; `logits_to_keep` makes the head run at
    their places alone. Shapes: ids and positions (1, T); logits_to_keep K, labels (1, K).
    """
    said_at, start = list[int](), 0
    for one in items:
        said_at += [start + place for place in one.said_at]
        start += len(one.ids)
    said = torch.tensor([[token for one in items for token in one.said]])
    return {
        "input_ids": torch.tensor([[token for one in items for token in one.ids]]),
        "position_ids": torch.tensor([[place for one in items for place in one.positions]]),
        "lengths": tuple(one.lengths for one in items),
        "logits_to_keep": torch.tensor(said_at),
        "labels": said,
        "shift_labels": said,
    }


def packed_example(tokenizer: Any, made: Mapping[str, Any]) -> Packed:
    """One line of a training file as a sequence."""

    def tokens(text: str) -> list[int]:
        return list(tokenizer(text, add_special_tokens=False)["input_ids"])

    branches = [(tokens(one["prompt"]), tokens(one["reply"])) for one in made["requests"]]
    return pack(tokens(made["prefix"]), branches)


def register_attention() -> None:
    """Make the attention known to transformers under the name `ATTENTION`."""
    AttentionInterface.register(ATTENTION, attend)


def attend(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    lengths: Lengths = (),
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """A prefix sees itself; a branch sees its prefix and itself. A third of the work of one mask over all.

    Shapes: query (1, H, T, d), key and value (1, H / groups, T, d) in; (1, T, H, d) out.
    """
    groups = query.shape[1] // key.shape[1]
    key, value = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
    out, at = list[torch.Tensor](), 0
    for item in lengths:
        here = slice(at, at + sum(item))
        out += _item(query[:, :, here], key[:, :, here], value[:, :, here], item)
        at = here.stop
    return torch.cat(out, 2).transpose(1, 2).contiguous(), None


def _item(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, lengths: tuple[int, ...]
) -> Iterator[torch.Tensor]:
    """What the prefix and then each branch of one item attend to."""
    scaled = torch.nn.functional.scaled_dot_product_attention
    shared = slice(0, lengths[0])
    yield scaled(query[:, :, shared], key[:, :, shared], value[:, :, shared], is_causal=True)
    at = lengths[0]
    for length in lengths[1:]:
        own = slice(at, at + length)
        keys = torch.cat([key[:, :, shared], key[:, :, own]], 2)
        values = torch.cat([value[:, :, shared], value[:, :, own]], 2)
        sees = torch.ones(length, keys.shape[2], dtype=torch.bool, device=query.device).tril(lengths[0])
        yield scaled(query[:, :, own], keys, values, attn_mask=sees)
        at += length
