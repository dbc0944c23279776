"""What the documents say of a deployment, each with a way to break it; and the Terraform example."""

import re
import tomllib
from collections.abc import Callable, Iterator

import hcl2
import pytest
import yaml

import servers
import stacks

Texts = dict[str, str]
Check = Callable[[Texts], Iterator[str]]

WARNING = "never change once events flow"
EXAMPLE = servers.ROOT / "docs" / "terraform" / "main.tf"

# (check, what to replace in a copy of the texts, and by what, so that it finds something)
CHECKS: list[tuple[Check, tuple[str, str, str]]] = []


def check(text: str, old: str, new: str) -> Callable[[Check], Check]:
    def add(own: Check) -> Check:
        CHECKS.append((own, (text, old, new)))
        return own

    return add


def all_texts() -> Texts:
    folders = (servers.ROOT / "docs").glob("*.md"), (servers.ROOT / ".github" / "workflows").glob("*.yml")
    paths = [servers.ROOT / "README.md", *sorted(it for folder in folders for it in folder)]
    return {path.stem: path.read_text() for path in paths}


def in_order(text: str, *words: str) -> bool:
    """Do the words come one after the other, however the lines are broken?"""
    line = " ".join(text.split())
    places = [line.find(word) for word in words]
    return -1 not in places and places == sorted(places)


def section(text: str, heading: str) -> str:
    """The text under a heading, up to the next one of its level or above."""
    level = len(heading.split(" ")[0])
    rest = text.split(f"\n{heading}\n", 1)[1] if f"\n{heading}\n" in text else ""
    return re.split(rf"\n#{{1,{level}}} ", rest)[0]


@check("operations", "arn:$PARTITION:firehose", "arn:aws:firehose")
def other_partitions_exist(texts: Texts) -> Iterator[str]:
    """Auth0 offers both regions of GovCloud, whose ARNs begin with arn:aws-us-gov."""
    for name, text in texts.items():
        if "arn:aws:" in text:
            yield f"{name}: an ARN of one partition alone"


@check("README", "**Then pause the stream**", "Then continue at once")
def the_stream_is_paused_until_the_stack_stands(texts: Texts) -> Iterator[str]:
    steps = ("**1. Create the log stream.**", "pause the stream", "**4. Deploy.**", "resume the stream")
    if not in_order(texts["README"], *steps):
        yield "README: events are lost between the stream and the stack"
    if "ExpirationTime" not in texts["README"]:
        yield "README: does not say until when a source waits"
    again = section(texts["operations"], "## The stream paused, or re-created")
    if not in_order(again, "**pause** it", "deploy", "resume it"):
        yield "operations: events are lost when the stream is made again"


@check("README", "tar xf $ARCHIVE", "ls $ARCHIVE")
def no_rust_is_needed(texts: Texts) -> Iterator[str]:
    told = section(texts["README"], "## Set up")
    if not in_order(told, "**3. Get the packages.**", "sha256sum --check", "tar xf $ARCHIVE", "**Or build", "cargo lambda"):
        yield "README: the set-up does not begin with a release's archive"
    version = tomllib.loads((servers.ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]
    if f"ARCHIVE=auth0-s3-logs-{version}-arm64\n" not in told:
        yield f"README: unpacks another version than {version}"


@check("ci", "bash .ci/run", "true")
@check("release", "tags:", "branches:")
@check("release", "release/build", "true")
def the_gate_and_the_release_run_by_themselves(texts: Texts) -> Iterator[str]:
    ci, release = (yaml.safe_load(texts[name]) for name in ("ci", "release"))
    if "bash .ci/run" not in (step.get("run") for step in ci["jobs"]["gate"]["steps"]):
        yield "ci.yml: does not run the gate"
    # YAML 1.1 reads the word "on" as a boolean.
    runs = [step.get("run", "") for step in release["jobs"]["publish"]["steps"]]
    if "tags" not in release[True]["push"] or not any(run.endswith(" release/build") for run in runs):
        yield "release.yml: does not build a release for a tag"


@check("README", "delete-stack", "update-stack")
def a_failed_deployment_is_repeated(texts: Texts) -> Iterator[str]:
    if not in_order(texts["README"], "**If it fails,**", "describe-stack-events", "delete-stack"):
        yield "README: does not say what to do if a deployment fails"


@check("README", "about five minutes after its notifications", "at once after its notifications")
def the_first_row_takes_its_time(texts: Texts) -> Iterator[str]:
    told = ("S3 begins to tell of new objects about five minutes after", "wait these ten minutes")
    if not in_order(texts["README"], *told):
        yield "README: asks for the first row before S3 tells of it"


@check("operations", 'detect-stack-drift --stack-name "$(nested', 'detect-stack-drift --stack-name "$STACK" #')
def drift_is_looked_for_where_it_is(texts: Texts) -> Iterator[str]:
    for name, text in texts.items():
        for line in text.splitlines():
            if "detect-stack-drift" in line and 'detect-stack-drift --stack-name "$(nested' not in line:
                yield f"{name}: a root stack's drift says nothing of its nested ones"


@check("operations", "less than 128 KB", "any size")
def small_objects_do_not_move_to_glacier(texts: Texts) -> Iterator[str]:
    if "no object of less than 128 KB" not in texts["operations"]:
        yield "operations: promises what S3 does not do"


@check("operations", "`GlueDatabaseName` and `NamePrefix`. A test", "`GlueDatabaseName`. A test")
def what_must_not_change_is_listed(texts: Texts) -> Iterator[str]:
    parameters = stacks.parsed(stacks.TEMPLATES / "root.yaml")["Parameters"]
    told = section(texts["operations"], "## What must not change")
    for name, parameter in parameters.items():
        if (WARNING in parameter["Description"]) != (f"`{name}`" in told.split("A test computes")[0]):
            yield f"operations: {name} is wrongly among what must not change, or not among it"
    if not in_order(told, "Pause the stream", "Wait for one buffer", "Deploy", "Resume the stream"):
        yield "operations: does not say how to change it all the same"


@check("operations", "FormerKmsKeyArns=", "")
def a_key_can_be_left(texts: Texts) -> Iterator[str]:
    told = section(texts["operations"], "### Changing the key")
    for word in ("FormerKmsKeyArns=", "`cloudwatch.amazonaws.com`", "log groups"):
        if word not in told:
            yield f"operations: nothing about {word}"


@check("operations", "A service-managed StackSet", "A StackSet")
def stack_sets_are_warned_of(texts: Texts) -> Iterator[str]:
    if "service-managed StackSet refuses templates with nested stacks" not in texts["operations"]:
        yield "operations: nothing about StackSets"


@check("operations", "list-object-versions", "list-objects")
def versions_are_thought_of(texts: Texts) -> Iterator[str]:
    if "list-object-versions" not in section(texts["operations"], "## Erasing a person's events"):
        yield "operations: an erased event is still there as a version"
    if "leaves former versions behind" not in section(texts["operations"], "## Uninstall"):
        yield "operations: rb --force does not delete versions"


@check("operations", "rejected replayed error; do", "rejected replayed; do")
def an_adopted_bucket_gets_the_rules_of_a_new_one(texts: Texts) -> Iterator[str]:
    bucket = stacks.parsed(stacks.TEMPLATES / "storage.yaml")["Resources"]["Bucket"]["Properties"]
    rules = {it["Id"] for it in bucket["LifecycleConfiguration"]["Rules"] if isinstance(it, dict) and "Id" in it}
    told = re.search(r"for prefix in ([a-z ]+); do", texts["operations"])
    given = {f"versions-of-{prefix}" for prefix in told[1].split()} if told else set()
    if given != {rule for rule in rules if rule.startswith("versions-of-")}:
        yield "operations: an adopted bucket keeps former versions that a new one does not"


@check("operations", "## What only AWS can tell", "## Nothing")
def what_only_aws_can_tell_is_listed(texts: Texts) -> Iterator[str]:
    told = section(texts["operations"], "## What only AWS can tell")
    rows = [line for line in told.splitlines() if line.startswith("| ") and "`" in line]
    if len(rows) < 5:
        yield "operations: a first real deployment does not know what to look at"


NAMES = [own.__name__ for own, _ in CHECKS]


@pytest.mark.parametrize("own", dict.fromkeys(own for own, _ in CHECKS), ids=lambda own: own.__name__)
def test_is_said(own):
    assert list(own(all_texts())) == []


@pytest.mark.parametrize(("own", "breaks"), CHECKS, ids=NAMES)
def test_is_missed(own, breaks):
    name, old, new = breaks
    texts = all_texts()
    texts[name] = texts[name].replace(old, new)
    assert list(own(texts)) != []


# The prices and assumptions of docs/operations.md, by their names there.
PRICES = {
    "p1": 1.00, "p2": 0.029, "p3": 0.0000133334, "p4": 0.20, "p5": 0.005, "p6": 0.0004, "p7": 0.023, "p8": 1.00,
    "p9": 0.30, "p10": 0.10, "p11": 0.50, "p13": 1.00,
}


def cost(millions: float, years: int) -> float:
    """A month's cost by the formulas of docs/operations.md."""
    p1, p2, p3, p4, p5, p6, p7, p8, p9, p10, p11, p13 = PRICES.values()
    event, json_kb, parquet_kb, objects, look_back, run = 2.5, 0.25, 0.12, 12, 48, 9 + 6 * years
    return sum([
        millions * p1,
        millions * 1e6 * 5 / 1_048_576 * p2,
        millions * 1e3 * event * (0.1 * 0.25 * p3 + p4 / 1e6),
        millions * 1e6 * (json_kb + 2 * parquet_kb) / 1_048_576 * p7 * 12 * years,
        objects * 730 / 1_000 * p5,
        43_800 * (0.1 * 0.25 * p3 + p4 / 1e6),
        730 * run * 2.94 * p3,
        730 * (10 + look_back * objects / 1_000) * p5 / 1_000,
        730 * years * 365 / 84 * 3 * p5 / 1_000,
        730 * (10 * p5 + (objects + 6) * p6) / 1_000,
        30 * (7 * p5 + 100 * p6) / 1_000,
        73 * 75 * 2.94 * p3,
        730 * years * 9 * p5 / 1_000,
        730 * (objects + 4) / 1e6 * p8,
        max(0, 730 * (10 + years * 18) - 1e6) / 1e6 * p13,
        26 * p9 + 28 * p10,
        0.1 * p11,
    ])


def test_the_table_of_costs_follows_from_its_formulas():
    told = section(all_texts()["operations"], "## What it costs")
    for name, price in PRICES.items():
        row = re.search(rf"^\| {name} \| .* \| ([0-9.]+) \|$", told, re.MULTILINE)
        assert row and float(row[1]) == price, name
    for events in (10_000, 1_000_000, 100_000_000):
        cells = " | ".join(f"{cost(events / 1e6, years):.2f}" for years in (1, 5, 10))
        assert f"| {events:,} | {cells} |" in told, cells


def test_the_terraform_example_is_of_these_templates():
    example = hcl2.loads(EXAMPLE.read_text())
    resources = {kind.strip('"'): one for it in example["resource"] for kind, one in it.items()}
    stack = resources["aws_cloudformation_stack"]['"s3_logs"']
    root = stacks.parsed(stacks.TEMPLATES / "root.yaml")
    given = set(stack["parameters"])
    required = {name for name, it in root["Parameters"].items() if "Default" not in it}
    assert required <= given <= set(root["Parameters"])
    assert stack["capabilities"] == ['"CAPABILITY_IAM"']
    used = set(re.findall(r's3_logs\.outputs\["(\w+)"\]', EXAMPLE.read_text()))
    assert used and used <= set(root["Outputs"])
    stream = resources["auth0_log_stream"]['"s3_logs"']
    assert stream["type"] == '"eventbridge"' and set(stream["sink"][0]) >= {"aws_account_id", "aws_region"}
    assert stack["parameters"]["EventBusName"] == "${auth0_log_stream.s3_logs.sink[0].aws_partner_event_source}"
