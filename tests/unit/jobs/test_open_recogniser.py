"""Opening a recogniser against servers over real HTTP: the models that they serve must be those of the version."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from infra.fake_vllm import FakeVllm
from infra.vllm import EncoderClient
from jobs.models import SHIPPED, dirs_of, facts_of
from jobs.recogniser import open_recogniser
from jobs.reduced import open_run_recogniser
from pipelines.library.ranker import META
from pipelines.library.recogniser import RecogniserConfig
from pipelines.models.model_set import seal
from pipelines.ontology.errors import ModelMismatch
from pipelines.ontology.make_release import make_release
from pipelines.ontology.store import OntologyStore, Source
from pipelines.reduction.config import Reduce, reduce_of
from pipelines.reduction.reduced import ReducedS2D
from pipelines.tunnel.offline import PairByPair
from tests.unit.pipelines.library import small

ENCODER, DISCRIMINATOR = "fake-encoder", "fake-base+0123"


def opened(folder: Path, check: Callable[[Any], None], reduce: Reduce | None = None, **more: str) -> None:
    """Open the shipped ranker, as one that needs no scorer, over a small release made by the fake encoder; then `check`."""
    shutil.copytree(SHIPPED / "ranker", folder / "models/ranker")
    meta = folder / "models/ranker" / META
    meta.write_text(json.dumps(json.loads(meta.read_text("utf-8")) | {"scorer": ""}), "utf-8")
    shutil.copytree(SHIPPED / "discriminator", folder / "models/discriminator")
    seal(folder / "models", facts_of(folder / "models"), datetime(2026, 11, 1, tzinfo=UTC))

    async def run() -> None:
        async with FakeVllm() as fake:
            store = OntologyStore(folder, "small")
            version = store.commit(small.snapshot(), Source("test"), 0).version
            async with EncoderClient(fake.url) as encoder:
                await make_release(store, version, encoder.embed, ENCODER, folder / "release")
            dirs = dirs_of(folder / "models")
            plain = RecogniserConfig(str(folder / "release"), dirs["ranker_dir"], fake.url, fake.url)
            settings = {"encoder_model": ENCODER, "discriminator_model": DISCRIMINATOR} | dirs | more
            if reduce is None:
                found = await asyncio.to_thread(open_recogniser, replace(plain, **settings))
            else:
                config = replace(plain, reduce=reduce, **settings)
                found = await asyncio.to_thread(open_run_recogniser, config)
            try:
                check(found)
            finally:
                await found.close()

    asyncio.run(run())


def test_what_answers_is_named(tmp_path):
    def check(found: Any) -> None:
        assert found.model.startswith(f"{ENCODER} + ranker ")
        assert found.model.endswith(f" + {DISCRIMINATOR}")

    opened(tmp_path, check)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"encoder_model": "all-minilm"}, "made for encoder 'all-minilm', the server at"),
        ({"discriminator_model": "base+9999"}, r"made for discriminator 'base\+9999', the server at"),
        ({"encoder_model": "", "discriminator_model": "any"}, "made for encoder '.*', the server at"),
    ],
)
def test_other_models_than_the_version_s_are_refused(tmp_path, more, said):
    with pytest.raises(ModelMismatch, match=said):
        opened(tmp_path, lambda _found: pytest.fail("it was opened"), **more)


def test_any_model_answers_where_that_is_wanted(tmp_path):
    opened(tmp_path, lambda found: None, encoder_model="any", discriminator_model="any")


def test_a_discriminator_that_is_not_asked_may_be_any(tmp_path):
    def check(found: Any) -> None:
        assert found.model.endswith("no discriminator off")

    opened(tmp_path, check, discriminator="off", discriminator_model="base+9999")


def test_a_run_is_named_after_what_it_leaves_out(tmp_path):
    told: dict[str, str] = {}

    def keep(text: str) -> Callable[[Any], None]:
        def check(found: Any) -> None:
            assert isinstance(found, ReducedS2D) and isinstance(found, PairByPair)
            assert found.reduction == reduce_of(text).reduction
            assert (found.flow is not None) == reduce_of(text).flows
            told[text] = found.model

        return check

    for text in ("off", "flow,differential", "sku,shared"):
        opened(tmp_path / text, keep(text), reduce_of(text))
    assert told["off"] == told["flow,differential"]
    assert told["sku,shared"] == f"{told['off']}; reduced: twins, neighbour 0.9, shared first"


def test_heads_of_another_encoder_lend_nothing(tmp_path):
    with pytest.raises(ModelMismatch, match="all-minilm-l6-v2"):
        opened(tmp_path, lambda _found: pytest.fail("it was opened"), reduce_of("attribute"))
