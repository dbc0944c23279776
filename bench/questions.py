"""Asks every question of the library over one day of a folder, and prints the table of docs/queries.md.

It has the bytes that each reads, and what asking it costs at Athena for a tenant of a million events a month.

Usage: questions.py COMMAND DATA DAY

COMMAND is a release build of auth0-s3-logs, DATA a folder that `demo --events N --hours 24` filled, DAY its day.
"""

import json
import re
import subprocess
import sys

# What Athena bills for a question at least, and for a terabyte.
BILLED_BYTES_MIN, DOLLARS_PER_TERABYTE = 10_000_000, 5
EVENTS_A_MONTH, DAYS_A_MONTH = 1_000_000, 30
UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


def main() -> None:
    command, data, day = sys.argv[1:]
    where = ["--data", data]
    known = json.loads(ask(command, "query", KNOWN.format(day=day), "--json", *where))[0]
    events = int(known["events"])
    print(f"| question | MB of {events:,} events | its days | cost of asking |\n|---|---|---|---|")
    for question in json.loads(ask(command, "ask", "--json")):
        needed = [f"--set={it['name']}={known[it['name']]}" for it in question["parameters"] if it["default"] is None]
        told = ask(command, "ask", question["name"], "--day", day, "--output", "table", *needed, *where)
        number, unit = re.search(r"; ([\d.]+) (\w+) read from", told.splitlines()[-1]).groups()
        read = float(number) * UNITS[unit]
        days = question["days"]
        scanned = read / events * EVENTS_A_MONTH / DAYS_A_MONTH * days
        dollars = max(scanned, BILLED_BYTES_MIN) / 1e12 * DOLLARS_PER_TERABYTE
        print(f"| `{question['name']}` | {read / 1e6:.1f} | {days} | ${dollars:.5f} |", flush=True)


def ask(*arguments: str) -> str:
    return subprocess.run(arguments, check=True, capture_output=True, text=True).stdout


# A user, an address and an event that there are.
KNOWN = """SELECT count(*) AS events, max(log_id) AS log_id, max(user_id) FILTER (WHERE type = 'fp') AS "user",
    max(ip) FILTER (WHERE type = 'fp') AS ip FROM auth0_logs WHERE "date" = DATE '{day}'"""


if __name__ == "__main__":
    main()
