"""The changes since the last reconciliation, from the topic; and the note of what that reconciliation proved."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from infra.kafka import Message
from infra.kafka_log import open_log
from pipelines.tunnel.reconcile import Fingerprint, Replayed, fold
from pipelines.tunnel.store_feed import read_change
from schemas.change import Change
from schemas.topics import CHANGES

BASE_NOTE = "reconciled.json"
IDLE_S = 1.0
AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class Base:
    """A state that was proved: the table as of `commit`, and how far the topic was read then ("partition": offset)."""

    commit: str
    state: Fingerprint
    offsets: dict[str, int]


class ChangesSinceBase:
    """Reads the topic from where the last proof ended; without one from its beginning, over an empty table."""

    def __init__(self, servers: str, note: Path) -> None:
        self._servers, self._note = servers, note
        self._base = read_base(note)
        self._ends: dict[str, int] = {}

    def read(self, commit: str) -> tuple[Base, Replayed]:
        """The base, and the changes after it up to a commit, folded. Errors: KafkaUnavailable, TopicMissing, PositionLost."""
        log = open_log(self._servers, [CHANGES])
        try:
            log.seek({(CHANGES, int(number)): offset for number, offset in self._base.offsets.items()})
            ends, found = log.ends(), []
            self._ends = {str(number): end for (_, number), end in ends.items()}
            while any(log.positions()[place] < end for place, end in ends.items()):
                found += [
                    change
                    for message in log.poll(IDLE_S, AT_ONCE)
                    if (change := self._change(message, commit))
                ]
        finally:
            log.close()
        return self._base, fold(found)

    def _change(self, message: Message, commit: str) -> Change | None:
        """The change, where it lies between the base and a commit; the next base begins before those that lie after."""
        change = read_change(message.value)
        if change.commit > commit:
            number = str(message.partition)
            self._ends[number] = min(self._ends[number], message.offset)
        return change if self._base.commit < change.commit <= commit else None

    def proved(self, commit: str, state: Fingerprint) -> None:
        """Keep what was proved: the next reconciliation begins here."""
        self._base = Base(commit, state, self._ends)
        write_base(self._note, self._base)

    def begin_here(self, commit: str, state: Fingerprint) -> None:
        """Take the table as it is for proved: the topic was made anew, and what it held before is gone."""
        log = open_log(self._servers, [CHANGES])
        try:
            self._ends = {str(place[1]): offset for place, offset in log.begins().items()}
        finally:
            log.close()
        self.proved(commit, state)


def write_base(note: Path, base: Base) -> None:
    """Keep a base, in one step."""
    partial = note.with_suffix(".partial")
    facts = {"commit": base.commit, "rows": base.state.rows, "sums": base.state.sums, "offsets": base.offsets}
    partial.write_text(json.dumps(facts), "utf-8")
    partial.replace(note)


def read_base(note: Path) -> Base:
    """What was proved last; the empty state before all commits where nothing was."""
    try:
        found = json.loads(note.read_text("utf-8"))
        return Base(found["commit"], Fingerprint(found["sums"], found["rows"]), dict(found["offsets"]))
    except FileNotFoundError:
        return Base("", Fingerprint(), {})
