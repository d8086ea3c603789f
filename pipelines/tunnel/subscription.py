"""Subscriptions to item knowledge: a snapshot and then every change after it, or changes from a commit on (T8).

Full: positions of the change topic first, then the table's newest commit C, its rows, then changes of commits after C. What
was published before the positions were asked belongs to commits up to C, so that no change is missed; changes of commits up
to C are in the snapshot and left out, and what is published twice (the merge promises at least once) is told by its
sequence, which grows in each partition. Order holds for each item, as a partition holds all of an item.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Protocol

import orjson

from pipelines.tunnel.store_feed import read_change
from schemas.change import Change
from schemas.derive import BadRecord
from schemas.knowledge import KnowledgeRow

INSTANT_DIGITS = 17
LOOKS = 5
Place = tuple[str, int]


class HistoryExpired(LookupError):
    """Changes after the commit asked for have left the topic. The message says what to do."""


class BadToken(ValueError):
    """A token that no subscription gave."""


class ChangeLog(Protocol):
    """The change topic as a log; `infra.kafka_log.open_log` opens it."""

    def begins(self) -> dict[Place, int]:
        """The offset of the oldest message that is kept, by partition."""

    def ends(self) -> dict[Place, int]:
        """The offset that the next message will get, by partition."""

    def ids(self) -> dict[str, str]:
        """The ids of the topics: one that is made anew has another."""

    def seek(self, positions: Mapping[Place, int], ids: Mapping[str, str] | None = None) -> dict[Place, int]:
        """Go to positions in the topics of these ids, to the beginning where there is none."""

    def poll(self, wait_s: float, limit: int) -> Sequence[Any]:
        """The next messages, in order within each partition."""


@dataclass(frozen=True, slots=True)
class Token:
    """Where a subscription is: changes of commits up to `after` are left out; by partition, the next offset and the
    greatest sequence that was given (-1: none). `topics`: the ids of the topics that the offsets are of.

    Keep it with what was made of the changes, in one write; `Subscription.resume` goes on there.
    """

    after: str
    places: Mapping[Place, tuple[int, int]]
    topics: Mapping[str, str] = field(default_factory=dict)

    def text(self) -> str:
        """The token as text."""
        places = [[topic, number, *found] for (topic, number), found in sorted(self.places.items())]
        found = {"after": self.after, "places": places, "topics": dict(self.topics)}
        return orjson.dumps(found).decode("utf-8")


def token_of(text: str) -> Token:
    """The token that `Token.text` wrote. Errors: BadToken."""
    try:
        found = orjson.loads(text)
        places = {(str(t), int(n)): (int(offset), int(seq)) for t, n, offset, seq in found["places"]}
        topics = {str(topic): str(known) for topic, known in found.get("topics", {}).items()}
        return Token(str(found["after"]), places, topics)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadToken("this is no token of a subscription: begin anew with a snapshot") from error


@dataclass(frozen=True, slots=True)
class Batch:
    """Changes, in order for each item, and where the subscription is after them."""

    changes: tuple[Change, ...]
    token: Token


class Subscription:
    """Changes of item knowledge, each once and in order for each item, as long as the token is kept.

    `refused` is told each message that is no change: one can only come from a writer other than the merge.
    """

    def __init__(
        self, log: ChangeLog, token: Token, refused: Callable[[Any, BadRecord], None] | None = None
    ) -> None:
        self._log, self._token, self._refused = log, token, refused

    @property
    def token(self) -> Token:
        """Where the subscription is."""
        return self._token

    def next(self, wait_s: float = 1.0, limit: int = 500) -> Batch:
        """The next changes; none where none came in time. Errors: those of the log; BadRecord with nobody to tell."""
        places = dict(self._token.places)
        found = []
        for message in self._log.poll(wait_s, limit):
            place = (message.topic, message.partition)
            _, greatest = places.get(place, (0, -1))
            change = self._change(message)
            if change is not None:
                if change.sequence > greatest and change.commit > self._token.after:
                    found.append(change)
                greatest = max(greatest, change.sequence)
            places[place] = (message.offset + 1, greatest)
        self._token = replace(self._token, places=places)
        return Batch(tuple(found), self._token)

    def _change(self, message: Any) -> Change | None:
        try:
            return read_change(message.value)
        except BadRecord as error:
            if self._refused is None:
                raise
            self._refused(message, error)
            return None


def resume(
    log: ChangeLog, token: Token, refused: Callable[[Any, BadRecord], None] | None = None
) -> Subscription:
    """Go on where a token says. Errors: infra.kafka_log.PositionLost where the topic does not reach back so far."""
    log.seek({place: offset for place, (offset, _) in token.places.items()}, token.topics)
    return Subscription(log, token, refused)


def full(
    log: ChangeLog,
    newest_commit: Callable[[], str],
    rows_as_of: Callable[[str], Iterable[KnowledgeRow]],
    refused: Callable[[Any, BadRecord], None] | None = None,
) -> tuple[str, Iterator[KnowledgeRow], Subscription]:
    """A snapshot's commit, its rows (retired ones included), and the subscription that goes on right after it."""
    ends = log.ends()
    commit = newest_commit()
    token = _token(log, commit, ends)
    return commit, iter(rows_as_of(commit)), resume(log, token, refused)


def from_start(log: ChangeLog, refused: Callable[[Any, BadRecord], None] | None = None) -> Subscription:
    """Every change that the topic still holds."""
    return resume(log, _token(log, "", log.begins()), refused)


def from_now(log: ChangeLog, refused: Callable[[Any, BadRecord], None] | None = None) -> Subscription:
    """Changes that are published from now on."""
    return resume(log, _token(log, "", log.ends()), refused)


def since(
    log: ChangeLog, commit: str, refused: Callable[[Any, BadRecord], None] | None = None
) -> Subscription:
    """Changes of all commits after one.

    Errors: HistoryExpired where some of them may have left the topic already.
    """
    begins = log.begins()
    for place, offset in begins.items():
        if offset > 0 and not _reaches(log, place, offset, commit):
            raise HistoryExpired(
                f"{place[0]}[{place[1]}] no longer holds what came right after commit {commit}: begin with a snapshot"
            )
    return resume(log, _token(log, commit, begins), refused)


def _token(log: ChangeLog, after: str, offsets: Mapping[Place, int]) -> Token:
    return Token(after, {place: (offset, -1) for place, offset in offsets.items()}, log.ids())


def _reaches(log: ChangeLog, place: Place, offset: int, commit: str) -> bool:
    """Whether the oldest change kept of a partition is of the commit or one before it: then nothing after it is gone."""
    others = {other: end for other, end in log.ends().items() if other != place}
    log.seek({**others, place: offset})
    for _ in range(LOOKS):
        for message in log.poll(1.0, 100):
            if (message.topic, message.partition) == place:
                with suppress(BadRecord):  # no change: the next message says it
                    return read_change(message.value).commit <= commit
    return False


def commit_ms(commit: str) -> int:
    """Unix ms of a commit's instant.

    >>> commit_ms("20261101000000001")
    1793491200001
    """
    if not (commit.isascii() and commit.isdigit() and len(commit) == INSTANT_DIGITS):
        raise ValueError(f"{commit!r} is no commit instant: 17 digits, as `_hoodie_commit_time` has them")
    moment = datetime.strptime(commit[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    return int(moment.timestamp()) * 1000 + int(commit[14:])
