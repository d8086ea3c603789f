"""Random histories side by side on the real stack: broker, streaming merge, Hudi table, lookup service, change topic.

Items of different histories share topics, commits and files. In the middle the merge is killed with kill -9, the lookup
service's consumer, too; then the merge is ended, forgets how far it had read, and reads its topic again from the start; at
last all is sent once more. What stands then in the table, in the store that the service reads, in a store that is made anew
from the topics, and in the replayed changes is compared row by row, history by history.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import orjson
import psutil
import pyarrow.parquet as pq

from infra.kafka import produce
from infra.kafka_log import open_log
from infra.kv_embedded import EmbeddedStore
from infra.topics import apply_topics
from jobs.services.lookup import now_ms
from jobs.streaming.writer import state_folder
from pipelines.tunnel.changes import replay
from pipelines.tunnel.merge_handover import pointer_messages
from pipelines.tunnel.store_feed import TOPICS as FOLLOWED
from pipelines.tunnel.store_follow import FollowConfig, Follower
from pipelines.tunnel.store_knowledge import KnowledgeStore
from schemas.derive import record_to_arrow
from schemas.knowledge import KnowledgeRow
from schemas.results import KnowledgeResults, key_of
from schemas.topics import RESULTS, TOPICS
from tests.benchmarks.tunnel_oracle import Key, expected_of_rows, faults_of_facts, faults_of_rows, of_items
from tests.benchmarks.tunnel_worlds import History, deliveries, random_history
from tests.integration.conftest import RunningStack, own_settings, running_stack
from tests.merge_server import Merge, changes_in, table_state
from tests.ports import free_ports

Say = Callable[[str], None]
State = dict[Key, KnowledgeRow]
DAY_MS = 86_400_000
PATIENCE_S = 300.0
MERGE_WORDS = (
    "--trigger", "1", "--buckets", "4", "--compact-every", "4", "--driver-memory", "1g", "--slice", "200",
)  # fmt: skip


@dataclass
class Sender:
    """Sends what a history's tiers say. Files are written once; a message that names them may come again."""

    servers: str
    folder: Path
    rows_sent: int = 0
    files: dict[int, Path] = field(default_factory=dict)

    def send(self, given: Sequence[KnowledgeResults | list[KnowledgeRow]]) -> None:
        """Send messages, and messages that name files, in this order."""
        found = [one if isinstance(one, KnowledgeResults) else self._pointer(one) for one in given]
        self.rows_sent += sum(len(one.rows) for one in found)
        produce(self.servers, RESULTS, [(key_of(one), orjson.dumps(one)) for one in found])

    def _pointer(self, rows: list[KnowledgeRow]) -> KnowledgeResults:
        path = self.files.get(id(rows))
        if path is None:
            path = self.files[id(rows)] = self.folder / f"batch-{len(self.files)}.parquet"
            pq.write_table(record_to_arrow(rows, KnowledgeRow), path)
        [pointer] = pointer_messages([path], f"run-{path.stem}", max(row.event_ms for row in rows))
        return pointer


@dataclass
class Servers:
    """Broker, lookup service and merge."""

    stack: RunningStack
    merge: Merge
    store: Path

    @property
    def kafka(self) -> str:
        """The broker's address."""
        return self.stack.kafka_servers

    def kill_consumer(self) -> None:
        """kill -9 of the process that writes the lookup store; the service starts another one."""
        service = psutil.Process(self.stack.status()["lookup"]["pid"])
        for one in service.children():
            if "lookup_consumer" in " ".join(one.cmdline()):
                one.kill()

    def settled(self, rows: int) -> bool:
        """Whether the merge has read so many rows since its start, and nothing is on its way to table or topic."""
        told = self.merge.told()
        waiting = [told.get(name) for name in ("lag_messages", "unpublished", "waiting_files")]
        return int(str(told.get("rows_read", 0))) >= rows and not any(waiting) and waiting[1] == 0


@contextmanager
def servers_for(folder: Path, say: Say) -> Iterator[Servers]:
    """Broker, topics and lookup service up, the merge not yet started; all ended at the end. Errors: RuntimeError."""
    lookup_port, merge_port = free_ports(2)
    warehouse = folder / "warehouse"
    env = {**own_settings(folder / "state"), "AIIC_LOOKUP_PORT": str(lookup_port)}
    stack = running_stack({**env, "AIIC_WAREHOUSE": str(warehouse)})
    merge = Merge(stack.kafka_servers, warehouse, merge_port, MERGE_WORDS)
    try:
        _up(stack, "kafka")
        apply_topics(stack.kafka_servers, TOPICS)
        _up(stack, "lookup")
        say("broker and lookup service are up")
        yield Servers(stack, merge, stack.state_dir / "lookup/store")
    finally:
        if merge.process is not None and merge.process.poll() is None:
            merge.kill()
        stack.aiic("down", "--only", "lookup,kafka")


def _up(stack: RunningStack, name: str) -> None:
    started = stack.aiic("up", "--only", name)
    if started.returncode != 0:
        raise RuntimeError(f"./aiic up --only {name} failed\n{started.stdout}{started.stderr}")


def run_stack(histories: int, seed: int, folder: Path, say: Say) -> dict[int, list[str]]:
    """What went wrong, by history; [] for one that ended everywhere as both oracles say."""
    base_ms = now_ms() - 2 * DAY_MS
    worlds = [random_history(seed + number, base_ms, "s") for number in range(histories)]
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with servers_for(folder, say) as servers:
        _play(servers, worlds, Random(seed), Sender(servers.kafka, folder), say)
        say("comparing")
        states = {
            "table": table_state(servers.merge.table),
            "store": store_state(servers.store),
            "store made anew": store_anew(servers.kafka, folder / "anew"),
            "replayed changes": replay(changes_in(servers.kafka)),
        }
    return {world.seed: faults_of(world, states) for world in worlds}


def faults_of(world: History, states: Mapping[str, State]) -> list[str]:
    """In what the states of a history's items differ from the table, and the table from the oracles, in words."""
    own = {name: of_items(state, world.item_ids) for name, state in states.items()}
    faults = [f"{name} is not the table" for name, state in own.items() if state != own["table"]]
    faults += faults_of_rows(own["table"], expected_of_rows(world.rows))
    return faults + faults_of_facts(own["table"], world.truth)


def _play(servers: Servers, worlds: Sequence[History], chance: Random, sender: Sender, say: Say) -> None:
    """Send everything in an order of no history's own, with kills, a replay from the start, and all of it once more."""
    queues = [deliveries(world, chance) for world in worlds]
    arrivals = []
    while queue := [one for one in queues if one]:
        arrivals.append(chance.choice(queue).pop(0))
    third = len(arrivals) // 3
    merge = servers.merge
    merge.start()
    sender.send(arrivals[:third])
    merge.ready()
    merge.wait(lambda: int(str(merge.told().get("rows_read", 0))) > 0, "first rows")
    sender.send(arrivals[third : 2 * third])
    merge.kill()
    servers.kill_consumer()
    say(f"{2 * third} messages sent; merge and consumer killed")
    merge.start()
    sender.send(arrivals[2 * third :])
    merge.ready()
    merge.wait(lambda: int(str(merge.told().get("rows_read", 0))) > 0, "rows after the kill")
    if merge.end() != 0:
        raise RuntimeError("the merge did not end in good order")
    shutil.rmtree(state_folder(merge.table) / "checkpoint")
    say(f"{len(arrivals)} messages sent; the merge reads its topic again from the start")
    merge.start()
    merge.ready()
    merge.wait(lambda: servers.settled(sender.rows_sent), "all read again")
    sender.send([one for world in worlds for one in (*world.messages, *world.batches)])
    merge.wait(lambda: servers.settled(sender.rows_sent), "all that was sent again")
    _wait_for_store(servers)
    say(f"settled: {sender.rows_sent:,} rows in messages, {len(sender.files)} files")


def _wait_for_store(servers: Servers) -> None:
    """Wait until the service's store has read all that is in its topics."""
    log = open_log(servers.kafka, FOLLOWED)
    kv = EmbeddedStore(servers.store)
    deadline = time.monotonic() + PATIENCE_S
    try:
        while (read := KnowledgeStore(kv).positions()) != (ends := log.ends()):
            if all(read.get(place, 0) == end for place, end in ends.items()):
                return  # a partition that nothing was ever sent to has no position
            if time.monotonic() > deadline:
                raise TimeoutError(f"the lookup store has read {read}, the topics end at {ends}")
            time.sleep(0.2)
    finally:
        kv.close()
        log.close()


def store_state(folder: Path) -> State:
    """Every row of an embedded store."""
    kv = EmbeddedStore(folder)
    try:
        states = list(KnowledgeStore(kv).states())
        return {(row.item_id, attr): row for state in states for attr, row in state.rows.items()}
    finally:
        kv.close()


def store_anew(servers: str, folder: Path) -> State:
    """Every row of a store that reads both topics from their beginning."""
    kv, log = EmbeddedStore(folder), open_log(servers, FOLLOWED)
    try:
        follower = Follower(KnowledgeStore(kv), log, FollowConfig(), now_ms, lambda message, error: None)
        follower.start()
        while log.positions() != log.ends():
            follower.step()
    finally:
        log.close()
        kv.close()
    return store_state(folder)
