"""Recognising one shard: result and usage in place, or nothing at all."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace

import pyarrow.parquet as pq
import pytest

from pipelines.library.answers import Answer, ItemAnswers, Usage
from pipelines.library.rows import Stamp, knowledge_rows
from pipelines.reduction.flow import Flow, FlowConfig
from pipelines.tunnel.offline import (
    ShardConfig,
    WrongModel,
    fingerprint_of,
    recognise_shard,
    require_same_model,
)
from pipelines.tunnel.plan import Shard, entry_of
from pipelines.tunnel.plan_folder import Plan, PlanFolder, read_json, write_before, write_items
from schemas.derive import arrow_to_records
from schemas.inference import ServerUnavailable
from schemas.knowledge import KnowledgeRow
from schemas.listing import Listing
from schemas.shard import ShardItem
from udfs.version import content_digest, version_of

PLAN = Plan("p", "2026-11-01", "2026-11-01-p", "v1", "model-1", 7, 1_000, 5, {})


class Echo:
    """Answers each listing with its own title; remembers how it was called."""

    ontology_version, model = "v1", "model-1"

    def __init__(self, fail_at: str | None = None) -> None:
        self.calls: list[list[str]] = []
        self.at_once = self.most_at_once = 0
        self.fail_at = fail_at

    async def recognise(self, listings):
        self.calls.append([listing.item_id for listing in listings])
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await asyncio.sleep(0.01)
        self.at_once -= 1
        if any(listing.item_id == self.fail_at for listing in listings):
            raise ServerUnavailable("the server is gone")
        found = [ItemAnswers(one.item_id, "tea", 0.9, (_answer(one),)) for one in listings]
        return found, Usage(Counter(requests=1), Counter(rule=len(listings)), Counter(search=0.5))

    async def close(self) -> None:
        pass


def _answer(listing: Listing) -> Answer:
    return Answer("form", (listing.title,), ("",), (), 0.8, "rule")


def items(count: int, **changes: object) -> list[ShardItem]:
    return [
        ShardItem(replace(Listing(f"i{n}", f"leaf {n}", category_id="tea"), **changes), 1_000 + n)
        for n in range(count)
    ]


@pytest.fixture
def shard(tmp_path):
    def make(given: list[ShardItem]):
        folder = PlanFolder(tmp_path / "p")
        entry = entry_of(Shard("tea", 0, tuple(given)), "p")
        write_items(folder.shard(entry), given)
        return folder, entry

    return make


def run(folder, entry, recogniser):
    config = ShardConfig(chunk_rows=2, chunks_at_once=2)
    clock = iter([10.0, 12.5])
    return asyncio.run(recognise_shard(folder, entry, PLAN, recogniser, config, lambda: next(clock)))


def rows_of(folder, entry) -> list[KnowledgeRow]:
    return arrow_to_records(pq.read_table(folder.result(entry.shard_id)), KnowledgeRow)


def test_every_listing_has_its_answers_under_the_version_of_its_own_time(shard):
    folder, entry = shard(items(5))
    assert run(folder, entry, Echo()) is True
    rows = rows_of(folder, entry)
    assert [(row.item_id, row.value_texts) for row in rows] == [(f"i{n}", (f"leaf {n}",)) for n in range(5)]
    assert [row.version for row in rows] == [version_of(1_000 + n, 7, "offline") for n in range(5)]
    assert {row.provenance.run_id for row in rows} == {"2026-11-01-p"}
    assert all(row.digest == content_digest(row) for row in rows)


def test_usage_is_added_up_over_the_chunks(shard):
    folder, entry = shard(items(5))
    run(folder, entry, Echo())
    assert read_json(folder.usage(entry.shard_id)) == {
        "shard_id": entry.shard_id, "items": 5, "rows": 5, "started_ms": 10_000, "finished_ms": 12_500,
        "worker_s": 2.5, "tokens": {"requests": 3}, "pairs": {"rule": 5}, "seconds": {"search": 1.5},
    }  # fmt: skip


def test_chunks_overlap_but_not_more_than_allowed(shard):
    folder, entry = shard(items(9))
    echo = Echo()
    run(folder, entry, echo)
    assert [len(call) for call in echo.calls] == [2, 2, 2, 2, 1]
    assert echo.most_at_once == 2


def test_a_finished_shard_is_not_recognised_again(shard):
    folder, entry = shard(items(2))
    run(folder, entry, Echo())
    before = folder.result(entry.shard_id).stat()
    again = Echo()
    assert run(folder, entry, again) is False
    assert again.calls == []
    assert folder.result(entry.shard_id).stat().st_ino == before.st_ino


def test_a_listing_that_was_taken_down_is_a_tombstone_and_costs_nothing(shard):
    folder, entry = shard(items(1, is_deleted=True))
    echo = Echo()
    run(folder, entry, echo)
    (row,) = rows_of(folder, entry)
    assert (row.attr_id, row.is_deleted, row.version) == ("_item", True, version_of(1_000, 7, "offline"))
    assert echo.calls == []


def test_a_dead_server_leaves_nothing_but_the_shard(shard, tmp_path):
    folder, entry = shard(items(6))
    with pytest.raises(ServerUnavailable):
        run(folder, entry, Echo(fail_at="i3"))
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == [
        f"{entry.shard_id}.parquet"
    ]


def test_a_full_disk_leaves_no_result(shard, monkeypatch):
    folder, entry = shard(items(2))

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        run(folder, entry, Echo())
    assert not folder.result(entry.shard_id).exists()
    assert not list(folder.root.rglob(".*.tmp"))


def test_an_unfinished_file_of_a_killed_writer_does_no_harm(shard):
    folder, entry = shard(items(2))
    left = folder.result(entry.shard_id).with_name(f".{entry.shard_id}.parquet.99-dead.tmp")
    left.parent.mkdir(parents=True)
    left.write_bytes(b"PAR1 half")
    assert run(folder, entry, Echo()) is True
    assert len(rows_of(folder, entry)) == 2


@pytest.mark.parametrize("changed", [{"ontology_version": "v2"}, {"model": "other"}])
def test_a_plan_is_not_continued_with_another_model_or_ontology(changed):
    with pytest.raises(WrongModel, match="run the `plan` step again"):
        require_same_model(replace(PLAN, **changed), Echo())


def test_a_fingerprint_follows_text_ontology_and_model_but_not_time():
    (base,) = items(1)
    same = replace(base, event_ms=9, listing=replace(base.listing, event_time="2026-01-01"))
    assert fingerprint_of(same, PLAN) == fingerprint_of(base, PLAN)
    others = [
        fingerprint_of(replace(base, listing=replace(base.listing, title="x")), PLAN),
        fingerprint_of(base, replace(PLAN, model="x")),
        fingerprint_of(base, replace(PLAN, ontology_version="x")),
    ]
    assert len({fingerprint_of(base, PLAN), *others}) == 4


class Pairs(Echo):
    """An Echo that knows what its answers are computed from, and keeps what did not change."""

    def __init__(self, flow: Flow | None = None) -> None:
        super().__init__()
        self.flow = flow
        self.known = {}

    def remember(self, known):
        self.known = dict(known)

    def pair_prints(self, listing, found):
        return {"form": f"print of {listing.title}"}


def computed_before(item: ShardItem, title: str, deleted: bool = False) -> KnowledgeRow:
    stamp = Stamp("offline", 1, "model-0", "v0", "an earlier run")
    found = ItemAnswers(item.listing.item_id, "tea", 1.0, (_answer(replace(item.listing, title=title)),))
    (row,) = knowledge_rows(item.listing, 500, found, f"print of {title}", stamp)
    return replace(row, is_deleted=deleted)


def test_rows_carry_what_their_pair_was_computed_from_and_who_computed_it_then(shard):
    given = items(4)
    folder, entry = shard(given)
    known = [
        computed_before(given[0], "leaf 0"),
        computed_before(given[1], "another title"),
        computed_before(given[2], "leaf 2", deleted=True),
    ]
    write_before(folder, entry.shard_id, given[:3], known)
    pairs = Pairs()
    run(folder, entry, pairs)
    assert pairs.known == {
        row.item_id: (item.listing, [row]) for row, item in zip(known, given[:3], strict=True)
    }
    rows = rows_of(folder, entry)
    assert [row.fingerprint for row in rows] == [f"print of leaf {n}" for n in range(4)]
    assert [row.provenance.run_id for row in rows] == ["an earlier run", *["2026-11-01-p"] * 3]
    assert rows[0].provenance == known[0].provenance
    assert [row.version for row in rows] == [version_of(1_000 + n, 7, "offline") for n in range(4)]
    assert all(row.digest == content_digest(row) for row in rows)


def test_a_recogniser_forgets_the_last_shard(shard):
    folder, entry = shard(items(1))
    pairs = Pairs()
    pairs.remember({"old": (items(1)[0].listing, [])})
    run(folder, entry, pairs)
    assert pairs.known == {}


def test_calls_hold_whole_families_where_they_answer_for_each_other(shard):
    given = [
        replace(item, listing=replace(item.listing, spu_id=spu))
        for item, spu in zip(items(5), "abbcc", strict=True)
    ]
    folder, entry = shard(given)
    echo = Echo()
    config = ShardConfig(chunk_rows=2, chunks_at_once=2, whole_families=True)
    asyncio.run(recognise_shard(folder, entry, PLAN, echo, config))
    assert echo.calls == [["i0"], ["i1", "i2"], ["i3", "i4"]]
    assert [row.item_id for row in rows_of(folder, entry)] == [f"i{n}" for n in range(5)]


def test_a_flow_is_kept_in_the_shards_usage(shard):
    class Flowing(Pairs):
        async def recognise(self, listings):
            async with self.flow.stage("encode"):
                return await super().recognise(listings)

    folder, entry = shard(items(5))
    ticks = iter(range(100))
    flowing = Flowing(Flow(FlowConfig({"encode": 1}, 3), clock=lambda: float(next(ticks))))
    run(folder, entry, flowing)
    spans = read_json(folder.usage(entry.shard_id))["spans"]
    assert [(chunk, stage) for chunk, stage, *_ in spans] == [(0, "encode"), (1, "encode"), (2, "encode")]
    assert all(came <= began <= ended for _, _, came, began, ended in spans)
    assert flowing.flow.spans == [] and flowing.most_at_once == 1
    assert [row.value_texts for row in rows_of(folder, entry)] == [(f"leaf {n}",) for n in range(5)]
