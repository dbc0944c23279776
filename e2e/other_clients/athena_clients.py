"""Asks the embedded Athena with PyAthena and with the AWS SDK for pandas, and prints as JSON what they found.

Usage: athena_clients.py ENDPOINT DATABASE WORKGROUP, the statement on the standard input

Runs in a virtual environment of its own: the SDK for pandas wants older libraries than the other checks.
"""

import json
import sys

import awswrangler
import boto3
import pyathena
import pyathena.cursor

REGION = "us-east-1"


def main(endpoint: str, database: str, workgroup: str) -> None:
    """Prints the rows that each client finds, and what a parameter becomes."""
    sql = sys.stdin.read()
    print(json.dumps({
        "pyathena": with_pyathena(endpoint, database, workgroup, sql),
        "parameter": with_parameter(endpoint, database, workgroup),
        "awswrangler": with_awswrangler(endpoint, database, workgroup, sql),
    }))


def cursor(endpoint: str, database: str, workgroup: str) -> pyathena.cursor.Cursor:
    """A cursor as anybody would make it, but for the endpoint."""
    connection = pyathena.connect(
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id="any",
        aws_secret_access_key="thing",
        schema_name=database,
        work_group=workgroup,
        poll_interval=0.1,
    )
    return connection.cursor()


def with_pyathena(endpoint: str, database: str, workgroup: str, sql: str) -> list[list]:
    """The rows by PyAthena, which reads them page by page."""
    return [list(row) for row in cursor(endpoint, database, workgroup).execute(sql).fetchall()]


def with_parameter(endpoint: str, database: str, workgroup: str) -> list:
    """A row of a statement with a parameter, which is a literal."""
    sql = "SELECT ? AS text, 1 AS number, CAST(NULL AS varchar) AS none, '' AS empty"
    return list(cursor(endpoint, database, workgroup).execute(sql, ["'it''s'"], paramstyle="qmark").fetchone())


def with_awswrangler(endpoint: str, database: str, workgroup: str, sql: str) -> list[list]:
    """The rows by the SDK for pandas, which reads the result from S3."""
    awswrangler.config.athena_endpoint_url = endpoint
    awswrangler.config.s3_endpoint_url = endpoint
    awswrangler.config.glue_endpoint_url = endpoint
    awswrangler.config.sts_endpoint_url = endpoint
    session = boto3.Session(aws_access_key_id="any", aws_secret_access_key="thing", region_name=REGION)
    frame = awswrangler.athena.read_sql_query(
        sql, database=database, workgroup=workgroup, ctas_approach=False, boto3_session=session
    )
    return json.loads(frame.to_json(orient="values", date_format="iso"))


if __name__ == "__main__":
    main(*sys.argv[1:])
