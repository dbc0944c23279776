"""What S3 answers, case by case, held against our server and against two that others wrote."""

import base64
import hashlib
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable
from typing import Any

import botocore.exceptions
import pytest

# (server, case) → how its answer differs from that of AWS.
DIFFERENCES: dict[tuple[str, str], str] = {
    ("moto", "bucket_name_that_is_none"): "takes any name for a bucket",
    ("moto", "checksum"): "keeps no checksum of what is put",
    ("moto", "checksum_behind_the_body"): "loses the body of unsigned chunks, and what is behind it",
    ("moto", "checksum_of_a_copy"): "keeps no checksum of what is put",
    ("moto", "checksum_of_an_object_without"): "makes no checksum of its own",
    ("moto", "checksum_of_parts"): "keeps no checksum of parts",
    ("moto", "checksum_of_parts_by_another_algorithm"): "compares no checksums of parts",
    ("moto", "checksum_of_parts_that_are_not_listed"): "compares no checksums of parts",
    ("moto", "checksum_of_the_whole_of_parts"): "compares no checksums of parts",
    ("moto", "checksum_that_is_none"): "compares no checksums",
    ("moto", "checksum_that_is_wrong"): "compares no checksums",
    ("moto", "checksum_type_that_an_algorithm_has_not"): "takes any type with any algorithm",
    ("moto", "conditional_complete[match-missing]"): "knows no If-Match of a completion",
    ("moto", "conditional_complete[match-other]"): "knows no If-Match of a completion",
    ("moto", "conditional_copy_source"): "knows no condition on the source of a copy",
    ("moto", "conditional_copy_target"): "knows no condition on the target of a copy",
    ("moto", "conditional_put[none-match-etag]"): "takes an ETag in If-None-Match and does nothing with it",
    ("moto", "conditional_read[IfMatch+IfUnmodifiedSince]"): "asks for the date even if the ETag is the one",
    ("moto", "conditional_read[IfNoneMatch:any]"): "takes * in If-None-Match of a read for an ETag",
    ("moto", "content_md5"): "does not compare Content-MD5",
    ("moto", "delete_of_many_quietly"): "lists what it deleted although asked to be quiet",
    ("moto", "delete_of_many_with_etags"): "deletes whatever the ETag",
    ("moto", "delete_of_too_many"): "has no limit",
    ("moto", "key_too_long"): "has no limit",
    ("moto", "listing_of_version_1"): "does not say where the next page begins",
    ("moto", "listing_with_a_bad_token"): "takes it for a key",
    ("moto", "multipart_aborted"): "answers 500 to a completion of what was aborted",
    ("moto", "multipart_in_the_wrong_order"): "finds the last part too small before it looks at the order",
    ("moto", "multipart_with_a_part_number_that_is_none"): "says of the upload that it isn't there",
    ("moto", "presigned"): "stores nothing of the body of a presigned PUT",
    ("moto", "range_of_an_empty_object"): "takes any range of it",
    ("moto", "range_that_is_none[lines=1-2]"): "takes any unit for bytes",
    ("moto", "read_by_a_part_that_is_none"): "has another name for the error",
    ("moto", "read_by_part"): "gives the whole object",
    ("moto", "read_by_part_and_range"): "takes the range",
    ("moto", "signed_payload_of_another_body"): "does not compare x-amz-content-sha256",
    ("moto", "size_of_the_whole_of_parts"): "does not compare x-amz-mp-object-size",
    ("s3mock", "awkward_key[back\\\\slash]"): "answers with what is no HTTP",
    ("s3mock", "bucket_made_again"): "answers as the other regions do",
    ("s3mock", "buckets"): "gives the name null to the location of us-east-1",
    ("s3mock", "checksum"): "does not say what type a checksum is of",
    ("s3mock", "checksum_behind_the_body[wrong]"): "has BadRequest for the error's name",
    ("s3mock", "checksum_of_a_copy"): "makes no other checksum than the source has",
    ("s3mock", "checksum_of_an_object_without"): "makes no checksum of its own",
    ("s3mock", "checksum_of_parts"): "does not list the checksums of parts",
    ("s3mock", "checksum_of_parts_by_another_algorithm"): "does not compare the algorithms",
    ("s3mock", "checksum_of_parts_that_are_not_listed"): "has BadRequest for the error's name",
    ("s3mock", "checksum_of_the_whole_of_parts"): "has BadRequest for the error's name",
    ("s3mock", "checksum_that_is_none"): "has BadRequest for the error's name",
    ("s3mock", "checksum_that_is_wrong"): "has BadRequest for the error's name",
    ("s3mock", "conditional_copy_target"): "knows no condition on the target of a copy",
    ("s3mock", "conditional_put[none-match-etag]"): "answers 412 to an ETag in If-None-Match",
    ("s3mock", "conditional_read[IfMatch+IfUnmodifiedSince]"): "asks for the date even if the ETag is the one",
    ("s3mock", "content_md5"): "has BadRequest for the error's name",
    ("s3mock", "copy_keeps_or_replaces_metadata"): "keeps the content type where it is to be replaced",
    ("s3mock", "copy_onto_itself"): "refuses it even with other metadata",
    ("s3mock", "default_content_type"): "has application/octet-stream for it",
    ("s3mock", "delete_of_many_with_etags"): "deletes whatever the ETag",
    ("s3mock", "delete_of_too_many"): "has no limit",
    ("s3mock", "headers_and_metadata"): "keeps Content-Encoding together with aws-chunked",
    ("s3mock", "key_too_long"): "has no limit",
    ("s3mock", "listing[after-prefix]"): "lists a common prefix that begins before start-after",
    ("s3mock", "listing[delimiter-b]"): "lists a common prefix although it is a key as well",
    ("s3mock", "listing_by_pages[1-/]"): "counts no common prefixes among the keys of a page",
    ("s3mock", "listing_by_pages[2-/]"): "counts no common prefixes among the keys of a page",
    ("s3mock", "listing_by_pages[3-/]"): "counts no common prefixes among the keys of a page",
    ("s3mock", "listing_by_pages[1000-/]"): "counts no common prefixes among the keys of a page",
    ("s3mock", "listing_of_version_1"): "does not say where the next page begins",
    ("s3mock", "listing_with_a_bad_token"): "begins at the beginning",
    ("s3mock", "multipart_of_chosen_parts"): "finds the part too small that is left out",
    ("s3mock", "range_of_a_head"): "knows no range of a HEAD",
    ("s3mock", "range_that_is_none"): "answers 400, or with the first range of several",
    ("s3mock", "read_by_a_part_that_is_none"): "gives the whole object",
    ("s3mock", "read_by_part"): "gives the whole object",
    ("s3mock", "read_by_part_and_range"): "takes the range",
    ("s3mock", "signed_payload_of_another_body"): "does not compare x-amz-content-sha256",
    ("s3mock", "size_of_the_whole_of_parts"): "does not compare x-amz-mp-object-size",
}

SERVERS = ("local-aws", "moto", "s3mock")

MB = 1024 * 1024
PART_MIN = 5 * MB
MISSING_ETAG = '"d41d8cd98f00b204e9800998ecf8427f"'

# Of "hello", as other programs make them.
HELLO_CHECKSUMS = {
    "CRC32": "NhCmhg==",
    "CRC32C": "mnG7TA==",
    "CRC64NVME": "M3eFcAZSQlc=",
    "SHA1": "qvTGHdzF6KLavt4PO0gs2a6pQ00=",
    "SHA256": "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=",
}

AWKWARD_KEYS = [
    "a b",
    "a+b",
    "a%2Bb",
    "a%b",
    "a=b",
    "date=2026-11-20/hour=13/x.gz",
    "a&b",
    "a?b#c",
    "a;b:c@d$e,f",
    "'\"!*()",
    "<tag>",
    "é/日本語/𝄞",
    "line\u2028separator",
    "trailing/",
    "/leading",
    "double//slash",
    "a/./b",
    "a/../b",
    "..",
    ".",
    "~tilde",
    "back\\slash",
    "x" * 1024,
    "y/" + "z" * 1022,
]


def said(call: Callable[..., Any], **arguments: Any) -> str:
    """What came of a call: `ok`, or the status and the error code, which is the status where there is no body."""
    try:
        call(**arguments)
    except botocore.exceptions.ClientError as error:
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        code = error.response["Error"]["Code"]
        return str(status) if code == str(status) else f"{status} {code}"
    return "ok"


def put(s3: Any, bucket: str, key: str, body: bytes = b"hello", **arguments: Any) -> str:
    """Puts an object and returns its ETag."""
    return s3.put_object(Bucket=bucket, Key=key, Body=body, **arguments)["ETag"]


def get(s3: Any, bucket: str, key: str, **arguments: Any) -> bytes:
    """The content of an object."""
    return s3.get_object(Bucket=bucket, Key=key, **arguments)["Body"].read()


def etag(body: bytes) -> str:
    """The ETag of an object that was put whole."""
    return f'"{hashlib.md5(body).hexdigest()}"'


def keys(s3: Any, bucket: str, **arguments: Any) -> list[str]:
    """One page of a bucket's keys, then its common prefixes."""
    page = s3.list_objects_v2(Bucket=bucket, **arguments)
    found = [it["Key"] for it in page.get("Contents", [])]
    return found + [it["Prefix"] for it in page.get("CommonPrefixes", [])]


# --- objects


def test_put_get_head_delete(s3: Any, bucket: str) -> None:
    assert put(s3, bucket, "a", b"one") == etag(b"one")
    assert get(s3, bucket, "a") == b"one"
    head = s3.head_object(Bucket=bucket, Key="a")
    assert (head["ContentLength"], head["ETag"]) == (3, etag(b"one"))
    assert put(s3, bucket, "a", b"two") == etag(b"two")
    assert get(s3, bucket, "a") == b"two"
    s3.delete_object(Bucket=bucket, Key="a")
    assert said(s3.get_object, Bucket=bucket, Key="a") == "404 NoSuchKey"
    assert said(s3.head_object, Bucket=bucket, Key="a") == "404"
    assert said(s3.delete_object, Bucket=bucket, Key="a") == "ok"


def test_empty_object(s3: Any, bucket: str) -> None:
    assert put(s3, bucket, "empty", b"") == etag(b"")
    assert get(s3, bucket, "empty") == b""
    assert s3.head_object(Bucket=bucket, Key="empty")["ContentLength"] == 0


def test_headers_and_metadata(s3: Any, bucket: str) -> None:
    headers = {
        "ContentType": "text/plain; charset=utf-8",
        "ContentEncoding": "gzip",
        "ContentLanguage": "en",
        "ContentDisposition": 'attachment; filename="a.txt"',
        "CacheControl": "max-age=60",
    }
    put(s3, bucket, "a", Metadata={"who": "me", "Mixed-Case": "Kept"}, **headers)
    for answer in (s3.head_object(Bucket=bucket, Key="a"), s3.get_object(Bucket=bucket, Key="a")):
        assert {name: answer[name] for name in headers} == headers
        assert answer["Metadata"] == {"who": "me", "mixed-case": "Kept"}


def test_default_content_type(s3: Any, bucket: str) -> None:
    put(s3, bucket, "a")
    assert s3.head_object(Bucket=bucket, Key="a")["ContentType"] == "binary/octet-stream"


def test_response_headers_as_asked(s3: Any, bucket: str) -> None:
    put(s3, bucket, "a", ContentType="text/plain")
    asked = s3.get_object(Bucket=bucket, Key="a", ResponseContentType="text/csv", ResponseCacheControl="no-store")
    assert (asked["ContentType"], asked["CacheControl"]) == ("text/csv", "no-store")


def test_content_md5(s3: Any, bucket: str) -> None:
    right = base64.b64encode(hashlib.md5(b"hello").digest()).decode()
    wrong = base64.b64encode(hashlib.md5(b"other").digest()).decode()
    assert said(s3.put_object, Bucket=bucket, Key="a", Body=b"hello", ContentMD5=wrong) == "400 BadDigest"
    assert said(s3.get_object, Bucket=bucket, Key="a") == "404 NoSuchKey"
    assert said(s3.put_object, Bucket=bucket, Key="a", Body=b"hello", ContentMD5=right) == "ok"


# --- awkward keys


@pytest.mark.parametrize("key", AWKWARD_KEYS, ids=lambda key: key if len(key) < 40 else f"{key[:3]}{len(key)}")
def test_awkward_key(s3: Any, bucket: str, key: str) -> None:
    put(s3, bucket, key, key.encode())
    assert get(s3, bucket, key) == key.encode()
    assert keys(s3, bucket) == [key]
    assert keys(s3, bucket, Prefix=key) == [key]
    copied = s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": key})
    assert copied["CopyObjectResult"]["ETag"] == etag(key.encode())
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key}, {"Key": "copy"}]})
    assert keys(s3, bucket) == []


def test_key_too_long(s3: Any, bucket: str) -> None:
    assert said(s3.put_object, Bucket=bucket, Key="x" * 1025, Body=b"") == "400 KeyTooLongError"


def test_key_beside_keys_below_it(s3: Any, bucket: str) -> None:
    for key in ("a", "a/b", "a/b/c", "d/e", "d"):
        put(s3, bucket, key, key.encode())
    assert keys(s3, bucket) == ["a", "a/b", "a/b/c", "d", "d/e"]
    for key in ("a", "a/b", "a/b/c", "d/e", "d"):
        assert get(s3, bucket, key) == key.encode()
    s3.delete_object(Bucket=bucket, Key="a")
    assert keys(s3, bucket) == ["a/b", "a/b/c", "d", "d/e"]


# --- conditions


@pytest.mark.parametrize(
    ("existing", "condition", "expected"),
    [
        (None, {"IfNoneMatch": "*"}, "ok"),
        (b"one", {"IfNoneMatch": "*"}, "412 PreconditionFailed"),
        (b"one", {"IfNoneMatch": etag(b"one")}, "501 NotImplemented"),
        (None, {"IfMatch": etag(b"one")}, "404 NoSuchKey"),
        (b"one", {"IfMatch": etag(b"one")}, "ok"),
        (b"one", {"IfMatch": etag(b"two")}, "412 PreconditionFailed"),
    ],
    ids=["new", "taken", "none-match-etag", "match-missing", "match", "match-other"],
)
def test_conditional_put(s3: Any, bucket: str, existing: bytes | None, condition: dict, expected: str) -> None:
    if existing is not None:
        put(s3, bucket, "a", existing)
    assert said(s3.put_object, Bucket=bucket, Key="a", Body=b"new", **condition) == expected
    left = b"new" if expected == "ok" else existing
    assert said(s3.get_object, Bucket=bucket, Key="a") == ("404 NoSuchKey" if left is None else "ok")
    if left is not None:
        assert get(s3, bucket, "a") == left


def condition_name(condition: dict[str, str]) -> str:
    """The headers of a condition, and what is asked of the first if that isn't what `one` has."""
    asked = next(iter(condition.values()))
    kind = {"*": ":any", etag(b"two"): ":other"}.get(asked, "")
    return "+".join(condition) + kind


READ_CONDITIONS = [
    ({"IfMatch": etag(b"one")}, "ok", "ok"),
    ({"IfMatch": etag(b"two")}, "412 PreconditionFailed", "412"),
    ({"IfNoneMatch": etag(b"one")}, "304", "304"),
    ({"IfNoneMatch": etag(b"two")}, "ok", "ok"),
    ({"IfNoneMatch": "*"}, "304", "304"),
    ({"IfModifiedSince": "2020-01-01"}, "ok", "ok"),
    ({"IfUnmodifiedSince": "2020-01-01"}, "412 PreconditionFailed", "412"),
    # An ETag decides alone.
    ({"IfMatch": etag(b"one"), "IfUnmodifiedSince": "2020-01-01"}, "ok", "ok"),
    ({"IfNoneMatch": etag(b"one"), "IfModifiedSince": "2020-01-01"}, "304", "304"),
]


@pytest.mark.parametrize(
    ("condition", "getting", "heading"),
    READ_CONDITIONS,
    ids=[condition_name(condition) for condition, _, _ in READ_CONDITIONS],
)
def test_conditional_read(s3: Any, bucket: str, condition: dict, getting: str, heading: str) -> None:
    put(s3, bucket, "a", b"one")
    assert said(s3.get_object, Bucket=bucket, Key="a", **condition) == getting
    assert said(s3.head_object, Bucket=bucket, Key="a", **condition) == heading


def test_conditional_delete(s3: Any, bucket: str) -> None:
    put(s3, bucket, "a", b"one")
    assert said(s3.delete_object, Bucket=bucket, Key="a", IfMatch=etag(b"two")) == "412 PreconditionFailed"
    assert get(s3, bucket, "a") == b"one"
    assert said(s3.delete_object, Bucket=bucket, Key="a", IfMatch=etag(b"one")) == "ok"
    assert said(s3.get_object, Bucket=bucket, Key="a") == "404 NoSuchKey"


def test_conditional_delete_of_a_missing_key(s3: Any, bucket: str) -> None:
    assert said(s3.delete_object, Bucket=bucket, Key="a", IfMatch=etag(b"one")) == "404 NoSuchKey"


def test_conditional_copy_source(s3: Any, bucket: str) -> None:
    put(s3, bucket, "a", b"one")
    copy = {"Bucket": bucket, "Key": "b", "CopySource": {"Bucket": bucket, "Key": "a"}}
    assert said(s3.copy_object, **copy, CopySourceIfMatch=etag(b"two")) == "412 PreconditionFailed"
    assert said(s3.copy_object, **copy, CopySourceIfNoneMatch=etag(b"one")) == "412 PreconditionFailed"
    assert keys(s3, bucket) == ["a"]
    assert said(s3.copy_object, **copy, CopySourceIfMatch=etag(b"one")) == "ok"


def test_conditional_copy_target(s3: Any, bucket: str) -> None:
    put(s3, bucket, "a", b"one")
    copy = {"Bucket": bucket, "Key": "b", "CopySource": {"Bucket": bucket, "Key": "a"}}
    assert said(s3.copy_object, **copy, IfNoneMatch="*") == "ok"
    assert said(s3.copy_object, **copy, IfNoneMatch="*") == "412 PreconditionFailed"
    assert said(s3.copy_object, **copy, IfMatch=etag(b"two")) == "412 PreconditionFailed"
    assert said(s3.copy_object, **copy, IfMatch=etag(b"one")) == "ok"


# --- copies


def test_copy_keeps_or_replaces_metadata(s3: Any, bucket: str) -> None:
    put(s3, bucket, "a", ContentType="text/plain", Metadata={"who": "me"})
    source = {"Bucket": bucket, "Key": "a"}
    s3.copy_object(Bucket=bucket, Key="kept", CopySource=source)
    replace = {"MetadataDirective": "REPLACE", "ContentType": "text/csv", "Metadata": {"who": "you"}}
    s3.copy_object(Bucket=bucket, Key="replaced", CopySource=source, **replace)
    for key, content_type, who in (("kept", "text/plain", "me"), ("replaced", "text/csv", "you")):
        head = s3.head_object(Bucket=bucket, Key=key)
        assert (head["ContentType"], head["Metadata"]) == (content_type, {"who": who})


def test_copy_of_a_missing_key(s3: Any, bucket: str) -> None:
    source = {"Bucket": bucket, "Key": "missing"}
    assert said(s3.copy_object, Bucket=bucket, Key="b", CopySource=source) == "404 NoSuchKey"


def test_copy_onto_itself(s3: Any, bucket: str) -> None:
    put(s3, bucket, "a")
    source = {"Bucket": bucket, "Key": "a"}
    assert said(s3.copy_object, Bucket=bucket, Key="a", CopySource=source) == "400 InvalidRequest"
    assert said(s3.copy_object, Bucket=bucket, Key="a", CopySource=source, MetadataDirective="REPLACE") == "ok"


# --- ranges


@pytest.mark.parametrize(
    ("asked", "content", "content_range"),
    [
        ("bytes=0-0", b"0", "bytes 0-0/10"),
        ("bytes=2-4", b"234", "bytes 2-4/10"),
        ("bytes=7-", b"789", "bytes 7-9/10"),
        ("bytes=7-99", b"789", "bytes 7-9/10"),
        ("bytes=-3", b"789", "bytes 7-9/10"),
        ("bytes=-99", b"0123456789", "bytes 0-9/10"),
    ],
)
def test_range(s3: Any, bucket: str, asked: str, content: bytes, content_range: str) -> None:
    put(s3, bucket, "a", b"0123456789")
    answer = s3.get_object(Bucket=bucket, Key="a", Range=asked)
    assert (answer["ContentRange"], answer["ContentLength"]) == (content_range, len(content))
    assert answer["Body"].read() == content
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 206


@pytest.mark.parametrize("asked", ["bytes=10-", "bytes=-0", "bytes=99-100"])
def test_range_outside(s3: Any, bucket: str, asked: str) -> None:
    put(s3, bucket, "a", b"0123456789")
    assert said(s3.get_object, Bucket=bucket, Key="a", Range=asked) == "416 InvalidRange"


def test_range_of_an_empty_object(s3: Any, bucket: str) -> None:
    put(s3, bucket, "a", b"")
    assert said(s3.get_object, Bucket=bucket, Key="a", Range="bytes=0-") == "416 InvalidRange"
    assert said(s3.get_object, Bucket=bucket, Key="a", Range="bytes=-1") == "416 InvalidRange"


@pytest.mark.parametrize("asked", ["bytes=5-2", "bytes=x-y", "lines=1-2", "bytes=0-1,3-4"])
def test_range_that_is_none(s3: Any, bucket: str, asked: str) -> None:
    put(s3, bucket, "a", b"0123456789")
    answer = s3.get_object(Bucket=bucket, Key="a", Range=asked)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert answer["Body"].read() == b"0123456789"


def test_range_of_a_head(s3: Any, bucket: str) -> None:
    put(s3, bucket, "a", b"0123456789")
    head = s3.head_object(Bucket=bucket, Key="a", Range="bytes=2-4")
    assert (head["ContentLength"], head["ResponseMetadata"]["HTTPStatusCode"]) == (3, 206)


# --- listings

LISTED = ["B", "a", "a b", "a+b", "a-b", "a.b", "a/b", "a/b/c", "a0", "b", "é", "日", "𝄞"]

LISTINGS = [
    ("all", {}, LISTED),
    ("delimiter", {"Delimiter": "/"}, ["B", "a", "a b", "a+b", "a-b", "a.b", "a0", "b", "é", "日", "𝄞", "a/"]),
    ("prefix", {"Prefix": "a/"}, ["a/b", "a/b/c"]),
    ("prefix-delimiter", {"Prefix": "a/", "Delimiter": "/"}, ["a/b", "a/b/"]),
    ("prefix-of-a-key", {"Prefix": "a"}, ["a", "a b", "a+b", "a-b", "a.b", "a/b", "a/b/c", "a0"]),
    ("prefix-below", {"Prefix": "a/b/c/"}, []),
    ("prefix-of-none", {"Prefix": "none"}, []),
    ("after-key", {"StartAfter": "a/b"}, ["a/b/c", "a0", "b", "é", "日", "𝄞"]),
    ("after", {"StartAfter": "a/"}, ["a/b", "a/b/c", "a0", "b", "é", "日", "𝄞"]),
    ("after-prefix", {"StartAfter": "a/", "Delimiter": "/"}, ["a0", "b", "é", "日", "𝄞"]),
    ("delimiter-b", {"Delimiter": "b"}, ["B", "a", "a0", "é", "日", "𝄞", "a b", "a+b", "a-b", "a.b", "a/b", "b"]),
    ("max-2", {"MaxKeys": 2}, ["B", "a"]),
    ("max-0", {"MaxKeys": 0}, []),
]


@pytest.mark.parametrize(
    ("asked", "expected"), [listing[1:] for listing in LISTINGS], ids=[name for name, _, _ in LISTINGS]
)
def test_listing(s3: Any, bucket: str, asked: dict, expected: list[str]) -> None:
    for key in LISTED:
        put(s3, bucket, key, b"")
    assert keys(s3, bucket, **asked) == expected


@pytest.mark.parametrize("delimiter", ["", "/"])
@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_listing_by_pages(s3: Any, bucket: str, delimiter: str, size: int) -> None:
    for key in LISTED:
        put(s3, bucket, key, b"")
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=bucket, Delimiter=delimiter, PaginationConfig={"PageSize": size}
    )
    found: list[str] = []
    for page in pages:
        names = [it["Key"] for it in page.get("Contents", [])] + [it["Prefix"] for it in page.get("CommonPrefixes", [])]
        assert page["KeyCount"] == len(names) <= size
        found += names
    assert len(found) == len(set(found))
    assert set(found) == set(keys(s3, bucket, Delimiter=delimiter))


def test_listing_of_more_than_a_page(s3: Any, bucket: str) -> None:
    expected = [f"{number:04}" for number in range(1001)]
    for key in expected:
        put(s3, bucket, key, b"")
    first = s3.list_objects_v2(Bucket=bucket)
    assert (first["KeyCount"], first["IsTruncated"], first["MaxKeys"]) == (1000, True, 1000)
    rest = keys(s3, bucket, ContinuationToken=first["NextContinuationToken"])
    assert [it["Key"] for it in first["Contents"]] + rest == expected


def test_listing_of_version_1(s3: Any, bucket: str) -> None:
    for key in ("a", "b/1", "b/2", "c"):
        put(s3, bucket, key)
    first = s3.list_objects(Bucket=bucket, Delimiter="/", MaxKeys=2)
    assert (first["NextMarker"], first["IsTruncated"]) == ("b/", True)
    second = s3.list_objects(Bucket=bucket, Delimiter="/", Marker=first["NextMarker"])
    assert [it["Key"] for it in second["Contents"]] == ["c"]


def test_listing_says_what_a_head_does(s3: Any, bucket: str) -> None:
    put(s3, bucket, "a")
    listed = s3.list_objects_v2(Bucket=bucket)["Contents"][0]
    head = s3.head_object(Bucket=bucket, Key="a")
    assert (listed["ETag"], listed["Size"]) == (head["ETag"], head["ContentLength"])
    # A header carries whole seconds.
    assert listed["LastModified"].replace(microsecond=0) == head["LastModified"]


def test_listing_with_a_bad_token(s3: Any, bucket: str) -> None:
    assert said(s3.list_objects_v2, Bucket=bucket, ContinuationToken="?") == "400 InvalidArgument"


def test_listing_in_url_encoding(s3: Any, bucket: str) -> None:
    put(s3, bucket, "a b/+%=é")
    answer = s3.list_objects_v2(Bucket=bucket, EncodingType="url", Prefix="a b")
    assert answer["EncodingType"] == "url"
    # Asked for by the caller, the encoding is left to the caller to take off.
    assert answer["Contents"][0]["Key"] in ("a+b/%2B%25%3D%C3%A9", "a%20b/%2B%25%3D%C3%A9")


# --- many at once


def test_delete_of_many(s3: Any, bucket: str) -> None:
    for key in ("a", "b/c"):
        put(s3, bucket, key)
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "a"}, {"Key": "missing"}, {"Key": "b/c"}]})
    assert [it["Key"] for it in answer["Deleted"]] == ["a", "missing", "b/c"]
    assert "Errors" not in answer
    assert keys(s3, bucket) == []


def test_delete_of_many_quietly(s3: Any, bucket: str) -> None:
    put(s3, bucket, "a")
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "a"}, {"Key": "missing"}], "Quiet": True})
    assert "Deleted" not in answer and "Errors" not in answer
    assert keys(s3, bucket) == []


def test_delete_of_many_with_etags(s3: Any, bucket: str) -> None:
    put(s3, bucket, "a", b"one")
    put(s3, bucket, "b", b"one")
    objects = [{"Key": "a", "ETag": etag(b"one")}, {"Key": "b", "ETag": etag(b"two")}]
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects})
    assert [it["Key"] for it in answer["Deleted"]] == ["a"]
    assert [(it["Key"], it["Code"]) for it in answer["Errors"]] == [("b", "PreconditionFailed")]
    assert keys(s3, bucket) == ["b"]


def test_delete_of_too_many(s3: Any, bucket: str) -> None:
    objects = [{"Key": str(number)} for number in range(1001)]
    assert said(s3.delete_objects, Bucket=bucket, Delete={"Objects": objects}) == "400 MalformedXML"


# --- buckets


def test_buckets(s3: Any, new_name: Callable[[str], str]) -> None:
    name = new_name("bucket")
    assert said(s3.head_bucket, Bucket=name) == "404"
    s3.create_bucket(Bucket=name)
    assert said(s3.head_bucket, Bucket=name) == "ok"
    assert name in [it["Name"] for it in s3.list_buckets()["Buckets"]]
    assert not s3.get_bucket_location(Bucket=name).get("LocationConstraint")
    put(s3, name, "a/b")
    assert said(s3.delete_bucket, Bucket=name) == "409 BucketNotEmpty"
    s3.delete_object(Bucket=name, Key="a/b")
    assert said(s3.delete_bucket, Bucket=name) == "ok"
    assert said(s3.delete_bucket, Bucket=name) == "404 NoSuchBucket"


def test_missing_bucket(s3: Any) -> None:
    missing = {"Bucket": "there-is-no-such-bucket"}
    assert said(s3.put_object, **missing, Key="a", Body=b"") == "404 NoSuchBucket"
    assert said(s3.get_object, **missing, Key="a") == "404 NoSuchBucket"
    assert said(s3.list_objects_v2, **missing) == "404 NoSuchBucket"
    assert said(s3.delete_object, **missing, Key="a") == "404 NoSuchBucket"
    assert said(s3.create_multipart_upload, **missing, Key="a") == "404 NoSuchBucket"


def test_bucket_name_that_is_none(s3: Any) -> None:
    assert said(s3.create_bucket, Bucket="No_Bucket") == "400 InvalidBucketName"


def test_bucket_made_again(s3: Any, bucket: str) -> None:
    # In us-east-1, and only there, S3 lets its owner make a bucket that is there.
    assert said(s3.create_bucket, Bucket=bucket) == "ok"


# --- multipart uploads


class Upload:
    """A multipart upload under way."""

    def __init__(self, s3: Any, bucket: str, key: str, **arguments: Any) -> None:
        self.s3 = s3
        self.place = {"Bucket": bucket, "Key": key}
        self.id = s3.create_multipart_upload(**self.place, **arguments)["UploadId"]
        self.parts: dict[int, dict[str, Any]] = {}

    def put(self, number: int, body: bytes, **arguments: Any) -> dict[str, Any]:
        """Uploads a part, and lists it for the completion."""
        part = self.s3.upload_part(**self.place, UploadId=self.id, PartNumber=number, Body=body, **arguments)
        # An upload that was begun without checksums is completed without.
        checksums = {name: value for name, value in part.items() if name.startswith("Checksum")}
        listed = checksums if "ChecksumAlgorithm" in arguments else {}
        self.parts[number] = {"PartNumber": number, "ETag": part["ETag"], **listed}
        return part

    def listed(self, *numbers: int) -> dict[str, Any]:
        """The parts as a completion lists them: all in order, or just these."""
        return {"Parts": [self.parts[number] for number in numbers or sorted(self.parts)]}

    def complete(self, *numbers: int, **arguments: Any) -> dict[str, Any]:
        """Completes the upload of all its parts, or just these."""
        parts = self.listed(*numbers)
        return self.s3.complete_multipart_upload(**self.place, UploadId=self.id, MultipartUpload=parts, **arguments)

    def said(self, *numbers: int, **arguments: Any) -> str:
        """What comes of the completion."""
        return said(lambda: self.complete(*numbers, **arguments))


FIRST, SECOND, TAIL = b"1" * PART_MIN, b"2" * PART_MIN, b"tail"


def multipart_etag(*parts: bytes) -> str:
    """The ETag of an object in parts."""
    digests = b"".join(hashlib.md5(part).digest() for part in parts)
    return f'"{hashlib.md5(digests).hexdigest()}-{len(parts)}"'


def test_multipart(s3: Any, bucket: str) -> None:
    upload = Upload(s3, bucket, "a/b", ContentType="text/plain", Metadata={"who": "me"})
    upload.put(3, TAIL)
    upload.put(1, b"replaced")
    upload.put(1, FIRST)
    upload.put(2, SECOND)
    listed = s3.list_parts(**upload.place, UploadId=upload.id)["Parts"]
    assert [(it["PartNumber"], it["Size"]) for it in listed] == [(1, PART_MIN), (2, PART_MIN), (3, 4)]
    assert [it["UploadId"] for it in s3.list_multipart_uploads(Bucket=bucket)["Uploads"]] == [upload.id]
    assert keys(s3, bucket) == []
    assert upload.complete()["ETag"] == multipart_etag(FIRST, SECOND, TAIL)
    head = s3.head_object(**upload.place)
    assert (head["ETag"], head["ContentType"]) == (multipart_etag(FIRST, SECOND, TAIL), "text/plain")
    assert head["Metadata"] == {"who": "me"}
    assert get(s3, bucket, "a/b") == FIRST + SECOND + TAIL
    assert get(s3, bucket, "a/b", Range=f"bytes={PART_MIN - 1}-{PART_MIN}") == b"12"
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


def test_multipart_of_chosen_parts(s3: Any, bucket: str) -> None:
    upload = Upload(s3, bucket, "a")
    for number, body in ((2, FIRST), (5, b"left out"), (9, TAIL)):
        upload.put(number, body)
    assert upload.complete(2, 9)["ETag"] == multipart_etag(FIRST, TAIL)
    assert get(s3, bucket, "a") == FIRST + TAIL


def test_multipart_with_a_small_part(s3: Any, bucket: str) -> None:
    upload = Upload(s3, bucket, "a")
    upload.put(1, b"small")
    upload.put(2, TAIL)
    assert upload.said() == "400 EntityTooSmall"
    assert keys(s3, bucket) == []


def test_multipart_in_the_wrong_order(s3: Any, bucket: str) -> None:
    upload = Upload(s3, bucket, "a")
    upload.put(1, FIRST)
    upload.put(2, TAIL)
    assert upload.said(2, 1) == "400 InvalidPartOrder"


def test_multipart_with_another_part(s3: Any, bucket: str) -> None:
    upload = Upload(s3, bucket, "a")
    upload.put(1, TAIL)
    upload.parts[1]["ETag"] = MISSING_ETAG
    assert upload.said() == "400 InvalidPart"
    upload.parts[2] = {"PartNumber": 2, "ETag": etag(TAIL)}
    assert upload.said(2) == "400 InvalidPart"


def test_multipart_aborted(s3: Any, bucket: str) -> None:
    upload = Upload(s3, bucket, "a")
    upload.put(1, TAIL)
    s3.abort_multipart_upload(**upload.place, UploadId=upload.id)
    assert said(s3.list_parts, **upload.place, UploadId=upload.id) == "404 NoSuchUpload"
    assert upload.said() == "404 NoSuchUpload"
    assert said(upload.put, number=2, body=TAIL) == "404 NoSuchUpload"


def test_multipart_with_a_part_number_that_is_none(s3: Any, bucket: str) -> None:
    upload = Upload(s3, bucket, "a")
    assert said(upload.put, number=0, body=TAIL) == "400 InvalidArgument"
    assert said(upload.put, number=10_001, body=TAIL) == "400 InvalidArgument"


def test_multipart_parts_by_pages(s3: Any, bucket: str) -> None:
    upload = Upload(s3, bucket, "a")
    for number in (1, 2, 3, 4, 5):
        upload.put(number, b"x" * number)
    pages = s3.get_paginator("list_parts").paginate(
        **upload.place, UploadId=upload.id, PaginationConfig={"PageSize": 2}
    )
    assert [[it["Size"] for it in page["Parts"]] for page in pages] == [[1, 2], [3, 4], [5]]


@pytest.mark.parametrize(
    ("existing", "condition", "expected"),
    [
        (None, {"IfNoneMatch": "*"}, "ok"),
        (b"one", {"IfNoneMatch": "*"}, "412 PreconditionFailed"),
        (None, {"IfMatch": etag(b"one")}, "404 NoSuchKey"),
        (b"one", {"IfMatch": etag(b"one")}, "ok"),
        (b"one", {"IfMatch": etag(b"two")}, "412 PreconditionFailed"),
    ],
    ids=["new", "taken", "match-missing", "match", "match-other"],
)
def test_conditional_complete(s3: Any, bucket: str, existing: bytes | None, condition: dict, expected: str) -> None:
    if existing is not None:
        put(s3, bucket, "a", existing)
    upload = Upload(s3, bucket, "a")
    upload.put(1, TAIL)
    assert upload.said(**condition) == expected
    if expected != "404 NoSuchKey":
        assert get(s3, bucket, "a") == (TAIL if expected == "ok" else existing)


def test_multipart_copy_of_a_part(s3: Any, bucket: str) -> None:
    put(s3, bucket, "source", FIRST + TAIL)
    upload = Upload(s3, bucket, "a")
    for number, copied in ((1, f"bytes=0-{PART_MIN - 1}"), (2, f"bytes={PART_MIN}-{PART_MIN + 3}")):
        source = {"Bucket": bucket, "Key": "source"}
        part = s3.upload_part_copy(
            **upload.place, UploadId=upload.id, PartNumber=number, CopySource=source, CopySourceRange=copied
        )
        upload.parts[number] = {"PartNumber": number, "ETag": part["CopyPartResult"]["ETag"]}
    assert upload.complete()["ETag"] == multipart_etag(FIRST, TAIL)
    assert get(s3, bucket, "a") == FIRST + TAIL


def test_read_by_part(s3: Any, bucket: str) -> None:
    upload = Upload(s3, bucket, "a")
    upload.put(1, FIRST)
    upload.put(2, TAIL)
    upload.complete()
    for number, body, start in ((1, FIRST, 0), (2, TAIL, PART_MIN)):
        part = s3.get_object(Bucket=bucket, Key="a", PartNumber=number)
        assert part["Body"].read() == body
        assert (part["PartsCount"], part["ResponseMetadata"]["HTTPStatusCode"]) == (2, 206)
        assert part["ContentRange"] == f"bytes {start}-{start + len(body) - 1}/{PART_MIN + 4}"
        head = s3.head_object(Bucket=bucket, Key="a", PartNumber=number)
        assert (head["PartsCount"], head["ContentLength"]) == (2, len(body))
        assert head["ETag"] == multipart_etag(FIRST, TAIL)


def test_read_by_a_part_that_is_none(s3: Any, bucket: str) -> None:
    put(s3, bucket, "whole")
    assert get(s3, bucket, "whole", PartNumber=1) == b"hello"
    assert said(s3.get_object, Bucket=bucket, Key="whole", PartNumber=2) == "416 InvalidPartNumber"
    assert said(s3.head_object, Bucket=bucket, Key="whole", PartNumber=2) == "416"


def test_read_by_part_and_range(s3: Any, bucket: str) -> None:
    put(s3, bucket, "a")
    both = {"PartNumber": 1, "Range": "bytes=0-1"}
    assert said(s3.get_object, Bucket=bucket, Key="a", **both) == "400 InvalidRequest"


# --- checksums


@pytest.mark.parametrize(("algorithm", "value"), HELLO_CHECKSUMS.items(), ids=HELLO_CHECKSUMS)
def test_checksum(server: Any, bucket: str, algorithm: str, value: str) -> None:
    s3 = server.client("s3", response_checksum_validation="when_required")
    field = f"Checksum{algorithm}"
    answer = s3.put_object(Bucket=bucket, Key="a", Body=b"hello", **{field: value})
    assert (answer[field], answer["ChecksumType"]) == (value, "FULL_OBJECT")
    for read in (s3.get_object, s3.head_object):
        assert field not in read(Bucket=bucket, Key="a")
        known = read(Bucket=bucket, Key="a", ChecksumMode="ENABLED")
        assert (known[field], known["ChecksumType"]) == (value, "FULL_OBJECT")
    listed = s3.list_objects_v2(Bucket=bucket)["Contents"][0]
    assert listed["ChecksumAlgorithm"] == [algorithm]


@pytest.mark.parametrize("algorithm", HELLO_CHECKSUMS)
def test_checksum_that_is_wrong(s3: Any, bucket: str, algorithm: str) -> None:
    wrong = {f"Checksum{algorithm}": HELLO_CHECKSUMS[algorithm]}
    assert said(s3.put_object, Bucket=bucket, Key="a", Body=b"other", **wrong) == "400 BadDigest"
    upload = Upload(s3, bucket, "a", ChecksumAlgorithm=algorithm)
    assert said(upload.put, number=1, body=b"other", **wrong) == "400 BadDigest"
    assert keys(s3, bucket) == []


def test_checksum_that_is_none(s3: Any, bucket: str) -> None:
    assert said(s3.put_object, Bucket=bucket, Key="a", Body=b"", ChecksumCRC32="AAAA") == "400 InvalidRequest"
    both = {"ChecksumCRC32": HELLO_CHECKSUMS["CRC32"], "ChecksumSHA1": HELLO_CHECKSUMS["SHA1"]}
    assert said(s3.put_object, Bucket=bucket, Key="a", Body=b"hello", **both) == "400 InvalidRequest"


def test_checksum_of_an_object_without(server: Any, bucket: str) -> None:
    s3 = server.client("s3", request_checksum_calculation="when_required")
    put(s3, bucket, "a")
    known = s3.head_object(Bucket=bucket, Key="a", ChecksumMode="ENABLED")
    assert (known["ChecksumCRC64NVME"], known["ChecksumType"]) == (HELLO_CHECKSUMS["CRC64NVME"], "FULL_OBJECT")


def test_checksum_of_a_copy(s3: Any, bucket: str) -> None:
    put(s3, bucket, "a", ChecksumSHA256=HELLO_CHECKSUMS["SHA256"])
    source = {"Bucket": bucket, "Key": "a"}
    kept = s3.copy_object(Bucket=bucket, Key="kept", CopySource=source)["CopyObjectResult"]
    assert kept["ChecksumSHA256"] == HELLO_CHECKSUMS["SHA256"]
    other = s3.copy_object(Bucket=bucket, Key="other", CopySource=source, ChecksumAlgorithm="SHA1")["CopyObjectResult"]
    assert other["ChecksumSHA1"] == HELLO_CHECKSUMS["SHA1"]


def raw_put(endpoint: str, path: str, body: bytes, headers: dict[str, str]) -> str:
    """Puts a body as it is, and says what came of it."""
    request = urllib.request.Request(f"{endpoint}{path}", data=body, headers=headers, method="PUT")
    try:
        with urllib.request.urlopen(request, timeout=10):
            return "ok"
    except urllib.error.HTTPError as error:
        code = error.read().decode().partition("<Code>")[2].partition("</Code>")[0]
        return f"{error.code} {code}"


CHUNKED = {
    "Content-Encoding": "aws-chunked",
    "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
    "x-amz-decoded-content-length": "5",
    "x-amz-trailer": "x-amz-checksum-crc32c",
    "x-amz-sdk-checksum-algorithm": "CRC32C",
}


@pytest.mark.parametrize(
    ("value", "expected"), [(HELLO_CHECKSUMS["CRC32C"], "ok"), ("AAAAAA==", "400 BadDigest")], ids=["right", "wrong"]
)
def test_checksum_behind_the_body(s3: Any, bucket: str, endpoint: str, value: str, expected: str) -> None:
    body = f"3\r\nhel\r\n2\r\nlo\r\n0\r\nx-amz-checksum-crc32c:{value}\r\n\r\n".encode()
    assert raw_put(endpoint, f"/{bucket}/a", body, CHUNKED) == expected
    assert keys(s3, bucket) == (["a"] if expected == "ok" else [])
    if expected == "ok":
        known = s3.get_object(Bucket=bucket, Key="a", ChecksumMode="ENABLED")
        assert (known["Body"].read(), known["ChecksumCRC32C"]) == (b"hello", value)


def test_signed_payload_of_another_body(s3: Any, bucket: str, endpoint: str) -> None:
    headers = {"x-amz-content-sha256": hashlib.sha256(b"other").hexdigest()}
    assert raw_put(endpoint, f"/{bucket}/a", b"hello", headers) == "400 XAmzContentSHA256Mismatch"
    assert keys(s3, bucket) == []


def test_checksum_of_parts(s3: Any, bucket: str) -> None:
    upload = Upload(s3, bucket, "a", ChecksumAlgorithm="SHA256")
    digests = b""
    for number, body in ((1, FIRST), (2, TAIL)):
        digest = hashlib.sha256(body).digest()
        part = upload.put(number, body, ChecksumAlgorithm="SHA256")
        assert part["ChecksumSHA256"] == base64.b64encode(digest).decode()
        digests += digest
    listed = s3.list_parts(**upload.place, UploadId=upload.id)
    assert listed["ChecksumAlgorithm"] == "SHA256"
    assert [it["ChecksumSHA256"] for it in listed["Parts"]] == [it["ChecksumSHA256"] for it in upload.listed()["Parts"]]
    composite = base64.b64encode(hashlib.sha256(digests).digest()).decode() + "-2"
    assert upload.complete()["ChecksumSHA256"] == composite
    known = s3.head_object(Bucket=bucket, Key="a", ChecksumMode="ENABLED")
    assert (known["ChecksumSHA256"], known["ChecksumType"]) == (composite, "COMPOSITE")


def test_checksum_of_the_whole_of_parts(s3: Any, bucket: str) -> None:
    whole = base64.b64encode(zlib.crc32(FIRST + TAIL).to_bytes(4, "big")).decode()
    upload = Upload(s3, bucket, "a", ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT")
    upload.put(1, FIRST, ChecksumAlgorithm="CRC32")
    upload.put(2, TAIL, ChecksumAlgorithm="CRC32")
    assert upload.said(ChecksumCRC32="AAAAAA==", ChecksumType="FULL_OBJECT") == "400 BadDigest"
    answer = upload.complete(ChecksumCRC32=whole, ChecksumType="FULL_OBJECT")
    assert answer["ChecksumCRC32"] == whole
    known = s3.head_object(Bucket=bucket, Key="a", ChecksumMode="ENABLED")
    assert (known["ChecksumCRC32"], known["ChecksumType"]) == (whole, "FULL_OBJECT")


def test_checksum_of_parts_that_are_not_listed(s3: Any, bucket: str) -> None:
    upload = Upload(s3, bucket, "a", ChecksumAlgorithm="SHA1")
    part = upload.put(1, TAIL, ChecksumAlgorithm="SHA1")
    upload.parts[1] = {"PartNumber": 1, "ETag": part["ETag"]}
    assert upload.said() == "400 InvalidRequest"


def test_checksum_of_parts_by_another_algorithm(s3: Any, bucket: str) -> None:
    upload = Upload(s3, bucket, "a", ChecksumAlgorithm="SHA1")
    assert said(upload.put, number=1, body=TAIL, ChecksumAlgorithm="CRC32") == "400 InvalidRequest"


@pytest.mark.parametrize(
    ("algorithm", "kind"), [("SHA1", "FULL_OBJECT"), ("SHA256", "FULL_OBJECT"), ("CRC64NVME", "COMPOSITE")]
)
def test_checksum_type_that_an_algorithm_has_not(s3: Any, bucket: str, algorithm: str, kind: str) -> None:
    arguments = {"ChecksumAlgorithm": algorithm, "ChecksumType": kind}
    assert said(s3.create_multipart_upload, Bucket=bucket, Key="a", **arguments) == "400 InvalidRequest"


def test_size_of_the_whole_of_parts(s3: Any, bucket: str) -> None:
    upload = Upload(s3, bucket, "a")
    upload.put(1, TAIL)
    assert upload.said(MpuObjectSize=5) == "400 InvalidRequest"
    assert upload.said(MpuObjectSize=4) == "ok"


# --- presigned URLs


def test_presigned(s3: Any, bucket: str) -> None:
    target = {"Bucket": bucket, "Key": "a b/+é"}
    putting = urllib.request.Request(s3.generate_presigned_url("put_object", target), data=b"hello", method="PUT")
    with urllib.request.urlopen(putting, timeout=10) as answer:
        assert answer.headers["ETag"] == etag(b"hello")
    with urllib.request.urlopen(s3.generate_presigned_url("get_object", target), timeout=10) as answer:
        assert answer.read() == b"hello"
    overriding = {**target, "ResponseContentType": "text/csv"}
    with urllib.request.urlopen(s3.generate_presigned_url("get_object", overriding), timeout=10) as answer:
        assert answer.headers["Content-Type"] == "text/csv"
