"""What one Spark task does with its shards when things go well, when a system is broken, and when we are wrong."""

from __future__ import annotations

import pytest

import jobs.reduced
from jobs.batch.shard_worker import DONE, FAILED, FOUND, GIVEN_UP, WorkOrder, _opened, work_through
from pipelines.library.answers import ItemAnswers, Usage
from pipelines.library.recogniser import RecogniserConfig
from pipelines.ontology.errors import ModelMismatch
from pipelines.tunnel.offline import ShardConfig
from pipelines.tunnel.plan import cut_shards, entry_of
from pipelines.tunnel.plan_folder import Plan, PlanFolder, write_items
from schemas.inference import ServerUnavailable
from schemas.listing import Listing
from schemas.shard import ShardItem

PLAN = Plan("p", "2026-11-01", "r", "v1", "m", 1, 0, 3, {})


class Answering:
    """A recogniser that knows nothing, or raises."""

    ontology_version = "v1"

    def __init__(self, error: Exception | None = None, model: str = "m") -> None:
        self.error, self.model = error, model

    async def recognise(self, listings):
        if self.error is not None:
            raise self.error
        return [ItemAnswers(one.item_id, "tea", 1.0, ()) for one in listings], Usage()

    async def close(self) -> None:
        pass


@pytest.fixture
def work(tmp_path, monkeypatch):
    folder = PlanFolder(tmp_path / "p")
    entries = []
    for shard in cut_shards([ShardItem(Listing(f"i{n}", "x", category_id="tea"), n) for n in range(3)], 1):
        entries.append(entry_of(shard, "p"))
        write_items(folder.shard(entries[-1]), shard.items)

    def run(recogniser, attempt="a1"):
        opened = []
        monkeypatch.setattr(
            jobs.reduced, "open_run_recogniser", lambda config: opened.append(config) or recogniser
        )
        order = WorkOrder(folder, PLAN, RecogniserConfig("", "", "", attempt), ShardConfig(), attempt)
        outcomes = [(found.state, found.reason) for found in work_through(order, entries)]
        return outcomes, len(opened)

    yield run
    _opened.cache_clear()


def test_each_shard_is_done_once_with_one_recogniser(work):
    assert work(Answering()) == ([(DONE, "")] * 3, 1)
    assert work(Answering(), "a2")[0] == [(FOUND, "")] * 3


@pytest.mark.parametrize(
    "error", [ServerUnavailable("gone"), ModelMismatch("another encoder"), OSError(28, "No space")]
)
def test_a_broken_system_fails_one_shard_and_the_others_are_given_up(work, error):
    outcomes, _ = work(Answering(error))
    assert [state for state, _ in outcomes] == [FAILED, GIVEN_UP, GIVEN_UP]
    assert outcomes[0][1] == f"{type(error).__name__}: {error}"


def test_the_next_attempt_is_not_stopped_by_the_last_one(work):
    work(Answering(ServerUnavailable("gone")))
    assert work(Answering(), "a2")[0] == [(DONE, "")] * 3


def test_another_model_than_the_plans_is_a_failure(work):
    outcomes, _ = work(Answering(model="other"))
    assert outcomes[0][0] == FAILED
    assert outcomes[0][1].startswith(
        "WrongModel: the plan of 2026-11-01 was made for ontology v1 and model m"
    )


def test_a_fault_of_ours_is_raised_so_that_spark_tries_again_and_tells_it(work):
    with pytest.raises(ZeroDivisionError):
        work(Answering(ZeroDivisionError()))
