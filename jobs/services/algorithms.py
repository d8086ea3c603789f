"""The algorithm service (T9): category, attributes and titles of texts that are in no catalog, by the same recognition."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from fastapi import FastAPI
from prometheus_client import CollectorRegistry, Counter

from infra.http_guard import Guard, HttpMetrics
from infra.http_keys import ApiKey, first_key, load_keys
from jobs.models import MODEL_ERRORS
from jobs.recogniser import default_config, open_recogniser
from jobs.released import find_release
from jobs.services.algorithms_routes import health, router
from jobs.services.algorithms_work import Algorithms
from jobs.services.http import new_app
from jobs.services.lookup import now_s
from jobs.services.lookup_settings import LookupSettings
from jobs.services.serve import run_http
from pipelines.ontology.active import active
from pipelines.ontology.errors import OntologyError
from pipelines.ontology.store import OntologyStore
from pipelines.tunnel.store_knowledge import StoreError
from schemas.inference import InferenceError

LOG = logging.getLogger("aiic.algorithms")
MAX_BODY_BYTES = 1 << 20
ABOUT = "Category, attributes and titles of texts that are in no catalog."


def algorithms_app(service: Algorithms, keys: Sequence[ApiKey], registry: CollectorRegistry) -> FastAPI:
    """The application over opened recognisers."""
    app = new_app(
        "AI item center: algorithms", "Category, attributes and titles of texts that are in no catalog."
    )
    app.state.algorithms, app.state.registry, app.state.now_s = service, registry, now_s
    app.include_router(router)
    app.include_router(health)
    app.add_middleware(Guard, keys=keys, metrics=HttpMetrics(registry), max_body_bytes=MAX_BODY_BYTES)
    return app


def serve_algorithms(settings: LookupSettings, ontology: str, discriminator: str = "cascade") -> int:
    """Open models and serve until interrupted. Errors: KeysError, StoreError where models or ontology are missing."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    first_key(settings.keys_file, settings.secret_file)
    registry = CollectorRegistry()
    try:
        service = open_algorithms(settings.warehouse, ontology, discriminator, registry)
    except (OntologyError, InferenceError, *MODEL_ERRORS) as error:
        raise StoreError(str(error)) from error
    app = algorithms_app(service, load_keys(settings.keys_file), registry)
    LOG.info(
        "algorithms at http://%s:%s over %s (pid %s)", settings.host, settings.port, ontology, os.getpid()
    )
    run_http(app, settings.host, settings.port)
    return 0


def open_algorithms(
    warehouse: Path, ontology: str, discriminator: str, registry: CollectorRegistry
) -> Algorithms:
    """Recognisers over a released ontology; categories are predicted without asking the discriminator anything.

    Errors: OntologyError, InferenceError, those of `jobs.models.MODEL_ERRORS`.
    """
    config = default_config(find_release(warehouse, ontology), discriminator)
    recogniser = open_recogniser(config)
    plain = open_recogniser(replace(config, discriminator="off"))
    snapshot = active(OntologyStore(warehouse, ontology).read(recogniser.ontology_version))
    pairs = Counter(
        "aiic_pairs_total", "Item x key pairs answered, by method.", ["method"], registry=registry
    )
    return Algorithms(recogniser, plain, snapshot, pairs)
