"""The report of a run adds up what its shards and steps left behind, also when some are not finished."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipelines.reduction.ledger import Prices
from pipelines.tunnel.plan import Shard, entry_of
from pipelines.tunnel.plan_folder import Plan, PlanFolder, read_json, write_json, write_plan, write_table
from pipelines.tunnel.progress import Progress, progress_of, progress_of_day
from pipelines.tunnel.run_summary import MOST_CHUNKS, add_to_step, summarise
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
    assert report.answered == {"ranker": 3}
    assert [line.tier for line in report.ledger] == [
        "offline, taken over", "offline, ranker", "offline, discriminator", "offline",
    ]  # fmt: skip
    assert (report.ledger[-1].pairs, report.ledger[-1].triples, report.ledger[-1].requests) == (3, 3, 2)
    assert report.timeline == ()
    assert report.versions == {"ontology": "v1", "model": "m", "generation": "3", "plan": "p"}


def by(item_id: str, run_id: str, source: str, values: tuple[str, ...] = ("x",), method: str = "ranker"):
    found = row(item_id, f"k{source}{run_id}{method}", values)
    model = f"m; from {source}" if source else "m"
    return replace(found, provenance=replace(found.provenance, run_id=run_id, model=model, method=method))


def asked(found: KnowledgeRow) -> KnowledgeRow:
    return replace(found, provenance=replace(found.provenance, prompt_version="pick-2"))


def test_who_answered_and_what_it_cost(run):
    folder, entries = run
    rows = [
        by("i10", "r", ""),
        asked(by("i10", "r", "", method="extraction", values=("a", "b"))),
        by("i10", "r", "sibling i00", method="neighbour"),
        by("i10", "r", "neighbour i01", method="neighbour", values=()),
        by("i11", "r", "relevance 1", method="none", values=()),
        by("i11", "r", "earlier text"),
        by("i11", "r", "earlier text, sibling i00", method="neighbour"),
        by("i11", "yesterday", "sibling i00", method="neighbour"),
        by("i11", "yesterday", ""),
    ]
    spent = {"tokens": {"requests": 3, "prompt_tokens": 90}, "seconds": {"discriminate": 4.5, "reduce": 1.0}}
    write_json(folder.usage(entries[1].shard_id), spent)
    write_table(folder.result(entries[1].shard_id), record_to_arrow(rows, KnowledgeRow))
    # An interrupted step goes on: both its parts asked the server.
    add_to_step(
        folder,
        "recognise",
        {"recognise": 7.0},
        {},
        1,
        {"server_prefix_hits": 30, "server_prefix_queries": 40},
    )
    add_to_step(
        folder, "recognise", {"recognise": 7.0}, {}, 1, {"server_prefix_hits": 0, "server_prefix_queries": 60}
    )
    report = summarise(folder, PLAN, entries, {}, {}, Prices(3600.0))
    assert report.answered == {
        "ranker": 4, "discriminator": 1, "sibling": 1, "neighbour": 1, "relevance": 1, "moved": 2, "unchanged": 2,
    }  # fmt: skip
    assert sum(report.answered.values()) == sum(report.methods.values()) == report.counts["pairs"]
    assert (report.tokens["server_prefix_hits"], report.tokens["server_prefix_queries"]) == (30, 100)
    taken, ranker, model, whole = report.ledger
    assert (taken.pairs, taken.triples) == (7, 5)
    assert (ranker.pairs, ranker.triples) == (4, 4)
    assert (model.pairs, model.triples, model.prompt_tokens, model.requests) == (1, 2, 90, 5)
    assert (taken.seconds, ranker.seconds, model.seconds) == pytest.approx((2.0, 3.0, 9.0))
    assert whole.money == pytest.approx(14.0) and whole.triples == report.counts["triples"] == 11


def test_the_timeline_is_one_of_all_shards_in_the_order_of_their_chunks(run):
    folder, entries = run
    write_table(folder.result(entries[1].shard_id), record_to_arrow([], KnowledgeRow))
    for number, (entry, start_s) in enumerate(zip(entries, (1_000.0, 990.0), strict=True)):
        spans = [
            [chunk, "encode", start_s + chunk, start_s + chunk + 0.5, start_s + chunk + 2.0]
            for chunk in range(MOST_CHUNKS if number else 1)
        ]
        write_json(folder.usage(entry.shard_id), {"spans": spans})
    timeline = summarise(folder, PLAN, entries, {}, {}).timeline
    assert len(timeline) == MOST_CHUNKS
    assert sorted(span.chunk for span in timeline) == list(range(MOST_CHUNKS))
    by_chunk = {span.chunk: span for span in timeline}
    # Ten chunks of the second shard came first, then the only one of the first, with one of the second.
    assert [by_chunk[n].came_s for n in (0, 9, 10, 11, 12)] == [0.0, 9.0, 10.0, 10.0, 11.0]
    assert (by_chunk[0].began_s, by_chunk[0].ended_s) == (0.5, 2.0)


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
