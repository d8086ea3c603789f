"""What may be left out of recognition, each by a switch of its own; all off, nothing changes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reduction:
    """Load that is taken off.

    `neighbour_cosine`: from which cosine on the nearest item of the category lends its results, 0 for never (L3).
    `task_a`, `task_b`: the recall at which the relevance model says which keys matter, and which a difference to a sibling
    touches, as its `thresholds` name it ("0.995"); "" for not asked (L4).
    `shared_first`: what siblings share comes first in the prompt, sentence by sentence, and the first of them is asked first (L5).
    """

    neighbour_cosine: float = 0.0
    task_a: str = ""
    task_b: str = ""
    shared_first: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.neighbour_cosine <= 1:
            raise ValueError(f"neighbour_cosine is {self.neighbour_cosine}: a cosine from 0 (off) to 1")

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
        return not (self.lends or self.task_a or self.shared_first)


NO_REDUCTION = Reduction()
