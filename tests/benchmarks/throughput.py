"""Throughput, SKU x key pairs a second: naive S2D first, then each part alone, then all, on the same items in one run (L3-L7, B2).

    make bench-throughput                      # vLLM with the released models, two discriminators: one keeps prefixes
    make bench-throughput STUB=1               # stub servers at a stated speed: every figure is marked as such
    python -m tests.benchmarks.throughput --encoder-url URL --discriminator-url URL      # servers that run already
    python -m tests.benchmarks.throughput_search                                         # search of a million entries

Naive: every pair to the discriminator, each alone, nothing cached, chunk after chunk. Items: families of `infra.demo.families`
with their gold labels, and families of one. Written: build/bench/throughput.json, timelines beside it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from infra.demo.families import FamilyConfig
from jobs.models import ANY
from jobs.recogniser import default_config
from schemas.listing import Listing
from tests.benchmarks.parts import BENCH
from tests.benchmarks.throughput_plan import VARIANTS, Items, Variant, items_of
from tests.benchmarks.throughput_report import RUNS, THROUGHPUT, table, update
from tests.benchmarks.throughput_run import Bench, measure
from tests.benchmarks.throughput_scoring import figures_of
from tests.benchmarks.throughput_servers import (
    Servers,
    real_servers,
    released,
    stub_servers,
    wait_for,
)
from tests.benchmarks.throughput_stub import Oracle, Speed
from tests.ports import free_ports

WORK = BENCH / "throughput"


async def run(args: argparse.Namespace) -> None:
    """Make items, open servers, measure, write."""
    found = items_of(FamilyConfig(args.families, args.size, args.seed))
    singles = items_of(FamilyConfig(args.singles, 1, f"{args.seed} singles"))
    with _servers(args, found, singles) as servers:
        await wait_for(f"{servers.encoder_url}/models")
        config = replace(
            default_config(Path()),
            encoder_url=servers.encoder_url,
            discriminator_url=servers.discriminator_url,
        )
        if servers.stub:  # no model that anything was calibrated with
            config = replace(config, calibration_dir="", discriminator_model=ANY)
        release = await released(servers.encoder_url, WORK / "ontology")
        bench = Bench(replace(config, release_dir=str(release)), servers, WORK)
        if args.texts:
            await _write_texts(bench, [*found.listings, *singles.listings], args.texts)
            return
        runs = await measure(bench, found, singles, args.only)
        lacking = await servers.texts_without_vector()
    about = _about(args, servers, found, len(lacking))
    print(table(update(RUNS, {**about, **figures_of(runs), "runs": runs}, args.out or THROUGHPUT)))


def _servers(args: argparse.Namespace, found: Items, singles: Items) -> AbstractContextManager[Servers]:
    if args.discriminator_url:
        return nullcontext(
            Servers(args.encoder_url, args.discriminator_url, None, f"real: {args.discriminator_url}")
        )
    if not args.stub:
        return real_servers(WORK, args.block_tokens)
    speed = Speed(prefill=args.prefill, decode=args.decode)
    gold = found.shown_gold | singles.shown_gold
    return stub_servers(args.port or free_ports(1)[0], speed, gold, args.wrong, args.vectors, WORK)


def _about(args: argparse.Namespace, servers: Servers, found: Items, lacking: int) -> dict[str, Any]:
    """What the figures were measured with."""
    vectors = "real vectors of all-minilm-l6-v2, made before" if args.vectors else "stub: words"
    return {
        "model": servers.said,
        "is_stub_model": servers.stub is not None,
        "encoder": vectors if servers.stub else servers.encoder_url,
        "texts_without_real_vector": lacking if servers.stub and args.vectors else None,
        "items": {
            "families": args.families,
            "family_size": args.size,
            "shared_share": round(found.shared, 3),
            "singles": args.singles,
            "seed": args.seed,
        },
        "variants": [variant.name for variant in VARIANTS if not args.only or variant.name in args.only],
    }


async def _write_texts(bench: Bench, listings: list[Listing], path: Path) -> None:
    """Write all texts that a run has encoded, so that real vectors can be made of them."""
    recogniser = bench.open(Variant("texts", mode="off"))
    await recogniser.recognise(listings)
    await recogniser.close()
    path.parent.mkdir(parents=True, exist_ok=True)
    texts = await bench.servers.texts_without_vector()
    path.write_text(json.dumps(texts, ensure_ascii=False), "utf-8")
    print(path)


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--families", type=int, default=12)
    parser.add_argument("--size", type=int, default=8, help="SKUs a family")
    parser.add_argument("--singles", type=int, default=28, help="items of families of one")
    parser.add_argument("--seed", default="bench")
    parser.add_argument("--only", nargs="*", default=[], help="names of variants")
    parser.add_argument("--stub", action="store_true", help="no vLLM: a stub at a stated speed")
    parser.add_argument("--prefill", type=float, default=Speed().prefill, help="stub: prompt tokens a second")
    parser.add_argument("--decode", type=float, default=Speed().decode, help="stub: reply tokens a second")
    parser.add_argument(
        "--wrong", type=float, default=Oracle({}).wrong, help="stub: share of pairs answered none"
    )
    parser.add_argument("--port", type=int, default=0, help="stub: where it listens; 0: any free one")
    parser.add_argument("--vectors", type=Path, help="stub: real vectors, made of --texts")
    parser.add_argument("--texts", type=Path, help="only write the texts that need vectors")
    parser.add_argument("--encoder-url", default="")
    parser.add_argument("--discriminator-url", default="")
    parser.add_argument(
        "--block-tokens", type=int, default=0, help="vLLM: tokens of a cached block, to compare"
    )
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    if bool(args.encoder_url) != bool(args.discriminator_url):
        parser.error("give both addresses of running servers, or neither")
    args.stub = args.stub or bool(args.texts or args.vectors)
    asyncio.run(run(args))


if __name__ == "__main__":
    main()
