"""Tables that are read as they are, and as Markdown; and the page that keeps them."""

import dataclasses
import datetime
import importlib.metadata
import os
import pathlib
import platform
import re
import statistics
import textwrap
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from harness import process, setup

PAGE = process.ROOT / "docs" / "performance.md"


@dataclasses.dataclass
class Part:
    """What one part of the benchmarks found: for people, and the same for machines."""

    name: str
    text: str
    figures: dict[str, Any]


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown whose columns stand under each other; all but the first are numbers."""
    lines = [list(header), *(list(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]

    def shown(line: Sequence[str]) -> str:
        first, *rest = line
        cells = [first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(rest, widths[1:]))]
        return "| " + " | ".join(cells) + " |"

    rule = "|" + "|".join(["-" * (widths[0] + 2), *("-" * (width + 1) + ":" for width in widths[1:])]) + "|"
    return "\n".join([shown(lines[0]), rule, *map(shown, lines[1:])])


def paragraph(text: str) -> str:
    """Text in lines that are not too long."""
    return textwrap.fill(text, 120, break_long_words=False, break_on_hyphens=False)


def spread(values: Sequence[float], show: Callable[[float], str]) -> str:
    """The median, with the least and the greatest where there are several: `1.63 (1.58–1.70)`."""
    middle = show(statistics.median(values))
    return middle if len(values) == 1 else f"{middle} ({show(min(values))}–{show(max(values))})"


def medians(rounds: int) -> str:
    """What stands in the cells of a table."""
    return f"Medians of {rounds} rounds (least–greatest)." if rounds > 1 else "One round."


def seconds(value: float) -> str:
    """`1.63`"""
    return f"{value:.2f}"


def mebibytes(value: float) -> str:
    """`965`"""
    return f"{value / (1 << 20):.0f}"


def megabytes(value: float) -> str:
    """`46.3`"""
    return f"{value / 1e6:.1f}"


def ratio(ours: float, others: float) -> str:
    """`0.61`: how much of the others' ours is."""
    return f"{ours / others:.2f}" if others else "–"


def machine() -> dict[str, Any]:
    """What the figures were taken on."""
    model = re.search(r"^model name\s*: (.*)$", _read("/proc/cpuinfo"), re.MULTILINE)
    memory = re.search(r"^MemTotal:\s*(\d+) kB$", _read("/proc/meminfo"), re.MULTILINE)
    return {
        "processor": model.group(1) if model else platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_bytes": int(memory.group(1)) * 1024 if memory else None,
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "python": platform.python_version(),
    }


def machine_text(it: dict[str, Any]) -> str:
    """The same in a line."""
    memory = f", {it['memory_bytes'] / (1 << 30):.0f} GiB" if it["memory_bytes"] else ""
    return f"{it['cores']} cores of {it['processor']}{memory}, {it['system']}, Python {it['python']}"


def versions() -> dict[str, str]:
    """What the peers' venv holds of what requirements.txt names."""
    [site] = (process.VENV / "lib").glob("python*/site-packages")
    found = {it.name: it.version for it in importlib.metadata.distributions(path=[str(site)])}
    names = [line.partition("==")[0] for line in setup.REQUIREMENTS.read_text().splitlines() if "==" in line]
    return {name: found[name] for name in names}


def load() -> str:
    """How busy the machine was before anything was measured."""
    return f"{os.getloadavg()[0]:.2f}"


def write_page(parts: Sequence[Part], headline: str) -> None:
    """Puts each part, with when and where it was measured, between its two marks in docs/performance.md."""
    page = PAGE.read_text()
    for part in parts:
        begin, end = f"<!-- {part.name} -->\n", f"<!-- /{part.name} -->"
        before, found, rest = page.partition(begin)
        _, ended, after = rest.partition(end)
        if not found or not ended:
            raise process.Failed(f"{PAGE} has no place for {part.name}: {begin.strip()} … {end}")
        page = f"{before}{begin}{headline}\n\n{part.text.strip()}\n{end}{after}"
    PAGE.write_text(page)


def today() -> str:
    """`2026-11-25`"""
    return datetime.date.today().isoformat()


def _read(path: str) -> str:
    file = pathlib.Path(path)
    return file.read_text() if file.exists() else ""
