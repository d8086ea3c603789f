"""Every contract keeps its promises: examples, derived forms, docs, published versions."""

import importlib
import json
import pkgutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from jsonschema import Draft202012Validator, FormatChecker
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.types import StructType

import schemas
from schemas.all import CONTRACTS
from schemas.contract import Contract
from schemas.derive import (
    BadRecord,
    arrow_schema,
    arrow_to_records,
    breaking_changes,
    docs_page,
    json_schema,
    parse_record,
    record_to_arrow,
    spark_ddl,
    spark_schema,
    to_mapping,
    unknown_fields,
)
from schemas.fields import field_specs, spec_of
from schemas.ontology import Category

FOLDER = Path(schemas.__file__).parent
each_contract = pytest.mark.parametrize("contract", CONTRACTS, ids=lambda found: found.name)
each_invalid = pytest.mark.parametrize(
    ("contract", "wrong"),
    [(found, wrong) for found in CONTRACTS for wrong in found.invalid],
    ids=lambda found: getattr(found, "name", None) or found.field,
)


def validator(record: type) -> Draft202012Validator:
    return Draft202012Validator(json_schema(record), format_checker=FormatChecker())


@each_contract
def test_valid_example_is_accepted_by_parser_and_json_schema(contract: Contract) -> None:
    Draft202012Validator.check_schema(json_schema(contract.record))
    validator(contract.record).validate(contract.valid.value)
    record = parse_record(contract.record, contract.valid.value)
    shown = to_mapping(record)
    assert {name: shown[name] for name in contract.valid.value} == contract.valid.value
    assert parse_record(contract.record, json.loads(json.dumps(shown))) == record
    assert unknown_fields(contract.record, contract.valid.value) == ()


@each_invalid
def test_invalid_example_is_refused_at_its_field_by_both(
    contract: Contract, wrong: schemas.contract.Invalid
) -> None:
    with pytest.raises(BadRecord) as refused:
        parse_record(contract.record, wrong.value)
    assert refused.value.field.split(".")[0].split("[")[0] == wrong.field
    errors = list(validator(contract.record).iter_errors(wrong.value))
    assert errors
    assert all(wrong.field in error.path or f"'{wrong.field}'" in error.message for error in errors)


@each_contract
def test_rows_survive_arrow_and_parquet(contract: Contract, tmp_path: Path) -> None:
    rows = [parse_record(contract.record, contract.valid.value)] * 3
    table = record_to_arrow(rows)
    assert table.schema == arrow_schema(contract.record)
    pq.write_table(table, tmp_path / "rows.parquet")
    assert arrow_to_records(pq.read_table(tmp_path / "rows.parquet"), contract.record) == rows


@each_contract
def test_spark_reads_the_derived_schema_and_it_is_the_arrow_one(contract: Contract) -> None:
    derived = StructType.fromJson(spark_schema(contract.record))
    assert derived.simpleString() == from_arrow_schema(arrow_schema(contract.record)).simpleString()
    assert [found.nullable for found in derived] == [spec.nullable for spec in field_specs(contract.record)]


def test_spark_ddl_of_a_record_with_every_kind_of_field() -> None:
    assert spark_ddl(Category).startswith(
        "`category_id` STRING NOT NULL, `name` STRING NOT NULL, `parent_id` STRING, "
    )
    assert "`synonyms` ARRAY<STRING> NOT NULL" in spark_ddl(Category)


@each_contract
def test_key_and_ordering_name_fields(contract: Contract) -> None:
    for path in filter(None, (*contract.key, contract.ordering)):
        record = contract.record
        *outer, last = path.split(".")
        for name in outer:
            record = spec_of(record, name).type.record  # type: ignore[union-attr]
        assert spec_of(record, last).name == last


@each_contract
def test_every_field_says_what_it_means(contract: Contract) -> None:
    assert [spec.name for spec in field_specs(contract.record) if not spec.doc] == []


def test_no_contract_is_left_out_and_names_are_unique() -> None:
    found = {
        getattr(record, "CONTRACT").name  # noqa: B009
        for module in pkgutil.iter_modules(schemas.__path__)
        for record in vars(importlib.import_module(f"schemas.{module.name}")).values()
        if isinstance(getattr(record, "CONTRACT", None), Contract)
    }
    assert sorted(contract.name for contract in CONTRACTS) == sorted(found)


def test_docs_page_is_the_derived_one() -> None:
    said = (FOLDER / "README.md").read_text("utf-8")
    assert said == docs_page(CONTRACTS), "run: python -m schemas.derive > schemas/README.md"


@each_contract
def test_published_version_still_holds(contract: Contract) -> None:
    path = FOLDER / "published" / f"{contract.name}.v{contract.version}.json"
    published = json.loads(path.read_text("utf-8"))
    assert breaking_changes(published, json_schema(contract.record)) == [], "give the contract a new version"
    assert published == json_schema(contract.record), (
        "run: python -m schemas.derive --publish schemas/published"
    )


def test_nothing_is_published_that_has_no_contract() -> None:
    known = {
        f"{found.name}.v{version}.json" for found in CONTRACTS for version in range(1, found.version + 1)
    }
    assert {path.name for path in (FOLDER / "published").iterdir()} == known
