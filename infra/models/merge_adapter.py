"""The discriminator's model: the base model with our LoRA adapter merged in, or the base model alone.

vLLM on CPU serves an adapter that is not merged 14 times slower, so it is merged once, at set-up.
Run: `python -m infra.models.merge_adapter BASE ADAPTER OUT` in the inference environment; about 15 s.
"""

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from infra.models.adapter_id import ADAPTER_FILES, adapter_sha256
from infra.models.package import ModelError, put_in_place

MODEL_ID_FILE = "aiic_model.json"
PROBE = "title: Red cotton dress, size 42"
# Merging only adds products of small matrices to the weights: in fp32 the logits stay the same but for rounding.
LOGIT_TOLERANCE = 1e-2


def merge(base: Path, adapter: Path, out: Path) -> None:
    """Write base plus adapter into `out`: bf16 weights, tokenizer, and the model's id.

    Errors: ModelError when the adapter was made for another base, or when merging changes its answers.
    """
    made_for = Path(
        json.loads((adapter / ADAPTER_FILES[0]).read_text("utf-8"))["base_model_name_or_path"]
    ).name
    if made_for != base.name:
        raise ModelError(f"{adapter} was trained on {made_for}, not on {base.name}: train it again")
    tokenizer: Any = AutoTokenizer.from_pretrained(str(base))
    inputs = tokenizer(PROBE, return_tensors="pt")
    plain = AutoModelForCausalLM.from_pretrained(str(base), dtype=torch.float32)
    adapted: Any = PeftModel.from_pretrained(plain, str(adapter)).eval()
    with torch.no_grad():
        before = adapted(**inputs).logits
        merged = adapted.merge_and_unload(safe_merge=True)
        difference = float((merged(**inputs).logits - before).abs().max())
    if not difference < LOGIT_TOLERANCE:
        raise ModelError(
            f"merging {adapter} changes logits by {difference:g}, expected below {LOGIT_TOLERANCE:g}"
        )
    merged.to(torch.bfloat16).save_pretrained(out)
    tokenizer.save_pretrained(out)
    digest = adapter_sha256(adapter)
    _write_id(out, f"{base.name}+{digest[:12]}", base.name, digest)


def copy_base(base: Path, out: Path) -> None:
    """Write the base model alone into `out`, with an id that says so."""
    shutil.copytree(base, out, dirs_exist_ok=True)
    _write_id(out, base.name, base.name, None)


def has_adapter(folder: Path) -> bool:
    """Tell whether a folder holds an adapter; half of one is an error.

    Errors: ModelError when only some of its files are there.
    """
    missing = [name for name in ADAPTER_FILES if not (folder / name).exists()]
    if missing and len(missing) < len(ADAPTER_FILES):
        raise ModelError(f"{folder} holds half an adapter: {', '.join(missing)} is missing")
    return not missing


def _write_id(out: Path, name: str, base: str, adapter_digest: str | None) -> None:
    """Write the file that says what this model is; vLLM ignores it, the stack and the reports read it."""
    text = json.dumps({"name": name, "base": base, "adapter_sha256": adapter_digest}, indent=2)
    (out / MODEL_ID_FILE).write_text(text + "\n", encoding="utf-8")


def main() -> None:
    """Merge, or copy the base where there is no adapter."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("base", "adapter", "out"):
        parser.add_argument(name, type=Path)
    args = parser.parse_args()
    if has_adapter(args.adapter):
        put_in_place(args.out, lambda partial: merge(args.base, args.adapter, partial))
    else:
        put_in_place(args.out, lambda partial: copy_base(args.base, partial))


if __name__ == "__main__":
    main()
