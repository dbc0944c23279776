"""Sees that two contenders wrote the same Parquet. Usage: check_compaction.py ROWS OURS[,OURS…] THEIRS[,THEIRS…]

The same: each of the rows as often, in the same order, in row groups of about the size asked for, all compressed with
zstd. DuckDB reads both. Prints what was found as JSON, or fails with the first difference.
"""

import json
import sys

import duckdb

import work

FILES = ("ours", "theirs")
# Some close a group between two batches of theirs, not within one, and ours by its bytes.
GROUP_ROWS_MAX = work.ROW_GROUP_ROWS * 1.2


def main() -> None:
    """Compares, in the order of what is cheap to see."""
    rows = int(sys.argv[1])
    connection = duckdb.connect()
    groups = []
    for name, argument in zip(FILES, sys.argv[2:]):
        files = argument.split(",")
        connection.execute(
            f"""CREATE TABLE {name} AS
            SELECT * EXCLUDE (filename, file_row_number), row_number() OVER (ORDER BY filename, file_row_number) place
            FROM read_parquet({files}, filename = true, file_row_number = true)"""
        )
        groups.append(row_groups(connection, name, files))
    expect("the number of rows", [rows, rows], [sum(it) for it in groups])
    columns = ", ".join(f'"{name}"' for name in work.COLUMNS)
    for one, other in (FILES, reversed(FILES)):
        sql = f"SELECT count(*) FROM (SELECT {columns} FROM {one} EXCEPT ALL SELECT {columns} FROM {other})"
        expect(f"rows of {one} that {other} lacks", 0, number(connection, sql))
    # No two events share their log_id, so that it tells the whole order.
    sql = "SELECT count(*) FROM ours JOIN theirs USING (place) WHERE ours.log_id IS DISTINCT FROM theirs.log_id"
    expect("rows in another place", 0, number(connection, sql))
    print(json.dumps({"rows": rows, **{f"row_groups_{name}": it for name, it in zip(FILES, groups)}}))


def row_groups(connection: duckdb.DuckDBPyConnection, name: str, files: list[str]) -> list[int]:
    """The rows of each row group of some files, whose columns and compression must be what they are to be."""
    connection.execute(f"DESCRIBE {name}")
    columns = [row[:2] for row in connection.fetchall()]
    # In whatever order: ours are laid out by what is asked together.
    expected = sorted([*((it, "VARCHAR") for it in work.COLUMNS), ("place", "BIGINT")])
    expect(f"the columns of {name}", expected, sorted(columns))
    metadata = f"parquet_metadata({files})"
    answer = connection.execute(
        f"""SELECT any_value(row_group_num_rows) FROM {metadata}
        GROUP BY file_name, row_group_id ORDER BY file_name, row_group_id"""
    )
    groups = [row[0] for row in answer.fetchall()]
    expect(f"row groups of {name} that are too large", [], [it for it in groups if it > GROUP_ROWS_MAX])
    codecs = connection.execute(f"SELECT DISTINCT compression FROM {metadata}").fetchall()
    expect(f"the compression of {name}", [("ZSTD",)], codecs)
    return groups


def number(connection: duckdb.DuckDBPyConnection, sql: str) -> int:
    """The one number that answers a query."""
    answer = connection.execute(sql).fetchone()
    assert answer is not None
    return int(answer[0])


def expect(what: str, expected: object, found: object) -> None:
    """Fails unless both are equal."""
    if expected != found:
        sys.exit(f"{what}: {expected!r:.500} expected, {found!r:.500} found")


if __name__ == "__main__":
    main()
