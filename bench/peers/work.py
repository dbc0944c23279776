"""The work that every peer of the compactor does: what is read, in which order it is written, and how."""

import pathlib
import sys

COLUMNS = (
    "log_id", "timestamp", "connection", "connection_id", "client_id", "client_name", "ip", "user_id", "user_name",
    "description", "user_agent", "type", "strategy", "strategy_type", "hostname", "details", "extra",
)  # fmt: skip
# Ascending, null first.
ORDER = ("user_id", "type", "timestamp", "log_id")
# About as many as ours come to, which are closed by their rows and bytes; check_compaction.py sees that all files agree.
ROW_GROUP_ROWS = 25_000
ZSTD_LEVEL = 1
# Columns whose values hardly ever repeat: who can be told so need not try a dictionary.
WITHOUT_DICTIONARY = ("log_id", "timestamp", "details")


def arguments() -> tuple[list[str], str]:
    """The gzip objects of the folder that is named first, and the file to write. Without them the peer only starts."""
    if len(sys.argv) == 1:
        sys.exit(0)
    folder, out = sys.argv[1:]
    return sorted(str(path) for path in pathlib.Path(folder).glob("*.gz")), out
