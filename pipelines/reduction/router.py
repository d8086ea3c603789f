"""Which replica a request goes to: the same family to the same one, none much fuller than the others (paper section 4.3.2; L5).

Consistent hashing bounded by load: every replica has many points on a ring, a family goes to the next point of a replica with
room, and room is a little more than an equal share of what is under way. A replica that comes or goes moves only the families
that were its own. vLLM's production router (`--routing-logic prefixaware` or `session`) does the like in front of a fleet;
here it is where no router stands.
Source: Mirrokni, Thorup, Zadimoghaddam: Consistent Hashing with Bounded Loads (2016).
"""

from __future__ import annotations

import hashlib
import math
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Container, Mapping, Sequence, Set
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from pipelines.library.discriminate import Discriminator
from schemas.inference import Completion, ServerUnavailable

OWN_MARK = "\nThis one: "
"""What `udfs.prompts.build_prefix` puts before what is an item's own; a test compares."""
POINTS = 128
SLACK = 1.25
OUT_S = 30.0


class Ring:
    """Chooses replicas by key. `slack`: how much more than an equal share a replica may have under way, 1.25 is a quarter more.

    Errors: ValueError without replicas, with one named twice, or with a slack below 1.
    """

    def __init__(self, replicas: Sequence[str], points: int = POINTS, slack: float = SLACK) -> None:
        if not replicas or len(set(replicas)) != len(replicas):
            raise ValueError(f"replicas {list(replicas)}: at least one, each once")
        if slack < 1 or points < 1:
            raise ValueError(f"slack {slack}, {points} points: at least 1 of each")
        self.replicas = tuple(replicas)
        self._slack = slack
        self._ring = sorted((_place(f"{name}#{n}"), name) for name in replicas for n in range(points))
        self._places = [place for place, _ in self._ring]
        self._under_way: Counter[str] = Counter()

    @property
    def under_way(self) -> Mapping[str, int]:
        """Requests under way, by replica."""
        return dict(self._under_way)

    def home(self, key: str) -> str:
        """The replica that a key has whenever there is room."""
        return self._ring[self._first(key)][1]

    def take(self, key: str, without: Container[str] = ()) -> str:
        """The replica for one request of a key, which counts as under way until `give` is called.

        `without`: replicas that do not answer. Errors: ValueError when none is left.
        """
        able = [name for name in self.replicas if name not in without]
        if not able:
            raise ValueError("no replica is left")
        total = sum(self._under_way[name] for name in able) + 1
        most = math.ceil(self._slack * total / len(able))
        at = self._first(key)
        while self._ring[at][1] in without or self._under_way[self._ring[at][1]] >= most:
            at = (at + 1) % len(self._ring)
        name = self._ring[at][1]
        self._under_way[name] += 1
        return name

    def give(self, replica: str) -> None:
        """A request has ended. Errors: ValueError when none of that replica was under way."""
        if self._under_way[replica] < 1:
            raise ValueError(f"{replica}: no request is under way there")
        self._under_way[replica] -= 1

    def _first(self, key: str) -> int:
        return bisect_right(self._places, _place(key)) % len(self._ring)


def family_of(prompt: str) -> str:
    r"""What a prompt's family is told by: everything before what is the item's own, or before the questions.

    >>> family_of("Do.\nItem: shared\nThis one: red\nColour: red; blue\nReply:\n")
    'Do.\nItem: shared'
    """
    return prompt.partition(OWN_MARK)[0] if OWN_MARK in prompt else "\n".join(prompt.split("\n", 2)[:2])


@dataclass(slots=True)
class Outs:
    """Which replicas could not be reached, and are left out for `out_s` seconds from then."""

    out_s: float = OUT_S
    clock: Callable[[], float] = time.monotonic
    _until_s: dict[str, float] = field(default_factory=dict)

    def add(self, replica: str) -> None:
        """A replica could not be reached."""
        if not self.has(replica):
            self._until_s[replica] = self.clock() + self.out_s

    def has(self, replica: str) -> bool:
        """Whether a replica is left out now."""
        return self._until_s.get(replica, -math.inf) > self.clock()


@dataclass(frozen=True, slots=True)
class UnlessOut:
    """A replica's client that fails at once while the replica is left out, whatever waited for its turn meanwhile.

    Where all `others` are left out, too, it is tried all the same.
    """

    inner: Discriminator
    replica: str
    others: Collection[str]
    outs: Outs

    async def complete(
        self, prompt: str, max_tokens: int, *, regex: str | None = None, logprobs: int = 0
    ) -> Completion:
        """See `Discriminator.complete`. Errors: ServerUnavailable."""
        if self.outs.has(self.replica) and not all(map(self.outs.has, self.others)):
            raise ServerUnavailable(f"{self.replica}: could not be reached some seconds ago")
        return await self.inner.complete(prompt, max_tokens, regex=regex, logprobs=logprobs)


class RoutedDiscriminator:
    """A `Discriminator` over several replicas: a family's prompts go to one of them while it has room.

    A replica that cannot be reached is left out for some time, as `outs` tells; what it was asked, another is.
    """

    def __init__(
        self,
        replicas: Mapping[str, Discriminator],
        slack: float = SLACK,
        outs: Outs | None = None,
    ) -> None:
        self._replicas = dict(replicas)
        self._ring = Ring(list(replicas), slack=slack)
        self._outs = outs or Outs()
        self.sent: Counter[str] = Counter()
        self.away: Counter[str] = Counter()

    async def complete(
        self, prompt: str, max_tokens: int, *, regex: str | None = None, logprobs: int = 0
    ) -> Completion:
        """See `Discriminator.complete`; `away` counts the requests that another replica than their family's answered.

        Errors: ServerUnavailable when none can be reached.
        """
        family, tried = family_of(prompt), set[str]()
        while True:
            async with self._place(family, tried) as replica:
                tried.add(replica)
                try:
                    return await self._replicas[replica].complete(
                        prompt, max_tokens, regex=regex, logprobs=logprobs
                    )
                except ServerUnavailable:
                    self._outs.add(replica)
                    if len(tried) == len(self._replicas):
                        raise

    @asynccontextmanager
    async def _place(self, family: str, tried: Set[str]) -> AsyncIterator[str]:
        out = {name for name in self._replicas if self._outs.has(name)}
        # Who is out is asked all the same when all others have been.
        without = tried | out if len(tried | out) < len(self._replicas) else tried
        replica = self._ring.take(family, without)
        self.sent[replica] += 1
        self.away[replica] += replica != self._ring.home(family)
        try:
            yield replica
        finally:
            self._ring.give(replica)


def _place(text: str) -> int:
    return int.from_bytes(
        hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big"
    )
