"""The session cluster's settings, and the client of its REST interface against a small server."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import yaml

from infra.flink_cluster import METADATA_BEGINS, Cluster, FlinkError, newest_state
from infra.local.config import LocalConfig, load_config
from infra.local.flink import client_env, flink_component, java_options, rest_url
from infra.local.process import identify
from infra.local.stack import DEFAULT, NAMES, started
from infra.local.state import Running, save

METRICS = ["0.state.aiic_waiting", "0.state.numRecordsIn", "0.state.aiic_dead_not_json"]


class Rest(BaseHTTPRequestHandler):
    """One running job, one that ended; a savepoint that is done at the second look."""

    looks = 0

    def do_GET(self) -> None:
        if self.path == "/jobs/overview":
            self._say({"jobs": [
                {"jid": "old", "name": "job", "state": "CANCELED", "start-time": 1},
                {"jid": "new", "name": "job", "state": "RESTARTING", "start-time": 2},
            ]})  # fmt: skip
        elif self.path == "/jobs/new":
            self._say({"vertices": [{"id": "v1"}, {"id": "v2"}]})
        elif self.path.endswith("/subtasks/metrics"):
            self._say([{"id": name} for name in METRICS])
        elif "get=" in self.path:
            self._say([{"id": name, "sum": "3.0"} for name in self.path.rpartition("get=")[2].split(",")])
        elif "/savepoints/" in self.path:
            type(self).looks += 1
            done = (
                {"location": "file:///s/1"} if "good" in self.path else {"failure-cause": "servers are away"}
            )
            state = "COMPLETED" if self.looks > 1 else "IN_PROGRESS"
            self._say({"status": {"id": state}, "operation": done if self.looks > 1 else None})
        else:
            self.send_error(404, "no such thing")

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        wanted = body.get("targetDirectory") or body.get("target-directory")
        self._say({"request-id": "good" if wanted == "file:///s" else "bad"})

    def _say(self, content: object) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    Rest.looks = 0
    server = HTTPServer(("127.0.0.1", 0), Rest)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield Cluster(f"http://127.0.0.1:{server.server_port}", {})
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def config(tmp_path: Path) -> LocalConfig:
    return load_config(env={"AIIC_STACK_STATE_DIR": str(tmp_path), "AIIC_FLINK_PORT": "28081"})


def test_the_live_job_is_the_newest_that_has_not_ended(cluster: Cluster) -> None:
    found = cluster.live_job("job")
    assert found is not None
    assert (found.job_id, found.state) == ("new", "RESTARTING")
    assert cluster.live_job("other") is None


def test_counters_are_summed_over_operators_and_are_ours_alone(cluster: Cluster) -> None:
    assert cluster.counters("new") == {"dead_not_json": 6, "waiting": 6}


def test_a_savepoint_is_waited_for_and_its_failure_told(cluster: Cluster) -> None:
    assert cluster.stop("new", Path("/s"), 30) == "file:///s/1"
    with pytest.raises(FlinkError, match="servers are away"):
        cluster.savepoint("new", Path("/elsewhere"), 30)
    with pytest.raises(FlinkError, match="404"):
        cluster.counters("none")


def test_no_cluster_says_what_to_do() -> None:
    with pytest.raises(FlinkError, match="aiic up --only flink"):
        Cluster("http://127.0.0.1:9", {}).jobs()


def test_a_job_goes_on_from_the_newest_whole_state(tmp_path: Path) -> None:
    assert newest_state(tmp_path) is None
    for second, name in (
        (3, "checkpoints/a/chk-7"),
        (5, "savepoints/savepoint-1"),
        (4, "checkpoints/b/chk-1"),
    ):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "_metadata").write_bytes(METADATA_BEGINS + b"and more")
        os.utime(tmp_path / name / "_metadata", (second, second))
    (tmp_path / "checkpoints/b/chk-2").mkdir()
    for name, content in (("chk-3", b""), ("chk-4", b"\0" * 4096)):
        (tmp_path / "checkpoints/b" / name).mkdir()
        (tmp_path / "checkpoints/b" / name / "_metadata").write_bytes(
            content
        )  # cut off: newer than all others
    assert newest_state(tmp_path) == tmp_path / "savepoints/savepoint-1"
    assert newest_state(tmp_path, since_ms=5_000) == tmp_path / "savepoints/savepoint-1"
    assert newest_state(tmp_path, since_ms=5_001) is None


def test_the_cluster_keeps_state_in_rocksdb_and_never_gives_a_job_up(
    config: LocalConfig, tmp_path: Path
) -> None:
    component = flink_component(config)
    settings = yaml.safe_load(component.files[tmp_path / "flink/conf/config.yaml"])
    assert settings["state.backend.type"] == "rocksdb"
    assert settings["restart-strategy.type"] == "exponential-delay"
    assert settings["execution.checkpointing.externalized-checkpoint-retention"] == "RETAIN_ON_CANCELLATION"
    assert (settings["rest.port"], settings["jobmanager.rpc.port"]) == (28081, 16123)
    assert settings["execution.checkpointing.dir"] == (tmp_path / "flink/checkpoints").as_uri()
    assert "--add-opens=java.base/java.lang=ALL-UNNAMED" in settings["env.java.opts.all"]
    assert (
        component.env["FLINK_CONF_DIR"]
        == client_env(config)["FLINK_CONF_DIR"]
        == str(tmp_path / "flink/conf")
    )
    assert rest_url(config) == "http://127.0.0.1:28081"
    assert not component.healthy()


def test_java_options_without_the_wheel_are_still_options(tmp_path: Path) -> None:
    assert java_options(tmp_path / "none.yaml") == "-XX:+UseSerialGC"


def test_flink_is_shown_once_it_was_started(config: LocalConfig) -> None:
    assert started(config) == DEFAULT
    running = Running("flink", identify(os.getpid()), 0.0, "", (28081,), "", None)
    save(config.stack.state_dir, running)
    assert started(config) == tuple(name for name in NAMES if name in (*DEFAULT, "flink"))
