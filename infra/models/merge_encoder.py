"""The encoder with our LoRA adapter merged in: a directory like the base's, which vLLM and sentence-transformers read.

Run: `python -m infra.models.merge_encoder BASE ADAPTER OUT` in the inference environment; about 15 s. Without an adapter OUT
is the base alone. Which of the two is served is `[encoder] model_dir` in infra/deploy/local.toml: the merged one has another
name, so every ontology gets a new release for it, and a ranker must have been trained with it.
"""

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from sentence_transformers import SentenceTransformer
from transformers import AutoModel

from infra.models.adapter_id import ADAPTER_FILES, adapter_sha256
from infra.models.merge_adapter import MODEL_ID_FILE, copy_base, has_adapter
from infra.models.minilm import FAR, NEAR, check
from infra.models.package import ModelError, put_in_place

LEAST_COSINE = 0.9999


def merge(base: Path, adapter: Path, out: Path) -> None:
    """Write base plus adapter into `out`: fp32 weights, tokenizer, pooling, and the model's id.

    Errors: ModelError when the adapter was made for another base, or when merging changes its vectors.
    """
    made_for = Path(
        json.loads((adapter / ADAPTER_FILES[0]).read_text("utf-8"))["base_model_name_or_path"]
    ).name
    if made_for != base.name:
        raise ModelError(f"{adapter} was trained on {made_for}, not on {base.name}: train it again")
    plain = SentenceTransformer(str(base), device="cpu")
    inputs = plain.tokenizer([*NEAR, FAR], padding=True, return_tensors="pt")
    adapted: Any = PeftModel.from_pretrained(AutoModel.from_pretrained(str(base)), str(adapter)).eval()
    with torch.no_grad():
        before = adapted(**inputs).last_hidden_state
        merged = adapted.merge_and_unload(safe_merge=True)
        after = merged(**inputs).last_hidden_state
    alike = float(torch.nn.functional.cosine_similarity(before, after, dim=-1).min())
    if not alike > LEAST_COSINE:
        raise ModelError(
            f"merging {adapter} turns vectors to a cosine of {alike:g}, expected above {LEAST_COSINE}"
        )
    shutil.copytree(base, out, dirs_exist_ok=True, ignore=shutil.ignore_patterns("model.safetensors"))
    merged.save_pretrained(out)
    check(out)
    digest = adapter_sha256(adapter)
    text = json.dumps(
        {"name": f"{base.name}+{digest[:12]}", "base": base.name, "adapter_sha256": digest}, indent=2
    )
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
