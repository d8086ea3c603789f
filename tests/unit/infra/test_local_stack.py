"""The stack's rules, with small real web servers in place of Kafka and vLLM (those run in tests/integration)."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from infra.local import process, stack, state
from infra.local.component import Component, Need, Port
from infra.local.config import LocalConfig, load_config, with_stack
from infra.local.stack import StackError
from tests.ports import free_ports

ROOT = Path(__file__).parents[3]
START_AND_WAIT = "\n".join(
    [
        "import sys, pathlib",
        "from tests.unit.infra.test_local_stack import web_server, config_at",
        "from infra.local import stack",
        "port, folder = int(sys.argv[1]), pathlib.Path(sys.argv[2])",
        "never = web_server(port, healthy_path='/absent')",
        "stack.up(config_at(folder), [never], lambda line: print(line, flush=True), {})",
    ]
)


def config_at(folder: Path) -> LocalConfig:
    return with_stack(load_config(env={}), state_dir=folder / "state", stop_grace_s=5.0)


def free_port() -> int:
    return free_ports(1)[0]


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1):
            return True
    except OSError:
        return False


def web_server(port: int, *, healthy_path: str = "/") -> Component:
    return Component(
        name="web",
        argv=(sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)),
        env={"COLOUR": "red"},
        ports=(Port(port, "AIIC_WEB_PORT"),),
        needs=(),
        healthy=lambda: answers(f"http://127.0.0.1:{port}{healthy_path}"),
        start_timeout_s=20.0,
        identity="v1",
        model="pages",
    )


@pytest.fixture
def config(tmp_path: Path) -> Iterator[LocalConfig]:
    made = config_at(tmp_path)
    yield made
    stack.down(made, ["web"], lambda line: None)


def up(config: LocalConfig, *components: Component) -> list[str]:
    said: list[str] = []
    stack.up(config, components, said.append, {"PATH": os.environ["PATH"]})
    return said


def pid_of(config: LocalConfig) -> int:
    running = state.load(config.stack.state_dir, "web")
    assert running is not None
    return running.process.pid


def test_up_makes_it_healthy_and_status_shows_it(config: LocalConfig) -> None:
    server = web_server(free_port())
    [before] = stack.status(config, [server])
    assert (before.health, before.pid, before.pss_bytes) == ("down", None, 0)
    said = up(config, server)
    assert said[0].startswith("web: starting, log ")
    assert said[1].startswith("web: ready after ")
    [now] = stack.status(config, [server])
    assert (now.health, now.pid, now.processes, now.model) == ("up", pid_of(config), 1, "pages")
    assert 0 < now.pss_bytes <= now.rss_bytes
    assert 0 <= now.uptime_s < 30


def test_a_second_up_starts_nothing(config: LocalConfig) -> None:
    server = web_server(free_port())
    up(config, server)
    pid = pid_of(config)
    assert up(config, server)[0] == f"web: already running, pid {pid}"
    assert pid_of(config) == pid


@pytest.mark.parametrize("change", [{"env": {"COLOUR": "blue"}}, {"identity": "v2"}])
def test_changed_settings_or_model_restart_it(config: LocalConfig, change: dict[str, object]) -> None:
    server = web_server(free_port())
    up(config, server)
    before = pid_of(config)
    said = up(config, replace(server, **change))  # type: ignore[arg-type]
    assert said[0] == "web: settings or model changed, restarting"
    assert pid_of(config) != before
    assert not Path(f"/proc/{before}").exists()


def test_one_that_died_is_started_again(config: LocalConfig) -> None:
    server = web_server(free_port())
    up(config, server)
    before = pid_of(config)
    os.kill(before, signal.SIGKILL)
    until_dead(config)
    assert stack.status(config, [server])[0].health == "dead"
    assert up(config, server)[0] == "web: had died, starting again"
    assert pid_of(config) != before
    assert stack.status(config, [server])[0].health == "up"


def test_what_a_dead_one_left_behind_is_not_waited_for(config: LocalConfig) -> None:
    web = web_server(free_port())
    stubborn = "(trap '' TERM; sleep 300) & exec \"$@\""
    server = replace(web, argv=("/bin/sh", "-c", stubborn, "sh", *web.argv))
    patient = with_stack(config, stop_grace_s=60.0)
    up(patient, server)
    os.kill(pid_of(patient), signal.SIGKILL)
    until_dead(patient)
    began_s = time.monotonic()
    assert up(patient, server)[:2] == ["web: had died, starting again", "web: stopped"]
    assert time.monotonic() - began_s < 30


def test_settings_files_are_written_before_the_start(config: LocalConfig, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "settings"
    up(config, replace(web_server(free_port()), files={path: "key=value\n"}))
    assert path.read_text() == "key=value\n"


def test_down_leaves_no_process_port_or_lock(config: LocalConfig) -> None:
    port = free_port()
    up(config, web_server(port))
    pid = pid_of(config)
    said: list[str] = []
    stack.down(config, ["web"], said.append)
    assert said == ["web: stopped"]
    assert not Path(f"/proc/{pid}").exists()
    assert process.port_free("127.0.0.1", port)
    assert [path.name for path in config.stack.state_dir.iterdir()] == ["logs"]
    stack.down(config, ["web"], said.append)
    assert said == ["web: stopped"]


def test_down_spares_a_stranger_with_the_recorded_pid(config: LocalConfig) -> None:
    stranger = subprocess.Popen(["sleep", "60"], start_new_session=True)
    identity = process.identify(stranger.pid)
    earlier = replace(identity, start_ticks=identity.start_ticks - 100)
    state.save(config.stack.state_dir, state.Running("web", earlier, 0.0, "x", (), "log", None))
    said: list[str] = []
    stack.down(config, ["web"], said.append)
    assert said == ["web: was not running any more"]
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()


def test_missing_files_and_busy_ports_are_all_named_and_nothing_starts(config: LocalConfig) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        need = Need(Path("/absent/model"), "the model", "run `make setup`")
        with pytest.raises(StackError) as failure:
            up(config, replace(web_server(port), needs=(need,)))
    message = str(failure.value)
    assert "web: the model not found at /absent/model: run `make setup`" in message
    assert f"web: port {port} is used by pid {os.getpid()} (" in message
    assert "set AIIC_WEB_PORT" in message
    assert state.load(config.stack.state_dir, "web") is None


def test_one_that_dies_at_start_shows_its_last_words(config: LocalConfig) -> None:
    dying = replace(web_server(free_port()), argv=("/bin/sh", "-c", "echo no room on Mars; exit 3"))
    with pytest.raises(StackError, match=r"web died while starting\n.*last lines of .*\n  no room on Mars"):
        up(config, dying)


def test_one_that_never_gets_healthy_is_reported(config: LocalConfig) -> None:
    slow = replace(web_server(free_port(), healthy_path="/absent"), start_timeout_s=1.0)
    with pytest.raises(StackError, match=r"web is not healthy after \d+ s"):
        up(config, slow)
    stack.down(config, ["web"], lambda line: None)
    assert state.load(config.stack.state_dir, "web") is None


def test_down_cleans_up_after_an_up_that_was_killed_half_way(config: LocalConfig, tmp_path: Path) -> None:
    port = free_port()
    half = subprocess.Popen(
        [sys.executable, "-c", START_AND_WAIT, str(port), str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE
    )
    assert half.stdout is not None
    assert half.stdout.readline().startswith(b"web: starting")
    deadline = time.monotonic() + 10
    while process.port_free("127.0.0.1", port) and time.monotonic() < deadline:
        time.sleep(0.05)
    half.kill()
    half.wait()
    pid = pid_of(config)
    assert Path(f"/proc/{pid}").exists()
    stack.down(config, ["web"], lambda line: None)
    assert process.port_free("127.0.0.1", port)
    assert [path.name for path in config.stack.state_dir.iterdir()] == ["logs"]


def test_two_ups_at_once_start_one_process(config: LocalConfig) -> None:
    server = web_server(free_port())
    said: list[str] = []
    both = [
        threading.Thread(target=stack.up, args=(config, [server], said.append, os.environ)) for _ in range(2)
    ]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert sum("starting, log" in line for line in said) == 1
    assert sum("already running" in line for line in said) == 1


def test_the_old_log_is_kept_once(config: LocalConfig) -> None:
    server = web_server(free_port())
    with pytest.raises(StackError, match="web has no log yet"):
        stack.log_path(config, "web")
    up(config, server)
    stack.down(config, ["web"], lambda line: None)
    up(config, server)
    path = stack.log_path(config, "web")
    assert path.exists()
    assert path.with_suffix(".log.1").exists()


def test_an_unknown_component_is_refused(config: LocalConfig) -> None:
    with pytest.raises(StackError, match="unknown component zookeeper: choose from"):
        stack.components(config, ["zookeeper"])


def until_dead(config: LocalConfig) -> None:
    running = state.load(config.stack.state_dir, "web")
    assert running is not None
    deadline = time.monotonic() + 10
    while process.alive(running.process):
        assert time.monotonic() < deadline
        time.sleep(0.02)
