"""Arrow tables: what is no table of the contract is refused, what is written otherwise is read."""

from dataclasses import dataclass

import pyarrow as pa
import pytest

from schemas.derive import SchemaMismatch, arrow_schema, arrow_to_records, record_to_arrow
from schemas.fields import field_specs
from schemas.knowledge import KnowledgeRow, contract_of_row_example
from schemas.listing import Listing
from schemas.ontology import AttributeKey, Normalization
from schemas.parse import parse_record

LISTINGS = [
    Listing(
        "a", "绿茶 🍵", attributes={"净含量": "250克", "": "x"}, image_urls=("u", "v"), price=1.5, brand=None
    ),
    Listing("b", "", is_deleted=True),
]


def test_every_kind_of_field_comes_back() -> None:
    assert arrow_to_records(record_to_arrow(LISTINGS), Listing) == LISTINGS
    keys = [AttributeKey("c", "k", "K", normalization=Normalization("r")), AttributeKey("c", "l", "L")]
    assert arrow_to_records(record_to_arrow(keys), AttributeKey) == keys


def test_schema_of_listing() -> None:
    schema = arrow_schema(Listing)
    assert schema.field("item_id") == pa.field("item_id", pa.string(), nullable=False)
    assert schema.field("price") == pa.field("price", pa.float64(), nullable=True)
    assert pa.types.is_map(schema.field("attributes").type)


def test_empty_table_needs_to_know_its_record() -> None:
    table = record_to_arrow([], Listing)
    assert (table.num_rows, table.schema) == (0, arrow_schema(Listing))
    assert arrow_to_records(table, Listing) == []
    with pytest.raises(ValueError):
        record_to_arrow([])


def test_other_forms_of_text_and_extra_columns_are_read() -> None:
    table = record_to_arrow(LISTINGS)
    title = table.column("title").cast(pa.large_string())
    brand = table.column("brand").dictionary_encode()
    table = table.set_column(1, "title", title).drop(["brand"]).append_column("brand", brand)
    table = table.append_column("note", pa.array([1, 2]))
    assert arrow_to_records(table, Listing) == LISTINGS


def test_absent_optional_column_takes_the_default_and_a_required_one_is_refused() -> None:
    table = record_to_arrow(LISTINGS)
    assert [row.is_deleted for row in arrow_to_records(table.drop(["is_deleted"]), Listing)] == [False, False]
    with pytest.raises(SchemaMismatch, match=r"Listing\.title"):
        arrow_to_records(table.drop(["title"]), Listing)


def test_wrong_type_and_null_are_refused() -> None:
    table = record_to_arrow(LISTINGS)
    numbers = table.set_column(1, "title", pa.array([1, 2]))
    with pytest.raises(SchemaMismatch, match="title"):
        arrow_to_records(numbers, Listing)
    nulls = table.set_column(1, "title", pa.array(["a", None]))
    with pytest.raises(SchemaMismatch, match="null"):
        arrow_to_records(nulls, Listing)


def test_wrong_type_inside_a_struct_is_refused() -> None:
    row = parse_record(KnowledgeRow, contract_of_row_example())
    table = record_to_arrow([row])
    place = table.schema.get_field_index("evidence")
    wrong = table.set_column(place, "evidence", pa.array([[{"value": "x", "start": "0"}]]))
    with pytest.raises(SchemaMismatch, match="evidence"):
        arrow_to_records(wrong, KnowledgeRow)


@dataclass(frozen=True)
class Odd:
    """A record that no contract may be."""

    when: complex


def test_an_annotation_without_forms_is_refused() -> None:
    with pytest.raises(TypeError, match=r"Odd\.when"):
        field_specs(Odd)
