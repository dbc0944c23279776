"""The library's questions as the command writes them, and the events on which each detection is tried, as SQL."""

import datetime
import json
import subprocess
from collections.abc import Iterator
from typing import Any

import servers

QUERIES = servers.ROOT / "queries"
# The first day of the cases. Each case is alone, so all are on the same days.
DAY = datetime.datetime(2026, 3, 10, 10, tzinfo=datetime.UTC)
# Columns of the tables by the field of the event that they hold; the others of its fields are in `extra`.
COLUMNS = {"timestamp": "date"} | {
    name: name
    for name in (
        "log_id",
        "connection",
        "connection_id",
        "client_id",
        "client_name",
        "ip",
        "user_id",
        "user_name",
        "description",
        "user_agent",
        "type",
        "strategy",
        "strategy_type",
        "hostname",
        "details",
    )
}


def statement(name: str, *arguments: str) -> str:
    """What `ask NAME` would ask."""
    return subprocess.check_output([*servers.command(), "ask", name, "--sql", *arguments], text=True)


def parameters(values: dict[str, Any]) -> list[str]:
    """The arguments that give these values."""
    texts = {name: value if isinstance(value, str) else json.dumps(value) for name, value in values.items()}
    return [f"--set={name}={text}" for name, text in texts.items()]


def questions() -> list[dict[str, Any]]:
    """What the command tells of each question."""
    told: list[dict[str, Any]] = json.loads(subprocess.check_output([*servers.command(), "ask", "--json"]))
    return told


def cases() -> Iterator[tuple[str, bool, str]]:
    """Each detection with events on which it fires or not, as a statement that brings the events along."""
    for path in sorted(QUERIES.glob("detect/*/cases.json")):
        for name, case in json.loads(path.read_text()).items():
            arguments = parameters(case.get("parameters", {}))
            sql = statement(name, f"--day={DAY:%Y-%m-%d}", *arguments)
            for key in ("fires", "quiet"):
                yield name, key == "fires", over(case[key], sql)


def over(events: list[dict[str, Any]], sql: str) -> str:
    """The statement with these events in place of the view."""
    rows = ", ".join(row(event) for event in stored(events))
    names = ", ".join(f'"{name}"' for name in [*COLUMNS, "extra", "date", "hour"])
    table = f"auth0_logs ({names}) AS (SELECT * FROM (VALUES {rows}) AS t({names}))"
    begins_with = sql.startswith("WITH ")
    return f"WITH {table}, {sql.removeprefix('WITH ')}" if begins_with else f"WITH {table} {sql}"


def stored(events: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The events as they happened: each with its moment and an id."""
    number = 0
    for position, event in enumerate(events):
        for repeat in range(event.get("repeat", 1)):
            moment = DAY + datetime.timedelta(minutes=event.get("at", position), seconds=repeat)
            number += 1
            told = {key: value for key, value in event.items() if key not in ("at", "repeat")}
            told = json.loads(json.dumps(told).replace("{n}", str(repeat)))
            yield {"date": f"{moment:%Y-%m-%dT%H:%M:%S}.000Z", "log_id": f"900{number:08}", **told}


def row(event: dict[str, Any]) -> str:
    """An event as a row of literals."""
    extra = {key: value for key, value in event.items() if key not in COLUMNS.values()}
    values = [literal(event.get(field)) for field in COLUMNS.values()] + [literal(extra or None)]
    return f"({', '.join(values)}, DATE '{event['date'][:10]}', '{event['date'][11:13]}')"


def literal(value: Any) -> str:
    """A value as the tables hold it."""
    if value is None:
        return "CAST(NULL AS varchar)"
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    escaped = text.replace("'", "''")
    return f"CAST('{escaped}' AS varchar)"
