"""What knowledge costs: tokens, seconds and money per triple, by tier (B7)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipelines.library.answers import Usage

SECONDS_AN_HOUR = 3600.0
A_MILLION = 1_000_000
MACHINE_HOUR = 0.10
"""Price of an hour of the machine where nobody states one, in any one currency."""


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices, in any one currency. `machine_hour`: of the machine that was measured, workers and model servers together.

    `prompt_tokens`, `cached_tokens`, `completion_tokens`: of a million of each, where a model is paid by the token; 0 on own machines.
    """

    machine_hour: float
    prompt_tokens: float = 0.0
    cached_tokens: float = 0.0
    completion_tokens: float = 0.0

    def __post_init__(self) -> None:
        if min(self.machine_hour, self.prompt_tokens, self.cached_tokens, self.completion_tokens) < 0:
            raise ValueError(f"{self}: a price is not negative")


DEFAULT_PRICES = Prices(MACHINE_HOUR)


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """One tier's account. `seconds` are those that the machine was held, whoever waited for whom meanwhile."""

    tier: str
    pairs: int
    triples: int
    requests: int
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    seconds: float
    money: float

    @property
    def money_a_triple(self) -> float:
        """Money for one triple; 0 where there are none."""
        return self.money / self.triples if self.triples else 0.0


def ledger_line(
    tier: str, usage: Usage, pairs: int, triples: int, seconds: float, prices: Prices
) -> LedgerLine:
    """The account of one tier. Prompt tokens that were cached are paid as such, not twice."""
    tokens = usage.tokens
    computed = tokens["prompt_tokens"] - tokens["cached_tokens"]
    paid = (
        computed * prices.prompt_tokens
        + tokens["cached_tokens"] * prices.cached_tokens
        + tokens["completion_tokens"] * prices.completion_tokens
    )
    return LedgerLine(
        tier,
        pairs,
        triples,
        tokens["requests"],
        tokens["prompt_tokens"],
        tokens["cached_tokens"],
        tokens["completion_tokens"],
        seconds,
        seconds / SECONDS_AN_HOUR * prices.machine_hour + paid / A_MILLION,
    )


def per_triple(line: LedgerLine) -> Mapping[str, float]:
    """What one triple of a tier takes: each figure over the tier's triples; nothing where there are none."""
    if not line.triples:
        return {}
    names = ("requests", "prompt_tokens", "cached_tokens", "completion_tokens", "seconds", "money")
    return {name: getattr(line, name) / line.triples for name in names}


TAKEN_OVER, RANKER, MODEL = "taken over", "ranker", "discriminator"
STAGES: Mapping[str, tuple[str, ...]] = {
    TAKEN_OVER: ("reduce",),
    RANKER: ("images", "encode", "search", "rank"),
    MODEL: ("discriminate",),
}
"""What a tier's run is made of, and which of `Usage.seconds` each part took."""


def run_ledger(
    tier: str,
    usage: Usage,
    pairs: Mapping[str, int],
    triples: Mapping[str, int],
    held_s: float,
    prices: Prices,
) -> list[LedgerLine]:
    """The account of one tier's run by who answered, then of all of it.

    `pairs`, `triples`: by part of `STAGES`. `held_s`: how long the machine was held; its seconds are shared out as the parts'
    own seconds are, whoever waited meanwhile. Only the model is paid by the token.
    """
    own = {part: sum(usage.seconds.get(stage, 0.0) for stage in stages) for part, stages in STAGES.items()}
    whole = sum(own.values())
    lines = []
    for part, took_s in own.items():
        seconds = held_s * took_s / whole if whole else 0.0
        spent = usage if part == MODEL else Usage()
        lines.append(
            ledger_line(f"{tier}, {part}", spent, pairs.get(part, 0), triples.get(part, 0), seconds, prices)
        )
    everything = ledger_line(tier, usage, sum(pairs.values()), sum(triples.values()), held_s, prices)
    return [*lines, everything]
