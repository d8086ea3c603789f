"""Score the discriminator alone on held-out items of labelled interchange sets, through its running server.

.local/engines/bin/python -m jobs.evaluate_discriminator --set ../shared/data/wdc_pave --items 60 --out build/discriminator/eval.json
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from infra.vllm import CompletionClient
from jobs.labelled import read_labelled_set
from pipelines.library.discriminate import PROMPT_VERSION, DiscriminateConfig
from pipelines.models.discriminator_eval import MODES, evaluate


def main() -> None:
    """Evaluate every set in both modes and write the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--set", action="append", required=True, type=Path, metavar="FOLDER")
    parser.add_argument("--url", default="http://127.0.0.1:18100/v1")
    parser.add_argument("--items", type=int, default=60, help="held-out items a set; 0: all")
    parser.add_argument("--keys-per-request", type=int, default=8)
    parser.add_argument("--mode", action="append", choices=MODES)
    parser.add_argument("--out", type=Path)
    rows = asyncio.run(_evaluate(parser.parse_args()))
    print(json.dumps(rows, indent=1))


async def _evaluate(args: argparse.Namespace) -> list[dict[str, Any]]:
    cfg = DiscriminateConfig(keys_per_request=args.keys_per_request)
    rows: list[dict[str, Any]] = []
    async with CompletionClient(args.url, timeout_s=300) as client:
        model = await client.model_id()
        for folder in args.set:
            labelled = read_labelled_set(folder)
            item_ids = labelled.held_out_ids[: args.items or None]
            for mode in args.mode or MODES:
                started_s = time.perf_counter()
                score, usage = await evaluate(labelled, item_ids, mode, client, cfg)
                seconds = time.perf_counter() - started_s
                rows.append(
                    {
                        "set": labelled.name,
                        "mode": mode,
                        "model": model,
                        "prompt": PROMPT_VERSION,
                        "keys_per_request": args.keys_per_request,
                        "items": len(item_ids),
                        **asdict(score),
                        "pairs_per_s": round(score.pairs / seconds, 2),
                        **usage.tokens,
                    }
                )
                print(
                    f"{labelled.name} {mode}: F1 {score.f1} (P {score.precision}, R {score.recall}), {seconds:.0f} s",
                    flush=True,
                )
                if args.out:
                    args.out.parent.mkdir(parents=True, exist_ok=True)
                    args.out.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")
    return rows


if __name__ == "__main__":
    main()
