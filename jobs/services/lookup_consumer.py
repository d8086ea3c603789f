"""The lookup service's consumer, a process of its own: topics into the store, while the service only reads."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable

from infra.kafka import KafkaUnavailable
from infra.kafka_log import PositionLost, TopicMissing, open_log
from infra.kv_redis import StoreConflict
from jobs.services.lookup import now_ms
from jobs.services.lookup_settings import LookupSettings, open_store, read_settings
from pipelines.tunnel.merge_intake import RawMessage
from pipelines.tunnel.store_feed import TOPICS
from pipelines.tunnel.store_follow import (
    REBUILDING,
    STATUS,
    FollowConfig,
    Follower,
    FollowStatus,
    status_bytes,
)
from pipelines.tunnel.store_knowledge import KnowledgeStore, StoreError, Superseded
from schemas.derive import BadRecord

LOG = logging.getLogger("aiic.lookup.consumer")
RETRY_S = 2.0
GIVES_WAY = 5
"""How nice it is to the process that answers: its rows may come some ms later, a caller's answer may not."""
Pause = Callable[[float], object]
TRANSIENT = (KafkaUnavailable, TopicMissing, StoreConflict)


def follow(
    store: KnowledgeStore, settings: LookupSettings, goes_on: Callable[[], bool], pause: Pause
) -> None:
    """Follow the topics as long as `goes_on`; what passes by itself is tried again.

    Leaves a store alone that is being rebuilt, or whose rebuild was cut off: readiness says so.
    Errors: StoreError, PositionLost.
    """
    began_ms = now_ms()
    while goes_on():
        if store.noted(REBUILDING):
            pause(RETRY_S)
            continue
        try:
            _follow(store, settings, goes_on)
        except TRANSIENT as error:
            LOG.warning("%s; trying again", error)
            _tell(store, FollowStatus(began_ms, now_ms(), problem=str(error)))
            pause(RETRY_S)


def _follow(store: KnowledgeStore, settings: LookupSettings, goes_on: Callable[[], bool]) -> None:
    log = open_log(settings.kafka_servers, TOPICS)
    try:
        follower = Follower(store, log, FollowConfig(), now_ms, _refused)
        follower.start()
        LOG.info("following %s at %s", ", ".join(TOPICS), settings.kafka_servers)
        while goes_on():
            follower.step()
    finally:
        log.close()


def _tell(store: KnowledgeStore, status: FollowStatus) -> None:
    if not store.noted(REBUILDING):
        store.note(STATUS, status_bytes(status), store.begin_term())


def _refused(message: RawMessage, error: BadRecord) -> None:
    # The merge reads the same topics and keeps the message as a dead letter; here it is only told.
    LOG.warning("refused %s[%s] %s: %s", message.topic, message.partition, message.offset, error.reason)


def main() -> int:
    """Run until the process whose number is the argument, and whose child this is, is gone. Exit code 3: another consumer has taken over."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    logging.getLogger("kafka").setLevel(logging.ERROR)
    os.nice(GIVES_WAY)
    settings, parent, ending = read_settings(os.environ), int(sys.argv[1]), threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ending.set())
    store = open_store(settings)
    try:
        follow(store, settings, lambda: not ending.is_set() and os.getppid() == parent, ending.wait)
    except Superseded as error:
        LOG.error("%s", error)
        return 3
    except (StoreError, PositionLost) as error:
        LOG.error("%s", error)
        _tell(store, FollowStatus(now_ms(), now_ms(), problem=str(error)))
        return 1
    finally:
        store.kv.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
