"""The local stack as a whole: start what is asked for, wait for health, tell its state, end it."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from infra.local import process, state
from infra.local.component import Component
from infra.local.config import ROOT, LocalConfig
from infra.local.flink import flink_component
from infra.local.kafka import kafka_component
from infra.local.lookup import lookup_component
from infra.local.merge_component import NAME as MERGE
from infra.local.merge_component import merge_component
from infra.local.metrics import metrics_component
from infra.local.vllm import vllm_component

NAMES = ("discriminator", "encoder", "kafka", "flink", "merge", "lookup", "metrics")
# What `aiic up` starts unless told: all that is of the stream tiers is for those who use them.
DEFAULT = ("discriminator", "encoder", "kafka")
POLL_S = 0.5
HEARTBEAT_S = 15.0
LOG_TAIL_LINES = 15
LEFT_GRACE_S = 2.0
# What must not reach the servers: the caller's own module path and its thread limits.
NOT_INHERITED = ("PYTHONPATH", "PYTHONHOME", "SPARK_HOME", "PYSPARK_PYTHON", "OMP_NUM_THREADS")

Report = Callable[[str], None]


class StackError(RuntimeError):
    """The stack cannot be started or stopped; the message says what to do."""


@dataclass(frozen=True, slots=True)
class ComponentStatus:
    """One line of `aiic status`. Units: bytes, seconds. health: up, starting, sick, dead, down."""

    name: str
    health: str
    ports: tuple[int, ...]
    pid: int | None
    processes: int
    rss_bytes: int
    pss_bytes: int
    uptime_s: float
    model: str | None
    log: str | None


def components(config: LocalConfig, names: Sequence[str] = DEFAULT) -> list[Component]:
    """Describe the named components, in starting order.

    Errors: StackError on an unknown name.
    """
    unknown = sorted(set(names) - set(NAMES))
    if unknown:
        raise StackError(f"unknown component {', '.join(unknown)}: choose from {', '.join(NAMES)}")
    made = {
        "kafka": lambda: kafka_component(config),
        "discriminator": lambda: vllm_component("discriminator", config.discriminator, config),
        "encoder": lambda: vllm_component("encoder", config.encoder, config),
        "flink": lambda: flink_component(config),
        "merge": lambda: merge_component(config, merged_warehouse(config)),
        "lookup": lambda: lookup_component(config),
        "metrics": lambda: metrics_component(config),
    }
    return [made[name]() for name in NAMES if name in names]


def merged_warehouse(config: LocalConfig) -> Path:
    """The warehouse of the merge that was started last and not ended, else AIIC_WAREHOUSE, else build/warehouse."""
    running = state.load(config.stack.state_dir, MERGE)
    return Path(
        (running and running.identity) or os.environ.get("AIIC_WAREHOUSE") or ROOT / "build/warehouse"
    )


def started(config: LocalConfig) -> tuple[str, ...]:
    """The components that `up` starts by itself, and those that somebody has started besides."""
    return tuple(
        name for name in NAMES if name in DEFAULT or state.load(config.stack.state_dir, name) is not None
    )


def up(
    config: LocalConfig,
    wanted: Sequence[Component],
    report: Report,
    env: Mapping[str, str],
    wait: bool = True,
) -> None:
    """Start what does not run yet and wait until everything wanted is healthy (not unless `wait`).

    All start at once and are waited for together. A component that runs with other settings or another model is
    restarted. What was started stays on record whatever happens, so that `down` finds it.
    Errors: StackError for what is missing, a busy port, a death at start, or no health in time.
    """
    state_dir = config.stack.state_dir
    with state.locked(
        state_dir, lambda holder: report(f"waiting for another ./aiic (pid {holder}) to finish")
    ):
        to_start = [component for component in wanted if not _keeps_running(config, component, report)]
        _check_needs(config, to_start)
        started = time.monotonic()
        for component in to_start:
            _start(config, component, env)
            report(f"{component.name}: starting, log {_shown(_log(config, component.name))}")
        if wait:
            _wait_healthy(config, wanted, started, report)


def down(config: LocalConfig, names: Sequence[str], report: Report) -> None:
    """End the named components and their whole process groups, and forget them. Logs and Kafka's data stay."""
    state_dir = config.stack.state_dir
    if not state_dir.exists():
        return
    with state.locked(
        state_dir, lambda holder: report(f"waiting for another ./aiic (pid {holder}) to finish")
    ):
        for name in names:
            _stop(config, name, report, config.stack.stop_grace_s)


def status(config: LocalConfig, wanted: Sequence[Component]) -> list[ComponentStatus]:
    """Look at every component now, at all of them at once: one that hangs must not hold up the others."""
    with ThreadPoolExecutor(max_workers=max(1, len(wanted))) as pool:
        return list(pool.map(lambda component: _status_of(config, component), wanted))


def log_path(config: LocalConfig, name: str) -> Path:
    """Return where a component writes its log.

    Errors: StackError when it has none yet.
    """
    path = _log(config, name)
    if not path.exists():
        raise StackError(f"{name} has no log yet: start it with `./aiic up --only {name}`")
    return path


def _keeps_running(config: LocalConfig, component: Component, report: Report) -> bool:
    """Tell whether the component runs as wanted; ends it when it runs otherwise, cleans up when it died."""
    running = state.load(config.stack.state_dir, component.name)
    if running is None:
        return False
    if process.alive(running.process):
        if running.fingerprint == component.fingerprint():
            report(f"{component.name}: already running, pid {running.process.pid}")
            return True
        report(f"{component.name}: settings or model changed, restarting")
    else:
        report(f"{component.name}: had died, starting again")
        # What it left behind has nothing to finish any more, and what others wait for must not wait for it.
        _stop(config, component.name, report, min(LEFT_GRACE_S, config.stack.stop_grace_s))
        return False
    _stop(config, component.name, report, config.stack.stop_grace_s)
    return False


def _check_needs(config: LocalConfig, to_start: Sequence[Component]) -> None:
    """Refuse to start anything as long as something is missing or a port is taken."""
    problems = [
        f"{component.name}: {need.what} not found at {_shown(need.path)}: {need.remedy}"
        for component in to_start
        for need in component.needs
        if not need.path.exists()
    ]
    problems += [
        f"{component.name}: port {port.number} is used by {process.port_holder(port.number)}: "
        f"end it, or set {port.variable}"
        for component in to_start
        for port in component.ports
        if not process.port_free(config.stack.host, port.number)
    ]
    if problems:
        raise StackError("cannot start\n  " + "\n  ".join(problems))


def _start(config: LocalConfig, component: Component, env: Mapping[str, str]) -> None:
    """Start one component; its pid is on record before it does anything."""
    log = _log(config, component.name)
    if log.exists():
        log.replace(log.with_suffix(".log.1"))
    for path, text in component.files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    inherited = {key: value for key, value in env.items() if key not in NOT_INHERITED}
    held = process.hold(
        component.argv,
        {**inherited, **component.env},
        log,
        config.stack.state_dir,
        component.niceness,
    )
    running = state.Running(
        name=component.name,
        process=held.identity,
        started_s=time.time(),
        fingerprint=component.fingerprint(),
        ports=tuple(port.number for port in component.ports),
        log=str(log),
        model=component.model,
        identity=component.identity,
    )
    state.save(config.stack.state_dir, running)
    held.go()


def _wait_healthy(config: LocalConfig, wanted: Sequence[Component], started: float, report: Report) -> None:
    """Poll until all are healthy; one line for each that gets there, and a sign of life in between."""
    waiting = {component.name: component for component in wanted}
    next_beat = started + HEARTBEAT_S
    while True:
        for component in list(waiting.values()):
            elapsed = time.monotonic() - started
            if component.healthy():
                report(f"{component.name}: ready after {elapsed:.0f} s, port {component.ports[0].number}")
                del waiting[component.name]
            elif not _alive(config, component.name):
                raise StackError(
                    f"{component.name} died while starting\n{_tail(_log(config, component.name))}"
                )
            elif elapsed > component.start_timeout_s:
                tail = _tail(_log(config, component.name))
                raise StackError(f"{component.name} is not healthy after {elapsed:.0f} s\n{tail}")
        if not waiting:
            return
        if time.monotonic() > next_beat:
            next_beat += HEARTBEAT_S
            report(f"waiting for {', '.join(waiting)} ({time.monotonic() - started:.0f} s)")
        time.sleep(POLL_S)


def _stop(config: LocalConfig, name: str, report: Report, grace_s: float) -> None:
    """End one component's group and forget it; forgetting comes last, so that a crash can be repeated."""
    running = state.load(config.stack.state_dir, name)
    if running is None:
        return
    ended = process.end_group(running.process, grace_s)
    state.forget(config.stack.state_dir, name)
    report(f"{name}: stopped" if ended else f"{name}: was not running any more")


def _status_of(config: LocalConfig, component: Component) -> ComponentStatus:
    running = state.load(config.stack.state_dir, component.name)
    ports = tuple(port.number for port in component.ports)
    if running is None:
        return ComponentStatus(component.name, "down", ports, None, 0, 0, 0, 0.0, component.model, None)
    used = process.usage(running.process)
    uptime_s = time.time() - running.started_s
    return ComponentStatus(
        name=component.name,
        health=_health(component, running, uptime_s),
        ports=running.ports,
        pid=running.process.pid,
        processes=used.processes,
        rss_bytes=used.rss_bytes,
        pss_bytes=used.pss_bytes,
        uptime_s=uptime_s,
        model=running.model,
        log=running.log,
    )


def _health(component: Component, running: state.Running, uptime_s: float) -> str:
    """One word: dead (process gone), up, starting (not yet healthy, in its time), sick (not healthy any more)."""
    if not process.alive(running.process):
        return "dead"
    if component.healthy():
        return "up"
    return "starting" if uptime_s < component.start_timeout_s else "sick"


def _alive(config: LocalConfig, name: str) -> bool:
    running = state.load(config.stack.state_dir, name)
    return running is not None and process.alive(running.process)


def _log(config: LocalConfig, name: str) -> Path:
    return config.stack.state_dir / "logs" / f"{name}.log"


def _tail(path: Path) -> str:
    """The last lines of a log, indented, below its name."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []
    return "\n  ".join([f"  last lines of {_shown(path)}:", *lines[-LOG_TAIL_LINES:]])


def _shown(path: Path) -> str:
    """A path as the user would type it: relative to the working folder where it lies below it."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)
