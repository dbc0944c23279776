"""From a function's start to its first request for an invocation, on a stand-in for the Runtime API."""

import contextlib
import os
import pathlib
import socket
import statistics
import subprocess
import time
from collections.abc import Sequence

from harness import process, report, setup

TIMES = 20
NEXT = b"GET /2018-06-01/runtime/invocation/next"
PATIENCE_S = 30
FUNCTIONS = ("transform", "partitioner", "compactor")
PEERS = {"Python": "cold_start_stdlib.py", "Python with boto3": "cold_start_boto3.py"}
# What a function needs nothing of, it is not compared with.
COMPARED = {"transform": "Python", "partitioner": "Python with boto3", "compactor": "Python with boto3"}
ENVIRONMENT = {
    "AWS_LAMBDA_FUNCTION_NAME": "function",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "3008",
    "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
    "AWS_LAMBDA_LOG_FORMAT": "JSON",
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "GLUE_DATABASE": "auth0_event_logs",
    "LOG_BUCKET": "auth0-logs",
}


def measure(functions: pathlib.Path | None) -> report.Part:
    """Starts each in turn, again and again. The programs are in `functions`, or built here."""
    folder = functions or setup.functions(FUNCTIONS)
    commands: dict[str, list[str | pathlib.Path]] = {name: [program(folder, name)] for name in FUNCTIONS}
    commands |= {name: [process.PYTHON, process.PEERS / script] for name, script in PEERS.items()}
    milliseconds: dict[str, list[float]] = {name: [] for name in commands}
    with socket.create_server(("127.0.0.1", 0)) as api:
        api.settimeout(PATIENCE_S)
        for number in range(TIMES + 1):
            if number % 5 == 0:
                setup.say(f"starts {number} of {TIMES}")
            for name, command in commands.items():
                took = start(command, api)
                # The first finds nothing in memory yet, neither file nor bytecode.
                if number:
                    milliseconds[name].append(took * 1000)
    return report.Part("cold-start", text(milliseconds, functions), {"milliseconds": milliseconds})


def program(folder: pathlib.Path, name: str) -> pathlib.Path:
    """A function's program: of its name, or in a folder of its name as cargo-lambda puts it there."""
    path = (folder / name).resolve()
    return path / "bootstrap" if path.is_dir() else path


def start(command: Sequence[str | pathlib.Path], api: socket.socket) -> float:
    """The seconds until a process asks for its first invocation. It gets none, and is ended."""
    environment = {**os.environ, **ENVIRONMENT, "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{api.getsockname()[1]}"}
    started = time.monotonic()
    with contextlib.ExitStack() as stack:
        child = stack.enter_context(
            subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        )
        stack.callback(child.kill)
        try:
            connection, _ = api.accept()
        except TimeoutError:
            raise process.Failed(f"{command[-1]} asked for nothing in {PATIENCE_S} s") from None
        asked = stack.enter_context(connection).recv(len(NEXT), socket.MSG_WAITALL)
        took = time.monotonic() - started
    if asked != NEXT:
        raise process.Failed(f"{command[-1]} asked for {asked!r}")
    return took


def text(milliseconds: dict[str, list[float]], functions: pathlib.Path | None) -> str:
    """The medians, and what part of a Python function's each is."""
    rows = []
    for name, took in milliseconds.items():
        peer = COMPARED.get(name)
        times = statistics.median(milliseconds[peer]) / statistics.median(took) if peer else 0
        rows.append(
            [
                name,
                report.spread(took, lambda value: f"{value:.1f}"),
                f"{times:.0f} times as fast as {peer}" if peer else "",
            ]
        )
    built = "as packaged" if functions else "built in release"
    how = report.paragraph(
        f"From exec to the first request for an invocation: medians of {TIMES} starts (least–greatest), files in"
        f" memory, our functions {built}. Python stands for a managed runtime: an interpreter that imports what its"
        " handler needs, and makes the clients of S3 and Glue where it needs any."
    )
    return f"{how}\n\n{report.table(['', 'ms', 'is'], rows)}"
