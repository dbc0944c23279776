"""Fetches Trino from Maven Central, finds a Java for it, and runs it over any Glue and any S3.

What it runs with is in `trino/`. Fetched once, Trino stays in a folder outside the tree: `$AUTH0_S3_LOGS_CACHE`, or
`~/.cache/auth0-s3-logs`.
"""

import contextlib
import dataclasses
import json
import os
import pathlib
import re
import shutil
import subprocess
import tarfile
import tempfile
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from typing import Any

import servers

# The last version whose archives are on Maven Central.
VERSION = 476
JAVA_MIN = 24
SERVER = f"io.trino:trino-server-core:{VERSION}:tar.gz"
HIVE = f"io.trino:trino-hive:{VERSION}:zip"

SETTINGS = pathlib.Path(__file__).resolve().parent / "trino"
CATALOG = "awsdatacatalog"
START_SECONDS_MAX = 120
QUERY_SECONDS_MAX = 120


class QueryError(Exception):
    """Trino could not answer a query; the message begins with Trino's name for the reason."""


@dataclasses.dataclass(frozen=True)
class Trino:
    """A running Trino, asked over its REST protocol."""

    endpoint: str
    schema: str

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows that answer `sql`; dates and decimals are text. Raises QueryError."""
        return self.ask(sql)[1]

    def records(self, sql: str) -> list[dict[str, Any]]:
        """The rows that answer `sql`, each by its columns' names. Raises QueryError."""
        columns, rows = self.ask(sql)
        return [dict(zip(columns, row, strict=True)) for row in rows]

    def ask(self, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        """The names of the columns, and the rows, that answer `sql`. Raises QueryError."""
        headers = {"X-Trino-User": "e2e", "X-Trino-Catalog": CATALOG, "X-Trino-Schema": self.schema}
        columns: list[str] = []
        rows: list[tuple[Any, ...]] = []
        page = urllib.request.Request(f"{self.endpoint}/v1/statement", sql.encode(), headers)
        while True:
            reply = fetch(page)
            columns = [column["name"] for column in reply.get("columns", [])] or columns
            rows += map(tuple, reply.get("data", []))
            if "nextUri" not in reply:
                break
            page = urllib.request.Request(reply["nextUri"], headers=headers)
        if "error" in reply:
            raise QueryError(f"{reply['error']['errorName']}: {reply['error']['message']}")
        return columns, rows

    def can_query(self, sql: str) -> bool:
        """Whether `sql` is answered: a server that has just started knows of no worker yet."""
        try:
            self.query(sql)
        except (OSError, QueryError):
            return False
        return True


def fetch(request: urllib.request.Request) -> dict[str, Any]:
    """The JSON that a page of an answer consists of. An overloaded server is asked again, as the protocol has it."""
    deadline = time.monotonic() + QUERY_SECONDS_MAX
    while True:
        try:
            with urllib.request.urlopen(request, timeout=QUERY_SECONDS_MAX) as reply:
                page: dict[str, Any] = json.load(reply)
                return page
        except urllib.error.HTTPError as error:
            if error.code not in (429, 502, 503, 504) or time.monotonic() > deadline:
                raise
            time.sleep(0.1)


@contextlib.contextmanager
def trino(schema: str, probe: str, glue: str, s3: str) -> Iterator[Trino]:
    """Runs Trino over the Glue and the S3 at these endpoints, and yields it once it has answered the query `probe`."""
    installed, java, port = installation(), java_home(), servers.free_port()
    environment = {
        **os.environ,
        "JAVA_HOME": str(java),
        "TRINO_PORT": str(port),
        "GLUE_ENDPOINT": glue,
        "S3_ENDPOINT": s3,
        "AWS_REGION": servers.REGION,
        "AWS_ACCESS_KEY_ID": servers.ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": servers.SECRET_KEY,
    }
    with tempfile.TemporaryDirectory(prefix="trino-") as data, servers.logged("trino") as log:
        launcher = [str(installed / "bin" / "launcher"), "--etc-dir", str(SETTINGS), "--data-dir", data]
        options = {"stdout": log, "stderr": log, "env": environment}
        with servers.running([*launcher, "--jvm-dir", str(java), "run"], **options) as process:
            server = Trino(f"http://127.0.0.1:{port}", schema)
            wait_until_ready(server, probe, process)
            yield server


def wait_until_ready(server: Trino, probe: str, process: subprocess.Popen[str]) -> None:
    """Waits until the server answers `probe`, or fails at once if the process ends first."""

    def ready() -> bool:
        if process.poll() is not None:
            raise RuntimeError(f"Trino ended with code {process.returncode}")
        return server.can_query(probe)

    servers.wait_until(ready, f"Trino answers {probe!r}", START_SECONDS_MAX)


def installation() -> pathlib.Path:
    """The folder that Trino and its Hive connector lie in, fetched if they are not there."""
    named = os.environ.get("AUTH0_S3_LOGS_CACHE")
    cache = pathlib.Path(named) if named else pathlib.Path.home() / ".cache" / "auth0-s3-logs"
    installed = cache / f"trino-{VERSION}"
    if not installed.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="trino-", dir=cache) as aside:
            # Moved when it is whole, so that a fetch that was cut short leaves nothing that looks like Trino.
            fetched(pathlib.Path(aside)).rename(installed)
    return installed


def fetched(aside: pathlib.Path) -> pathlib.Path:
    """Fetches the two archives into the folder `aside` and unpacks them there."""
    with tarfile.open(archive(SERVER, aside)) as tar:
        tar.extractall(aside, filter="data")
    server = aside / f"trino-server-core-{VERSION}"
    with zipfile.ZipFile(archive(HIVE, aside)) as packed:
        packed.extractall(aside)
    (aside / f"trino-hive-{VERSION}").rename(server / "plugin" / "hive")
    return server


def archive(artifact: str, folder: pathlib.Path) -> pathlib.Path:
    """Has Maven put the file of `group:name:version:extension` into `folder`."""
    maven = shutil.which("mvn")
    if not maven:
        raise SystemExit("Trino is fetched with Maven; install it, so that `mvn` can be run")
    print(f"fetching {artifact}", flush=True)
    goal = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy"
    arguments = [maven, "-q", "-B", goal, f"-Dartifact={artifact}", f"-DoutputDirectory={folder}"]
    done = subprocess.run(arguments, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"Maven could not fetch {artifact}:\n{done.stdout}{done.stderr}")
    _, name, version, extension = artifact.split(":")
    return folder / f"{name}-{version}.{extension}"


def java_home() -> pathlib.Path:
    """The first Java that is new enough: `$JAVA_HOME`, the one on the path, or any that the system has installed."""
    seen = {}
    for home in java_homes():
        version = java_version(home / "bin" / "java")
        if version >= JAVA_MIN:
            return home
        seen[str(home)] = version
    raise SystemExit(f"Trino {VERSION} needs Java {JAVA_MIN} or newer; set JAVA_HOME. Found: {seen or 'none'}")


def java_homes() -> Iterator[pathlib.Path]:
    """Where a Java may be, most wanted first."""
    named, on_path = os.environ.get("JAVA_HOME"), shutil.which("java")
    if named:
        yield pathlib.Path(named)
    if on_path:
        yield pathlib.Path(on_path).resolve().parent.parent
    yield from sorted(pathlib.Path("/usr/lib/jvm").glob("*"), reverse=True)


def java_version(java: pathlib.Path) -> int:
    """The major version that a `java` says it has; 0 where it is none."""
    if not java.is_file():
        return 0
    said = subprocess.run([str(java), "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)', said)
    return int(found.group(1)) if found else 0
