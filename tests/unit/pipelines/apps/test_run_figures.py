"""Figures of a run, from its rows."""

from dataclasses import replace

from pipelines.apps.run_figures import RunFigures
from schemas.knowledge import NOT_STATED, KnowledgeRow, contract_of_row_example
from schemas.parse import parse_record
from schemas.report import CategoryCoverage

ROW = parse_record(KnowledgeRow, contract_of_row_example())


def row(item_id: str, attr_id: str, **changes: object) -> KnowledgeRow:
    return replace(ROW, item_id=item_id, attr_id=attr_id, **changes)  # type: ignore[arg-type]


def test_counts_pairs_triples_confidence_and_methods_by_category() -> None:
    figures = RunFigures()
    extraction = replace(ROW.provenance, method="extraction")
    figures.add(
        [
            row("a", "form", confidence=1.0),
            row("a", "scent", value_texts=("jasmine", "rose"), confidence=0.049),
            row("a", "weight", value_texts=(), status=NOT_STATED, confidence=0.9, provenance=extraction),
            row("a", "_category"),
        ]
    )
    figures.add(
        [
            row("b", "form", confidence=0.05),
            row("b", "old", is_deleted=True),
            row("c", "form", category_id="pots"),
        ]
    )
    assert (figures.items, figures.pairs, figures.triples) == (3, 5, 5)
    assert figures.methods == {"ranker": 4, "extraction": 1}
    # 0.97 of row c and 1.0 of the first row share the last bin.
    assert figures.confidence == [1, 1, *[0] * 17, 2]
    assert figures.coverage({"tea": "Tea"}) == (
        CategoryCoverage("tea", items=2, pairs=4, stated=3, triples=4, name="Tea"),
        CategoryCoverage("pots", items=1, pairs=1, stated=1, triples=1, name=""),
    )
