"""Sends the three functions what a stranger may send, each under limits of its process, and looks how they answer.

Whatever comes is answered in time, by a result or by an error of the function's own, with few words in its log. The
process goes on: the next good request is answered by the same one.
"""

import base64
import contextlib
import json
import pathlib
import resource
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from typing import IO, Any

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import lambdas  # noqa: E402
import servers  # noqa: E402

# Lambda takes so much.
REQUEST_BYTES_MAX = 6 * 1024 * 1024
# Firehose sends so much in a record.
RECORD_BYTES_MAX = 1_024_000
# The address space of a process: its program, its threads' stacks, and the memory that the templates give it.
ADDRESS_BYTES_MAX = {"transform": 1 << 30, "partitioner": 1 << 30, "compactor": 4 << 30}
ANSWER_SECONDS_MAX = 15
LOG_BYTES_MAX = 32 * 1024
DEEP = 1_000_000

HOUR = "2026-11-20T13"
KEY = "logs/2026/11/20/13/1.gz"


def main() -> int:
    """Attacks each function, and says how often and with what it answered."""
    with tempfile.TemporaryDirectory() as data:
        with servers.local_aws(pathlib.Path(data)) as aws, lambdas.runtime_api() as api:
            for function, (payloads, good, is_good) in ATTACKS.items():
                with limited(function, api, aws) as (process, log):
                    attack(api, function, process, log, payloads())
                    status, body = invoke(api, function, json.dumps(good).encode())
                    assert status == 200 and is_good(json.loads(body)), (function, status, body[:300])
                    assert process.poll() is None, f"{function} has ended"
    return 0


def attack(
    api: str, function: str, process: subprocess.Popen, log: IO[str], payloads: dict[str, bytes]
) -> None:
    """Sends each payload, and checks that it is answered within the limits by the same process."""
    results = errors = 0
    slowest = 0.0
    for name, payload in payloads.items():
        assert len(payload) <= REQUEST_BYTES_MAX, (name, len(payload))
        before, started = pathlib.Path(log.name).stat().st_size, time.monotonic()
        status, body = invoke(api, function, payload)
        seconds = time.monotonic() - started
        logged = pathlib.Path(log.name).stat().st_size - before
        what = f"{function}, {name}: {status} after {seconds:.1f} s, {logged} bytes in its log: {body[:200]!r}"
        assert process.poll() is None, f"{what}: the process has ended"
        assert seconds < ANSWER_SECONDS_MAX and logged < LOG_BYTES_MAX and len(body) <= REQUEST_BYTES_MAX, what
        if function == "transform" and status == 200:
            check_records(name, payload, body)
        slowest = max(slowest, seconds)
        results, errors = results + (status == 200), errors + (status != 200)
    print(f"{function}: {results} answers, {errors} errors of its own, the slowest after {slowest:.1f} s")


def check_records(name: str, payload: bytes, body: bytes) -> None:
    """Firehose wants each record back, once and in its order."""
    sent = [it["recordId"] for it in json.loads(payload)["records"]]
    assert [it["recordId"] for it in json.loads(body)["records"]] == sent, name


@contextlib.contextmanager
def limited(function: str, api: str, aws: str) -> Iterator[tuple[subprocess.Popen, IO[str]]]:
    """Runs a function in little memory, and yields its process and its log."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_BYTES_MAX[function],) * 2)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    given = lambdas.environment(aws, f"http://{api}/.rt/{function}", function) | lambdas.VARIABLES[function]
    program = str(servers.ROOT / "target" / "debug" / function)
    with servers.logged(function) as log, servers.running(
        [program], env=given, stdout=log, stderr=log, preexec_fn=limit
    ) as process:
        yield process, log


def invoke(api: str, function: str, payload: bytes) -> tuple[int, bytes]:
    """The status and the body of the answer to a payload."""
    url = f"http://{api}/2015-03-31/functions/{function}/invocations"
    try:
        with urllib.request.urlopen(urllib.request.Request(url, payload), timeout=60) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def batch(*records: bytes) -> bytes:
    """Firehose's request with these records."""
    named = [
        {"recordId": str(number), "approximateArrivalTimestamp": 0, "data": base64.b64encode(record).decode()}
        for number, record in enumerate(records)
    ]
    return around(json.dumps(named).encode())


def around(records: bytes) -> bytes:
    arn = "arn:aws:firehose:us-east-1:000000000000:deliverystream/events"
    head = {"invocationId": "1", "deliveryStreamArn": arn, "region": "us-east-1"}
    return json.dumps(head).encode()[:-1] + b', "records": ' + records + b"}"


def event(inner: bytes) -> bytes:
    return b'{"version": "0", "detail": {"log_id": "1", "data": ' + inner + b"}}"


def malformed(field: bytes) -> dict[str, bytes]:
    """What is wrong with any request, and a field that is."""
    return {
        "nothing": b"",
        "no JSON": b"\x00\xff" * 1000,
        "half": b'{"a": [',
        "null": b"null",
        "a number": b"1e999999",
        "deep lists": b"[" * DEEP,
        "deep objects": b'{"a":' * DEEP,
        "a deep field": b'{"' + field + b'": ' + b"[" * DEEP + b"]" * DEEP + b"}",
        "a long field": b'{"' + field + b'": "' + b"x" * (5 << 20) + b'"}',
        "a long name": b'{"' + b"x" * (5 << 20) + b'": 1}',
        "many names": b"{" + b",".join(b'"%d":1' % number for number in range(400_000)) + b"}",
        "one name often": b"{" + b",".join([b'"' + field + b'":1'] * 300_000) + b"}",
    }


def to_the_transform() -> dict[str, bytes]:
    room = RECORD_BYTES_MAX - 200
    whole = {
        "deep lists in an event": event(b"[" * (room // 2) + b"]" * (room // 2)),
        "deep objects in an event": event(b'{"a":' * (room // 6) + b"1" + b"}" * (room // 6)),
        "deep without an end": b'{"detail":' + b"[" * room,
        "what grows as JSON": event(b'"' + b"\\u0001" * (room // 6) + b'"'),
        "half of a pair": event(b'"' + b"\\ud800" * (room // 6) + b'"'),
        "many fields": event(b"{" + b",".join(b'"%d":1' % number for number in range(90_000)) + b"}"),
        "a number": event(b"1" * room),
        "spaces": b" " * room,
        "zeros": b"\x00" * room,
        "no UTF-8": b"\xff" * room,
    }
    several = {f"{name}, four times": batch(*[record] * 4) for name, record in whole.items()}
    record = b'{"recordId": "%d", "approximateArrivalTimestamp": 0, "data": "%s"}'
    return malformed(b"records") | several | {
        "many empty records": around(b"[" + b",".join(record % (number, b"") for number in range(80_000)) + b"]"),
        "many small records": around(b"[" + b",".join(record % (number, b"e30=") for number in range(75_000)) + b"]"),
        "no base64": around(b"[" + record % (1, b"!" * (5 << 20)) + b"]"),
        "base64 with padding within": around(b"[" + record % (1, b"AA==" * (1 << 20)) + b"]"),
        "a record too large": around(b"[" + record % (1, b"AAAA" * (1 << 20)) + b"]"),
        "one id for all": around(b"[" + b",".join([record % (1, b"e30=")] * 1000) + b"]"),
    }


def notification(key: Any, **changes: Any) -> bytes:
    detail = {"version": "0", "bucket": {"name": lambdas.BUCKET}, "object": {"key": key, "size": 1}} | changes
    return json.dumps(
        {"version": "0", "source": "aws.s3", "detail-type": "Object Created", "detail": detail}
    ).encode()


def to_the_partitioner() -> dict[str, bytes]:
    return malformed(b"detail") | {
        "a key that leads out": notification("logs/../../etc/passwd"),
        "a long key": notification("logs/2026/11/20/13/" + "x" * (5 << 20)),
        "an endless path": notification("logs/" + "2026/" * 500_000),
        "an escaped key": notification("logs/2026/11/20/13/" + "%25" * 300_000),
        "a key of zeros": notification("logs/2026/11/20/13/\x00\x00"),
        "half an escape": notification("logs/2026/11/20/13/%"),
        "an hour that is none": notification("logs/2026/13/45/99/1.gz"),
        "a key that is a list": notification([KEY] * 100_000),
        "another bucket": notification(KEY, bucket={"name": "another"}),
        "a size below zero": notification(KEY, object={"key": KEY, "size": -1}),
    }


def to_the_compactor() -> dict[str, bytes]:
    named = {
        "an hour and a range": {"hour": HOUR, "from": HOUR, "to": HOUR},
        "an hour before all": {"hour": "0000-00-00T00"},
        "an hour after all": {"hour": "9999-12-31T23"},
        "an hour that is a list": {"hour": [HOUR] * 100_000},
        "all hours": {"from": "1970-01-01T00", "to": "2200-01-01T00"},
        "no hours": {"from": HOUR, "to": "1970-01-01T00"},
        "a rewrite of nothing": {"rewrite": True},
        "a name that is none": {"hours": HOUR},
        "a day that is none": {"day": "2026-11-31"},
    }
    return malformed(b"hour") | {name: json.dumps(request).encode() for name, request in named.items()}


Attack = tuple[Callable[[], dict[str, bytes]], Any, Callable[[Any], bool]]

# What each gets, a good request, and whether the answer to that is one.
ATTACKS: dict[str, Attack] = {
    "transform": (
        to_the_transform,
        json.loads(batch(event(b'{"type": "s"}'))),
        lambda answer: [it["result"] for it in answer["records"]] == ["Ok"],
    ),
    "partitioner": (to_the_partitioner, json.loads(notification(KEY)), lambda answer: answer is None),
    "compactor": (to_the_compactor, {}, lambda answer: answer is None),
}


if __name__ == "__main__":
    sys.exit(main())
