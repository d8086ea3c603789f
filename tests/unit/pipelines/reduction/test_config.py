"""What a run is asked to leave out: read in one place, told in a model's id, and part of what a plan depends on."""

from __future__ import annotations

import pytest

from pipelines.reduction.config import (
    NO_REDUCTION,
    NOTHING_REDUCED,
    PARTS,
    Reduce,
    Reduction,
    reduce_of,
    require_no_images,
)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("off", ()),
        ("paper", ("sku", "attribute", "candidates", "shared", "flow")),
        ("all", PARTS),
        ("differential", ("differential",)),
        ("flow, sku,sku", ("sku", "flow")),
    ],
)
def test_a_reduction_is_read_and_said_again(text, parts):
    assert reduce_of(text) == Reduce(parts)
    assert reduce_of(str(reduce_of(text))) == Reduce(parts)


@pytest.mark.parametrize("text", ["", "sku,", "SKU", "everything", "off,sku", "paper,differential"])
def test_anything_else_is_refused_with_what_there_is(text):
    with pytest.raises(
        ValueError, match="give off, paper, all, or parts with commas between: sku, attribute"
    ):
        reduce_of(text)


def test_parts_mean_the_switches_of_a_recogniser():
    assert reduce_of("off").reduction == NO_REDUCTION == reduce_of("flow,differential").reduction
    assert reduce_of("sku").reduction == Reduction(neighbour_cosine=0.9)
    assert reduce_of("attribute").reduction == Reduction(task_a="0.995", task_b="0.995")
    assert reduce_of("candidates").reduction == Reduction(least_chance=0.002)
    assert reduce_of("shared").reduction == Reduction(shared_first=True)
    assert (reduce_of("flow").flows, reduce_of("flow").is_differential) == (True, False)
    assert (reduce_of("all").flows, reduce_of("all").is_differential) == (True, True)


def test_what_answers_depend_on_is_told_and_how_chunks_overlap_is_not():
    assert reduce_of("sku,flow").told == reduce_of("sku").told == "sku"
    assert reduce_of("flow").told == NOTHING_REDUCED.told == "off"
    assert len({reduce_of(part).told for part in PARTS if part != "flow"}) == len(PARTS) - 1
    told = {
        reduce_of(text).reduction.said("r 1#ab") for text in ("off", "sku", "attribute", "shared", "paper")
    }
    assert len(told) == 5
    assert "r 1#ab" in reduce_of("attribute").reduction.said("r 1#ab")
    assert "r 1#ab" not in reduce_of("sku").reduction.said("r 1#ab")


@pytest.mark.parametrize("wrong", [{"least_chance": 1.0}, {"least_chance": -0.1}, {"neighbour_cosine": 1.1}])
def test_what_is_no_chance_and_no_cosine_is_refused(wrong):
    with pytest.raises(ValueError, match="from 0"):
        Reduction(**wrong)


def test_images_are_read_whole():
    require_no_images(NOTHING_REDUCED, "ocr")
    require_no_images(reduce_of("all"), "off")
    with pytest.raises(ValueError, match=r"--reduce sku and --images ocr: .* give one of them"):
        require_no_images(reduce_of("sku"), "ocr")
