"""A merge in a process of its own, to be killed: `merge_process.py TABLE FILE...`."""

from __future__ import annotations

import sys
from pathlib import Path

from infra.spark import spark_session
from jobs.batch.merge import merge_files
from tests.spark.conftest import QUICK, SMALL


def main() -> None:
    table, *files = map(Path, sys.argv[1:])
    spark = spark_session("killed merge", driver_memory="1g", conf=QUICK)
    print(merge_files(spark, files, table, settings=SMALL), flush=True)
    spark.stop()


if __name__ == "__main__":
    main()
