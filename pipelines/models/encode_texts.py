"""Encodes a file of texts in this process: what the server would answer, without a server. Runs in the inference environment."""

from __future__ import annotations

import json
import time
from pathlib import Path

import torch

from pipelines.models.encoder_model import (
    Tokens,
    check_device,
    encode,
    open_adapted,
    open_base,
    open_tokenizer,
)
from pipelines.models.vector_file import save_vectors

REPORT_S = 20.0


def encode_file(
    base: Path, adapter: Path | None, scale: float, texts_file: Path, out: Path, device: str, threads: int
) -> None:
    """Encode a JSON list of texts into a vector file. Errors: OSError, ValueError, DeviceMissing."""
    check_device(device)
    torch.set_num_threads(threads)
    texts = [str(text) for text in json.loads(texts_file.read_text("utf-8"))]
    model = open_adapted(base, adapter, scale) if adapter else open_base(base)
    model.to(device)
    started_s = said_s = time.monotonic()

    def progress(done: int) -> None:
        nonlocal said_s
        if time.monotonic() - said_s > REPORT_S or done == len(texts):
            said_s = time.monotonic()
            print(
                f"{done} of {len(texts)} texts, {done / (said_s - started_s + 1e-9):.0f} texts/s", flush=True
            )

    rows = encode(model, Tokens(open_tokenizer(base)), texts, device, half=True, progress=progress)
    name = base.name if adapter is None else f"{base.name}+{adapter.name}*{scale:g}"
    save_vectors(out, name, texts, rows)
    print(out)
