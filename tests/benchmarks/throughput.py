"""Throughput, SKU x key pairs a second: naive S2D first, then each part alone, then all, on the same items in one run (L3-L7, B2).

    make bench-throughput                      # stub servers at a stated speed: every figure is marked as such
    python -m tests.benchmarks.throughput --encoder-url URL --discriminator-url URL      # real servers

Naive: every pair to the discriminator, each alone, nothing cached, chunk after chunk. Items: families of `infra.demo.families`
with their gold labels, and families of one. Written: build/bench/throughput.json, timelines beside it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp

from infra.demo.families import ONTOLOGY, FamilyConfig, families, gold_rows, shared_share
from infra.demo.tree import LEAVES
from infra.faiss import FaissSearch
from infra.vllm import EncoderClient
from jobs.models import ANY
from jobs.recogniser import default_config
from jobs.reduced import open_reduced
from pipelines.apps.scoring import Score, judge
from pipelines.library.answers import ItemAnswers, Usage
from pipelines.library.recogniser import RecogniserConfig
from pipelines.library.rows import Stamp, knowledge_rows
from pipelines.ontology.interchange import load_interchange
from pipelines.ontology.make_release import make_release, release_folder
from pipelines.ontology.store import OntologyStore, Source
from pipelines.reduction.config import NO_REDUCTION, Reduction
from pipelines.reduction.earlier import Before, before_of, fingerprints, with_fingerprints
from pipelines.reduction.flow import Flow, seconds
from pipelines.reduction.reduced import ReducedS2D
from pipelines.reduction.timeline_picture import draw_timeline
from schemas.derive import parse_record
from schemas.listing import Listing
from tests.benchmarks.parts import BENCH, facts
from tests.benchmarks.throughput_stub import Oracle, Speed
from udfs.document import document
from udfs.prompts import as_data
from udfs.text import fold

WORK = BENCH / "throughput"
CHUNK_ITEMS = 16
REDUCED = Reduction(neighbour_cosine=0.9, task_a="0.995", task_b="0.999")
Gold = dict[str, dict[str, list[str]]]


@dataclass(frozen=True, slots=True)
class Variant:
    """One way of recognising the items. `cache`: whether the server keeps prefixes."""

    name: str
    reduction: Reduction = NO_REDUCTION
    mode: str = "all"
    keys_per_request: int = 1
    cache: bool = False
    flows: bool = False


CACHED = {"keys_per_request": 8, "cache": True}
NAIVE = Variant("naive")
PAPER = Variant("paper_parts", replace(REDUCED, shared_first=True), flows=True, **CACHED)
VARIANTS = (
    NAIVE,
    Variant("reduction", REDUCED),
    Variant("reduction_sku", Reduction(neighbour_cosine=0.9)),
    Variant("reduction_attribute", Reduction(task_a="0.995", task_b="0.999")),
    Variant("cache", Reduction(shared_first=True), **CACHED),
    Variant("cache_prefix", Reduction(shared_first=True), cache=True),
    Variant("async", flows=True),
    PAPER,
    Variant("cascade", mode="cascade"),
    replace(PAPER, name="all", mode="cascade"),
)


@dataclass(frozen=True, slots=True)
class Items:
    """What is recognised: listings, family by family, and their labels."""

    families: list[list[Listing]]
    gold: Gold
    shared: float
    key_names: dict[str, str]

    @property
    def shown_gold(self) -> dict[str, dict[str, list[str]]]:
        """Labels by what a prompt shows: the title as data, the key's name; values folded."""
        return {
            as_data(document(listing).parts[0].clean.text): {
                self.key_names[f"{listing.category_id}/{key_id}"]: list(map(fold, values))
                for key_id, values in self.gold[listing.item_id].items()
            }
            for listing in self.listings
        }

    @property
    def listings(self) -> list[Listing]:
        """All listings in order."""
        return [listing for family in self.families for listing in family]


def items_of(config: FamilyConfig) -> Items:
    """Make families and their labels."""
    made = list(families(config))
    gold: Gold = {}
    for draft in (draft for family in made for draft in family):
        for row in gold_rows(draft):
            gold.setdefault(str(row["item_id"]), {})[str(row["key_id"])] = list(row["values"])  # type: ignore[call-overload]
    listings = [[parse_record(Listing, draft.row) for draft in family] for family in made]
    shares = [shared_share([draft.row for draft in family]) for family in made]
    names = {f"{leaf.category_id}/{key.key_id}": key.name for leaf in LEAVES for key in leaf.keys}
    return Items(listings, gold, sum(shares) / max(1, len(shares)), names)


def chunks_of(found: Items) -> Iterator[list[Listing]]:
    """Whole families together while they fit; a large family in pieces (L0)."""
    waiting: list[Listing] = []
    for family in found.families:
        for at in range(0, len(family), CHUNK_ITEMS):
            piece = family[at : at + CHUNK_ITEMS]
            if waiting and len(waiting) + len(piece) > CHUNK_ITEMS:
                yield waiting
                waiting = []
            waiting = [*waiting, *piece]
    if waiting:
        yield waiting


def f1_of(answers: Sequence[ItemAnswers], gold: Gold) -> float:
    """Micro F1 over all labelled pairs."""
    score = Score()
    for item in answers:
        said = {answer.key_id: answer.values for answer in item.answers}
        for key_id, values in gold[item.item_id].items():
            score = score.plus(judge(values, said.get(key_id, ())))
    return score.f1


class Bench:
    """Runs variants against one pair of servers. `stub`: whether they are ours, whose cache can be emptied and turned off."""

    def __init__(self, config: RecogniserConfig, stub: bool) -> None:
        self.config, self.stub = config, stub

    def open(self, variant: Variant, before: dict[str, Before] | None = None) -> ReducedS2D:
        """The recogniser of a variant."""
        config = replace(self.config, discriminator=variant.mode, keys_per_request=variant.keys_per_request)
        flow = Flow() if variant.flows else None
        return open_reduced(
            config, variant.reduction, before=before.get if before is not None else None, flow=flow
        )

    async def run(
        self, variant: Variant, found: Items, before: dict[str, Before] | None = None, name: str = ""
    ) -> tuple[dict[str, Any], list[ItemAnswers], ReducedS2D]:
        """Recognise all items; what it took, the answers, and the closed recogniser."""
        recogniser = await asyncio.to_thread(self.open, variant, before)
        try:
            # What a process does once is not what is measured: views of categories, vectors of keys, the first look at indexes.
            await replace(
                recogniser, before=None, flow=None, config=replace(recogniser.config, discriminator="off")
            ).recognise([family[0] for family in found.families])
            for listing in found.listings:
                recogniser.views.of(str(listing.category_id))
            await self._reset(variant)
            started_s = time.perf_counter()
            answers, usage = await self._through(recogniser, list(chunks_of(found)))
            took_s = time.perf_counter() - started_s
        finally:
            await recogniser.close()
        pairs = sum(len(item.answers) for item in answers)
        figures = {
            "seconds": round(took_s, 3),
            "pairs": pairs,
            "triples": sum(len(one.values) for item in answers for one in item.answers),
            "pairs_per_s": round(pairs / took_s, 3),
            "f1": round(f1_of(answers, found.gold), 4),
            "model_calls": usage.tokens["requests"],
            "prompt_tokens": usage.tokens["prompt_tokens"],
            "cached_tokens": usage.tokens["cached_tokens"],
            "completion_tokens": usage.tokens["completion_tokens"],
            "encoded_texts": usage.tokens["encoded_texts"],
            "cache_hit_rate": round(usage.tokens["cached_tokens"] / max(1, usage.tokens["prompt_tokens"]), 3),
            "rejected_replies": usage.tokens["rejected_replies"],
            "pairs_by": dict(usage.pairs),
            "stage_seconds": {name: round(one, 3) for name, one in usage.seconds.items()},
            "variant": asdict(variant),
        }
        if self.stub:
            figures["model_seconds"] = round((await _get(f"{self._stub_url}/stats"))["busy_s"], 3)
        if recogniser.flow and recogniser.flow.spans:
            figures["timeline"] = seconds(recogniser.flow.spans)
            title = f"{variant.name}: {pairs} pairs in {took_s:.1f} s" + (
                " (stub model)" if self.stub else ""
            )
            draw_timeline(recogniser.flow.spans, WORK / f"timeline-{name or variant.name}.png", title)
        return figures, answers, recogniser

    async def _through(
        self, recogniser: ReducedS2D, chunks: list[list[Listing]]
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

    @property
    def _stub_url(self) -> str:
        return self.config.discriminator_url.removesuffix("/v1")

    async def _reset(self, variant: Variant) -> None:
        if self.stub:
            await _call(
                f"{self._stub_url}/reset", {"cache_blocks": Speed().cache_blocks if variant.cache else 0}
            )


def remembered(
    recogniser: ReducedS2D, listings: Sequence[Listing], answers: Sequence[ItemAnswers]
) -> dict[str, Before]:
    """What the tables hold after a run."""
    stamp = Stamp("offline", 1, recogniser.model, recogniser.ontology_version, "bench")
    held = {}
    for listing, found in zip(listings, answers, strict=True):
        slices = recogniser.slices.of(recogniser.views.of(found.category_id))
        prints = fingerprints(listing, found.answers, slices, recogniser.models)
        held[listing.item_id] = before_of(
            listing, with_fingerprints(knowledge_rows(listing, 0, found, "", stamp), prints)
        )
    return held


def one_percent_changed(found: Items) -> Items:
    """The items with one in a hundred, at least one, taking over the text of the next SKU of its family."""
    every = 100
    changed, count = [], 0
    for family in found.families:
        now = list(family)
        for place, listing in enumerate(family):
            if count % every == 0:
                other = family[(place + 1) % len(family)]
                now[place] = replace(
                    listing, title=other.title, description=other.description, attributes=other.attributes
                )
            count += 1
        changed.append(now)
    return replace(found, families=changed)


async def measure(bench: Bench, found: Items, singles: Items, only: Sequence[str]) -> dict[str, Any]:
    """All figures."""
    runs: dict[str, dict[str, Any]] = {}
    figures: dict[str, Any] = {}
    for variant in VARIANTS:
        if only and variant.name not in only:
            continue
        runs[variant.name], answers, recogniser = await bench.run(variant, found)
        print(
            f"{variant.name:20} {json.dumps({name: runs[variant.name][name] for name in _SHOWN})}", flush=True
        )
        if variant is PAPER:
            held = remembered(recogniser, found.listings, answers)
            first = max(1, runs[variant.name]["model_calls"])
            for name, state in (
                ("calls_unchanged", found),
                ("calls_one_percent", one_percent_changed(found)),
            ):
                again, _, _ = await bench.run(variant, state, held, name)
                runs[f"second_run_{name}"] = again
                figures[name] = (
                    again["model_calls"]
                    if name == "calls_unchanged"
                    else round(again["model_calls"] / first, 5)
                )
                print(f"{name:20} {json.dumps({name: again[name] for name in _SHOWN})}", flush=True)
    for variant in (NAIVE, PAPER, VARIANTS[-1]):
        if not only or variant.name in only:
            name = f"{variant.name}_family_1"
            runs[name], _, _ = await bench.run(variant, singles, name=name)
            print(f"{name:20} {json.dumps({key: runs[name][key] for key in _SHOWN})}", flush=True)
    return figures | speedups(runs) | {"runs": runs}


_SHOWN = ("seconds", "model_calls", "pairs_per_s", "f1", "cache_hit_rate", "pairs_by")


def speedups(runs: dict[str, dict[str, Any]]) -> dict[str, float]:
    """Pairs a second against naive on the same items, and F1."""
    found: dict[str, float] = {}
    for name, run in runs.items():
        base = runs.get("naive_family_1" if name.endswith("_family_1") else "naive")
        if base and not name.startswith(("second_run", "naive")):
            found[f"speedup_{name}"] = round(run["pairs_per_s"] / base["pairs_per_s"], 2)
            # What the model server alone is relieved by: this does not depend on how busy the machine of the bench is.
            if run.get("model_seconds"):
                found[f"model_speedup_{name}"] = round(base["model_seconds"] / run["model_seconds"], 2)
    return found | {
        f"f1_{name}": runs[name]["f1"] for name in ("naive", "paper_parts", "cascade", "all") if name in runs
    }


async def _call(url: str, body: dict[str, Any]) -> None:
    async with aiohttp.ClientSession() as session, session.post(url, json=body) as reply:
        reply.raise_for_status()


async def released(encoder_url: str, folder: Path) -> Path:
    """A release of the demo ontology by this encoder, in a folder of the bench's own."""
    shutil.rmtree(folder, ignore_errors=True)
    store = OntologyStore(folder, "throughput")
    version = store.commit(load_interchange(ONTOLOGY), Source("bench"), 0).version
    async with EncoderClient(encoder_url) as encoder:
        encoder_id = await encoder.model_id()
        made = release_folder(store, version, encoder_id)
        await make_release(store, version, encoder.embed, encoder_id, made, backend=FaissSearch())
    return made


async def wait_for(url: str, seconds_left: float = 60.0) -> None:
    """Wait until a server answers. Errors: TimeoutError."""
    until_s = time.monotonic() + seconds_left
    while time.monotonic() < until_s:
        try:
            async with aiohttp.ClientSession() as session, session.get(url) as reply:
                if reply.status == 200:
                    return
        except aiohttp.ClientError:
            await asyncio.sleep(0.2)
    raise TimeoutError(f"{url}: no answer")


async def run(args: argparse.Namespace) -> None:
    """Make items, open servers, measure, write."""
    found = items_of(FamilyConfig(args.families, args.size, args.seed))
    singles = items_of(FamilyConfig(args.singles, 1, f"{args.seed} singles"))
    stub = not args.discriminator_url
    config = default_config(Path())
    process = None
    speed = Speed(prefill=args.prefill, decode=args.decode)
    if stub:
        url = f"http://127.0.0.1:{args.port}"
        words = ["--port", str(args.port), "--prefill", str(speed.prefill), "--decode", str(speed.decode)]
        labels = WORK / "gold.json"
        labels.parent.mkdir(parents=True, exist_ok=True)
        labels.write_text(json.dumps(found.shown_gold | singles.shown_gold, ensure_ascii=False), "utf-8")
        words += ["--gold", str(labels), "--wrong", str(args.wrong)]
        words += ["--vectors", str(args.vectors)] if args.vectors else []
        process = subprocess.Popen([sys.executable, "-m", "tests.benchmarks.throughput_stub", *words])
        # A stub is no model that anything was calibrated with.
        config = replace(
            config,
            encoder_url=f"{url}/v1",
            discriminator_url=f"{url}/v1",
            calibration_dir="",
            discriminator_model=ANY,
        )
    else:
        url = args.encoder_url.removesuffix("/v1")
        config = replace(config, encoder_url=args.encoder_url, discriminator_url=args.discriminator_url)
    try:
        await wait_for(f"{url}/v1/models")
        release = await released(config.encoder_url, WORK / "ontology")
        bench = Bench(replace(config, release_dir=str(release)), stub)
        if args.texts:
            await write_texts(bench, [*found.listings, *singles.listings], url, args.texts)
            return
        figures = await measure(bench, found, singles, args.only)
        lacking = await _texts_without_vector(url) if stub else []
    finally:
        if process:
            process.terminate()
            process.wait(20)
    report = {
        "model": f"STUB that is told the labels, {args.wrong:.0%} wrong, at a stated speed: {asdict(speed)}"
        if stub
        else config.discriminator_url,
        "is_stub_model": stub,
        "encoder": "real vectors of all-minilm-l6-v2, made before"
        if stub and args.vectors
        else "stub: words"
        if stub
        else config.encoder_url,
        "texts_without_real_vector": len(lacking) if stub and args.vectors else None,
        "items": {
            "families": args.families,
            "family_size": args.size,
            "shared_share": round(found.shared, 3),
            "singles": args.singles,
            "seed": args.seed,
        },
        "not_measured_here": ["search_qps", "search_recall_at_10"],
        **figures,
        **facts(),
    }
    out = args.out or BENCH / "throughput.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", "utf-8")
    print(out)


async def write_texts(bench: Bench, listings: list[Listing], url: str, path: Path) -> None:
    """Write all texts that a run has encoded, so that real vectors can be made of them."""
    recogniser = bench.open(Variant("texts", mode="off"))
    await recogniser.recognise(listings)
    await recogniser.close()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(await _texts_without_vector(url), ensure_ascii=False), "utf-8")
    print(path)


async def _texts_without_vector(url: str) -> list[str]:
    return list(await _get(f"{url}/texts"))


async def _get(url: str) -> Any:
    async with aiohttp.ClientSession() as session, session.get(url) as reply:
        reply.raise_for_status()
        return await reply.json()


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--families", type=int, default=7)
    parser.add_argument("--size", type=int, default=8)
    parser.add_argument("--singles", type=int, default=28, help="items of families of one")
    parser.add_argument("--seed", default="bench")
    parser.add_argument("--only", nargs="*", default=[], help="names of variants")
    parser.add_argument(
        "--stub-model", action="store_true", help="stub servers (the default without addresses)"
    )
    parser.add_argument("--prefill", type=float, default=Speed().prefill, help="stub: prompt tokens a second")
    parser.add_argument("--decode", type=float, default=Speed().decode, help="stub: reply tokens a second")
    parser.add_argument(
        "--wrong", type=float, default=Oracle({}).wrong, help="stub: share of pairs answered none"
    )
    parser.add_argument("--port", type=int, default=21810, help="stub: where it listens")
    parser.add_argument("--vectors", type=Path, help="stub: real vectors, made of --texts")
    parser.add_argument("--texts", type=Path, help="only write the texts that need vectors")
    parser.add_argument("--encoder-url", default="")
    parser.add_argument("--discriminator-url", default="")
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    if bool(args.encoder_url) != bool(args.discriminator_url) or (args.stub_model and args.encoder_url):
        parser.error("give both addresses of real servers, or neither for the stub")
    asyncio.run(run(args))


if __name__ == "__main__":
    main()
