"""Real-time tier: high-value items at once, pruned in stages before any model is called (paper section 6.1; T3).

Stages: an event that is older or repeated; a text that did not change (`stream_state`); a text that another item or an
earlier state had, whose answers are remembered (`AnswerMemory`); then the recogniser's own: what search and ranker are sure of,
and of what they leave open the keys that the change does not touch (`untouched`). Only the rest asks the discriminator. Each
stage is counted.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace

from pipelines.library.answers import ItemAnswers
from pipelines.tunnel.events import Arrival, text_digest
from pipelines.tunnel.stream_state import ItemState, Step, Work, receive, release
from schemas.event import STAR
from schemas.listing import Listing

TIER = "realtime"


@dataclass(frozen=True, slots=True)
class RealtimeConfig:
    """`priorities`: the importance classes that the tier takes. `give_up_s`: how long it tries before nearline takes over."""

    priorities: tuple[str, ...] = (STAR,)
    give_up_s: float = 60.0


def is_realtime(arrival: Arrival, config: RealtimeConfig) -> bool:
    """Whether the real-time tier answers for an event: the one split of the two stream tiers."""
    return arrival.listing.priority in config.priorities


def on_event(
    state: ItemState | None, arrival: Arrival, now_ms: int, config: RealtimeConfig
) -> tuple[ItemState, Work | None, str]:
    """Take an event in and say at once what is to be computed."""
    step: Step = receive(state, arrival, is_realtime(arrival, config), now_ms)
    after, work, _ = release(step.state, now_ms)
    return after, work, step.outcome


class AnswerMemory:
    """The last answers by text: an equal text of the same category has equal answers, whichever item it is of.

    Bounded; what is forgotten is computed again. It belongs to one recogniser, so model and ontology are the same.
    Errors: ValueError for room for none.
    """

    def __init__(self, room: int = 5_000) -> None:
        if room < 1:
            raise ValueError(f"room for {room} answers")
        self._room = room
        self._answers: OrderedDict[str, ItemAnswers] = OrderedDict()

    def find(self, listing: Listing) -> ItemAnswers | None:
        """The answers of an equal text, as this listing's; None where none are remembered."""
        key = own_text(listing)
        found = self._answers.get(key)
        if found is None:
            return None
        self._answers.move_to_end(key)
        return replace(found, item_id=listing.item_id)

    def keep(self, listing: Listing, answers: ItemAnswers) -> None:
        """Remember a listing's answers."""
        self._answers[own_text(listing)] = answers
        if len(self._answers) > self._room:
            self._answers.popitem(last=False)


def own_text(listing: Listing) -> str:
    """Digest of what recognition sees of a listing, but for whose it is."""
    return text_digest(replace(listing, item_id="-", spu_id=None))
