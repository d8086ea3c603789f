"""The relevance heads: what they look at, that they learn it, that new keys are judged like others, and their files."""

from __future__ import annotations

import asyncio
import doctest
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from infra.local.config import load_config
from infra.local.vllm import model_name
from pipelines.library.candidates import item_text
from pipelines.library.relevance import (
    FEATURE_VERSION,
    Relevance,
    RelevanceDamaged,
    RelevanceMeta,
    key_vectors,
    load_relevance,
    relevance_a,
    relevance_b,
    save_relevance,
)
from pipelines.library.relevance_features import (
    A_NAMES,
    B_NAMES,
    ItemProbe,
    a_features,
    b_features,
    item_probe,
    surely_touched,
)
from pipelines.models import relevance_fit
from pipelines.models.relevance_data import Rows
from pipelines.models.relevance_fit import fit_head, point
from pipelines.ontology.errors import ModelMismatch
from schemas.listing import Listing
from tests.unit.pipelines.library.small import DIMENSIONS, embed, release, view
from udfs.document import document

MODELS = Path(__file__).resolve().parents[4] / "models"
KEYS = ["Colour", "Material", "Height", "Model", "Scenario"]


def probe(title: str, description: str = "", **attributes: str) -> ItemProbe:
    found = document(Listing("i", title, description, category_id="mugs", attributes=attributes))
    return item_probe(asyncio.run(embed([found.text]))[0], item_text(found))


def vectors() -> np.ndarray:
    return asyncio.run(embed(KEYS))


def a_of(item: ItemProbe, own: list[dict[str, int]] | None = None) -> dict[str, dict[str, float]]:
    rows = a_features(item, view(), vectors(), np.zeros(len(KEYS), np.float32), own)
    return {name: dict(zip(A_NAMES, row.tolist(), strict=True)) for name, row in zip(KEYS, rows, strict=True)}


def b_of(item: ItemProbe, reference: ItemProbe, told: list[list[str]]) -> dict[str, dict[str, float]]:
    rows = b_features(item, reference, told, view(), vectors())
    return {name: dict(zip(B_NAMES, row.tolist(), strict=True)) for name, row in zip(KEYS, rows, strict=True)}


def test_task_a_sees_values_units_codes_and_attributes_of_each_key() -> None:
    found = a_of(probe("Navy blue mug M-200X", "12 cm tall. Gift for her.", 颜色="navy"))
    assert found["Colour"]["named"] > 0 and found["Colour"]["named_in_title"] == 1
    assert found["Material"]["named"] == 0 and found["Material"]["best_share"] == -9
    assert found["Scenario"]["named"] > 0 and found["Scenario"]["named_in_title"] == 0
    assert found["Height"]["unit_quantities"] > 0 and found["Colour"]["unit_quantities"] == 0
    assert found["Colour"]["key_attribute"] == 1 and found["Material"]["key_attribute"] == 0
    assert found["Model"]["codes"] > 0 and found["Model"]["identifier"] == 1
    assert a_of(probe("Material: unknown"))["Material"]["key_named"] == 1
    assert a_of(probe("30 g mug"))["Height"]["unit_quantities"] == 0


def test_training_sees_the_ontology_as_if_without_the_item() -> None:
    item = probe("Navy blue mug")
    mine = [{"navy blue": 3}, {}, {}, {}, {}]
    assert a_of(item)["Colour"]["named"] > 0
    assert a_of(item, mine)["Colour"]["named"] == 0 and a_of(item, mine)["Colour"]["value_words"] == 0
    others_too = [{"navy blue": 2}, {}, {}, {}, {}]
    assert a_of(item, others_too)["Colour"]["named"] > 0


def test_task_b_sees_which_key_a_difference_is_about() -> None:
    red, blue = probe("Red steel mug 12 cm", 颜色="red"), probe("Navy blue steel mug 12 cm", 颜色="navy blue")
    found = b_of(blue, red, [["Red"], ["Stainless Steel"], ["12.0"], [], []])
    assert found["Colour"]["named_only_here"] > 0 and found["Colour"]["named_only_there"] > 0
    assert (found["Colour"]["told_there"], found["Colour"]["told_here"]) == (1, 0)
    assert found["Colour"]["attribute"] == 1 and found["Material"]["attribute"] == -1
    assert found["Material"]["named_only_here"] == 0 and found["Material"]["value_words_added"] == 0
    assert found["Height"]["quantities_added"] == 0 and found["Height"]["quantities_kept"] > 0
    taller = b_of(probe("Red steel mug 15 cm"), probe("Red steel mug 12 cm"), [["Red"], [], ["12.0"], [], []])
    assert taller["Height"]["quantities_added"] > 0 and taller["Height"]["quantities_kept"] == 0
    assert taller["Colour"]["told_here"] == 1 and taller["Colour"]["named_only_here"] == 0


def test_what_a_difference_surely_bears_on_is_never_inherited() -> None:
    keys, told = vectors(), [["Red"], ["Ceramic"], ["12.0"], [], []]

    def touched(item: ItemProbe, reference: ItemProbe) -> list[bool]:
        found = surely_touched(b_features(item, reference, told, view(), keys))
        return [bool(one) for one in found]

    plain = probe("Red ceramic mug 12 cm")
    assert touched(plain, probe("Red ceramic mug 12 cm, ships today")) == [False] * 5
    assert touched(probe("Navy blue ceramic mug 12 cm"), plain) == [True, False, False, False, False]
    assert touched(probe("Red ceramic mug 15 cm"), plain) == [False, False, True, False, False]
    attribute = touched(probe("Red ceramic mug 12 cm", Material="stoneware"), plain)
    assert attribute == [False, True, False, False, False]


def test_two_equal_texts_differ_in_nothing() -> None:
    item = probe("Red mug 12 cm", "Tall.")
    for row in b_of(item, item, [["Red"], [], ["12.0"], [], []]).values():
        changes = (
            "moved",
            "words_added",
            "words_removed",
            "quantities_added",
            "changed",
            "key_near",
            "codes_added",
        )
        assert [row[name] for name in changes] == [0] * len(changes)
        assert row["item_cosine"] == pytest.approx(1, abs=1e-5)


def trained() -> Relevance:
    """Heads that learned one thing each: a named value is relevant; a value named only here is touched."""
    rng = np.random.default_rng(0)
    rows_a, rows_b = Rows(), Rows()
    for n in range(400):
        a, b = rng.random(len(A_NAMES)).astype(np.float32), rng.random(len(B_NAMES)).astype(np.float32)
        a[A_NAMES.index("named")] = b[B_NAMES.index("named_only_here")] = float(n % 2)
        rows_a.add(a, bool(n % 2), f"family {n}", "Colour", "x/item")
        rows_a.products.append(rng.normal(size=DIMENSIONS).astype(np.float16) / DIMENSIONS)
        rows_b.add(b, bool(n % 2), f"family {n}", "Colour", "x/siblings")
    head_a, head_b = fit_head(rows_a, say=lambda _: None), fit_head(rows_b, say=lambda _: None)
    meta = RelevanceMeta("1", FEATURE_VERSION, "words", head_a.thresholds, head_b.thresholds, {"x": 400})
    return Relevance(meta, head_a.weights, head_a.bias, head_a.booster, head_b.booster)


def test_heads_judge_every_key_of_a_release_also_those_they_never_saw(tmp_path: Path) -> None:
    heads, opened = trained(), asyncio.run(release(tmp_path))
    keys = key_vectors(opened, view())
    np.testing.assert_allclose(keys[:4], vectors()[:4], atol=2e-3)
    assert not keys[4].any()  # scenario tags are no key of the release
    p = relevance_a(heads, probe("Red mug of ceramic"), view(), keys)
    assert p.shape == (5,) and p[0] > 0.8 and p[1] > 0.8 and p[3] < 0.2
    told: list[list[str]] = [["Red"], [], [], [], []]
    changed = relevance_b(heads, probe("Navy blue mug"), probe("Red mug"), told, view(), keys)
    assert changed[0] > 0.8 and changed[1] < 0.2


def test_saved_heads_answer_the_same_and_torn_ones_are_refused(tmp_path: Path) -> None:
    heads, keys = trained(), vectors()
    save_relevance(tmp_path, heads)
    again = load_relevance(tmp_path)
    assert again.meta == heads.meta
    item = probe("Red mug of ceramic, 12 cm")
    np.testing.assert_allclose(
        relevance_a(again, item, view(), keys), relevance_a(heads, item, view(), keys), atol=1e-6
    )
    heads.check_encoder("words")
    with pytest.raises(ModelMismatch, match="train them again"):
        heads.check_encoder("other")
    save_relevance(tmp_path, replace(heads, meta=replace(heads.meta, feature_version=FEATURE_VERSION + 1)))
    with pytest.raises(RelevanceDamaged, match="features of version"):
        load_relevance(tmp_path)
    (tmp_path / "relevance.json").unlink()
    with pytest.raises(RelevanceDamaged, match=r"jobs\.train_relevance"):
        load_relevance(tmp_path)


def test_operating_points_count_what_is_skipped_and_lost() -> None:
    p = np.float32([0.9, 0.8, 0.4, 0.3, 0.1])
    labels = np.array([True, False, True, False, False])
    found = point(p, labels, 0.5)
    assert (found.skipped, found.precision, found.recall, found.lost) == (0.6, 0.5, 0.5, 0.2)
    assert doctest.testmod(relevance_fit, extraglobs={"np": np}).failed == 0
    with pytest.raises(ValueError, match="too few"):
        fit_head(Rows(), say=lambda _: None)


def test_the_released_heads_load_judge_and_are_of_the_served_encoder() -> None:
    heads = load_relevance(MODELS / "relevance")
    heads.check_encoder(model_name(load_config(env={}).encoder.model_dir))
    assert heads.weights.shape == (384,)
    assert list(heads.meta.thresholds_b.values()) == sorted(heads.meta.thresholds_b.values())
    assert sum(path.stat().st_size for path in (MODELS / "relevance").iterdir()) < 2_000_000


def test_the_released_adapter_is_small_and_names_its_base_and_no_machine() -> None:
    settings = json.loads((MODELS / "encoder" / "adapter_config.json").read_text("utf-8"))
    assert settings["base_model_name_or_path"] == "all-minilm-l6-v2"
    assert (MODELS / "encoder" / "adapter_model.safetensors").stat().st_size < 2_000_000
    assert (MODELS / "encoder" / "README.md").exists()
