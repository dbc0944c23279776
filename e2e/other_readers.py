"""Reads a bucket's Parquet with DuckDB and its JSON with Python, and finds the same rows in every closed hour.

Usage: other_readers.py DIR/<bucket>

Neither reader is ours. A row is compared in all of its columns, as a multiset.
"""

import collections
import gzip
import json
import pathlib
import sys

import duckdb


def main(bucket: pathlib.Path) -> None:
    manifests = sorted(path for path in bucket.glob("manifests/*/*/*/*.json"))
    total = 0
    for path in manifests:
        manifest = json.loads(path.read_text())
        live = manifest["live"]
        columns, parquet = parquet_rows([bucket / file["key"] for file in live["files"]])
        expected = collections.Counter(json_rows([bucket / it["key"] for it in live["inputs"]], columns))
        found = collections.Counter(parquet)
        if set(found.elements()) != set(expected) or any(count > 1 for count in found.values()):
            sys.exit(f"{manifest['hour']}: Parquet and JSON hold different rows")
        if sum(found.values()) != live["counts"]["rows"]:
            sys.exit(f"{manifest['hour']}: {sum(found.values())} rows, the manifest says {live['counts']['rows']}")
        total += sum(found.values())
    if total == 0:
        sys.exit("there is nothing to read")
    print(f"{len(manifests)} hours, {total} rows: the same in DuckDB's Parquet and in the JSON")


def parquet_rows(files: list[pathlib.Path]) -> tuple[list[str], list[tuple]]:
    if not files:
        return [], []
    answer = duckdb.execute("SELECT * FROM read_parquet(?)", [[str(file) for file in files]])
    return [column[0] for column in answer.description], answer.fetchall()


def json_rows(files: list[pathlib.Path], columns: list[str]):
    for file in files:
        with gzip.open(file, "rt", encoding="utf-8", newline="\n") as lines:
            for line in lines:
                event = json.loads(line)
                yield tuple(event.get(column) for column in columns)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
