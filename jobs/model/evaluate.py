"""`aiic model evaluate`: a version beside the floor, a base model and other versions, on the same items in one run."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jobs.model.contest import Contender, floor, held_out, of_base, of_checkout, of_version, run
from jobs.models import registry
from pipelines.apps.contest import Outcome, markdown_table, models_table
from pipelines.apps.evaluation_json import evaluation_json
from pipelines.apps.recognise_set import EvaluationOptions
from pipelines.models.model_set import CARD, ModelSet
from pipelines.models.model_set_card import with_figures
from pipelines.models.registry import Registry, RegistryError
from pipelines.tunnel.plan_folder import write_whole

FLOOR, BASE, THIS = "floor", "base", "this"


def evaluate(args: argparse.Namespace) -> int:
    """Evaluate and print the table; write it into the card or to files where wanted. 1 where the version has no figures.

    Errors: RegistryError, ModelsDamaged, those of evaluation.
    """
    models = registry()
    this = models.get(args.version)
    contenders = _contenders(args, models, this)
    sets = [(folder.absolute().name, held_out(folder, args.families)) for folder in args.sets]
    outcomes = run(contenders, sets)
    text = f"{markdown_table(outcomes)}\n{models_table(outcomes)}\n"
    print(text)
    if args.markdown:
        _write(args.markdown, text)
    if args.json:
        _write(args.json, json.dumps(outcomes_json(outcomes), indent=1, ensure_ascii=False) + "\n")
    is_faulty = any(one.fault for one in outcomes if one.contender == contenders[-1].name)
    if args.card and not is_faulty:
        card = this.folder / CARD
        if not card.is_file():
            raise RegistryError(f"{card} is missing: a version's figures are written into its card")
        card.chmod(0o644)
        _write(card, with_figures(card.read_text("utf-8"), text))
    return int(is_faulty)


def outcomes_json(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Every outcome for programs."""
    return [
        {
            "contender": one.contender,
            "set": one.set_name,
            "model": one.model,
            "fault": one.fault,
            "pairs_per_s": round(one.pairs_per_s, 1),
            "evaluation": evaluation_json(one.evaluation, {}) if one.evaluation else None,
        }
        for one in outcomes
    ]


def _contenders(args: argparse.Namespace, models: Registry, this: ModelSet) -> list[Contender]:
    """Those asked for, in the order in which they were named, and the version itself last."""
    options = EvaluationOptions(args.discriminator, precision=args.precision)
    found = []
    for name in args.compare or ():
        if name == FLOOR:
            found.append(floor())
        elif name == BASE:
            if not args.base_url:
                raise RegistryError(
                    "comparing with the base model needs a server that has it: --base-url http://host:port/v1"
                )
            found.append(of_base(this, options, args.base_url))
        elif name != THIS:
            other = models.get(name)
            found.append(
                of_version(f"{name} ({other.version})" if name != other.version else name, other, options)
            )
    found += [of_checkout(f"checkout {path.absolute().name}", path, options) for path in args.checkout or ()]
    return [*found, of_version(f"this ({this.version})", this, options)]


def _write(path: Path, text: str) -> None:
    write_whole(path, text.encode("utf-8"))
    print(f"written: {path}", file=sys.stderr)
