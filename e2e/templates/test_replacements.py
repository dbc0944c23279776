"""What a changed parameter replaces, by the properties that a resource keeps from its creation."""

from typing import Any

import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

import stacks

WARNING = "never change once events flow"

# What is lost, or left behind, if it is replaced: the record, what waits to be delivered, what queries name.
PRECIOUS = {
    "AWS::Events::EventBus",
    "AWS::Glue::Database",
    "AWS::KinesisFirehose::DeliveryStream",
    "AWS::KMS::Key",
    "AWS::S3::Bucket",
    "AWS::SQS::Queue",
}

GIVEN = {"EventBusName": "aws.partner/auth0.com/t/auth0.logs", "LogBucketName": "logs", "AlarmEmail": "a@example.com"}
KEY = "arn:aws:kms:us-east-1:000000000000:key/k"

# Another value than the one given or the default.
OTHER: dict[str, Any] = {
    "EventBusName": "aws.partner/auth0.com/other/auth0.logs",
    "LogBucketName": "other",
    "KmsKeyArn": KEY,
    "FormerKmsKeyArns": KEY,
    "PermissionsBoundaryArn": "arn:aws:iam::000000000000:policy/boundary",
    "GlueDatabaseName": "other",
    "Schedule": "cron(40 * * * ? *)",
    "NamePrefix": "other",
    "AlarmEmail": "b@example.com",
}


@pytest.fixture(scope="module")
def templates() -> dict[str, stacks.Template]:
    return stacks.all_parsed()


def other(name: str, parameter: dict[str, Any]) -> Any:
    if name in OTHER:
        return OTHER[name]
    value = GIVEN.get(name, parameter.get("Default"))
    if "AllowedValues" in parameter:
        return next(it for it in parameter["AllowedValues"] if it != value)
    return value + 1 if value + 1 <= parameter.get("MaxValue", value + 1) else value - 1


def kept(kind: str) -> list[list[str]]:
    """The paths of the properties that a resource of this type keeps from its creation."""
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(stacks.REGION, kind).schema
    return [path.split("/")[2:] for path in schema.get("createOnlyProperties", [])]


def at(properties: Any, path: list[str]) -> Any:
    for key in path:
        properties = properties.get(key) if isinstance(properties, dict) else None
    return properties


def replaced(templates: dict[str, stacks.Template], name: str) -> dict[str, str]:
    """The resources that another value of a parameter replaces or takes out of the stack, with their types."""
    parameter = templates["root"]["Parameters"][name]
    before = stacks.Deployed(templates, GIVEN).resources()
    after = stacks.Deployed(templates, GIVEN | {name: other(name, parameter)}).resources()
    found = {}
    for (stack, own), (kind, properties) in before.items():
        changed = after.get((stack, own))
        if changed is None or any(at(properties, path) != at(changed[1], path) for path in kept(kind)):
            found[f"{stack}.{own}"] = kind
    return found


def precious(templates: dict[str, stacks.Template], name: str) -> list[str]:
    return sorted(own for own, kind in replaced(templates, name).items() if kind in PRECIOUS)


def test_what_replaces_the_precious_says_so(templates):
    parameters = templates["root"]["Parameters"]
    of = {name: precious(templates, name) for name in parameters}
    said = {name for name, it in parameters.items() if WARNING in it["Description"]}
    assert said == {name for name, found in of.items() if found}, of
    for name, found in of.items():
        if found:
            print(f"{name}: {', '.join(found)}")


def test_a_parameter_that_began_to_replace_is_noticed(templates):
    broken = {name: dict(it) for name, it in templates.items()}
    ingestion = broken["ingestion"]["Resources"]
    name = {"Fn::Sub": "${NamePrefix}-${Architecture}"}
    stream = ingestion["Stream"] | {"Properties": ingestion["Stream"]["Properties"] | {"DeliveryStreamName": name}}
    broken["ingestion"] = broken["ingestion"] | {"Resources": ingestion | {"Stream": stream}}
    assert precious(templates, "Architecture") == []
    assert precious(broken, "Architecture") == ["Ingestion.Stream"]
