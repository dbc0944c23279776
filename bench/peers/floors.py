"""What nobody gets around who reads gzip and writes compressed columns. Usage: floors.py FOLDER

Prints seconds of one core.
"""

import json
import pathlib
import sys
import time
from collections.abc import Callable

import deflate
import zstandard

import work

REPEATED = 3


def main() -> None:
    """Measures each a few times, and prints the least."""
    objects = [path.read_bytes() for path in sorted(pathlib.Path(sys.argv[1]).glob("*.gz"))]
    texts = [gunzip(it) for it in objects]
    compressor = zstandard.ZstdCompressor(level=work.ZSTD_LEVEL)
    found = {
        "gunzip_s": least(lambda: [gunzip(it) for it in objects]),
        "zstd_s": least(lambda: [compressor.compress(it) for it in texts]),
        "copy_s": least(lambda: [bytearray(it) for it in texts]),
        "zstd_level": work.ZSTD_LEVEL,
        "zstd_bytes": sum(len(compressor.compress(it)) for it in texts),
    }
    print(json.dumps(found))


def gunzip(member: bytes) -> bytearray:
    """One member; the last four bytes of it say how long the text is."""
    return deflate.gzip_decompress(member, int.from_bytes(member[-4:], "little"))


def least(do: Callable[[], object]) -> float:
    """The least CPU time of a few times."""
    took = []
    for _ in range(REPEATED):
        started = time.process_time()
        do()
        took.append(time.process_time() - started)
    return min(took)


if __name__ == "__main__":
    main()
