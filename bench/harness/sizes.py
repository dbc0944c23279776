"""The packages that are deployed."""

import pathlib
import zipfile

from harness import process, report

# What ELF calls the processors of Lambda: two bytes, 18 from the beginning.
PROCESSORS = {b"\x3e\x00": "x86_64", b"\xb7\x00": "arm64"}


def measure() -> report.Part:
    """The size of each package that is there."""
    packages = sorted((process.ROOT / "target" / "lambda").glob("*/bootstrap.zip"))
    found = {path.parent.name: {"bytes": path.stat().st_size, "for": processor(path)} for path in packages}
    if not found:
        text = "No packages in target/lambda; the README's third step builds them."
    else:
        rows = [[name, it["for"], report.megabytes(it["bytes"])] for name, it in found.items()]
        text = report.table(["package", "for", "zip, MB"], rows)
    return report.Part("sizes", text, {"zips": found})


def processor(package: pathlib.Path) -> str:
    """What the program in a package was built for."""
    with zipfile.ZipFile(package) as files, files.open("bootstrap") as program:
        return PROCESSORS[program.read(20)[18:]]
