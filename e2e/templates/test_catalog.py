"""The tables that the template declares are those that the code makes where it finds none."""

import servers
import stacks

# Where the template says more than the code, or Glue adds something.
BESIDES = {"Description", "Retention"}


def test_tables_are_those_of_the_code(tmp_path):
    template = stacks.parsed(stacks.TEMPLATES / "catalog.yaml")
    resolved = stacks.Resolved(template, {"LogBucket": "auth0-logs"})
    with servers.local_aws(tmp_path) as endpoint:
        glue = servers.client("glue", endpoint)
        for name in stacks.of_type(template, "AWS::Glue::Table"):
            declared = resolved.resource(name)["TableInput"]
            made = glue.get_table(DatabaseName="auth0_event_logs", Name=declared["Name"])["Table"]
            assert significant(declared) == significant(made, set(declared))


def significant(table: dict, keys: set[str] | None = None) -> dict:
    """A table in Glue's words without what does not matter."""
    kept = {key: value for key, value in table.items() if key not in BESIDES and (keys is None or key in keys)}
    storage = dict(kept["StorageDescriptor"])
    serde = storage.pop("SerdeInfo")
    return kept | {
        "StorageDescriptor": {key: storage[key] for key in ("Columns", "InputFormat", "Location", "OutputFormat")},
        "serde": {key: serde[key] for key in ("SerializationLibrary", "Parameters")},
    }
