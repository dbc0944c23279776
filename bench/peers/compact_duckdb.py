"""DuckDB: gzip JSON lines → sorted Parquet. Usage: compact_duckdb.py FOLDER OUT"""

import duckdb

import work

inputs, out = work.arguments()
columns = ", ".join(f"'{name}': 'VARCHAR'" for name in work.COLUMNS)
order = ", ".join(f'"{name}" NULLS FIRST' for name in work.ORDER)
connection = duckdb.connect()
connection.execute(
    f"""COPY (
        SELECT * FROM read_json({inputs}, format = 'newline_delimited', columns = {{{columns}}}) ORDER BY {order}
    ) TO '{out}' (
        FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL {work.ZSTD_LEVEL}, ROW_GROUP_SIZE {work.ROW_GROUP_ROWS}
    )"""
)
