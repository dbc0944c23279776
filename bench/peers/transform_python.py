"""The transform as one writes it in Python: a Firehose batch becomes lines.

transform_stdlib.py and transform_orjson.py run it. It answers every record as ours does, but for what only broken input
shows: it has no limit on a line or a response.
"""

import argparse
import base64
import pathlib
from collections.abc import Callable
from typing import Any

# The column and, where it has another name, the event's field.
FIELDS = (
    ("log_id", "log_id"), ("timestamp", "date"), ("connection", "connection"), ("connection_id", "connection_id"),
    ("client_id", "client_id"), ("client_name", "client_name"), ("ip", "ip"), ("user_id", "user_id"),
    ("user_name", "user_name"), ("description", "description"), ("user_agent", "user_agent"), ("type", "type"),
    ("strategy", "strategy"), ("strategy_type", "strategy_type"), ("hostname", "hostname"), ("details", "details"),
)  # fmt: skip

Loads = Callable[[bytes], Any]
Dumps = Callable[[Any], bytes]


def main(loads: Loads, dumps: Dumps) -> None:
    """Answers every batch of a file, as often as asked, and writes the last responses where that is asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("batches", type=pathlib.Path)
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--out", type=pathlib.Path)
    arguments = parser.parse_args()
    payloads = arguments.batches.read_bytes().splitlines()
    for _ in range(arguments.repeat):
        for payload in payloads:
            dumps(handle(loads(payload), loads, dumps))
    if arguments.out:
        with arguments.out.open("wb") as out:
            out.writelines(dumps(handle(loads(payload), loads, dumps)) + b"\n" for payload in payloads)


def handle(event: dict[str, Any], loads: Loads, dumps: Dumps) -> dict[str, Any]:
    """Answers one invocation."""
    answers = []
    for record in event["records"]:
        data = record["data"]
        try:
            detail = loads(base64.b64decode(data))["detail"]
            answer = base64.b64encode(line(detail, dumps)).decode("ascii")
            answers.append({"recordId": record["recordId"], "result": "Ok", "data": answer})
        except (ValueError, KeyError, TypeError, AttributeError):
            answers.append({"recordId": record["recordId"], "result": "ProcessingFailed", "data": data})
    return {"records": answers}


def line(detail: dict[str, Any], dumps: Dumps) -> bytes:
    """The line of one event: a column each for sixteen of its fields, and one for all others."""
    rest = dict(detail["data"])
    columns = {}
    for column, field in FIELDS:
        value = rest.pop(field, None)
        if value is not None:
            columns[column] = value if type(value) is str and column != "details" else dumps(value).decode()
    if "log_id" not in columns and "log_id" in detail:
        columns = {"log_id": detail["log_id"], **columns}
    if rest:
        columns["extra"] = dumps(rest).decode()
    if not columns:
        raise ValueError("the event has no field")
    return dumps(columns) + b"\n"
