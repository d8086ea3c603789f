"""Who may import whom: the rooms of the project, checked on the source."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("schemas", "udfs", "pipelines", "infra", "jobs", "dags", "tests")
ALLOWED = {
    "schemas": {"schemas"},
    "udfs": {"udfs", "schemas"},
    "pipelines": {"pipelines", "udfs", "schemas"},
    "infra": {"infra", "schemas"},
    "jobs": {"jobs", "pipelines", "udfs", "infra", "schemas"},
    "dags": {"dags", "infra"},
}
ENGINES = {"pyspark", "pyflink", "airflow", "kafka", "hudi", "faiss", "vllm", "torch", "duckdb"}
# Training needs its libraries; it is the one pipeline that is not engine-free.
TRAINING = Path("pipelines/models")


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names


def modules(room: str) -> list[Path]:
    return sorted(path for path in (ROOT / room).rglob("*.py"))


@pytest.mark.parametrize("room", sorted(ALLOWED))
def test_imports_keep_to_the_rooms(room):
    assert modules(room)
    wrong = {
        str(path.relative_to(ROOT)): sorted(found)
        for path in modules(room)
        if (found := (imported(path) & set(ROOMS)) - ALLOWED[room])
    }
    assert wrong == {}


@pytest.mark.parametrize("room", ["schemas", "udfs", "pipelines"])
def test_engines_stay_in_their_adapters(room):
    wrong = {
        str(path.relative_to(ROOT)): sorted(found)
        for path in modules(room)
        if TRAINING not in path.relative_to(ROOT).parents and (found := imported(path) & ENGINES)
    }
    assert wrong == {}


def test_dags_import_only_airflow_and_their_adapter():
    allowed = {"airflow", "infra", "pendulum", "datetime", "__future__"}
    assert all(imported(path) <= allowed for path in modules("dags"))
