"""Answers of another checkout of this project, by its own code and weights: for releases that need an earlier program.

As a script it runs inside the other checkout (its PYTHONPATH), so it uses only what every checkout has; nothing of ours.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipelines.library.answers import ItemAnswers, Usage
    from schemas.listing import Listing


class CheckoutFailed(RuntimeError):
    """The other checkout could not answer; the message holds the end of what it said."""


@dataclass
class Elsewhere:
    """A `Recogniser` that lets another checkout answer all listings of a set at once, when first asked.

    `discriminator`: the mode it is asked in. `seconds` is what it took, without its opening.
    """

    checkout: Path
    ontology_dir: Path
    listings: Sequence[Listing]
    discriminator: str
    model: str = ""
    seconds: float = 0.0
    _answers: dict[str, ItemAnswers] = field(default_factory=dict)

    @property
    def ontology_version(self) -> str:
        """Not told: it made its own release."""
        return ""

    async def recognise(self, listings: Sequence[Listing]) -> tuple[list[ItemAnswers], Usage]:
        """Answers of N listings, same order. Errors: CheckoutFailed."""
        from pipelines.library.answers import Usage

        if not self._answers:
            self._ask()
        return [self._answers[listing.item_id] for listing in listings], Usage()

    async def close(self) -> None:
        """There is nothing to close."""

    def _ask(self) -> None:
        from pipelines.library.answers import Answer, ItemAnswers
        from schemas.json_form import to_mapping

        known = {one.name for one in fields(Answer)}
        with tempfile.TemporaryDirectory(prefix="aiic-elsewhere-") as scratch:
            asked, told = Path(scratch) / "listings.jsonl", Path(scratch) / "answers.json"
            lines = (json.dumps(to_mapping(one), ensure_ascii=False) for one in self.listings)
            asked.write_text("".join(f"{line}\n" for line in lines), "utf-8")
            words = [str(self.ontology_dir.absolute()), str(asked), str(told), self.discriminator]
            self._run([sys.executable, str(Path(__file__).resolve()), *words])
            found = json.loads(told.read_text("utf-8"))
        self.model, self.seconds = found["model"], found["seconds"]
        for item in found["items"]:
            answers = tuple(
                Answer(
                    **{name: _frozen(value) for name, value in one.items() if name in known}
                    | {"evidence": ()}
                )
                for one in item.pop("answers")
            )
            self._answers[item["item_id"]] = ItemAnswers(**item, answers=answers)

    def _run(self, words: list[str]) -> None:
        environment = {**os.environ, "PYTHONPATH": str(self.checkout), "AIIC_HOME": str(self.checkout)}
        done = subprocess.run(words, cwd=self.checkout, env=environment, capture_output=True, text=True)
        if done.returncode != 0:
            raise CheckoutFailed(f"{self.checkout} could not answer:\n{done.stderr[-1500:]}")


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def answer_here(ontology_dir: Path, listings: Path, out: Path, discriminator: str) -> None:
    """Answer listings by the checkout that this runs in, and write what it says."""
    from jobs.recogniser import open_evaluation_recogniser
    from pipelines.apps.recognise_set import EvaluationOptions, recognise_set
    from pipelines.tunnel.intake import read_listings
    from schemas.shard import ShardItem

    entries = read_listings([listings], 2**53, default_event_ms=0)
    items = [entry.listing for entry in entries if isinstance(entry, ShardItem)]
    recogniser = open_evaluation_recogniser(ontology_dir, EvaluationOptions(discriminator))

    async def work() -> list[Any]:
        try:
            found, _ = await recognise_set(recogniser, items, lambda _done, _total: None)
            return found
        finally:
            await recogniser.close()

    started_s = time.monotonic()
    answers = asyncio.run(work())
    seconds = round(time.monotonic() - started_s, 3)
    content = {"model": recogniser.model, "seconds": seconds, "items": [asdict(item) for item in answers]}
    out.write_text(json.dumps(content, ensure_ascii=False), "utf-8")


if __name__ == "__main__":
    answer_here(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4])
