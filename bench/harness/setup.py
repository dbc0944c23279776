"""What must be there before anything is measured: the peers, our programs, the data."""

import functools
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import venv
from collections.abc import Sequence
from typing import Any

from harness import process

REQUIREMENTS = process.BENCH / "requirements.txt"
# Where the log bucket's folder and an hour's objects are, in a folder that the command is given as --data.
BUCKET = pathlib.Path("auth0-logs")
HOUR = "2025-11-20T13"
HOUR_PATH = pathlib.Path("2025/11/20/13")
LOGS = BUCKET / "logs" / HOUR_PATH


def peers() -> None:
    """Installs the peers into a venv of their own, unless it holds what is asked for already."""
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    stamp = process.VENV / "requirements.sha256"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    say("installing the peers into bench/.venv")
    venv.create(process.VENV, with_pip=True, clear=True)
    pip = [str(process.PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--requirement", str(REQUIREMENTS)], check=True)
    stamp.write_text(wanted)


def command() -> pathlib.Path:
    """Our command, without the SQL engine that only its `query` needs."""
    return built("--package", "auth0-s3-logs", "--no-default-features") / "auth0-s3-logs"


def tool(name: str) -> pathlib.Path:
    """One of this crate's own programs."""
    return built("--package", "bench") / name


def functions(names: Sequence[str]) -> pathlib.Path:
    """The folder of our functions."""
    return built("--bins", *(part for name in names for part in ("--package", name)))


@functools.cache
def built(*what: str) -> pathlib.Path:
    """Builds programs in release, and says in which folder they are."""
    say(f"building {' '.join(it for it in what if not it.startswith('--'))} in release")
    subprocess.run(["cargo", "build", "--quiet", "--release", *what], cwd=process.ROOT, check=True)
    return pathlib.Path(os.environ.get("CARGO_TARGET_DIR", process.ROOT / "target")) / "release"


def hour(folder: pathlib.Path, events: int, files: int) -> dict[str, Any]:
    """Makes an hour in `folder`, unless it is there already, and says how large it is."""
    note = folder / "hour.json"
    if note.exists():
        made: dict[str, Any] = json.loads(note.read_text())
        if (made["events"], made["files"]) == (events, files):
            return made
    if folder.exists():
        shutil.rmtree(folder)
    say(f"making an hour of {events:,} events in {files} objects")
    options = ["--events", str(events), "--files", str(files), "--hour", HOUR]
    _, printed = process.run([tool("make-hours"), folder / BUCKET, *options])
    note.write_text(printed)
    told: dict[str, Any] = json.loads(printed)
    return told


def say(what: str) -> None:
    """Tells on the standard error what is being done; the figures go to the standard output."""
    print(f"bench: {what}", file=sys.stderr, flush=True)
