"""Other people's clients against `serve`: the aws command line, boto3, DuckDB, PyAthena and the SDK for pandas.

Prints what each did, with counts and seconds, and exits non-zero at the first difference.
"""

import gzip
import hashlib
import itertools
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import botocore.config

import servers

MB = 1024 * 1024
BUCKET = "auth0-logs"
SYNCED_FILES = 3_000
BIG_FILE_BYTES = 200 * MB
# What the command line cuts a file into that it uploads in parts.
PART_BYTES = 8 * MB
PARTITIONS = 10_000
BATCH_PARTITIONS_MAX = 100

# Each is a file's name that a URL, a query string or XML can't hold as it is. Of every ten files nine have one.
AWKWARD_NAMES = ["plain", "a b", "a+b", "50%", "a%2Bb", "x=y&z", "é日𝄞", "'q\"", "#;?", "<t>"]


class Difference(Exception):
    """A client was answered otherwise than AWS answers."""


def main() -> None:
    """Runs every client in turn, all against one server."""
    with tempfile.TemporaryDirectory() as name, servers.local_aws(pathlib.Path(name, "data")) as endpoint:
        folder = pathlib.Path(name, "files")
        folder.mkdir()
        clients = Clients(endpoint, folder)
        for check in (big_file, sync, boto3_objects, glue_partitions, duckdb_tables, athena):
            started = time.monotonic()
            said = check(clients)
            print(f"{check.__name__}: {said} ({time.monotonic() - started:.1f} s)", flush=True)


class Clients:
    """The clients of one endpoint, and a folder for the files they copy."""

    def __init__(self, endpoint: str, folder: pathlib.Path) -> None:
        self.endpoint = endpoint
        self.folder = folder

    def boto3(self, service: str) -> Any:
        """A boto3 client as anybody would make it, but for the endpoint."""
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=servers.REGION,
            aws_access_key_id=servers.ACCESS_KEY,
            aws_secret_access_key=servers.SECRET_KEY,
            config=botocore.config.Config(retries={"total_max_attempts": 1}),
        )

    def aws(self, *arguments: str) -> str:
        """Runs the aws command line and returns what it printed."""
        settings = {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": servers.ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": servers.SECRET_KEY,
            "AWS_DEFAULT_REGION": servers.REGION,
            # Whatever the user of this machine has set up is not asked.
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_MAX_ATTEMPTS": "1",
            "PYTHONUTF8": "1",
        }
        program = pathlib.Path(sys.executable).with_name("aws")
        command = [str(program), *arguments]
        run = subprocess.run(command, env={**os.environ, **settings}, capture_output=True, text=True)
        if run.returncode != 0:
            raise Difference(f"aws {' '.join(arguments)} failed: {(run.stderr or run.stdout)[-2000:]}")
        return run.stdout


def expect(what: str, found: Any, expected: Any) -> None:
    """Fails, naming `what` was compared, unless both are equal."""
    if found != expected:
        raise Difference(f"{what}: found {found!r:.500}, expected {expected!r:.500}")


def big_file(clients: Clients) -> str:
    """Copies a file that goes up and comes down in parts."""
    up, down = clients.folder / "up.bin", clients.folder / "down.bin"
    block = hashlib.sha256(b"block").digest() * (MB // 32)
    with up.open("wb") as file:
        for number in range(BIG_FILE_BYTES // MB):
            file.write(number.to_bytes(8, "big") + block[8:])
    clients.aws("s3", "cp", "--no-progress", str(up), f"s3://{BUCKET}/big files/a+b.bin")
    clients.aws("s3", "cp", "--no-progress", f"s3://{BUCKET}/big files/a+b.bin", str(down))
    expect("the file that came back", sha256(down), sha256(up))
    head = clients.boto3("s3").head_object(Bucket=BUCKET, Key="big files/a+b.bin", ChecksumMode="ENABLED")
    parts = -(-BIG_FILE_BYTES // PART_BYTES)
    expect("the parts in its ETag", head["ETag"].strip('"').partition("-")[2], str(parts))
    expect("its size", head["ContentLength"], BIG_FILE_BYTES)
    up.unlink()
    down.unlink()
    return f"aws s3 cp of {BIG_FILE_BYTES // MB} MB up in {parts} parts and down, the same bytes"


def sha256(path: pathlib.Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync(clients: Clients) -> str:
    """Syncs a tree of awkward names up and down again, and finds nothing to do the second time."""
    up, down = clients.folder / "up", clients.folder / "down"
    write_tree(up)
    target = f"s3://{BUCKET}/synced/"
    for source, goal in ((str(up), target), (target, str(down))):
        clients.aws("s3", "sync", "--no-progress", "--only-show-errors", source, goal)
        expect(f"what a second sync of {source} does", clients.aws("s3", "sync", "--no-progress", source, goal), "")
    expect("the tree that came back", tree(down), tree(up))
    listed = clients.aws("s3", "ls", "--recursive", target).splitlines()
    # Date, time and size stand before the key.
    keys = [line[31:] for line in listed]
    expect("what aws s3 ls lists", sorted(keys), sorted(f"synced/{name}" for name in tree(up)))
    return f"aws s3 sync of {len(keys)} files up and down, the same bytes; a second sync did nothing; ls lists them"


def write_tree(root: pathlib.Path) -> None:
    """Writes small files, a hundred to a folder, whose names and folders are awkward."""
    for number in range(SYNCED_FILES):
        name = AWKWARD_NAMES[number % len(AWKWARD_NAMES)]
        folder = root / f"date=2026-11-20 {name}" / f"{number // 1000:02}+"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number:05} {name}.txt").write_text(f"{number} {name}\n", encoding="utf-8")


def tree(root: pathlib.Path) -> dict[str, bytes]:
    """The content of every file below `root`, by its path from there."""
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def boto3_objects(clients: Clients) -> str:
    """Puts, gets, transfers in parts and lists, all as boto3 does by default."""
    s3 = clients.boto3("s3")
    s3.put_object(Bucket=BUCKET, Key="boto3/a b", Body=b"hello")
    got = s3.get_object(Bucket=BUCKET, Key="boto3/a b")
    expect("what boto3 gets", (got["Body"].read(), got["ChecksumCRC32"]), (b"hello", "NhCmhg=="))
    content = clients.folder / "content.bin"
    content.write_bytes(hashlib.sha256(b"boto3").digest() * (16 * MB // 32))
    s3.upload_file(str(content), BUCKET, "boto3/in parts")
    back = clients.folder / "back.bin"
    s3.download_file(BUCKET, "boto3/in parts", str(back))
    expect("what boto3's transfer brings back", sha256(back), sha256(content))
    head = s3.head_object(Bucket=BUCKET, Key="boto3/in parts", ChecksumMode="ENABLED", PartNumber=2)
    expect("the parts that boto3 uploaded", (head["PartsCount"], head["ContentLength"]), (2, 8 * MB))
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix="synced/")
    keys = [it["Key"] for page in pages for it in page.get("Contents", [])]
    expect("the keys that boto3's pages hold", len(keys), SYNCED_FILES)
    expect("their order", keys, sorted(keys, key=str.encode))
    delete_all(s3, keys)
    expect("what is left", s3.list_objects_v2(Bucket=BUCKET, Prefix="synced/")["KeyCount"], 0)
    return f"boto3 put, got, transferred 16 MB in 2 parts, listed {len(keys)} keys in order and deleted them"


def delete_all(s3: Any, keys: list[str]) -> None:
    """Deletes objects, a thousand at once."""
    for batch in batches(keys, 1000):
        answer = s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": key} for key in batch], "Quiet": True})
        expect("the errors of a batch delete", answer.get("Errors", []), [])


def batches(items: list[Any], size: int) -> Iterator[list[Any]]:
    """The items in lists of `size`."""
    rest = iter(items)
    while batch := list(itertools.islice(rest, size)):
        yield batch


Hour = tuple[str, str]

# What is asked of Glue, and which hours that is.
EXPRESSIONS: list[tuple[str, Callable[[Hour], bool]]] = [
    ("date = '2025-03-01'", lambda it: it[0] == "2025-03-01"),
    ("date >= '2025-02-01' AND date < '2025-03-01'", lambda it: "2025-02-01" <= it[0] < "2025-03-01"),
    ("hour IN ('00', '12')", lambda it: it[1] in ("00", "12")),
    ("date BETWEEN '2025-12-24' AND '2025-12-26' OR hour = '23'",
     lambda it: "2025-12-24" <= it[0] <= "2025-12-26" or it[1] == "23"),
    ("(date > '2025-12-31' AND hour <> '05') OR (date = '2025-01-01' AND hour <= '03')",
     lambda it: (it[0] > "2025-12-31" and it[1] != "05") or (it[0] == "2025-01-01" and it[1] <= "03")),
    ("date = '1999-01-01'", lambda it: False),
    ("", lambda it: True),
]  # fmt: skip


def glue_partitions(clients: Clients) -> str:
    """Asks for partitions by expression and page by page, and gets the ones that a computation says."""
    glue = clients.boto3("glue")
    hours = partitions()
    create_table(glue, hours)
    found = 0
    for expression, holds in EXPRESSIONS:
        answer = clients.aws(
            *("glue", "get-partitions", "--database-name", "clients", "--table-name", "hours"),
            *("--expression", expression, "--page-size", "700", "--query", "Partitions[].Values", "--output", "json"),
        )
        values = sorted(tuple(it) for it in json.loads(answer) or [])
        expect(f"the partitions where {expression or 'nothing is asked'}", values, [it for it in hours if holds(it)])
        found += len(values)
    asked = f"{len(hours)} by {len(EXPRESSIONS)} expressions in pages of 700"
    return f"aws glue get-partitions of {asked}, {found} as computed"


def partitions() -> list[Hour]:
    """The hours from the first of 2025 on."""
    start = 1735689600
    times = (time.gmtime(start + number * 3600) for number in range(PARTITIONS))
    return [(time.strftime("%Y-%m-%d", it), time.strftime("%H", it)) for it in times]


def create_table(glue: Any, hours: list[Hour]) -> None:
    """Makes a table with a partition for each hour."""
    glue.create_database(DatabaseInput={"Name": "clients"})
    storage = {"Columns": [{"Name": "number", "Type": "bigint"}], "Location": f"s3://{BUCKET}/hours/"}
    keys = [{"Name": "date", "Type": "string"}, {"Name": "hour", "Type": "string"}]
    table = {"Name": "hours", "StorageDescriptor": storage, "PartitionKeys": keys}
    glue.create_table(DatabaseName="clients", TableInput=table)
    for batch in batches(hours, BATCH_PARTITIONS_MAX):
        inputs = [{"Values": list(hour), "StorageDescriptor": storage} for hour in batch]
        answer = glue.batch_create_partition(DatabaseName="clients", TableName="hours", PartitionInputList=inputs)
        expect("the errors of a batch of partitions", answer.get("Errors", []), [])


def duckdb_tables(clients: Clients) -> str:
    """Lets DuckDB list and read JSON, and write and read Parquet, through its own S3 client."""
    s3 = clients.boto3("s3")
    expected = []
    for hour in range(24):
        lines = "".join(f'{{"number": {number}}}\n' for number in range(hour * 10))
        body = gzip.compress(lines.encode())
        s3.put_object(Bucket=BUCKET, Key=f"lines/hour={hour:02}/a b+%.json.gz", Body=body)
        if hour:
            expected.append([f"{hour:02}", hour * 10, sum(range(hour * 10))])
    python = servers.ROOT / ".venv" / "duckdb-s3" / "bin" / "python"
    script = pathlib.Path(__file__).with_name("other_clients") / "duckdb_s3.py"
    address = clients.endpoint.removeprefix("http://")
    run = subprocess.run([str(python), str(script), address, BUCKET], capture_output=True, text=True)
    if run.returncode != 0:
        raise Difference(f"DuckDB failed: {run.stderr[-2000:]}")
    found = json.loads(run.stdout)
    rows = 1_000_000
    expect("the lines that DuckDB reads by hour", found["lines"], expected)
    expect("the Parquet that DuckDB reads back", found["parquet"], [rows, sum(range(rows)), rows])
    return f"DuckDB read 24 gzip objects by a pattern, and wrote {rows} rows of Parquet and read them back"


# Every kind of value that people ask for; `date` is one of Python's in both clients.
QUESTION = """SELECT type, count(*) AS events, count(DISTINCT user_id) AS users, min("timestamp") AS first,
        avg(length(details)) > 10 AS long
    FROM auth0_logs GROUP BY type ORDER BY type"""


def athena(clients: Clients) -> str:
    """Asks the tables of a small demo by every client of Athena, and finds what `query` finds."""
    data = clients.folder / "demo"
    command = [*servers.command(), "--data", str(data)]
    subprocess.run([*command, "demo", "--events", "3000", "--hours", "6"], check=True, capture_output=True)
    rows = json.loads(subprocess.check_output([*command, "query", QUESTION, "--json"]))
    expected = [list(row.values()) for row in rows]
    with servers.local_aws(data) as endpoint:
        of_demo = Clients(endpoint, clients.folder)
        expect("what the aws command line finds", by_command_line(of_demo, QUESTION), expected)
        python = servers.ROOT / ".venv" / "athena-clients" / "bin" / "python"
        script = pathlib.Path(__file__).with_name("other_clients") / "athena_clients.py"
        arguments = [str(python), str(script), endpoint, "auth0_event_logs", "auth0-s3-logs"]
        run = subprocess.run(arguments, input=QUESTION, capture_output=True, text=True)
    if run.returncode != 0:
        raise Difference(f"a client of Athena failed: {run.stderr[-2000:]}")
    found = json.loads(run.stdout)
    for client in ("pyathena", "awswrangler"):
        expect(f"what {client} finds", found[client], expected)
    expect("what a parameter becomes", found["parameter"], ["it's", 1, None, ""])
    return f"aws, PyAthena and the SDK for pandas found the same {len(rows)} rows of the view"


def by_command_line(clients: Clients, sql: str) -> list[list[Any]]:
    """The rows by `aws athena`, as the values that they stand for."""
    group = ("--work-group", "auth0-s3-logs", "--query-execution-context", "Database=auth0_event_logs")
    started = json.loads(clients.aws("athena", "start-query-execution", *group, "--query-string", sql))
    execution = ("--query-execution-id", started["QueryExecutionId"])
    while True:
        status = json.loads(clients.aws("athena", "get-query-execution", *execution))["QueryExecution"]["Status"]
        if status["State"] not in ("QUEUED", "RUNNING"):
            break
        time.sleep(0.1)
    expect("the state of the query", status["State"], "SUCCEEDED")
    result = json.loads(clients.aws("athena", "get-query-results", *execution))["ResultSet"]
    kinds = {"bigint": int, "boolean": lambda text: text == "true"}
    columns = [kinds.get(it["Type"], str) for it in result["ResultSetMetadata"]["ColumnInfo"]]
    rows = [[datum.get("VarCharValue") for datum in row["Data"]] for row in result["Rows"][1:]]
    return [[None if it is None else of(it) for of, it in zip(columns, row, strict=True)] for row in rows]


if __name__ == "__main__":
    try:
        main()
    except Difference as difference:
        sys.exit(f"clients: {difference}")
