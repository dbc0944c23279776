"""Writes and reads a bucket with DuckDB's own S3 client, and prints as JSON what it found.

Usage: duckdb_s3.py HOST:PORT BUCKET

Runs in a virtual environment of its own: DuckDB's S3 client is an extension, and the registry has it for an older
DuckDB than the one that the other checks read Parquet with.
"""

import json
import pathlib
import sys

import duckdb
import duckdb_ext

ROWS = 1_000_000

# The hour is a column by its folder's name, as text.
FROM_LINES = "FROM read_json(?, hive_partitioning = true, hive_types_autocast = false)"


def main(address: str, bucket: str) -> None:
    """Counts the JSON lines under `lines/`, and writes a Parquet object and reads it back."""
    connection = duckdb.connect()
    extension = next(pathlib.Path(next(iter(duckdb_ext.__path__))).rglob("httpfs.duckdb_extension"))
    connection.execute(f"LOAD '{extension}'")
    place = f"ENDPOINT '{address}', URL_STYLE 'path', USE_SSL false"
    connection.execute(f"CREATE SECRET (TYPE s3, KEY_ID 'local', SECRET 'local', {place})")
    lines = f"s3://{bucket}/lines/*/*.json.gz"
    query = f"SELECT hour, count(*), sum(number)::BIGINT {FROM_LINES} GROUP BY ALL ORDER BY ALL"
    by_hour = connection.execute(query, [lines]).fetchall()
    parquet = f"s3://{bucket}/written by DuckDB/a+b%.parquet"
    connection.execute(f"COPY (SELECT range AS number, md5(range::VARCHAR) AS text FROM range({ROWS})) TO '{parquet}'")
    read = "SELECT count(*), sum(number)::BIGINT, count(DISTINCT text) FROM read_parquet(?)"
    print(json.dumps({"lines": by_hour, "parquet": connection.execute(read, [parquet]).fetchone()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
