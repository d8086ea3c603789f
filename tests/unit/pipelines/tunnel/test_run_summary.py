"""The report of a run adds up what its shards and steps left behind, also when some are not finished."""

from __future__ import annotations

import pytest

from pipelines.tunnel.plan import Shard, entry_of
from pipelines.tunnel.plan_folder import Plan, PlanFolder, read_json, write_json, write_plan, write_table
from pipelines.tunnel.progress import Progress, progress_of, progress_of_day
from pipelines.tunnel.run_summary import add_to_step, summarise
from schemas.derive import record_to_arrow
from schemas.knowledge import NOT_STATED, STATED, KnowledgeRow, Provenance
from schemas.listing import Listing
from schemas.shard import ShardItem

DAY = "2026-11-01"
PLAN = Plan("p", DAY, "r", "v1", "m", 3, 10_000, 4, {"empty": 2}, ("a note",))


def row(item_id: str, attr_id: str, values: tuple[str, ...]) -> KnowledgeRow:
    return KnowledgeRow(
        item_id=item_id, attr_id=attr_id, category_id="tea", spu_id=None, value_ids=("",) * len(values),
        value_texts=values, status=STATED if values else NOT_STATED, evidence=(), confidence=0.97,
        provenance=Provenance("offline", "ranker", "m", "v1", "", "r"), fingerprint="", event_ms=1, version=1, digest="d",
    )  # fmt: skip


@pytest.fixture
def run(tmp_path):
    """Two shards of two items each; the first is finished."""
    folder = PlanFolder(tmp_path / "offline" / DAY / "p")
    shards = [
        Shard("tea", n, tuple(ShardItem(Listing(f"i{n}{k}", "x", category_id="tea"), 1) for k in (0, 1)))
        for n in (0, 1)
    ]
    entries = [entry_of(shard, "p") for shard in shards]
    write_plan(folder, PLAN, entries)
    rows = [row("i00", "form", ("loose",)), row("i00", "notes", ("malt", "oak")), row("i01", "form", ())]
    spent = {"finished_ms": 13_000, "tokens": {"requests": 2}, "seconds": {"encode": 1.5}}
    write_json(folder.usage(entries[0].shard_id), spent)
    write_table(folder.result(entries[0].shard_id), record_to_arrow(rows, KnowledgeRow))
    return folder, entries


def test_figures_of_finished_shards_and_what_is_left(run):
    folder, entries = run
    add_to_step(folder, "plan", {"intake": 1.0, "plan": 2.0}, {}, 12_000)
    add_to_step(folder, "merge", {"merge": 4.0}, {"rows_merged": 3}, 20_000)
    report = summarise(folder, PLAN, entries, {"tea": "Tea"}, {"cores": "2"})
    assert report.counts == {
        "listings_read": 6, "rejected": 2, "items_planned": 4, "items_recognised": 2, "shards": 2,
        "shards_unfinished": 1, "pairs": 3, "triples": 3, "rows_merged": 3,
    }  # fmt: skip
    assert report.seconds == {"worker encode": 1.5, "intake": 1.0, "plan": 2.0, "merge": 4.0}
    assert (report.started_ms, report.finished_ms) == (10_000, 20_000)
    assert (report.tokens, report.rejects, report.notes) == ({"requests": 2}, {"empty": 2}, ("a note",))
    assert [(point.after_s, point.items, point.pairs) for point in report.progress] == [
        (0.0, 0, 0),
        (3.0, 2, 3),
    ]
    (tea,) = report.coverage
    assert (tea.name, tea.items, tea.pairs, tea.stated, tea.triples) == ("Tea", 2, 3, 2, 3)
    assert report.versions == {"ontology": "v1", "model": "m", "generation": "3", "plan": "p"}


def test_a_step_that_goes_on_after_a_kill_adds_to_its_time(run):
    folder, _ = run
    add_to_step(folder, "recognise", {"recognise": 2.0}, {}, 11_000)
    add_to_step(folder, "recognise", {"recognise": 3.5}, {}, 15_000)
    assert read_json(folder.step("recognise")) == {
        "finished_ms": 15_000,
        "seconds": {"recognise": 5.5},
        "counts": {},
    }


def test_anyone_can_watch_from_the_folder_alone(run, tmp_path):
    folder, entries = run
    assert progress_of(folder, entries) == Progress(1, 2, 2, 4, ())
    add_to_step(folder, "plan", {}, {}, 1)
    assert progress_of_day(tmp_path, DAY) == Progress(1, 2, 2, 4, ("plan",))
    assert progress_of_day(tmp_path, "2026-11-02") is None
