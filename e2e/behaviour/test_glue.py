"""What Glue's catalog answers, case by case, held against our server and against one that others wrote."""

from collections.abc import Callable
from typing import Any

import botocore.exceptions
import pytest

SERVERS = ("local-aws", "moto")

# How moto's answers differ from those of AWS, and in which cases.
MOTO = {
    "names are told apart by case": ["database_name_is_lower_case", "table_name_is_lower_case", "table_exists"],
    "the first version of a table is 1, not 0": [
        "table_is_kept_as_sent",
        "update_replaces_the_table",
        "update_archives_the_old_version[kept]",
        "versions_are_got_and_deleted",
    ],
    "VersionId is ignored: the late writer wins": ["update_of_an_older_version_is_refused"],
    "SkipArchive is ignored": ["update_archives_the_old_version[skipped]"],
    "MaxResults and NextToken are ignored: everything is one page": [
        "databases_are_paged",
        "tables_are_paged",
        "versions_are_paged",
        "partitions_are_paged",
        "partitions_are_filtered_before_they_are_paged",
        "page_begins_after_what_was_deleted",
        "next_token_is_one_that_was_given",
        "limit[page-one-more]",
    ],
    "Segment is ignored: each one has all partitions": ["segments_share_the_partitions", "segments_are_ten_at_most"],
    "ExcludeColumnSchema is ignored": ["columns_can_be_left_out"],
    "lengths are not checked": [
        "database_name_is_bounded",
        "partition_value_is_bounded",
        "limit[create-one-more]",
        "limit[update-one-more]",
        "limit[get-one-more]",
        "limit[delete-one-more]",
        "limit[expression-one-more]",
    ],
    "partition values are not held against the keys": ["partition_has_as_many_values_as_keys"],
    "an update may move a partition to other values": ["partition_keeps_its_values"],
    "filters know neither != nor NOT": ["expression[unequal-as-in-c]", "expression[not]"],
    "statistics and functions are not there: status 500": [
        "table_statistics_are_kept",
        "partition_statistics_are_kept",
        "there_are_no_functions",
    ],
    "indexes of a table that is missing are none, not an error": ["there_are_no_indexes"],
}
# (server, case) → how its answer differs from that of AWS.
DIFFERENCES = {("moto", case): reason for reason, cases in MOTO.items() for case in cases}

COLUMNS = [{"Name": "log_id", "Type": "string"}, {"Name": "ip", "Type": "string", "Comment": "where from"}]
KEYS = [{"Name": "date", "Type": "date"}, {"Name": "hour", "Type": "string"}, {"Name": "n", "Type": "int"}]
TABLE = {
    "Name": "logs",
    "TableType": "EXTERNAL_TABLE",
    "Parameters": {"classification": "json"},
    "StorageDescriptor": {
        "Columns": COLUMNS,
        "Location": "s3://bucket/logs/",
        "SerdeInfo": {"SerializationLibrary": "x.JsonSerDe", "Parameters": {"case.insensitive": "false"}},
    },
    "PartitionKeys": KEYS,
}
# The partitions of a table that is asked for some of them.
HOURS = [("2026-11-19", "23", "9"), ("2026-11-20", "00", "10"), ("2026-11-20", "13", "-1"), ("2026-11-21", "00", "9")]

# A filter, and which of HOURS it chooses.
EXPRESSIONS = {
    "equal": ("hour = '00'", [1, 3]),
    "unequal": ("hour <> '00'", [0, 2]),
    "unequal-as-in-c": ("hour != '00'", [0, 2]),
    "less": ("hour < '13'", [1, 3]),
    "at-most": ("hour <= '13'", [1, 2, 3]),
    "greater": ("hour > '13'", [0]),
    "at-least": ("hour >= '13'", [0, 2]),
    "in": ("(hour in ('00', '23'))", [0, 1, 3]),
    "not-in": ("hour not in ('00', '23')", [2]),
    "between": ("hour between '01' and '13'", [2]),
    "not-between": ("hour not between '01' and '13'", [0, 1, 3]),
    "like": ("hour like '_3'", [0, 2]),
    "not-like": ("hour not like '%3'", [1, 3]),
    "is-null": ("hour is null", []),
    "is-not-null": ("hour is not null", [0, 1, 2, 3]),
    "and": ("date = '2026-11-20' AND hour = '13'", [2]),
    "or": ("hour = '13' OR hour = '23'", [0, 2]),
    "and-binds-more-than-or": ("hour = '23' OR date = '2026-11-20' AND hour = '13'", [0, 2]),
    "parentheses": ("(hour = '23' OR date = '2026-11-20') AND (hour = '13')", [2]),
    "not": ("NOT (hour = '00')", [0, 2]),
    "date": ("date = '2026-11-20'", [1, 2]),
    "date-range": ("date >= '2026-11-20' AND date < '2026-11-21'", [1, 2]),
    "date-in": ("date in ('2026-11-19', '2026-11-21')", [0, 3]),
    "number": ("n = 9", [0, 3]),
    "number-order": ("n > 9", [1]),
    "number-negative": ("n < 0", [2]),
    "number-between": ("n between -1 and 9", [0, 2, 3]),
    "number-as-text": ("n = '9'", [0, 3]),
    "keywords-in-small-letters": ("date = '2026-11-20' and (hour = '13' or hour in ('23'))", [2]),
    # As Trino writes them.
    "all-but-two": ("((hour < '00') OR (hour > '00' AND hour < '13') OR (hour > '13'))", [0]),
    "range-or-some": ("((hour >= '03' AND hour <= '14') OR (hour in ('23', '24')))", [0, 2]),
    "one-in-parentheses": ("((hour = '00'))", [1, 3]),
    "nothing-else": ("  ", [0, 1, 2, 3]),
}

# Filters that are none.
REFUSED = {
    "unfinished": "hour = '13' AND",
    "unknown-key": "minute = '13'",
    "column": "log_id = '1'",
    "unclosed-text": "hour = '13",
    "unclosed-parenthesis": "(hour = '13'",
    "no-condition": "hour",
    "not-a-number": "n = 'nine'",
    "function": "upper(hour) = '13'",
}


def said(call: Callable[..., Any], **arguments: Any) -> str:
    """What came of a call: `ok`, or the name of the error."""
    try:
        call(**arguments)
    except botocore.exceptions.ClientError as error:
        return str(error.response["Error"]["Code"])
    return "ok"


def partition(values: tuple[str, ...] | list[str], location: str = "s3://bucket/logs/") -> dict[str, Any]:
    """A partition as it is sent."""
    return {"Values": list(values), "StorageDescriptor": {"Columns": COLUMNS, "Location": location}}


def numbered(number: int) -> dict[str, list[str]]:
    """The values of the partition of that number, among many."""
    return {"Values": ["2026-11-20", "00", str(number)]}


def errors(answer: dict[str, Any], name: str) -> list[tuple[Any, str]]:
    """What a batch couldn't do, by that member of its errors, and why."""
    return [(error[name], error["ErrorDetail"]["ErrorCode"]) for error in answer.get("Errors", [])]


def pages(call: Callable[..., Any], member: str, **arguments: Any) -> list[list[Any]]:
    """The pages of a listing."""
    answer = call(**arguments)
    found = [answer[member]]
    while answer.get("NextToken"):
        answer = call(**arguments, NextToken=answer["NextToken"])
        found.append(answer[member])
    return found


@pytest.fixture
def database(glue: Any, new_name: Callable[[str], str]) -> str:
    """A database of the test's own, with the table `logs`."""
    name = new_name("db")
    glue.create_database(DatabaseInput={"Name": name, "Description": "logs"})
    glue.create_table(DatabaseName=name, TableInput=TABLE)
    return name


@pytest.fixture
def logs(database: str) -> dict[str, str]:
    """The arguments that name the table `logs`."""
    return {"DatabaseName": database, "TableName": "logs"}


@pytest.fixture
def hours(glue: Any, logs: dict[str, str]) -> dict[str, str]:
    """The table `logs` with the partitions HOURS."""
    glue.batch_create_partition(**logs, PartitionInputList=[partition(values) for values in HOURS])
    return logs


@pytest.fixture
def many(glue: Any, logs: dict[str, str]) -> dict[str, str]:
    """The table `logs` with 250 partitions."""
    for start in range(0, 250, 50):
        inputs = [partition(numbered(number)["Values"]) for number in range(start, start + 50)]
        glue.batch_create_partition(**logs, PartitionInputList=inputs)
    return logs


def numbers(partitions: list[dict[str, Any]]) -> list[int]:
    """The numbers that the many partitions bear."""
    return [int(found["Values"][2]) for found in partitions]


def test_database_is_kept_as_sent(glue: Any, database: str) -> None:
    found = glue.get_database(Name=database)["Database"]
    assert (found["Name"], found["Description"]) == (database, "logs")
    assert "CreateTime" in found


def test_database_exists(glue: Any, database: str) -> None:
    assert said(glue.create_database, DatabaseInput={"Name": database}) == "AlreadyExistsException"


def test_database_name_is_lower_case(glue: Any, new_name: Callable[[str], str]) -> None:
    name = new_name("Mixed")
    glue.create_database(DatabaseInput={"Name": name})
    assert glue.get_database(Name=name.upper())["Database"]["Name"] == name.lower()


def test_database_name_is_bounded(glue: Any) -> None:
    assert said(glue.create_database, DatabaseInput={"Name": "n" * 256}) == "ValidationException"


def test_database_is_missing(glue: Any) -> None:
    assert said(glue.get_database, Name="none") == "EntityNotFoundException"
    assert said(glue.delete_database, Name="none") == "EntityNotFoundException"
    assert said(glue.get_tables, DatabaseName="none") == "EntityNotFoundException"
    assert said(glue.create_table, DatabaseName="none", TableInput=TABLE) == "EntityNotFoundException"


def test_database_is_updated(glue: Any, database: str) -> None:
    glue.update_database(Name=database, DatabaseInput={"Name": database, "Parameters": {"k": "v"}})
    found = glue.get_database(Name=database)["Database"]
    assert (found.get("Description"), found["Parameters"]) == (None, {"k": "v"})


def test_database_goes_with_its_tables(glue: Any, database: str) -> None:
    glue.delete_database(Name=database)
    assert said(glue.get_database, Name=database) == "EntityNotFoundException"
    glue.create_database(DatabaseInput={"Name": database})
    assert said(glue.get_table, DatabaseName=database, Name="logs") == "EntityNotFoundException"


def test_databases_are_paged(glue: Any, new_name: Callable[[str], str]) -> None:
    names = {new_name("paged") for _ in range(3)}
    for name in names:
        glue.create_database(DatabaseInput={"Name": name})
    found = pages(glue.get_databases, "DatabaseList", MaxResults=2)
    assert all(len(page) <= 2 for page in found)
    assert names <= {database["Name"] for page in found for database in page}


def test_table_is_kept_as_sent(glue: Any, database: str) -> None:
    found = glue.get_table(DatabaseName=database, Name="logs")["Table"]
    assert {name: found[name] for name in TABLE} == TABLE
    assert (found["DatabaseName"], found["VersionId"]) == (database, "0")


def test_table_exists(glue: Any, database: str) -> None:
    assert said(glue.create_table, DatabaseName=database, TableInput=TABLE) == "AlreadyExistsException"
    table = {**TABLE, "Name": "LOGS"}
    assert said(glue.create_table, DatabaseName=database, TableInput=table) == "AlreadyExistsException"


def test_table_name_is_lower_case(glue: Any, database: str) -> None:
    glue.create_table(DatabaseName=database, TableInput={"Name": "Mixed"})
    assert glue.get_table(DatabaseName=database, Name="MIXED")["Table"]["Name"] == "mixed"


def test_table_is_missing(glue: Any, database: str) -> None:
    assert said(glue.get_table, DatabaseName=database, Name="none") == "EntityNotFoundException"
    assert said(glue.delete_table, DatabaseName=database, Name="none") == "EntityNotFoundException"
    assert said(glue.update_table, DatabaseName=database, TableInput={"Name": "none"}) == "EntityNotFoundException"


def test_tables_are_listed(glue: Any, database: str) -> None:
    for name in ("other", "logs_json"):
        glue.create_table(DatabaseName=database, TableInput={"Name": name})
    found = glue.get_tables(DatabaseName=database)["TableList"]
    assert sorted(table["Name"] for table in found) == ["logs", "logs_json", "other"]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [("logs.*", ["logs", "logs_json"]), (".*json", ["logs_json"]), ("none.*", [])],
    ids=["begin", "end", "none"],
)
def test_tables_are_chosen(glue: Any, database: str, expression: str, expected: list[str]) -> None:
    for name in ("other", "logs_json"):
        glue.create_table(DatabaseName=database, TableInput={"Name": name})
    found = glue.get_tables(DatabaseName=database, Expression=expression)["TableList"]
    assert sorted(table["Name"] for table in found) == expected


def test_tables_are_paged(glue: Any, database: str) -> None:
    for number in range(4):
        glue.create_table(DatabaseName=database, TableInput={"Name": f"table{number}"})
    found = pages(glue.get_tables, "TableList", DatabaseName=database, MaxResults=2)
    assert [len(page) for page in found] == [2, 2, 1]


def test_tables_are_deleted_in_batches(glue: Any, database: str) -> None:
    answer = glue.batch_delete_table(DatabaseName=database, TablesToDelete=["logs", "none"])
    assert errors(answer, "TableName") == [("none", "EntityNotFoundException")]
    assert said(glue.get_table, DatabaseName=database, Name="logs") == "EntityNotFoundException"


def test_update_replaces_the_table(glue: Any, database: str) -> None:
    glue.update_table(DatabaseName=database, TableInput={"Name": "logs", "Owner": "somebody"})
    found = glue.get_table(DatabaseName=database, Name="logs")["Table"]
    assert (found["Owner"], found["VersionId"], "StorageDescriptor" in found) == ("somebody", "1", False)


def test_update_of_an_older_version_is_refused(glue: Any, database: str) -> None:
    early, late = ({"DatabaseName": database, "TableInput": {**TABLE, "Owner": owner}} for owner in ("early", "late"))
    version = glue.get_table(DatabaseName=database, Name="logs")["Table"]["VersionId"]
    assert said(glue.update_table, **early, VersionId=version) == "ok"
    assert said(glue.update_table, **late, VersionId=version) == "ConcurrentModificationException"
    assert glue.get_table(DatabaseName=database, Name="logs")["Table"]["Owner"] == "early"


@pytest.mark.parametrize(("skip", "expected"), [(False, ["0", "1"]), (True, ["1"])], ids=["kept", "skipped"])
def test_update_archives_the_old_version(glue: Any, logs: dict[str, str], skip: bool, expected: list[str]) -> None:
    glue.update_table(DatabaseName=logs["DatabaseName"], TableInput={**TABLE, "Owner": "new"}, SkipArchive=skip)
    found = glue.get_table_versions(**logs)["TableVersions"]
    assert sorted(version["VersionId"] for version in found) == expected
    assert [version["Table"].get("Owner") for version in found if version["VersionId"] == "1"] == ["new"]


def test_versions_are_got_and_deleted(glue: Any, logs: dict[str, str]) -> None:
    for owner in ("one", "two"):
        glue.update_table(DatabaseName=logs["DatabaseName"], TableInput={**TABLE, "Owner": owner})
    version = glue.get_table_version(**logs, VersionId="1")["TableVersion"]
    assert (version["VersionId"], version["Table"]["Owner"]) == ("1", "one")
    glue.delete_table_version(**logs, VersionId="1")
    assert said(glue.get_table_version, **logs, VersionId="1") == "EntityNotFoundException"
    answer = glue.batch_delete_table_version(**logs, VersionIds=["0", "1"])
    assert errors(answer, "VersionId") == [("1", "EntityNotFoundException")]
    assert [version["VersionId"] for version in glue.get_table_versions(**logs)["TableVersions"]] == ["2"]


def test_versions_are_paged(glue: Any, logs: dict[str, str]) -> None:
    for owner in ("one", "two"):
        glue.update_table(DatabaseName=logs["DatabaseName"], TableInput={**TABLE, "Owner": owner})
    found = pages(glue.get_table_versions, "TableVersions", **logs, MaxResults=2)
    assert [len(page) for page in found] == [2, 1]
    assert sorted(version["VersionId"] for page in found for version in page) == ["0", "1", "2"]


def test_partition_is_kept_as_sent(glue: Any, logs: dict[str, str]) -> None:
    sent = {**partition(HOURS[0], "s3://bucket/a/"), "Parameters": {"manifest_etag": '"e"'}}
    glue.create_partition(**logs, PartitionInput=sent)
    found = glue.get_partition(**logs, PartitionValues=list(HOURS[0]))["Partition"]
    assert {name: found[name] for name in sent} == sent
    assert (found["DatabaseName"], found["TableName"]) == (logs["DatabaseName"], "logs")
    assert "CreationTime" in found


def test_partition_exists(glue: Any, hours: dict[str, str]) -> None:
    assert said(glue.create_partition, **hours, PartitionInput=partition(HOURS[0])) == "AlreadyExistsException"


def test_partition_is_missing(glue: Any, logs: dict[str, str]) -> None:
    values = list(HOURS[0])
    assert said(glue.get_partition, **logs, PartitionValues=values) == "EntityNotFoundException"
    assert said(glue.delete_partition, **logs, PartitionValues=values) == "EntityNotFoundException"
    update = {"PartitionValueList": values, "PartitionInput": partition(values)}
    assert said(glue.update_partition, **logs, **update) == "EntityNotFoundException"


def test_partition_has_as_many_values_as_keys(glue: Any, logs: dict[str, str]) -> None:
    assert said(glue.create_partition, **logs, PartitionInput=partition(HOURS[0][:2])) == "InvalidInputException"


def test_partition_value_is_bounded(glue: Any, logs: dict[str, str]) -> None:
    sent = partition(("2026-11-20", "x" * 1025, "1"))
    assert said(glue.create_partition, **logs, PartitionInput=sent) == "ValidationException"


def test_partition_is_updated(glue: Any, hours: dict[str, str]) -> None:
    values = list(HOURS[0])
    glue.update_partition(**hours, PartitionValueList=values, PartitionInput=partition(values, "s3://bucket/b/"))
    found = glue.get_partition(**hours, PartitionValues=values)["Partition"]
    assert found["StorageDescriptor"]["Location"] == "s3://bucket/b/"


def test_partition_keeps_its_values(glue: Any, hours: dict[str, str]) -> None:
    moved = {"PartitionValueList": list(HOURS[0]), "PartitionInput": partition(("2026-11-30", "00", "1"))}
    assert said(glue.update_partition, **hours, **moved) == "InvalidInputException"


def test_partition_goes_with_its_table(glue: Any, hours: dict[str, str]) -> None:
    glue.delete_table(DatabaseName=hours["DatabaseName"], Name="logs")
    glue.create_table(DatabaseName=hours["DatabaseName"], TableInput=TABLE)
    assert glue.get_partitions(**hours)["Partitions"] == []


def test_batch_creates_what_it_can(glue: Any, logs: dict[str, str]) -> None:
    glue.create_partition(**logs, PartitionInput=partition(HOURS[0]))
    answer = glue.batch_create_partition(**logs, PartitionInputList=[partition(HOURS[0]), partition(HOURS[1])])
    assert errors(answer, "PartitionValues") == [(list(HOURS[0]), "AlreadyExistsException")]
    assert said(glue.get_partition, **logs, PartitionValues=list(HOURS[1])) == "ok"


def test_batch_updates_what_it_can(glue: Any, logs: dict[str, str]) -> None:
    glue.create_partition(**logs, PartitionInput=partition(HOURS[0]))
    entries = [
        {"PartitionValueList": list(values), "PartitionInput": partition(values, "s3://bucket/b/")}
        for values in HOURS[:2]
    ]
    answer = glue.batch_update_partition(**logs, Entries=entries)
    assert errors(answer, "PartitionValueList") == [(list(HOURS[1]), "EntityNotFoundException")]
    found = glue.get_partition(**logs, PartitionValues=list(HOURS[0]))["Partition"]
    assert found["StorageDescriptor"]["Location"] == "s3://bucket/b/"


def test_batch_gets_what_is_there(glue: Any, logs: dict[str, str]) -> None:
    glue.create_partition(**logs, PartitionInput=partition(HOURS[0]))
    answer = glue.batch_get_partition(**logs, PartitionsToGet=[{"Values": list(values)} for values in HOURS[:2]])
    assert [found["Values"] for found in answer["Partitions"]] == [list(HOURS[0])]
    assert answer.get("UnprocessedKeys", []) == []


def test_batch_deletes_what_is_there(glue: Any, logs: dict[str, str]) -> None:
    glue.create_partition(**logs, PartitionInput=partition(HOURS[0]))
    answer = glue.batch_delete_partition(**logs, PartitionsToDelete=[{"Values": list(values)} for values in HOURS[:2]])
    assert errors(answer, "PartitionValues") == [(list(HOURS[1]), "EntityNotFoundException")]
    assert said(glue.get_partition, **logs, PartitionValues=list(HOURS[0])) == "EntityNotFoundException"


def test_batch_needs_a_table(glue: Any, database: str) -> None:
    missing = {"DatabaseName": database, "TableName": "none"}
    create = {"PartitionInputList": [partition(HOURS[0])]}
    assert said(glue.batch_create_partition, **missing, **create) == "EntityNotFoundException"


@pytest.mark.parametrize("over", [0, 1], ids=["as-much-as-it-takes", "one-more"])
@pytest.mark.parametrize(
    ("call", "most", "arguments"),
    [
        ("batch_create_partition", 100, lambda many: {"PartitionInputList": [partition(it["Values"]) for it in many]}),
        (
            "batch_update_partition",
            100,
            lambda many: {
                "Entries": [
                    {"PartitionValueList": it["Values"], "PartitionInput": partition(it["Values"])} for it in many
                ]
            },
        ),
        ("batch_get_partition", 1000, lambda many: {"PartitionsToGet": many}),
        ("batch_delete_partition", 25, lambda many: {"PartitionsToDelete": many}),
        ("get_partitions", 1000, lambda many: {"MaxResults": len(many)}),
        ("get_partitions", 2048, lambda many: {"Expression": f"{'hour =':<{len(many) - 4}}'00'"}),
    ],
    ids=["create", "update", "get", "delete", "page", "expression"],
)
def test_limit(
    glue: Any,
    logs: dict[str, str],
    call: str,
    most: int,
    arguments: Callable[[list[dict[str, list[str]]]], dict[str, Any]],
    over: int,
) -> None:
    items = [numbered(number) for number in range(most + over)]
    expected = "ValidationException" if over else "ok"
    assert said(getattr(glue, call), **logs, **arguments(items)) == expected


def test_partitions_are_paged(glue: Any, many: dict[str, str]) -> None:
    found = pages(glue.get_partitions, "Partitions", **many, MaxResults=100)
    assert [len(page) for page in found] == [100, 100, 50]
    assert sorted(number for page in found for number in numbers(page)) == list(range(250))


def test_partitions_are_filtered_before_they_are_paged(glue: Any, many: dict[str, str]) -> None:
    found = pages(glue.get_partitions, "Partitions", **many, MaxResults=10, Expression="n < 25")
    assert [len(page) for page in found] == [10, 10, 5]


def test_page_begins_after_what_was_deleted(glue: Any, many: dict[str, str]) -> None:
    first = glue.get_partitions(**many, MaxResults=100)
    deleted = [{"Values": found["Values"]} for found in first["Partitions"][-25:]]
    glue.batch_delete_partition(**many, PartitionsToDelete=deleted)
    second = glue.get_partitions(**many, MaxResults=1000, NextToken=first["NextToken"])
    seen = numbers(first["Partitions"]) + numbers(second["Partitions"])
    assert sorted(seen) == list(range(250))


def test_next_token_is_one_that_was_given(glue: Any, many: dict[str, str]) -> None:
    assert said(glue.get_partitions, **many, NextToken="none of theirs") != "ok"


def test_segments_share_the_partitions(glue: Any, many: dict[str, str]) -> None:
    segments = [
        numbers(glue.get_partitions(**many, Segment={"SegmentNumber": number, "TotalSegments": 5})["Partitions"])
        for number in range(5)
    ]
    assert sorted(number for segment in segments for number in segment) == list(range(250))
    assert all(segments)


def test_segments_are_ten_at_most(glue: Any, hours: dict[str, str]) -> None:
    first_of = [{"SegmentNumber": 0, "TotalSegments": total} for total in (10, 11)]
    answers = [said(glue.get_partitions, **hours, Segment=segment) for segment in first_of]
    assert answers == ["ok", "ValidationException"]


def test_columns_can_be_left_out(glue: Any, hours: dict[str, str]) -> None:
    [found, *_] = glue.get_partitions(**hours, ExcludeColumnSchema=True)["Partitions"]
    assert found["StorageDescriptor"].get("Columns", []) == []
    assert found["StorageDescriptor"]["Location"] == "s3://bucket/logs/"


@pytest.mark.parametrize(("expression", "expected"), EXPRESSIONS.values(), ids=EXPRESSIONS)
def test_expression(glue: Any, hours: dict[str, str], expression: str, expected: list[int]) -> None:
    found = glue.get_partitions(**hours, Expression=expression)["Partitions"]
    assert sorted(HOURS.index(tuple(it["Values"])) for it in found) == expected


@pytest.mark.parametrize("expression", REFUSED.values(), ids=REFUSED)
def test_expression_is_refused(glue: Any, hours: dict[str, str], expression: str) -> None:
    assert said(glue.get_partitions, **hours, Expression=expression) == "InvalidInputException"


def test_table_statistics_are_kept(glue: Any, logs: dict[str, str]) -> None:
    glue.update_column_statistics_for_table(**logs, ColumnStatisticsList=[statistics("ip")])
    answer = glue.get_column_statistics_for_table(**logs, ColumnNames=["ip", "log_id"])
    assert shown(answer) == (["ip"], [("log_id", "EntityNotFoundException")])
    for _ in range(2):
        glue.delete_column_statistics_for_table(**logs, ColumnName="ip")
        assert shown(glue.get_column_statistics_for_table(**logs, ColumnNames=["ip"]))[0] == []


def test_partition_statistics_are_kept(glue: Any, hours: dict[str, str]) -> None:
    of = {**hours, "PartitionValues": list(HOURS[0])}
    glue.update_column_statistics_for_partition(**of, ColumnStatisticsList=[statistics("ip")])
    answer = glue.get_column_statistics_for_partition(**of, ColumnNames=["ip", "log_id"])
    assert shown(answer) == (["ip"], [("log_id", "EntityNotFoundException")])
    glue.delete_column_statistics_for_partition(**of, ColumnName="ip")
    assert shown(glue.get_column_statistics_for_partition(**of, ColumnNames=["ip"]))[0] == []


def statistics(column: str) -> dict[str, Any]:
    """Statistics of a column, as an engine writes them."""
    data = {"MaximumLength": 15, "AverageLength": 9.5, "NumberOfNulls": 3, "NumberOfDistinctValues": 4}
    return {
        "ColumnName": column,
        "ColumnType": "string",
        "AnalyzedTime": 1795180455,
        "StatisticsData": {"Type": "STRING", "StringColumnStatisticsData": data},
    }


def shown(answer: dict[str, Any]) -> tuple[list[str], list[tuple[str, str]]]:
    """The columns that there are statistics of, and those that there are none of."""
    found = [it["ColumnName"] for it in answer["ColumnStatisticsList"]]
    return found, [(error["ColumnName"], error["Error"]["ErrorCode"]) for error in answer["Errors"]]


def test_there_are_no_functions(glue: Any, database: str) -> None:
    answer = glue.get_user_defined_functions(DatabaseName=database, Pattern=".*")
    assert answer["UserDefinedFunctions"] == []


def test_there_are_no_indexes(glue: Any, logs: dict[str, str]) -> None:
    assert glue.get_partition_indexes(**logs)["PartitionIndexDescriptorList"] == []
    missing = {**logs, "TableName": "none"}
    assert said(glue.get_partition_indexes, **missing) == "EntityNotFoundException"
