"""Bad messages among good ones, through real topics and real jobs: each bad one a dead letter, each good one a right result.

Run: `python -m tests.benchmarks.tunnel_bad [--good N] [--real-model]`. Kafka, a Flink cluster with the nearline job, and the
streaming merge; the encoder is a stand-in over HTTP (`infra/fake_vllm.py`) or vLLM, recognition is the released one without
discriminator, over the demo catalog's ontology with the first keys of each category. 800 bad messages go to item-events, 200 to
item-knowledge.results. A good result is right when table and replayed changes hold, of its item, exactly what the recogniser
says of its text when it is asked directly, with the event's own time, and evidence that stands in the text.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

from kafka import KafkaProducer
from kafka.errors import KafkaError

from infra.kafka_log import open_log
from infra.topics import apply_topics
from jobs.recogniser import default_config, open_recogniser
from jobs.released import find_release
from pipelines.library.answers import ItemAnswers
from pipelines.tunnel.changes import replay
from schemas.dead_letter import MAX_RAW_BYTES, DeadLetter
from schemas.knowledge import Evidence, KnowledgeRow
from schemas.listing import Listing
from schemas.parse import parse_record
from schemas.topics import ITEM_EVENTS, RESULTS, TOPICS, topic_plan
from tests.benchmarks.parts import BENCH
from tests.benchmarks.tunnel_bad_messages import Fields, Sent, bad_events, bad_results, good_events
from tests.merge_server import Merge, changes_in, table_state
from tests.ports import free_ports
from tests.stream_tunnel import CATALOG, Model, Tunnel, own_env, release_demo

Say = Callable[[str], None]
Place = tuple[str, int, int]
FOLDER = BENCH / "bad"
GOOD, SEED = 10_000, 7
TEXTS, KEYS_EACH = 150, 4
ALLOWED_BYTES, REFUSED_BYTES = 16 << 20, 17_000_000
PATIENCE_S = 900.0
CHUNK = 200
MERGE_WORDS = ("--trigger", "2", "--buckets", "4", "--driver-memory", "1g")
LETTERS = tuple(str(topic_plan(name).dead_letter) for name in (ITEM_EVENTS, RESULTS))
DONT = ("event_time", "priority", "spu_id")


@dataclass
class Servers:
    """Broker, Flink with the nearline job, and merge."""

    tunnel: Tunnel
    merge: Merge

    @property
    def kafka(self) -> str:
        """The broker's address."""
        return str(self.tunnel.config.kafka_servers)


def run(say: Say, good: int = GOOD, seed: int = SEED, real_model: bool = False) -> dict[str, object]:
    """Send everything, wait until it has gone through, and judge it."""
    began_s = time.monotonic()
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    texts = catalog_texts()
    with servers_for(FOLDER, real_model, say) as servers:
        chance, now_ms = Random(seed), int(time.time() * 1000)
        events, said = good_events(texts, good, now_ms)
        bad = bad_events(texts, good, now_ms, chance) + bad_results(good, now_ms, chance)
        messages = [*events, *bad]
        chance.shuffle(messages)
        sent_s = time.monotonic()
        places = send_all(servers.kafka, messages)
        refused = refused_by_broker(servers.kafka)
        say(f"{len(messages):,} messages sent in {time.monotonic() - sent_s:.0f} s")
        letters = wait_for_all(servers, set(places), set(said), say)
        through_s = time.monotonic() - sent_s
        say(f"all went through in {through_s:.0f} s; comparing")
        answers = asyncio.run(_answers(servers, texts))
        state = table_state(servers.merge.table)
        right = right_items(state, said, texts, answers, say)
        same = replay(changes_in(servers.kafka)) == state
    return {
        "bad_sent": len(places),
        "bad_dead_lettered": rightly_refused(places, letters, say),
        "good_right": len(right) if same else 0,
        "good_sent": len(said),
        "bad_changes_replay_to_table": same,
        "bad_good_ones_refused": len(set(letters) - set(places)),
        "bad_largest_letter_bytes": max(len(one.raw) for one in letters.values()),
        "bad_refused_by_broker_and_told": refused,
        "bad_by_kind": dict(Counter(one.kind for one in places.values())),
        "bad_by_reason": dict(Counter(f"{one.topic}: {one.reason}" for one in letters.values())),
        "bad_through_s": round(through_s, 1),
        "bad_messages_per_s": round(len(messages) / through_s, 1),
        "bad_s": round(time.monotonic() - began_s, 1),
        "bad_encoder": ("vLLM" if real_model else "a stand-in over HTTP, no model")
        + "; ranker and scorer are the released ones, discriminator off",
    }


def catalog_texts() -> list[Fields]:
    """Listings of the demo catalog in a category, as an event's fields without id and time."""
    lines = (CATALOG / "listings.jsonl").read_text("utf-8").splitlines()
    found = [json.loads(line) for line in lines]
    return [
        {name: value for name, value in one.items() if name not in DONT}
        for one in found
        if one["category_id"]
    ][:TEXTS]


def few_keys(folder: Path) -> Path:
    """The demo ontology with the first keys of each category, so that results are of ordinary length."""
    folder.mkdir(parents=True)
    shutil.copytree(CATALOG / "ontology", folder, dirs_exist_ok=True)
    kept: dict[str, list[str]] = {}
    for name in ("keys.jsonl", "values.jsonl"):
        lines = []
        for line in (folder / name).read_text("utf-8").splitlines():
            entry = json.loads(line)
            keys = kept.setdefault(entry["category_id"], [])
            if name == "keys.jsonl" and len(keys) < KEYS_EACH:
                keys.append(entry["key_id"])
            if entry["key_id"] in keys:
                lines.append(line)
        (folder / name).write_text("\n".join(lines) + "\n", "utf-8")
    return folder


@contextmanager
def servers_for(folder: Path, real_model: bool, say: Say) -> Iterator[Servers]:
    """Everything up and the jobs running; all ended at the end. Errors: AssertionError with what a command said."""
    with ExitStack() as ending:
        env, url = own_env(folder / "state") | {"AIIC_FLINK_SUBMIT_TIMEOUT_S": "900"}, ""
        if real_model:
            env["AIIC_ENCODER_PORT"] = str(free_ports(1)[0])
            url = f"http://127.0.0.1:{env['AIIC_ENCODER_PORT']}/v1"
            env |= {"AIIC_ENCODER_URL": url, "AIIC_DISCRIMINATOR_URL": url, "AIIC_DISCRIMINATOR_MODEL": "any"}
        else:
            model = Model()
            ending.callback(model.close)
            url = model.server.url
            for role in ("ENCODER", "DISCRIMINATOR"):
                env |= {f"AIIC_{role}_URL": url, f"AIIC_{role}_MODEL": "any"}
        parts = "kafka,flink" + ",encoder" * real_model
        tunnel = Tunnel(env, folder / "warehouse")
        merge = Merge(tunnel.config.kafka_servers, tunnel.warehouse, free_ports(1)[0], MERGE_WORDS)
        ending.callback(tunnel.aiic, "down", "--only", parts)
        ending.callback(_end, merge)
        tunnel.aiic("up", "--only", parts)
        apply_topics(tunnel.config.kafka_servers, TOPICS)
        release_demo(tunnel.warehouse, url, few_keys(folder / "ontology"))
        # One after the other: on a busy machine a job that is submitted beside a Spark that starts is not taken in time.
        tunnel.start("--fresh")
        merge.start()
        merge.ready()
        say("broker, nearline job and merge are up")
        yield Servers(tunnel, merge)


def _end(merge: Merge) -> None:
    if merge.process is not None and merge.process.poll() is None:
        merge.kill()


def send_all(servers: str, messages: Sequence[Sent]) -> dict[Place, Sent]:
    """Send in this order; the places that the bad ones got. Errors: KafkaError for one that the broker did not take."""
    settings = {
        "bootstrap_servers": servers,
        "acks": "all",
        "max_request_size": ALLOWED_BYTES,
        "linger_ms": 5,
    }
    places = {}
    with (
        closing(KafkaProducer(**settings)) as plain,
        closing(KafkaProducer(**settings, compression_type="gzip")) as zipping,
    ):
        for at in range(0, len(messages), CHUNK):
            part = messages[at : at + CHUNK]
            receipts = [
                (zipping if one.zipped else plain).send(one.topic, key=one.key, value=one.value)
                for one in part
            ]
            for one, receipt in zip(part, receipts, strict=True):
                found = receipt.get(timeout=120)
                if one.kind:
                    places[found.topic, found.partition, found.offset] = one
    return places


def refused_by_broker(servers: str) -> int:
    """How many of some messages beyond the topics' limits end as an error that their producer sees."""
    told = 0
    for topic in (ITEM_EVENTS, RESULTS):
        with closing(
            KafkaProducer(bootstrap_servers=servers, max_request_size=2 * REFUSED_BYTES)
        ) as producer:
            try:
                producer.send(topic, key=b"good-0", value=b"x" * REFUSED_BYTES).get(timeout=60)
            except KafkaError:
                told += 1
    return told


def wait_for_all(servers: Servers, bad: set[Place], good: set[str], say: Say) -> dict[Place, DeadLetter]:
    """Wait until each bad message has a letter, each good item a result, and all of it is merged; the letters by place."""
    letters: dict[Place, DeadLetter] = {}
    answered: set[str] = set()
    deadline, next_say_s = time.monotonic() + PATIENCE_S, time.monotonic() + 20
    log = open_log(servers.kafka, [RESULTS, *LETTERS])
    try:
        log.seek({})
        while not (bad <= letters.keys() and good <= answered and _merged(servers.merge)):
            for message in log.poll(0.5, 2_000):
                if message.topic in LETTERS:
                    letter = parse_record(DeadLetter, json.loads(message.value or b""))
                    letters[letter.topic, letter.partition, letter.offset] = letter
                elif (message.topic, message.partition, message.offset) not in bad:
                    answered.add((message.key or b"").decode())
            if time.monotonic() > deadline:
                absent = [*sorted(bad - letters.keys())[:5], *sorted(good - answered)[:5]]
                raise TimeoutError(f"{len(letters)} letters, {len(answered)} results; absent: {absent}")
            if time.monotonic() > next_say_s:
                next_say_s += 20
                say(f"{len(letters):,} dead letters, {len(answered):,} items answered")
    finally:
        log.close()
    return letters


def _merged(merge: Merge) -> bool:
    told = merge.told()
    return told.get("lag_messages") == 0 and told.get("unpublished") == 0


def rightly_refused(places: Mapping[Place, Sent], letters: Mapping[Place, DeadLetter], say: Say) -> int:
    """How many bad messages have a letter with a right reason and only the beginning of what was sent."""
    right = 0
    for place, sent in places.items():
        letter = letters.get(place)
        if letter is None or letter.reason not in sent.reasons or len(letter.raw) > 2 * MAX_RAW_BYTES:
            say(f"{sent.kind} at {place}: expected {sorted(sent.reasons)}, letter {letter and letter.reason}")
        else:
            right += 1
    return right


def right_items(
    state: Mapping[tuple[str, str], KnowledgeRow],
    said: Mapping[str, tuple[int, int]],
    texts: Sequence[Fields],
    answers: Sequence[ItemAnswers],
    say: Say,
) -> set[str]:
    """The items of which the table holds what the recogniser says of their texts, and nothing else."""
    by_item: dict[str, list[KnowledgeRow]] = {}
    for row in state.values():
        by_item.setdefault(row.item_id, []).append(row)
    right, wrong = set(), []
    for item_id, (place, event_ms) in said.items():
        rows = by_item.pop(item_id, [])
        expected = {one.key_id: one.values for one in answers[place].answers}
        values = {row.attr_id: row.value_texts for row in rows}
        sound = all(
            (row.event_ms, row.provenance.tier, row.is_deleted, row.category_id)
            == (event_ms, "nearline", False, answers[place].category_id)
            and all(_stands(one, texts[place]) for one in row.evidence)
            for row in rows
        )
        if values == expected and sound:
            right.add(item_id)
        else:
            wrong.append(f"{item_id}: {values}, expected {expected}")
    wrong += [f"{item_id}: nobody sent it" for item_id in by_item]
    for line in wrong[:5]:
        say(line[:500])
    return right if not by_item else set()


def _stands(evidence: Evidence, text: Fields) -> bool:
    name = evidence.source_field
    raw = (
        text["attributes"][name.removeprefix("attributes.")] if name.startswith("attributes.") else text[name]
    )
    return bool(raw[evidence.start : evidence.end] == evidence.words)


async def _answers(servers: Servers, texts: Sequence[Fields]) -> list[ItemAnswers]:
    """What the recogniser says of each text, asked directly."""
    os.environ.update({name: value for name, value in servers.tunnel.env.items() if name.startswith("AIIC_")})
    recogniser = open_recogniser(default_config(find_release(servers.tunnel.warehouse, "demo"), "off"))
    listings = [parse_record(Listing, text | {"item_id": f"text-{n}"}) for n, text in enumerate(texts)]
    found: list[ItemAnswers] = []
    try:
        for at in range(0, len(listings), 16):
            found += (await recogniser.recognise(listings[at : at + 16]))[0]
    finally:
        await recogniser.close()
    return found


def main() -> int:
    """Run it and print the figures; 1 where a bad one was taken, or a good one is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--good", type=int, default=GOOD, help="good messages (%(default)s)")
    parser.add_argument("--seed", type=int, default=SEED, help="%(default)s")
    parser.add_argument("--real-model", action="store_true", help="vLLM, not a stand-in")
    args = parser.parse_args()

    def say(line: str) -> None:
        print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)

    figures = run(say, args.good, args.seed, args.real_model)
    print(json.dumps(figures, indent=1))
    whole = (
        figures["bad_sent"] == figures["bad_dead_lettered"] and figures["good_right"] == figures["good_sent"]
    )
    return 0 if whole else 1


if __name__ == "__main__":
    sys.exit(main())
