"""Subscriptions: snapshot and changes without a gap or a repetition, whatever is published meanwhile or twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.kafka import Message
from infra.kafka_log import open_log
from pipelines.tunnel.changes import replay
from pipelines.tunnel.subscription import (
    BadToken,
    HistoryExpired,
    Subscription,
    Token,
    commit_ms,
    from_now,
    from_start,
    full,
    resume,
    since,
    token_of,
)
from schemas.change import Change
from schemas.derive import BadRecord
from schemas.knowledge import KnowledgeRow
from schemas.topics import CHANGES
from tests.unit.pipelines.tunnel.test_store import row

PARTITIONS = 3
State = dict[tuple[str, str], KnowledgeRow]


def token_at_end(servers: str) -> str:
    """A token at the end of the real change topic."""
    log = open_log(servers, [CHANGES])
    try:
        return from_now(log).token.text()
    finally:
        log.close()


class ChangeTopic:
    """The change topic in memory, keyed by item; messages of the beginning may have left it."""

    def __init__(self) -> None:
        self.messages: dict[tuple[str, int], list[Message]] = {
            (CHANGES, number): [] for number in range(PARTITIONS)
        }
        self.first = dict.fromkeys(self.messages, 0)
        self.at = dict(self.first)

    def publish(self, change: Change | bytes, item: str = "") -> None:
        value = change if isinstance(change, bytes) else orjson.dumps(change)
        item = item or (change.item_id if isinstance(change, Change) else "i")
        place = (CHANGES, sum(item.encode()) % PARTITIONS)
        found = self.messages[place]
        found.append(Message(*place, len(found), 1, item.encode(), value))

    def begins(self) -> dict[tuple[str, int], int]:
        return dict(self.first)

    def ends(self) -> dict[tuple[str, int], int]:
        return {place: len(found) for place, found in self.messages.items()}

    def ids(self) -> dict[str, str]:
        return {CHANGES: "topic-1"}

    def seek(
        self, positions: Mapping[tuple[str, int], int], ids: Mapping[str, str] | None = None
    ) -> dict[tuple[str, int], int]:
        assert not ids or ids == self.ids()
        self.at = {place: positions.get(place, self.first[place]) for place in self.messages}
        return self.at

    def poll(self, wait_s: float, limit: int) -> Sequence[Message]:
        for place, found in self.messages.items():
            batch = found[self.at[place] : self.at[place] + limit]
            if batch:
                self.at[place] += len(batch)
                return batch
        return []


class Table:
    """item_knowledge with its commits; changes are published some time after their commit, sometimes twice."""

    def __init__(self, topic: ChangeTopic) -> None:
        self.topic = topic
        self.states: list[tuple[str, State]] = [(instant(0), {})]
        self.waiting: list[Change] = []
        self.published: list[Change] = []
        self.sequence = 0

    def commit(self, rows: Sequence[KnowledgeRow]) -> None:
        state = dict(self.states[-1][1])
        commit = instant(len(self.states))
        for one in rows:
            key = (one.item_id, one.attr_id)
            self.waiting.append(Change(*key, commit, self.sequence, state.get(key), one))
            state[key] = one
            self.sequence += 1
        self.states.append((commit, state))

    def publish(self, count: int, again: int = 0) -> None:
        for change in self.published[len(self.published) - again :] if again else []:
            self.topic.publish(change)
        for change in self.waiting[:count]:
            self.topic.publish(change)
        self.published += self.waiting[:count]
        self.waiting = self.waiting[count:]

    def newest(self) -> str:
        return self.states[-1][0]

    def rows(self, commit: str) -> list[KnowledgeRow]:
        return list(dict(self.states)[commit].values())


def instant(number: int) -> str:
    return f"{20261101000000000 + number}"


def drain(subscription: Subscription, limit: int = 2) -> list[Change]:
    found: list[Change] = []
    for _ in range(1_000):
        before = subscription.token
        found += subscription.next(0.0, limit).changes
        if subscription.token == before:
            return found
    raise AssertionError("the subscription does not come to an end")


ROWS = st.lists(
    st.builds(
        row,
        attr=st.sampled_from(["form", "origin"]),
        version=st.integers(1, 99),
        text=st.sampled_from("abc"),
        item=st.sampled_from(["i", "j", "k", "l"]),
    ),
    min_size=1,
    max_size=4,
)
STEPS = st.lists(st.one_of(ROWS, st.tuples(st.integers(0, 5), st.integers(0, 3))), min_size=1, max_size=12)


def play(table: Table, steps: Sequence[object]) -> None:
    """Lists commit rows; pairs publish some waiting changes, after repeating some."""
    for step in steps:
        if isinstance(step, list):
            table.commit(step)
        elif isinstance(step, tuple):
            table.publish(step[0], min(step[1], len(table.published)))


@given(STEPS, STEPS, st.integers(1, 5))
def test_snapshot_then_changes_have_no_gap_and_no_repetition(
    before: list[object], after: list[object], limit: int
) -> None:
    topic = ChangeTopic()
    table = Table(topic)
    play(table, before)
    commit, rows, subscription = full(topic, table.newest, table.rows)
    base = {(one.item_id, one.attr_id): one for one in rows}
    got = drain(subscription, limit)
    play(table, after)
    table.publish(len(table.waiting))
    got += drain(subscription, limit)
    expected = [change for change in table.published if change.commit > commit]
    assert sorted(got, key=lambda one: one.sequence) == expected
    for item in "ijkl":
        own = [one.sequence for one in got if one.item_id == item]
        assert own == sorted(own)
    assert replay(got, base) == table.states[-1][1]


@given(STEPS, st.data())
def test_going_on_by_token_gives_each_change_once(steps: list[object], data: st.DataObject) -> None:
    topic = ChangeTopic()
    table = Table(topic)
    subscription = from_start(topic)
    got: list[Change] = []
    for step in [*steps, (len(steps) * 4, 0)]:
        play(table, [step])
        for _ in range(data.draw(st.integers(0, 4))):
            got += subscription.next(0.0, 2).changes
        subscription = resume(topic, token_of(subscription.token.text()))
    got += drain(subscription)
    assert sorted(got, key=lambda one: one.sequence) == table.published


def test_since_a_commit_gives_what_came_after_it() -> None:
    topic = ChangeTopic()
    table = Table(topic)
    for version in range(1, 5):
        table.commit([row("form", version, item=item) for item in "ij"])
    table.publish(8)
    after = drain(since(topic, instant(2)))
    assert sorted((one.commit, one.item_id) for one in after) == [
        (instant(n), item) for n in (3, 4) for item in "ij"
    ]


def test_since_a_commit_looks_past_what_is_no_change() -> None:
    topic, told = ChangeTopic(), list[str]()
    table = Table(topic)
    table.commit([row("form", 1)])
    table.publish(1)
    [place] = [place for place, found in topic.messages.items() if found]
    topic.publish(b"[" * 100_000, "i")
    table.commit([row("form", 2)])
    table.commit([row("form", 3)])
    table.publish(2)
    topic.first[place] = (
        1  # the oldest message that is kept is no change, the next one says where the topic begins
    )
    found = since(topic, instant(2), lambda _, error: told.append(error.reason))
    assert [one.commit for one in drain(found)] == [instant(3)]
    assert told == ["not_json"]
    with pytest.raises(HistoryExpired, match="begin with a snapshot"):
        since(topic, instant(1))


def test_since_a_commit_that_has_left_the_topic_is_refused() -> None:
    topic = ChangeTopic()
    table = Table(topic)
    for version in range(1, 5):
        table.commit([row("form", version)])
    table.publish(4)
    [place] = [place for place, found in topic.messages.items() if found]
    topic.first[place] = 1
    topic.at = dict(topic.first)
    assert [one.commit for one in drain(since(topic, instant(2)))] == [instant(3), instant(4)]
    with pytest.raises(HistoryExpired, match="begin with a snapshot"):
        since(topic, instant(1))


def test_from_now_gives_only_what_comes() -> None:
    topic = ChangeTopic()
    table = Table(topic)
    table.commit([row("form", 1)])
    table.publish(1)
    subscription = from_now(topic)
    table.commit([row("form", 2)])
    table.publish(1)
    assert [one.after.version for one in drain(subscription)] == [2]


def test_a_message_that_is_no_change_is_told_or_raised() -> None:
    topic = ChangeTopic()
    topic.publish(b"{}", "i")
    told: list[str] = []
    assert drain(from_start(topic, lambda _message, error: told.append(error.reason))) == []
    assert told == ["missing_field"]
    with pytest.raises(BadRecord):
        drain(from_start(topic))


def test_tokens_read_back_and_others_are_refused() -> None:
    token = Token(instant(3), {(CHANGES, 2): (7, 41), (CHANGES, 0): (0, -1)}, {CHANGES: "a1b2"})
    assert token_of(token.text()) == token
    before = '{"after":"","places":[["item-knowledge.changes",0,5,-1]]}'  # of a client that knew no ids
    assert token_of(before) == Token("", {(CHANGES, 0): (5, -1)})
    for text in ("", "{}", "[]", '{"after": "x", "places": [[1]]}', '{"after": "x", "places": 7}'):
        with pytest.raises(BadToken, match="begin anew"):
            token_of(text)


def test_a_commits_time() -> None:
    assert commit_ms("20261101000000001") == 1793491200001
    with pytest.raises(ValueError, match="17 digits"):
        commit_ms("20261101")
