"""The release gate's decision as a page and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from pipelines.apps.page import Html, fill, join, page, section, table, tiles
from pipelines.models.gate import KeyChange, Verdict

SHOWN_KEYS = 200


def gate_json(verdict: Verdict, about: Mapping[str, Any]) -> dict[str, Any]:
    """The decision for programs."""
    return {
        "passed": verdict.passed,
        "reasons": list(verdict.reasons),
        "rules": asdict(verdict.rules) | {"in_words": verdict.rules.in_words()},
        "changes": [asdict(change) for change in verdict.changes],
        "keys_judged": len(verdict.keys),
        "keys_lost": len(verdict.lost),
        "keys": [asdict(key) for key in verdict.keys],
        "about": dict(about),
    }


def render_gate(verdict: Verdict, about: Mapping[str, str]) -> str:
    """The page of a decision."""
    said = "passes" if verdict.passed else "is refused"
    parts = [
        fill(
            '<h1>Release gate: {version} {said}</h1><p class="subtitle">{rules}</p>',
            version=about.get("candidate", "the candidate"),
            said=said,
            rules=verdict.rules.in_words(),
        ),
        tiles([*_figures(verdict), _key_tile(verdict)]),
        _reasons(verdict.reasons),
        section(
            "Overall",
            table(
                ["figure", "current", "candidate", "difference, interval", "noise of current", "holds"],
                [
                    (
                        change.name,
                        f"{change.before:.4f}",
                        f"{change.after:.4f}",
                        f"{change.after - change.before:+.4f} ({change.low:+.4f} to {change.high:+.4f})",
                        f"{change.noise:.4f}",
                        {True: "yes", False: "no", None: "not judged"}[change.holds],
                    )
                    for change in verdict.changes
                ],
                numbers=(1, 2, 3, 4),
            ),
        ),
        section("Keys with enough support, the greatest loss first", _keys(verdict.keys[:SHOWN_KEYS])),
        section("About", table(["", ""], sorted(about.items()))),
    ]
    return page("Release gate", parts)


def _figures(verdict: Verdict) -> list[tuple[str, str, str]]:
    return [
        (change.name, f"{change.after:.3f}", f"{change.after - change.before:+.3f}")
        for change in verdict.changes
    ]


def _key_tile(verdict: Verdict) -> tuple[str, str, str]:
    return ("Keys that lose", f"{len(verdict.lost)}", f"of {len(verdict.keys)} judged")


def _reasons(reasons: Sequence[str]) -> Html:
    if not reasons:
        return section("Why", fill("<p>Every rule is kept.</p>"))
    return section("Why", join(fill("<p>{reason}</p>", reason=reason) for reason in reasons))


def _keys(keys: Sequence[KeyChange]) -> Html:
    return table(
        ["set", "key", "current P", "candidate P", "stated by current", "by candidate", "lost"],
        [
            (
                key.set_name,
                key.key_id,
                f"{key.before:.3f}",
                "states nothing" if key.after is None else f"{key.after:.3f}",
                f"{key.stated_before:,}",
                f"{key.stated_after:,}",
                "yes" if key.lost else "",
            )
            for key in keys
        ],
        numbers=(2, 3, 4, 5),
    )
