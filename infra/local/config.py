"""What the local stack runs and where: `infra/deploy/local.toml`, overridden by AIIC_SECTION_KEY variables."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin

ROOT = Path(__file__).resolve().parents[2]
DEFAULT_FILE = ROOT / "infra" / "deploy" / "local.toml"
INFERENCE_PYTHON = Path(".local/inference/bin/python")
TRUE, FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


class ConfigError(ValueError):
    """The stack's configuration names an unknown key, lacks one, or holds a value of the wrong kind."""


@dataclass(frozen=True, slots=True)
class StackSection:
    """What all components share."""

    host: str
    state_dir: Path
    stop_grace_s: float


@dataclass(frozen=True, slots=True)
class KafkaSection:
    """One broker that is its own controller."""

    port: int
    controller_port: int
    jars_dir: Path
    heap_mb: int
    partitions: int
    start_timeout_s: float


@dataclass(frozen=True, slots=True)
class VllmSection:
    """One OpenAI-compatible server of one model."""

    port: int
    model_dir: Path
    runner: Literal["generate", "pooling"]
    dtype: Literal["bfloat16", "float32"]
    max_model_len: int
    kv_cache_gib: int
    compiled: bool
    threads: int
    start_timeout_s: float


@dataclass(frozen=True, slots=True)
class FlinkSection:
    """A session cluster of one JobManager and one TaskManager."""

    port: int
    rpc_port: int
    jars_dir: Path
    slots: int
    jobmanager_mb: int
    taskmanager_mb: int
    managed_mb: int
    start_timeout_s: float
    submit_timeout_s: float


@dataclass(frozen=True, slots=True)
class LookupSection:
    """The lookup service. `store`: "embedded" (below the state folder), a folder, or the address of a Redis-compatible server."""

    port: int
    store: str
    map_gib: int
    max_ids: int
    history_rows: int
    history_days: int
    start_timeout_s: float


@dataclass(frozen=True, slots=True)
class LocalConfig:
    """The whole local stack."""

    stack: StackSection
    kafka: KafkaSection
    discriminator: VllmSection
    encoder: VllmSection
    flink: FlinkSection
    lookup: LookupSection

    @property
    def kafka_servers(self) -> str:
        """The broker's address as Kafka clients want it."""
        return f"{self.stack.host}:{self.kafka.port}"

    def url(self, section: VllmSection) -> str:
        """The root address of one vLLM server, without /v1."""
        return f"http://{self.stack.host}:{section.port}"


Section = TypeVar("Section", StackSection, KafkaSection, VllmSection, FlinkSection, LookupSection)


def load_config(path: Path = DEFAULT_FILE, *, env: Mapping[str, str], root: Path = ROOT) -> LocalConfig:
    """Read the stack's configuration; `env` wins over the file; relative paths are taken from `root`.

    Errors: ConfigError naming the section, the key and what was expected.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    kinds: dict[str, type[Any]] = {
        "stack": StackSection,
        "kafka": KafkaSection,
        "discriminator": VllmSection,
        "encoder": VllmSection,
        "flink": FlinkSection,
        "lookup": LookupSection,
    }
    if set(raw) != set(kinds):
        raise ConfigError(f"{path}: sections must be {sorted(kinds)}, found {sorted(raw)}")
    sections = {name: _section(path, name, kind, raw[name], env, root) for name, kind in kinds.items()}
    return LocalConfig(**sections)


def with_stack(config: LocalConfig, **changes: Any) -> LocalConfig:
    """Return the configuration with some of the shared settings replaced."""
    return replace(config, stack=replace(config.stack, **changes))


def _section(
    path: Path, name: str, kind: type[Section], table: Any, env: Mapping[str, str], root: Path
) -> Section:
    """Build one section: exactly the declared keys, each of the declared kind."""
    if not isinstance(table, dict):
        raise ConfigError(f"{path}: [{name}] must be a table")
    wanted = {field.name: field.type for field in fields(kind)}
    unknown, missing = sorted(set(table) - set(wanted)), sorted(set(wanted) - set(table))
    if unknown or missing:
        raise ConfigError(f"{path}: [{name}] has unknown keys {unknown}, lacks {missing}")
    values = {}
    for key, declared in wanted.items():
        variable = f"AIIC_{name}_{key}".upper()
        where = variable if variable in env else f"{path}: [{name}] {key}"
        values[key] = _value(where, declared, env.get(variable, table[key]), root)
    return kind(**values)


def _value(where: str, declared: Any, raw: Any, root: Path) -> Any:
    """Read one setting; text from the environment is converted, anything else must already fit."""
    if declared is Path and isinstance(raw, str) and raw:
        return root / raw
    if get_origin(declared) is Literal and raw in get_args(declared):
        return raw
    if declared is bool and isinstance(raw, (bool, str)) and str(raw).lower() in TRUE + FALSE:
        return str(raw).lower() in TRUE
    if declared is str and isinstance(raw, str) and raw:
        return raw
    if declared in (int, float) and isinstance(raw, (int, float, str)) and not isinstance(raw, bool):
        try:
            number = declared(raw)
        except ValueError:
            number = -1
        if number > 0 and number == float(raw):
            return number
    expected = getattr(declared, "__name__", str(declared))
    raise ConfigError(
        f"{where} = {raw!r}: expected {expected}{' above 0' if declared in (int, float) else ''}"
    )
