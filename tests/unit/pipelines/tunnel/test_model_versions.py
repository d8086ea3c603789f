"""What a model version means for rows that are there: the same models recompute nothing, others everything they touch."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from pipelines.library.answers import Answer, ItemAnswers, Usage
from pipelines.library.recogniser import RecogniserConfig
from pipelines.reduction.config import reduce_of
from pipelines.tunnel.daily_item_knowledge import DailyConfig, inputs_of
from pipelines.tunnel.generation import generation_of
from pipelines.tunnel.offline import (
    ShardConfig,
    WrongModel,
    fingerprint_of,
    recognise_shard,
    require_same_model,
)
from pipelines.tunnel.plan import ListingsDigest, Shard, entry_of, plan_id_of
from pipelines.tunnel.plan_folder import Plan, PlanFolder, day_folder, read_json, write_items, write_plan
from pipelines.tunnel.plan_turn import in_turn
from schemas.listing import Listing
from schemas.shard import ShardItem

FIRST = "encoder-1 + ranker 1#aa + calibration 1#bb + discriminator-1"
POINT = "encoder-1 + ranker 1#aa + calibration 1#bb + precision 0.94 + discriminator-1"
SECOND = "encoder-1 + ranker 2#cc + calibration 2#dd + discriminator-1"
ASKED = RecogniserConfig("release", "ranker", "http://e", "http://d")
ITEM = ShardItem(Listing("i1", "loose leaf", category_id="tea"), 1_000)


class Answers:
    """A recogniser of a given model, which counts what it is asked."""

    ontology_version = "v1"

    def __init__(self, model: str) -> None:
        self.model = model
        self.asked = 0

    async def recognise(self, listings):
        self.asked += len(listings)
        answer = Answer("form", ("loose leaf",), ("",), (), 0.8, "ranker")
        return [ItemAnswers(one.item_id, "tea", 1.0, (answer,)) for one in listings], Usage()

    async def close(self) -> None:
        pass


def plan_of(model: str, warehouse: Path, config: RecogniserConfig = ASKED) -> Plan:
    """The plan of one day's one listing."""
    listings = ListingsDigest()
    listings.add(ITEM)
    inputs = inputs_of(DailyConfig("2026-11-01", warehouse), listings.hex(), Answers(model), config)
    plan_id = plan_id_of(inputs)
    generation = generation_of(warehouse / "generations.json", "v1", model, plan_id)
    return Plan(plan_id, "2026-11-01", f"r-{plan_id}", "v1", model, generation, 0, 1, {})


def recognised(plan: Plan, warehouse: Path) -> tuple[int, list[dict[str, str]]]:
    """Run the plan's one shard; how many listings were asked for, and its rows."""
    import pyarrow.parquet as pq

    folder, entry = PlanFolder(warehouse / plan.plan_id), entry_of(Shard("tea", 0, (ITEM,)), plan.plan_id)
    if not folder.shard(entry).exists():
        write_items(folder.shard(entry), [ITEM])
    recogniser = Answers(plan.model)
    asyncio.run(recognise_shard(folder, entry, plan, recogniser, ShardConfig()))
    return recogniser.asked, pq.read_table(folder.result(entry.shard_id)).to_pylist()


def test_the_same_text_ontology_and_models_recompute_nothing(tmp_path):
    first, again = plan_of(FIRST, tmp_path), plan_of(FIRST, tmp_path)
    assert first == again
    assert fingerprint_of(ITEM, first) == fingerprint_of(ITEM, again)
    asked, rows = recognised(first, tmp_path)
    asked_again, kept = recognised(again, tmp_path)
    assert (asked, asked_again) == (1, 0)
    assert kept == rows


@pytest.mark.parametrize("model", [SECOND, POINT])
def test_other_models_or_another_operating_point_are_computed_anew_and_win(tmp_path, model):
    first, second = plan_of(FIRST, tmp_path), plan_of(model, tmp_path)
    assert first.plan_id != second.plan_id
    (_, (old,)), (asked, (new,)) = recognised(first, tmp_path), recognised(second, tmp_path)
    assert asked == 1
    assert old["fingerprint"] != new["fingerprint"]
    assert new["version"] > old["version"], "of one text the later models win"
    assert new["provenance"]["model"] == model


def test_where_servers_are_changes_nothing(tmp_path):
    moved = replace(ASKED, encoder_url="http://elsewhere", models_dir="/other", ranker_dir="/other/ranker")
    assert plan_of(FIRST, tmp_path, moved) == plan_of(FIRST, tmp_path)


def test_what_is_left_out_is_a_plan_of_its_own_but_not_how_chunks_overlap(tmp_path):
    asked = {
        text: plan_of(FIRST, tmp_path, replace(ASKED, reduce=reduce_of(text))).plan_id
        for text in ("off", "flow", "sku", "sku,flow", "attribute", "shared", "differential", "all")
    }
    assert asked["flow"] == asked["off"] and asked["sku,flow"] == asked["sku"]
    assert len(set(asked.values())) == len(asked) - 2
    larger = DailyConfig("2026-11-01", tmp_path, shard=ShardConfig(chunk_rows=ShardConfig().chunk_rows + 1))
    reduced = replace(ASKED, reduce=reduce_of("sku"))
    assert inputs_of(larger, "d", Answers(FIRST), ASKED) == inputs_of(
        DailyConfig("2026-11-01", tmp_path), "d", Answers(FIRST), ASKED
    )
    assert inputs_of(larger, "d", Answers(FIRST), reduced) != inputs_of(
        DailyConfig("2026-11-01", tmp_path), "d", Answers(FIRST), reduced
    )


def test_going_back_to_earlier_models_finds_their_results(tmp_path):
    first = plan_of(FIRST, tmp_path)
    recognised(first, tmp_path)
    recognised(plan_of(SECOND, tmp_path), tmp_path)
    asked, rows = recognised(plan_of(FIRST, tmp_path), tmp_path)
    assert asked == 0
    assert rows[0]["fingerprint"] == fingerprint_of(ITEM, first)


def made(warehouse: Path, model: str, turn: int = 0) -> Plan:
    """Plan the day's listing with these models, as the step `plan` does; its plan, complete."""
    listings = ListingsDigest()
    listings.add(ITEM)
    day = day_folder(warehouse, "2026-11-01")
    inputs = in_turn(
        day, inputs_of(DailyConfig("2026-11-01", warehouse), listings.hex(), Answers(model), ASKED)
    )
    assert inputs.turn == turn
    plan_id = plan_id_of(inputs)
    generation = generation_of(warehouse / "generations.json", "v1", model, plan_id)
    plan = Plan(plan_id, "2026-11-01", f"r-{plan_id}", "v1", model, generation, 0, 1, {})
    if not PlanFolder(day / plan_id).manifest.exists():
        write_plan(PlanFolder(day / plan_id), plan, [])
    return plan


def test_models_that_are_taken_back_lose_their_rows_to_the_earlier_ones(tmp_path):
    first = made(tmp_path, FIRST)
    assert made(tmp_path, FIRST) == first, "repeated: nothing is done twice"
    second = made(tmp_path, SECOND)
    back = made(tmp_path, FIRST, turn=1)
    assert made(tmp_path, FIRST, turn=1) == back
    assert first.generation < second.generation < back.generation
    assert made(tmp_path, SECOND, turn=1).generation > back.generation
    assert made(tmp_path, FIRST, turn=2).model == FIRST


def test_other_listings_of_the_day_are_no_other_models(tmp_path):
    first = made(tmp_path, FIRST)
    day = day_folder(tmp_path, "2026-11-01")
    write_plan(PlanFolder(day / "other"), replace(first, plan_id="other", generation=99), [])
    assert made(tmp_path, FIRST) == first


def test_a_plan_is_not_continued_by_other_models(tmp_path):
    plan = plan_of(FIRST, tmp_path)
    require_same_model(plan, Answers(FIRST))
    with pytest.raises(WrongModel, match="run the `plan` step again"):
        require_same_model(plan, Answers(SECOND))


def test_the_usage_of_a_kept_shard_stays(tmp_path):
    plan = plan_of(FIRST, tmp_path)
    recognised(plan, tmp_path)
    entry = entry_of(Shard("tea", 0, (ITEM,)), plan.plan_id)
    before = read_json(PlanFolder(tmp_path / plan.plan_id).usage(entry.shard_id))
    recognised(plan, tmp_path)
    assert read_json(PlanFolder(tmp_path / plan.plan_id).usage(entry.shard_id)) == before
