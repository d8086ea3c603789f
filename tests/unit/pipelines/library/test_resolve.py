"""Answers: what is stated, with which evidence and confidence."""

import numpy as np

from pipelines.library.calibration import OperatingPoint
from pipelines.library.candidates import Candidate
from pipelines.library.resolve import resolve
from tests.unit.pipelines.library.small import listing, view
from udfs.document import document

POINT = OperatingPoint(0.5)
COLOURS, MATERIALS = view().keys[0], view().keys[1]
ITEM = listing("Red &amp; <b>navy blue</b> mug")
DOC = document(ITEM)


def candidate(value, position, *spans, sources=("lexical",)):
    return Candidate(value, position, 1, list(spans), set(sources))


def at(words):
    start = DOC.text.index(words)
    return start, start + len(words)


def test_values_over_the_threshold_are_stated_with_their_raw_words():
    offered = [candidate("Red", 0, at("Red")), candidate("Navy Blue", 1, at("navy blue"))]
    answer = resolve(DOC, COLOURS, offered, np.array([0.7, 0.9], np.float32), POINT, "ranker")
    assert answer.values == ("Navy Blue", "Red")
    assert answer.value_ids == ("c2", "c1")
    assert [ITEM.title[e.start : e.end] for e in answer.evidence] == ["navy blue", "Red"]
    assert [e.words for e in answer.evidence] == ["navy blue", "Red"]
    assert abs(answer.confidence - 0.7) < 1e-6


def test_single_valued_key_states_its_best():
    offered = [candidate("Stainless Steel", 0), candidate("Ceramic", 1)]
    assert resolve(DOC, MATERIALS, offered, np.array([0.6, 0.8], np.float32), POINT, "ranker").values == (
        "Ceramic",
    )


def test_not_stated_is_sure_when_no_candidate_is_likely():
    answer = resolve(DOC, COLOURS, [candidate("Red", 0)], np.array([0.1], np.float32), POINT, "ranker")
    assert (answer.values, answer.evidence) == ((), ())
    assert abs(answer.confidence - 0.9) < 1e-6


def test_no_candidates_is_not_stated():
    assert resolve(DOC, COLOURS, [], np.zeros(0, np.float32), POINT, "ranker").confidence == 1.0


def test_value_outside_the_ontology_has_no_id_and_is_called_extraction():
    offered = [candidate("KX-12", -1, at("mug"), sources=("extracted",))]
    answer = resolve(DOC, view().keys[3], offered, np.array([0.9], np.float32), POINT, "ranker")
    assert (answer.value_ids, answer.method) == (("",), "extraction")
