"""What a built scorer's folder holds: the network, its tokenizer, and what they are."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

META, NETWORK, TOKENIZER = "scorer.json", "scorer.onnx", "tokenizer.json"
OUTPUT = "logits"


class ScorerDamaged(RuntimeError):
    """The scorer's folder is missing or not whole."""


@dataclass(frozen=True, slots=True)
class ScorerMeta:
    """What a trained scorer says of itself. `encoder`: the model that key and value texts are encoded with, and its own base.

    `vector`, `kinds`, `numbers`: sizes of its input (`scorer_input`).
    """

    version: str
    encoder: str
    vector: int
    kinds: int
    numbers: int
    trained_on: dict[str, int]


def meta_text(meta: ScorerMeta) -> str:
    """As it is written."""
    return json.dumps(asdict(meta), indent=1) + "\n"


def read_meta(folder: Path) -> ScorerMeta:
    """Read a description. Errors: ScorerDamaged."""
    try:
        return ScorerMeta(**json.loads((folder / META).read_text("utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise ScorerDamaged(
            f"{folder} is no whole scorer: run `make setup`, or train one with `jobs.train_scorer`: {error!r}"
        ) from error
