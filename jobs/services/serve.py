"""Runs a service in the foreground: one process that answers, one that follows the topics, both ended together."""

from __future__ import annotations

import gc
import logging
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from typing import Any

import uvicorn

from infra.http_keys import first_key, load_keys
from jobs.services.lookup import LookupConfig, lookup_app
from jobs.services.lookup_items import ItemLimits
from jobs.services.lookup_settings import LookupSettings, open_store
from jobs.services.ontologies import Ontologies

LOG = logging.getLogger("aiic.serve")
SHORTEST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0
WELL_AFTER_S = 60.0
END_GRACE_S = 10.0
MAX_CONNECTIONS = 1_000


class Kept:
    """A child process that is started again when it dies, after a pause that grows.

    It is told whose child it is: asking for that itself, it would not notice a parent that died before it could ask.
    """

    def __init__(self, module: str) -> None:
        self._argv = [sys.executable, "-m", module, str(os.getpid())]
        self._ending = threading.Event()
        self._child: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._keep, name=module, daemon=True)

    def start(self) -> None:
        """Start the child and watch it."""
        self._thread.start()

    def stop(self) -> None:
        """End the child, and do not start it again."""
        self._ending.set()
        if self._child is not None:
            with suppress(ProcessLookupError):
                self._child.terminate()
        self._thread.join(END_GRACE_S)
        if self._child is not None and self._child.poll() is None:
            self._child.kill()

    def _keep(self) -> None:
        pause_s = SHORTEST_PAUSE_S
        while not self._ending.is_set():
            began = threading.Event()
            timer = threading.Timer(WELL_AFTER_S, began.set)
            timer.daemon = True
            timer.start()
            self._child = subprocess.Popen(self._argv)
            code = self._child.wait()
            timer.cancel()
            pause_s = SHORTEST_PAUSE_S if began.is_set() else min(2 * pause_s, LONGEST_PAUSE_S)
            if not self._ending.is_set():
                LOG.warning("the consumer ended with code %s; starting it again in %g s", code, pause_s)
                self._ending.wait(pause_s)


def serve_lookup(settings: LookupSettings, follows: bool) -> int:
    """Serve until interrupted. Errors: KeysError, StoreError."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    first_key(settings.keys_file, settings.secret_file)
    keys = load_keys(settings.keys_file)
    store = open_store(settings)
    config = LookupConfig(ItemLimits(settings.max_ids, settings.max_ids), follows=follows)
    app = lookup_app(store, Ontologies(settings.warehouse), keys, config)
    consumer = Kept("jobs.services.lookup_consumer") if follows else None
    LOG.info("lookup at http://%s:%s, keys in %s", settings.host, settings.port, settings.keys_file)
    try:
        if consumer:
            consumer.start()
        run_http(app, settings.host, settings.port)
    finally:
        if consumer:
            consumer.stop()
        store.kv.close()
    return 0


def run_http(app: Any, host: str, port: int) -> None:
    """Answer requests until a signal says to end; what is under way is finished first."""
    # What lives as long as the process need not be looked at by each collection of garbage.
    gc.collect()
    gc.freeze()
    # The server raises its signal once more when it has ended; what started with it must still be ended then.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt):
        http_server(app, host, port).run()


def http_server(app: Any, host: str, port: int) -> uvicorn.Server:
    """The server of an application, not yet running."""
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_config=None,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=10,
        server_header=False,
    )
    return uvicorn.Server(config)
