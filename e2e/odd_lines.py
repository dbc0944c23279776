"""Lines that readers might take differently, and what our two tables make of them in Trino.

`auth0_logs_json` is read by Trino's OpenX SerDe, `auth0_logs_parquet` by our compactor first. The two show the same rows,
but for the differences listed here, each of which the documentation gives a reason for.
"""

import dataclasses
import pathlib
import re

# What becomes of a line: both tables show the same rows, or neither shows any, or only one does; else the columns that differ.
SAME, NEITHER, JSON_ONLY = "same", "neither", "json only"
EXTRA = "differs in extra"
TYPE = "differs in type"


@dataclasses.dataclass(frozen=True)
class Odd:
    """A line, which names itself in the column `description` where it can, and what becomes of it."""

    name: str
    fields: bytes
    fate: str = SAME
    shape: bytes = b'{"description":"NAME",FIELDS}'

    def line(self) -> bytes:
        """The line, without its end."""
        return self.shape.replace(b"NAME", self.name.encode()).replace(b"FIELDS", self.fields)


ODD_LINES = (
    Odd("plain", b'"log_id":"1","type":"s"'),
    # Keys. A field that has no column goes into `extra` when it is compacted; the JSON table doesn't show it.
    Odd("key-twice", b'"type":"s","type":"f"'),
    Odd("key-twice-then-null", b'"type":"s","type":null'),
    Odd("key-in-capitals", b'"TYPE":"f"', EXTRA),
    Odd("key-in-capitals-after", b'"type":"s","TYPE":"f"', EXTRA),
    Odd("key-in-capitals-before", b'"Type":"f","type":"s"', EXTRA),
    Odd("key-in-capitals-only-null", b'"TYPE":null,"ip":"::1"', EXTRA),
    Odd("key-escaped", rb'"\u0074ype":"s"'),
    Odd("key-with-blank", b'" type":"f","type ":"f"', EXTRA),
    Odd("key-with-hyphen", b'"user-id":"f","user.id":"f"', EXTRA),
    Odd("key-empty", b'"":"f"', EXTRA),
    Odd("key-of-predecessor", b'"tenant_name":"t","scope":["a","b"]', EXTRA),
    Odd("key-of-partition", b'"date":"1999-01-01","hour":"99"', EXTRA),
    # What surrounds the object.
    Odd("text-after", b'"type":"s"', shape=b'{"description":"NAME",FIELDS} and more'),
    Odd("object-after", b'"type":"s"', shape=b'{"description":"NAME",FIELDS}{"type":"f"}'),
    Odd("bytes-after", b'"type":"s"', shape=b'{"description":"NAME",FIELDS}\xff\xfe'),
    Odd("blanks-around", b'"type":"s"', shape=b' \t {"description" : "NAME", FIELDS } \t'),
    Odd("nul-around", b'"type":"s"', shape=b'\x00{"description":"NAME",FIELDS}\x00'),
    Odd(
        "carriage-return-between",
        b'"type":"s"',
        shape=b'{"description":"NAME",FIELDS}\r{"description":"NAME","type":"f"}',
    ),
    Odd("carriage-return-at-end", b'"type":"s"', shape=b'{"description":"NAME",FIELDS}\r'),
    Odd("line-separator", '"type":"a\u2028b\u2029c\u0085d"'.encode()),
    # Not an object.
    Odd("cut-short", b'"type":"s"', NEITHER, b'{"description":"NAME",FIELDS'),
    Odd("unfinished-text", b'"type":"s', NEITHER),
    Odd("comma-missing", b'"type":"s" "ip":"::1"', NEITHER),
    Odd("comma-at-end", b'"type":"s",', NEITHER),
    Odd("blank", b"", NEITHER, b""),
    Odd("blanks", b"", NEITHER, b" \t  "),
    Odd("null", b"", NEITHER, b"null"),
    Odd("text", b"", NEITHER, b"just text"),
    Odd("number", b"", NEITHER, b"12"),
    Odd("object-empty", b"", NEITHER, b"{}"),
    Odd("values-null", b"", NEITHER, b'{"type":null}'),
    Odd("columns-none", b"", NEITHER, b'{"tenant_name":"acme"}'),
    Odd("mark-at-line", b'"type":"s"', NEITHER, b'\xef\xbb\xbf{"description":"NAME",FIELDS}'),
    Odd("not-utf-8-outside", b'"type":"s"', NEITHER, b'{"description":"NAME",FIELDS\xff}'),
    Odd("array", b"", JSON_ONLY, b'["1",2,3,4,5,6,7,8,9,"NAME"]'),
    # Lenient syntax: Trino reads it, we reject it and keep it.
    Odd("single-quotes", b"'type':'s'", JSON_ONLY),
    Odd("unquoted-key", b'type:"s"', JSON_ONLY),
    Odd("comment", b'/* no */"type":"s"', JSON_ONLY),
    Odd("raw-tab", b'"type":"a\tb"', JSON_ONLY),
    Odd("raw-nul", b'"type":"a\x00b"', JSON_ONLY),
    Odd("escaped-quote", rb'"type":"it\'s"', JSON_ONLY),
    # Texts.
    Odd("empty-text", b'"type":""'),
    Odd("text-null", b'"type":"null"'),
    Odd("escapes", rb'"type":"\"\\\/\b\f\n\r\t\u00e9"'),
    Odd("nul-escaped", rb'"type":"a\u0000b"'),
    Odd("astral", '"type":"😀 \\ud83d\\ude00"'.encode()),
    Odd("lone-surrogates", rb'"type":"\ud800 \udc00a"'),
    Odd("not-utf-8-in-text", b'"type":"a\xff\xc3(b"'),
    Odd("long", b'"type":"' + b"x" * 1_000_000 + b'"'),
    # One that the transform never lets through.
    Odd("too-long", b'"type":"' + b"x" * (4 << 20) + b'"', JSON_ONLY),
    # Values that are no texts, as no line of ours has them.
    Odd("integer", b'"type":12'),
    Odd("long-integer", b'"type":123456789012345678901234567890'),
    Odd("number-2-63", b'"type":9223372036854775808'),
    Odd("true", b'"type":true,"ip":false'),
    Odd("fraction", b'"type":1.50'),
    Odd("number-1e400", b'"type":1e400', TYPE),
    Odd("object-value", b'"type":{"b":1,"a":[true,null]}'),
    Odd("object-value-with-blanks", b'"type":{ "a" : 1 }', TYPE),
    Odd("array-value", b'"type":["a",1]'),
    Odd("deep", b'"type":' + b"[" * 500 + b"]" * 500),
)

# Lines that the documentation lists and that are not asked for: a query of the JSON table fails over them.
UNASKED = {"nested-deeply"}

# The documentation's table of lines that are none of ours.
DOCUMENTED = pathlib.Path(__file__).resolve().parent.parent / "docs" / "bad-input.md"


def differing() -> set[str]:
    """The names of the lines whose rows are not the same in both tables."""
    return {odd.name for odd in ODD_LINES if odd.fate not in (SAME, NEITHER)}


def documented() -> set[str]:
    """The names of the lines that the documentation lists."""
    [lines] = re.findall(r"^## Lines$(.*?)^## ", DOCUMENTED.read_text(), re.MULTILINE | re.DOTALL)
    return set(re.findall(r"^\| `([^`]+)` \|", lines, re.MULTILINE))


def among(lines: list[bytes]) -> bytes:
    """The odd lines with `lines` around each of them, as text."""
    gap = -(-len(lines) // (len(ODD_LINES) + 1))
    text = [*lines[:gap]]
    for number, odd in enumerate(ODD_LINES, 1):
        text += [odd.line(), *lines[number * gap : (number + 1) * gap]]
    return b"".join(line + b"\n" for line in text)
