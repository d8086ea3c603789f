"""How the vLLM servers and the broker are described: exact command lines, identity, and the health question."""

import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from infra.local import vllm
from infra.local.config import LocalConfig, load_config
from infra.local.kafka import broker_properties, kafka_component
from infra.local.vllm import model_digest, model_name, serves, vllm_component


@pytest.fixture
def config(tmp_path: Path) -> LocalConfig:
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text("{}")
    return load_config(
        env={
            "AIIC_DISCRIMINATOR_MODEL_DIR": str(model),
            "AIIC_ENCODER_MODEL_DIR": str(model),
            "AIIC_STACK_STATE_DIR": str(tmp_path / "state"),
        }
    )


@contextmanager
def fake_server(pages: dict[str, bytes]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path in pages else 503)
            self.end_headers()
            self.wfile.write(pages.get(self.path, b""))

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_the_discriminators_command(config: LocalConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    argv = vllm_component("discriminator", config.discriminator, config).argv
    assert argv[1:] == (
        *("-m", "vllm.entrypoints.openai.api_server"),
        *("--model", str(config.discriminator.model_dir)),
        *("--host", "127.0.0.1", "--port", "18100"),
        *("--runner", "generate", "--dtype", "bfloat16", "--max-model-len", "2048"),
        *("--block-size", "32"),
        *("--structured-outputs-config", '{"backend": "xgrammar", "disable_any_whitespace": true}'),
        *("--served-model-name", "discriminator", vllm.model_name(config.discriminator.model_dir)),
        *("--no-enable-log-requests", "--disable-uvicorn-access-log", "--enable-prefix-caching"),
        "--enable-prompt-tokens-details",
    )


def test_the_encoder_is_a_pooling_server(config: LocalConfig) -> None:
    argv = vllm_component("encoder", config.encoder, config).argv
    assert argv[argv.index("--runner") + 1] == "pooling"
    assert argv[argv.index("--convert") + 1] == "embed"
    assert argv[argv.index("--max-model-len") + 1] == "256"
    assert "--enforce-eager" in argv


def test_without_a_cxx_compiler_it_runs_uncompiled(
    config: LocalConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vllm.shutil, "which", lambda name: None)
    assert "--enforce-eager" in vllm_component("discriminator", config.discriminator, config).argv


def test_another_model_means_another_fingerprint(config: LocalConfig) -> None:
    before = vllm_component("discriminator", config.discriminator, config).fingerprint()
    assert before == vllm_component("discriminator", config.discriminator, config).fingerprint()
    (config.discriminator.model_dir / "model.safetensors").write_bytes(b"weights")
    assert before != vllm_component("discriminator", config.discriminator, config).fingerprint()


def test_the_models_name_comes_from_its_id_file(config: LocalConfig) -> None:
    folder = config.discriminator.model_dir
    assert model_name(folder) == "model"
    (folder / "aiic_model.json").write_text(json.dumps({"name": "base+0123"}))
    assert model_name(folder) == "base+0123"
    (folder / "aiic_model.json").write_text("{")
    assert model_name(folder) == "model"


def test_an_absent_model_has_a_digest_and_is_a_need(config: LocalConfig, tmp_path: Path) -> None:
    assert model_digest(tmp_path / "absent") == model_digest(tmp_path / "also absent")
    needs = [need.path for need in vllm_component("encoder", config.encoder, config).needs]
    assert config.encoder.model_dir / "config.json" in needs


def test_a_server_is_healthy_only_with_its_own_model() -> None:
    models = json.dumps({"data": [{"id": "encoder"}]}).encode()
    with fake_server({"/health": b"", "/v1/models": models}) as url:
        assert serves(url, "encoder", 2.0)
        assert not serves(url, "discriminator", 2.0)
    assert not serves(url, "encoder", 0.5)


@pytest.mark.parametrize("pages", [{}, {"/health": b""}, {"/health": b"", "/v1/models": b"<html>"}])
def test_a_stranger_on_the_port_is_not_healthy(pages: dict[str, bytes]) -> None:
    with fake_server(pages) as url:
        assert not serves(url, "encoder", 2.0)


def test_the_brokers_settings_follow_the_ports(config: LocalConfig) -> None:
    lines = broker_properties(config).splitlines()
    assert "listeners=PLAINTEXT://127.0.0.1:19092,CONTROLLER://127.0.0.1:19093" in lines
    assert "advertised.listeners=PLAINTEXT://127.0.0.1:19092" in lines
    assert "auto.create.topics.enable=false" in lines
    component = kafka_component(config)
    assert [port.number for port in component.ports] == [19092, 19093]
    assert list(component.files) == [
        config.stack.state_dir / "kafka" / "kraft.properties",
        config.stack.state_dir / "kafka" / "log4j2.yaml",
    ]
