"""How well ontology entries work that no model learned: `make` writes sets without them, `evaluate` compares two model sets.

  .local/engines/bin/python -m jobs.hold_out make SET... --out build/unseen
  .local/engines/bin/python -m jobs.train_ranker build/unseen/sets/* --out build/unseen/models/ranker ...
  .local/engines/bin/python -m jobs.hold_out evaluate --held build/unseen --seen models --blind build/unseen/models

`make bench-unseen` does all of it. SET: a folder with ontology/, listings.jsonl and gold.jsonl. What is held out, and what
the blind sets lack, is told in `pipelines/models/hold_out.py`; how answers are counted, in `hold_out_measure.py`.
`evaluate` needs the encoder, and asks no discriminator: that would have to be trained blind too.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from jobs.evaluation_run import EXPECTED_ERRORS
from jobs.hold_out_evaluate import HELD, HeldDamaged, evaluate, read_set
from pipelines.apps.evaluation_set import EvaluationSet
from pipelines.apps.split_ontology import write_interchange
from pipelines.models.hold_out import TURNS, HeldOut, blind_labels, blind_ontology, choose
from pipelines.tunnel.plan_folder import write_whole
from schemas.json_form import to_mapping

OUT = Path("build/unseen")


def main(words: Sequence[str] | None = None) -> int:
    """Do the named step; what is wrong with its input is said in a line."""
    args = arguments(words)
    try:
        {"make": make, "evaluate": evaluate}[args.step](args)
    except (HeldDamaged, *EXPECTED_ERRORS, ValueError) as error:
        print(f"hold_out: {error}", file=sys.stderr)
        return 1
    return 0


def arguments(words: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    steps = parser.add_subparsers(dest="step", required=True)
    made = steps.add_parser("make", help="write the sets without what is held out")
    made.add_argument(
        "sets", nargs="+", type=Path, help="folders with ontology/, listings.jsonl and gold.jsonl"
    )
    made.add_argument("--out", type=Path, default=OUT)
    made.add_argument("--turn", type=int, default=0, choices=range(TURNS), help="which fifth is held out")
    told = steps.add_parser("evaluate", help="compare models on what is held out")
    told.add_argument("--held", type=Path, default=OUT, help="what `make` wrote")
    told.add_argument("--seen", type=Path, default=Path("models"), help="sealed models that learned from all")
    told.add_argument("--blind", type=Path, default=OUT / "models", help="sealed models of the blind sets")
    told.add_argument("--json", type=Path, default=Path("build/bench/unseen.json"))
    return parser.parse_args(words)


def make(args: argparse.Namespace) -> None:
    """Choose, and write the blind sets and what they lack; a former choice in the folder is replaced."""
    folders = {folder.absolute().name: folder.absolute() for folder in args.sets}
    if len(folders) < len(args.sets):
        raise ValueError("two sets have one name: rename a folder, for results are told by it")
    now_ms = time.time_ns() // 10**6
    sets = {name: read_set(folder, now_ms) for name, folder in folders.items()}
    held = choose(sets, args.turn)
    if (args.out / "sets").exists() and not (args.out / HELD).exists():
        raise FileExistsError(f"{args.out / 'sets'} was not made by this command: give another --out")
    shutil.rmtree(args.out / "sets", ignore_errors=True)
    for name, found in sets.items():
        _write_set(found, held, folders[name], args.out / "sets" / name)
    stated = {
        "turn": held.turn,
        "values": sorted(held.values),
        "keys": sorted(held.keys),
        "categories": sorted(held.categories),
        "sets": {name: str(folder) for name, folder in folders.items()},
    }
    write_whole(args.out / HELD, (json.dumps(stated, ensure_ascii=False, indent=1) + "\n").encode())
    print(
        f"held out: {len(held.values)} forms of values, {len(held.keys)} keys, "
        f"categories {', '.join(sorted(held.categories)) or 'none (no set has two)'}: {args.out / HELD}"
    )


def _write_set(found: EvaluationSet, held: HeldOut, source: Path, out: Path) -> None:
    """Write one blind set; all listings stay, for the split depends on them."""
    labels = blind_labels(found, held)
    if not labels:
        raise ValueError(f"{source}: nothing is left to learn from: give larger sets, or another --turn")
    write_interchange(blind_ontology(found.ontology, held), out / "ontology")
    shutil.copyfile(source / "listings.jsonl", out / "listings.jsonl")
    rows = (json.dumps(to_mapping(pair), ensure_ascii=False) + "\n" for pair in labels)
    write_whole(out / "gold.jsonl", "".join(rows).encode())
    print(f"{out}: {len(labels)} labels", flush=True)


if __name__ == "__main__":
    sys.exit(main())
