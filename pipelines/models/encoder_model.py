"""The text encoder in torch: opened for training or encoding, its vectors, its adapter. Runs in the inference environment.

Vectors are what a pooling server makes of the same directory: mean over tokens, unit length, texts cut at 256 tokens.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from peft.tuners.lora import LoraLayer
from peft.utils import get_peft_model_state_dict
from safetensors.torch import load_file, save_file
from transformers import AutoModel, AutoTokenizer

Floats = npt.NDArray[np.float32]
MAX_TOKENS = 256
ADAPTER_WEIGHTS, ADAPTER_SETTINGS = "adapter_model.safetensors", "adapter_config.json"
LORA_MODULES = (
    "attention.self.query",
    "attention.self.key",
    "attention.self.value",
    "attention.output.dense",
    "intermediate.dense",
    "output.dense",
)
LENGTH_RATIO, LENGTH_SLACK = 1.5, 8
ENCODE_TOKENS = 4_096


class DeviceMissing(RuntimeError):
    """The wanted device is not here; the message says what to do."""


def check_device(device: str) -> None:
    """Make sure that a device ("cpu", "cuda" or "npu") can be used. Errors: DeviceMissing.

    Which one of several: CUDA_VISIBLE_DEVICES or ASCEND_RT_VISIBLE_DEVICES.
    """
    if device == "npu":
        try:
            import torch_npu  # noqa: F401  (registers the device)
        except ImportError as error:
            raise DeviceMissing(
                f"device {device!r} needs torch-npu, which is not installed here: install the torch-npu that fits "
                f"torch {torch.__version__} and Ascend's CANN, or take --device cpu"
            ) from error
    elif device == "cuda" and not torch.cuda.is_available():
        raise DeviceMissing(
            f"device {device!r}: torch {torch.__version__} finds no CUDA GPU: install a CUDA build, or take --device cpu"
        )
    elif device not in ("cpu", "cuda"):
        raise DeviceMissing(f"unknown device {device!r}: name cpu, cuda or npu")


def open_tokenizer(folder: Path) -> Any:
    """The tokenizer of a model directory."""
    return AutoTokenizer.from_pretrained(str(folder))


def open_base(folder: Path) -> Any:
    """The transformer of a model directory, in fp32."""
    return AutoModel.from_pretrained(str(folder), dtype=torch.float32, attn_implementation="sdpa")


def with_lora(base: Any, rank: int, alpha: int, first_layer: int) -> Any:
    """The base with a trainable adapter from a layer on; what lies below needs no gradient at all."""
    config = LoraConfig(
        r=rank,
        lora_alpha=alpha,
        target_modules=list(LORA_MODULES),
        layers_to_transform=list(range(first_layer, base.config.num_hidden_layers)),
        layers_pattern="layer",
    )
    return get_peft_model(base, config)


def open_adapted(base_dir: Path, adapter: Path, scale: float = 1.0) -> Any:
    """The base with a stored adapter merged in; `scale` takes a part of it (0: the base)."""
    model: Any = PeftModel.from_pretrained(open_base(base_dir), str(adapter))
    for module in model.modules():
        if isinstance(module, LoraLayer):
            for name in module.scaling:
                module.scaling[name] *= scale
    return model.merge_and_unload()


def pooled(model: Any, tokens: Any) -> torch.Tensor:
    """Unit vectors of one padded chunk. Shapes: input_ids and attention_mask (N, T) in, (N, d) out."""
    mask = tokens["attention_mask"]
    hidden = model(input_ids=tokens["input_ids"], attention_mask=mask).last_hidden_state.float()
    weights = mask.unsqueeze(-1).float()
    return torch.nn.functional.normalize((hidden * weights).sum(1) / weights.sum(1), dim=1)


class Tokens:
    """Token ids of texts, each text read once."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self._ids: dict[str, list[int]] = {}

    def of(self, text: str) -> list[int]:
        """The ids of one text, cut."""
        if text not in self._ids:
            self._ids[text] = list(self.tokenizer(text, truncation=True, max_length=MAX_TOKENS)["input_ids"])
        return self._ids[text]

    def chunks(
        self, texts: Sequence[str], most_tokens: int = 1 << 20
    ) -> list[tuple[list[int], dict[str, torch.Tensor]]]:
        """Texts in chunks of like length, each padded to its longest: (places in `texts`, padded tensors)."""
        ids = [self.of(text) for text in texts]
        order = sorted(range(len(ids)), key=lambda place: (len(ids[place]), place))
        chunks: list[list[int]] = []
        for place in order:
            length = len(ids[place])
            fits = chunks and length <= LENGTH_RATIO * len(ids[chunks[-1][0]]) + LENGTH_SLACK
            if not fits or (len(chunks[-1]) + 1) * length > most_tokens:
                chunks.append([])
            chunks[-1].append(place)
        return [(chunk, self._padded([ids[place] for place in chunk])) for chunk in chunks]

    def _padded(self, ids: Sequence[list[int]]) -> dict[str, torch.Tensor]:
        longest = max(map(len, ids))
        rows = torch.full((len(ids), longest), int(self.tokenizer.pad_token_id))
        mask = torch.zeros((len(ids), longest), dtype=torch.long)
        for row, found in enumerate(ids):
            rows[row, : len(found)] = torch.tensor(found)
            mask[row, : len(found)] = 1
        return {"input_ids": rows, "attention_mask": mask}


def encode(
    model: Any,
    tokens: Tokens,
    texts: Sequence[str],
    device: str = "cpu",
    half: bool = False,
    progress: Callable[[int], None] = lambda _done: None,
) -> Floats:
    """Vectors of N texts, same order, without gradient. `half` computes in bfloat16, as the local server does.

    Shapes: float32 (N, d). `progress` is told how many texts are done.
    """
    was_training = model.training
    model.eval()
    out = np.zeros((len(texts), model.config.hidden_size), np.float32)
    done = 0
    with torch.no_grad(), torch.autocast(torch.device(device).type, torch.bfloat16, enabled=half):
        for places, chunk in tokens.chunks(texts, ENCODE_TOKENS):
            out[places] = pooled(model, {name: part.to(device) for name, part in chunk.items()}).cpu().numpy()
            done += len(places)
            progress(done)
    model.train(was_training)
    return out


def export(model: Any, base_name: str, folder: Path) -> None:
    """Write a LoRA adapter as peft reads it, in fp16, naming its base without a path."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {
        name: value.to(torch.float16).contiguous().cpu()
        for name, value in get_peft_model_state_dict(model).items()
    }
    save_file(weights, folder / ADAPTER_WEIGHTS, metadata={"format": "pt"})
    settings = model.peft_config["default"].to_dict()
    settings |= {
        "base_model_name_or_path": base_name,
        "inference_mode": True,
        "target_modules": sorted(LORA_MODULES),
    }
    plain = {name: value for name, value in sorted(settings.items()) if value is not None}
    (folder / ADAPTER_SETTINGS).write_text(json.dumps(plain, indent=2, default=str) + "\n", "utf-8")


def scaled(adapter: Path, out: Path, scale: float) -> None:
    """Write an adapter that does the given share of what another does.

    Part of the way from the base to the trained weights often keeps what was gained and loses less of what the base knew of
    things that training did not show. Source: Wortsman et al. 2022 (WiSE-FT).
    """
    out.mkdir(parents=True, exist_ok=True)
    weights = load_file(adapter / ADAPTER_WEIGHTS)
    shrunk = {
        name: (value.float() * scale).to(value.dtype) if "lora_B" in name else value
        for name, value in weights.items()
    }
    save_file(shrunk, out / ADAPTER_WEIGHTS, metadata={"format": "pt"})
    (out / ADAPTER_SETTINGS).write_bytes((adapter / ADAPTER_SETTINGS).read_bytes())
