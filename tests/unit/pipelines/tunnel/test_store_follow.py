"""Following topics into the store: in any split, with restarts, redelivery and bad messages, it ends in the rule's state."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.kafka import Message
from pipelines.tunnel.merge_intake import RawMessage
from pipelines.tunnel.store import ItemRows
from pipelines.tunnel.store_feed import rows_of_table
from pipelines.tunnel.store_follow import FollowConfig, Follower, Place, status_of
from pipelines.tunnel.store_knowledge import KnowledgeStore, Superseded
from schemas.change import Change
from schemas.derive import BadRecord
from schemas.knowledge import KnowledgeRow
from schemas.results import KnowledgeResults
from schemas.topics import CHANGES, RESULTS
from tests.unit.pipelines.tunnel.test_store import drawn, present, row
from udfs.version import settle

NOW_MS = 1_790_000_000_000


class MemoryLog:
    """Topics of four partitions in memory: the log that the follower is given, without a broker."""

    def __init__(self) -> None:
        self.messages: dict[Place, list[Message]] = {
            (topic, number): [] for topic in (RESULTS, CHANGES) for number in range(4)
        }
        self.at: dict[Place, int] = {}
        self.made = 1

    def ids(self) -> dict[str, str]:
        return {topic: f"{topic}-{self.made}" for topic in (RESULTS, CHANGES)}

    def add(self, topic: str, key: str, value: bytes | None, time_ms: int = NOW_MS) -> None:
        place = (topic, sum(key.encode()) % 4)
        found = self.messages[place]
        found.append(Message(*place, len(found), time_ms, key.encode(), value))

    def ends(self) -> dict[Place, int]:
        return {place: len(found) for place, found in self.messages.items()}

    def seek(self, positions: Mapping[Place, int], ids: Mapping[str, str] | None = None) -> dict[Place, int]:
        if ids and ids != self.ids():
            raise LookupError("made anew")
        self.at = {place: positions.get(place, 0) for place in self.messages}
        return self.at

    def positions(self) -> dict[Place, int]:
        return dict(self.at)

    def poll(self, wait_s: float, limit: int) -> Sequence[Message]:
        for place, found in self.messages.items():
            batch = found[self.at[place] : self.at[place] + limit]
            if batch:
                self.at[place] += len(batch)
                return batch
        return []


class Clock:
    def __init__(self) -> None:
        self.ms = NOW_MS

    def __call__(self) -> int:
        return self.ms


def results(item: str, rows: Sequence[KnowledgeRow]) -> bytes:
    return orjson.dumps(KnowledgeResults(item, "tea", 1, "nearline", "run", tuple(rows)))


def change(after: KnowledgeRow, sequence: int) -> bytes:
    return orjson.dumps(Change(after.item_id, after.attr_id, "20261101000000000", sequence, None, after))


def follower(
    store: KnowledgeStore, log: MemoryLog, clock: Clock | None = None, messages: int = 3
) -> tuple[Follower, list[tuple[RawMessage, BadRecord]]]:
    refused: list[tuple[RawMessage, BadRecord]] = []
    made = Follower(
        store, log, FollowConfig(messages=messages), clock or Clock(), lambda *told: refused.append(told)
    )
    made.start()
    return made, refused


ROWS = drawn(["tea", "cup"], ["i", "j", "k"], most=20)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(rows=ROWS, data=st.data())
def test_results_and_changes_in_any_split_with_restarts_end_in_settle_of_all(
    store: KnowledgeStore, rows: list[KnowledgeRow], data: st.DataObject
) -> None:
    store.kv.wipe()
    log = MemoryLog()
    for number, one in enumerate(data.draw(st.permutations([*rows, *rows[: len(rows) // 2]]))):
        if data.draw(st.booleans()):
            log.add(RESULTS, one.item_id, results(one.item_id, [one]))
        else:
            log.add(CHANGES, one.item_id, change(one, number))
    for _ in range(data.draw(st.integers(1, 3))):
        follows, _ = follower(store, log, messages=data.draw(st.integers(1, 5)))
        for _ in range(data.draw(st.integers(0, 30))):
            follows.step()
    follows, refused = follower(store, log)
    for _ in range(len(rows) * 2 + 1):
        follows.step()
    assert present(store) == settle(rows)
    assert refused == []
    assert {**log.ends(), **store.positions()} == log.ends()
    assert sum(store.positions().values()) == len(rows) + len(rows) // 2


def test_readiness_says_when_all_that_was_there_is_written(store: KnowledgeStore) -> None:
    log, clock = MemoryLog(), Clock()
    for number in range(5):
        log.add(RESULTS, "i", results("i", [row("form", number + 1)]), NOW_MS - 70)
    follows, _ = follower(store, log, clock)
    before = status_of(store.noted("status"))
    assert before is not None
    assert (before.caught_up_ms, before.lag) == (None, {RESULTS: 5, CHANGES: 0})
    follows.step()
    half = status_of(store.noted("status"))
    assert half is not None
    assert (half.caught_up_ms, half.lag, half.behind_ms) == (None, {RESULTS: 2, CHANGES: 0}, 70)
    clock.ms += 10
    follows.step()
    done = status_of(store.noted("status"))
    assert done is not None
    assert (done.caught_up_ms, done.lag, done.read) == (NOW_MS + 10, {RESULTS: 0, CHANGES: 0}, {RESULTS: 5})


def test_an_idle_follower_beats_once_a_second(store: KnowledgeStore) -> None:
    clock = Clock()
    follows, _ = follower(store, MemoryLog(), clock)
    beats = set()
    for _ in range(25):
        follows.step()
        status = status_of(store.noted("status"))
        beats.add(status.beat_ms if status else 0)
        clock.ms += 100
    assert beats == {NOW_MS, NOW_MS + 1000, NOW_MS + 2000}


def test_bad_messages_are_told_and_stop_nothing(store: KnowledgeStore) -> None:
    log = MemoryLog()
    future = row("form", (NOW_MS + 3_600_000) << 21)
    log.add(RESULTS, "i", b"{not json")
    log.add(RESULTS, "i", None)
    log.add(RESULTS, "i", json.dumps({"item_id": "i"}).encode())
    log.add(RESULTS, "j", results("i", [row("form", 1)]))
    log.add(RESULTS, "i", results("i", [future]))
    log.add(RESULTS, "i", results("i", [row("form", 1, item="other")]))
    log.add(CHANGES, "i", b"[]")
    log.add(RESULTS, "i", results("i", [row("form", 2)]))
    follows, refused = follower(store, log)
    for _ in range(6):
        follows.step()
    told = {"not_json", "no_value", "missing_field", "wrong_key", "future", "mixed", "wrong_type"}
    assert {error.reason for _, error in refused} == told
    status = status_of(store.noted("status"))
    assert status is not None
    assert status.refused == dict.fromkeys(told, 1)
    assert [one.version for one in store.state("i").rows.values()] == [2]


@pytest.mark.parametrize(
    ("key", "version", "reason"),
    [("other", 1, "wrong_key"), ("i", (NOW_MS + 3_600_000) << 21, "future"), ("i", 1, None)],
)
def test_a_change_that_no_merge_writes_is_refused(
    store: KnowledgeStore, key: str, version: int, reason: str | None
) -> None:
    log = MemoryLog()
    log.add(CHANGES, key, change(row("form", version), 1))
    follows, refused = follower(store, log)
    follows.step()
    assert [error.reason for _, error in refused] == ([reason] if reason else [])
    assert list(store.state("i").rows) == ([] if reason else ["form"])


def test_files_of_batch_runs_are_left_to_the_merge(store: KnowledgeStore) -> None:
    log = MemoryLog()
    files = KnowledgeResults("", "", 1, "offline", "run", (), ("part-0.parquet",))
    log.add(RESULTS, "run", orjson.dumps(files))
    follows, refused = follower(store, log)
    follows.step()
    assert (refused, present(store)) == ([], {})
    assert sum(store.positions().values()) == 1


def test_topics_that_were_made_anew_are_not_gone_on_in(store: KnowledgeStore) -> None:
    log = MemoryLog()
    follower(store, log)
    follower(store, log)  # the same topics: it goes on
    log.made = 2
    with pytest.raises(LookupError, match="made anew"):
        follower(store, log)


def test_a_follower_that_was_replaced_ends(store: KnowledgeStore) -> None:
    log = MemoryLog()
    old, _ = follower(store, log)
    new, _ = follower(store, log)
    log.add(RESULTS, "i", results("i", [row("form", 1)]))
    with pytest.raises(Superseded):
        old.step()
    log.seek({})
    new.step()
    assert store.state("i").rows["form"].version == 1


def test_rows_of_a_table_begin_with_the_times_of_their_commits(store: KnowledgeStore) -> None:
    rows = [(300, row("form", 2)), (100, row("origin", 1)), (200, row("form", 1, item="j"))]
    given = list(rows_of_table(rows))
    assert given == [
        ItemRows("i", (row("origin", 1),), 100, 300),
        ItemRows("i", (row("form", 2),), 300, 300),
        ItemRows("j", (row("form", 1, item="j"),), 200, 200),
    ]
    store.apply(given, store.begin_term())
    assert present(store) == settle(one for _, one in rows)
    assert store.state("i").known == {"origin": (100,), "form": (300,)}
    assert store.state("i").exact_from_ms == 300
