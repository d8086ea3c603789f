"""Keeps what somebody started running: components of the local stack, and the Flink jobs of the stream tiers.

What died is started again: a component with the settings of this command, a job with the settings that it had, from its
newest checkpoint or savepoint. What is alive but not well is not touched, only told: its own retries mend what passes.
Topics of an earlier version get the settings of this one, once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from infra.flink_cluster import FlinkError
from infra.flink_wanted import WantedUnreadable
from infra.kafka import KafkaUnavailable, TopicMismatch
from infra.local import stack, state
from infra.local.component import Component
from infra.local.config import LocalConfig
from infra.local.kafka import NAME as KAFKA
from infra.local.stack import StackError
from infra.topics import correct_topics
from jobs.stream_jobs import TIERS, Say, cluster_of, is_wanted, start_again
from pipelines.tunnel.stream_config import job_name
from schemas.topics import TOPICS

NAMES = (*stack.NAMES, *TIERS)
"""All that can be kept running."""
FLINK = "flink"
ERRORS = (FlinkError, WantedUnreadable, KafkaUnavailable, TopicMismatch, StackError, TimeoutError)


class Supervisor:
    """Looks again and again. `names`: what is kept; None: whatever was started and not ended. Use as `with`."""

    def __init__(
        self, config: LocalConfig, names: Sequence[str] | None, say: Say, env: Mapping[str, str]
    ) -> None:
        self._config, self._names, self._say, self._env = config, names, say, env
        # At once: a submission waits as much as it works.
        self._pool = ThreadPoolExecutor(len(TIERS), "submit")
        self._submitted: dict[str, Future[None]] = {}
        self._topics_are_planned = False

    def __enter__(self) -> Supervisor:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def kept(self) -> tuple[str, ...]:
        """The names of what is kept running now."""
        if self._names is not None:
            return tuple(name for name in NAMES if name in self._names)
        folder = self._config.stack.state_dir
        running = [name for name in stack.NAMES if state.load(folder, name) is not None]
        return (*running, *(tier for tier in TIERS if is_wanted(self._config, tier)))

    def look(self) -> dict[str, str]:
        """Start again what died; returns what is not well yet, with the reason. Never waits for anything to be ready."""
        kept = self.kept()
        faults = self._components(stack.components(self._config, [n for n in kept if n in stack.NAMES]))
        tiers = [name for name in kept if name in TIERS]
        return faults | (self._jobs(tiers) if tiers else {})

    def _components(self, kept: Sequence[Component]) -> dict[str, str]:
        faults: dict[str, str] = {}
        for component, found in zip(kept, stack.status(self._config, kept), strict=True):
            if found.health in ("dead", "down"):
                try:
                    stack.up(self._config, [component], self._say, self._env, wait=False)
                    faults[component.name] = "started again"
                except ERRORS as error:
                    faults[component.name] = str(error)
            elif found.health != "up":
                faults[component.name] = f"{found.health}: see {found.log}"
            elif component.name == KAFKA and not self._topics_are_planned:
                faults |= self._topics()
        return faults

    def _topics(self) -> dict[str, str]:
        """Give topics that are there the settings that are planned; what keeps it from doing so."""
        try:
            for line in correct_topics(self._config.kafka_servers, TOPICS):
                self._say(line)
        except (KafkaUnavailable, TopicMismatch) as error:
            return {"topics": str(error)}
        self._topics_are_planned = True
        return {}

    def _jobs(self, tiers: Sequence[str]) -> dict[str, str]:
        try:
            live = {job.name: job.state for job in reversed(cluster_of(self._config).jobs()) if job.is_live}
        except FlinkError as error:
            return {tier: str(error) for tier in tiers}
        faults: dict[str, str] = {}
        for tier in tiers:
            job_state = live.get(job_name(tier))
            if job_state is None:
                faults[tier] = self._start_again(tier)
            elif job_state != "RUNNING":
                faults[tier] = f"the job is {job_state}"
        return faults

    def _start_again(self, tier: str) -> str:
        """Start a job in the background; what there is to say of it now."""
        under_way = self._submitted.get(tier)
        if under_way is not None and not under_way.done():
            return "being submitted"
        error = under_way.exception() if under_way is not None else None
        if error is not None and not isinstance(error, ERRORS):
            raise error
        if not is_wanted(self._config, tier):
            return f"was never started: `aiic stream start {tier} --ontology NAME`"
        self._say(f"{tier}: does not run, starting it again")
        self._submitted[tier] = self._pool.submit(start_again, self._config, tier, self._say)
        return f"tried again: {error}" if error is not None else "being submitted"


def watch(
    look: Callable[[], Mapping[str, str]],
    say: Say,
    every_s: float,
    deadline_s: float | None,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Mapping[str, str]:
    """Look every so often and tell what changed: for ever, or until all is well or the deadline (of `clock`) has passed.

    Returns: what is not well at the end; {} where all is.
    """
    before: Mapping[str, str] | None = None
    while True:
        faults = look()
        for name in sorted(set(faults) | set(before or {})):
            if faults.get(name) != (before or {}).get(name):
                say(f"{name}: {faults.get(name, 'well')}")
        before = faults
        if deadline_s is not None and (not faults or clock() > deadline_s):
            return faults
        sleep(every_s)
