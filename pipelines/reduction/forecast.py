"""What a catalog of another size would take, from measured figures, with its arithmetic (B7).

Nothing here is assumed but what the caller states (prices, use of machines): a figure is measured, stated, or computed from
those by a line that is shown.
"""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.reduction.ledger import SECONDS_AN_HOUR

SECONDS_A_DAY = 86_400.0
MEASURED, STATED, COMPUTED = "measured", "stated", "computed"


@dataclass(frozen=True, slots=True)
class Measured:
    """What a run measured, on one machine. `left_after_change`: of the pairs of an item whose text changed, the share that is
    computed again. `changed_pairs_a_second`: the speed at which these are computed, as no sibling answers for them; 0: as the
    others. `is_stub`: whether a stub stood for the model.
    """

    pairs_an_item: float
    triples_an_item: float
    pairs_a_second: float
    left_after_change: float
    source: str
    is_stub: bool = False
    changed_pairs_a_second: float = 0.0

    def __post_init__(self) -> None:
        if min(self.pairs_an_item, self.pairs_a_second) <= 0 or not 0 <= self.left_after_change <= 1:
            raise ValueError(
                f"{self.source}: nothing was measured that a forecast could be made from: {self}"
            )


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be forecast. `in_use`: the share of a day that a machine really works; `first_days`: for the whole catalog."""

    items: float
    changes_a_day: float
    machine_hour_price: float
    in_use: float = 0.7
    first_days: float = 30.0

    def __post_init__(self) -> None:
        if self.items < 0 or self.changes_a_day < 0 or self.machine_hour_price < 0:
            raise ValueError("items, changes and prices are not negative")
        if not 0 < self.in_use <= 1 or self.first_days <= 0:
            raise ValueError(
                f"a machine is in use for a share in (0, 1], not {self.in_use}; {self.first_days} days must be more than 0"
            )


@dataclass(frozen=True, slots=True)
class Line:
    """One step of the arithmetic: a name, its value, and how it came about."""

    name: str
    value: float
    unit: str
    how: str
    kind: str = COMPUTED


def forecast(measured: Measured, wanted: Wanted) -> list[Line]:
    """All steps, those that are computed after what they are computed from."""
    pairs = wanted.items * measured.pairs_an_item
    first_s = pairs / measured.pairs_a_second
    first_machines = first_s / (wanted.first_days * SECONDS_A_DAY * wanted.in_use)
    first_money = first_s / wanted.in_use / SECONDS_AN_HOUR * wanted.machine_hour_price
    triples = wanted.items * measured.triples_an_item
    changed = wanted.changes_a_day * measured.pairs_an_item * measured.left_after_change
    changed_speed = measured.changed_pairs_a_second or measured.pairs_a_second
    day_s = changed / changed_speed
    day_machines = day_s / (SECONDS_A_DAY * wanted.in_use)
    day_money = day_s / wanted.in_use / SECONDS_AN_HOUR * wanted.machine_hour_price
    return [
        Line("pairs an item", measured.pairs_an_item, "", measured.source, MEASURED),
        Line("triples an item", measured.triples_an_item, "", measured.source, MEASURED),
        Line("speed of one machine", measured.pairs_a_second, "pairs/s", measured.source, MEASURED),
        Line("speed where no sibling answers", changed_speed, "pairs/s", measured.source, MEASURED),
        Line(
            "share of a changed item's pairs left to compute",
            measured.left_after_change,
            "",
            measured.source,
            MEASURED,
        ),
        Line("items", wanted.items, "", "--items", STATED),
        Line("changes a day", wanted.changes_a_day, "", "--changes-per-day", STATED),
        Line("share of time in use", wanted.in_use, "", "--in-use", STATED),
        Line("price of a machine hour", wanted.machine_hour_price, "", "--machine-hour", STATED),
        Line("days for the whole catalog", wanted.first_days, "d", "--first-days", STATED),
        Line("pairs of the catalog", pairs, "", "items x pairs an item"),
        Line("machine seconds, catalog", first_s, "s", "pairs of the catalog / speed"),
        Line("machines, catalog", first_machines, "", "machine seconds / (days x 86,400 s x share in use)"),
        Line("money, catalog", first_money, "", "machine seconds / share in use / 3,600 s x price"),
        Line("triples of the catalog", triples, "", "items x triples an item"),
        Line(
            "money a triple",
            first_money / triples if triples else 0.0,
            "",
            "money, catalog / triples of the catalog",
        ),
        Line("pairs a day", changed, "", "changes a day x pairs an item x share left"),
        Line("machine seconds a day", day_s, "s", "pairs a day / speed where no sibling answers"),
        Line("machines, every day", day_machines, "", "machine seconds a day / (86,400 s x share in use)"),
        Line("money a day", day_money, "", "machine seconds a day / share in use / 3,600 s x price"),
    ]


def as_text(lines: list[Line], measured: Measured) -> str:
    """The lines as a table; a forecast from a stub says so first."""
    rows = [
        (line.name, f"{_number(line.value)} {line.unit}".strip(), f"{line.kind}: {line.how}")
        for line in lines
    ]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    table = "\n".join(f"{name:{widths[0]}}  {value:>{widths[1]}}  {how}" for name, value, how in rows)
    warning = "A STUB stood for the model at a stated speed: machines and money follow that speed, not a measured one.\n"
    return (warning if measured.is_stub else "") + table


def _number(value: float) -> str:
    """A number as people read it.

    >>> _number(10e9), _number(0.01234), _number(12.5), _number(0.0)
    ('10,000,000,000', '0.01234', '12.5', '0')
    """
    return f"{value:,.0f}" if value >= 1000 or value == 0 else f"{value:.4g}"
