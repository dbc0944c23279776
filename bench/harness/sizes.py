"""The packages that are deployed."""

from harness import process, report


def measure() -> report.Part:
    """The size of each package that is there."""
    found = {
        path.parent.name: path.stat().st_size
        for path in sorted((process.ROOT / "target" / "lambda").glob("*/bootstrap.zip"))
    }
    if not found:
        text = "No packages in target/lambda; the README's third step builds them."
    else:
        rows = [[name, report.megabytes(size)] for name, size in found.items()]
        text = report.table(["package", "zip, MB"], rows)
    return report.Part("sizes", text, {"zip_bytes": found})
