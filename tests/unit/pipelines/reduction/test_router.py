"""The router: families stay, loads keep within their bound, and a replica that goes takes only its own families along."""

from __future__ import annotations

import asyncio
import doctest
from collections import Counter, defaultdict

import pytest

from pipelines.reduction import router
from pipelines.reduction.admission import Admission, AdmissionConfig, AdmittedDiscriminator
from pipelines.reduction.router import OWN_MARK, Outs, Ring, RoutedDiscriminator, UnlessOut, family_of
from schemas.inference import Completion, ServerUnavailable
from udfs.prompts import Question, build_prompt

REPLICAS = [f"http://replica-{n}" for n in range(5)]


def test_a_family_stays_where_it_is_while_there_is_room():
    ring = Ring(REPLICAS)
    for family in range(200):
        homes = set()
        for _ in range(3):  # one request at a time: there is always room
            replica = ring.take(f"spu-{family}")
            homes.add(replica)
            ring.give(replica)
        assert homes == {ring.home(f"spu-{family}")}
    shares = Counter(ring.home(f"spu-{n}") for n in range(20_000))
    assert set(shares) == set(REPLICAS)
    assert max(shares.values()) < 1.35 * min(shares.values())


@pytest.mark.parametrize("slack", [1.0, 1.25, 2.0])
def test_no_replica_has_more_under_way_than_its_bound(slack):
    ring = Ring(REPLICAS, slack=slack)
    away = 0
    for number in range(1, 1001):  # one family is asked for all the time: all at once, none given back
        away += ring.take("hot" if number % 2 else f"spu-{number}") != ring.home(
            "hot" if number % 2 else f"spu-{number}"
        )
        most = -(-slack * number // len(REPLICAS))
        assert max(ring.under_way.values()) <= most
    assert sum(ring.under_way.values()) == 1000
    assert away > 0


def test_a_replica_that_goes_moves_only_its_own_families():
    before, after = Ring(REPLICAS), Ring(REPLICAS[:-1])
    keys = [f"spu-{n}" for n in range(5_000)]
    moved = [key for key in keys if before.home(key) != after.home(key)]
    assert moved and all(before.home(key) == REPLICAS[-1] for key in moved)
    assert Ring(list(reversed(REPLICAS))).home("spu-1") == before.home("spu-1")


def test_the_family_is_read_off_the_prompt():
    question = Question("c", "Colour", "", ("red", "blue"), True)
    with_own = [build_prompt("Shared text. Twice.", own, [question]) for own in ("red one", "blue one")]
    assert OWN_MARK in with_own[0] and family_of(with_own[0]) == family_of(with_own[1])
    other = Question("m", "Material", "", ("steel",), False)
    alone = [build_prompt("Shared text. Twice.", "", [one]) for one in (question, other)]
    assert family_of(alone[0]) == family_of(alone[1]) == family_of(with_own[0])
    assert family_of(build_prompt("Other text.", "", [question])) != family_of(alone[0])
    assert doctest.testmod(router).failed == 0


class Replica:
    """A server with a prefix cache: it knows the families that it has seen."""

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self.hits = 0
        self.fails = False

    async def complete(self, prompt, max_tokens, *, regex=None, logprobs=0):
        await asyncio.sleep(0)
        if self.fails:
            raise ConnectionError("gone")
        self.hits += family_of(prompt) in self.seen
        self.seen.add(family_of(prompt))
        return Completion("", (), 10, 0, 1)


def prompts(families: int, members: int) -> list[str]:
    question = Question("c", "Colour", "", ("red", "blue"), True)
    return [
        build_prompt(f"Family {family}.", f"member {member}", [question])
        for member in range(members)
        for family in range(families)
    ]


def test_families_stay_together_over_replicas():
    fleet = defaultdict(Replica, {name: Replica() for name in REPLICAS})
    routed = RoutedDiscriminator(dict(fleet))

    async def ask():
        gate = asyncio.Semaphore(20)

        async def one(prompt):
            async with gate:
                await routed.complete(prompt, 5)

        await asyncio.gather(*map(one, prompts(40, 8)))

    asyncio.run(ask())
    assert sum(routed.sent.values()) == 320
    hits = sum(one.hits for one in fleet.values())
    # By turns every replica would have to learn every family: 320 - 5 * 40 hits.
    assert hits > 240
    assert max(routed.sent.values()) < 2 * min(routed.sent.values())


def test_a_failed_request_gives_its_place_back():
    broken = Replica()
    broken.fails = True
    routed = RoutedDiscriminator({"a": broken})
    for _ in range(3):
        with pytest.raises(ConnectionError):
            asyncio.run(routed.complete("x", 1))
    assert routed.sent["a"] == 3 and routed._ring.under_way == {"a": 0}


class Gone:
    async def complete(self, prompt, max_tokens, *, regex=None, logprobs=0):
        raise ServerUnavailable("nobody answers")


def test_what_a_dead_replica_was_asked_another_answers_and_it_is_left_alone_for_a_while():
    now, alive = [0.0], Replica()
    routed = RoutedDiscriminator({"a": Gone(), "b": alive}, outs=Outs(30, lambda: now[0]))

    async def ask():
        for prompt in prompts(10, 2):
            await routed.complete(prompt, 5)

    asyncio.run(ask())
    assert routed.sent["a"] == 1 and routed.sent["b"] == 20
    now[0] = 31.0
    asyncio.run(ask())
    assert routed.sent["a"] == 2 and routed.sent["b"] == 40
    assert routed._ring.under_way == {"a": 0, "b": 0}


def test_what_waits_for_a_replica_that_turns_out_dead_does_not_try_it_again():
    tried = []

    class Slow(Gone):
        async def complete(self, prompt, max_tokens, *, regex=None, logprobs=0):
            tried.append(prompt)
            await asyncio.sleep(0.01)
            return await super().complete(prompt, max_tokens)

    async def ask():
        outs, alive = Outs(), Replica()
        admission = Admission(AdmissionConfig(first=2, most=2))

        async def silent() -> None:
            return None

        slow = AdmittedDiscriminator(UnlessOut(Slow(), "a", ["b"], outs), admission, silent)
        routed = RoutedDiscriminator({"a": slow, "b": alive}, outs=outs)
        await asyncio.gather(*(routed.complete(prompt, 5) for prompt in prompts(40, 2)))
        return routed

    routed = asyncio.run(ask())
    assert len(tried) == 2 and routed.sent["b"] == 80


def test_when_all_are_out_all_are_tried_again():
    now, alive = [0.0], Replica()
    outs = Outs(30, lambda: now[0])
    outs.add("a"), outs.add("b")
    fleet = {"a": UnlessOut(Gone(), "a", ["b"], outs), "b": UnlessOut(alive, "b", ["a"], outs)}
    asyncio.run(RoutedDiscriminator(fleet, outs=outs).complete("x", 1))
    assert len(alive.seen) == 1


def test_a_fleet_of_which_none_answers_fails_as_one_server_does_each_asked_once():
    routed = RoutedDiscriminator({"a": Gone(), "b": Gone(), "c": Gone()})
    for tries in (1, 2):
        with pytest.raises(ServerUnavailable):
            asyncio.run(routed.complete("x", 1))
        assert dict(routed.sent) == dict.fromkeys("abc", tries)


@pytest.mark.parametrize(("replicas", "slack"), [([], 1.2), (["a", "a"], 1.2), (["a"], 0.9)])
def test_impossible_rings_are_refused(replicas, slack):
    with pytest.raises(ValueError):
        Ring(replicas, slack=slack)
    with pytest.raises(ValueError, match="no request"):
        Ring(["a"]).give("a")
