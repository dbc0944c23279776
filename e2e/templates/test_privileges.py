"""Each role allows what its bearer was seen to do, and nothing else.

What was done is what the embedded AWS recorded while the whole of `cargo test --workspace` ran with LOCAL_AWS_CALLS
naming a folder; the judge is moto's implementation of IAM policies.
"""

import json
import os
import pathlib
import re

import pytest
from moto.iam.access_control import IAMPolicy, PermissionResult

import stacks

BUCKET, DATABASE, KEY = "the-bucket", "the_database", "arn:aws:kms:us-east-1:000000000000:key/k"
GLUE = f"arn:aws:glue:{stacks.REGION}:{stacks.ACCOUNT}"

# The bearer's name among the recorded callers, and where its role is.
ROLES = {
    "compactor": ("compactor", "Role"),
    "partitioner": ("partitioner", "Role"),
    "firehose": ("ingestion", "StreamRole"),
    "rule": ("ingestion", "RuleRole"),
    "scheduler": ("compactor", "TickRole"),
    "transform": ("ingestion", "TransformRole"),
}

# The calls that need a right of another name.
ACTIONS = {
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:CreateMultipartUpload": "s3:PutObject",
    "s3:UploadPart": "s3:PutObject",
    "s3:CompleteMultipartUpload": "s3:PutObject",
    "s3:HeadObject": "s3:GetObject",
    "s3:DeleteObjects": "s3:DeleteObject",
    "lambda:Invoke": "lambda:InvokeFunction",
}

# Rights that no call of our code needs, and why they are there.
BY_AWS_ITSELF = {
    r"logs:.*": "Lambda and Firehose write the logs, not our code",
    r"kms:.*": "S3 and Firehose use the key in the caller's name",
    r"sqs:SendMessage": "Lambda and the scheduler send what failed",
    r"firehose:.*": "EventBridge puts the events",
}
OF_ONE_ROLE = {
    ("firehose", "s3:GetBucketLocation"): "Firehose's documentation asks for it",
    ("firehose", "s3:ListBucket"): "Firehose's documentation asks for it",
    ("firehose", "s3:ListBucketMultipartUploads"): "Firehose uploads large objects in parts",
    ("firehose", "s3:AbortMultipartUpload"): "Firehose uploads large objects in parts",
    ("firehose", "s3:GetObject"): "Firehose's documentation asks for it",
    ("firehose", "lambda:GetFunctionConfiguration"): "Firehose asks for the function's time limit",
    ("scheduler", "lambda:InvokeFunction"): "the scheduler invokes the compactor",
}

Call = tuple[str, str]


def statements(bearer: str) -> list[dict]:
    """What the role allows, resolved."""
    stack, name = ROLES[bearer]
    given = {"LogBucket": BUCKET, "GlueDatabaseName": DATABASE, "KmsKeyArn": KEY, "NamePrefix": "logs"}
    given |= {"FormerKmsKeyArns": "", "PermissionsBoundaryArn": ""}
    role = stacks.Resolved(stacks.parsed(stacks.TEMPLATES / f"{stack}.yaml"), given).resource(name)
    return [as_list(it) for policy in role["Policies"] for it in policy["PolicyDocument"]["Statement"]]


def as_list(statement: dict) -> dict:
    many = {key: it if isinstance(it, list) else [it] for key, it in statement.items() if key in ("Action", "Resource")}
    return statement | many


def allowed(bearer: str, action: str, resources: list[str]) -> bool:
    return permits(statements(bearer), action, resources)


def permits(policy: list[dict], action: str, resources: list[str]) -> bool:
    # The judge takes a dollar sign for the end of the text.
    judge = IAMPolicy(json.dumps({"Version": "2012-10-17", "Statement": policy}).replace("$", "_"))
    resources = [resource.replace("$", "_") for resource in resources]
    return all(judge.is_action_permitted(action, resource) == PermissionResult.PERMITTED for resource in resources)


@pytest.fixture(scope="module")
def recorded() -> dict[str, set[tuple[str, str, str]]]:
    """By bearer: action, resource as of our bucket and database, and whether it was conditional."""
    folder = os.environ.get("LOCAL_AWS_CALLS")
    if not folder:
        pytest.fail("LOCAL_AWS_CALLS names no folder; run `LOCAL_AWS_CALLS=DIR cargo test --workspace` first")
    calls: dict[str, set[tuple[str, str, str]]] = {}
    for file in pathlib.Path(folder).iterdir():
        for line in file.read_text().splitlines():
            bearer, call, rest = line.split(" ", 2)
            resource, conditional = rest.rsplit(" ", 1)
            calls.setdefault(bearer, set()).add((ACTIONS.get(call, call), ours(resource), conditional))
    return calls


def ours(resource: str) -> str:
    """The same resource in the bucket and the database that the policies are resolved for."""
    resource = re.sub(r"^arn:aws:s3:::[^/]+", f"arn:aws:s3:::{BUCKET}", resource)
    resource = re.sub(r":(table|database)/[^/]+", rf":\1/{DATABASE}", resource)
    return re.sub(r":function:(.*)", r":function:logs-\1:$LATEST", resource)


def needed(resource: str) -> list[str]:
    """Glue asks for a right on the table, its database and the catalog."""
    if not resource.startswith(GLUE):
        return [resource]
    return [resource, f"{GLUE}:database/{DATABASE}", f"{GLUE}:catalog"]


@pytest.mark.parametrize("bearer", ["compactor", "partitioner", "firehose"])
def test_every_call_is_allowed(recorded, bearer):
    calls = recorded[bearer]
    refused = [f"{action} {resource}" for action, resource, _ in calls if not allowed(bearer, action, needed(resource))]
    assert refused == []
    print(f"{bearer}: {len(calls)} kinds of calls, all allowed")


def test_the_transform_calls_nothing(recorded):
    assert "transform" not in recorded


@pytest.mark.parametrize("bearer", ROLES)
def test_every_right_is_used(recorded, bearer):
    used = {(action, it) for action, resource, _ in recorded.get(bearer, ()) for it in needed(resource)}
    idle = []
    for statement in statements(bearer):
        for action in statement["Action"]:
            if (bearer, action) in OF_ONE_ROLE or any(re.fullmatch(pattern, action) for pattern in BY_AWS_ITSELF):
                continue
            alone = {"Effect": "Allow", "Action": [action]}
            for resource in statement["Resource"]:
                right = [alone | {"Resource": [resource]}]
                if not any(it == action and permits(right, it, [of]) for it, of in used):
                    idle.append(f"{action} {resource}")
    assert idle == []


@pytest.mark.parametrize("bearer", ROLES)
def test_no_reason_is_given_for_what_is_not_allowed(bearer):
    actions = {action for statement in statements(bearer) for action in statement["Action"]}
    assert [action for of, action in OF_ONE_ROLE if of == bearer and action not in actions] == []


def test_manifests_are_written_by_condition_alone(recorded):
    """What the bucket's policy refuses nobody does."""
    writes = [(bearer, it) for bearer in ("compactor", "firehose") for it in recorded[bearer] if it[0] == "s3:PutObject"]
    of_manifests = [(bearer, conditional) for bearer, (_, resource, conditional) in writes if "/manifests/" in resource]
    assert of_manifests == [("compactor", "conditional")]


# What nobody may do, whoever asks.
FORBIDDEN = [
    ("compactor", "s3:PutObject", f"arn:aws:s3:::{BUCKET}/logs/2026/11/20/13/a.gz"),
    ("compactor", "s3:DeleteObject", f"arn:aws:s3:::{BUCKET}/logs/2026/11/20/13/a.gz"),
    ("compactor", "s3:DeleteObject", f"arn:aws:s3:::{BUCKET}/manifests/2026/11/20/13.json"),
    ("compactor", "s3:DeleteBucket", f"arn:aws:s3:::{BUCKET}"),
    ("compactor", "glue:DeleteTable", f"{GLUE}:table/{DATABASE}/auth0_logs"),
    ("compactor", "glue:UpdateTable", f"{GLUE}:table/{DATABASE}/another"),
    ("compactor", "glue:UpdateTable", f"{GLUE}:table/{DATABASE}/auth0_logs_daily"),
    ("compactor", "s3:GetObject", "arn:aws:s3:::another/logs/a.gz"),
    ("partitioner", "glue:UpdatePartition", f"{GLUE}:table/{DATABASE}/auth0_logs_json"),
    ("partitioner", "glue:CreatePartition", f"{GLUE}:table/{DATABASE}/auth0_logs_daily"),
    ("partitioner", "s3:GetObject", f"arn:aws:s3:::{BUCKET}/logs/a.gz"),
    ("firehose", "s3:DeleteObject", f"arn:aws:s3:::{BUCKET}/logs/a.gz"),
    ("firehose", "s3:PutObject", f"arn:aws:s3:::{BUCKET}/manifests/a.json"),
    ("firehose", "s3:PutObject", f"arn:aws:s3:::{BUCKET}/daily/2026/11/20/a/00000.parquet"),
]


@pytest.mark.parametrize(("bearer", "action", "resource"), FORBIDDEN)
def test_is_forbidden(bearer, action, resource):
    assert not allowed(bearer, action, [resource])
