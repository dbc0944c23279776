"""Puts what was built for one architecture into archives, with nothing in them that differs from build to build.

In the first everything lies where `aws cloudformation package` looks for it; the second has the command.
"""

import argparse
import gzip
import io
import json
import os
import pathlib
import re
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator

ROOT = pathlib.Path(__file__).resolve().parent.parent
FUNCTIONS = ("transform", "partitioner", "compactor")
COMMAND = "auth0-s3-logs"
# The earliest moment that a zip archive can name.
ZIP_TIME = (1980, 1, 1, 0, 0, 0)

# Path, bytes, and whether it is a program.
File = tuple[str, bytes, bool]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--architecture", required=True, choices=("arm64", "x86_64"))
    parser.add_argument("--target", required=True, help="Rust's name of it")
    options = parser.parse_args()
    metadata = cargo_metadata(options.target)
    [version] = (it["version"] for it in metadata["packages"] if it["name"] == COMMAND)
    target = pathlib.Path(metadata["target_directory"])
    deployed = f"{COMMAND}-{version}-{options.architecture}"
    command = f"{COMMAND}-command-{version}-linux-{options.architecture}"
    for name, files, programs in (
        (deployed, deployable(options.architecture, target / "lambda"), FUNCTIONS),
        (command, own_command(target / options.target / "release", target / "pages"), (COMMAND,)),
    ):
        (ROOT / "dist" / f"{name}.tar.gz").write_bytes(archive(name, files))
        (ROOT / "dist" / f"{name}.cdx.json").write_text(bill_of_materials(name, version, metadata, programs))


def deployable(architecture: str, functions: pathlib.Path) -> Iterator[File]:
    """What is deployed and read; `functions` has a folder with a `bootstrap` for each function."""
    for name in ("README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"):
        yield name, (ROOT / name).read_bytes(), False
    # What Git knows, and not what Terraform or an editor left there.
    listed = subprocess.run(["git", "ls-files", "docs", "templates"], cwd=ROOT, check=True, stdout=subprocess.PIPE)
    for path in listed.stdout.decode().splitlines():
        yield path, rendered(ROOT / path, architecture), False
    for function in FUNCTIONS:
        bootstrap = (functions / function / "bootstrap").read_bytes()
        yield f"target/lambda/{function}/bootstrap.zip", zipped(bootstrap), False


def own_command(folder: pathlib.Path, pages: pathlib.Path) -> Iterator[File]:
    """The command, and what `pages` has for shells and `man`."""
    yield "LICENSE", (ROOT / "LICENSE").read_bytes(), False
    yield COMMAND, (folder / COMMAND).read_bytes(), True
    for path in filter(pathlib.Path.is_file, pages.rglob("*")):
        yield str(path.relative_to(pages)), path.read_bytes(), False


def rendered(path: pathlib.Path, architecture: str) -> bytes:
    """A file as it is, but for the architecture that the root template takes if none is named."""
    if path.name != "root.yaml":
        return path.read_bytes()
    before = "AllowedValues: [arm64, x86_64]\n    Default: arm64\n"
    text = path.read_text()
    if text.count(before) != 1:
        raise ValueError(f"{path} does not name a default architecture as expected")
    return text.replace(before, before.replace("Default: arm64", f"Default: {architecture}")).encode()


def zipped(bootstrap: bytes) -> bytes:
    """A function's package."""
    own = zipfile.ZipInfo("bootstrap", ZIP_TIME)
    own.external_attr, own.compress_type, own.create_system = 0o755 << 16, zipfile.ZIP_DEFLATED, 3
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as package:
        package.writestr(own, bootstrap, compresslevel=9)
    return packed.getvalue()


def archive(name: str, files: Iterator[File]) -> bytes:
    """A compressed archive of the files, in one folder, by their names."""
    packed = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=9, mtime=0, filename="") as stream,
        tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        for path, content, is_program in sorted(files):
            own = tarfile.TarInfo(f"{name}/{path}")
            own.size, own.mode = len(content), 0o755 if is_program else 0o644
            own.mtime = int(os.environ.get("SOURCE_DATE_EPOCH", "0"))
            tar.addfile(own, io.BytesIO(content))
    return packed.getvalue()


def cargo_metadata(target: str) -> dict:
    told = subprocess.run(
        ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", target],
        cwd=ROOT, check=True, stdout=subprocess.PIPE,
    )
    return json.loads(told.stdout)


def bill_of_materials(name: str, version: str, metadata: dict, programs: tuple[str, ...]) -> str:
    """Which crates are in these programs, as CycloneDX 1.5."""
    packages = {package["id"]: package for package in metadata["packages"]}
    within = [packages[node] for node in shipped(metadata, programs)]
    components = [component(package) for package in within if package["source"]]
    bill = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": {"type": "application", "name": name, "version": version}},
        "components": sorted(components, key=lambda it: it["purl"]),
    }
    return json.dumps(bill, indent=2) + "\n"


def shipped(metadata: dict, programs: tuple[str, ...]) -> set[str]:
    """The packages that end up in the programs: these, and what each needs to run."""
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    waiting = [it["id"] for it in metadata["packages"] if it["name"] in programs and not it["source"]]
    found: set[str] = set()
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            needs = nodes[node]["deps"]
            waiting += [it["pkg"] for it in needs if any(kind["kind"] is None for kind in it["dep_kinds"])]
    return found


def component(package: dict) -> dict:
    purl = f"pkg:cargo/{package['name']}@{package['version']}"
    # Older crates part their licences by a slash, which is no expression.
    licence = [{"expression": re.sub(r"\s*/\s*", " OR ", package["license"])}] if package["license"] else []
    told = {"type": "library", "name": package["name"], "version": package["version"], "purl": purl}
    return told | {"bom-ref": purl, "licenses": licence}


if __name__ == "__main__":
    main()
