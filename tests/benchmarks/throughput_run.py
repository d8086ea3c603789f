"""Runs of `make bench-throughput`: every variant over the same items, by one pair of servers; nothing but what is measured."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from jobs.reduced import open_reduced
from pipelines.library.answers import ItemAnswers, Usage
from pipelines.library.recogniser import RecogniserConfig
from pipelines.library.rows import Stamp, knowledge_rows
from pipelines.reduction.earlier import Before, before_of, with_fingerprints
from pipelines.reduction.flow import Flow, seconds
from pipelines.reduction.reduced import ReducedS2D
from pipelines.reduction.timeline_picture import draw_timeline
from schemas.listing import Listing
from tests.benchmarks.throughput_plan import (
    ALL,
    NAIVE,
    PAPER,
    TURNS,
    VARIANTS,
    Items,
    Variant,
    chunks_of,
    one_percent_changed,
)
from tests.benchmarks.throughput_scoring import CALLS, SECOND, SINGLES, f1_of
from tests.benchmarks.throughput_servers import Servers

SHOWN = ("seconds", "model_seconds", "model_calls", "pairs_per_s", "f1", "cache_hit_rate", "pairs_by")


@dataclass(frozen=True, slots=True)
class Ran:
    """One run: what it took, and the closed recogniser with its answers."""

    figures: dict[str, Any]
    answers: list[ItemAnswers]
    recogniser: ReducedS2D


@dataclass(frozen=True, slots=True)
class Bench:
    """Runs variants against one pair of servers. `pictures`: folder of the timelines."""

    config: RecogniserConfig
    servers: Servers
    pictures: Path

    def open(self, variant: Variant) -> ReducedS2D:
        """The recogniser of a variant."""
        config = replace(
            self.config,
            discriminator=variant.mode,
            keys_per_request=variant.keys_per_request,
            discriminator_url=self.servers.asked(variant.cache),
        )
        return open_reduced(config, variant.reduction, flow=Flow() if variant.flows else None)

    async def run(
        self, variant: Variant, found: Items, before: dict[str, Before] | None = None, name: str = ""
    ) -> Ran:
        """Recognise all items, with what is known of them `before`."""
        recogniser = await asyncio.to_thread(self.open, variant)
        try:
            await _warm_up(recogniser, found)
            recogniser.before = before.get if before is not None else None
            await self.servers.reset(variant.cache)
            started_s = time.perf_counter()
            answers, usage = await _through(recogniser, list(chunks_of(found)))
            took_s = time.perf_counter() - started_s
        finally:
            await recogniser.close()
        figures = _figures(answers, usage, took_s, found, variant)
        if (busy_s := await self.servers.busy_s()) is not None:
            figures["model_seconds"] = round(busy_s, 3)
        self._draw(recogniser, figures, name or variant.name)
        return Ran(figures, answers, recogniser)

    def _draw(self, recogniser: ReducedS2D, figures: dict[str, Any], name: str) -> None:
        """The timeline, as figures and as a picture; a run in which nothing was to be computed has none."""
        if recogniser.flow and recogniser.flow.spans:
            figures["timeline"] = seconds(recogniser.flow.spans)
            title = f"{name}: {figures['pairs']} pairs in {figures['seconds']:.1f} s"
            stub = " (stub model)" if self.servers.stub else ""
            draw_timeline(recogniser.flow.spans, self.pictures / f"timeline-{name}.png", title + stub)


async def measure(
    bench: Bench, found: Items, singles: Items, only: Collection[str]
) -> dict[str, dict[str, Any]]:
    """All runs by name. `only`: names of variants, nothing for all."""
    runs: dict[str, dict[str, Any]] = {}

    async def ran(variant: Variant, items: Items, name: str, before: dict[str, Before] | None = None) -> Ran:
        done = await bench.run(variant, items, before, name)
        runs[name] = done.figures
        shown = {figure: done.figures[figure] for figure in SHOWN if figure in done.figures}
        print(f"{name:32} {json.dumps(shown)}", flush=True)
        return done

    for variant in VARIANTS:
        if only and variant.name not in only:
            continue
        first = await ran(variant, found, variant.name)
        if variant is PAPER:
            held = _remembered(first.recogniser, found.listings, first.answers)
            await ran(variant, found, f"{SECOND}{CALLS[0]}", held)
            for turn in range(TURNS):
                changed = one_percent_changed(found, turn)
                await ran(variant, changed, f"{SECOND}{CALLS[1]}_{turn + 1}", held)
    for variant in (NAIVE, PAPER, ALL):
        if not only or variant.name in only:
            await ran(variant, singles, f"{variant.name}{SINGLES}")
    return runs


async def _warm_up(recogniser: ReducedS2D, found: Items) -> None:
    """What a process does once is not what is measured: views of categories, vectors of keys, the first look at indexes."""
    quiet = replace(recogniser, flow=None, config=replace(recogniser.config, discriminator="off"))
    await quiet.recognise([family[0] for family in found.families])
    for listing in found.listings:
        recogniser.views.of(str(listing.category_id))


async def _through(
    recogniser: ReducedS2D, chunks: Sequence[list[Listing]]
) -> tuple[list[ItemAnswers], Usage]:
    usage, answers = Usage(), []
    if recogniser.flow:
        async for part, spent in recogniser.flow.run(chunks, recogniser.recognise):
            answers += part
            usage.add(spent)
        return answers, usage
    for chunk in chunks:
        part, spent = await recogniser.recognise(chunk)
        answers += part
        usage.add(spent)
    return answers, usage


def _figures(
    answers: Sequence[ItemAnswers], usage: Usage, took_s: float, found: Items, variant: Variant
) -> dict[str, Any]:
    pairs = sum(len(item.answers) for item in answers)
    names = ("prompt_tokens", "cached_tokens", "completion_tokens", "encoded_texts", "rejected_replies")
    return {
        "seconds": round(took_s, 3),
        "pairs": pairs,
        "triples": sum(len(one.values) for item in answers for one in item.answers),
        "pairs_per_s": round(pairs / took_s, 3),
        "f1": round(f1_of(answers, found.gold), 4),
        "model_calls": usage.tokens["requests"],
        **{name: usage.tokens[name] for name in names},
        "cache_hit_rate": round(usage.tokens["cached_tokens"] / max(1, usage.tokens["prompt_tokens"]), 3),
        "pairs_by": dict(usage.pairs),
        "stage_seconds": {name: round(one, 3) for name, one in usage.seconds.items()},
        "variant": asdict(variant),
    }


def _remembered(
    recogniser: ReducedS2D, listings: Sequence[Listing], answers: Sequence[ItemAnswers]
) -> dict[str, Before]:
    """What the tables hold after a run."""
    return {item.item_id: before for item, before in _befores(recogniser, listings, answers)}


def _befores(
    recogniser: ReducedS2D, listings: Sequence[Listing], answers: Sequence[ItemAnswers]
) -> Iterator[tuple[Listing, Before]]:
    stamp = Stamp("offline", 1, recogniser.model, recogniser.ontology_version, "bench")
    for listing, found in zip(listings, answers, strict=True):
        rows = knowledge_rows(listing, 0, found, "", stamp)
        prints = recogniser.pair_prints(listing, found)
        yield listing, before_of(listing, with_fingerprints(rows, prints))
