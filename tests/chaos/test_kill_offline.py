"""kill -9 anywhere in the offline job: started again, it ends in the same table and repeats only unfinished shards."""

from __future__ import annotations

import os
import signal

import pytest

from tests.chaos.conftest import STEP_TIMEOUT_S, kill_group, python_workers, wait_until

pytestmark = [pytest.mark.integration, pytest.mark.slow]
ALL = ("all", "--rows-per-shard", "4")


def test_the_driver_killed_while_recognising(world, undisturbed):
    running = world.start(*ALL)
    world.wait_for_results(3, running, "all")
    kill_group(running)
    finished = world.results()
    assert 3 <= len(finished) < world.shards()
    encoded_before = len(world.fleet.encoded())

    world.run(*ALL)
    assert world.table() == undisturbed
    after = world.results()
    assert {name: after[name] for name in finished} == finished, "a finished shard was written again"
    assert len(after) == world.shards()
    items_left = 112 - 4 * len(finished)
    assert len(set(world.fleet.encoded()[encoded_before:])) <= items_left + 5, (
        "finished shards were encoded again"
    )


def test_the_jvm_alone_killed_while_recognising(world, undisturbed):
    """The Python driver and its workers outlive their JVM for a moment: they must not spoil anything."""
    running = world.start(*ALL)
    world.wait_for_results(3, running, "all")
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    world.run(*ALL)
    assert world.table() == undisturbed


def test_a_python_worker_killed_while_recognising(world, undisturbed):
    """Spark tries the task again: the run itself goes on."""
    running = world.start(*ALL)
    world.wait_for_results(3, running, "all")
    victims = python_workers(running)
    assert victims
    finished = world.results()
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
    assert not list((world.folder.root / "results").glob("*.tmp"))

    world.fleet.start()
    world.run(*ALL)
    assert world.table() == undisturbed
    after = world.results()
    assert {name: after[name] for name in finished} == finished


def test_the_driver_killed_while_merging(world, undisturbed):
    world.fleet.kill()
    world.fleet.delay_s = 0.0
    world.fleet.start()
    world.run("recognise")
    running = world.start("merge")
    timeline = world.warehouse / "item_knowledge" / ".hoodie"
    wait_until(
        lambda: any(timeline.rglob("*.inflight")) or running.poll() is not None, "a commit that is under way"
    )
    assert running.poll() is None, world.said("merge")
    kill_group(running)
    results = world.results()

    world.run(*ALL)
    assert world.table() == undisturbed
    assert world.results() == results, "merging again must not recognise again"


def test_a_second_run_of_the_day_repeats_nothing(world, undisturbed):
    world.run(*ALL)
    before = {path: path.stat().st_mtime_ns for path in world.folder.root.rglob("*.parquet")}
    commits = sorted(
        path.name for path in (world.warehouse / "item_knowledge" / ".hoodie").rglob("*.deltacommit")
    )
    asked = len(world.fleet.encoded())
    world.run(*ALL)
    assert world.table() == undisturbed
    assert {path: path.stat().st_mtime_ns for path in world.folder.root.rglob("*.parquet")} == before
    assert (
        sorted(path.name for path in (world.warehouse / "item_knowledge" / ".hoodie").rglob("*.deltacommit"))
        == commits
    )
    assert world.fleet.encoded()[asked:] == []
