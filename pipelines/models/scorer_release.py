"""From trained weights to what recognition loads: one ONNX network in 8-bit integers, its tokenizer, and what they are."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from safetensors.torch import load_file
from torch import Tensor, nn

from pipelines.library.scorer_form import META, NETWORK, OUTPUT, TOKENIZER, ScorerMeta, meta_text
from pipelines.library.scorer_memory import MEMORY, load_memory
from pipelines.models.scorer_net import NetShape, ScorerNet
from pipelines.models.scorer_rows import ScorerRows
from pipelines.models.scorer_train import WEIGHTS, Memory, ScorerItems

SPANS = 6
INPUTS = {
    "ids": {0: "tokens"},
    "key_at": {0: "keys"},
    "keys": {0: "keys"},
    "owner": {0: "candidates"},
    "spans": {0: "candidates"},
    "values": {0: "candidates"},
    "numbers": {0: "candidates"},
    "key_ids": {0: "keys"},
    "value_ids": {0: "candidates"},
}
LEAST_AGREEMENT = 0.98
"""Correlation of the logits before and after, on items it knows: below it the integers have lost what was learned."""
SAMPLES = 64


class ScorerRefused(ValueError):
    """Weights that do not fit their base model, or a network that answers otherwise than they do."""


def release_scorer(
    base: Path, trained: Path, rows: ScorerRows, counts: dict[str, int], out: Path
) -> ScorerMeta:
    """Write the network that recognition loads; `rows` are what it was trained on, `counts` the items of each set.

    Errors: ScorerRefused.
    """
    weights = {name: value.float() for name, value in load_file(trained / WEIGHTS).items()}
    shape = _shape(weights)
    net = _OneItem(_net(base, shape, weights))
    meta = ScorerMeta(
        version=time.strftime("%Y%m%d.%H%M", time.gmtime()),
        encoder=base.name,
        vector=shape.vector,
        kinds=shape.kinds,
        numbers=shape.numbers,
        trained_on=counts,
    )
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="aiic-scorer-") as scratch:
        exact, small = Path(scratch) / "exact.onnx", Path(scratch) / NETWORK
        example = _example(meta)
        torch.onnx.export(
            net,
            example,
            str(exact),
            input_names=list(INPUTS),
            output_names=[OUTPUT],
            dynamic_axes=INPUTS,
            dynamo=False,
            opset_version=17,
        )
        quantize_dynamic(exact, small, weight_type=QuantType.QInt8, per_channel=True)
        _require_like(net, small, _samples(rows, load_memory(trained)))
        (out / NETWORK).write_bytes(small.read_bytes())
    shutil.copyfile(trained / MEMORY, out / MEMORY)
    (out / TOKENIZER).write_bytes((base / TOKENIZER).read_bytes())
    (out / META).write_text(meta_text(meta), "utf-8")
    return meta


def _shape(weights: dict[str, Tensor]) -> NetShape:
    vector = weights["heads.value.weight"].shape[1]
    return NetShape(
        vector,
        weights["heads.key.0.weight"].shape[1] - vector,
        weights["heads.numbers.0.weight"].shape[1],
        len(weights["heads.key_memory.weight"]) - 1,
        len(weights["heads.value_memory.weight"]) - 1,
    )


def _net(base: Path, shape: NetShape, weights: dict[str, Tensor]) -> ScorerNet:
    net = ScorerNet(str(base), shape)
    _, unknown = net.load_state_dict(weights, strict=False)
    if unknown:
        raise ScorerRefused(f"the weights have {unknown[0]}, which the network lacks: train it again")
    net.eval()
    return net


class _OneItem(nn.Module):  # type: ignore[misc]
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
        key_ids: Tensor,
        value_ids: Tensor,
    ) -> Tensor:
        mask = torch.ones_like(ids)[None]
        states = self.net.upper(self.net.lower(ids[None], mask), mask)
        owners = torch.stack([torch.zeros_like(owner), owner], dim=1)
        return self.net.heads(
            states, mask, key_at[None], keys[None], owners, spans, values, numbers, key_ids[None], value_ids
        )


def _example(meta: ScorerMeta) -> tuple[Tensor, ...]:
    """Any input of the right shapes: what the network is traced and compared with."""
    torch.manual_seed(0)
    candidates, keys, tokens = 40, 3, 24
    first = torch.randint(-1, tokens - 3, (candidates, SPANS, 1))
    return (
        torch.randint(1_000, 2_000, (tokens,)),
        torch.tensor([[15, 17], [18, 20], [21, 23]]),
        torch.cat([nn.functional.normalize(torch.randn(keys, meta.vector)), torch.eye(keys, meta.kinds)], 1),
        torch.randint(0, keys, (candidates,)),
        torch.cat([first, first + 1], dim=2).where(first >= 0, torch.tensor(-1)),
        nn.functional.normalize(torch.randn(candidates, meta.vector)),
        torch.rand(candidates, meta.numbers),
        torch.tensor([0, 1, 1]),
        torch.randint(0, 2, (candidates,)),
    )


def _samples(rows: ScorerRows, memory: Memory) -> list[tuple[Tensor, ...]]:
    """Some of the items that it was trained on, as recognition would give them."""
    items = ScorerItems(rows, range(0, len(rows.names), max(1, len(rows.names) // SAMPLES)), memory)
    given = [items[n] | {"ids": items.ids(n)} for n in range(len(items))]
    return [tuple(one[name] for name in INPUTS) for one in given if len(one["labels"])]


def _require_like(net: nn.Module, path: Path, samples: Sequence[tuple[Tensor, ...]]) -> None:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    wanted, found = [], []
    for sample in samples:
        with torch.no_grad():
            wanted.append(net(*sample).numpy())
        inputs = {name: value.numpy() for name, value in zip(INPUTS, sample, strict=True)}
        found.append(session.run(None, inputs)[0])
    agreement = float(np.corrcoef(np.concatenate(wanted), np.concatenate(found))[0, 1])
    if not agreement > LEAST_AGREEMENT:
        raise ScorerRefused(f"in integers the network's logits agree to {agreement:.3f} only")
