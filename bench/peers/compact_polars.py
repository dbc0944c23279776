"""Polars: gzip JSON lines → sorted Parquet. Usage: compact_polars.py FOLDER OUT"""

import polars

import work

inputs, out = work.arguments()
rows = polars.scan_ndjson(inputs, schema={name: polars.String for name in work.COLUMNS})
rows.sort(work.ORDER, nulls_last=False).sink_parquet(
    out, compression="zstd", compression_level=work.ZSTD_LEVEL, row_group_size=work.ROW_GROUP_ROWS
)
