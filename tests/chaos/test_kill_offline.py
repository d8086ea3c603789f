"""kill -9 anywhere in the offline job: started again, it ends in the same table and repeats only unfinished shards."""

from __future__ import annotations

import os
import signal

import pytest

from pipelines.tunnel.plan_folder import read_items, read_plan
from tests.chaos.conftest import STEP_TIMEOUT_S, copy_of, kill_group, python_workers, wait_until

pytestmark = [pytest.mark.integration, pytest.mark.slow]
ALL = ("all", "--rows-per-shard", "4")


def titles(world, shard_ids) -> set[str]:
    """Titles of the listings of some shards: each encoded text holds its listing's."""
    entries = [entry for entry in read_plan(world.folder)[1] if entry.shard_id in shard_ids]
    return {item.listing.title for entry in entries for item in read_items(world.folder.shard(entry))}


def test_the_driver_killed_while_recognising(world, undisturbed):
    running = world.start(*ALL)
    world.wait_for_results(3, running, "all")
    kill_group(running)
    finished = world.results()
    assert 3 <= len(finished) < world.shards()
    before = len(world.fleet.encoded())

    world.run(*ALL)
    assert world.table() == undisturbed
    after = world.results()
    assert {name: after[name] for name in finished} == finished, "a finished shard was written again"
    assert len(after) == world.shards()
    entries = read_plan(world.folder)[1]
    done, listed = titles(world, set(finished)), titles(world, {entry.shard_id for entry in entries})
    # Each worker encodes the names of keys and a probe once more: only listings count.
    left = [text for text in world.fleet.encoded()[before:] if any(title in text for title in listed)]
    assert len(left) <= sum(entry.rows for entry in entries) - len(done)

    # And once more: a finished day repeats nothing at all.
    files = {path: path.stat().st_mtime_ns for path in world.warehouse.rglob("*.parquet")}
    commits = deltacommits(world)
    asked = len(world.fleet.encoded())
    world.run(*ALL)
    assert {path: path.stat().st_mtime_ns for path in world.warehouse.rglob("*.parquet")} == files
    assert deltacommits(world) == commits
    assert world.fleet.encoded()[asked:] == []


def deltacommits(world) -> list[str]:
    timeline = world.warehouse / "item_knowledge" / ".hoodie"
    return sorted(path.name for path in timeline.rglob("*.deltacommit"))


def test_a_python_worker_killed_while_recognising(world, undisturbed):
    """Spark tries the task again: the run itself goes on."""
    running = world.start(*ALL)
    world.wait_for_results(3, running, "all")
    victims = python_workers(running)
    finished = world.results()
    assert victims
    victims[0].kill()
    assert running.wait(STEP_TIMEOUT_S) == 0, world.said("all")
    assert world.table() == undisturbed
    after = world.results()
    assert {name: after[name] for name in finished} == finished


def test_the_inference_server_killed_while_recognising(world, undisturbed):
    running = world.start(*ALL)
    world.wait_for_results(3, running, "all")
    world.fleet.kill()
    assert running.wait(STEP_TIMEOUT_S) == 1
    said = world.said("all")
    assert "ServerUnavailable" in said
    assert "run the same command again" in said
    assert not (world.warehouse / "item_knowledge").exists(), "a table was begun although shards were left"
    finished = world.results()
    assert len(finished) < world.shards()

    world.fleet.start()
    world.run(*ALL)
    assert world.table() == undisturbed
    after = world.results()
    assert {name: after[name] for name in finished} == finished
    assert not list((world.folder.root / "results").glob(".*")), "partial files were not swept"


def test_the_jvm_killed_while_merging(recognised, undisturbed, tmp_path):
    """The JVM writes the table; the Python driver outlives it for a moment and must not spoil anything."""
    world = copy_of(recognised, tmp_path / "warehouse", recognised.fleet)
    running = world.start("merge")
    timeline = world.warehouse / "item_knowledge" / ".hoodie"
    wait_until(
        lambda: any(timeline.rglob("*.inflight")) or running.poll() is not None, "a commit that is under way"
    )
    assert running.poll() is None, world.said("merge")
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    assert deltacommits(world) == []
    results = world.results()

    world.run(*ALL)
    world.end()
    assert world.table() == undisturbed
    assert world.results() == results, "merging again must not recognise again"
