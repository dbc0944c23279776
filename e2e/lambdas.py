"""The three functions as they are deployed, under a Lambda Runtime API that others wrote, against the embedded AWS.

A Firehose batch becomes lines, a notification of their object becomes a partition, a tick makes Parquet of the hour.
"""

import argparse
import base64
import contextlib
import datetime
import gzip
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import servers

BUCKET, DATABASE = "auth0-logs", "auth0_event_logs"
VARIABLES = {
    "transform": {},
    "partitioner": {"GLUE_DATABASE": DATABASE, "LOG_BUCKET": BUCKET},
    "compactor": {"GLUE_DATABASE": DATABASE, "LOG_BUCKET": BUCKET, "SETTLE_MINUTES": "20", "WATERMARK_LAG_HOURS": "1"},
}


def main() -> int:
    """Runs the checks over the functions in the folder that is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--functions", type=pathlib.Path, default=servers.ROOT / "target" / "debug")
    folder = parser.parse_args().functions
    with tempfile.TemporaryDirectory() as data:
        run_all(folder, pathlib.Path(data))
    for function in ("partitioner", "compactor"):
        for variable in ("GLUE_DATABASE", "LOG_BUCKET"):
            stops_without(folder / function, variable)
    print("a function that lacks a variable stops, and names it")
    return 0


def run_all(folder: pathlib.Path, data: pathlib.Path) -> None:
    with servers.local_aws(data) as aws, runtime_api() as api, functions(folder, api, aws):
        clients = {service: servers.client(service, aws) for service in ("s3", "glue")}
        lines = check_transform(api)
        key = put(clients["s3"], lines)
        check_partitioner(api, clients["glue"], key)
        check_compactor(api, clients, key)
        check_many_hours(api, aws, clients, lines)


def check_transform(api: str) -> bytes:
    envelopes = [path.read_bytes() for path in sorted((servers.ROOT / "fixtures" / "events").glob("*.json"))]
    records = [
        {"recordId": str(number), "approximateArrivalTimestamp": 0, "data": base64.b64encode(envelope).decode()}
        for number, envelope in enumerate(envelopes)
    ]
    arn = "arn:aws:firehose:us-east-1:000000000000:deliverystream/events"
    batch = {"invocationId": "1", "deliveryStreamArn": arn, "region": "us-east-1", "records": records}
    answered = invoke(api, "transform", batch)["records"]
    assert [it["recordId"] for it in answered] == [it["recordId"] for it in records]
    lines = [base64.b64decode(it["data"]) for it in answered if it["result"] == "Ok"]
    assert len(lines) > len(records) / 2 and all(isinstance(json.loads(line), dict) for line in lines)
    print(f"transform: {len(records)} records, {len(lines)} lines")
    return b"".join(lines)


def put(s3: Any, lines: bytes) -> str:
    """An object of lines in an hour that has closed."""
    hour = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=3)
    key = f"logs/{hour:%Y/%m/%d/%H}/events-1.gz"
    s3.put_object(Bucket=BUCKET, Key=key, Body=gzip.compress(lines))
    return key


def check_partitioner(api: str, glue: Any, key: str) -> None:
    detail = {"version": "0", "bucket": {"name": BUCKET}, "object": {"key": key, "size": 1}}
    notification = {"version": "0", "source": "aws.s3", "detail-type": "Object Created", "detail": detail}
    assert invoke(api, "partitioner", notification) is None
    [partition] = glue.get_partitions(DatabaseName=DATABASE, TableName="auth0_logs_json")["Partitions"]
    _, year, month, day, hour, _ = key.split("/")
    assert partition["Values"] == [f"{year}-{month}-{day}", hour]
    print(f"partitioner: {' '.join(partition['Values'])} is registered")


def check_compactor(api: str, clients: dict[str, Any], key: str) -> None:
    assert invoke(api, "compactor", {}) is None
    [partition] = clients["glue"].get_partitions(DatabaseName=DATABASE, TableName="auth0_logs_parquet")["Partitions"]
    manifest = key.replace("logs/", "manifests/").rsplit("/", 1)[0] + ".json"
    live = json.load(clients["s3"].get_object(Bucket=BUCKET, Key=manifest)["Body"])["live"]
    folder = partition["StorageDescriptor"]["Location"]
    assert folder.rstrip("/").endswith(live["attempt"]) and live["counts"]["rows"] > 0
    clients["glue"].get_table(DatabaseName=DATABASE, Name="auth0_logs")
    print(f"compactor: {live['counts']['lines']} lines, {live['counts']['rows']} rows, and the view")


def check_many_hours(api: str, aws: str, clients: dict[str, Any], lines: bytes) -> None:
    """`compact --invoke` has the function do hours of several days, and then those that an older writer wrote."""
    hours = [f"2026/01/{day:02}/{hour:02}" for day in (1, 2, 5) for hour in (0, 7, 23)]
    for hour in hours:
        clients["s3"].put_object(Bucket=BUCKET, Key=f"logs/{hour}/1.gz", Body=gzip.compress(lines))
    fan_out = ["compact", "--aws", "--from", "2026-01-01T00", "--to", "2026-02-01T00", "--invoke", "compactor", "--json"]
    given = os.environ | environment(aws, "", "") | {"AWS_ENDPOINT_URL_LAMBDA": f"http://{api}"}

    def check(due: int, invocations: int, *options: str) -> None:
        arguments = [*servers.command(), *fan_out, "--bucket", BUCKET, "--database", DATABASE, "--at-once", "2", *options]
        told = json.loads(subprocess.run(arguments, env=given, check=True, stdout=subprocess.PIPE).stdout)
        assert told == {"hours": due, "invocations": invocations, "failures": [], "deferred": []}, told

    def manifest(hour: str) -> dict[str, Any]:
        return json.load(clients["s3"].get_object(Bucket=BUCKET, Key=f"manifests/{hour}.json")["Body"])

    check(len(hours), 3)
    check(0, 0)
    check(0, 0, "--rewrite")
    assert all(manifest(hour)["live"]["counts"]["rows"] > 0 for hour in hours)
    for hour in hours[:4]:
        written = manifest(hour)
        written["live"]["writer_version"] = 0
        # Former versions wrote no digest.
        del written["sha256"]
        clients["s3"].put_object(Bucket=BUCKET, Key=f"manifests/{hour}.json", Body=json.dumps(written).encode())
    # What they replaced stays for its readers, and is nothing to wait for.
    check(4, 2, "--rewrite")
    assert [len(manifest(hour)["retired"]) for hour in hours] == [1] * 4 + [0] * (len(hours) - 4)
    check(0, 0)
    print(f"compact --invoke: {len(hours)} hours by 3 invocations, 4 of them anew by 2, and nothing left")


def stops_without(function: pathlib.Path, missing: str) -> None:
    variables = {name: value for name, value in VARIABLES[function.name].items() if name != missing}
    given = environment("http://127.0.0.1:1", "127.0.0.1:1", function.name) | variables
    ended = subprocess.run([function], env=given, capture_output=True, text=True, timeout=30)
    assert ended.returncode != 0 and missing in ended.stderr, ended.stderr


def environment(aws: str, api: str, function: str) -> dict[str, str]:
    """What Lambda gives a function, and where the AWS is."""
    return {
        "AWS_LAMBDA_RUNTIME_API": api,
        "AWS_LAMBDA_FUNCTION_NAME": function,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "3008",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_LOG_FORMAT": "JSON",
        "AWS_ENDPOINT_URL": aws,
        "AWS_ACCESS_KEY_ID": servers.ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": servers.SECRET_KEY,
        "AWS_REGION": servers.REGION,
        # Nobody else writes to Glue here.
        "PUBLISH_WAIT_SECONDS": "0",
    }


@contextlib.contextmanager
def runtime_api() -> Iterator[str]:
    """Runs cargo-lambda's emulator, which starts no function itself, and yields its host and port."""
    port = servers.free_port()
    program = pathlib.Path(sys.executable).with_name("cargo-lambda")
    arguments = [str(program), "lambda", "watch", "--only-lambda-apis"]
    arguments += ["--invoke-address", "127.0.0.1", "--invoke-port", str(port)]
    with servers.logged("cargo-lambda") as log, servers.running(arguments, stdout=log, stderr=log):
        servers.wait_until(lambda: servers.listens(port), "the Runtime API takes connections")
        yield f"127.0.0.1:{port}"


@contextlib.contextmanager
def functions(folder: pathlib.Path, api: str, aws: str) -> Iterator[None]:
    """Runs the three functions until they are no longer needed."""
    with contextlib.ExitStack() as stack:
        for function, variables in VARIABLES.items():
            given = os.environ | environment(aws, f"http://{api}/.rt/{function}", function) | variables
            log = stack.enter_context(servers.logged(function))
            stack.enter_context(servers.running([str(folder / function)], env=given, stdout=log, stderr=log))
        yield


def invoke(api: str, function: str, payload: Any) -> Any:
    """What the function answers; an error of its own is an error here."""
    url = f"http://{api}/2015-03-31/functions/{function}/invocations"
    try:
        with urllib.request.urlopen(urllib.request.Request(url, json.dumps(payload).encode()), timeout=120) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise AssertionError(f"{function}: {error.read().decode()}") from error


if __name__ == "__main__":
    sys.exit(main())
