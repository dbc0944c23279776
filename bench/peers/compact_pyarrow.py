"""pyarrow: gzip JSON lines → sorted Parquet. Usage: compact_pyarrow.py FOLDER OUT"""

import concurrent.futures

import pyarrow
import pyarrow.compute
import pyarrow.json
import pyarrow.parquet

import work

inputs, out = work.arguments()
schema = pyarrow.schema([(name, pyarrow.string()) for name in work.COLUMNS])
parsing = pyarrow.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="error")
# A file in a task of its own: within a file only the parsing would be spread over the cores.
reading = pyarrow.json.ReadOptions(use_threads=False, block_size=16 << 20)


def read(path: str) -> pyarrow.Table:
    """The rows of one object."""
    return pyarrow.json.read_json(path, read_options=reading, parse_options=parsing)


with concurrent.futures.ThreadPoolExecutor(pyarrow.cpu_count()) as pool:
    # In one piece, for to take rows from many pieces is far slower.
    rows = pyarrow.concat_tables(pool.map(read, inputs)).combine_chunks()
places = pyarrow.compute.sort_indices(rows, [(name, "ascending", "at_start") for name in work.ORDER])
pyarrow.parquet.write_table(
    rows.take(places),
    out,
    row_group_size=work.ROW_GROUP_ROWS,
    compression="zstd",
    compression_level=work.ZSTD_LEVEL,
    use_dictionary=[name for name in work.COLUMNS if name not in work.WITHOUT_DICTIONARY],
    store_schema=False,
)
