"""Records as Arrow tables: the schema, there and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

import pyarrow as pa

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

R = TypeVar("R")
_SCALARS = {STRING: pa.string(), LONG: pa.int64(), DOUBLE: pa.float64(), BOOLEAN: pa.bool_()}


class SchemaMismatch(TypeError):
    """A table whose columns are not those of the contract."""


@cache
def arrow_schema(record: type) -> pa.Schema:
    """The Arrow schema of a record: nested records are structs, tuples lists, mappings maps."""
    return pa.schema(_arrow_fields(record))


def record_to_arrow(rows: Sequence[Any], record: type | None = None) -> pa.Table:
    """The table of some records of one kind.

    Errors: ValueError when there are no rows and `record` does not say of which kind.
    """
    if record is None:
        if not rows:
            raise ValueError("an empty table needs its record: record_to_arrow([], Record)")
        record = type(rows[0])
    unpack = {spec.name: _unpacker(spec.type) for spec in field_specs(record)}
    columns = [
        pa.array(
            [None if (v := getattr(row, name)) is None else f(v) for row in rows],
            arrow_schema(record).field(name).type,
        )
        for name, f in unpack.items()
    ]
    return pa.Table.from_arrays(columns, schema=arrow_schema(record))


def arrow_to_records(table: pa.Table | pa.RecordBatch, record: type[R]) -> list[R]:
    """The records of a table of this contract; its types are checked, its values (written by us) are not.

    Extra columns are ignored, absent optional ones take their default.
    Errors: SchemaMismatch for an absent column, another type, or a null where none may be.
    """
    kind: type = record
    columns: list[list[Any]] = []
    for spec in field_specs(kind):
        if spec.name in table.schema.names:
            column = table.column(spec.name)
            _require_same(column.type, arrow_schema(kind).field(spec.name).type, spec.name)
            if column.null_count and not spec.nullable:
                raise SchemaMismatch(f"{record.__name__}.{spec.name}: null where a value belongs")
            pack = _packer(spec.type)
            columns.append([None if value is None else pack(value) for value in column.to_pylist()])
        elif spec.required:
            raise SchemaMismatch(f"{record.__name__}.{spec.name}: the column is absent")
        else:
            columns.append([spec.default] * table.num_rows)
    return [record(*values) for values in zip(*columns, strict=True)]


def _arrow_fields(record: type) -> list[pa.Field]:
    return [
        pa.field(spec.name, _arrow_type(spec.type), nullable=spec.nullable) for spec in field_specs(record)
    ]


def _arrow_type(kind: FieldType) -> pa.DataType:
    match kind:
        case Scalar(name):
            return _SCALARS[name]
        case ListOf(item):
            return pa.list_(pa.field("element", _arrow_type(item), nullable=False))
        case MapOf(value):
            return pa.map_(pa.string(), pa.field("value", _arrow_type(value), nullable=False))
        case StructOf(record):
            return pa.struct(_arrow_fields(record))


def _unpacker(kind: FieldType) -> Callable[[Any], Any]:
    """A value of this type as pyarrow takes it."""
    match kind:
        case Scalar():
            return lambda value: value
        case ListOf(item):
            inner = _unpacker(item)
            return lambda value: [inner(part) for part in value]
        case MapOf(value_kind):
            inner = _unpacker(value_kind)
            return lambda value: [(name, inner(part)) for name, part in value.items()]
        case StructOf(record):
            parts = [(spec.name, _unpacker(spec.type)) for spec in field_specs(record)]
            return lambda value: {
                name: None if (part := getattr(value, name)) is None else unpack(part)
                for name, unpack in parts
            }


def _packer(kind: FieldType) -> Callable[[Any], Any]:
    """A value as pyarrow gives it, as the record holds it."""
    match kind:
        case Scalar():
            return lambda value: value
        case ListOf(item):
            inner = _packer(item)
            return lambda value: tuple(inner(part) for part in value)
        case MapOf(value_kind):
            inner = _packer(value_kind)
            return lambda value: {name: inner(part) for name, part in _pairs(value)}
        case StructOf(record):
            parts = [(spec.name, _packer(spec.type)) for spec in field_specs(record)]
            return lambda value: record(
                **{name: None if value[name] is None else pack(value[name]) for name, pack in parts}
            )


def _pairs(value: Any) -> Any:
    return value.items() if isinstance(value, Mapping) else value


def _require_same(given: pa.DataType, wanted: pa.DataType, where: str) -> None:
    if not _same(given, wanted):
        raise SchemaMismatch(f"{where}: the column is {given}, the contract says {wanted}")


def _same(given: pa.DataType, wanted: pa.DataType) -> bool:
    """Equal but for what writers choose: inner names, nullability marks, large and dictionary forms."""
    if pa.types.is_dictionary(given):
        given = given.value_type
    if pa.types.is_string(wanted):
        return bool(pa.types.is_string(given) or pa.types.is_large_string(given))
    if pa.types.is_map(wanted):
        return bool(pa.types.is_map(given)) and _same(given.item_type, wanted.item_type)
    if pa.types.is_list(wanted):
        lists = pa.types.is_list(given) or pa.types.is_large_list(given)
        return bool(lists) and _same(given.value_type, wanted.value_type)
    if pa.types.is_struct(wanted):
        return bool(pa.types.is_struct(given)) and all(
            given.get_field_index(part.name) >= 0 and _same(given.field(part.name).type, part.type)
            for part in wanted
        )
    return bool(given.equals(wanted))
