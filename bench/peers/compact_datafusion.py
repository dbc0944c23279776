"""DataFusion: gzip JSON lines → sorted Parquet. Usage: compact_datafusion.py FOLDER OUT"""

import pathlib

import datafusion
import pyarrow

import work

inputs, out = work.arguments()
schema = pyarrow.schema([(name, pyarrow.string()) for name in work.COLUMNS])
folder = pathlib.Path(inputs[0]).parent
rows = datafusion.SessionContext().read_json(folder, schema, file_extension=".gz", file_compression_type="gzip")
order = [datafusion.col(f'"{name}"').sort(ascending=True, nulls_first=True) for name in work.ORDER]
without_dictionary = datafusion.ParquetColumnOptions(dictionary_enabled=False)
rows.sort(*order).write_parquet_with_options(
    out,
    datafusion.ParquetWriterOptions(
        compression=f"zstd({work.ZSTD_LEVEL})",
        max_row_group_size=work.ROW_GROUP_ROWS,
        statistics_enabled="chunk",
        skip_arrow_metadata=True,
        column_specific_options={name: without_dictionary for name in work.WITHOUT_DICTIONARY},
    ),
    datafusion.DataFrameWriteOptions(single_file_output=True),
)
