"""Starts the servers that the checks talk to, each on a free port with a folder of its own, and stops them again."""

import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import botocore.config

ROOT = pathlib.Path(__file__).resolve().parent.parent

# Any will do with every server here; one that checked them would have to be told.
ACCESS_KEY, SECRET_KEY, REGION = "local", "local", "us-east-1"

START_SECONDS_MAX = 60

S3MOCK_VERSION = "5.2.0"


def command() -> list[str]:
    """The command under test: the one built by `cargo build`, or what AUTH0_S3_LOGS names."""
    named = os.environ.get("AUTH0_S3_LOGS")
    return [named] if named else [str(ROOT / "target" / "debug" / "auth0-s3-logs")]


def client(service: str, endpoint: str, **config: Any) -> Any:
    """A boto3 client of a service at an endpoint, with `config` for its botocore Config."""
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        config=botocore.config.Config(**{"s3": {"addressing_style": "path"}, **config}),
    )


@contextlib.contextmanager
def local_aws(data: pathlib.Path, port: int = 0, access_log: pathlib.Path | None = None) -> Iterator[str]:
    """Runs `serve` over the folder `data` and yields its endpoint."""
    arguments = [*command(), "serve", "--data", str(data), "--port", str(port), "--json"]
    if access_log:
        arguments += ["--access-log", str(access_log)]
    with running(arguments, stdout=subprocess.PIPE) as process:
        yield first_value(process)["endpoint"]


def first_value(process: subprocess.Popen) -> dict:
    """The JSON object that a program prints first, over as many lines as it likes, while it goes on running."""
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("}"):
            break
    return json.loads("".join(lines))


@contextlib.contextmanager
def moto(_: pathlib.Path) -> Iterator[str]:
    """Runs moto's server, which keeps everything in memory, and yields its endpoint."""
    port = free_port()
    endpoint = f"http://127.0.0.1:{port}"
    program = pathlib.Path(sys.executable).with_name("moto_server")
    arguments = [str(program), "-H", "127.0.0.1", "-p", str(port)]
    with logged("moto") as log, running(arguments, stdout=log, stderr=log):
        wait_until(lambda: answers(endpoint), "moto answers")
        yield endpoint


@contextlib.contextmanager
def s3mock(_: pathlib.Path) -> Iterator[str]:
    """Runs Adobe's S3Mock on Java and yields its endpoint."""
    port = free_port()
    endpoint = f"http://127.0.0.1:{port}"
    jar = ROOT / ".venv" / "s3mock" / f"s3mock-{S3MOCK_VERSION}-exec.jar"
    # `server.port` is that of its TLS, which nothing here talks to.
    arguments = ["java", "-jar", str(jar), "--server.port=0", f"--http.port={port}"]
    with logged("s3mock") as log, running(arguments, stdout=log, stderr=log):
        wait_until(lambda: answers(endpoint), "S3Mock answers")
        yield endpoint


# Every server that the behavioural suite can be run against, by name. Each is given an empty folder.
SERVERS: dict[str, Callable[[pathlib.Path], contextlib.AbstractContextManager[str]]] = {
    "local-aws": local_aws,
    "moto": moto,
    "s3mock": s3mock,
}


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


def free_port() -> int:
    """A port of the loopback address that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(holds: Callable[[], bool], what: str, seconds_max: float = START_SECONDS_MAX) -> None:
    """Waits until `holds` says so, and fails with `what` was waited for when that takes too long."""
    deadline = time.monotonic() + seconds_max
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds_max} seconds until {what}")
        time.sleep(0.1)


def listens(port: int) -> bool:
    """Whether anything takes connections to a port of the loopback address."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def answers(url: str) -> bool:
    """Whether a server answers at `url` at all, with whatever status."""
    try:
        urllib.request.urlopen(url, timeout=1).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True
