"""The policy of whoever deploys: what CloudFormation does in their name, by the handlers in the resources' schemas.

`UPDATE=1` writes docs/deployer-policy.json instead of comparing it.
"""

import json
import os
import re
from typing import Any

from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

import servers
import stacks

POLICY = servers.ROOT / "docs" / "deployer-policy.json"

# Services of which the templates make nothing, and that a handler asks only for what they do not use.
UNUSED = {
    *("aoss", "cassandra", "dynamodb", "ec2", "elasticfilesystem", "es", "kafka", "kinesis", "lakeformation"),
    *("networkmanager", "organizations", "quicksight", "redshift", "s3files", "s3tables", "secretsmanager"),
    "vpc-lattice",
}

# What the commands of the README do besides: upload the packages, and make, change and delete stacks.
COMMANDS = [
    "cloudformation:CreateChangeSet",
    "cloudformation:CreateStack",
    "cloudformation:DeleteChangeSet",
    "cloudformation:DeleteStack",
    "cloudformation:DescribeChangeSet",
    "cloudformation:DescribeStackEvents",
    "cloudformation:DescribeStackResource",
    "cloudformation:DescribeStackResources",
    "cloudformation:DescribeStacks",
    "cloudformation:ExecuteChangeSet",
    "cloudformation:GetTemplateSummary",
    "cloudformation:UpdateStack",
    "events:DescribeEventSource",
    "events:ListEventSources",
    "iam:PassRole",
    "s3:GetObject",
    "s3:ListBucket",
    "s3:PutObject",
]
# The schemas also name patterns of actions, and what IAM does not know.
IS_ACTION = re.compile("[a-z0-9-]+:[A-Za-z]+")
NO_ACTIONS = {"kms:ReEncrypt"}
HANDLERS = ("create", "read", "update", "delete")


def kinds() -> set[str]:
    """The types of all resources, without the stacks themselves."""
    found = {it["Type"] for template in stacks.all_parsed().values() for it in template["Resources"].values()}
    return found - {"AWS::CloudFormation::Stack"}


def actions(kind: str) -> set[str]:
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema(stacks.REGION, kind).schema
    asked = {it for handler in HANDLERS for it in schema.get("handlers", {}).get(handler, {}).get("permissions", [])}
    return {it for it in asked if it.split(":")[0] not in UNUSED and IS_ACTION.fullmatch(it) and it not in NO_ACTIONS}


def policy() -> dict[str, Any]:
    """The policy, a statement for each service, so that each can be narrowed to the names that are used."""
    allowed = sorted({it for kind in kinds() for it in actions(kind)} | set(COMMANDS))
    services = sorted({it.split(":")[0] for it in allowed})
    statements = [
        {
            "Sid": service.capitalize(),
            "Effect": "Allow",
            "Action": [it for it in allowed if it.split(":")[0] == service],
            "Resource": "*",
        }
        for service in services
    ]
    return {"Version": "2012-10-17", "Statement": statements}


def test_the_policy_is_that_of_the_templates():
    text = json.dumps(policy(), indent=2) + "\n"
    if os.environ.get("UPDATE"):
        POLICY.write_text(text)
    assert POLICY.read_text() == text, "UPDATE=1 writes it anew; read the difference"


def test_every_type_says_what_it_needs():
    silent = sorted(kind for kind in kinds() if not actions(kind))
    assert silent == []


def test_it_fits_into_a_role():
    """An inline policy of a role may have 10,240 characters without white space."""
    assert len("".join(json.dumps(policy()).split())) <= 10_240
