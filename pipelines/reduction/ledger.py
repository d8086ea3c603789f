"""What knowledge costs: tokens, seconds and money per triple, by tier (B7)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipelines.library.answers import Usage

SECONDS_AN_HOUR = 3600.0
A_MILLION = 1_000_000
MACHINE_HOUR = 0.10
"""Price of an hour of a machine of two cores, where nobody states another, in any one currency."""


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
