"""What died is started again, jobs from their newest state; what is only unwell is told."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

import jobs.stream_jobs
import jobs.supervision
from infra.flink_cluster import METADATA_BEGINS, FlinkError, JobStatus
from infra.flink_wanted import WantedJob, WantedUnreadable, forget_wanted, note_wanted, wanted_job
from infra.kafka import KafkaUnavailable
from infra.local import stack
from infra.local.config import LocalConfig
from jobs.cli import main
from jobs.stream_jobs import not_wanted, start_again, start_job, state_dir
from jobs.supervision import Supervisor, watch
from pipelines.tunnel.stream_config import StreamConfig, job_name
from schemas.topics import TOPICS, TopicPlan
from tests.unit.infra.test_local_stack import config_at, free_port, pid_of, until_dead, up, web_server

PATIENCE_S = 60.0


class FakeCluster:
    """A session cluster that remembers what was submitted, from where."""

    def __init__(self) -> None:
        self.live: list[JobStatus] = []
        self.submitted: list[tuple[str, Path | None]] = []
        self.fault: FlinkError | None = None

    def jobs(self) -> list[JobStatus]:
        if self.fault is not None:
            raise self.fault
        return self.live

    def live_job(self, name: str) -> JobStatus | None:
        return next((job for job in self.jobs() if job.name == name), None)

    def submit(self, script: Path, arguments: Sequence[str], restore: Path | None = None) -> None:
        self.submitted.append((arguments[1], restore))
        self.live.append(JobStatus("1", job_name(script.parent.name), "RUNNING", 1))


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> FakeCluster:
    made = FakeCluster()
    monkeypatch.setattr(jobs.stream_jobs, "cluster_of", lambda config: made)
    monkeypatch.setattr(jobs.supervision, "cluster_of", lambda config: made)
    monkeypatch.setattr(jobs.stream_jobs, "apply_topics", lambda *_: [])
    monkeypatch.setattr(jobs.stream_jobs, "find_release", lambda *_: Path("release"))
    return made


@pytest.fixture
def config(tmp_path: Path) -> LocalConfig:
    return config_at(tmp_path)


def settings(config: LocalConfig, ontology: str = "demo") -> StreamConfig:
    return StreamConfig("127.0.0.1:1", "/w", ontology, "file:///checkpoints")


def checkpoint(config: LocalConfig, name: str, age_s: float = 0.0) -> Path:
    folder = state_dir(config, "nearline") / name
    folder.mkdir(parents=True)
    (folder / "_metadata").write_bytes(METADATA_BEGINS)
    at = time.time() - age_s
    os.utime(folder / "_metadata", (at, at))
    return folder


def test_a_job_is_started_from_its_newest_state_and_says_from_which(
    config: LocalConfig, cluster: FakeCluster
) -> None:
    said: list[str] = []
    start_job(config, "nearline", settings(config), False, said.append)
    assert said == ["nearline: submitted, from nothing: it has no state yet"]
    start_job(config, "nearline", settings(config), False, said.append)
    assert said[1] == "nearline: runs already, job 1, RUNNING"
    cluster.live.clear()  # as after kill -9 of the JobManager
    checkpoint(config, "checkpoints/a/chk-1", age_s=60)
    newest = checkpoint(config, "checkpoints/a/chk-2", age_s=10)
    start_again(config, "nearline", said.append)
    assert said[2] == f"nearline: submitted, goes on from chk-2 ({newest})"
    assert [restore for _, restore in cluster.submitted] == [None, newest]
    assert {given for given, _ in cluster.submitted} == {settings(config).to_json()}


def test_only_fresh_forgets_a_state_and_only_until_the_job_has_its_own(
    config: LocalConfig, cluster: FakeCluster
) -> None:
    checkpoint(config, "checkpoints/a/chk-1", age_s=60)
    start_job(config, "nearline", settings(config), True, print)
    cluster.live.clear()
    start_again(config, "nearline", print)
    cluster.live.clear()
    own = checkpoint(config, "checkpoints/b/chk-1", age_s=-5)
    start_job(config, "nearline", settings(config), False, print)
    assert [restore for _, restore in cluster.submitted] == [None, None, own]


def test_nobody_starts_again_what_somebody_ended(config: LocalConfig, cluster: FakeCluster) -> None:
    start_job(config, "nearline", settings(config), False, print)
    cluster.live.clear()
    not_wanted(config, "nearline")
    start_again(config, "nearline", print)
    assert len(cluster.submitted) == 1
    with Supervisor(config, None, print, {}) as supervisor:
        assert supervisor.kept() == ()
        assert supervisor.look() == {}


def test_the_supervisor_submits_a_job_that_is_gone(config: LocalConfig, cluster: FakeCluster) -> None:
    start_job(config, "nearline", settings(config), False, print)
    with Supervisor(config, None, print, {}) as supervisor:
        assert supervisor.look() == {}
        cluster.live[:] = [JobStatus("1", job_name("nearline"), "RESTARTING", 1)]
        assert supervisor.look() == {"nearline": "the job is RESTARTING"}
        cluster.live.clear()
        assert supervisor.look() == {"nearline": "being submitted"}
        deadline = time.monotonic() + PATIENCE_S
        while supervisor.look():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert len(cluster.submitted) == 2
        cluster.fault = FlinkError("no Flink cluster answers")
        assert supervisor.look() == {"nearline": "no Flink cluster answers"}


def test_a_tier_that_was_never_started_is_told(config: LocalConfig, cluster: FakeCluster) -> None:
    with Supervisor(config, ["realtime"], print, {}) as supervisor:
        assert "aiic stream start realtime" in supervisor.look()["realtime"]
    assert cluster.submitted == []


def test_a_dead_component_is_started_again(config: LocalConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    web = web_server(free_port())
    monkeypatch.setattr(stack, "components", lambda *_: [web])
    up(config, web)
    try:
        before, said = pid_of(config), list[str]()
        with Supervisor(config, ["lookup"], said.append, {"PATH": os.environ["PATH"]}) as supervisor:
            assert supervisor.look() == {}
            os.kill(before, signal.SIGKILL)
            until_dead(config)
            assert supervisor.look() == {"web": "started again"}
            assert said[0] == "web: had died, starting again"
            assert watch(supervisor.look, said.append, 0.05, time.monotonic() + PATIENCE_S) == {}
        assert pid_of(config) != before
        assert [found.health for found in stack.status(config, [web])] == ["up"]
    finally:
        stack.down(config, ["web"], print)


def test_topics_of_an_earlier_version_get_their_settings_once(
    config: LocalConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = replace(web_server(free_port()), name="kafka")
    answers: list[list[str] | Exception] = [KafkaUnavailable("too slow"), ["results: settings corrected"], []]

    def correct(servers: str, plans: Sequence[TopicPlan]) -> list[str]:
        assert (servers, plans) == (config.kafka_servers, TOPICS)
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(stack, "components", lambda *_: [broker])
    monkeypatch.setattr(jobs.supervision, "correct_topics", correct)
    up(config, broker)
    said: list[str] = []
    try:
        with Supervisor(config, ["kafka"], said.append, {}) as supervisor:
            assert [supervisor.look() for _ in range(4)] == [{"topics": "too slow"}, {}, {}, {}]
    finally:
        stack.down(config, ["kafka"], print)
    assert (said, answers) == (["results: settings corrected"], [[]])


def test_watching_ends_when_all_is_well_or_at_the_deadline() -> None:
    clock, said = [0.0], list[str]()
    looks = iter([{"a": "sick", "b": "down"}, {"a": "sick"}, {}])

    def sleep(seconds: float) -> None:
        clock[0] += seconds

    assert watch(lambda: next(looks), said.append, 5, 60, sleep, lambda: clock[0]) == {}
    assert said == ["a: sick", "b: down", "b: well", "a: well"]
    assert watch(lambda: {"a": "sick"}, said.append, 5, 60, sleep, lambda: clock[0]) == {"a": "sick"}
    assert clock[0] > 60


def test_wanted_jobs_are_their_owners_alone_and_a_broken_record_is_told(tmp_path: Path) -> None:
    wanted = WantedJob('{"key": "secret"}', 5)
    note_wanted(tmp_path, wanted)
    assert wanted_job(tmp_path) == wanted
    assert (tmp_path / "wanted.json").stat().st_mode & 0o077 == 0
    forget_wanted(tmp_path)
    assert wanted_job(tmp_path) is None
    (tmp_path / "wanted.json").write_text("{", "utf-8")
    with pytest.raises(WantedUnreadable, match="delete it"):
        wanted_job(tmp_path)


def test_the_command_refuses_unknown_names_and_needs_something_that_was_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AIIC_STACK_STATE_DIR", str(tmp_path))
    assert main(["supervise", "everything"]) == 2
    assert "choose from" in capsys.readouterr().err
    assert main(["supervise"]) == 0
    assert "nothing was started" in capsys.readouterr().out
