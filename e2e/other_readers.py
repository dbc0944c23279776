"""Reads a bucket's Parquet with readers of others and its JSON with Python, and finds the same rows in every closed hour.

Usage: other_readers.py DIR/<bucket>

None of the readers is ours. A row is compared in all of its columns, as a multiset.
"""

import collections
import gzip
import json
import pathlib
import sys
from collections.abc import Callable, Iterator

import duckdb
import polars
import pyarrow.parquet

Row = tuple[str | None, ...]


def duckdb_rows(file: pathlib.Path) -> tuple[list[str], list[Row]]:
    """The columns and the rows that DuckDB reads."""
    answer = duckdb.execute("SELECT * FROM read_parquet(?, hive_partitioning=false)", [str(file)])
    return [column[0] for column in answer.description], answer.fetchall()


def polars_rows(file: pathlib.Path) -> tuple[list[str], list[Row]]:
    """The columns and the rows that Polars reads."""
    frame = polars.read_parquet(file, hive_partitioning=False)
    return frame.columns, frame.rows()


def pyarrow_rows(file: pathlib.Path) -> tuple[list[str], list[Row]]:
    """The columns and the rows that Arrow's C++ reads."""
    table = pyarrow.parquet.ParquetFile(file).read()
    return table.column_names, list(zip(*(column.to_pylist() for column in table.columns), strict=True))


READERS: dict[str, Callable[[pathlib.Path], tuple[list[str], list[Row]]]] = {
    "DuckDB": duckdb_rows,
    "Polars": polars_rows,
    "pyarrow": pyarrow_rows,
}


def main(bucket: pathlib.Path) -> None:
    """Compares every hour, and says how many rows there were."""
    manifests = [json.loads(path.read_text()) for path in sorted(bucket.glob("manifests/*/*/*/[0-9]*.json"))]
    rows = sum(compare(bucket, manifest) for manifest in manifests)
    if rows == 0:
        sys.exit("there is nothing to read")
    print(f"{len(manifests)} hours, {rows} rows: the same in the JSON and in the Parquet as {', '.join(READERS)} read it")


def compare(bucket: pathlib.Path, manifest: dict) -> int:
    """The rows of an hour. Ends the program if a reader finds others than the JSON has, or finds one twice."""
    live = manifest["live"]
    events = [event for it in live["inputs"] for event in json_events(bucket / it["key"])]
    for name, read in READERS.items():
        found: collections.Counter[Row] = collections.Counter()
        expected: set[Row] = set()
        for file in live["files"]:
            columns, rows = read(bucket / file["key"])
            found.update(rows)
            expected = {tuple(event.get(column) for column in columns) for event in events}
        if found != collections.Counter(expected):
            sys.exit(f"{manifest['hour']}: {name} finds other rows in the Parquet than the JSON has")
        if found.total() != live["counts"]["rows"]:
            sys.exit(f"{manifest['hour']}: {found.total()} rows, the manifest says {live['counts']['rows']}")
    return live["counts"]["rows"]


def json_events(file: pathlib.Path) -> Iterator[dict]:
    """The events of an object, a line each."""
    with gzip.open(file, "rt", encoding="utf-8", newline="\n") as lines:
        yield from map(json.loads, lines)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
