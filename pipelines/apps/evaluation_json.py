"""An evaluation as JSON, for programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipelines.apps.evaluation import Case, Evaluation
from pipelines.apps.scoring import Score
from pipelines.apps.trust import Trust
from schemas.json_form import to_mapping


def evaluation_json(found: Evaluation, about: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON object of an evaluation; `about` says what was evaluated and how."""
    density = found.density
    return {
        **_score(found.overall),
        "per_key": _scores(found.per_key),
        "per_category": _scores(found.per_category),
        "per_value_kind": _scores(found.per_value_kind),
        "per_method": _scores(found.per_method),
        "recall_at_precision": {
            f"{at:.2f}": round(recall, 4) for at, recall in found.recall_at_precision.items()
        },
        "calibration_error": round(found.calibration_error, 4),
        "ece": round(found.trust_all.ece, 4) if found.trust_all else None,
        "trust": {
            "all": _trust(found.trust_all),
            "stated": _trust(found.trust_stated),
            "not_stated": _trust(found.trust_not_stated),
        },
        "errors": dict(found.errors),
        "per_sku": {
            "items": density.items,
            "attributes": round(density.attributes_per_sku, 4),
            "triples": round(density.triples_per_sku, 4),
            "merchant_triples": round(density.merchant_triples_per_sku, 4),
            "ratio": None if density.ratio is None else round(density.ratio, 4),
        },
        "items_without_answers": list(found.items_without_answers),
        "curve": [to_mapping(point) for point in found.points],
        "reliability": [to_mapping(part) for part in found.bins],
        "worst": [_case(case) for case in found.worst],
        "about": dict(about),
    }


def _trust(found: Trust | None) -> dict[str, Any] | None:
    if found is None:
        return None
    errors = {"ece": round(found.ece, 4), "ece_equal_mass": round(found.ece_equal_mass, 4)}
    return {"claims": found.claims, **errors, "bins": [to_mapping(part) for part in found.bins]}


def _score(found: Score) -> dict[str, Any]:
    return {
        "precision": round(found.precision, 4),
        "recall": round(found.recall, 4),
        "f1": round(found.f1, 4),
        "pairs": found.pairs,
        "true_positives": found.true_positives,
        "false_positives": found.false_positives,
        "false_negatives": found.false_negatives,
    }


def _scores(table: Mapping[str, Score]) -> dict[str, Any]:
    return {name: _score(found) for name, found in table.items()}


def _case(case: Case) -> dict[str, Any]:
    return {
        "item_id": case.item_id,
        "key_id": case.key_id,
        "category_id": case.category_id,
        "kind": case.kind,
        "gold": list(case.gold),
        "predicted": list(case.answer.values) if case.answer else [],
        "confidence": case.confidence,
        "method": case.answer.method if case.answer else "none",
        "evidence": [to_mapping(part) for part in case.answer.evidence] if case.answer else [],
    }
