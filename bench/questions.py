"""Has real Trino answer every question of the library over a day, and prints the table of docs/queries.md.

It has the bytes that each fetches from S3, and what asking costs at Athena for a tenant of a million events a month.

Usage: .venv/bin/python bench/questions.py DATA

DATA is a folder that `demo --events N --hours 24` filled.
"""

import datetime
import json
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))

import library_cases
import servers
import trino_server

DATABASE = "auth0_event_logs"
# What Athena bills for a question at least, and for a terabyte.
BILLED_BYTES_MIN, DOLLARS_PER_TERABYTE = 10_000_000, 5
EVENTS_A_MONTH, DAYS_A_MONTH = 1_000_000, 30

# A day, how many events it has, and a user, an address and an event of it.
KNOWN = """SELECT CAST("date" AS varchar) AS day, count(*) AS events, max(log_id) AS log_id,
    max(user_id) FILTER (WHERE type = 'fp') AS "user", max(ip) FILTER (WHERE type = 'fp') AS ip
    FROM auth0_logs GROUP BY 1 ORDER BY 2 DESC LIMIT 1"""


def main() -> None:
    """Prints a row for each question."""
    data = pathlib.Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        log = pathlib.Path(folder) / "access.ndjson"
        with servers.local_aws(data, access_log=log) as endpoint:
            with trino_server.trino(DATABASE, "SELECT 1 FROM auth0_logs LIMIT 1", endpoint, endpoint) as trino:
                print_rows(trino, log)


def print_rows(trino: trino_server.Trino, log: pathlib.Path) -> None:
    """Asks the questions one after another."""
    [known] = trino.records(KNOWN)
    day = datetime.date.fromisoformat(known["day"])
    print(f"| question | MB of {known['events']:,} events | days | a month's million events, $ |\n|---|---|---|---|")
    for question in library_cases.questions():
        needed = {it["name"]: known[it["name"]] for it in question["parameters"] if it["default"] is None}
        sql = library_cases.statement(question["name"], f"--day={day}", *library_cases.parameters(needed))
        before = log.stat().st_size
        trino.query(sql)
        with log.open("rb") as lines:
            lines.seek(before)
            read = sum(it["bytes"] for it in map(json.loads, lines) if it["call"] == "GetObject")
        scanned = read / known["events"] * EVENTS_A_MONTH / DAYS_A_MONTH * question["days"]
        dollars = max(scanned, BILLED_BYTES_MIN) / 1e12 * DOLLARS_PER_TERABYTE
        print(f"| `{question['name']}` | {read / 1e6:.1f} | {question['days']} | {dollars:.5f} |", flush=True)


if __name__ == "__main__":
    main()
