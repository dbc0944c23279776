"""Starts the servers that the checks talk to, each on a free port with a folder of its own, and stops them again."""

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator

ROOT = pathlib.Path(__file__).resolve().parent.parent

# Any will do with every server here; one that checked them would have to be told.
ACCESS_KEY, SECRET_KEY, REGION = "local", "local", "us-east-1"


def command() -> list[str]:
    """The command under test: the one built by `cargo build`, or what AUTH0_S3_LOGS names."""
    named = os.environ.get("AUTH0_S3_LOGS")
    return [named] if named else [str(ROOT / "target" / "debug" / "auth0-s3-logs")]


@contextlib.contextmanager
def local_aws(data: pathlib.Path, port: int = 0) -> Iterator[str]:
    """Runs `serve` over the folder `data` and yields its endpoint."""
    arguments = [*command(), "serve", "--data", str(data), "--port", str(port), "--json"]
    with running(arguments, stdout=subprocess.PIPE) as process:
        yield json.loads(process.stdout.readline())["endpoint"]


@contextlib.contextmanager
def running(arguments: list[str], **options) -> Iterator[subprocess.Popen]:
    """Runs a program, in a process group of its own, until the block ends."""
    with subprocess.Popen(arguments, start_new_session=True, text=True, **options) as process:
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)


@contextlib.contextmanager
def logged(name: str) -> Iterator[tempfile._TemporaryFileWrapper]:
    """A file for a server's output, which is shown if the block fails."""
    with tempfile.NamedTemporaryFile("w+", prefix=f"{name}-", suffix=".log") as log:
        try:
            yield log
        except BaseException:
            log.seek(0)
            print(f"--- {name}'s last words", "".join(log.readlines()[-40:]), sep="\n", file=sys.stderr)
            raise


def answers(url: str) -> bool:
    """Whether a server answers at `url` at all, with whatever status."""
    try:
        urllib.request.urlopen(url, timeout=1).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True
