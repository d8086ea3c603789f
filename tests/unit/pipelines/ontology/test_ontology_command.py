"""`aiic ontology` as a person uses it, down to exit codes and words; the encoder speaks real HTTP."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from jobs.cli import build_parser, main
from pipelines.ontology.release import open_release
from tests.unit.pipelines.ontology.builders import CATEGORIES, vector_of, write_interchange, write_lines


class _Encoder(BaseHTTPRequestHandler):
    """Answers /models and /embeddings as vLLM does."""

    def do_GET(self) -> None:
        self._reply({"data": [{"id": "encoder", "root": "/models/hash-encoder"}]})

    def do_POST(self) -> None:
        texts = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["input"]
        rows = [base64.b64encode(vector_of(text).astype("<f4").tobytes()).decode() for text in texts]
        self._reply({"data": [{"index": n, "embedding": row} for n, row in enumerate(rows)]})

    def _reply(self, found) -> None:
        body = json.dumps(found).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args) -> None:
        """Say nothing."""


@pytest.fixture
def encoder() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Encoder)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()


@pytest.fixture
def aiic(tmp_path, monkeypatch, capsys):
    """Runs one `aiic ontology` command; returns exit code, output and error output."""
    monkeypatch.setenv("AIIC_WAREHOUSE", str(tmp_path / "warehouse"))

    def run(command, *args):
        code = main(["ontology", command, *map(str, args), "--name", "drinks"])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_import_apply_show_and_diff(aiic, tmp_path):
    folder = write_interchange(tmp_path / "in")
    code, out, _ = aiic("import", folder)
    assert code == 0
    assert "made version v1-" in out
    assert "5 entries" in out
    code, out, _ = aiic("import", folder, "--json")
    assert (code, json.loads(out)["unchanged"]) == (0, True)
    changes = write_lines(
        tmp_path / "changes.jsonl",
        [
            {
                "op": "upsert",
                "kind": "value",
                "category_id": "*",
                "key_id": "form",
                "value_id": "f3",
                "text": "[powder]",
            }
        ],
    )
    assert aiic("apply", changes)[0] == 0
    code, out, _ = aiic("versions", "--json")
    versions = json.loads(out)["versions"]
    assert [one["number"] for one in versions] == [1, 2]
    assert versions[1]["source"]["kind"] == "changes"
    assert list(versions[0]["source"]["files"]) == [
        f"{n}.jsonl" for n in ("categories", "keys", "values", "tags")
    ]
    code, out, _ = aiic("diff", "1")
    assert "+ value '[powder]': form of coffee and 1 more categories" in out
    assert json.loads(aiic("diff", "1", "2", "--json")[1])["counts"]["entries"]["added"] == 2
    assert "Drinks" in aiic("show")[1]
    shown = aiic("show", "tea")[1]
    assert "Drinks > Tea" in shown
    assert "茶叶" in shown
    assert "[powder]" in aiic("show", "tea", "--key", "form")[1]
    assert "[powder]" not in aiic("show", "tea", "--key", "form", "--version", "1")[1]


def test_release_over_http(aiic, tmp_path, encoder):
    aiic("import", write_interchange(tmp_path / "in"))
    code, out, _ = aiic("release", "--encoder-url", encoder, "--json")
    said = json.loads(out)
    assert (code, said["encoder"]) == (0, "hash-encoder")
    found = open_release(said["folder"])
    found.check_encoder("hash-encoder", vector_of(found.probe_text))
    assert found.search_categories(vector_of("Drinks > Tea")[None], 1)[1] == [["tea"]]


@pytest.mark.parametrize(
    ("command", "args", "words"),
    [
        ("show", (), "there is no ontology 'drinks'"),
        ("versions", (), "import one with `aiic ontology import`"),
        ("import", ("nowhere",), "there is no folder nowhere"),
        ("apply", ("nowhere.jsonl",), "there is no ontology"),
        ("diff", ("1", "2"), "there is no ontology"),
        ("release", (), "there is no ontology"),
    ],
)
def test_what_is_not_there_is_told(aiic, command, args, words):
    code, out, err = aiic(command, *args)
    assert (code, out) == (1, "")
    assert words in err


def test_a_bad_import_is_told_and_changes_nothing(aiic, tmp_path):
    aiic("import", write_interchange(tmp_path / "in"))
    bad = [*CATEGORIES, {"category_id": "x", "name": "X", "parent_id": "nowhere"}]
    code, out, err = aiic("import", write_interchange(tmp_path / "bad", categories=bad))
    assert (code, out) == (1, "")
    assert "nothing was imported" in err
    assert "categories.jsonl:4: unknown_parent" in err
    changes = write_lines(tmp_path / "c.jsonl", [{"op": "retire", "kind": "tag", "tag_id": "t"}])
    code, _, err = aiic("apply", changes)
    assert code == 1
    assert "c.jsonl:1: unknown_element" in err
    assert len(json.loads(aiic("versions", "--json")[1])["versions"]) == 1


def test_unknown_versions_categories_and_keys_are_told(aiic, tmp_path):
    aiic("import", write_interchange(tmp_path / "in"))
    assert "has no version '9'" in aiic("show", "--version", "9")[2]
    assert "has no category 'x'" in aiic("show", "x")[2]
    assert "has no key 'x'; it has: form, net_weight" in aiic("show", "tea", "--key", "x")[2]


def test_a_dead_encoder_is_told(aiic, tmp_path):
    aiic("import", write_interchange(tmp_path / "in"))
    code, _, err = aiic("release", "--encoder-url", "http://127.0.0.1:9/v1")
    assert code == 1
    assert "aiic status" in err
    assert not list((tmp_path / "warehouse").rglob("release.json"))


def test_every_command_has_help():
    for command in ("import", "apply", "release", "versions", "show", "diff"):
        with pytest.raises(SystemExit) as ended:
            build_parser().parse_args(["ontology", command, "--help"])
        assert ended.value.code == 0
