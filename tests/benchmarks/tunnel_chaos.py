"""kill -9 of every part of the tunnel in mid-load: what is lost, whether the wrong state wins, how soon it is well again.

    python -m tests.benchmarks.tunnel_chaos [--only jobmanager,merge,...] [--real-model]

One run: broker, TaskManager, JobManager, merge driver, model server and lookup service one after the other, then all at
once. Recovered: an event sent after the kill, one of each tier, is answered by the lookup service and published by the merge
as a change; jobs and merge are well; and events sent then are answered, too. What died is started again by `./aiic supervise --watch`, Flink's processes by the stack's own loop; the
stand-in for the model server alone by this bench after some seconds (with `--real-model`, the stack's encoder, by the
supervisor as well). In the end table, lookup store and replayed changes are compared with what was sent, row by row.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

from kafka.errors import KafkaError

from infra.fake_vllm import FakeVllm
from infra.kafka import KafkaUnavailable
from infra.kafka_log import PositionLost, TopicMissing, open_log
from schemas.topics import CHANGES
from tests.benchmarks.chaos_check import judge
from tests.benchmarks.chaos_load import Ledger, Load, Sender, moment, standing, templates
from tests.benchmarks.chaos_stack import FOLDER, MODEL_AWAY_S, ChaosStack, chaos_stack, wait_until

PARTS = ("broker", "taskmanager", "jobmanager", "merge", "model", "lookup")
ALL = "all"
KILLS = (*PARTS, ALL)
ENCODER, DIMENSIONS = "all-minilm-l6-v2", 384
RATE, ITEMS, WINDOW_S = 5.0, 40, 3
RECOVERY_LIMIT_S, QUIET_LIMIT_S, FIRST_LIMIT_S = 300.0, 240.0, 300.0
LOAD_BEFORE_KILL_S = 6.0
Say = Callable[[str], None]


class Published(threading.Thread):
    """Remembers which items have a change published, reading on wherever the broker comes back."""

    def __init__(self, servers: str) -> None:
        super().__init__(name="published", daemon=True)
        self._servers, self._ending = servers, threading.Event()
        self.items: set[str] = set()

    def run(self) -> None:
        """Read until ended."""
        positions: dict[tuple[str, int], int] = {}
        while not self._ending.is_set():
            try:
                with closing(open_log(self._servers, [CHANGES])) as log:
                    log.seek(positions)
                    while not self._ending.is_set():
                        self.items |= {(one.key or b"").decode() for one in log.poll(0.3, 500)}
                        positions = log.positions()
            except (KafkaUnavailable, TopicMissing, PositionLost, KafkaError, OSError):
                time.sleep(0.5)

    def end(self) -> None:
        """Stop."""
        self._ending.set()
        self.join(20)


def run(say: Say, kills: Sequence[str] = KILLS, real_model: bool = False) -> dict[str, Any]:
    """Measure. Returns the figures; Errors: those of starting the stack, TimeoutError where it never recovers."""
    began_s = time.monotonic()
    with chaos_stack(real_model, WINDOW_S, say) as stack:
        ledger, published = Ledger(), Published(stack.servers)
        load = Load(stack.servers, ledger, RATE, ITEMS)
        published.start()
        load.first()
        wait_until(lambda: known(stack, ledger, published), "the first items known", FIRST_LIMIT_S)
        say(f"{ITEMS} items known, all runs after {time.monotonic() - began_s:.0f} s")
        load.start()
        took: dict[str, float] = {}
        for number, name in enumerate(kills):
            time.sleep(LOAD_BEFORE_KILL_S)
            took |= killed(stack, name, number, ledger, published, say)
        load.end()
        quiet_s = wait_until(lambda: known(stack, ledger, published), "all items known", QUIET_LIMIT_S)
        settle_down(stack)
        published.end()
        found = judge(stack.servers, stack.warehouse, FOLDER / "state/lookup/store", ledger.states)
    for words in found.words:
        say(f"not right: {words}")
    return {
        "chaos_lost": found.lost,
        "chaos_wrong": found.wrong,
        "chaos_recovery_s": max(took[f"chaos_{name}_s"] for name in kills),
        **took,
        "chaos_kills": len([part for name in kills for part in parts_of(name)]),
        "chaos_rows": found.rows,
        "chaos_items": len(ledger.states),
        "chaos_events": ledger.events,
        "chaos_events_repeated": ledger.repeated,
        "chaos_events_late": ledger.late,
        "chaos_events_per_s": RATE,
        "chaos_caught_up_s": round(quiet_s, 1),
        "chaos_took_s": round(time.monotonic() - began_s),
        "chaos_model": "the stack's encoder" if real_model else "a stand-in (infra/fake_vllm.py), a process",
        "chaos_restarted_by": "aiic supervise --watch; Flink's processes by the stack's loop; "
        + ("nothing else" if real_model else f"the stand-in by the bench after {MODEL_AWAY_S:g} s"),
    }


def killed(
    stack: ChaosStack, name: str, number: int, ledger: Ledger, published: Published, say: Say
) -> dict[str, float]:
    """Kill, and see when events sent afterwards are told. Units: seconds after the kill.

    Tasks may go on for a while without their JobManager, and answer; so a second pair of events is sent once both jobs run
    under a JobManager that answers, and the merge is well. All of them count.
    """
    stack.kill(parts_of(name))
    began_s = time.monotonic()
    say(f"{name}: killed")
    first = send_probes(stack, f"probe-{number}-{name}", ledger)
    if "model" in parts_of(name):
        time.sleep(max(0.0, MODEL_AWAY_S - (time.monotonic() - began_s)))
        stack.start_model()
    seen: dict[str, float] = {}

    def note(event: str, is_so: bool) -> None:
        if is_so and event not in seen:
            seen[event] = round(time.monotonic() - began_s, 1)

    def is_back() -> bool:
        note("lookup", stack.newest_ms(list(first)).items() >= first.items())
        note("changes", first.keys() <= published.items)
        note("parts", stack.is_well())
        return len(seen) == 3

    def told() -> str:
        return f"{name}: not all of lookup, changes, parts: {seen}"

    wait_until(is_back, told, RECOVERY_LIMIT_S, 0.25)
    second = send_probes(stack, f"probe-{number}-{name}-again", ledger)
    wait_until(lambda: stack.newest_ms(list(second)).items() >= second.items(), told, RECOVERY_LIMIT_S, 0.25)
    note("again", True)
    say(f"{name}: " + ", ".join(f"{event} {at_s:.1f} s" for event, at_s in seen.items()))
    return {f"chaos_{name}_s": max(seen.values())} | {
        f"chaos_{name}_{event}_s": at_s for event, at_s in seen.items()
    }


def parts_of(name: str) -> Sequence[str]:
    """What a kill kills."""
    return PARTS if name == ALL else (name,)


def send_probes(stack: ChaosStack, prefix: str, ledger: Ledger) -> dict[str, int]:
    """An event of each tier, sent until the broker has it; the items and their times."""
    event_ms = time.time_ns() // 1_000_000
    base = templates()[0] | {"event_time": moment(event_ms), "spu_id": prefix}
    events = [
        base | {"item_id": f"{prefix}-nearline", "description": f"Note: {prefix} plain."},
        base | {"item_id": f"{prefix}-realtime", "description": f"Note: {prefix} star.", "priority": "star"},
    ]
    for event in events:
        ledger.note(event_ms, event)
    with closing(Sender(stack.servers)) as sender:
        sender.send(events)
    return {str(event["item_id"]): event_ms for event in events}


def known(stack: ChaosStack, ledger: Ledger, published: Published) -> bool:
    """Whether the lookup service has every item's newest text, and every item has had a change."""
    with ledger.lock:
        wanted = {item: min(standing(states)) for item, states in ledger.states.items()}
    found: dict[str, int] = {}
    items = list(wanted)
    for first in range(0, len(items), 200):
        found |= stack.newest_ms(items[first : first + 200])
    behind = [item for item, event_ms in wanted.items() if found.get(item, 0) < event_ms]
    return not behind and wanted.keys() <= published.items


def settle_down(stack: ChaosStack) -> None:
    """Wait until the merge has nothing left to read or to publish for some looks in a row."""
    calm = 0

    def is_calm() -> bool:
        nonlocal calm
        told = stack.merge_told()
        idle = bool(told) and not any(told.get(name) for name in ("problem", "lag_messages", "unpublished"))
        before, now = getattr(is_calm, "rows", None), told.get("rows_read")
        is_calm.rows = now  # type: ignore[attr-defined]
        calm = calm + 1 if idle and before == now else 0
        return calm >= 13

    wait_until(is_calm, "the merge has merged all", QUIET_LIMIT_S, 1.0)


async def serve_model(port: int) -> None:
    """The stand-in for both model servers, until it is killed."""
    async with FakeVllm(encoder=ENCODER, dimensions=DIMENSIONS, port=port):
        await asyncio.Event().wait()


def main() -> int:
    """Measure alone, and print; exit code 1 where a figure is missed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default=",".join(KILLS), help="some of %(default)s")
    parser.add_argument("--real-model", action="store_true", help="the stack's encoder, not a stand-in")
    parser.add_argument("--serve-model", type=int, metavar="PORT", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve_model:
        asyncio.run(serve_model(args.serve_model))
        return 0
    kills = [name for name in KILLS if name in args.only.split(",")]
    if not kills or set(args.only.split(",")) - set(KILLS):
        parser.error(f"--only takes some of {', '.join(KILLS)}")
    figures = run(
        lambda line: print(f"{time.strftime('%H:%M:%S')} {line}", flush=True), kills, args.real_model
    )
    for name, value in figures.items():
        print(f"{name:28} {value}")
    missed = figures["chaos_lost"] or figures["chaos_wrong"] or figures["chaos_recovery_s"] > 120
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
