"""`aiic model release`: candidate and current version answer the same held-out items; the gate decides (M8)."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from jobs.model.candidate import registered
from jobs.model.contest import held_out, of_checkout, of_version, run
from jobs.models import registry
from pipelines.apps.contest import Outcome, markdown_table
from pipelines.apps.gate_report import gate_json, render_gate
from pipelines.apps.recognise_set import EvaluationOptions
from pipelines.models.gate import GateRules, PairResult, Verdict, decide
from pipelines.models.model_set import ModelSet
from pipelines.models.registry import RegistryError
from pipelines.tunnel.plan_folder import write_whole

SHOWN_KEYS = 20


def release(args: argparse.Namespace) -> int:
    """Judge a candidate and release it where it passes, or where it is forced with a reason; 1 where it is refused.

    Errors: RegistryError, ModelsDamaged, those of evaluation.
    """
    if args.force and not args.why:
        raise RegistryError("--force needs --why: the reason is kept in the history")
    models = registry()
    current, candidate = models.current(), registered(models, args.candidate, args.note)
    if candidate.version == current.version:
        raise RegistryError(f"{candidate.version} is the current version already")
    rules = GateRules(least_support=args.min_support)
    verdict, outcomes = judge(args, current, candidate, rules)
    about = {
        "candidate": candidate.version,
        "current": current.version,
        "sets": ", ".join(str(folder) for folder in args.sets),
        "discriminator": args.discriminator,
    }
    print(markdown_table(outcomes))
    _print(verdict)
    found = gate_json(verdict, about)
    folder = models.root / "reports"
    _write(args.json or folder / f"{candidate.version}.json", json.dumps(found, indent=1) + "\n")
    _write(args.report or folder / f"{candidate.version}.html", render_gate(verdict, about))
    kept = {
        name: found[name] for name in ("passed", "reasons", "changes", "keys_judged", "keys_lost", "about")
    }
    if not verdict.passed and not args.force:
        models.refuse(candidate.version, kept)
        print(f"refused: {current.version} stays current", file=sys.stderr)
        return 1
    models.release(candidate.version, args.why, forced=not verdict.passed, gate=kept)
    print(f"released: {candidate.version}; `aiic model rollback` brings {current.version} back")
    return 0


def judge(
    args: argparse.Namespace, current: ModelSet, candidate: ModelSet, rules: GateRules
) -> tuple[Verdict, list[Outcome]]:
    """Let both versions answer, and decide. Errors: RegistryError where one of them cannot answer."""
    sets = [(folder.absolute().name, held_out(folder, args.families)) for folder in args.sets]
    usual = EvaluationOptions(args.discriminator)
    own = EvaluationOptions(
        args.discriminator, encoder_url=args.encoder_url or "", discriminator_url=args.discriminator_url or ""
    )
    before = (
        of_checkout("current", args.current_checkout, usual)
        if args.current_checkout
        else of_version("current", current, usual)
    )
    contenders = [before, of_version("candidate", candidate, own)]
    outcomes = run(contenders, sets)
    faults = [f"{outcome.contender}: {outcome.fault}" for outcome in outcomes if outcome.fault]
    if faults:
        raise RegistryError("a comparison needs both versions; " + "; ".join(dict.fromkeys(faults)))
    return decide(_results(outcomes, "current"), _results(outcomes, "candidate"), rules), outcomes


def _results(outcomes: list[Outcome], contender: str) -> list[PairResult]:
    return [pair for outcome in outcomes if outcome.contender == contender for pair in outcome.results]


def _print(verdict: Verdict) -> None:
    console = Console(highlight=False)
    console.print(f"rules: {verdict.rules.in_words()}")
    table = Table(
        "figure", "current", "candidate", "difference (interval)", "noise", "holds", box=None, pad_edge=False
    )
    for change in verdict.changes:
        difference = f"{change.after - change.before:+.4f} ({change.low:+.4f} to {change.high:+.4f})"
        holds = {True: "yes", False: "no", None: "not judged"}[change.holds]
        table.add_row(
            change.name,
            f"{change.before:.4f}",
            f"{change.after:.4f}",
            difference,
            f"{change.noise:.4f}",
            holds,
        )
    console.print(table)
    console.print(f"keys judged: {len(verdict.keys)}, of them lost: {len(verdict.lost)}")
    for key in verdict.lost[:SHOWN_KEYS]:
        after = "states nothing" if key.after is None else f"{key.after:.3f}"
        console.print(
            Text(f"  {key.set_name} {key.key_id}: {key.before:.3f} -> {after} ({key.stated_before} stated)")
        )
    for reason in verdict.reasons:
        console.print(Text(f"refused: {reason}", style="red"))


def _write(path: Path, text: str) -> None:
    write_whole(path, text.encode("utf-8"))
    print(f"written: {path}", file=sys.stderr)
