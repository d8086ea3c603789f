"""`aiic merge --follow`: the streaming merge started, looked at and ended as a component of the local stack."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from infra.kafka import KafkaUnavailable, TopicMismatch
from infra.local.config import ConfigError, LocalConfig, load_config
from infra.local.merge import merge_status, page_url, start_merge, stop_merge
from infra.local.stack import StackError
from infra.local.state import StateError
from infra.status_page import look
from infra.topics import apply_topics
from schemas.topics import TOPICS

ACTIONS = ("start", "stop", "status")
ERRORS = (StackError, ConfigError, StateError, KafkaUnavailable, TopicMismatch, TimeoutError)
SHOWN = ("rows_read", "rows_written", "commits", "lag_messages", "unpublished", "waiting_files", "problem")


def follow(action: str, warehouse: Path) -> int:
    """Do one of `ACTIONS`; the exit code. `status` is 0 where the merge runs and all is well."""
    try:
        config = load_config(env=os.environ)
        if action == "start":
            apply_topics(config.kafka_servers, TOPICS)
            start_merge(config, warehouse, lambda line: print(line, flush=True))
        elif action == "stop":
            stop_merge(config, print)
        else:
            return _show(config, warehouse)
        return 0
    except ERRORS as error:
        print(f"aiic merge: {error}", file=sys.stderr)
        return 1


def _show(config: LocalConfig, warehouse: Path) -> int:
    found = merge_status(config, warehouse)
    told = look(page_url(config)) or {}
    print(
        f"merge: {found.health}, pid {found.pid or '-'}, page {page_url(config)}/status, log {found.log or '-'}"
    )
    facts = [f"{name} {told[name]}" for name in SHOWN if told.get(name) is not None]
    if facts:
        print("  " + ", ".join(facts))
    return 0 if found.health == "up" else 1
