"""Spark sessions with Hudi, the same everywhere; and contracts as Spark types."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pyspark import SparkConf
from pyspark.sql import SparkSession
from pyspark.sql.types import StructType

from schemas.spark_form import spark_schema

ROOT = Path(__file__).resolve().parents[1]
JARS_VARIABLE = "AIIC_JARS"
LOOPBACK = "127.0.0.1"
UNDER_SPARK_SUBMIT = "PYSPARK_GATEWAY_PORT"
HUDI: Mapping[str, str] = {
    "spark.serializer": "org.apache.spark.serializer.KryoSerializer",
    "spark.kryo.registrator": "org.apache.spark.HoodieSparkKryoRegistrar",
    "spark.sql.extensions": "org.apache.spark.sql.hudi.HoodieSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.hudi.catalog.HoodieCatalog",
}
LOCAL: Mapping[str, str] = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.host": LOOPBACK,
    "spark.driver.bindAddress": LOOPBACK,
    "spark.sql.shuffle.partitions": "4",
    "spark.sql.session.timeZone": "UTC",
    "spark.log.level": "ERROR",
    # Rows of one item lie in one partition: joins by (item_id, attr_id) need not move them again.
    "spark.sql.requireAllClusterKeysForCoPartition": "false",
}

# Hudi measures the size of objects by attaching to its own JVM, fails, and says so on standard output.
_QUIET = ("jol.skipDynamicAttach", "jol.skipHotspotSAAttach")


class JarsMissing(RuntimeError):
    """The folder of Spark's jars is absent or lacks Hudi. The message says what to do."""


def spark_session(
    app: str, master: str = "local[2]", driver_memory: str = "2g", conf: Mapping[str, str] | None = None
) -> SparkSession:
    """The Spark session of this process, with Hudi; `conf` overrides every default.

    Under spark-submit its master, memory and class path are kept: the JVM already runs with them.
    Errors: JarsMissing.
    """
    os.environ.setdefault("SPARK_LOCAL_IP", LOOPBACK)
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("PYSPARK_DRIVER_PYTHON", sys.executable)
    settings: dict[str, str] = {**HUDI, **LOCAL, "spark.executorEnv.PYTHONPATH": _python_path()}
    if UNDER_SPARK_SUBMIT not in os.environ:
        settings |= {
            "spark.master": master,
            "spark.driver.memory": driver_memory,
            "spark.jars": ",".join(map(str, spark_jars())),
        }
    given = SparkConf()
    for name, value in settings.items():
        given.setIfMissing(name, value)
    for name, value in (conf or {}).items():
        given.set(name, value)
    session: SparkSession = SparkSession.builder.appName(app).config(conf=given).getOrCreate()
    for name in _QUIET:
        session.sparkContext._jvm.java.lang.System.setProperty(name, "true")  # type: ignore[union-attr]
    return session


def spark_jars(env: Mapping[str, str] = os.environ) -> list[Path]:
    """The jars that pyspark lacks: of the folder AIIC_JARS (or its `spark` folder), else .local/jars/spark.

    Errors: JarsMissing.
    """
    given = env.get(JARS_VARIABLE)
    folder = Path(given) if given else ROOT / ".local" / "jars"
    folder = folder / "spark" if (folder / "spark").is_dir() else folder
    jars = sorted(folder.glob("*.jar"))
    if not any(jar.name.startswith("hudi-spark") for jar in jars):
        raise JarsMissing(
            f"{folder}: no Hudi jar there: run `make setup`, or set {JARS_VARIABLE} to the folder of the jars"
        )
    return jars


def struct_type(record: type) -> StructType:
    """The Spark type of a contract, every field nullable: what a table holds must stay readable as it evolves."""
    found: StructType = StructType.fromJson(_nullable(spark_schema(record)))
    return found


def _nullable(part: Any) -> Any:
    """A Spark schema's JSON with all nulls allowed, as Parquet files are read."""
    marks = ("nullable", "containsNull", "valueContainsNull")
    if isinstance(part, dict):
        return {name: True if name in marks else _nullable(inner) for name, inner in part.items()}
    return [_nullable(inner) for inner in part] if isinstance(part, list) else part


def _python_path() -> str:
    """The path that Python workers need: this repository, before whatever the process was given."""
    given = os.environ.get("PYTHONPATH", "")
    return os.pathsep.join(part for part in (str(ROOT), given) if part)
