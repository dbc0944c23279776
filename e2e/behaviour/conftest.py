"""One suite for several servers: what each of them answers is held against what AWS answers.

A test module says with `SERVERS` which servers have its service, and with `DIFFERENCES`, (server, case) → reason, where
one of them is known to answer otherwise than AWS. A case is a test's name without `test_`, with its parameters in
brackets where it has any; without them it stands for all of its cases. A difference that no longer differs fails the
suite, as does one whose case is gone.
"""

import itertools
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import botocore.exceptions
import pytest

import servers

# Nothing else counts as a difference: a server that can't be reached is none.
OTHER_ANSWERS = (
    AssertionError,
    KeyError,
    botocore.exceptions.ClientError,
    botocore.exceptions.ConnectionClosedError,
)


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator["Server"]:
    """A running server, started once for all the tests that are run against it."""
    data = tmp_path_factory.mktemp(request.param)
    with servers.SERVERS[request.param](data) as endpoint:
        yield Server(request.param, endpoint, data)


class Server:
    """A server that runs: its name in `servers.SERVERS`, its endpoint and its folder."""

    def __init__(self, name: str, endpoint: str, data: pathlib.Path) -> None:
        self.name = name
        self.endpoint = endpoint
        self.data = data

    def client(self, service: str, **config: Any) -> Any:
        """A boto3 client of `service` that tries each call once, with `config` for its botocore Config."""
        return servers.client(service, self.endpoint, **{"retries": {"total_max_attempts": 1}, **config})


@pytest.fixture(scope="session")
def endpoint(server: Server) -> str:
    """The URL that the server listens on."""
    return server.endpoint


@pytest.fixture(scope="session")
def s3(server: Server) -> Any:
    """An S3 client of the server."""
    return server.client("s3")


@pytest.fixture(scope="session")
def glue(server: Server) -> Any:
    """A Glue client of the server."""
    return server.client("glue")


@pytest.fixture(scope="session")
def new_name() -> Callable[[str], str]:
    """Makes names, of buckets or databases, that no other test of the run uses."""
    numbers = itertools.count(1)
    return lambda stem: f"{stem}-{next(numbers)}"


@pytest.fixture
def bucket(s3: Any, new_name: Callable[[str], str]) -> str:
    """An empty bucket of the test's own."""
    name = new_name("case")
    s3.create_bucket(Bucket=name)
    return name


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Runs every test that talks to a server against each one of its module's."""
    if "server" in metafunc.fixturenames:
        names = getattr(metafunc.module, "SERVERS", tuple(servers.SERVERS))
        metafunc.parametrize("server", names, indirect=True, scope="session")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Expects the differences that the modules list, and only them."""
    met = set()
    for item in items:
        name, case = case_of(item)
        for listed in {(name, case), (name, case.partition("[")[0])} & differences(item).keys():
            met.add((item.module, *listed))
            item.add_marker(pytest.mark.xfail(reason=differences(item)[listed], raises=OTHER_ANSWERS, strict=True))
    is_partial = any("::" in argument for argument in config.args)
    listed = {(item.module, *case) for item in items for case in differences(item)}
    if listed != met and not is_partial:
        gone = sorted(f"{module.__name__}: {case} on {name}" for module, name, case in listed - met)
        raise pytest.UsageError(f"differences are listed of cases that are not there: {gone}")


def differences(item: pytest.Item) -> dict[tuple[str, str], str]:
    """The differences that the test's module lists."""
    return getattr(item.module, "DIFFERENCES", {})


def case_of(item: pytest.Item) -> tuple[str, str]:
    """The server that a test is run against, and the test's name among those of this server."""
    if not hasattr(item, "callspec") or "server" not in item.callspec.params:
        return ("", item.name)
    name = item.callspec.params["server"]
    rest = [part for part in item.callspec._idlist if part != name]
    brackets = f"[{'-'.join(rest)}]" if rest else ""
    return (name, item.originalname.removeprefix("test_") + brackets)
