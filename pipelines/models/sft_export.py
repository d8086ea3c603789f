"""What a training leaves: a LoRA adapter as peft reads it, or a whole model as vLLM serves it. bf16, without any path."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import torch
from peft.utils import get_peft_model_state_dict
from safetensors.torch import save_file

MODEL_ID = "aiic_model.json"


def export_adapter(model: Any, base_name: str, folder: Path) -> Path:
    """Write a LoRA adapter that names its base without a path."""
    partial = _empty(folder.with_name(f"{folder.name}.partial"))
    weights = {
        name: value.to(torch.bfloat16).contiguous().cpu()
        for name, value in get_peft_model_state_dict(model).items()
    }
    save_file(weights, partial / "adapter_model.safetensors", metadata={"format": "pt"})
    settings = model.peft_config["default"].to_dict()
    settings |= {"base_model_name_or_path": base_name, "inference_mode": True}
    settings["target_modules"] = sorted(settings["target_modules"])
    plain = {name: value for name, value in sorted(settings.items()) if value is not None}
    (partial / "adapter_config.json").write_text(json.dumps(plain, indent=2, default=str) + "\n", "utf-8")
    return _in_place(partial, folder)


def export_model(model: Any, tokenizer: Any, base_name: str, folder: Path) -> Path:
    """Write a whole model with its tokenizer, and the file by which the stack tells which model it is."""
    partial = _empty(folder.with_name(f"{folder.name}.partial"))
    model.config.use_cache = True
    model.to(torch.bfloat16).save_pretrained(partial)
    tokenizer.save_pretrained(partial)
    digest = hashlib.sha256()
    for path in sorted(partial.glob("*.safetensors")):
        digest.update(path.read_bytes())
    name = {"name": f"{base_name}+full-{digest.hexdigest()[:12]}", "base": base_name, "adapter_sha256": None}
    (partial / MODEL_ID).write_text(json.dumps(name, indent=2) + "\n", "utf-8")
    return _in_place(partial, folder)


def _empty(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def _in_place(partial: Path, folder: Path) -> Path:
    """Put a finished folder where it belongs; one half written never stands there."""
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)
    return folder
