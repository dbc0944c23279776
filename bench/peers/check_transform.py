"""Sees that two transforms gave the same lines. Usage: check_transform.py OURS THEIRS

Each file holds one response a line. Lines are compared as JSON values, and so is the JSON in `details` and `extra`: how
one writes a number or escapes a letter is not compared. Prints how many lines there were.
"""

import base64
import itertools
import json
import pathlib
import sys
from typing import Any


def main() -> None:
    """Compares response by response."""
    ours, theirs = (pathlib.Path(argument) for argument in sys.argv[1:])
    lines = 0
    with ours.open("rb") as one, theirs.open("rb") as other:
        for number, (a, b) in enumerate(itertools.zip_longest(one, other)):
            if a is None or b is None:
                sys.exit(f"response {number} is missing")
            for left, right in itertools.zip_longest(json.loads(a)["records"], json.loads(b)["records"]):
                if meaning(left) != meaning(right):
                    sys.exit(f"response {number}: {left!r:.2000} is not {right!r:.2000}")
                lines += left["result"] == "Ok"
    print(lines)


def meaning(answer: dict[str, Any]) -> tuple[str, str, Any]:
    """An answer with its line as a value."""
    row = json.loads(base64.b64decode(answer["data"]))
    for column in ("details", "extra"):
        if column in row:
            row[column] = json.loads(row[column])
    return answer["recordId"], answer["result"], row


if __name__ == "__main__":
    main()
