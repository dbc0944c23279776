"""The structures that a caller of Glue writes into a table or a partition, by botocore's model of the wire.

The damages of `verify`'s tests walk them, so that a field which Glue gets tomorrow is damaged tomorrow.
Usage: glue_shapes.py > cli/tests/it/verify/proof/glue_shapes.json
"""

import json
import pathlib
import typing

import botocore.session

COMMITTED = pathlib.Path(__file__).resolve().parent.parent / "cli/tests/it/verify/proof/glue_shapes.json"
ROOTS = ("TableInput", "PartitionInput")


def shapes() -> dict[str, typing.Any]:
    """Each structure's members, each list's member, and the type of everything else, by the shape's name."""
    model = botocore.session.get_session().get_service_model("glue")
    found: dict[str, typing.Any] = {}
    waiting = list(ROOTS)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        shape = model.shape_for(name)
        if shape.type_name == "structure":
            found[name] = {member: of.name for member, of in shape.members.items()}
            waiting += found[name].values()
        elif shape.type_name == "list":
            found[name] = [shape.member.name]
            waiting.append(shape.member.name)
        else:
            found[name] = shape.type_name
    return dict(sorted(found.items()))


def text() -> str:
    """The shapes as the committed file has them."""
    return json.dumps(shapes(), indent=1) + "\n"


if __name__ == "__main__":
    print(text(), end="")
