"""From trained weights to what recognition loads: released files in half precision, and the ONNX network made of them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from pipelines.library.scorer_form import META, NETWORK, OUTPUT, ScorerMeta, meta_text, read_meta
from pipelines.models.scorer_net import NetShape, ScorerNet

WEIGHTS = "weights.safetensors"


class ScorerRefused(ValueError):
    """Weights that do not fit their base model."""


def release_weights(trained: Path, out: Path, meta: Mapping[str, Any]) -> Path:
    """Write what training changed, in half precision, and what it is. Returns the folder."""
    out.mkdir(parents=True, exist_ok=True)
    weights = {name: value.to(torch.float16) for name, value in load_file(trained / WEIGHTS).items()}
    save_file(weights, out / WEIGHTS)
    text = meta_text(ScorerMeta(version=time.strftime("%Y%m%d.%H%M", time.gmtime()), **meta))
    (out / META).write_text(text, "utf-8")
    return out


def load_net(base: Path, released: Path) -> ScorerNet:
    """The base model with the released weights. Errors: ScorerRefused when they do not belong together."""
    meta = read_meta(released)
    if base.name != meta.encoder:
        raise ScorerRefused(f"{released} was trained on {meta.encoder}, not on {base.name}: train it again")
    net = ScorerNet(str(base), NetShape(meta.vector, meta.kinds, meta.numbers))
    weights = {name: value.float() for name, value in load_file(released / WEIGHTS).items()}
    _, unknown = net.load_state_dict(weights, strict=False)
    if unknown:
        raise ScorerRefused(f"{released} has weights that the network lacks ({unknown[0]}): train it again")
    return net.eval()


class _OneItem(nn.Module):
    """The network for one item: what recognition calls."""

    def __init__(self, net: ScorerNet) -> None:
        super().__init__()
        self.net = net

    def forward(
        self,
        ids: Tensor,
        key_at: Tensor,
        keys: Tensor,
        owner: Tensor,
        spans: Tensor,
        values: Tensor,
        numbers: Tensor,
    ) -> Tensor:
        mask = torch.ones_like(ids)[None]
        states = self.net.upper(self.net.lower(ids[None], mask), mask)
        owners = torch.stack([torch.zeros_like(owner), owner], dim=1)
        return self.net.heads(states, mask, key_at[None], keys[None], owners, spans, values, numbers)


def build_network(base: Path, released: Path, out: Path) -> None:
    """Write the ONNX network, its tokenizer and its description into `out`. Errors: ScorerRefused."""
    meta = read_meta(released)
    net = _OneItem(load_net(base, released))
    out.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(
        net,
        _example(meta),
        str(out / NETWORK),
        input_names=list(INPUTS),
        output_names=[OUTPUT],
        dynamic_axes=INPUTS,
        dynamo=False,
        opset_version=17,
    )
    (out / "tokenizer.json").write_bytes((base / "tokenizer.json").read_bytes())
    (out / META).write_text((released / META).read_text("utf-8"), "utf-8")


INPUTS = {
    "ids": {0: "tokens"},
    "key_at": {0: "keys"},
    "keys": {0: "keys"},
    "owner": {0: "candidates"},
    "spans": {0: "candidates"},
    "values": {0: "candidates"},
    "numbers": {0: "candidates"},
}


def _example(meta: ScorerMeta) -> tuple[Tensor, ...]:
    """Any input of the right shapes: what the network is traced with."""
    torch.manual_seed(0)
    candidates, keys, tokens = 7, 3, 12
    return (
        torch.randint(1_000, 2_000, (tokens,)),
        torch.randint(0, tokens, (keys, 2)),
        torch.randn(keys, meta.vector + meta.kinds),
        torch.randint(0, keys, (candidates,)),
        torch.randint(-1, tokens, (candidates, meta.spans, 2)),
        torch.randn(candidates, meta.vector),
        torch.randn(candidates, meta.numbers),
    )
