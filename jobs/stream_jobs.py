"""The stream jobs of a session cluster: started where their last state is, started again, ended."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from infra.flink_cluster import Cluster, newest_state
from infra.flink_wanted import WantedJob, forget_wanted, note_wanted, wanted_job
from infra.local.config import ROOT, LocalConfig
from infra.local.flink import client_env, rest_url
from infra.local.state import locked
from infra.topics import apply_topics
from jobs.released import find_release
from pipelines.tunnel.stream_config import StreamConfig, job_name
from schemas.topics import TOPICS

TIERS = ("nearline", "realtime")
Say = Callable[[str], None]


def state_dir(config: LocalConfig, tier: str) -> Path:
    """Where checkpoints, savepoints and the settings of a tier's job lie."""
    return (config.stack.state_dir / "flink" / "jobs" / tier).absolute()


def cluster_of(config: LocalConfig) -> Cluster:
    """The local stack's cluster."""
    return Cluster(rest_url(config), client_env(config), config.flink.submit_timeout_s)


def is_wanted(config: LocalConfig, tier: str) -> bool:
    """Whether somebody started a tier's job and nobody ended it. Errors: WantedUnreadable."""
    return wanted_job(state_dir(config, tier)) is not None


def held(config: LocalConfig, tier: str, say: Say) -> AbstractContextManager[None]:
    """Nobody else starts or ends a tier's job while the block runs."""
    return locked(state_dir(config, tier), lambda holder: say(f"{tier}: waiting for pid {holder}"))


def start_job(config: LocalConfig, tier: str, settings: StreamConfig, fresh: bool, say: Say) -> None:
    """Start a tier's job, unless it runs, and remember that it is wanted.

    It goes on from its newest savepoint or checkpoint wherever there is one; `fresh` alone forgets them.
    Errors: FlinkError, KafkaUnavailable, TopicMismatch, OntologyError.
    """
    folder = state_dir(config, tier)
    find_release(Path(settings.warehouse), settings.ontology)  # refuse now, not in a worker
    with held(config, tier, say):
        if _runs(config, tier, say):
            return
        before = wanted_job(folder)
        since_ms = time.time_ns() // 1_000_000 if fresh else before.since_ms if before else 0
        wanted = WantedJob(settings.to_json(), since_ms)
        apply_topics(config.kafka_servers, TOPICS)
        note_wanted(folder, wanted)
        _submit(config, tier, wanted, say)


def start_again(config: LocalConfig, tier: str, say: Say) -> None:
    """Start a job that is wanted and does not run, with the settings that it had, from its newest state.

    Errors: FlinkError, KafkaUnavailable, TopicMismatch, WantedUnreadable.
    """
    folder = state_dir(config, tier)
    with held(config, tier, say):
        wanted = wanted_job(folder)
        if wanted is None or _runs(config, tier, say):
            return
        apply_topics(config.kafka_servers, TOPICS)
        _submit(config, tier, wanted, say)


def not_wanted(config: LocalConfig, tier: str) -> None:
    """Nobody starts a tier's job again. Its states stay."""
    forget_wanted(state_dir(config, tier))


def _runs(config: LocalConfig, tier: str, say: Say) -> bool:
    running = cluster_of(config).live_job(job_name(tier))
    if running is not None:
        say(f"{tier}: runs already, job {running.job_id}, {running.state}")
    return running is not None


def _submit(config: LocalConfig, tier: str, wanted: WantedJob, say: Say) -> None:
    restore = newest_state(state_dir(config, tier), wanted.since_ms)
    script = ROOT / "jobs" / tier / "item_knowledge.py"
    cluster_of(config).submit(script, ["--config", wanted.settings], restore)
    where = f"goes on from {restore.name} ({restore})" if restore else "from nothing: it has no state yet"
    say(f"{tier}: submitted, {where}")
