"""Hours of a quarter, one and four gigabytes of JSON: what ours takes as they grow."""

import dataclasses
import pathlib
import shutil
import statistics
from collections.abc import Sequence
from typing import Any

from harness import compaction, process, report, setup

# Bytes of JSON of one object, about as in the hour that the peers are given, and of one event.
OBJECT_BYTES = 13.5e6
EVENT_BYTES = 1617


def measure(work: pathlib.Path, gigabytes: Sequence[float], rounds: int) -> report.Part:
    """Compacts hours of so many gigabytes of JSON."""
    folder = work / "growth"
    rows: list[list[str]] = []
    figures: list[dict[str, Any]] = []
    for size in gigabytes:
        events, files = round(size * 1e9 / EVENT_BYTES), max(1, round(size * 1e9 / OBJECT_BYTES))
        hour = work / f"hour-{events}-{files}"
        made = setup.hour(hour, events, files)
        shutil.rmtree(folder, ignore_errors=True)
        try:
            runs = repeat(compaction.Ours(compaction.OURS, hour, folder), rounds, f"{size:g} GB")
        except process.Failed as failed:
            rows.append([f"{made['json_bytes'] / 1e9:.2f}", "not done", str(failed), "", ""])
            figures.append({**made, "failed": str(failed)})
            continue
        cells = [report.spread([of(run) for run in runs], show) for _, of, show in compaction.MEASURES]
        rows.append([f"{made['json_bytes'] / 1e9:.2f}", *cells])
        figures.append({**made, "runs": [dataclasses.asdict(run) for run in runs]})
    shutil.rmtree(folder, ignore_errors=True)
    header = ["JSON, GB", *(name for name, _, _ in compaction.MEASURES)]
    limits = ", ".join(f"`{name}={value}`" for name, value in compaction.ENVIRONMENT.items())
    text = f"Ours, with {limits}. {report.medians(rounds)}\n\n{report.table(header, rows)}\n\n{growth_text(figures)}"
    return report.Part("growth", text, {"environment": compaction.ENVIRONMENT, "hours": figures})


def repeat(ours: compaction.Ours, rounds: int, size: str) -> list[compaction.Run]:
    """Compacts one hour several times."""
    runs = []
    for number in range(rounds):
        setup.say(f"{size} of JSON, {number + 1} of {rounds}")
        ours.prepare()
        usage = ours.run()
        runs.append(compaction.Run(usage, sum(path.stat().st_size for path in ours.files())))
    return runs


def growth_text(figures: Sequence[dict[str, Any]]) -> str:
    """How much more memory each hour takes than the one before."""
    done = [it for it in figures if "runs" in it]
    peaks = [statistics.median(run["usage"]["peak_bytes"] for run in it["runs"]) for it in done]
    sizes = [it["json_bytes"] for it in done]
    told = [
        f"{sizes[number] / sizes[number - 1]:.1f} times the JSON took"
        f" {peaks[number] / peaks[number - 1]:.2f} times the memory"
        for number in range(1, len(done))
    ]
    return "; ".join(told) + "." if told else "One hour alone does not grow."
