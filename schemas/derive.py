"""All forms that are derived from the records, in one place; run as a module it prints schemas/README.md."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from schemas.arrow_form import SchemaMismatch, arrow_schema, arrow_to_records, record_to_arrow
from schemas.docs_form import docs_page, docs_section, docs_table
from schemas.evolution import breaking_changes
from schemas.json_form import json_schema, to_mapping
from schemas.parse import BadRecord, parse_record, unknown_fields
from schemas.spark_form import spark_ddl, spark_schema

__all__ = [
    "BadRecord",
    "SchemaMismatch",
    "arrow_schema",
    "arrow_to_records",
    "breaking_changes",
    "docs_page",
    "docs_section",
    "docs_table",
    "json_schema",
    "parse_record",
    "publish",
    "record_to_arrow",
    "spark_ddl",
    "spark_schema",
    "to_mapping",
    "unknown_fields",
]


def publish(folder: Path) -> None:
    """Write every contract's JSON Schema, for other teams and for the next comparison of versions.

    Errors: ValueError, and nothing is written, when a contract broke its form without a new version.
    """
    from schemas.all import CONTRACTS

    files = {folder / f"{found.name}.v{found.version}.json": json_schema(found.record) for found in CONTRACTS}
    for path, schema in files.items():
        broken = breaking_changes(json.loads(path.read_text("utf-8")), schema) if path.exists() else []
        if broken:
            raise ValueError(f"{path.name}: give the contract a new version: {'; '.join(broken)}")
    folder.mkdir(exist_ok=True)
    for path, schema in files.items():
        path.write_text(json.dumps(schema, ensure_ascii=False, indent=1) + "\n", "utf-8")


def main() -> None:
    """Print the docs page, or publish the JSON Schemas."""
    from schemas.all import CONTRACTS

    parser = argparse.ArgumentParser(description="Print schemas/README.md.")
    parser.add_argument("--publish", type=Path, metavar="DIR", help="write the JSON Schemas there instead")
    args = parser.parse_args()
    if args.publish:
        try:
            publish(args.publish)
        except ValueError as error:
            parser.exit(1, f"{error}\n")
    else:
        sys.stdout.write(docs_page(CONTRACTS))


if __name__ == "__main__":
    main()
