"""What every template here must get right, each a check that says what is wrong, with a way to break it."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import stacks

Stacks = dict[str, stacks.Template]
Check = Callable[[Stacks], Iterator[str]]

# (check, what to do to a copy of the templates so that it finds something)
PITFALLS: list[tuple[Check, Callable[[Stacks], None]]] = []


def pitfall(breaks: Callable[[Stacks], Any]) -> Callable[[Check], Check]:
    def add(check: Check) -> Check:
        PITFALLS.append((check, breaks))
        return check

    return add


def properties(all_stacks: Stacks, stack: str, resource: str) -> dict[str, Any]:
    return all_stacks[stack]["Resources"][resource]["Properties"]


def everywhere(all_stacks: Stacks, kind: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every resource of a type: its stack, its name, the resource."""
    for stack, template in all_stacks.items():
        for name, resource in stacks.of_type(template, kind).items():
            yield stack, name, resource


@pitfall(lambda it: properties(it, "ingestion", "Bus").update(Name="auth0"))
def a_partner_bus_has_the_name_of_its_event_source(all_stacks: Stacks) -> Iterator[str]:
    for stack, name, bus in everywhere(all_stacks, "AWS::Events::EventBus"):
        if bus["Properties"]["Name"] != bus["Properties"].get("EventSourceName"):
            yield f"{stack}.{name}: Name is not EventSourceName"


RETAINED = (
    ("ingestion", "Bus"),
    ("ingestion", "EventsQueue"),
    ("storage", "Bucket"),
    ("storage", "BucketPolicy"),
    ("storage", "Key"),
    ("queries", "Results"),
    ("queries", "ResultsPolicy"),
)


@pitfall(lambda it: it["storage"]["Resources"]["Bucket"].pop("UpdateReplacePolicy"))
def what_holds_data_outlives_the_stack(all_stacks: Stacks) -> Iterator[str]:
    for stack, name in RETAINED:
        resource = all_stacks[stack]["Resources"][name]
        # What a failed creation leaves is in the way of the next one.
        for policy, expected in (("DeletionPolicy", "RetainExceptOnCreate"), ("UpdateReplacePolicy", "Retain")):
            if resource.get(policy) != expected:
                yield f"{stack}.{name}: {policy} is not {expected}"
    for stack, template in all_stacks.items():
        for name, resource in template["Resources"].items():
            if resource.get("DeletionPolicy") == "Retain":
                yield f"{stack}.{name}: stays after a creation that failed"
    for kind in ("AWS::S3::Bucket", "AWS::KMS::Key", "AWS::Events::EventBus"):
        for stack, name, _ in everywhere(all_stacks, kind):
            if (stack, name) not in RETAINED:
                yield f"{stack}.{name} is not on the list of what is retained"


@pitfall(lambda it: properties(it, "ingestion", "Rule")["EventPattern"].pop("detail-type"))
def the_rule_takes_log_events_alone(all_stacks: Stacks) -> Iterator[str]:
    pattern = properties(all_stacks, "ingestion", "Rule")["EventPattern"]
    if pattern.get("detail-type") != ["Auth0 log"]:
        yield "ingestion.Rule: other products of the same partner pass"
    if pattern.get("source") != [{"prefix": "aws.partner/auth0.com/"}]:
        yield "ingestion.Rule: other sources pass"


@pitfall(lambda it: properties(it, "partitioner", "Rule")["Targets"][0].pop("DeadLetterConfig"))
def rules_keep_what_they_cannot_deliver(all_stacks: Stacks) -> Iterator[str]:
    for stack, name, rule in everywhere(all_stacks, "AWS::Events::Rule"):
        for target in rule["Properties"]["Targets"]:
            queue = target.get("DeadLetterConfig", {}).get("Arn", {}).get("Fn::GetAtt", [None])[0]
            if queue not in all_stacks[stack]["Resources"]:
                yield f"{stack}.{name}: no dead-letter queue"
            elif not admits(all_stacks, stack, queue, "events.amazonaws.com", name):
                yield f"{stack}.{queue}: no policy that admits {name}"


def admits(all_stacks: Stacks, stack: str, queue: str, service: str, rule: str | None) -> bool:
    """Does a policy let a service, for a rule if one is named, and nobody else send to the queue?"""
    for policy in stacks.of_type(all_stacks[stack], "AWS::SQS::QueuePolicy").values():
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
            of_rule = {"ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": [rule, "Arn"]}}}
            of_account = {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
            if (
                {"Ref": queue} in policy["Properties"]["Queues"]
                and statement["Principal"] == {"Service": service}
                and statement["Action"] == "sqs:SendMessage"
                and statement["Condition"] == (of_rule if rule else of_account)
            ):
                return True
    return False


@pitfall(lambda it: properties(it, "compactor", "Invocations").pop("DestinationConfig"))
def functions_invoked_asynchronously_keep_what_failed(all_stacks: Stacks) -> Iterator[str]:
    for stack in ("partitioner", "compactor"):
        configs = stacks.of_type(all_stacks[stack], "AWS::Lambda::EventInvokeConfig").values()
        queues = [it["Properties"].get("DestinationConfig", {}).get("OnFailure", {}).get("Destination") for it in configs]
        if len(queues) != 1 or not queues[0]:
            yield f"{stack}: no destination on failure"


@pitfall(lambda it: properties(it, "compactor", "Tick")["Target"].pop("DeadLetterConfig"))
def the_schedule_keeps_what_it_cannot_invoke(all_stacks: Stacks) -> Iterator[str]:
    for stack, name, schedule in everywhere(all_stacks, "AWS::Scheduler::Schedule"):
        target = schedule["Properties"]["Target"]
        queue = target.get("DeadLetterConfig", {}).get("Arn", {}).get("Fn::GetAtt", [None])[0]
        if queue is None:
            yield f"{stack}.{name}: no dead-letter queue"
        elif not admits(all_stacks, stack, queue, "scheduler.amazonaws.com", None):
            yield f"{stack}.{queue}: no policy that admits the scheduler"
        if "RetryPolicy" not in target:
            yield f"{stack}.{name}: no bound on retries"


def rights(all_stacks: Stacks, stack: str, role: str, **given: str) -> list[dict[str, Any]]:
    """What a role allows with these parameters."""
    resolved = stacks.Resolved(all_stacks[stack], {"FormerKmsKeyArns": "", "PermissionsBoundaryArn": ""} | given)
    return [it for policy in resolved.resource(role)["Policies"] for it in policy["PolicyDocument"]["Statement"]]


# Who handles what is encrypted with the key.
KEY_USERS = (("ingestion", "RuleRole"), ("ingestion", "StreamRole"), ("compactor", "Role"))


@pitfall(lambda it: properties(it, "ingestion", "RuleRole")["Policies"][0]["PolicyDocument"]["Statement"].pop())
def who_handles_encrypted_data_may_use_the_key(all_stacks: Stacks) -> Iterator[str]:
    for stack, role in KEY_USERS:
        statements = rights(all_stacks, stack, role, KmsKeyArn="arn:aws:kms:key")
        if not any(
            it["Resource"] == "arn:aws:kms:key" and {"kms:GenerateDataKey", "kms:Decrypt"} <= set(it["Action"])
            for it in statements
        ):
            yield f"{stack}.{role}: no right to use the key"


def with_key(all_stacks: Stacks, stack: str, resource: str) -> Any:
    given = {"KmsKeyArn": "arn:aws:kms:key", "Encryption": "GivenKey", "FormerKmsKeyArns": "", "Versioning": "true"}
    return stacks.Resolved(all_stacks[stack], given).resource(resource)


@pitfall(lambda it: properties(it, "ingestion", "Stream")["ExtendedS3DestinationConfiguration"].pop("EncryptionConfiguration"))
def a_key_that_was_chosen_is_used_everywhere(all_stacks: Stacks) -> Iterator[str]:
    encrypted = (("storage", "Bucket"), ("ingestion", "Stream"), ("queries", "Results"), ("queries", "Workgroup"))
    uses = {("ingestion", "Stream"): 2}
    for stack, name in encrypted:
        if json.dumps(with_key(all_stacks, stack, name)).count("arn:aws:kms:key") < uses.get((stack, name), 1):
            yield f"{stack}.{name}: not encrypted with the key"


@pitfall(lambda it: properties(it, "storage", "Bucket")["PublicAccessBlockConfiguration"].update(BlockPublicAcls=False))
def buckets_are_closed_and_cleaned(all_stacks: Stacks) -> Iterator[str]:
    closed = {"BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"}
    for stack, name, bucket in everywhere(all_stacks, "AWS::S3::Bucket"):
        own = bucket["Properties"]
        if own["OwnershipControls"] != {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}:
            yield f"{stack}.{name}: objects may be others'"
        if {key for key, value in own["PublicAccessBlockConfiguration"].items() if value is True} != closed:
            yield f"{stack}.{name}: public access is not blocked"
        if not any("AbortIncompleteMultipartUpload" in rule for rule in own["LifecycleConfiguration"]["Rules"]):
            yield f"{stack}.{name}: unfinished uploads stay"
        if not own["BucketEncryption"]["ServerSideEncryptionConfiguration"][0]["BucketKeyEnabled"]:
            yield f"{stack}.{name}: every read is a call to KMS"
        if not any(denies_plain_http(policy, name) for _, _, policy in everywhere({stack: all_stacks[stack]}, "AWS::S3::BucketPolicy")):
            yield f"{stack}.{name}: may be read without TLS"


def denies_plain_http(policy: dict[str, Any], bucket: str) -> bool:
    own = policy["Properties"]
    every = [{"Fn::GetAtt": [bucket, "Arn"]}, {"Fn::Sub": f"${{{bucket}.Arn}}/*"}]
    return own["Bucket"] == {"Ref": bucket} and any(
        it["Effect"] == "Deny" and it["Principal"] == "*" and it["Action"] == "s3:*" and it["Resource"] == every
        and it["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        for it in own["PolicyDocument"]["Statement"]
    )


@pitfall(lambda it: properties(it, "storage", "BucketPolicy")["PolicyDocument"]["Statement"].pop())
def manifests_are_written_by_condition_alone(all_stacks: Stacks) -> Iterator[str]:
    statements = properties(all_stacks, "storage", "BucketPolicy")["PolicyDocument"]["Statement"]
    if not any(
        it["Effect"] == "Deny"
        and it["Action"] == "s3:PutObject"
        and it["Resource"] == {"Fn::Sub": "${Bucket.Arn}/manifests/*"}
        and it["Condition"] == {"Null": {"s3:if-match": "true", "s3:if-none-match": "true"}}
        for it in statements
    ):
        yield "storage.BucketPolicy: a manifest may be overwritten blindly"


# What is made from the log, or kept beside it until it is replayed.
MADE = ("parquet/", "daily/", "manifests/", "rejected/", "replayed/", "error/")


@pitfall(lambda it: properties(it, "storage", "Bucket")["LifecycleConfiguration"]["Rules"].append({"Id": "x", "Status": "Enabled", "ExpirationInDays": 9}))
def the_record_never_expires(all_stacks: Stacks) -> Iterator[str]:
    for rule in storage_rules(all_stacks):
        if any(key.startswith("Expiration") for key in rule):
            yield f"storage.Bucket: {rule['Id']} deletes objects"
        if "NoncurrentVersionExpiration" in rule and rule.get("Prefix") not in MADE:
            yield f"storage.Bucket: {rule['Id']} deletes versions of the log"


def storage_rules(all_stacks: Stacks) -> list[dict[str, Any]]:
    given = {"Encryption": "S3", "JsonToGlacierDays": "90", "Versioning": "true"}
    given |= {"CreateLogBucket": "true", "LogBucketName": ""}
    return stacks.Resolved(all_stacks["storage"], given).resource("Bucket")["LifecycleConfiguration"]["Rules"]


@pitfall(lambda it: properties(it, "storage", "Bucket").pop("VersioningConfiguration"))
def mistakes_can_be_undone(all_stacks: Stacks) -> Iterator[str]:
    versioning = properties(all_stacks, "storage", "Bucket").get("VersioningConfiguration")
    if versioning != {"Status": {"Fn::If": ["KeepsVersions", "Enabled", "Suspended"]}}:
        yield "storage.Bucket: what is deleted is gone"
    if all_stacks["root"]["Parameters"]["Versioning"]["Default"] != "true":
        yield "root.Versioning: off by default"


@pitfall(lambda it: properties(it, "storage", "Bucket")["LifecycleConfiguration"]["Rules"].pop(1))
def versions_of_what_can_be_made_again_go(all_stacks: Stacks) -> Iterator[str]:
    emptied = {
        rule["Prefix"]
        for rule in storage_rules(all_stacks)
        if rule.get("NoncurrentVersionExpiration") == {"NoncurrentDays": 7}
        and rule.get("ExpiredObjectDeleteMarker") is True
    }
    for prefix in sorted(set(MADE) - emptied):
        yield f"storage.Bucket: former versions under {prefix} stay for ever"


@pitfall(lambda it: properties(it, "ingestion", "TransformLogGroup").pop("RetentionInDays"))
def functions_log_as_json_into_groups_that_are_emptied(all_stacks: Stacks) -> Iterator[str]:
    for stack, name, function in everywhere(all_stacks, "AWS::Lambda::Function"):
        logging = function["Properties"].get("LoggingConfig", {})
        group = logging.get("LogGroup", {}).get("Ref")
        if logging.get("LogFormat") != "JSON" or group not in all_stacks[stack]["Resources"]:
            yield f"{stack}.{name}: logs elsewhere, or not as JSON"
    for stack, name, group in everywhere(all_stacks, "AWS::Logs::LogGroup"):
        if "RetentionInDays" not in group["Properties"]:
            yield f"{stack}.{name}: kept for ever"


def processor(all_stacks: Stacks) -> dict[str, Any]:
    destination = properties(all_stacks, "ingestion", "Stream")["ExtendedS3DestinationConfiguration"]
    [one] = destination["ProcessingConfiguration"]["Processors"]
    return {it["ParameterName"]: it["ParameterValue"] for it in one["Parameters"]}


def set_buffer(all_stacks: Stacks) -> None:
    destination = properties(all_stacks, "ingestion", "Stream")["ExtendedS3DestinationConfiguration"]
    for it in destination["ProcessingConfiguration"]["Processors"][0]["Parameters"]:
        if it["ParameterName"] == "BufferSizeInMBs":
            it["ParameterValue"] = "3"


@pitfall(set_buffer)
def the_transform_is_given_a_megabyte_at_a_time(all_stacks: Stacks) -> Iterator[str]:
    given = processor(all_stacks)
    if given["BufferSizeInMBs"] != "1":
        yield "ingestion.Stream: an answer might not fit into 6 MB"
    if given["LambdaArn"] != {"Fn::Sub": "${Transform.Arn}:$LATEST"}:
        yield "ingestion.Stream: the function has no qualifier, which its role's right has"


@pitfall(lambda it: properties(it, "ingestion", "Stream")["ExtendedS3DestinationConfiguration"].update(Prefix="logs/"))
def objects_lie_where_the_code_looks(all_stacks: Stacks) -> Iterator[str]:
    destination = properties(all_stacks, "ingestion", "Stream")["ExtendedS3DestinationConfiguration"]
    if destination["Prefix"] != "logs/!{timestamp:yyyy/MM/dd/HH}/":
        yield "ingestion.Stream: Prefix"
    if not destination["ErrorOutputPrefix"].startswith("error/"):
        yield "ingestion.Stream: ErrorOutputPrefix"
    if destination["CompressionFormat"] != "GZIP":
        yield "ingestion.Stream: CompressionFormat"


@pitfall(lambda it: it["root"]["Parameters"]["CompactorMemory"].update(MaxValue=10240))
def memory_fits_into_a_new_account(all_stacks: Stacks) -> Iterator[str]:
    for name, parameter in all_stacks["root"]["Parameters"].items():
        if name.endswith("Memory") and not parameter["Default"] <= parameter["MaxValue"] <= 3008:
            yield f"root.{name}: more than 3,008 MB"


def notify_directly(all_stacks: Stacks) -> None:
    bucket = properties(all_stacks, "storage", "Bucket")
    bucket["NotificationConfiguration"] = {"LambdaConfigurations": []}


@pitfall(notify_directly)
def notifications_go_by_eventbridge_and_for_logs_alone(all_stacks: Stacks) -> Iterator[str]:
    notifications = properties(all_stacks, "storage", "Bucket")["NotificationConfiguration"]
    if notifications != {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}:
        yield "storage.Bucket: notifies somebody itself"
    detail = properties(all_stacks, "partitioner", "Rule")["EventPattern"]["detail"]
    if detail != {"bucket": {"name": [{"Ref": "LogBucket"}]}, "object": {"key": [{"prefix": "logs/"}]}}:
        yield "partitioner.Rule: takes other objects too"


@pitfall(lambda it: properties(it, "catalog", "JsonTable")["TableInput"].update(Name="auth0_logs"))
def no_template_declares_the_view(all_stacks: Stacks) -> Iterator[str]:
    tables = [it["Properties"]["TableInput"]["Name"] for _, _, it in everywhere(all_stacks, "AWS::Glue::Table")]
    if sorted(tables) != ["auth0_logs_daily", "auth0_logs_json", "auth0_logs_parquet"]:
        yield f"catalog: declares {tables}; an update would reset the view's watermark"


@pitfall(lambda it: properties(it, "queries", "Workgroup")["WorkGroupConfiguration"].pop("BytesScannedCutoffPerQuery"))
def queries_have_a_limit_and_their_results_expire(all_stacks: Stacks) -> Iterator[str]:
    workgroup = properties(all_stacks, "queries", "Workgroup")["WorkGroupConfiguration"]
    if "BytesScannedCutoffPerQuery" not in workgroup or workgroup.get("EnforceWorkGroupConfiguration") is not True:
        yield "queries.Workgroup: no limit, or one that a client may lift"
    if "EncryptionConfiguration" not in workgroup["ResultConfiguration"]:
        yield "queries.Workgroup: results are not encrypted"
    rules = properties(all_stacks, "queries", "Results")["LifecycleConfiguration"]["Rules"]
    if not any("ExpirationInDays" in rule for rule in rules):
        yield "queries.Results: nothing expires"


@pitfall(lambda it: it["root"]["Parameters"].pop("BufferingHintsSizeInMBs"))
def the_predecessors_users_find_their_parameters_and_outputs(all_stacks: Stacks) -> Iterator[str]:
    root = all_stacks["root"]
    for name in ("EventBusName", "GlueDatabaseName", "BufferingHintsSizeInMBs", "BufferingHintsIntervalInSeconds"):
        if name not in root["Parameters"]:
            yield f"root: no parameter {name}"
    if root["Parameters"]["GlueDatabaseName"]["Default"] != "auth0_event_logs":
        yield "root.GlueDatabaseName: another default"
    for name in ("LogBucket", "GlueDatabaseName", "GlueTableName"):
        if name not in root["Outputs"]:
            yield f"root: no output {name}"


@pitfall(lambda it: it["root"]["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"].pop())
def every_parameter_is_described_and_grouped(all_stacks: Stacks) -> Iterator[str]:
    root = all_stacks["root"]
    groups = root["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    grouped = [name for group in groups for name in group["Parameters"]]
    if sorted(grouped) != sorted(root["Parameters"]):
        yield f"root: in no group or in two: {set(grouped) ^ set(root['Parameters'])}"
    for name, parameter in root["Parameters"].items():
        if not parameter.get("Description") or ("Default" not in parameter and name != "EventBusName"):
            yield f"root.{name}: no description, or no default"


@pitfall(lambda it: properties(it, "root", "Monitoring")["Parameters"].pop("BehindHours"))
def parameters_are_passed_down_and_none_besides(all_stacks: Stacks) -> Iterator[str]:
    for name, nested in stacks.of_type(all_stacks["root"], "AWS::CloudFormation::Stack").items():
        stack = nested["Properties"]["TemplateURL"].removeprefix("./").removesuffix(".yaml")
        taken, given = set(all_stacks[stack]["Parameters"]), set(nested["Properties"]["Parameters"])
        if taken != given:
            yield f"root.{name}: {sorted(taken ^ given)}"
        for value in nested["Properties"]["Parameters"].values():
            source, *path = value.get("Fn::GetAtt", [None])
            of = source and properties(all_stacks, "root", source)["TemplateURL"][2:].removesuffix(".yaml")
            if of and path[0].removeprefix("Outputs.") not in all_stacks[of]["Outputs"]:
                yield f"root.{name}: {source} has no {path[0]}"
    used = json.dumps(all_stacks["root"]["Resources"]) + json.dumps(all_stacks["root"]["Rules"])
    for name in all_stacks["root"]["Parameters"]:
        if f'"Ref": "{name}"' not in used:
            yield f"root.{name}: goes nowhere"


@pitfall(lambda it: properties(it, "ingestion", "StreamRole")["AssumeRolePolicyDocument"]["Statement"][0].pop("Condition"))
def services_take_roles_for_this_account_alone(all_stacks: Stacks) -> Iterator[str]:
    for stack, name, role in everywhere(all_stacks, "AWS::IAM::Role"):
        for statement in role["Properties"]["AssumeRolePolicyDocument"]["Statement"]:
            # A function's role is taken by Lambda for that function, which only this account can name.
            if statement["Principal"] != {"Service": "lambda.amazonaws.com"} and "Condition" not in statement:
                yield f"{stack}.{name}: a service may take it for anybody"
        for policy in role["Properties"]["Policies"]:
            for statement in policy["PolicyDocument"]["Statement"]:
                text = json.dumps(statement)
                if '"*"' in text or ':*"' in json.dumps(statement.get("Action", "")):
                    yield f"{stack}.{name}: a right to everything"


# What takes a role, and what a role is about: they are made after it.
AFTER_ROLES = (
    "AWS::Events::Rule",
    "AWS::KinesisFirehose::DeliveryStream",
    "AWS::Lambda::Function",
    "AWS::Scheduler::Schedule",
)


def referred(node: Any) -> Iterator[str]:
    """The names that a node refers to."""
    if isinstance(node, list):
        for it in node:
            yield from referred(it)
    elif isinstance(node, dict):
        for key, value in node.items():
            match key:
                case "Ref":
                    yield value
                case "Fn::GetAtt":
                    yield value[0] if isinstance(value, list) else value.split(".")[0]
                case "Fn::Sub":
                    yield from (it.split(".")[0] for it in re.findall(r"\$\{([^!}]+)\}", value))
                case _:
                    yield from referred(value)


def refer_to_the_stream(all_stacks: Stacks) -> None:
    role = properties(all_stacks, "ingestion", "RuleRole")
    role["Policies"][0]["PolicyDocument"]["Statement"][0]["Resource"] = {"Fn::GetAtt": ["Stream", "Arn"]}


@pitfall(refer_to_the_stream)
def roles_come_before_what_takes_them(all_stacks: Stacks) -> Iterator[str]:
    for stack, name, role in everywhere(all_stacks, "AWS::IAM::Role"):
        for of in referred(role["Properties"]):
            if all_stacks[stack]["Resources"].get(of, {}).get("Type") in AFTER_ROLES:
                yield f"{stack}.{name}: waits for {of}, which may then not be allowed to take it yet"


@pitfall(lambda it: properties(it, "compactor", "TicksQueue").update(QueueName="runs-failed"))
def queues_have_no_name(all_stacks: Stacks) -> Iterator[str]:
    for stack, name, queue in everywhere(all_stacks, "AWS::SQS::Queue"):
        if "QueueName" in queue["Properties"]:
            yield f"{stack}.{name}: its name cannot be used again within a minute of its deletion"
        outputs = all_stacks["root"]["Outputs"].values()
        if not any(f"Outputs.{name}Url" in json.dumps(it) for it in outputs):
            yield f"{stack}.{name}: whoever runs it has to search for it"


FORMER = "arn:aws:kms:eu-central-1:000000000000:key/former"


def forget_former_keys(all_stacks: Stacks) -> None:
    properties(all_stacks, "compactor", "Role")["Policies"][0]["PolicyDocument"]["Statement"] = []


@pitfall(forget_former_keys)
def what_a_former_key_encrypted_can_be_read(all_stacks: Stacks) -> Iterator[str]:
    for stack, role in (("ingestion", "StreamRole"), ("compactor", "Role")):
        # By a bucket of S3's own key as well: that is what leaving a key comes to.
        for key in ("none", "arn:aws:kms:key"):
            statements = rights(all_stacks, stack, role, KmsKeyArn=key, FormerKmsKeyArns=f"{FORMER}1,{FORMER}2")
            of_former = [it for it in statements if FORMER in json.dumps(it["Resource"])]
            if [(it["Action"], it["Resource"]) for it in of_former] != [("kms:Decrypt", [f"{FORMER}1", f"{FORMER}2"])]:
                yield f"{stack}.{role}: may not decrypt, or may do more, with the former keys"
        if any("former" in json.dumps(it) for it in rights(all_stacks, stack, role, KmsKeyArn="none")):
            yield f"{stack}.{role}: has rights to keys that nobody named"


def leave_it_unsaid(all_stacks: Stacks) -> None:
    destination = properties(all_stacks, "ingestion", "Stream")["ExtendedS3DestinationConfiguration"]
    destination["EncryptionConfiguration"]["Fn::If"][2] = {"Ref": "AWS::NoValue"}


@pitfall(leave_it_unsaid)
def leaving_the_key_is_said_to_firehose(all_stacks: Stacks) -> Iterator[str]:
    """An update of a stream keeps what it does not say."""
    stream = stacks.Resolved(all_stacks["ingestion"], {"KmsKeyArn": "none"}).resource("Stream")
    said = stream["ExtendedS3DestinationConfiguration"].get("EncryptionConfiguration")
    if said != {"NoEncryptionConfig": "NoEncryption"}:
        yield "ingestion.Stream: goes on with the former key"


@pitfall(lambda it: properties(it, "partitioner", "Role").pop("PermissionsBoundary"))
def every_role_takes_the_boundary(all_stacks: Stacks) -> Iterator[str]:
    boundary = {"Fn::If": ["HasBoundary", {"Ref": "PermissionsBoundaryArn"}, {"Ref": "AWS::NoValue"}]}
    for stack, name, role in everywhere(all_stacks, "AWS::IAM::Role"):
        if role["Properties"].get("PermissionsBoundary") != boundary:
            yield f"{stack}.{name}: an account that demands a boundary refuses it"


# What would go wrong without a word otherwise: the metric, and what names its source.
SILENT = {
    ("AWS/Events", "FailedInvocations"): {"EventsRule", "NotificationsRule"},
    ("AWS/Events", "InvocationsFailedToBeSentToDlq"): {"EventsRule", "NotificationsRule"},
    ("AWS/Firehose", "ThrottledRecords"): {"DeliveryStream"},
}


@pitfall(lambda it: it["monitoring"]["Resources"].pop("RuleFailed"))
def what_fails_in_silence_rings(all_stacks: Stacks) -> Iterator[str]:
    watched: dict[tuple[str, str], set[str]] = {}
    for _, _, alarm in everywhere(all_stacks, "AWS::CloudWatch::Alarm"):
        own = alarm["Properties"]
        for metric in [own, *(it["MetricStat"]["Metric"] for it in own.get("Metrics", []) if "MetricStat" in it)]:
            if "MetricName" in metric:
                of = {it["Value"]["Ref"] for it in metric["Dimensions"]}
                watched.setdefault((metric["Namespace"], metric["MetricName"]), set()).update(of)
    for metric, sources in SILENT.items():
        for source in sorted(sources - watched.get(metric, set())):
            yield f"monitoring: no alarm on {metric[1]} of {source}"


def forget_the_source(all_stacks: Stacks) -> None:
    body = properties(all_stacks, "monitoring", "Dashboard")["DashboardBody"]
    body["Fn::Sub"] = body["Fn::Sub"].replace('"EventSourceName"', '"Source"')


@pitfall(forget_the_source)
def the_dashboard_has_the_left_end(all_stacks: Stacks) -> Iterator[str]:
    body = properties(all_stacks, "monitoring", "Dashboard")["DashboardBody"]["Fn::Sub"]
    if '["AWS/Events", "Events", "EventSourceName", "${EventBusName}"]' not in body:
        yield "monitoring.Dashboard: does not show what came from Auth0"


@pitfall(lambda it: properties(it, "compactor", "Compactor")["LoggingConfig"].update(ApplicationLogLevel="WARN"))
def metrics_are_not_filtered_out(all_stacks: Stacks) -> Iterator[str]:
    """They are lines of the log without a level, which count as INFO."""
    for stack, name, function in everywhere(all_stacks, "AWS::Lambda::Function"):
        if function["Properties"]["LoggingConfig"].get("ApplicationLogLevel", "INFO") not in ("INFO", "DEBUG", "TRACE"):
            yield f"{stack}.{name}: emits no metrics"


def let_readers_write(all_stacks: Stacks) -> None:
    properties(all_stacks, "queries", "Reader")["PolicyDocument"]["Statement"][4]["Action"] = "s3:PutObject"


@pitfall(let_readers_write)
def a_reader_reads_what_tables_name_and_no_more(all_stacks: Stacks) -> Iterator[str]:
    given = {"KmsKeyArn": "none", "FormerKmsKeyArns": ""}
    given |= {"LogBucket": "logs", "GlueDatabaseName": "d", "NamePrefix": "p"}
    statements = stacks.Resolved(all_stacks["queries"], given).resource("Reader")["PolicyDocument"]["Statement"]
    allowed = {
        (action, resource)
        for it in statements
        for action in as_list(it["Action"])
        for resource in as_list(it["Resource"])
    }
    of_log = {(action, resource) for action, resource in allowed if resource.startswith("arn:aws:s3:::logs")}
    expected = {("s3:GetObject", f"arn:aws:s3:::logs/{prefix}/*") for prefix in ("logs", "parquet", "daily")}
    expected |= {(action, "arn:aws:s3:::logs") for action in ("s3:ListBucket", "s3:GetBucketLocation")}
    for action, resource in sorted(of_log ^ expected):
        yield f"queries.Reader: {action} {resource}"
    for action, resource in sorted(allowed):
        if action.startswith("glue:") and not action.startswith(("glue:Get", "glue:BatchGet")):
            yield f"queries.Reader: {action}"
        if resource == "*" and not action.startswith(("athena:List", "athena:Get")):
            yield f"queries.Reader: {action} of everything"


def as_list(node: Any) -> list[Any]:
    return node if isinstance(node, list) else [node]
