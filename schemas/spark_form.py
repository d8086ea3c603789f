"""Records as Spark schemas, without Spark: the JSON that `StructType.fromJson` takes, and DDL."""

from __future__ import annotations

from functools import cache
from typing import Any

from schemas.fields import (
    BOOLEAN,
    DOUBLE,
    LONG,
    STRING,
    FieldType,
    ListOf,
    MapOf,
    Scalar,
    StructOf,
    field_specs,
)

_DDL = {STRING: "STRING", LONG: "BIGINT", DOUBLE: "DOUBLE", BOOLEAN: "BOOLEAN"}


@cache
def spark_schema(record: type) -> dict[str, Any]:
    """The Spark schema of a record as the JSON of a StructType; `infra/spark.py` renders it.

    Do not change the result: it is shared.
    """
    return {
        "type": "struct",
        "fields": [
            {
                "name": spec.name,
                "type": _json_type(spec.type),
                "nullable": spec.nullable,
                "metadata": {"comment": spec.doc},
            }
            for spec in field_specs(record)
        ],
    }


def spark_ddl(record: type) -> str:
    """The columns of a record as Spark SQL writes them in CREATE TABLE."""
    return ", ".join(
        f"`{spec.name}` {_ddl_type(spec.type)}{'' if spec.nullable else ' NOT NULL'}"
        for spec in field_specs(record)
    )


def _json_type(kind: FieldType) -> Any:
    match kind:
        case Scalar(name):
            return name
        case ListOf(item):
            return {"type": "array", "elementType": _json_type(item), "containsNull": False}
        case MapOf(value):
            return {
                "type": "map",
                "keyType": "string",
                "valueType": _json_type(value),
                "valueContainsNull": False,
            }
        case StructOf(record):
            return spark_schema(record)


def _ddl_type(kind: FieldType) -> str:
    match kind:
        case Scalar(name):
            return _DDL[name]
        case ListOf(item):
            return f"ARRAY<{_ddl_type(item)}>"
        case MapOf(value):
            return f"MAP<STRING, {_ddl_type(value)}>"
        case StructOf(record):
            parts = (
                f"`{spec.name}`: {_ddl_type(spec.type)}{'' if spec.nullable else ' NOT NULL'}"
                for spec in field_specs(record)
            )
            return f"STRUCT<{', '.join(parts)}>"
