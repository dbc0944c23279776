"""A Firehose batch becomes log lines: payload in, response out, on one core."""

import json
import pathlib
import statistics
from collections.abc import Sequence

from harness import process, report, setup

EVENTS = 20_000
PEERS = {"Python, json": "transform_stdlib.py", "Python, orjson": "transform_orjson.py"}
OURS = "ours"
# How often all batches are answered in one run, so that each runs for about as long.
REPEATED = {OURS: 20, "Python, json": 2, "Python, orjson": 5}


def measure(work: pathlib.Path, rounds: int) -> report.Part:
    """Checks that all give the same lines, then times them in turn."""
    folder = work / "transform"
    folder.mkdir(parents=True, exist_ok=True)
    batches = folder / "batches.ndjson"
    setup.say(f"making batches of {EVENTS:,} events")
    made = json.loads(process.run([setup.tool("make-batches"), batches, "--events", str(EVENTS)])[1])
    ours = setup.tool("transform-batches")
    commands: dict[str, list[str | pathlib.Path]] = {
        OURS: [ours, batches],
        **{name: [process.PYTHON, process.PEERS / script, batches] for name, script in PEERS.items()},
    }
    check(commands, folder)
    found: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(rounds):
        for name in commands if number % 2 == 0 else reversed(commands):
            setup.say(f"round {number + 1} of {rounds}: {name}")
            found[name].append(events_per_second(commands[name], REPEATED[name]))
    rows = [
        [
            name,
            report.spread([rate / 1000 for rate in rates], lambda rate: f"{rate:.0f}"),
            f"{statistics.median(found[OURS]) / statistics.median(rates):.1f}",
        ]
        for name, rates in found.items()
    ]
    how = report.paragraph(
        f"{EVENTS:,} events in {made['batches']} invocations of up to 1 MiB of records, over and over."
        f" {report.medians(rounds)}"
    )
    text = f"{how}\n\n{report.table(['', 'thousand events / s of CPU', 'ours / it'], rows)}"
    return report.Part("transform", text, {**made, "rounds": rounds, "events_per_cpu_second": found})


def check(commands: dict[str, list[str | pathlib.Path]], folder: pathlib.Path) -> None:
    """Compares every peer's lines with ours."""
    outs = {name: folder / f"{number}.ndjson" for number, name in enumerate(commands)}
    for name, command in commands.items():
        process.run([*command, "--repeat", "0", "--out", outs[name]])
    for name in PEERS:
        lines = int(process.peer("check_transform.py", outs[OURS], outs[name])[1])
        if lines != EVENTS:
            raise process.Failed(f"{EVENTS} events gave {lines} lines")
    for out in outs.values():
        out.unlink()


def events_per_second(command: Sequence[str | pathlib.Path], repeated: int) -> float:
    """Events by second of CPU, without what starting and reading the file take."""
    start, _ = process.run([*command, "--repeat", "0"])
    usage, _ = process.run([*command, "--repeat", str(repeated)])
    return EVENTS * repeated / (usage.cpu_s - start.cpu_s)
