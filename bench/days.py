#!/usr/bin/env python3
"""What days are worth: makes hours of a tenant, compacts them, rolls them up, and has real Trino answer the same
questions from the hourly table and from the view, which reads the days. Calls and bytes are counted at the server.

Usage, after e2e/install.sh and a build of the workspace:
  .venv/bin/python bench/days.py                                 a year of 60 events an hour
  .venv/bin/python bench/days.py --days 1 --events 3600000       a day whose hours are 30 MB of Parquet or less
  .venv/bin/python bench/days.py --days 30                       as the gate runs it

Answers are compared before anything is counted. Exits with 1 if an answer differs or a goal is missed that does not
depend on the machine: a twentieth of the calls, 0.7 of the bytes stored (both for days of small hours), and half the
bytes of a user's timeline (for large ones).
"""

import argparse
import collections
import contextlib
import dataclasses
import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any

from harness import report

E2E = pathlib.Path(__file__).resolve().parent.parent / "e2e"
sys.path.insert(0, str(E2E))

import servers  # noqa: E402
import trino  # noqa: E402
import trino_server  # noqa: E402

FROM = "2025-01-01T00"
HOURLY, VIEW = trino.PARQUET, trino.VIEW
CALLS_SHARE_MAX, STORED_SHARE_MAX, TIMELINE_SHARE_MAX = 1 / 20, 0.7, 1 / 2
# Below this, an hour's file is smaller than what it begins and ends with is worth.
SMALL_HOUR_BYTES = 100_000
LIKE_PUT = ("PutObject", "CopyObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload")


@dataclasses.dataclass(frozen=True)
class Calls:
    """Requests to S3, and what the server gave for them."""

    listed: int
    got: int
    put: int
    given_bytes: int

    @property
    def read(self) -> int:
        """Requests that read."""
        return self.listed + self.got


@dataclasses.dataclass(frozen=True)
class Asked:
    """One question, asked of one table."""

    calls: Calls
    seconds: float


class AccessLog:
    """The server's log of requests to S3."""

    def __init__(self, path: pathlib.Path) -> None:
        self.path = path

    @contextlib.contextmanager
    def counting(self) -> Iterator[list[Calls]]:
        """Puts into the list that it yields what was requested inside the block."""
        before = self.path.stat().st_size
        counted: list[Calls] = []
        yield counted
        calls: collections.Counter[str] = collections.Counter()
        given_bytes = 0
        with self.path.open("rb") as log:
            log.seek(before)
            for access in map(json.loads, log):
                calls[access["call"]] += 1
                given_bytes += access["bytes"] if access["call"] == "GetObject" else 0
        listed = sum(count for call, count in calls.items() if call.startswith("ListObjects"))
        counted.append(Calls(listed, calls["GetObject"], sum(calls[call] for call in LIKE_PUT), given_bytes))


@dataclasses.dataclass(frozen=True)
class Made:
    """What a run of `compact` took, and what it stored."""

    calls: Calls
    cpu_s: float
    stored_bytes: int
    files: int


def main() -> int:
    """Makes the tenant, asks, and prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split(":")[0])
    parser.add_argument("--days", type=int, default=365, help="how many days of hours [365]")
    parser.add_argument("--events", type=int, help="how many events in all [60 an hour]")
    parser.add_argument("--files", type=int, help="in how many objects [an hour's events; with --events, 8,000 each]")
    parser.add_argument("--rounds", type=int, default=3, help="how often each question is asked [3]")
    parser.add_argument("--data", type=pathlib.Path, help="where the folder is made and left; made aside otherwise")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="days-") as aside:
        return measure(arguments, arguments.data or pathlib.Path(aside) / "data", pathlib.Path(aside) / "access.ndjson")


def measure(arguments: argparse.Namespace, data: pathlib.Path, access_log: pathlib.Path) -> int:
    """The whole measurement. Returns the exit code."""
    hours = arguments.days * 24
    events = arguments.events or 60 * hours
    files = arguments.files or (max(hours, events // 8000) if arguments.events else hours)
    if data.exists():
        raise SystemExit(f"{data} exists; name a folder that does not")
    made = make(data, events, files, hours)
    objects = f"{made['files']:,} objects, {made['gzip_bytes'] / 1e6:.1f} MB of gz JSON"
    print(f"{events:,} events of {hours:,} hours in {objects}", flush=True)
    log = AccessLog(access_log)
    with servers.local_aws(data, access_log=access_log) as endpoint:
        stored = {
            "hours": compact(endpoint, data / trino.BUCKET / "parquet", hours, log, daily=False),
            "days": compact(endpoint, data / trino.BUCKET / "daily", hours, log, daily=True),
        }
        print(table_of_stored(stored), flush=True)
        probe = f"SELECT 1 FROM {VIEW} LIMIT 1"
        with trino_server.trino(trino.DATABASE, probe, glue=endpoint, s3=endpoint) as asked:
            found = ask_all(asked, log, arguments.rounds, is_day=arguments.days == 1)
    print(table_of_questions(found), flush=True)
    missed = list(goals_missed(stored, found, hours))
    for goal in missed:
        print(f"MISSED: {goal}")
    return 1 if missed else 0


def make(data: pathlib.Path, events: int, files: int, hours: int) -> dict[str, Any]:
    """Writes the objects of the hours, as Firehose would."""
    program = pathlib.Path(servers.command()[0]).with_name("make-hours")
    options = ["--events", str(events), "--files", str(files), "--hour", FROM, "--hours", str(hours)]
    done = subprocess.run([program, data / trino.BUCKET, *options], stdout=subprocess.PIPE, check=True)
    made: dict[str, Any] = json.loads(done.stdout)
    return made


def compact(endpoint: str, folder: pathlib.Path, hours: int, log: AccessLog, *, daily: bool) -> Made:
    """Compacts the hours, or rolls them up where that is done."""
    given = {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": servers.ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": servers.SECRET_KEY,
        "AWS_REGION": servers.REGION,
        "DAILY_TABLE": str(daily).lower(),
        "MALLOC_ARENA_MAX": "2",
    }
    end = time.strftime("%Y-%m-%dT%H", time.gmtime(start_seconds() + hours * 3600))
    arguments = [*servers.command(), "compact", "--aws", "--bucket", trino.BUCKET, "--from", FROM, "--to", end]
    with log.counting() as counted:
        process = subprocess.Popen(arguments, env=os.environ | given, stdout=subprocess.DEVNULL)
        _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"compact ended with {process.returncode}")
    files = [path.stat().st_size for path in folder.rglob("*.parquet")]
    return Made(counted[0], used.ru_utime + used.ru_stime, sum(files), len(files))


def start_seconds() -> float:
    """The moment of the first hour."""
    return time.mktime(time.strptime(FROM, "%Y-%m-%dT%H")) - time.timezone


def ask_all(asked: trino_server.Trino, log: AccessLog, rounds: int, *, is_day: bool) -> dict[str, dict[str, Asked]]:
    """Asks each question of both tables, in turn, and gives the medians of seconds."""
    [(user, event)] = asked.query(
        f"SELECT user_id, log_id FROM {VIEW} WHERE type = 'fp' AND user_id IS NOT NULL ORDER BY log_id LIMIT 1"
    )
    questions = dict(trino.AUDIT)
    if not is_day:
        where = "{demo} AND \"hour\" = '05' AND \"date\" = {first}"
        questions["one hour of it"] = f"SELECT count(*) FROM {{source}} WHERE {where}"
    found = {}
    for name, question in questions.items():
        answers, runs = {}, collections.defaultdict(list)
        for number in range(rounds):
            for source in (HOURLY, VIEW) if number % 2 == 0 else (VIEW, HOURLY):
                first = f"DATE '{FROM[:10]}'"
                sql = question.format(source=source, demo=trino.DEMO, user=user, event=event, first=first)
                with log.counting() as counted:
                    started = time.monotonic()
                    answers[source] = asked.query(sql)
                    seconds = time.monotonic() - started
                runs[source].append(Asked(counted[0], seconds))
            trino.same(answers[VIEW], answers[HOURLY], f"{name}, of days and of hours")
            trino.same(bool(answers[VIEW]), True, f"whether {name} finds anything")
        found[name] = {
            source: Asked(its[0].calls, statistics.median(it.seconds for it in its)) for source, its in runs.items()
        }
        say(f"{name}: asked")
    return found


def table_of_stored(stored: dict[str, Made]) -> str:
    """What the hours and the days took to write, and how large they are."""
    hours, days = stored["hours"], stored["days"]
    rows = [
        [name, f"{it.files:,}", megabytes(it.stored_bytes), f"{it.cpu_s:.1f}", *counts(it.calls)]
        for name, it in stored.items()
    ]
    shares = [
        (days.files, hours.files), (days.stored_bytes, hours.stored_bytes), (days.cpu_s, hours.cpu_s),
        (days.calls.listed, hours.calls.listed), (days.calls.got, hours.calls.got), (days.calls.put, hours.calls.put),
    ]
    rows.append(["days / hours", *(report.ratio(ours, others) for ours, others in shares)])
    return report.table(["", "files", "MB", "CPU, s", "LIST", "GET", "PUT"], rows)


def counts(calls: Calls) -> list[str]:
    """The requests as cells."""
    return [f"{calls.listed:,}", f"{calls.got:,}", f"{calls.put:,}"]


def table_of_questions(found: dict[str, dict[str, Asked]]) -> str:
    """What each question took, of hours and of days."""
    rows = []
    for name, its in found.items():
        hours, days = its[HOURLY], its[VIEW]
        rows.append([
            name,
            *(f"{it.calls.listed:,} + {it.calls.got:,}" for it in (hours, days)),
            f"{hours.seconds:.1f}", f"{days.seconds:.2f}", report.ratio(days.seconds, hours.seconds),
            megabytes(hours.calls.given_bytes), megabytes(days.calls.given_bytes),
            report.ratio(days.calls.given_bytes, hours.calls.given_bytes),
        ])
    header = ["", "LIST + GET, hours", "days", "s, hours", "days", "share", "MB, hours", "days", "share"]
    return report.table(header, rows)


def goals_missed(stored: dict[str, Made], found: dict[str, dict[str, Asked]], hours: int) -> Iterator[str]:
    """The goals that were missed and do not depend on the machine."""
    if stored["hours"].stored_bytes / hours < SMALL_HOUR_BYTES:
        share = stored["days"].stored_bytes / stored["hours"].stored_bytes
        if share > STORED_SHARE_MAX:
            yield f"days are {share:.2f} of the bytes of hours"
        for name in trino.AUDIT:
            calls = {source: it.calls.read for source, it in found[name].items()}
            if calls[VIEW] > calls[HOURLY] * CALLS_SHARE_MAX:
                yield f"{name}: {calls[VIEW]} calls of {calls[HOURLY]}"
    else:
        timeline = {source: it.calls.given_bytes for source, it in found["a user's timeline"].items()}
        if timeline[VIEW] > timeline[HOURLY] * TIMELINE_SHARE_MAX:
            yield f"a user's timeline reads {timeline[VIEW]} bytes of {timeline[HOURLY]}"


def megabytes(count: int) -> str:
    """`46.31`"""
    return f"{count / 1e6:,.2f}"


def say(what: str) -> None:
    """Tells how far it is."""
    print(f"days: {what}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
