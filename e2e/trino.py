"""Asks real Trino what our tables hold, on our own Glue and S3, and finds what the folder's own numbers say.

Usage: trino.py [--data DIR] [--events N] [--only WORD] [--metastore local-aws|moto]

Without --data the demo fills a folder first; a DIR that it has filled is copied, since the checks add to it. Each check is
printed with its result and seconds. Exits with 1 if one fails.
"""

import argparse
import collections
import concurrent.futures
import contextlib
import dataclasses
import datetime
import gzip
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import duckdb

import library_cases
import odd_lines
import servers
import stacks
import trino_server

BUCKET, DATABASE = "auth0-logs", "auth0_event_logs"
JSON, PARQUET, VIEW = "auth0_logs_json", "auth0_logs_parquet", "auth0_logs"
DAILY = "auth0_logs_daily"
# The same rows in Parquet as one writes it who thinks of nothing: in the order of their arrival.
UNSORTED = "unsorted"
KEYS = ("date", "hour")
# The events of these shapes, one a file.
SHAPES = servers.ROOT / "fixtures" / "events"
ROWS_DELIVERED = 200
# Hours that the watermark is behind before the last check moves it.
WATERMARK_LAG_FIRST = 24 * 10
ROWS_COMPARED_MAX = 250_000

# Hours of the odd lines. One was closed before any event of the demo arrived, the other is not for years to come. And an
# hour of the events of every shape that is known, some of which have timestamps that are none.
CLOSED, OPEN, SHAPED = ("2020-01-01", "05"), ("2120-01-01", "05"), ("2020-01-01", "06")
# A date alone tells the demo's hours from these.
DEMO = "\"date\" BETWEEN DATE '2020-01-02' AND DATE '2119-12-31'"

Row = tuple[Any, ...]


@dataclasses.dataclass
class World:
    """What the checks ask: Trino, the servers under it, and what was known before they were started."""

    trino: trino_server.Trino
    s3: Any
    glue: Any
    manifests: dict[tuple[str, str], dict[str, Any]]
    answers: dict[str, list[dict[str, Any]]]
    access_log: pathlib.Path
    endpoints: dict[str, str]

    def number(self, sql: str) -> int:
        """The one number that answers a query."""
        [(number,)] = self.trino.query(sql)
        return int(number)

    def demo_hours(self) -> list[tuple[str, str]]:
        """The hours of the demo, in order."""
        return sorted(set(self.manifests) - {CLOSED, SHAPED})

    def counts(self, source: str, where: str = DEMO) -> dict[tuple[str, str], int]:
        """The number of rows of each partition."""
        sql = f'SELECT "date", "hour", count(*) FROM {source} WHERE {where} GROUP BY 1, 2'
        return {(date, hour): count for date, hour, count in self.trino.query(sql)}

    def reads(self, sql: str) -> tuple[list[Row], dict[str, int]]:
        """The answer to a query, and how many bytes of which object the server gave for it."""
        before = self.access_log.stat().st_size
        answer = self.trino.query(sql)
        with self.access_log.open("rb") as log:
            log.seek(before)
            accesses = [json.loads(line) for line in log]
        objects: dict[str, int] = {}
        for access in accesses:
            if access["call"] == "GetObject":
                key = access["resource"].split("/", 1)[1]
                objects[key] = objects.get(key, 0) + access["bytes"]
        return answer, objects

    def keys(self, prefix: str) -> list[str]:
        """The keys of the objects under a prefix of the bucket."""
        return [it["Key"] for it in self.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])]


# Queries whose answers from our own `query` command, over JSON, Parquet or the view, are Trino's too.
QUESTIONS = (
    f"SELECT type, count(DISTINCT log_id) AS n FROM {{source}} WHERE {DEMO} GROUP BY type ORDER BY type",
    f"""SELECT ip, count(DISTINCT log_id) AS n, min("timestamp") AS first, max("timestamp") AS last
        FROM {{source}} WHERE {DEMO} AND type IN ('f', 'fp', 'fu') GROUP BY ip ORDER BY n DESC, ip LIMIT 50""",
    f"""SELECT user_id, max(length(details)) AS longest, count(DISTINCT extra) AS extras
        FROM {{source}} WHERE {DEMO} AND user_id <> '' GROUP BY user_id ORDER BY longest DESC, user_id LIMIT 50""",
    f"""SELECT json_extract_scalar(extra, '$.tenant_name') AS tenant, count(DISTINCT log_id) AS n
        FROM {{source}} WHERE {DEMO} GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 50""",
)

# What questions are asked for: an event, its user and address, and a day on which the demo is recent.
FIRST = f"""SELECT log_id, user_id, ip, CAST((SELECT max("date") FROM {PARQUET} WHERE {DEMO}) AS varchar) AS today
    FROM {PARQUET} WHERE {DEMO} AND type = 'fp' AND user_id IS NOT NULL ORDER BY log_id LIMIT 1"""

# Conditions on the partition keys as Trino takes them to Glue, and what they mean. `d` is the first date of the demo.
PREDICATES: tuple[tuple[str, Callable[[str, str, str], bool]], ...] = (
    ("hour = '05'", lambda d, date, hour: hour == "05"),
    ("hour <> '05'", lambda d, date, hour: hour != "05"),
    ("hour IN ('00', '07', '23', '99')", lambda d, date, hour: hour in ("00", "07", "23")),
    ("hour NOT IN ('00', '07', '23')", lambda d, date, hour: hour not in ("00", "07", "23")),
    ("hour BETWEEN '03' AND '09'", lambda d, date, hour: "03" <= hour <= "09"),
    ("hour > '03' AND hour < '09'", lambda d, date, hour: "03" < hour < "09"),
    ("hour <= '03' OR hour >= '20'", lambda d, date, hour: hour <= "03" or hour >= "20"),
    (
        "hour = '01' OR hour BETWEEN '05' AND '06' OR hour > '22'",
        lambda d, date, hour: hour in ("01", "05", "06", "23"),
    ),
    ("NOT (hour = '01' OR hour = '02')", lambda d, date, hour: hour not in ("01", "02")),
    ("hour LIKE '0%'", lambda d, date, hour: hour.startswith("0")),
    ("hour LIKE '%5'", lambda d, date, hour: hour.endswith("5")),
    ("hour IS NOT NULL", lambda d, date, hour: True),
    ("hour IS NULL", lambda d, date, hour: False),
    ("hour = ''", lambda d, date, hour: False),
    ("substr(hour, 2) = '5'", lambda d, date, hour: hour[1] == "5"),
    ("CAST(hour AS integer) % 2 = 0", lambda d, date, hour: int(hour) % 2 == 0),
    ("date = DATE '{d}'", lambda d, date, hour: date == d),
    ("date <> DATE '{d}'", lambda d, date, hour: date != d),
    ("date IN (DATE '{d}', DATE '1999-01-01')", lambda d, date, hour: date == d),
    ("date > DATE '{d}'", lambda d, date, hour: date > d),
    ("date BETWEEN DATE '1999-01-01' AND DATE '{d}'", lambda d, date, hour: date <= d),
    ("date IS NOT NULL", lambda d, date, hour: True),
    ("CAST(date AS varchar) = '{d}'", lambda d, date, hour: date == d),
    ("date = DATE '{d}' AND hour = '05'", lambda d, date, hour: (date, hour) == (d, "05")),
    ("date < DATE '{d}' OR (date = DATE '{d}' AND hour <= '05')", lambda d, date, hour: (date, hour) <= (d, "05")),
    ("date > DATE '{d}' OR (date = DATE '{d}' AND hour > '05')", lambda d, date, hour: (date, hour) > (d, "05")),
    (
        "(date, hour) IN ((DATE '{d}', '05'), (DATE '{d}', '06'))",
        lambda d, date, hour: date == d and hour in ("05", "06"),
    ),
)


def check_shows_the_tables(world: World) -> str:
    """SHOW and DESCRIBE say what Glue holds."""
    tables = [name for (name,) in world.trino.query("SHOW TABLES")]
    same(tables, [VIEW, DAILY, JSON, PARQUET, UNSORTED], "the tables")
    all_of_them = (JSON, PARQUET, DAILY, VIEW)
    columns = [world.trino.query(f"SELECT * FROM {table} WHERE false") for table in all_of_them]
    same(columns, [[]] * 4, "the rows of nothing")
    described = [[row[:2] for row in world.trino.query(f"DESCRIBE {table}")] for table in all_of_them]
    # Of days only the date is a partition key, and keys come last.
    described[2] = described[2][:-2] + described[2][:-3:-1]
    same(described[1:], [described[0]] * 3, "the columns")
    return f"{len(described[0])} columns, the same in the three tables and the view"


def check_counts_what_the_manifests_count(world: World) -> str:
    """Every hour has as many rows in Parquet, and as many lines in JSON, as its manifest says."""
    counts = {hour: world.manifests[hour]["live"]["counts"] for hour in world.demo_hours()}
    same(world.counts(PARQUET), {hour: count["rows"] for hour, count in counts.items()}, "the rows")
    same(world.counts(VIEW), {hour: count["rows"] for hour, count in counts.items()}, "the view's rows")
    same(world.counts(JSON), {hour: count["lines"] for hour, count in counts.items()}, "the lines")
    return f"{len(counts)} hours, {sum(count['rows'] for count in counts.values())} rows"


def check_both_formats_hold_the_same_rows(world: World) -> str:
    """No row is in one table and not, or not as often, in the other, but for those of odd lines that are listed to differ."""
    columns = ", ".join(f'"{row[0]}"' for row in world.trino.query(f"DESCRIBE {JSON}") if row[0] not in KEYS)
    listed = sorted(odd_lines.differing())
    names = ", ".join(f"'{name}'" for name in listed)
    parts = [f"{part} AND coalesce(description, '') NOT IN ({names})" for part in parts_of(world)]
    for part in parts:
        # A row of nothing but nulls is what the JSON table shows of a line that it cannot read.
        distinct = f"SELECT DISTINCT * FROM {JSON} WHERE {part} AND coalesce({columns}) IS NOT NULL"
        stored = f"SELECT * FROM {PARQUET} WHERE {part}"
        view = f"SELECT * FROM {VIEW} WHERE {part}"
        for one, other in ((distinct, stored), (stored, distinct), (view, stored), (stored, view)):
            same(
                world.number(f"SELECT count(*) FROM ({one} EXCEPT ALL {other})"),
                0,
                f"rows of {one} that are not in {other}",
            )
    same(odd_lines.documented() - {odd.name for odd in odd_lines.ODD_LINES}, odd_lines.UNASKED, "lines that are not asked for")
    same(odd_lines.differing() - odd_lines.documented(), set(), "lines that differ and are not documented")
    rows = sum(world.number(f"SELECT count(*) FROM {PARQUET} WHERE {part}") for part in parts)
    return (
        f"EXCEPT ALL is empty both ways, and against the view, over {rows} rows in {len(parts)} parts, "
        f"{len(odd_lines.ODD_LINES)} odd lines among them but for {len(listed)} that are listed to differ"
    )


def parts_of(world: World) -> Iterator[str]:
    """Conditions that each choose some of the hours, no more rows than Trino's memory takes at a time."""
    part: list[str] = []
    rows = 0
    for (date, hour), manifest in sorted(world.manifests.items()):
        if part and rows + manifest["live"]["counts"]["rows"] > ROWS_COMPARED_MAX:
            yield f"({' OR '.join(part)})"
            part, rows = [], 0
        part.append(f"(\"date\" = DATE '{date}' AND \"hour\" = '{hour}')")
        rows += manifest["live"]["counts"]["rows"]
    yield f"({' OR '.join(part)})"


def check_days_hold_the_rows_of_their_hours(world: World) -> str:
    """No row is in the table of days and not, or not as often, in the hourly one, and the view shows the same."""
    columns = ", ".join(f'"{row[0]}"' for row in world.trino.query(f"DESCRIBE {JSON}"))
    days = sorted({date for date, _ in world.counts(DAILY)})
    same(bool(days), True, "whether the demo has a day that is rolled up")
    where = f"\"date\" BETWEEN DATE '{days[0]}' AND DATE '{days[-1]}'"
    daily, hourly, view = (f"SELECT {columns} FROM {table} WHERE {where}" for table in (DAILY, PARQUET, VIEW))
    for one, other in ((daily, hourly), (hourly, daily), (daily, view), (view, daily)):
        left = world.number(f"SELECT count(*) FROM ({one} EXCEPT ALL {other})")
        same(left, 0, f"rows of {one} that are not in {other}")
    return f"{len(days)} days, {world.number(f'SELECT count(*) FROM {DAILY} WHERE {where}')} rows"


def check_answers_what_our_own_engine_answers(world: World) -> str:
    """`query` and Trino give the same rows in the same order."""
    for sql, expected in world.answers.items():
        same(world.trino.records(sql), expected, sql)
    return f"{len(world.answers)} queries, {sum(map(len, world.answers.values()))} rows"


def check_athena_answers_what_trino_answers(world: World) -> str:
    """`query --aws` asks the embedded Athena, and gives the rows of Trino in the same order."""
    for question in QUESTIONS:
        sql = question.format(source=VIEW)
        same(of_athena(world, sql), world.trino.records(sql), sql)
    return f"{len(QUESTIONS)} queries"


def of_athena(world: World, sql: str) -> list[dict[str, Any]]:
    """The rows that `query --aws` has from the embedded Athena."""
    command = [*servers.command(), "query", "--aws", "--bucket", BUCKET, "--json"]
    given = {"input": sql, "text": True, "env": os.environ | on_aws(world.endpoints)}
    answer: list[dict[str, Any]] = json.loads(subprocess.check_output(command, **given))
    return answer


def check_every_question_of_the_library(world: World) -> str:
    """Both engines give the same rows, in the same order, for every question of the library."""
    [known] = world.trino.records(FIRST)
    known["user"] = known["user_id"]
    today = datetime.date.fromisoformat(known["today"])
    days = [f"--from={today - datetime.timedelta(days=1)}", f"--to={today + datetime.timedelta(days=1)}"]
    questions, rows = library_cases.questions(), 0
    for question in questions:
        needed = {it["name"]: known[it["name"]] for it in question["parameters"] if it["default"] is None}
        sql = library_cases.statement(question["name"], *days, *library_cases.parameters(needed))
        answer = world.trino.records(sql)
        same(of_athena(world, sql), answer, question["name"])
        same(bool(answer), question["level"] is None, f"whether {question['name']} finds something")
        rows += len(answer)
    return f"{len(questions)} questions, {rows} rows"


def check_every_detection(world: World) -> str:
    """Both engines let a detection fire on the events made for it, and not on the near miss."""
    tried = 0
    for name, fires, sql in library_cases.cases():
        answer = world.trino.records(sql)
        same(bool(answer), fires, f"whether {name} fires")
        same(of_athena(world, sql), answer, name)
        tried += 1
    return f"{tried} cases"


def check_an_hour_is_read_and_nothing_else(world: World) -> str:
    """A query of one hour reads that hour's objects alone, or its day's, as the server counts them: in each table, and in the
    view on all sides of its watermarks."""
    told = []
    days = {date for date, _ in world.counts(DAILY)}
    old, young = ([it for it in world.demo_hours() if (it[0] in days) == is_old] for is_old in (True, False))
    cases = [(JSON, "logs", old[0]), (PARQUET, "parquet", old[0]), (DAILY, "daily", old[0]), (VIEW, "daily", old[0])]
    # The demo may end with a whole day.
    cases += [(VIEW, "parquet", hour) for hour in young[:1]] + [(VIEW, "logs", OPEN)]
    for source, prefix, (date, hour) in cases:
        folder = f"{prefix}/{date.replace('-', '/')}/" + ("" if prefix == "daily" else f"{hour}/")
        condition = f"\"date\" = DATE '{date}' AND \"hour\" = '{hour}'"
        answer, objects = world.reads(f"SELECT count(DISTINCT log_id) FROM {source} WHERE {condition}")
        same([key for key in objects if not key.startswith(folder)], [], f"what {source} reads besides")
        same(answer == [(0,)] or not objects, False, f"whether {source} finds nothing")
        told.append(f"{source} {len(objects)} objects of {prefix}/, {sum(objects.values())} bytes")
    return "; ".join(told)


def check_rows_stay_while_all_moves(world: World) -> str:
    """While hours are compacted and rolled up, late objects come and the watermarks move, each hour's count on the view only
    grows, up to what was delivered. After each stage every table that holds an hour, and the view, have the same rows of it."""
    now = datetime.datetime.now(datetime.UTC)
    # The last hours of a day that ended long enough ago to be rolled up.
    end = now.replace(hour=23) - datetime.timedelta(days=3)
    moments = [end - datetime.timedelta(hours=before) for before in range(8, -1, -1)]
    behind = int((now - end).total_seconds()) // 3600
    hours = [(f"{moment:%Y-%m-%d}", f"{moment:%H}") for moment in moments]
    delivered: collections.Counter[tuple[str, str]] = collections.Counter()
    readings: list[tuple[dict[tuple[str, str], int], dict[tuple[str, str], int]]] = []
    # By the hour and on the view, each both ways, and at first nowhere else.
    compared: list[int] = []
    done = threading.Event()

    def read_on() -> None:
        while not done.is_set():
            counts = world.counts(VIEW, f"\"date\" >= DATE '{hours[0][0]}'")
            readings.append((counts, dict(delivered)))

    for hour in hours:
        deliver(world, hour, delivered)
        register(world.glue, hour)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        reader = pool.submit(read_on)
        try:
            # The watermark starts before all of these hours, then passes a few at a time, then the day. Late objects come on
            # both sides of it, and into the day that is rolled up.
            for lag, late in ((18, 0), (7, 1), (5, 3), (3, 4), (3, 0), (1, 6), (-2, 8), (-2, 2)):
                deliver(world, hours[late], delivered)
                compact(world, moments[0], moments[-1], behind + lag)
                compared.append(same_rows_everywhere(world, hours))
        finally:
            done.set()
        reader.result()
    same(compared, [4] * 6 + [6] * 2, "how often rows were compared: the day comes when the watermark has passed it")
    last = world.counts(VIEW, f"\"date\" >= DATE '{hours[0][0]}'")
    same({hour: last[hour] for hour in hours}, dict(delivered), "what the view shows in the end")
    seen: dict[tuple[str, str], int] = {}
    for counts, most in readings:
        for hour in hours:
            count = counts.get(hour, 0)
            same(seen.get(hour, 0) <= count <= most[hour], True, f"{hour}: {count} after {seen.get(hour, 0)}, of {most[hour]}")
            seen[hour] = count
    return (
        f"{len(readings)} readings of {len(hours)} hours during 8 compactions, {sum(delivered.values())} rows delivered; "
        f"EXCEPT ALL is empty {sum(compared)} times, of hours in JSON, by the hour, by the day and on the view"
    )


def same_rows_everywhere(world: World, hours: list[tuple[str, str]]) -> int:
    """Compares the rows of these hours in every table that has them, and on the view. Returns how often."""
    columns = ", ".join(f'"{row[0]}"' for row in world.trino.query(f"DESCRIBE {JSON}"))
    compared = 0
    for table in (PARQUET, DAILY, VIEW):
        dates = "', DATE '".join(sorted({date for date, _ in hours}))
        held = [hour for hour in world.counts(table, f"\"date\" IN (DATE '{dates}')") if hour in hours]
        if not held:
            continue
        part = " OR ".join(f"(\"date\" = DATE '{date}' AND \"hour\" = '{hour}')" for date, hour in held)
        # Each line that was delivered twice in an hour is one row.
        delivered = f"SELECT DISTINCT {columns} FROM {JSON} WHERE {part}"
        shown = f"SELECT {columns} FROM {table} WHERE {part}"
        for one, other in ((delivered, shown), (shown, delivered)):
            left = world.number(f"SELECT count(*) FROM ({one} EXCEPT ALL {other})")
            same(left, 0, f"rows of {one} that are not in {other}")
            compared += 1
    return compared


def deliver(world: World, hour: tuple[str, str], delivered: collections.Counter[tuple[str, str]]) -> None:
    """A new object of lines that nobody has seen, some of them twice. It is counted before it can be seen."""
    first = delivered[hour]
    delivered[hour] += ROWS_DELIVERED
    lines = [json.dumps({"log_id": f"{hour} {first + number}", "type": "s"}) for number in range(ROWS_DELIVERED)]
    body = gzip.compress("\n".join(lines + lines[:20]).encode())
    world.s3.put_object(Bucket=BUCKET, Key=f"{logs_of(hour)}view-{first}.gz", Body=body)


def compact(world: World, first: datetime.datetime, last: datetime.datetime, watermark_lag: int) -> None:
    """Compacts these hours, and rolls up their days, with the watermark so many hours behind."""
    span = [f"{moment:%Y-%m-%dT%H}" for moment in (first, last + datetime.timedelta(hours=1))]
    compact_on(world.endpoints, watermark_lag, "--from", span[0], "--to", span[1])


def on_aws(endpoints: dict[str, str]) -> dict[str, str]:
    """The environment in which the command takes our servers for AWS."""
    credentials = {"AWS_ACCESS_KEY_ID": servers.ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": servers.SECRET_KEY}
    return {**endpoints, **credentials, "AWS_REGION": servers.REGION}


def compact_on(endpoints: dict[str, str], watermark_lag: int, *arguments: str, accepts: tuple[int, ...] = (0,)) -> None:
    """The command on the very server that Trino reads from, with the watermark so many hours behind."""
    # Nobody else writes to Glue here.
    given = {"WATERMARK_LAG_HOURS": str(watermark_lag), "PUBLISH_WAIT_SECONDS": "0"}
    command = [*servers.command(), "compact", "--aws", "--bucket", BUCKET, *arguments]
    done = subprocess.run(command, env=os.environ | on_aws(endpoints) | given, stdout=subprocess.DEVNULL, check=False)
    same(done.returncode in accepts, True, f"whether {' '.join(arguments)} ends well, and not with {done.returncode}")


# What an audit asks of a day, of every source in the same words. `{user}` and `{event}` are those of the demo.
AUDIT = {
    "a user's timeline": """SELECT DISTINCT "timestamp", type, ip, description, log_id FROM {source}
        WHERE {demo} AND user_id = '{user}' ORDER BY 1, 5""",
    "failed logins by ip": """SELECT ip, count(*) FROM {source}
        WHERE {demo} AND type IN ('f', 'fp', 'fu') GROUP BY ip ORDER BY 2 DESC, 1 LIMIT 50""",
    "counts by type": "SELECT type, count(*) FROM {source} WHERE {demo} GROUP BY type ORDER BY 2 DESC, 1",
    "one log_id": """SELECT * FROM (SELECT DISTINCT * FROM {source} WHERE {demo} AND log_id = '{event}')
        ORDER BY "date", "hour", user_id, ip, details""",
    "last login of each user": """SELECT user_id, max("timestamp") FROM {source}
        WHERE {demo} AND type IN ('s', 'ssa') GROUP BY user_id ORDER BY 2, 1""",
}
# The two that count, exact across hours too: what that costs more is shown, and is no part of the mean.
AUDIT_ACROSS_HOURS = {
    f"{name}, distinct": AUDIT[name].replace("count(*)", "count(DISTINCT log_id)")
    for name in ("failed logins by ip", "counts by type")
}
# The JSON with each row once, as far as those that count look at it: Parquet has to answer what this does.
EACH_ONCE = f'(SELECT DISTINCT log_id, "timestamp", type, ip, "date", "hour" FROM {JSON} WHERE {DEMO})'


# How much less than gz JSON an audit reads at least, of so many rows: files of few megabytes Trino reads whole.
AUDIT_RATIO = 40
AUDIT_ROWS = 3_000_000


def check_an_audit_reads_little(world: World) -> str:
    """Five audit queries over a day: bytes that the server gave, of JSON, of Parquet as DuckDB writes it, and of ours."""
    sizes = {hour: world.manifests[hour]["live"]["counts"]["rows"] for hour in world.demo_hours()}
    busiest = max(sizes, key=lambda hour: sizes[hour])
    [(user, event)] = world.trino.query(
        f"SELECT user_id, log_id FROM {PARQUET} WHERE \"date\" = DATE '{busiest[0]}' AND \"hour\" = '{busiest[1]}' "
        "AND type = 'fp' AND user_id IS NOT NULL ORDER BY 2 LIMIT 1"
    )
    lines, ratios = [], {UNSORTED: 1.0, PARQUET: 1.0}
    for name, question in (AUDIT | AUDIT_ACROSS_HOURS).items():
        answers, read = {}, {}
        for source in (JSON, UNSORTED, PARQUET):
            sql = question.format(source=source, demo=DEMO, user=user, event=event)
            answers[source], objects = world.reads(sql)
            read[source] = sum(objects.values())
        same(answers[UNSORTED], answers[JSON], f"{name}, of DuckDB's Parquet and JSON")
        if "count(*)" in question:
            answers[JSON] = world.trino.query(question.format(source=EACH_ONCE, demo=DEMO))
        same(answers[PARQUET], answers[JSON], f"{name}, of Parquet and JSON")
        if name in AUDIT:
            for source in ratios:
                ratios[source] *= (read[JSON] / read[source]) ** (1 / len(AUDIT))
        shown = [f"{read[source]:>12}" for source in (JSON, UNSORTED, PARQUET)]
        lines.append(f"  {name:<30} {' '.join(shown)}  1/{read[JSON] / read[PARQUET]:.1f}")
    print(f"  {'bytes read':<30} {'gz JSON':>12} {'DuckDB':>12} {'ours':>12}", *lines, sep="\n")
    if sum(sizes.values()) >= AUDIT_ROWS:
        same(ratios[PARQUET] >= AUDIT_RATIO, True, f"1/{AUDIT_RATIO} of gz JSON: 1/{ratios[PARQUET]:.1f}")
    return f"geometric mean 1/{ratios[PARQUET]:.1f} of gz JSON, DuckDB's 1/{ratios[UNSORTED]:.1f}"


def check_partition_predicates(world: World) -> str:
    """Each condition chooses the partitions that it means, whether Glue or Trino applies it."""
    for table in (JSON, PARQUET, VIEW):
        counts = world.counts(table)
        day = min(date for date, _ in counts)
        for condition, means in PREDICATES:
            expected = {key: count for key, count in counts.items() if means(day, *key)}
            where = f"{DEMO} AND ({condition.format(d=day)})"
            same(world.counts(table, where), expected, f"{table} where {where}")
    return f"{len(PREDICATES)} conditions on both tables and the view"


def check_partitions_are_listed(world: World) -> str:
    """The hidden table of partitions, which is read by segments, names each partition once."""
    hours = sorted(hour for hour in world.manifests)
    for table in (JSON, PARQUET):
        found = sorted(
            map(tuple, world.trino.query(f'SELECT "date", "hour" FROM "{table}$partitions" WHERE "hour" <> \'99\''))
        )
        same(found, hours + [OPEN] if table == JSON else hours, table)
    return f"{len(hours)} partitions"


def check_odd_lines(world: World) -> str:
    """Of lines that readers might take differently both tables show the same, but for the differences that are listed."""
    found, expected = fates(world, PARQUET, CLOSED), {odd.name: odd.fate for odd in odd_lines.ODD_LINES}
    same(found, expected, "what becomes of odd lines")
    return f"{len(expected)} lines, {len(odd_lines.differing())} of them with a difference that is known"


def check_odd_lines_of_an_open_hour(world: World) -> str:
    """The view shows of an hour's JSON what it would show of its Parquet, as far as the two can agree."""
    found = collections.Counter(odd_rows(world, VIEW, OPEN))
    expected = {row for row in odd_rows(world, JSON, CLOSED) if any(value is not None for value in row)}
    same(found, collections.Counter(expected), "rows of the view in an open hour")
    return f"{len(expected)} rows, no two the same and none of nulls"


def check_create_table_as_elsewhere(world: World) -> str:
    """A table of one's own location, made from a query, is read back, and its objects stay when it is dropped."""
    location = "ctas/external/"
    world.trino.query(
        f"CREATE TABLE copied WITH (format = 'PARQUET', external_location = 's3://{BUCKET}/{location}') "
        f"AS SELECT * FROM {PARQUET} WHERE {DEMO} AND hour = '05'"
    )
    difference = f"(SELECT * FROM {PARQUET} WHERE {DEMO} AND hour = '05' EXCEPT ALL SELECT * FROM copied)"
    same(world.number(f"SELECT count(*) FROM {difference}"), 0, "rows that were not copied")
    rows = world.number("SELECT count(*) FROM copied")
    before = world.keys(location)
    world.trino.query("DROP TABLE copied")
    same(("copied",) in world.trino.query("SHOW TABLES"), False, "whether the table is still there")
    same((bool(before), world.keys(location)), (True, before), "the table's objects")
    return f"{rows} rows in {len(before)} objects"


def check_insert_into_partitions(world: World) -> str:
    """A table that Trino manages takes INSERT into old and new partitions, DELETE of one, and goes with its objects."""
    source = f"SELECT * FROM {PARQUET} WHERE {DEMO} AND hour IN"
    expected = collections.Counter({hour: count for (_, hour), count in world.counts(PARQUET).items()})
    world.trino.query(f"CREATE SCHEMA managed WITH (location = 's3://{BUCKET}/managed/')")
    world.trino.query(
        "CREATE TABLE managed.hours WITH (format = 'PARQUET', partitioned_by = ARRAY['date', 'hour']) "
        f"AS {source} ('05', '06')"
    )
    world.trino.query(f"INSERT INTO managed.hours {source} ('06', '07')")
    counted = {hour: count for (_, hour), count in world.counts("managed.hours").items()}
    wanted = {"05": expected["05"], "06": 2 * expected["06"], "07": expected["07"]}
    same(counted, wanted, "the rows after INSERT")
    world.trino.query("DELETE FROM managed.hours WHERE hour = '06'")
    same({hour for _, hour in world.counts("managed.hours")}, {"05", "07"}, "the hours after DELETE")
    world.trino.query("DROP TABLE managed.hours")
    world.trino.query("DROP SCHEMA managed")
    same(world.keys("managed/"), [], "the objects of a dropped table")
    return f"{sum(wanted.values())} rows"


def check_statistics_are_kept(world: World) -> str:
    """What ANALYZE finds out about a partition's columns, the optimizer is told by Glue afterwards."""
    date, hour = world.demo_hours()[-1]
    partition = f"SELECT * FROM {PARQUET} WHERE \"date\" = DATE '{date}' AND \"hour\" = '{hour}'"
    world.trino.query(f"ANALYZE {PARQUET} WITH (partitions = ARRAY[ARRAY['{date}', '{hour}']])")
    rows = world.number(f"SELECT count(*) FROM ({partition})")
    nulls = world.number(f"SELECT count(*) FROM ({partition}) WHERE connection IS NULL")
    shown = {row[0]: row for row in world.trino.query(f"SHOW STATS FOR ({partition})")}
    same((shown[None][4], shown["connection"][3]), (rows, nulls / rows), "rows, and the share of nulls in a column")
    world.trino.query(f"CALL system.drop_stats('{DATABASE}', '{PARQUET}', ARRAY[ARRAY['{date}', '{hour}']])")
    after = {row[0]: row for row in world.trino.query(f"SHOW STATS FOR ({partition})")}
    same(after["connection"][3], None, "statistics after they were dropped")
    return f"{rows} rows, {nulls} nulls in a column"


CHECKS: tuple[Callable[[World], str], ...] = (
    check_shows_the_tables,
    check_counts_what_the_manifests_count,
    check_both_formats_hold_the_same_rows,
    check_days_hold_the_rows_of_their_hours,
    check_answers_what_our_own_engine_answers,
    check_athena_answers_what_trino_answers,
    check_every_question_of_the_library,
    check_every_detection,
    check_an_hour_is_read_and_nothing_else,
    check_an_audit_reads_little,
    check_partition_predicates,
    check_partitions_are_listed,
    check_odd_lines,
    check_odd_lines_of_an_open_hour,
    check_create_table_as_elsewhere,
    check_insert_into_partitions,
    check_statistics_are_kept,
    # The last, for it adds hours.
    check_rows_stay_while_all_moves,
)

# moto keeps no column statistics, without which Trino writes no table. What Trino reads in an object that it has found
# does not depend on whose Glue named it, and how a Glue reads a predicate is that Glue's own matter.
NOT_ON_MOTO = (
    check_create_table_as_elsewhere,
    check_insert_into_partitions,
    check_statistics_are_kept,
    check_both_formats_hold_the_same_rows,
    check_days_hold_the_rows_of_their_hours,
    check_answers_what_our_own_engine_answers,
    check_athena_answers_what_trino_answers,
    check_every_question_of_the_library,
    check_every_detection,
    check_an_audit_reads_little,
    check_partition_predicates,
)


@contextlib.contextmanager
def moto_of(endpoint: str) -> Iterator[str]:
    """moto's Glue with the tables as the templates define them, and the view and the partitions that ours has."""
    catalog = stacks.Resolved(stacks.parsed(stacks.TEMPLATES / "catalog.yaml"), {"LogBucket": BUCKET})
    ours = servers.client("glue", endpoint)
    with servers.moto(pathlib.Path()) as moto:
        glue = servers.client("glue", moto)
        glue.create_database(DatabaseInput={"Name": DATABASE})
        for resource in stacks.of_type(catalog.template, "AWS::Glue::Table"):
            table = catalog.resource(resource)["TableInput"]
            glue.create_table(DatabaseName=DATABASE, TableInput=table)
            pages = ours.get_paginator("get_partitions").paginate(DatabaseName=DATABASE, TableName=table["Name"])
            for partition in (it for page in pages for it in page["Partitions"]):
                kept = {key: partition[key] for key in ("Values", "StorageDescriptor", "Parameters") if key in partition}
                glue.create_partition(DatabaseName=DATABASE, TableName=table["Name"], PartitionInput=kept)
        view = ours.get_table(DatabaseName=DATABASE, Name=VIEW)["Table"]
        kept = ("Name", "Owner", "TableType", "Parameters", "StorageDescriptor", "ViewOriginalText", "ViewExpandedText")
        glue.create_table(DatabaseName=DATABASE, TableInput={key: view[key] for key in kept})
        yield moto


# By name: given our endpoint, the endpoint of a Glue that knows what ours does.
METASTORES: dict[str, Callable[[str], contextlib.AbstractContextManager[str]]] = {
    "local-aws": contextlib.nullcontext,
    "moto": moto_of,
}


def main() -> int:
    """Runs the checks and says how many failed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=pathlib.Path, help="a folder that the demo has filled; it is left as it is")
    parser.add_argument("--events", type=int, default=20_000, help="how many events the demo makes otherwise")
    parser.add_argument("--only", default="", help="run the checks whose name has this in it")
    parser.add_argument("--metastore", default="local-aws", choices=METASTORES, help="whose Glue Trino asks")
    arguments = parser.parse_args()
    # Whoever ends this ends the servers too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="trino-checks-") as folder:
        data = pathlib.Path(folder) / "data"
        timed("the folder is filled", lambda: fill(data, arguments.data, arguments.events))
        left_out = NOT_ON_MOTO if arguments.metastore == "moto" else ()
        checks = [check for check in CHECKS if arguments.only in check.__name__ and check not in left_out]
        # Our own engine has the folder to itself, before anybody serves it.
        answers = dict(answered(data)) if check_answers_what_our_own_engine_answers in checks else {}
        with world_of(data, arguments.metastore, answers) as world:
            failed = [check for check in checks if not passes(check, world)]
    print(f"{len(checks) - len(failed)} of {len(checks)} checks passed")
    return 1 if failed or not checks else 0


def passes(check: Callable[[World], str], world: World) -> bool:
    """Runs a check and prints what it found."""
    name = check.__name__.removeprefix("check_").replace("_", " ")
    started = time.monotonic()
    try:
        result, good = f"ok: {check(world)}", True
    except Exception as error:  # noqa: BLE001 - one that breaks down has failed; the others are still to be run
        result, good = f"FAILED: {type(error).__name__}: {error}", False
    print(f"{name}: {result} ({time.monotonic() - started:.1f} s)", flush=True)
    return good


def timed(what: str, action: Callable[[], object]) -> None:
    """Does something and prints how long it took."""
    started = time.monotonic()
    action()
    print(f"{what} ({time.monotonic() - started:.1f} s)", flush=True)


def same(found: Any, expected: Any, what: str) -> None:
    """Fails where the two differ; of long ones it prints what one has and the other hasn't."""
    if found == expected:
        return
    if isinstance(found, dict) and isinstance(expected, dict):
        keys = found.keys() | expected.keys()
        differing = {key: (found.get(key), expected.get(key)) for key in keys if found.get(key) != expected.get(key)}
        raise AssertionError(f"{what}, found and expected: {str(differing)[:2000]}")
    raise AssertionError(f"{what}: found {str(found)[:1000]}, expected {str(expected)[:1000]}")


def fill(data: pathlib.Path, filled: pathlib.Path | None, events: int) -> None:
    """Makes the folder `data`: what the demo leaves, events of every shape, and an hour of odd lines, compacted."""
    if filled:
        shutil.copytree(filled, data)
    else:
        run("--data", str(data), "demo", "--events", str(events))
    shaped = lines_of_every_shape(data.parent)
    with servers.local_aws(data) as endpoint:
        s3 = servers.client("s3", endpoint)
        put_odd_lines(s3, CLOSED)
        s3.put_object(Bucket=BUCKET, Key=f"{logs_of(SHAPED)}shaped.gz", Body=gzip.compress(shaped))
        # The watermark stays behind the hours that are compacted later.
        for hour in (CLOSED, SHAPED):
            compact_on({"AWS_ENDPOINT_URL": endpoint}, WATERMARK_LAG_FIRST, "--hour", "T".join(hour), accepts=(0, 1))


def lines_of_every_shape(folder: pathlib.Path) -> bytes:
    """The lines that the pipeline makes of an event of every shape, but for those of which none can be made."""
    events, data = folder / "shapes.ndjson", folder / "shapes"
    events.write_bytes(b"".join(path.read_bytes().strip() + b"\n" for path in sorted(SHAPES.glob("*.json"))))
    run("run", "--data", str(data), "--events", str(events), accepts=(0, 1))
    lines = b"".join(gzip.decompress(path.read_bytes()) for path in sorted((data / BUCKET / "logs").rglob("*.gz")))
    same(lines.count(b"\n") > 90, True, "whether most shapes give a line")
    return lines


def run(*arguments: str, accepts: tuple[int, ...] = (0,)) -> Any:
    """What the command under test prints with `--json`. Its output is shown if it fails."""
    done = subprocess.run([*servers.command(), *arguments, "--json"], capture_output=True, text=True, check=False)
    if done.returncode not in accepts:
        raise SystemExit(f"{' '.join(arguments)} ended with {done.returncode}\n{done.stdout}{done.stderr}")
    return json.loads(done.stdout)


@contextlib.contextmanager
def world_of(
    data: pathlib.Path, metastore: str, answers: dict[str, list[dict[str, Any]]]
) -> Iterator[World]:
    """Runs our S3 over the folder, Glue as `metastore` has it, and Trino over these."""
    manifests = {
        hour_of(path): json.loads(path.read_text()) for path in (data / BUCKET / "manifests").glob("*/*/*/[0-9]*.json")
    }
    started = time.monotonic()
    access_log = data.parent / "access.ndjson"
    with servers.local_aws(data, access_log=access_log) as endpoint, METASTORES[metastore](endpoint) as glue:
        probe = f"SELECT 1 FROM {PARQUET} LIMIT 1"
        with trino_server.trino(DATABASE, probe, glue=glue, s3=endpoint) as trino:
            print(f"Trino {trino_server.VERSION} is ready ({time.monotonic() - started:.1f} s)", flush=True)
            clients = servers.client("s3", endpoint), servers.client("glue", glue)
            endpoints = {"AWS_ENDPOINT_URL": endpoint, "AWS_ENDPOINT_URL_GLUE": glue}
            world = World(trino, *clients, manifests, answers, access_log, endpoints)
            write_unsorted(data, world)
            register_unsorted(world)
            put_odd_lines(world.s3, OPEN)
            register(world.glue, OPEN)
            yield world


def write_unsorted(data: pathlib.Path, world: World) -> None:
    """Has DuckDB write each hour of the demo as Parquet, its own way but with the same compression."""
    table = world.glue.get_table(DatabaseName=DATABASE, Name=JSON)["Table"]
    columns = "{" + ", ".join(f"'{it['Name']}': 'VARCHAR'" for it in table["StorageDescriptor"]["Columns"]) + "}"
    for (date, hour), manifest in world.manifests.items():
        if (date, hour) in (CLOSED, SHAPED):
            continue
        inputs = [str(data / BUCKET / it["key"]) for it in manifest["live"]["inputs"]]
        folder = data / BUCKET / UNSORTED / date.replace("-", "/") / hour
        folder.mkdir(parents=True)
        duckdb.execute(
            f"COPY (SELECT * FROM read_json({inputs}, format='newline_delimited', columns={columns})) "
            f"TO '{folder / 'data.parquet'}' (FORMAT parquet, COMPRESSION zstd)"
        )


def register_unsorted(world: World) -> None:
    """The table over what DuckDB wrote, made from ours."""
    table = world.glue.get_table(DatabaseName=DATABASE, Name=PARQUET)["Table"]
    kept = ("StorageDescriptor", "PartitionKeys", "TableType", "Parameters")
    storage = table["StorageDescriptor"]
    world.glue.create_table(DatabaseName=DATABASE, TableInput={"Name": UNSORTED} | {key: table[key] for key in kept})
    for date, hour in world.manifests:
        location = f"s3://{BUCKET}/{UNSORTED}/{date.replace('-', '/')}/{hour}/"
        partition = {"Values": [date, hour], "StorageDescriptor": storage | {"Location": location}}
        world.glue.create_partition(DatabaseName=DATABASE, TableName=UNSORTED, PartitionInput=partition)


def answered(data: pathlib.Path) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Our questions with what our own engine answers, which has the folder to itself."""
    for question in QUESTIONS:
        for source in (JSON, PARQUET, VIEW):
            sql = question.format(source=source)
            yield sql, run("query", sql, "--data", str(data))


def hour_of(manifest: pathlib.Path) -> tuple[str, str]:
    """Date and hour that a manifest's path names."""
    year, month, day = manifest.parts[-4:-1]
    return f"{year}-{month}-{day}", manifest.stem


def put_odd_lines(s3: Any, hour: tuple[str, str]) -> None:
    """Writes the odd lines, among those of an object of the demo, as an object of an hour, as Firehose would."""
    keys = [it["Key"] for it in s3.list_objects_v2(Bucket=BUCKET, Prefix="logs/")["Contents"]]
    good = next(key for key in keys if not key.startswith((logs_of(CLOSED), logs_of(OPEN), logs_of(SHAPED))))
    lines = gzip.decompress(s3.get_object(Bucket=BUCKET, Key=good)["Body"].read()).removesuffix(b"\n").split(b"\n")
    s3.put_object(Bucket=BUCKET, Key=f"{logs_of(hour)}odd.gz", Body=gzip.compress(odd_lines.among(lines)))


def register(glue: Any, hour: tuple[str, str]) -> None:
    """Makes the partition of an hour in the JSON table, as the partitioner would."""
    table = glue.get_table(DatabaseName=DATABASE, Name=JSON)["Table"]
    storage = {**table["StorageDescriptor"], "Location": f"s3://{BUCKET}/{logs_of(hour)}"}
    partition = {"Values": list(hour), "StorageDescriptor": storage}
    glue.create_partition(DatabaseName=DATABASE, TableName=JSON, PartitionInput=partition)


def logs_of(hour: tuple[str, str]) -> str:
    """The prefix of an hour's JSON."""
    return f"logs/{hour[0].replace('-', '/')}/{hour[1]}/"


def odd_rows(world: World, table: str, hour: tuple[str, str]) -> list[Row]:
    """The rows of an hour that are not the demo's, without the partition keys, in the order of the columns."""
    condition = f"\"date\" = DATE '{hour[0]}' AND \"hour\" = '{hour[1]}' AND coalesce(log_id, '') NOT LIKE '900%'"
    rows = world.trino.query(f"SELECT * FROM {table} WHERE {condition}")
    return [row[: -len(KEYS)] for row in rows]


def fates(world: World, table: str, hour: tuple[str, str]) -> dict[str, str]:
    """What becomes of each odd line: how the rows that name it in `table` differ from those of the JSON table."""
    columns = [row[0] for row in world.trino.query(f"DESCRIBE {JSON}")]
    shown, kept = (by_name(odd_rows(world, source, hour), columns.index("description")) for source in (JSON, table))
    nameless = {name for name in shown.keys() | kept.keys() if name not in {odd.name for odd in odd_lines.ODD_LINES}}
    same(nameless - {None}, set(), "lines that nobody wrote")
    same(kept.get(None), None, "rows without a name in Parquet")
    return {odd.name: fate(shown.get(odd.name, []), kept.get(odd.name, []), columns) for odd in odd_lines.ODD_LINES}


def by_name(rows: list[Row], position: int) -> dict[str | None, list[Row]]:
    """Rows by the line that they are of, each once, sorted."""
    grouped: dict[str | None, list[Row]] = collections.defaultdict(list)
    for row in sorted(set(rows), key=repr):
        grouped[row[position]].append(row)
    return grouped


def fate(shown: list[Row], kept: list[Row], columns: list[str]) -> str:
    """What the rows of one line are like in the JSON table, `shown`, and in the Parquet one, `kept`."""
    if not shown or not kept:
        return odd_lines.JSON_ONLY if shown else "parquet only" if kept else odd_lines.NEITHER
    if shown == kept:
        return odd_lines.SAME
    if len(shown) != len(kept):
        return f"{len(shown)} rows in json, {len(kept)} in parquet"
    pairs = [(one, other) for one, other in zip(shown, kept, strict=True)]
    differing = [
        name for at, name in enumerate(columns[: -len(KEYS)]) if any(one[at] != other[at] for one, other in pairs)
    ]
    return f"differs in {', '.join(differing)}"


if __name__ == "__main__":
    sys.exit(main())
