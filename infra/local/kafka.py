"""The local Kafka broker: one JVM in KRaft mode that is broker and controller."""

from infra.kafka import ping
from infra.local.component import Component, Need, Port
from infra.local.config import LocalConfig

NAME = "kafka"
# A cluster id has to be 16 bytes in URL-safe base64; this one is fixed, so that data outlives a restart.
CLUSTER_ID = "YWlpYy1sb2NhbC1rYWZrYQ"
# Formatting is part of the process, so that ending the process ends it too; a half-formatted folder is redone.
START = """
formatted=$1 settings=$2 jars=$3 cluster=$4
shift 4
java=${JAVA_HOME:+$JAVA_HOME/bin/}java
if ! [ -e "$formatted" ]; then
  "$java" -Xmx128m -cp "$jars" kafka.tools.StorageTool \
    format -t "$cluster" -c "$settings" --standalone --ignore-formatted || exit 1
  touch "$formatted"
fi
exec "$java" "$@" -cp "$jars" kafka.Kafka "$settings"
"""
LOGGING = """Configuration:
  status: error
  Appenders: {Console: {name: STDOUT, PatternLayout: {pattern: "%d %p %c - %m%n"}}}
  Loggers: {Root: {level: WARN, AppenderRef: [{ref: STDOUT}]}}
"""


def kafka_component(config: LocalConfig) -> Component:
    """Describe the broker."""
    section, home = config.kafka, config.stack.state_dir / "kafka"
    settings, logging = home / "kraft.properties", home / "log4j2.yaml"
    argv = (
        "/bin/sh",
        "-c",
        START,
        "kafka",
        str(home / "formatted"),
        str(settings),
        f"{section.jars_dir}/*",
        CLUSTER_ID,
        f"-Xmx{section.heap_mb}m",
        "-XX:+UseSerialGC",
        f"-Dlog4j2.configurationFile={logging}",
    )
    variables = ("AIIC_KAFKA_PORT", "AIIC_KAFKA_CONTROLLER_PORT")
    return Component(
        name=NAME,
        argv=argv,
        env={},
        ports=tuple(map(Port, (section.port, section.controller_port), variables)),
        needs=(Need(section.jars_dir, "Kafka's jars", "run `make setup`"),),
        healthy=lambda: ping(config.kafka_servers, timeout_s=2.0),
        start_timeout_s=section.start_timeout_s,
        identity=CLUSTER_ID,
        files={settings: broker_properties(config), logging: LOGGING},
    )


def broker_properties(config: LocalConfig) -> str:
    """Render the broker's settings: one node, no replication, topics only on request."""
    host, section = config.stack.host, config.kafka
    lines = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "listeners": f"PLAINTEXT://{host}:{section.port},CONTROLLER://{host}:{section.controller_port}",
        "advertised.listeners": f"PLAINTEXT://{host}:{section.port}",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "controller.quorum.bootstrap.servers": f"{host}:{section.controller_port}",
        "log.dirs": config.stack.state_dir / "kafka" / "data",
        "offsets.topic.replication.factor": 1,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        "group.initial.rebalance.delay.ms": 0,
        "num.partitions": section.partitions,
        "auto.create.topics.enable": "false",
    }
    return "".join(f"{key}={value}\n" for key, value in lines.items())
