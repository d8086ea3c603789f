"""Opens recognisers: the one place where recognition meets its release, its ranker and the model servers."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from infra.faiss import FaissSearch
from infra.local.config import load_config
from infra.vllm import EncoderClient
from jobs.discriminators import open_text_model, text_model_id
from jobs.images import image_settings, open_images
from jobs.models import ANY, ScorerParts, dirs_of, open_models, require_served, role_dirs
from pipelines.apps.recognise_set import EvaluationOptions
from pipelines.library.recogniser import Recogniser, RecogniserConfig
from pipelines.library.s2d import S2D
from pipelines.library.scorer import Scorer
from pipelines.ontology.errors import ModelMismatch
from pipelines.ontology.identity import digest
from pipelines.ontology.interchange import load_interchange
from pipelines.ontology.make_release import make_release, release_folder
from pipelines.ontology.release import Release, open_release
from pipelines.ontology.store import OntologyStore, Source
from pipelines.reduction.config import NOTHING_REDUCED, Reduce, require_no_images
from udfs.prompts import MOST_KEYS

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[1]
EVALUATION_STORE = ROOT / "build" / "evaluation"


def default_config(
    release_dir: Path,
    discriminator: str = "cascade",
    images: str = "off",
    precision: float = 0.0,
    reduce: Reduce = NOTHING_REDUCED,
) -> RecogniserConfig:
    """Recognition by the local stack and the current model version; AIIC_* variables override both.

    AIIC_ENCODER_URL, AIIC_DISCRIMINATOR_URL: servers anywhere. `jobs.models` has those of models, `jobs.images` those of
    images. AIIC_KEYS_PER_REQUEST: keys that one prompt asks about, 8. `precision`: the one wanted, 0 for the best F1. Errors: RegistryError; ValueError for images with `reduce`.
    """
    require_no_images(reduce, images)
    local = load_config(env=os.environ)
    return RecogniserConfig(
        release_dir=str(release_dir),
        precision=precision,
        **role_dirs(os.environ),
        encoder_url=os.environ.get("AIIC_ENCODER_URL", f"{local.url(local.encoder)}/v1"),
        discriminator_url=os.environ.get("AIIC_DISCRIMINATOR_URL", f"{local.url(local.discriminator)}/v1"),
        discriminator=discriminator,
        keys_per_request=_keys_per_request(os.environ.get("AIIC_KEYS_PER_REQUEST", "8")),
        images=image_settings(images, discriminator, os.environ),
        reduce=reduce,
    )


def _keys_per_request(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MOST_KEYS:
        raise ValueError(f"AIIC_KEYS_PER_REQUEST is {text!r}: give a number from 1 to {MOST_KEYS}")
    return int(text)


def open_recogniser(config: RecogniserConfig, admits: bool = False) -> Recogniser:
    """Open everything that recognition needs, and ask both servers which model they have.

    `admits`: the discriminator is given as much at once as it says it can take, see `open_text_model`.
    Errors: Damaged, ModelsDamaged, RankerDamaged, CalibrationError; ServerUnavailable; ModelMismatch for a server with
    another model than the version's; the first `recognise` raises ModelMismatch for an encoder
    that did not make the release.
    """
    release = open_release(config.release_dir, FaissSearch())
    models = open_models(config)
    encoder_id, discriminator_id = _now(_model_ids(config))
    require_served("encoder", models.serves.get("encoder", ""), encoder_id, config.encoder_url)
    if config.discriminator != "off":
        expected = models.serves.get("discriminator", "")
        require_served("discriminator", expected, discriminator_id, config.discriminator_url)
    images = _now(open_images(config.images, config.request_timeout_s, config.concurrency))
    encoder = EncoderClient(
        config.encoder_url, timeout_s=config.request_timeout_s, concurrency=config.concurrency
    )
    text_model = open_text_model(config, admits)

    async def close() -> None:
        await encoder.close()
        await text_model.close()
        await images.close()

    mode = "" if config.discriminator == "cascade" else f" {config.discriminator}"
    model = f"{encoder_id} + {models.said} + {discriminator_id}{mode}{images.model}"
    return S2D(
        config,
        release,
        models.ranker,
        model,
        encoder_id,
        encoder.embed,
        text_model.discriminator,
        close,
        point=models.point,
        scorer=_scorer(models.scorer, release, encoder_id),
        images=images.reader,
    )


def _scorer(parts: ScorerParts | None, release: Release, encoder_id: str) -> Scorer | None:
    """The scorer over a release. Errors: ModelMismatch when it knows another encoder's vectors."""
    if parts is None:
        return None
    if parts.meta.encoder != encoder_id:
        raise ModelMismatch(
            f"scorer {parts.meta.version} was trained with vectors of {parts.meta.encoder!r}, the server has {encoder_id!r}: "
            f"start {parts.meta.encoder!r}, or train the scorer again (`jobs.train_scorer`)"
        )
    return Scorer(parts.meta, parts.network, parts.tokenizer, parts.memory, release)


async def _model_ids(config: RecogniserConfig) -> tuple[str, str]:
    async with EncoderClient(config.encoder_url, timeout_s=config.request_timeout_s) as encoder:
        encoder_id = await encoder.model_id()
    if config.discriminator == "off":
        return encoder_id, "no discriminator"
    return encoder_id, await text_model_id(config)


def open_evaluation_recogniser(ontology_dir: Path, options: EvaluationOptions) -> Recogniser:
    """A recogniser over an interchange ontology that need not be in a warehouse: imported and released in a cache.

    Errors: OntologyRefused, InferenceError, and those of `open_recogniser`.
    """
    config = _of_options(options)
    release_dir = _now(released(ontology_dir, config.encoder_url))
    return open_recogniser(replace(config, release_dir=str(release_dir)))


def _of_options(options: EvaluationOptions) -> RecogniserConfig:
    config = default_config(Path(), options.discriminator, options.images, options.precision)
    if options.models_dir:
        config = replace(config, **dirs_of(Path(options.models_dir)))
    if options.is_base:
        config = replace(config, calibration_dir="", discriminator_model=ANY)
    return replace(
        config,
        encoder_url=options.encoder_url or config.encoder_url,
        discriminator_url=options.discriminator_url or config.discriminator_url,
    )


async def released(ontology_dir: Path, encoder_url: str) -> Path:
    """The release of an interchange ontology in the evaluation cache; made when it is not there yet."""
    snapshot = load_interchange(ontology_dir)
    store = OntologyStore(EVALUATION_STORE, f"set-{digest(str(ontology_dir.absolute()))[:12]}")
    version = store.commit(snapshot, Source("evaluation"), 0).version
    async with EncoderClient(encoder_url) as encoder:
        encoder_id = await encoder.model_id()
        folder = release_folder(store, version, encoder_id)
        await make_release(store, version, encoder.embed, encoder_id, folder, backend=FaissSearch())
    return folder


def _now(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end from plain code, whether or not a loop is running above."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()
