"""One process, and what it took: wall time, CPU time, peak memory.

A process begins with the peak memory of the one that started it, so this one stays small: whatever needs memory is a
process of its own.
"""

import dataclasses
import os
import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence

BENCH = pathlib.Path(__file__).resolve().parent.parent
ROOT = BENCH.parent
PEERS = BENCH / "peers"
VENV = BENCH / ".venv"
PYTHON = VENV / "bin" / "python"
OUTPUT_SHOWN = 2000


class Failed(Exception):
    """A process, or a comparison, did not end well."""


@dataclasses.dataclass(frozen=True)
class Usage:
    """What a process took, with the children it waited for."""

    wall_s: float
    cpu_s: float
    peak_bytes: int


def run(
    command: Sequence[str | os.PathLike[str]], environment: Mapping[str, str] | None = None, codes: Sequence[int] = (0,)
) -> tuple[Usage, str]:
    """Runs a command to its end, and returns what it took and what it printed.

    One that ends with another than one of `codes` is an error.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        started = time.monotonic()
        process = subprocess.Popen(
            [os.fspath(part) for part in command], env={**os.environ, **(environment or {})}, stdout=out, stderr=err
        )
        _, status, used = os.wait4(process.pid, 0)
        wall_s = time.monotonic() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        printed = out.read().decode()
        if process.returncode not in codes:
            err.seek(0)
            told = err.read().decode(errors="replace") + printed
            shown = " ".join(os.fspath(part) for part in command)
            raise Failed(f"{shown} ended with {process.returncode}: {told[-OUTPUT_SHOWN:]}")
    # Linux counts kilobytes, macOS bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    return Usage(wall_s, used.ru_utime + used.ru_stime, used.ru_maxrss * unit), printed


def peer(script: str, *arguments: str | os.PathLike[str]) -> tuple[Usage, str]:
    """Runs one of the scripts in peers/, with what requirements.txt lists."""
    return run([PYTHON, PEERS / script, *arguments])
