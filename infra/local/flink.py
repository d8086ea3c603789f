"""The local Flink session cluster: a JobManager and a TaskManager by the wheel's own scripts, each started again when it dies."""

import json
import re
import urllib.request
from pathlib import Path

from infra.local.component import Component, Need, Port
from infra.local.config import ROOT, LocalConfig

NAME = "flink"
FLINK_HOME = ROOT / ".local/engines/lib/python3.11/site-packages/pyflink"
ENGINES_PYTHON = ROOT / ".local/engines/bin/python"
# One process group, so that ending the component ends both. The connector joins Flink's own jars: a jar that only
# comes with a job is registered twice once a job's tables and streams are mixed, and then refused.
START = """
home=$1 jars=$2 lib=$3
mkdir -p "$lib" && rm -f "$lib"/*.jar && ln -s "$home"/lib/*.jar "$jars"/*.jar "$lib"/ || exit 1
export FLINK_LIB_DIR=$lib
keep() { while :; do "$home/bin/$1.sh" start-foreground; echo "$1 ended, starting it again" >&2; sleep 2; done; }
keep jobmanager & keep taskmanager & wait
"""
LOGGING = """rootLogger.level = WARN
rootLogger.appenderRef.console.ref = Console
# Every Kafka sink registers one metric twice, and says so once a second.
logger.metrics.name = org.apache.flink.runtime.metrics.groups
logger.metrics.level = ERROR
appender.console.name = Console
appender.console.type = CONSOLE
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{HH:mm:ss} %-5p %c{1} - %m%n
"""


def flink_component(config: LocalConfig) -> Component:
    """Describe the session cluster."""
    section, home = config.flink, config.stack.state_dir / "flink"
    conf = conf_dir(config)
    argv = ("/bin/bash", "-c", START, "flink", str(FLINK_HOME), str(section.jars_dir), str(home / "lib"))
    return Component(
        name=NAME,
        argv=argv,
        env={**client_env(config), "FLINK_PID_DIR": str(home), "FLINK_LOG_DIR": str(home)},
        ports=(Port(section.port, "AIIC_FLINK_PORT"), Port(section.rpc_port, "AIIC_FLINK_RPC_PORT")),
        needs=(
            Need(FLINK_HOME / "bin/jobmanager.sh", "the engines environment", "run `make setup`"),
            Need(section.jars_dir, "Flink's Kafka connector", "run `make setup`"),
        ),
        healthy=lambda: slots(rest_url(config), timeout_s=2.0) > 0,
        start_timeout_s=section.start_timeout_s,
        identity="2.2",
        files={
            conf / "config.yaml": cluster_settings(config),
            conf / "log4j-console.properties": LOGGING,
            conf / "log4j-cli.properties": LOGGING,
        },
    )


def conf_dir(config: LocalConfig) -> Path:
    """Where the cluster's settings lie; `flink run` reads the cluster's address there."""
    return config.stack.state_dir / "flink" / "conf"


def client_env(config: LocalConfig) -> dict[str, str]:
    """What Flink's scripts need in their environment, cluster and client alike."""
    return {
        "FLINK_CONF_DIR": str(conf_dir(config)),
        "FLINK_LIB_DIR": str(config.stack.state_dir / "flink" / "lib"),
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
    }


def rest_url(config: LocalConfig) -> str:
    """Address of the cluster's REST interface."""
    return f"http://{config.stack.host}:{config.flink.port}"


def slots(url: str, timeout_s: float) -> int:
    """How many slots the TaskManagers of a cluster have together; 0 when it does not answer."""
    try:
        with urllib.request.urlopen(f"{url}/overview", timeout=timeout_s) as reply:
            return int(json.load(reply)["slots-total"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0


def cluster_settings(config: LocalConfig) -> str:
    """Render config.yaml: flat keys, RocksDB state, checkpoints below the state folder, jobs tried again for ever."""
    host, section = config.stack.host, config.flink
    home = (config.stack.state_dir / "flink").resolve()
    settings: dict[str, str | int] = {
        "env.java.opts.all": java_options(FLINK_HOME / "conf/config.yaml"),
        # A submission is over before better compiled code would pay.
        "env.java.opts.client": "-XX:TieredStopAtLevel=1",
        "jobmanager.rpc.address": host,
        "jobmanager.rpc.port": section.rpc_port,
        "jobmanager.bind-host": host,
        "jobmanager.memory.process.size": f"{section.jobmanager_mb}m",
        "taskmanager.host": host,
        "taskmanager.bind-host": host,
        "taskmanager.numberOfTaskSlots": section.slots,
        "taskmanager.memory.process.size": f"{section.taskmanager_mb}m",
        "taskmanager.memory.managed.size": f"{section.managed_mb}m",
        "rest.address": host,
        "rest.bind-address": host,
        "rest.port": section.port,
        "rest.bind-port": section.port,
        "parallelism.default": 1,
        "python.executable": str(ENGINES_PYTHON),
        "python.client.executable": str(ENGINES_PYTHON),
        "state.backend.type": "rocksdb",
        "execution.checkpointing.incremental": "true",
        "execution.checkpointing.dir": (home / "checkpoints").as_uri(),
        "execution.checkpointing.savepoint-dir": (home / "savepoints").as_uri(),
        "execution.checkpointing.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION",
        # Who does not answer two of these is dead: a killed process is noticed after seconds, not after half a minute. One
        # that is only slow has the default of 50 s.
        "heartbeat.interval": "3000 ms",
        "restart-strategy.type": "exponential-delay",
        "restart-strategy.exponential-delay.max-backoff": "30 s",
        "web.submit.enable": "false",
    }
    return "".join(f"{key}: {json.dumps(value)}\n" for key, value in settings.items())


def java_options(wheel_config: Path) -> str:
    """The options that the wheel's own settings give every JVM (Java 17 needs them), and a collector for small heaps."""
    found = (
        re.search(r"^\s+all: (.+)$", wheel_config.read_text("utf-8"), re.M) if wheel_config.exists() else None
    )
    return f"{found.group(1).strip() if found else ''} -XX:+UseSerialGC".strip()
