"""What a terabyte of JSON lines costs to compact on Lambda, from what was measured and a price list."""

import collections
import json
import pathlib
import shutil
import statistics
import subprocess
import tomllib
from typing import Any

from harness import compaction, process, report, setup

PRICES = process.BENCH / "prices.toml"
# What functions are given, MB.
MEMORY_MB = (512, 1024, 1769, compaction.DEFAULT_MB, 10240)
# A function is given so many times its peak, for hours are not alike.
HEADROOM = 1.25
TERABYTE = 1e12
# What S3 bills like a PUT, and what it bills nothing for; all else is billed like a GET.
LIKE_PUT = ("PutObject", "CopyObject", "ListObjects", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload")
FREE = ("DeleteObject", "AbortMultipartUpload")
# The partition is read and written, the view and the hours next to its watermark are read: docs/operations.md, "What it
# costs".
GLUE_REQUESTS = 10


def calls(hour: pathlib.Path, folder: pathlib.Path) -> dict[str, int]:
    """Which calls of S3 our command makes for the hour, counted at the server."""
    data, log = folder / "served", folder / "access.ndjson"
    shutil.rmtree(data, ignore_errors=True)
    compaction.link(hour / setup.LOGS, data / setup.LOGS)
    command = str(setup.command())
    serve = [command, "serve", "--data", str(data), "--port", "0", "--json", "--access-log", str(log)]
    where = ["--aws", "--bucket", str(setup.BUCKET), "--hour", setup.HOUR]
    with subprocess.Popen(serve, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout
            told = "".join(iter(server.stdout.readline, "}\n"))
            credentials = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_REGION": "us-east-1"}
            environment = {
                **compaction.ENVIRONMENT,
                **credentials,
                "AWS_ENDPOINT_URL": json.loads(told + "}")["endpoint"],
            }
            # The first makes the tables and the view of an empty account.
            process.run([command, "compact", "--json", *where], environment)
        finally:
            server.terminate()
    shutil.rmtree(data)
    return dict(collections.Counter(json.loads(line)["call"] for line in log.read_text().splitlines()))


def model(work: pathlib.Path, figures: dict[str, Any]) -> report.Part:
    """Dollars for a terabyte of JSON, for each who was measured."""
    counted = calls(work / f"hour-{figures['events']}-{figures['files']}", work)
    prices = tomllib.loads(PRICES.read_text())
    hours = TERABYTE / figures["json_bytes"]
    rows, told = [], {}
    for name, runs in figures["runs"].items():
        wall, cpu, peak = (
            statistics.median(run["usage"][of] for run in runs) for of in ("wall_s", "cpu_s", "peak_bytes")
        )
        least = next((mb for mb in MEMORY_MB if mb << 20 >= peak * HEADROOM), MEMORY_MB[-1])
        ours = name in compaction.ENVIRONMENTS
        requests = hours * (ours_requests(counted, prices) if ours else peer_requests(figures["files"], prices))
        memory_mb = compaction.DEFAULT_MB if name == compaction.ROOMY else least
        duration_s = cpu / min(memory_mb / prices["lambda"]["mb_per_vcpu"], cpu / wall)
        compute = hours * duration_s * memory_mb / 1024 * prices["lambda"]["arm64_gb_second"]
        cells = [
            f"{memory_mb:,}",
            report.seconds(duration_s),
            *(f"{it:.3f}" for it in (compute, requests, compute + requests)),
        ]
        rows.append([name, *cells])
        told[f"{name} {memory_mb} MB"] = {"duration_s": duration_s, "compute": compute, "requests": requests}
    header = ["", "memory, MB", "an hour takes, s", "Lambda, $/TB", "requests, $/TB", "all, $/TB"]
    text = f"{report.table(header, rows)}\n\n{formula(prices, figures, counted, hours)}"
    return report.Part("cost", text, {"prices": prices, "hours": hours, "calls": counted, "dollars": told})


def ours_requests(calls: dict[str, int], prices: dict[str, Any]) -> float:
    """Dollars for the requests of one hour: those that were counted, Glue's and the invocation."""
    s3 = prices["s3"]
    billed = {call: count for call, count in calls.items() if not call.startswith(FREE)}
    dollars = sum(count * (s3["put"] if call.startswith(LIKE_PUT) else s3["get"]) for call, count in billed.items())
    return float(dollars + GLUE_REQUESTS * prices["glue"]["request"] + prices["lambda"]["request"])


def peer_requests(files: int, prices: dict[str, Any]) -> float:
    """Dollars for the least that any program asks: one listing, every object, one file; no commit and no catalog."""
    s3 = prices["s3"]
    return float(s3["list"] + files * s3["get"] + s3["put"] + prices["lambda"]["request"])


def formula(prices: dict[str, Any], figures: dict[str, Any], calls: dict[str, int], hours: float) -> str:
    """How the dollars come about."""
    counted = ", ".join(f"{count} {call}" for call, count in sorted(calls.items()))
    per_vcpu = prices["lambda"]["mb_per_vcpu"]
    return report.paragraph(
        f"$/TB = hours × (seconds × MB / 1024 × {prices['lambda']['arm64_gb_second']:.10f} + requests), where"
        f" hours = 10¹² / {figures['json_bytes']:,} bytes = {hours:,.0f} and"
        f" seconds = CPU / min(MB / {per_vcpu}, CPU / wall): a function has MB / {per_vcpu} processors, and no"
        f" program uses more than it did here. One of Lambda's is taken to be as fast as"
        f" one here. MB is the least that holds {HEADROOM} times the peak, of {compaction.ROOMY} the template's."
        f" Requests of ours for this hour: {counted}, {GLUE_REQUESTS} of Glue, one invocation; of the others"
        f" the least there is: one LIST, {figures['files']} GET, one PUT. Prices of {prices['date']},"
        f" {prices['region']}, {prices['source']}."
    )
