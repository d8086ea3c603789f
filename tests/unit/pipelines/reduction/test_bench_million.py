"""The million-SKU bench's own parts: its items, its stub, what is noted, and what counts as flat."""

from __future__ import annotations

import asyncio
import doctest
import os
from itertools import islice

import numpy as np
import pytest

from schemas.derive import parse_record
from schemas.listing import Listing
from tests.benchmarks import million
from tests.benchmarks.million import note, read, resident, run, run_step, table
from tests.benchmarks.million_steps import FAMILY_SIZE, Labelled, _rows, made_up_vector


def listings(count: int) -> tuple[list[Listing], dict[str, dict[str, list[str]]]]:
    labels: dict[str, dict[str, list[str]]] = {}
    return [parse_record(Listing, dict(row)) for row in _rows(count, labels)], labels


def test_items_are_families_under_ids_of_their_own(monkeypatch):
    monkeypatch.setattr("tests.benchmarks.million_steps.MADE_FAMILIES", 2)
    found, labels = listings(40)
    assert len({one.item_id for one in found}) == 40 and len(labels) == 2 * FAMILY_SIZE
    assert len({one.spu_id for one in found}) == 40 / FAMILY_SIZE
    assert found[0].title == found[2 * FAMILY_SIZE].title and found[0].title != found[1].title
    assert [one.item_id for one in islice(listings(3)[0], 3)] == [one.item_id for one in found[:3]]


def test_the_stub_answers_from_labels_at_its_speed():
    found, labels = listings(3)
    stub = Labelled("m", "v1", labels, 1_000.0)
    answers, usage = asyncio.run(stub.recognise(found))
    for listing, item in zip(found, answers, strict=True):
        told = {one.key_id: list(one.values) for one in item.answers}
        assert told == labels[listing.item_id.rpartition(".")[0]] and item.item_id == listing.item_id
    assert usage.pairs["stub"] == sum(len(item.answers) for item in answers)
    assert stub.busy_s == pytest.approx(usage.pairs["stub"] / 1_000)


def test_vectors_follow_from_the_title():
    (first, second), _ = listings(2)
    assert np.array_equal(made_up_vector(first), made_up_vector(first))
    assert abs(float(made_up_vector(first) @ made_up_vector(second))) < 0.5
    assert float(np.linalg.norm(made_up_vector(first))) == pytest.approx(1, abs=1e-5)


def test_what_was_measured_is_noted_and_not_run_again(tmp_path, monkeypatch, capsys):
    ran = []

    def step(name, items, warehouse):
        ran.append((name, items))
        return {"rows": items, "seconds": 2.0, "rows_per_s": items / 2, "peak_mb": 100.0 * len(ran)}

    monkeypatch.setattr(million, "run_step", step)
    out = tmp_path / "million.json"
    run([10, 100], ["plan"], False, out, tmp_path)
    run([10, 100], ["plan", "merge"], False, out, tmp_path)
    assert ran == [("plan", 10), ("plan", 100), ("merge", 10), ("merge", 100)]
    run([10], ["plan"], True, out, tmp_path)
    assert len(ran) == 5
    assert read(out)["memory_ratio"] == {"plan": 0.4, "merge": 1.33} and "STUB" in read(out)["model"]
    lines = table(note(out, 100, "plan", step("plan", 100, tmp_path))).splitlines()
    assert lines[-2] == "memory of plan, largest over smallest size: 1.2 (flat, at most 1.5)"
    assert "NOT flat" in table({"sizes": {}, "memory_ratio": {"index": 2.0}})
    assert doctest.testmod(million).failed == 0


def test_a_step_that_fails_is_told(tmp_path, capfd):
    with pytest.raises(million.StepFailed, match="index of 5 items ended with 1"):
        run_step("index", 5, tmp_path)
    assert "PlanError" in capfd.readouterr().err
    assert resident(os.getpid()) > million.MB and resident(2**22) == 0
