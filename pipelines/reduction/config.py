"""What may be left out of recognition, each by a switch of its own; all off, nothing changes.

`Reduce` is what a person asks of a run (`--reduce`), read here and nowhere else; `Reduction` is what that means to a recogniser.
"""

from __future__ import annotations

from dataclasses import dataclass

SKU, ATTRIBUTE, CANDIDATES, SHARED = "sku", "attribute", "candidates", "shared"
FLOW, DIFFERENTIAL = "flow", "differential"
PARTS = (SKU, ATTRIBUTE, CANDIDATES, SHARED, FLOW, DIFFERENTIAL)
OFF = "off"
NAMED = {OFF: (), "paper": (SKU, ATTRIBUTE, CANDIDATES, SHARED, FLOW), "all": PARTS}
NEIGHBOUR_COSINE = 0.9
TASK_A, TASK_B = "0.995", "0.995"
LEAST_CHANCE = 0.002
REDUCED = "; reduced: "
"""What stands in a model's id before the reduction that its answers depend on."""


@dataclass(frozen=True, slots=True)
class Reduction:
    """Load that is taken off.

    `neighbour_cosine`: from which cosine on the nearest item of the category lends its results, 0 for never (L3).
    `task_a`, `task_b`: the recall at which the relevance model says which keys matter, and which a difference to a sibling
    touches, as its `thresholds` name it ("0.995"); "" for not asked (L4).
    `least_chance`: of a pair that the model is asked about, candidates that the ranker gives less are not offered, 0 for all.
    `shared_first`: what siblings share comes first in the prompt, sentence by sentence, and the first of them is asked first (L5).
    """

    neighbour_cosine: float = 0.0
    task_a: str = ""
    task_b: str = ""
    shared_first: bool = False
    least_chance: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.neighbour_cosine <= 1:
            raise ValueError(f"neighbour_cosine is {self.neighbour_cosine}: a cosine from 0 (off) to 1")
        if not 0 <= self.least_chance < 1:
            raise ValueError(f"least_chance is {self.least_chance}: a probability from 0 (off) to below 1")

    @property
    def lends(self) -> bool:
        """Whether one item may answer for another."""
        return bool(self.neighbour_cosine or self.task_b)

    @property
    def needs_model(self) -> bool:
        """Whether the relevance model is asked."""
        return bool(self.task_a or self.task_b)

    @property
    def is_off(self) -> bool:
        """Whether recognition is as it was."""
        return not (self.lends or self.task_a or self.shared_first or self.least_chance)

    def said(self, relevance: str) -> str:
        """The reduction for a model's id: equal text, equal answers. `relevance`: the relevance model's own id.

        >>> Reduction(task_a="0.995", task_b="0.995", shared_first=True).said("relevance 1#ab")
        'twins, task A 0.995, task B 0.995 with slots, relevance 1#ab, shared first'
        """
        parts = [
            "twins" if self.lends else "",
            f"neighbour {self.neighbour_cosine:g}" if self.neighbour_cosine else "",
            f"task A {self.task_a}" if self.task_a else "",
            f"task B {self.task_b} with slots" if self.task_b else "",
            relevance if self.needs_model else "",
            f"candidates of {self.least_chance:g}" if self.least_chance else "",
            "shared first" if self.shared_first else "",
        ]
        return ", ".join(part for part in parts if part)


NO_REDUCTION = Reduction()


@dataclass(frozen=True, slots=True)
class Reduce:
    """The parts that a run has switched on, in the order of `PARTS`; made by `reduce_of`."""

    parts: tuple[str, ...] = ()

    def __str__(self) -> str:
        return ",".join(self.parts) or OFF

    @property
    def reduction(self) -> Reduction:
        """What they mean to a recogniser."""
        return Reduction(
            neighbour_cosine=NEIGHBOUR_COSINE if SKU in self.parts else 0.0,
            task_a=TASK_A if ATTRIBUTE in self.parts else "",
            task_b=TASK_B if ATTRIBUTE in self.parts else "",
            shared_first=SHARED in self.parts,
            least_chance=LEAST_CHANCE if CANDIDATES in self.parts else 0.0,
        )

    @property
    def flows(self) -> bool:
        """Whether chunks overlap in encode, search and discriminate (L6)."""
        return FLOW in self.parts

    @property
    def is_differential(self) -> bool:
        """Whether pairs are kept whose inputs did not change (B2)."""
        return DIFFERENTIAL in self.parts

    @property
    def told(self) -> str:
        """The parts that results depend on: how chunks overlap is not one. "off" for none."""
        return str(Reduce(tuple(part for part in self.parts if part != FLOW)))


NOTHING_REDUCED = Reduce()


def require_no_images(reduce: Reduce, images: str) -> None:
    """Refuse what cannot be: items whose images are read are recognised whole. Errors: ValueError."""
    if reduce.parts and images != OFF:
        raise ValueError(
            f"--reduce {reduce} and --images {images}: items whose images are read are recognised whole; give one of them"
        )


def reduce_of(text: str) -> Reduce:
    """Read `--reduce`: off, paper, all, or parts by name. Errors: ValueError, saying what there is.

    >>> reduce_of("paper"), str(reduce_of("differential,sku")), str(reduce_of("off"))
    (Reduce(parts=('sku', 'attribute', 'candidates', 'shared', 'flow')), 'sku,differential', 'off')
    """
    if text in NAMED:
        return Reduce(NAMED[text])
    wanted = [part.strip() for part in text.split(",")]
    unknown = [part for part in wanted if part not in PARTS]
    if unknown:
        raise ValueError(
            f"{text!r}: give {', '.join(NAMED)}, or parts with commas between: {', '.join(PARTS)}"
        )
    return Reduce(tuple(part for part in PARTS if part in wanted))
