"""The relevance heads: which keys matter for an item (task A), and which a difference to a sibling touches (task B).

`a` says whether an item states a key at all: what lies below the threshold is answered null without search or model. `b` says
whether a key's value may differ from a reference's: what lies below is inherited. Loaded once; read-only, so threads share it.
Source: paper section 4.3.1 (2) (L4); heads over frozen vectors instead of a language model: ours.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import lightgbm
import numpy as np
import numpy.typing as npt

from pipelines.library.keys import CategoryView
from pipelines.library.relevance_features import (
    Floats,
    ItemProbe,
    Own,
    a_features,
    b_features,
    surely_touched,
)
from pipelines.ontology.errors import ModelMismatch
from pipelines.ontology.release import Release

FEATURE_VERSION = 1
META, LINEAR, HEAD_A, HEAD_B = "relevance.json", "linear.npz", "a.txt", "b.txt"


class RelevanceDamaged(RuntimeError):
    """The folder of the heads is missing, not whole, or of another version."""


@dataclass(frozen=True, slots=True)
class RelevanceMeta:
    """What the heads say of themselves. Thresholds by wanted recall ("0.99"): below them a key is skipped or inherited."""

    version: str
    feature_version: int
    encoder: str
    thresholds_a: Mapping[str, float]
    thresholds_b: Mapping[str, float]
    trained_on: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Relevance:
    """Both heads. `weights` and `bias` are task A's linear stage over item vector times key vector."""

    meta: RelevanceMeta
    weights: Floats
    bias: float
    head_a: lightgbm.Booster
    head_b: lightgbm.Booster

    def check_encoder(self, encoder_id: str) -> None:
        """Make sure that vectors are of the encoder that the heads learned from. Errors: ModelMismatch."""
        if encoder_id != self.meta.encoder:
            raise ModelMismatch(
                f"the relevance heads were trained with encoder {self.meta.encoder!r}, this one is {encoder_id!r}: "
                "train them again (jobs.train_relevance), or run without them"
            )


def relevance_a(heads: Relevance, item: ItemProbe, category: CategoryView, key_vectors: Floats) -> Floats:
    """Probability that the item states each key of its category.

    Shapes: key_vectors (K, d) as `key_vectors` gives them; float32 (K) out, in the order of `category.keys`.
    """
    linear = linear_logits(item.vector, key_vectors, heads.weights, heads.bias)
    return _predicted(heads.head_a, a_features(item, category, key_vectors, linear))


def relevance_b(
    heads: Relevance,
    item: ItemProbe,
    reference: ItemProbe,
    told: Sequence[Sequence[str]],
    category: CategoryView,
    key_vectors: Floats,
) -> Floats:
    """Probability that the item's value of each key differs from the reference's; `told[k]` are the reference's values.

    1 where the difference bears on the key beyond doubt (`surely_touched`). Shapes: as `relevance_a`.
    """
    learnt, sure = relevance_b_parts(heads, item, reference, told, category, key_vectors)
    return np.where(sure, np.float32(1), learnt)


def relevance_b_parts(
    heads: Relevance,
    item: ItemProbe,
    reference: ItemProbe,
    told: Sequence[Sequence[str]],
    category: CategoryView,
    key_vectors: Floats,
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """What the head says, and whether the difference bears on the key beyond doubt, apart. Shapes: as `relevance_a`, twice."""
    rows = b_features(item, reference, told, category, key_vectors)
    return _predicted(heads.head_b, rows), surely_touched(rows)


def linear_logits(vector: Floats, key_vectors: Floats, weights: Floats, bias: float) -> Floats:
    """Task A's linear stage. Shapes: vector (d), key_vectors (K, d), weights (d); float32 (K)."""
    return np.asarray((key_vectors * vector) @ weights + bias, np.float32)


def key_vectors(release: Release, category: CategoryView) -> Floats:
    """The encoded names of a category's keys, from the release; zeros for one that it does not have (scenario tags).

    Shapes: float32 (K, d).
    """
    stored = np.load(release.folder / "keys.npy", mmap_mode="r")
    rows = {name: row for row, name in enumerate(release.manifest.key_names)}
    out = np.zeros((len(category.keys), release.manifest.dimensions), np.float32)
    for place, view in enumerate(category.keys):
        if view.key.name in rows:
            out[place] = stored[rows[view.key.name]]
    return out


def _predicted(head: lightgbm.Booster, rows: Floats) -> Floats:
    return np.asarray(head.predict(rows, num_threads=1), np.float32) if len(rows) else np.zeros(0, np.float32)


def save_relevance(folder: Path | str, heads: Relevance) -> None:
    """Write the heads; the metadata comes last, so that a torn folder is noticed."""
    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    (path / META).unlink(missing_ok=True)
    np.savez(path / LINEAR, weights=heads.weights, bias=np.float32(heads.bias))
    heads.head_a.save_model(path / HEAD_A)
    heads.head_b.save_model(path / HEAD_B)
    (path / META).write_text(json.dumps(asdict(heads.meta), indent=1) + "\n", "utf-8")


def load_relevance(folder: Path | str) -> Relevance:
    """Read the heads. Errors: RelevanceDamaged saying what to do."""
    path = Path(folder)
    try:
        meta = RelevanceMeta(**json.loads((path / META).read_text("utf-8")))
        with np.load(path / LINEAR) as linear:
            weights, bias = np.asarray(linear["weights"], np.float32), float(linear["bias"])
        heads = [lightgbm.Booster(model_file=path / name) for name in (HEAD_A, HEAD_B)]
    except (OSError, ValueError, KeyError, TypeError, lightgbm.basic.LightGBMError) as error:
        raise RelevanceDamaged(
            f"{path} holds no whole relevance heads: train them (jobs.train_relevance): {error}"
        ) from error
    if meta.feature_version != FEATURE_VERSION:
        raise RelevanceDamaged(
            f"{path} was trained on features of version {meta.feature_version}, not {FEATURE_VERSION}: train it again"
        )
    return Relevance(meta, weights, bias, heads[0], heads[1])


__all__ = [
    "ItemProbe", "Own", "Relevance", "RelevanceDamaged", "RelevanceMeta", "key_vectors", "linear_logits", "load_relevance",
    "relevance_a", "relevance_b", "save_relevance",
]  # fmt: skip
