"""Where this checkout's model versions are, what a set sealed here was made for, and the opening of its parts."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.local.config import load_config
from infra.local.vllm import model_name
from infra.models.adapter_id import adapter_sha256
from infra.onnx import OnnxDamaged, OnnxNet, WordPieces
from pipelines.library.calibration import CalibrationError, OperatingPoint, load_calibration, operating_point
from pipelines.library.ranker import FEATURE_VERSION, Ranker, RankerDamaged, load_ranker
from pipelines.library.recogniser import RecogniserConfig
from pipelines.library.scorer_form import NETWORK, TOKENIZER, ScorerDamaged, ScorerMeta, read_meta
from pipelines.library.scorer_memory import Names, load_memory
from pipelines.models.model_set import Facts, ModelsDamaged, ModelSet, open_set, part_of
from pipelines.models.registry import Registry, RegistryError
from pipelines.ontology.errors import ModelMismatch
from udfs.prompts import PROMPT_VERSION

ROOT = Path(__file__).resolve().parents[1]
SHIPPED = ROOT / "models"
ANY = "any"
MODEL_ERRORS = (CalibrationError, ModelsDamaged, OnnxDamaged, RankerDamaged, RegistryError, ScorerDamaged)
"""What is wrong with models themselves; each message says what to do."""


@dataclass(frozen=True, slots=True)
class ScorerParts:
    """A scorer before it has met a release."""

    meta: ScorerMeta
    network: OnnxNet
    tokenizer: WordPieces
    memory: tuple[Names, Names]


@dataclass(frozen=True, slots=True)
class OpenedModels:
    """The parts of a model set that recognition itself opens.

    `said`: these parts for provenance, with digests: equal text, equal answers. `serves`: what servers must have, by role.
    """

    ranker: Ranker
    scorer: ScorerParts | None
    point: OperatingPoint
    said: str
    serves: Mapping[str, str]


def open_models(config: RecogniserConfig) -> OpenedModels:
    """Open ranker and calibration, after comparing the version that they are of with its seal.

    Errors: ModelsDamaged, RankerDamaged, ScorerDamaged, OnnxDamaged, CalibrationError.
    """
    serves: dict[str, str] = {}
    if config.models_dir:
        found = open_set(Path(config.models_dir))
        _require_prompt(found, config)
        serves = dict(found.facts.serves)
    stated = {"encoder": config.encoder_model, "discriminator": config.discriminator_model}
    ranker = load_ranker(config.ranker_dir)
    said = [_said("ranker", config.ranker_dir)]
    scorer = None
    if ranker.meta.scorer:
        scorer = _scorer(config.scorer_dir, ranker.meta.scorer)
        said.append(_said("scorer", config.scorer_dir))
    calibration = None
    if config.calibration_dir:
        calibration = load_calibration(config.calibration_dir, ranker.meta.version)
        said.append(_said("calibration", config.calibration_dir))
    point = operating_point(calibration, ranker.meta.threshold, config.precision)
    if config.precision:
        said.append(f"precision {config.precision:g}")
    return OpenedModels(
        ranker,
        scorer,
        point,
        " + ".join(said),
        serves | {role: name for role, name in stated.items() if name},
    )


def _scorer(folder: str, version: str) -> ScorerParts:
    """The scorer that the ranker learned with. Errors: ScorerDamaged for none or another, OnnxDamaged."""
    meta = read_meta(Path(folder)) if folder else None
    if meta is None or meta.version != version:
        raise ScorerDamaged(
            f"the ranker learned with scorer {version}, {folder or 'the model set'} has {meta.version if meta else 'none'}: "
            "restore the scorer, or train the ranker with this one (`jobs.train_ranker`)"
        )
    path = Path(folder)
    try:
        memory = load_memory(path)
    except (OSError, KeyError, ValueError) as error:
        raise ScorerDamaged(f"{path} is no whole scorer: restore it: {error!r}") from error
    return ScorerParts(meta, OnnxNet(path / NETWORK), WordPieces(path / TOKENIZER), memory)


def role_dirs(env: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """Settings of a recogniser: where the current models are. AIIC_RANKER_DIR, AIIC_SCORER_DIR, AIIC_CALIBRATION_DIR: others.

    Another ranker is answered with uncalibrated unless its calibration is given too. Errors: RegistryError.
    """
    found = dirs_of(registry(env).current_folder())
    if ranker := env.get("AIIC_RANKER_DIR"):
        found |= {"ranker_dir": ranker, "calibration_dir": ""}
    if scorer := env.get("AIIC_SCORER_DIR"):
        found["scorer_dir"] = scorer
    if (calibration := env.get("AIIC_CALIBRATION_DIR")) is not None:
        found["calibration_dir"] = calibration
    return found | {
        "encoder_model": env.get("AIIC_ENCODER_MODEL", ""),
        "discriminator_model": env.get("AIIC_DISCRIMINATOR_MODEL", ""),
    }


def dirs_of(folder: Path) -> dict[str, Any]:
    """Settings of a recogniser: where the parts of the model set in a folder are; "" for a role that it does not have."""
    own = {role: folder / role for role in ("ranker", "calibration", "scorer")}
    return {"models_dir": str(folder)} | {
        f"{role}_dir": str(path) if path.is_dir() else "" for role, path in own.items()
    }


def registry(env: Mapping[str, str] = os.environ) -> Registry:
    """The registry: AIIC_MODELS, else build/models of this checkout."""
    return Registry(Path(env.get("AIIC_MODELS") or ROOT / "build" / "models").absolute(), SHIPPED)


def facts_of(folder: Path) -> Facts:
    """What the models in a folder are made for: the ids that servers must give, this program's prompt and features."""
    local = load_config(env={})
    sections = {"encoder": local.encoder, "discriminator": local.discriminator}
    serves = {role: _served(folder / role, section.model_dir) for role, section in sections.items()}
    return Facts(serves, PROMPT_VERSION, FEATURE_VERSION)


def require_served(role: str, expected: str, served: str, url: str) -> None:
    """Check that a server has the model that the version was made with. Errors: ModelMismatch, saying what to do."""
    if expected not in ("", ANY, served):
        raise ModelMismatch(
            f"the current models are made for {role} {expected!r}, the server at {url} has {served!r}: start {expected!r} "
            f"(`make setup`, then `./aiic up --only {role}`), release a model version that was made with {served!r} "
            f"(`./aiic model release`), or set AIIC_{role.upper()}_MODEL={ANY} to answer with it uncalibrated"
        )


def _require_prompt(found: ModelSet, config: RecogniserConfig) -> None:
    """Check that the discriminator learned from the prompt that this program writes. Errors: ModelMismatch."""
    learned = found.facts.prompt_version
    if config.discriminator != "off" and config.discriminator_model != ANY and learned != PROMPT_VERSION:
        raise ModelMismatch(
            f"the discriminator of version {found.version} was trained on prompt {learned!r}, this program writes "
            f"{PROMPT_VERSION!r}: train it again and seal it (`python -m jobs.seal_models`), release another version, "
            f"or answer with --discriminator off"
        )


def _said(role: str, folder: str) -> str:
    """A part by its own version and its digest: a version may be fitted again without a new name."""
    part = part_of(Path(folder))
    return f"{role} {part.version}#{part.digest[:8]}"


def _served(adapter: Path, model_dir: Path) -> str:
    """The id of the model that set-up makes of an adapter, else of the model that the local stack serves.

    `infra.models.merge_adapter` names a merged model after its base and its adapter's digest.
    """
    stated = adapter / "adapter_config.json"
    if stated.is_file() and model_dir.name == adapter.name:
        base = Path(json.loads(stated.read_text("utf-8"))["base_model_name_or_path"]).name
        return f"{base}+{adapter_sha256(adapter)[:12]}"
    return model_name(model_dir)
