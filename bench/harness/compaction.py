"""An hour of gzip JSON lines becomes sorted Parquet: the same work by us and by four peers."""

import dataclasses
import json
import os
import pathlib
import shutil
import statistics
from collections.abc import Callable, Sequence
from typing import Any

from harness import process, report, setup

# Given to ours in every run: bytes of rows that it holds at once; and glibc's heaps, as the template sets them.
ENVIRONMENT = {"MEMORY_BYTES_MAX": str(128 << 20), "MALLOC_ARENA_MAX": "2"}
PEERS = ("DuckDB", "Polars", "DataFusion", "pyarrow")
OURS = "auth0-s3-logs"
# With half of what the template gives the function, MB, as the function takes it: all rows of such an hour.
DEFAULT_MB = 3008
ROOMY = "auth0-s3-logs, 1.5 GB"
ENVIRONMENTS = {OURS: ENVIRONMENT, ROOMY: {**ENVIRONMENT, "MEMORY_BYTES_MAX": str(DEFAULT_MB // 2 << 20)}}


@dataclasses.dataclass
class Run:
    """One run of one contender."""

    usage: process.Usage
    bytes_out: int


class Ours:
    """Our command over a folder that stands for the bucket: it lists, claims, reads, writes, reads back, commits,
    registers the partition and moves the view, as on AWS."""

    def __init__(self, name: str, hour: pathlib.Path, folder: pathlib.Path) -> None:
        self.name = name
        self.hour = hour
        self.data = folder / name
        self.command = setup.command()

    def prepare(self) -> None:
        """Puts back what was there before: the objects, and nothing made of them. S3 knows the ETag of what lies in it, so
        the embedded one takes them here: it does so when it first lists a file that another program has put there."""
        shutil.rmtree(self.data, ignore_errors=True)
        link(self.hour / setup.LOGS, self.data / setup.LOGS)
        process.run([self.command, "status", "--data", str(self.data)])

    def run(self) -> process.Usage:
        """Compacts the hour."""
        options = ["compact", "--json", "--data", str(self.data), "--hour", setup.HOUR]
        usage, printed = process.run([self.command, *options], ENVIRONMENTS[self.name], (0, 1))
        [told] = json.loads(printed)["hours"]
        if told["outcome"] != "compacted":
            raise process.Failed(f"{OURS} did not compact the hour: {told['reason']}")
        return usage

    def start(self) -> process.Usage:
        """Starts, and does nothing."""
        return process.run([self.command, "--version"])[0]

    def files(self) -> list[pathlib.Path]:
        """What it wrote."""
        return sorted((self.data / setup.BUCKET / "parquet").rglob("*.parquet"))


class Peer:
    """A script in peers/ that reads a folder of objects and writes a Parquet file."""

    def __init__(self, name: str, hour: pathlib.Path, folder: pathlib.Path) -> None:
        self.name = name
        self.script = f"compact_{name.lower()}.py"
        self.hour = hour
        self.out = folder / f"{name.lower()}.parquet"

    def prepare(self) -> None:
        """Removes what it wrote before."""
        self.out.unlink(missing_ok=True)

    def run(self) -> process.Usage:
        """Does the work."""
        return process.peer(self.script, self.hour / setup.LOGS, self.out)[0]

    def start(self) -> process.Usage:
        """Starts the interpreter, imports what it needs, and does nothing."""
        return process.peer(self.script)[0]

    def files(self) -> list[pathlib.Path]:
        """What it wrote."""
        return [self.out]


Contender = Ours | Peer


def link(source: pathlib.Path, target: pathlib.Path) -> None:
    """Makes the files of `source` be in `target` too."""
    target.mkdir(parents=True)
    for path in source.iterdir():
        os.link(path, target / path.name)


def measure(work: pathlib.Path, events: int, files: int, rounds: int) -> report.Part:
    """Checks that all contenders give the same rows, then times them in turn."""
    hour = work / f"hour-{events}-{files}"
    made = setup.hour(hour, events, files)
    folder = work / "compaction"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    contenders: list[Contender] = [
        *(Ours(name, hour, folder) for name in ENVIRONMENTS),
        *(Peer(name, hour, folder) for name in PEERS),
    ]
    checked = check(contenders, events)
    setup.say(f"all {len(contenders)} wrote the same {events:,} rows in the same order; now to the times")
    runs = time_in_turn(contenders, rounds)
    starts = {it.name: it.start() for it in contenders}
    floors = json.loads(process.peer("floors.py", hour / setup.LOGS)[1])
    shutil.rmtree(folder)
    text = "\n\n".join(
        [
            report.paragraph(
                f"{events:,} distinct events of one hour: {files} gzip objects, together"
                f" {report.megabytes(made['gzip_bytes'])} MB, of {report.megabytes(made['json_bytes'])} MB of JSON"
                f" lines. Ours holds 128 MiB of rows at once, and on a second line as many as the function does with the"
                f" template's {DEFAULT_MB:,} MB, which is all of them. {report.medians(rounds)}"
            ),
            table_of(runs),
            "Ours as a share of each peer's:",
            ratios(runs),
            report.paragraph(f"Starting up, which is part of the above (s of CPU): {starts_text(starts)}."),
            floors_text(floors, runs),
        ]
    )
    figures = {
        **made,
        "rounds": rounds,
        "environments": ENVIRONMENTS,
        "checked": checked,
        "runs": {name: [dataclasses.asdict(run) for run in its] for name, its in runs.items()},
        "starts": {name: dataclasses.asdict(usage) for name, usage in starts.items()},
        "floors": floors,
    }
    return report.Part("compaction", text, figures)


def check(contenders: Sequence[Contender], events: int) -> list[dict[str, Any]]:
    """Runs each once, untimed, and compares every peer's rows with ours. A difference is an error."""
    ours, *peers = contenders
    for contender in contenders:
        setup.say(f"{contender.name} once, to compare what it writes")
        contender.prepare()
        contender.run()
    found = []
    for peer in peers:
        arguments = [str(events), ",".join(map(str, ours.files())), ",".join(map(str, peer.files()))]
        _, printed = process.peer("check_compaction.py", *arguments)
        found.append({"peer": peer.name, **json.loads(printed)})
    return found


def time_in_turn(contenders: Sequence[Contender], rounds: int) -> dict[str, list[Run]]:
    """Lets each run once a round; ours first in odd rounds, last in even ones."""
    runs: dict[str, list[Run]] = {it.name: [] for it in contenders}
    for number in range(rounds):
        for contender in contenders if number % 2 == 0 else reversed(contenders):
            setup.say(f"round {number + 1} of {rounds}: {contender.name}")
            contender.prepare()
            # What was written before is not to be written out while this one runs.
            os.sync()
            usage = contender.run()
            runs[contender.name].append(Run(usage, sum(path.stat().st_size for path in contender.files())))
    return runs


# What is measured of a run, and how it is shown.
MEASURES: tuple[tuple[str, Callable[[Run], float], Callable[[float], str]], ...] = (
    ("wall, s", lambda run: run.usage.wall_s, report.seconds),
    ("CPU, s", lambda run: run.usage.cpu_s, report.seconds),
    ("peak memory, MiB", lambda run: run.usage.peak_bytes, report.mebibytes),
    ("Parquet, MB", lambda run: run.bytes_out, report.megabytes),
)


def table_of(runs: dict[str, list[Run]]) -> str:
    """The medians of each contender."""
    rows = [
        [name, *(report.spread([of(run) for run in its], show) for _, of, show in MEASURES)]
        for name, its in runs.items()
    ]
    return report.table(["", *(name for name, _, _ in MEASURES)], rows)


def ratios(runs: dict[str, list[Run]]) -> str:
    """Our medians, divided by each peer's."""
    rows = [
        [f"{ours} / {peer}", *(report.ratio(median(runs[ours], of), median(runs[peer], of)) for _, of, _ in MEASURES)]
        for ours in ENVIRONMENTS
        for peer in PEERS
    ]
    return report.table(["", *(name.partition(",")[0] for name, _, _ in MEASURES)], rows)


def median(runs: Sequence[Run], of: Callable[[Run], float]) -> float:
    """The median of one measure."""
    return statistics.median(of(run) for run in runs)


def starts_text(starts: dict[str, process.Usage]) -> str:
    """The start of each in a line."""
    return ", ".join(f"{name} {usage.cpu_s:.2f}" for name, usage in starts.items())


def floors_text(floors: dict[str, Any], runs: dict[str, list[Run]]) -> str:
    """What nobody who does this work gets around, on one core."""
    gunzip, zstd, copy = (floors[f"{name}_s"] for name in ("gunzip", "zstd", "copy"))
    ours = median(runs[OURS], lambda run: run.usage.cpu_s)
    return report.paragraph(
        f"Floors, on one core: to gunzip the objects with libdeflate takes {gunzip:.2f} s, the JSON text through zstd"
        f" at level {floors['zstd_level']} {zstd:.2f} s, a copy of it in memory {copy:.2f} s. Ours takes"
        f" {ours / (gunzip + zstd):.2f} times the first two together."
    )
