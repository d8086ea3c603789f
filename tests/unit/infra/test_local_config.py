"""Settings of the local stack: the shipped file, the environment, and what is refused."""

from pathlib import Path

import pytest

from infra.local.config import DEFAULT_FILE, ROOT, ConfigError, load_config


def edited(tmp_path: Path, old: str, new: str) -> Path:
    text = DEFAULT_FILE.read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / "local.toml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


def test_the_shipped_settings() -> None:
    config = load_config(env={})
    assert config.kafka_servers == "127.0.0.1:19092"
    assert config.url(config.discriminator) == "http://127.0.0.1:18100"
    assert config.url(config.encoder) == "http://127.0.0.1:18101"
    assert (config.discriminator.max_model_len, config.encoder.max_model_len) == (2048, 256)
    assert (config.discriminator.runner, config.encoder.runner) == ("generate", "pooling")
    assert config.stack.state_dir == ROOT / ".local" / "state"


def test_the_environment_wins() -> None:
    env = {
        "AIIC_KAFKA_PORT": "20000",
        "AIIC_STACK_STATE_DIR": "/elsewhere",
        "AIIC_DISCRIMINATOR_COMPILED": "no",
        "AIIC_STACK_STOP_GRACE_S": "2.5",
        "AIIC_ENCODER_DTYPE": "float32",
        "AIIC_WAREHOUSE": "of no concern here",
    }
    config = load_config(env=env)
    assert config.kafka_servers == "127.0.0.1:20000"
    assert config.stack.state_dir == Path("/elsewhere")
    assert config.discriminator.compiled is False
    assert config.stack.stop_grace_s == 2.5
    assert config.encoder.dtype == "float32"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("heap_mb = 512", "heap_mb = 512\nheap_gb = 1", r"\[kafka\] has unknown keys \['heap_gb'\]"),
        ("heap_mb = 512", "", r"lacks \['heap_mb'\]"),
        ("heap_mb = 512", 'heap_mb = "much"', r"\[kafka\] heap_mb = 'much': expected int above 0"),
        ("heap_mb = 512", "heap_mb = 0.5", "expected int above 0"),
        ("heap_mb = 512", "heap_mb = -1", "expected int above 0"),
        ("heap_mb = 512", "heap_mb = true", "expected int above 0"),
        ('dtype = "bfloat16"', 'dtype = "int3"', "dtype = 'int3'"),
        ("[kafka]", "[kaffka]", "sections must be"),
        ("[kafka]", "[kafka", "cannot be read"),
        ('host = "127.0.0.1"', 'host = ""', "host = ''"),
    ],
)
def test_a_wrong_file_is_refused_with_its_reason(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load_config(edited(tmp_path, old, new), env={})


@pytest.mark.parametrize("value", ["", "ninety", "0", "1.5", "-3"])
def test_a_wrong_variable_is_refused_by_its_name(value: str) -> None:
    with pytest.raises(ConfigError, match=rf"AIIC_KAFKA_PORT = '{value}'"):
        load_config(env={"AIIC_KAFKA_PORT": value})


def test_an_absent_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path / "none.toml", env={})
